//! Binds. RFC 4511 4.2, RFC 4513 5; MS-ADTS 5.1.1.1.

use ldap::ResultCode;
use ldap::message::{Authentication, Bind};
use ldap::response::{self, Outcome};

use super::logon::{LogonFailure, Principal};
use super::refusal::Refusal;
use super::sasl::{self, Progress};
use super::session::{Bound, Handled, Session};
use crate::outside::Outside;

/// `SEC_E_INVALID_TOKEN`: what Active Directory puts before a simple bind's failure.
const SIMPLE: u32 = 0x8009_0308;
/// `SEC_E_LOGON_DENIED`.
const SASL: u32 = 0x8009_030C;

impl Session {
    /// Answers a bind. Until it has succeeded, nobody is bound.
    pub(super) fn bind(&mut self, id: i32, bind: &Bind<'_>) -> Handled {
        self.bound = None;
        let under_way = self.negotiation.take();
        if bind.version != 3 {
            let text = "00000057: LdapErr: DSID-0C0904F1, comment: The version of LDAP is not 3, data 0, v4563";
            return self.bind_refused(id, &Refusal::new(ResultCode::PROTOCOL_ERROR, text));
        }
        match bind.authentication {
            Authentication::Simple(password) => match self.simple(bind.name, password) {
                Ok(()) => {
                    response::bind(&mut self.answers, id, &Outcome::SUCCESS, None);
                    Handled::Done
                }
                Err(refusal) => self.bind_refused(id, &refusal),
            },
            Authentication::Sasl { mechanism, credentials } => {
                self.sasl(id, under_way, mechanism, credentials.unwrap_or_default())
            }
            Authentication::Other(_) => {
                let text = "00002027: LdapErr: DSID-0C090590, comment: The authentication method is not supported, data 0, v4563";
                self.bind_refused(id, &Refusal::new(ResultCode::AUTH_METHOD_NOT_SUPPORTED, text))
            }
        }
    }

    fn bind_refused(&mut self, id: i32, refusal: &Refusal) -> Handled {
        response::bind(&mut self.answers, id, &refusal.outcome(), None);
        Handled::Done
    }

    fn simple(&mut self, name: &str, password: &[u8]) -> Result<(), Refusal> {
        match (name.is_empty(), password.is_empty()) {
            // RFC 4513 5.1.1.
            (true, true) => return Ok(()),
            // RFC 4513 5.1.2: whoever sends this believes that it checks a password.
            (false, true) => {
                let text = "00002035: LdapErr: DSID-0C090A86, comment: A bind with a name and no password is not taken, data 0, v4563";
                return Err(Refusal::new(ResultCode::UNWILLING_TO_PERFORM, text));
            }
            (true, false) => return Err(Refusal::logon(SIMPLE, LogonFailure::MALFORMED.data)),
            (false, false) => {}
        }
        if !(self.is_sealed() || self.channel.loopback || self.server.allow_cleartext_bind) {
            return Err(Refusal::needs_encryption());
        }
        match self.server.logon.simple(name, password) {
            Ok(principal) => {
                tracing::info!(user = %principal.name, "bound with a password");
                self.admit(principal);
                Ok(())
            }
            Err(failure) => {
                tracing::info!(name = %Outside(name), data = format_args!("{:x}", failure.data), "a bind with a password was refused");
                Err(Refusal::logon(SIMPLE, failure.data))
            }
        }
    }

    fn admit(&mut self, principal: Principal) {
        let mut caller = principal.caller.clone();
        caller.sealed = self.is_sealed();
        self.bound = Some(Bound { caller, principal });
    }

    fn sasl(&mut self, id: i32, under_way: Option<sasl::Negotiation>, mechanism: &str, token: &[u8]) -> Handled {
        let step = match under_way.filter(|negotiation| negotiation.mechanism() == mechanism) {
            Some(negotiation) => negotiation.step(token, &self.server, self.channel),
            None => sasl::start(mechanism, token, &self.server, self.channel),
        };
        match step {
            Ok(Progress::Continue(negotiation, challenge)) => {
                self.negotiation = Some(negotiation);
                let outcome = Outcome::new(ResultCode::SASL_BIND_IN_PROGRESS, "");
                response::bind(&mut self.answers, id, &outcome, Some(&challenge));
                Handled::Done
            }
            Ok(Progress::Done(done)) => {
                tracing::info!(user = %done.principal.name, mechanism, layer = ?done.layer.layer(), "bound with a ticket");
                response::bind(&mut self.answers, id, &Outcome::SUCCESS, done.token.as_deref());
                // The answer still goes through the layer that was there before.
                self.protect();
                self.layer = Some(done.layer).filter(|layer| layer.layer() != kerberos::gss::sasl::Layer::None);
                self.admit(done.principal);
                Handled::Done
            }
            Err(sasl::Failure::Logon(failure)) => {
                tracing::info!(
                    mechanism,
                    data = format_args!("{:x}", failure.data),
                    "a bind with a ticket was refused"
                );
                self.bind_refused(id, &Refusal::logon(SASL, failure.data))
            }
            Err(sasl::Failure::Refused(refusal)) => self.bind_refused(id, &refusal),
        }
    }
}
