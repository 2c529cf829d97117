//! The key distribution centre: who proves who they are gets tickets.
//!
//! [`Kdc::answer`] is a function from a request's bytes to an answer's: accounts come from [`Principals`], time and randomness from the
//! caller, and it opens no socket. In reading order: [`Principals`] with [`Account`], whom a KDC knows; `authentication`, the AS exchange;
//! `granting`, the TGS exchange; `lifetime`, `restrictions` and `authorization`, the rules they share; `issue`, a ticket made and signed;
//! [`Refusal`], and what a client is told. `source` finds accounts in a directory; `listen` is the shell of sockets around it all.
//!
//! What is not spoken is not advertised: no FAST, no PKINIT, no delegation, no user-to-user, no RC4 or DES.
//!
//! Specifications: RFC 4120, RFC 6806 (names), MS-KILE, MS-PAC.

mod authentication;
mod authorization;
mod granting;
mod issue;
mod lifetime;
pub(crate) mod listen;
#[cfg(test)]
mod listen_tests;
pub mod memory;
mod policy;
mod principals;
mod refusal;
mod replays;
mod restrictions;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use dtyp::{FileTime, Random};
use kerberos::messages::{AsReq, KdcReqBody, TgsReq};
use kerberos::{KerberosTime, PrincipalName};

pub use policy::Policy;
pub use principals::{Account, Authorization, Keys, Principals, Realm, Unavailable, control};
pub use refusal::{Refusal, Revocation};

use crate::outside::Outside;
use replays::Replays;
pub(crate) use source::DirectoryPrincipals;

/// The longest request that is looked at.
pub const MOST_REQUEST: usize = 128 << 10;

/// A key distribution centre.
pub struct Kdc {
    principals: Box<dyn Principals>,
    policy: Policy,
    replays: Replays,
}

/// When a request is answered, and with which randomness.
struct Moment<'a> {
    now: FileTime,
    /// The same to the second.
    stamp: KerberosTime,
    random: &'a dyn Random,
}

impl Moment<'_> {
    /// Whether a client's clock differs by no more than it may.
    fn is_near(&self, time: KerberosTime, policy: &Policy) -> bool {
        self.stamp.unix().abs_diff(time.unix()) <= policy.max_skew.as_secs()
    }
}

impl Kdc {
    /// A KDC for these accounts.
    #[must_use]
    pub fn new(principals: Box<dyn Principals>, policy: Policy) -> Self {
        Self { principals, policy, replays: Replays::new() }
    }

    /// The realm it serves.
    #[must_use]
    pub fn realm(&self) -> &Realm {
        self.principals.realm()
    }

    /// Answers a request, in at most as many bytes as the way back takes. What is no request gets no answer: otherwise two KDCs could be
    /// made to talk to each other for ever.
    #[must_use]
    pub fn answer(&self, request: &[u8], most: usize, now: FileTime, random: &dyn Random) -> Option<Vec<u8>> {
        let moment = Moment { now, stamp: KerberosTime::from(now), random };
        let kind = Kind::of(request)?;
        let reply = match kind {
            Kind::As => self.authenticate(request, &moment),
            Kind::Tgs => self.grant(request, &moment),
        };
        if reply.len() > most { Some(refusal::too_big(self.realm(), now)) } else { Some(reply) }
    }

    /// The answer to a peer that announces more than [`MOST_REQUEST`] bytes.
    #[must_use]
    pub fn too_long(&self, now: FileTime) -> Vec<u8> {
        refusal::too_long(self.realm(), now)
    }

    fn authenticate(&self, bytes: &[u8], at: &Moment<'_>) -> Vec<u8> {
        match AsReq::decode(bytes) {
            Ok(request) => {
                let answer = authentication::answer(self, &request, bytes, at);
                self.told("AS", answer, &request.body, at)
            }
            Err(error) => self.told("AS", Err(error.into()), &KdcReqBody::default(), at),
        }
    }

    fn grant(&self, bytes: &[u8], at: &Moment<'_>) -> Vec<u8> {
        match TgsReq::decode(bytes) {
            Ok(request) => {
                let answer = granting::answer(self, &request, bytes, at);
                self.told("TGS", answer, &request.body, at)
            }
            Err(error) => self.told("TGS", Err(error.into()), &KdcReqBody::default(), at),
        }
    }

    /// The answer's bytes; what was decided is recorded.
    fn told(
        &self,
        exchange: &'static str,
        answer: Result<Vec<u8>, Refusal>,
        body: &KdcReqBody,
        at: &Moment<'_>,
    ) -> Vec<u8> {
        let client = body.client.as_ref().map(|name| tracing::field::display(Outside(name)));
        let service = body.service.as_ref().map(|name| tracing::field::display(Outside(name)));
        match answer {
            Ok(reply) => {
                tracing::debug!(exchange, client, service, "a ticket is given");
                reply
            }
            Err(refusal) => {
                match &refusal {
                    Refusal::Unavailable(error) => tracing::error!(exchange, client, service, %error, "no ticket"),
                    Refusal::PreauthRequired(_) => tracing::debug!(exchange, client, service, "{refusal}"),
                    refused => tracing::info!(exchange, client, service, code = refused.code(), "no ticket: {refused}"),
                }
                refusal.encode(self.realm(), body.service.clone(), at.now)
            }
        }
    }

    /// The account that tickets for a name are for.
    fn service(&self, name: &PrincipalName, krbtgt: &Arc<Account>, now: FileTime) -> Result<Arc<Account>, Refusal> {
        if issue::is_krbtgt(name) {
            let ours = name.components.get(1).is_some_and(|realm| self.realm().is(realm));
            return if ours { Ok(Arc::clone(krbtgt)) } else { Err(Refusal::UnknownService) };
        }
        let found = self.principals.service(name, now)?.ok_or(Refusal::UnknownService)?;
        if found.has(control::ACCOUNT_DISABLE) && found.sid != krbtgt.sid {
            return Err(Refusal::ServiceRevoked);
        }
        if !found.is_service {
            return Err(Refusal::NotAService);
        }
        Ok(found)
    }
}

/// Which exchange a message belongs to, by its first byte. RFC 4120 5.10.
enum Kind {
    As,
    Tgs,
}

impl Kind {
    fn of(message: &[u8]) -> Option<Self> {
        match message {
            [0x6a, ..] if message.len() <= MOST_REQUEST => Some(Self::As),
            [0x6c, ..] if message.len() <= MOST_REQUEST => Some(Self::Tgs),
            _ => None,
        }
    }
}
