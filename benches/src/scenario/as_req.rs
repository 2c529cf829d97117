//! Kerberos: an AS exchange with an encrypted timestamp, over UDP. RFC 4120 3.1.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dtyp::{Random, SystemRandom};
use kerberos::crypto::{Etype, Key};
use kerberos::messages::{
    AsReq, EncryptedData, KdcReqBody, KrbError, PaData, kdc_options, pa, pa_enc_timestamp, usage,
};
use kerberos::{KerberosTime, PrincipalName};

use super::{Side, take_turns};
use crate::load::Worker;
use crate::population::{self, Sequence};
use crate::process::Meter;
use crate::report::Report;
use crate::{Arguments, BenchError, What, while_doing};

/// A KDC with everybody in it.
#[derive(Clone, Copy)]
pub struct Kdc<'a> {
    /// Its process.
    pub meter: &'a Meter,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its realm.
    pub realm: &'a str,
}

/// What a wrong password is answered with. RFC 4120 7.5.9.
const PREAUTH_FAILED: i32 = 24;
/// How many of the users ask: each needs its key derived here first. They are spread evenly over all.
const CLIENTS: u32 = 500;

/// Measures AS exchanges on each of the KDCs.
pub fn compare(what: What, arguments: &Arguments, kdcs: [Kdc<'_>; 2], report: &mut Report) -> Result<(), BenchError> {
    let sides = kdcs.iter().map(|kdc| side(what, arguments, kdc)).collect::<Result<_, _>>()?;
    let name = if what == What::AsReqWrong { "as-req-wrong" } else { "as-req" };
    take_turns(name, arguments, sides, report)
}

fn side<'a>(what: What, arguments: &Arguments, kdc: &Kdc<'a>) -> Result<Side<'a>, BenchError> {
    let accounts: Arc<Vec<Account>> = Arc::new(accounts(arguments.users, kdc.realm, what == What::AsReqWrong));
    let worker = |number| -> Result<Box<dyn Worker>, BenchError> {
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(while_doing("opening a UDP socket"))?;
        socket.connect(kdc.address).map_err(while_doing("connecting a UDP socket"))?;
        socket.set_read_timeout(Some(Duration::from_secs(2))).map_err(while_doing("setting a timeout"))?;
        let (accounts, realm) = (Arc::clone(&accounts), kdc.realm.to_owned());
        Ok(Box::new(Client { socket, accounts, realm, what, sequence: Sequence::of(number) }))
    };
    let workers = (0..arguments.connections).map(worker).collect::<Result<_, _>>()?;
    Ok(Side { meter: kdc.meter, workers })
}

struct Account {
    name: String,
    key: Key,
}

fn accounts(users: u32, realm: &str, wrong: bool) -> Vec<Account> {
    let clients = users.min(CLIENTS);
    let account = |number: u32| {
        let name = population::name(number * (users / clients));
        let salt = format!("{realm}{name}{}", if wrong { " is wrong" } else { "" });
        let key = Key::from_password(Etype::Aes256, population::password(&name).as_bytes(), salt.as_bytes(), 4096);
        Account { name, key }
    };
    (0..clients).map(account).collect()
}

struct Client {
    socket: UdpSocket,
    accounts: Arc<Vec<Account>>,
    realm: String,
    what: What,
    sequence: Sequence,
}

impl Client {
    fn request(&mut self) -> Vec<u8> {
        let number = self.sequence.below(u32::try_from(self.accounts.len()).unwrap_or(u32::MAX));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let mut nonce = [0; 4];
        SystemRandom.fill(&mut nonce);
        let (padata, client) = self.accounts.get(number as usize).map_or((Vec::new(), None), |account| {
            let stamp = pa_enc_timestamp(KerberosTime::from_unix(now_seconds), now.subsec_micros());
            let sealed = account.key.encrypt(usage::PA_ENC_TIMESTAMP, &stamp, &SystemRandom);
            let value = EncryptedData::new(Etype::Aes256, None, sealed).encode();
            (vec![PaData { kind: pa::ENC_TIMESTAMP, value }], Some(PrincipalName::user(&account.name)))
        });
        let body = KdcReqBody {
            options: kdc_options::FORWARDABLE,
            client,
            realm: self.realm.clone(),
            service: Some(PrincipalName::krbtgt(&self.realm)),
            till: KerberosTime::from_unix(now_seconds + 36_000),
            nonce: u32::from_le_bytes(nonce) & 0x7fff_ffff,
            etypes: vec![Etype::Aes256 as i32],
            ..KdcReqBody::default()
        };
        AsReq { padata, body }.encode()
    }
}

impl Worker for Client {
    fn operation(&mut self) -> Result<(), BenchError> {
        let request = self.request();
        self.socket.send(&request).map_err(while_doing("sending an AS request"))?;
        let mut answer = [0; 8192];
        let length = self.socket.recv(&mut answer).map_err(while_doing("waiting for an AS answer"))?;
        let answer = answer.get(..length).unwrap_or_default();
        match answer.first() {
            Some(0x6b) if self.what == What::AsReq => Ok(()),
            Some(0x7e) => match KrbError::decode(answer) {
                Ok(error) if self.what == What::AsReqWrong && error.code == PREAUTH_FAILED => Ok(()),
                Ok(error) => Err(BenchError::Answer(format!("Kerberos error {}: {:?}", error.code, error.text))),
                Err(error) => Err(BenchError::Answer(error.to_string())),
            },
            other => Err(BenchError::Answer(format!("no Kerberos answer: {other:02x?}"))),
        }
    }
}
