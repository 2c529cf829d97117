//! A client of the tests: it asks for what it is told to, and reads what it gets.

use dtyp::{FileTime, SystemRandom};
use kerberos::crypto::{Etype, Key};
use kerberos::messages::{
    ApReq, AsRep, AsReq, Authenticator, AuthorizationData, Checksum, EncKdcRepPart, EncTicketPart, EncryptedData,
    KdcReqBody, KrbError, PaData, TgsRep, TgsReq, Ticket, kdc_options, pa, pa_enc_timestamp, usage,
};
use kerberos::{KerberosTime, PrincipalName};

use super::{Fixture, PASSWORD, REALM};

/// What a client got.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) client: PrincipalName,
    pub(super) ticket: Ticket,
    pub(super) part: EncKdcRepPart,
}

/// A request for a first ticket.
pub(super) struct Ask {
    pub(super) body: KdcReqBody,
    pub(super) padata: Vec<PaData>,
    pub(super) key: Key,
}

impl Ask {
    /// Without a proof, for the ticket-granting service.
    pub(super) fn of(name: &str) -> Self {
        let body = KdcReqBody {
            options: kdc_options::FORWARDABLE,
            client: Some(PrincipalName::user(name)),
            realm: REALM.to_owned(),
            service: Some(PrincipalName::krbtgt(REALM)),
            till: KerberosTime::from_unix(0),
            nonce: 4711,
            etypes: vec![18, 17, 23],
            ..KdcReqBody::default()
        };
        Self { body, padata: Vec::new(), key: key_of(name, PASSWORD) }
    }

    /// With a proof.
    pub(super) fn proved(name: &str, password: &str, at: FileTime) -> Self {
        let mut ask = Self::of(name);
        ask.key = key_of(name, password);
        ask.prove(at);
        ask
    }

    pub(super) fn prove(&mut self, at: FileTime) {
        let stamp = pa_enc_timestamp(KerberosTime::from(at), 0);
        let sealed = self.key.encrypt(usage::PA_ENC_TIMESTAMP, &stamp, &SystemRandom);
        let value = EncryptedData::new(self.key.etype(), None, sealed).encode();
        self.padata.push(PaData { kind: pa::ENC_TIMESTAMP, value });
    }

    pub(super) fn send(&self, realm: &Fixture) -> Result<(AsRep, EncKdcRepPart), Box<KrbError>> {
        let request = AsReq { padata: self.padata.clone(), body: self.body.clone() }.encode();
        let reply = realm.answer(&request).unwrap();
        if let Ok(error) = KrbError::decode(&reply) {
            return Err(Box::new(error));
        }
        let reply = AsRep::decode(&reply).unwrap();
        let opened = self.key.decrypt(usage::AS_REP_ENC_PART, &reply.enc_part.cipher).unwrap();
        let part = EncKdcRepPart::decode(&opened).unwrap();
        assert_eq!(part.nonce, self.body.nonce);
        Ok((reply, part))
    }

    pub(super) fn get(&self, realm: &Fixture) -> Granted {
        let (reply, part) = self.send(realm).unwrap();
        Granted { client: reply.client, ticket: reply.ticket, part }
    }
}

pub(super) fn key_of(name: &str, password: &str) -> Key {
    let salt = format!("{REALM}{}", name.to_ascii_lowercase());
    Key::from_password(Etype::Aes256, password.as_bytes(), salt.as_bytes(), 4096)
}

/// A ticket-granting ticket of alice.
pub(super) fn log_on(realm: &Fixture) -> Granted {
    let mut ask = Ask::proved("alice", PASSWORD, realm.now);
    ask.body.options |= kdc_options::RENEWABLE;
    ask.get(realm)
}

/// A request for another ticket.
pub(super) struct More {
    pub(super) body: KdcReqBody,
    pub(super) authenticator: Authenticator,
    pub(super) ticket: Ticket,
    /// The session key.
    pub(super) key: Key,
    pub(super) padata: Vec<PaData>,
    /// Made of the body, unless the test sets another.
    pub(super) checksum: Option<Option<Checksum>>,
}

