//! A KDC that is asked by somebody who has a password: raw bytes, requests that were changed, and well-sealed nonsense inside of them.
#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use dc::kdc::memory::Memory;
use dc::kdc::{Kdc, Policy};
use dtyp::{FileTime, Random};
use kerberos::crypto::{Etype, Key};
use kerberos::messages::*;
use kerberos::{KerberosTime, PrincipalName};

const REALM: &str = "CONTOSO.COM";
const PASSWORD: &str = "Wonder-land-1865";

/// The same bytes at every run.
struct Count;

impl Random for Count {
    fn fill(&self, bytes: &mut [u8]) {
        (0..).zip(bytes).for_each(|(n, byte)| *byte = n);
    }
}

struct Realm {
    kdc: Kdc,
    key: Key,
    now: FileTime,
    ticket: Ticket,
    session: Key,
}

impl Realm {
    fn new() -> Self {
        let memory = Memory::new("contoso.com", &Count);
        memory.add("alice", PASSWORD);
        memory.add("web1$", "a computer's");
        memory.add_service("web1$", "http/web1.contoso.com");
        let kdc = Kdc::new(Box::new(memory), Policy::default());
        let salt = format!("{REALM}alice");
        let key = Key::from_password(Etype::Aes256, PASSWORD.as_bytes(), salt.as_bytes(), 4096);
        let now = FileTime::from_unix(1_767_225_600, 0);
        let stamp = pa_enc_timestamp(KerberosTime::from(now), 0);
        let reply = kdc.answer(&ask(&key, &stamp), usize::MAX, now, &Count).expect("an answer");
        let reply = AsRep::decode(&reply).expect("a ticket");
        let opened = key.decrypt(usage::AS_REP_ENC_PART, &reply.enc_part.cipher).expect("alice's");
        let session = EncKdcRepPart::decode(&opened).expect("a session key").key;
        Self { kdc, key, now, ticket: reply.ticket, session }
    }

    fn answer(&mut self, request: &[u8]) {
        // Later than the last, so that what is remembered against repetition is forgotten.
        self.now = self.now.saturating_add(Duration::from_millis(10));
        if let Some(reply) = self.kdc.answer(request, usize::MAX, self.now, &Count) {
            assert!(AsRep::decode(&reply).is_ok() || TgsRep::decode(&reply).is_ok() || KrbError::decode(&reply).is_ok());
        }
    }

    /// A request for more with an authenticator and authorization data that are sealed well, whatever they are.
    fn more(&self, authenticator: Option<&[u8]>, data: &[u8], padata: Vec<PaData>) -> Vec<u8> {
        let seal = |used_for, plain: &[u8]| {
            EncryptedData::new(Etype::Aes256, None, self.session.encrypt(used_for, plain, &Count))
        };
        let body = KdcReqBody {
            realm: REALM.to_owned(),
            service: Some(PrincipalName::service("http/web1.contoso.com")),
            till: KerberosTime::from_unix(0),
            nonce: 815,
            etypes: vec![18, 17],
            enc_authorization_data: (!data.is_empty()).then(|| seal(usage::TGS_REQ_AUTH_DATA_SESSION, data)),
            ..KdcReqBody::default()
        };
        let proper = || {
            let checksum = Checksum::keyed(&self.session, usage::TGS_REQ_CHECKSUM, &body.encode());
            let authenticator = Authenticator {
                realm: REALM.to_owned(),
                name: PrincipalName::user("alice"),
                checksum: Some(checksum),
                cusec: 0,
                ctime: KerberosTime::from(self.now),
                subkey: None,
                sequence: None,
                authorization_data: Vec::new(),
            };
            authenticator.encode()
        };
        let authenticator = seal(usage::TGS_REQ_AUTHENTICATOR, &authenticator.map_or_else(proper, <[u8]>::to_vec));
        let proof = ApReq { mutual_required: false, ticket: self.ticket.clone(), authenticator };
        let mut all = vec![PaData { kind: pa::TGS_REQ, value: proof.encode() }];
        all.extend(padata);
        TgsReq { padata: all, body }.encode()
    }
}

/// A request for a first ticket with this under the client's key.
fn ask(key: &Key, stamp: &[u8]) -> Vec<u8> {
    let sealed = key.encrypt(usage::PA_ENC_TIMESTAMP, stamp, &Count);
    let body = KdcReqBody {
        options: kdc_options::FORWARDABLE | kdc_options::RENEWABLE,
        client: Some(PrincipalName::user("alice")),
        realm: REALM.to_owned(),
        service: Some(PrincipalName::krbtgt(REALM)),
        till: KerberosTime::from_unix(0),
        nonce: 4711,
        etypes: vec![18, 17, 23],
        ..KdcReqBody::default()
    };
    let value = EncryptedData::new(key.etype(), None, sealed).encode();
    AsReq { padata: vec![PaData { kind: pa::ENC_TIMESTAMP, value }], body }.encode()
}

/// Changes bytes of a request: each three of `edits` are a place and what to put there.
fn edited(mut request: Vec<u8>, edits: &[u8]) -> Vec<u8> {
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % request.len();
        request[at] = edit[2];
    }
    request
}

thread_local!(static REALM_OF_THREAD: RefCell<Realm> = RefCell::new(Realm::new()));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((way, rest)) = bytes.split_first() else { return };
    REALM_OF_THREAD.with_borrow_mut(|realm| {
        let proper = pa_enc_timestamp(KerberosTime::from(realm.now), 0);
        let request = match way % 7 {
            0 => rest.to_vec(),
            1 => edited(ask(&realm.key, &proper), rest),
            2 => edited(realm.more(None, &[], Vec::new()), rest),
            3 => ask(&realm.key, rest),
            4 => realm.more(Some(rest), &[], Vec::new()),
            5 => realm.more(None, rest, Vec::new()),
            _ => realm.more(None, &[], vec![PaData { kind: i32::from(rest.len() as u8), value: rest.to_vec() }]),
        };
        realm.answer(&request);
    });
});
