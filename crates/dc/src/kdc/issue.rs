//! A ticket and its encrypted part are made and signed. RFC 4120 5.3; MS-PAC 2.8.

use dtyp::Random;
use kerberos::PrincipalName;
use kerberos::crypto::{Etype, Key};
use kerberos::messages::{
    AuthorizationData, EncKdcRepPart, EncTicketPart, EncryptedData, LastReq, PaData, Ticket, pa, usage,
};
use kerberos::pac::{Extra, PacBuilder};

use super::{Account, Realm, Refusal};

/// A ticket that is to be made.
pub(super) struct Issue<'a> {
    pub(super) realm: &'a Realm,
    /// What the service is called in it.
    pub(super) name: &'a PrincipalName,
    /// The service.
    pub(super) service: &'a Account,
    /// The ticket-granting service, which vouches for the PAC.
    pub(super) krbtgt: &'a Account,
    /// What stands in it; its authorization data are those besides the PAC.
    pub(super) part: EncTicketPart,
    pub(super) pac: Option<PacBuilder>,
}

impl Issue<'_> {
    /// Makes the ticket.
    pub(super) fn seal(self, random: &dyn Random) -> Result<Ticket, Refusal> {
        let key = self.service.keys.strongest().ok_or(Refusal::Etype)?;
        let signer = self.krbtgt.keys.strongest().ok_or(Refusal::Etype)?;
        let mut part = self.part;
        if let Some(pac) = self.pac {
            let others = std::mem::take(&mut part.authorization_data);
            let signed = if is_krbtgt(self.name) {
                pac.sign(key, signer, Extra::default())
            } else {
                part.authorization_data = with_pac(vec![0], others.clone());
                pac.sign(key, signer, Extra { ticket: Some(&part.encode()), full: true })
            };
            part.authorization_data = with_pac(signed, others);
        }
        let sealed = key.encrypt(usage::TICKET, &part.encode(), random);
        Ok(Ticket {
            realm: self.realm.name.clone(),
            service: self.name.clone(),
            enc_part: EncryptedData::new(key.etype(), Some(self.service.keys.kvno), sealed),
        })
    }
}

fn with_pac(pac: Vec<u8>, others: Vec<AuthorizationData>) -> Vec<AuthorizationData> {
    let mut all = EncTicketPart::wrap_pac(pac);
    all.extend(others);
    all
}

/// Whether a service is a ticket-granting one.
pub(super) fn is_krbtgt(name: &PrincipalName) -> bool {
    matches!(name.components.as_slice(), [first, _] if first.eq_ignore_ascii_case("krbtgt"))
}

/// A session key of the strongest kind that both can use.
pub(super) fn session_key(service: &Account, offered: &[i32], random: &dyn Random) -> Result<Key, Refusal> {
    let etype = service.keys.common(offered).max().ok_or(Refusal::Etype)?;
    Ok(Key::random(etype, random))
}

/// What the client is told about a ticket.
pub(super) fn told(part: &EncTicketPart, realm: &Realm, name: &PrincipalName, nonce: u32) -> EncKdcRepPart {
    EncKdcRepPart {
        key: part.key.clone(),
        last_req: vec![LastReq { kind: 0, at: part.start_time.unwrap_or(part.auth_time) }],
        nonce,
        key_expiration: None,
        flags: part.flags,
        auth_time: part.auth_time,
        start_time: part.start_time,
        end_time: part.end_time,
        renew_till: part.renew_till,
        realm: realm.name.clone(),
        service: name.clone(),
        encrypted_padata: Vec::new(),
    }
}

/// PA-SUPPORTED-ENCTYPES: which kinds of keys a service has. MS-KILE 2.2.8.
pub(super) fn supported_etypes(service: &Account) -> PaData {
    let bit = |etype| match etype {
        Etype::Aes128 => 0x8,
        Etype::Aes256 => 0x10,
    };
    let bits: u32 = service.keys.current.iter().fold(0, |bits, key| bits | bit(key.etype()));
    PaData { kind: pa::SUPPORTED_ENCTYPES, value: bits.to_le_bytes().to_vec() }
}