impl More {
    pub(super) fn of(tgt: &Granted, service: &str, at: FileTime) -> Self {
        let body = KdcReqBody {
            realm: REALM.to_owned(),
            service: Some(PrincipalName::service(service)),
            till: KerberosTime::from_unix(0),
            nonce: 815,
            etypes: vec![18, 17],
            ..KdcReqBody::default()
        };
        let authenticator = Authenticator {
            realm: REALM.to_owned(),
            name: tgt.client.clone(),
            checksum: None,
            cusec: 0,
            ctime: KerberosTime::from(at),
            subkey: Some(Key::random(Etype::Aes256, &SystemRandom)),
            sequence: None,
            authorization_data: Vec::new(),
        };
        let key = tgt.part.key.clone();
        Self { body, authenticator, ticket: tgt.ticket.clone(), key, padata: Vec::new(), checksum: None }
    }

    pub(super) fn add_authorization(&mut self, data: &[AuthorizationData]) {
        let key = self.authenticator.subkey.as_ref().unwrap();
        let sealed = key.encrypt(usage::TGS_REQ_AUTH_DATA_SUBKEY, &AuthorizationData::encode_all(data), &SystemRandom);
        self.body.enc_authorization_data = Some(EncryptedData::new(key.etype(), None, sealed));
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut authenticator = self.authenticator.clone();
        authenticator.checksum = match &self.checksum {
            Some(given) => given.clone(),
            None => Some(Checksum::keyed(&self.key, usage::TGS_REQ_CHECKSUM, &self.body.encode())),
        };
        let sealed = self.key.encrypt(usage::TGS_REQ_AUTHENTICATOR, &authenticator.encode(), &SystemRandom);
        let proof = ApReq {
            mutual_required: false,
            ticket: self.ticket.clone(),
            authenticator: EncryptedData::new(self.key.etype(), None, sealed),
        };
        let mut padata = vec![PaData { kind: pa::TGS_REQ, value: proof.encode() }];
        padata.extend(self.padata.iter().cloned());
        TgsReq { padata, body: self.body.clone() }.encode()
    }

    pub(super) fn send(&self, realm: &Fixture) -> Result<Granted, Box<KrbError>> {
        self.read(&realm.answer(&self.encode()).unwrap())
    }

    pub(super) fn read(&self, reply: &[u8]) -> Result<Granted, Box<KrbError>> {
        if let Ok(error) = KrbError::decode(reply) {
            return Err(Box::new(error));
        }
        let reply = TgsRep::decode(reply).unwrap();
        let opened = match &self.authenticator.subkey {
            Some(subkey) => subkey.decrypt(usage::TGS_REP_ENC_PART_SUBKEY, &reply.enc_part.cipher),
            None => self.key.decrypt(usage::TGS_REP_ENC_PART_SESSION, &reply.enc_part.cipher),
        };
        let part = EncKdcRepPart::decode(&opened.unwrap()).unwrap();
        assert_eq!(part.nonce, self.body.nonce);
        Ok(Granted { client: reply.client, ticket: reply.ticket, part })
    }

    pub(super) fn refused(&self, realm: &Fixture) -> i32 {
        self.send(realm).unwrap_err().code
    }
}

/// What a service sees in a ticket.
pub(super) fn open(ticket: &Ticket, key: &Key) -> EncTicketPart {
    EncTicketPart::decode(&key.decrypt(usage::TICKET, &ticket.enc_part.cipher).unwrap()).unwrap()
}

/// The strongest key of an account of the realm.
pub(super) fn account_key(realm: &Fixture, name: &str) -> Key {
    let account = if name == "krbtgt" { realm.memory.ticket_granting() } else { realm.memory.get(name) };
    account.unwrap().keys.strongest().unwrap().clone()
}
