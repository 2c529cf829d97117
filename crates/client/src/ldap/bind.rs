//! Saying who we are. RFC 4513 5.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use ::kerberos::ccache::Credential;
use ::kerberos::gss::sasl::{Client, Layer};
use ::kerberos::gss::{GssError, Initiator, InitiatorOptions, flags};
use ::ldap::ResultCode;
use ::ldap::client::Request;

use super::bindings;
use super::connection::Ended;
use super::{Connection, Error, LogonCause};
use crate::Domain;
use crate::kerberos::{Options, service_ticket};

const OPERATION: &str = "the bind";
const MECHANISM: &str = "GSSAPI";
/// The largest frame that we take.
const LARGEST_FRAME: u32 = 0x00ff_ffff;

/// What the SASL layer does with every later message. RFC 4752 3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// Encrypts: nobody on the wire reads it. Needed for passwords and managed passwords.
    Confidential,
    /// Signs: nobody on the wire changes it.
    Integrity,
    /// Nothing; for connections inside TLS, where Active Directory refuses a second layer.
    None,
}

impl Sealing {
    const fn layer(self) -> Layer {
        match self {
            Self::Confidential => Layer::Confidentiality,
            Self::Integrity => Layer::Integrity,
            Self::None => Layer::None,
        }
    }

    const fn flags(self) -> u32 {
        let always = flags::MUTUAL | flags::REPLAY | flags::SEQUENCE;
        match self {
            Self::Confidential => always | flags::INTEGRITY | flags::CONFIDENTIALITY,
            Self::Integrity => always | flags::INTEGRITY,
            // The negotiation of the layer itself is signed.
            Self::None => always | flags::INTEGRITY,
        }
    }
}

impl Connection {
    /// A simple bind. Refused here when the password is empty (RFC 4513 5.1.2: the server would take it for anonymous), and when the
    /// connection is neither encrypted nor to this machine.
    ///
    /// # Errors
    /// [`Error::Logon`] with the cause when the server refuses the credentials.
    pub async fn bind_simple(&mut self, name: &str, password: &SecretString) -> Result<(), Error> {
        if name.is_empty() || password.expose_secret().is_empty() {
            return Err(Error::EmptyPassword { name: name.to_owned() });
        }
        if !self.is_sealed() && !self.wire.is_loopback() {
            return Err(Error::Cleartext { server: self.server().to_string(), name: name.to_owned() });
        }
        let request = Request::BindSimple { name, password: password.expose_secret().as_bytes() };
        let ended = self.operate(OPERATION, &request, &[], |_| Ok(())).await?;
        if ended.code == ResultCode::SUCCESS { Ok(()) } else { Err(self.logon_refused(name, ended)) }
    }

    /// A SASL GSSAPI bind with a ticket for `ldap/<host>`, got with the ticket-granting ticket `tgt` (or `tgt` itself, when it already is
    /// the ticket for that service).
    ///
    /// # Errors
    /// [`Error::Kerberos`] when there is no service ticket, [`Error::Sasl`] when the security layer cannot be agreed on.
    pub async fn bind_gssapi(
        &mut self,
        domain: &Domain,
        tgt: &Credential,
        host: &str,
        sealing: Sealing,
        options: &Options,
    ) -> Result<(), Error> {
        let got;
        let ticket = if tgt.is_ticket_granting() {
            got = service_ticket(domain, tgt, &format!("ldap/{host}"), options).await?;
            &got
        } else {
            tgt
        };
        let name = format!("{}@{}", tgt.client, tgt.client_realm);
        let bindings = self.wire.server_certificate().and_then(bindings::end_point);
        let random = &*options.random;
        let asked = InitiatorOptions { flags: sealing.flags(), bindings };
        let started = Initiator::start(ticket, asked, options.clock.now(), random);
        let (initiator, token) = started.map_err(|error| self.sasl(&error))?;

        let answer = self.step(&name, &token).await?;
        let context = initiator.finish(Some(&answer)).map_err(|error| self.sasl(&error))?;
        // The context is ready on our side: an empty answer asks for the server's offer of layers (RFC 4752 3.1).
        let offer = self.step(&name, &[]).await?;
        let chosen = Client::choose(context, &offer, sealing.layer(), LARGEST_FRAME, random);
        let (layer, choice) = chosen.map_err(|error| self.sasl(&error))?;
        let ended = self.sasl_request(&choice).await?;
        if ended.code != ResultCode::SUCCESS {
            return Err(self.logon_refused(&name, ended));
        }
        self.wire.set_layer(layer, Arc::clone(&options.random));
        Ok(())
    }

    /// Sends one token and gets one back.
    async fn step(&mut self, name: &str, token: &[u8]) -> Result<Vec<u8>, Error> {
        let ended = self.sasl_request(token).await?;
        if ended.code != ResultCode::SASL_BIND_IN_PROGRESS {
            return Err(match ended.code {
                ResultCode::SUCCESS => {
                    self.protocol(OPERATION, "it is content before the security layer is agreed on".to_owned())
                }
                _ => self.logon_refused(name, ended),
            });
        }
        ended.value.ok_or_else(|| self.protocol(OPERATION, "it sends no token".to_owned()))
    }

    async fn sasl_request(&mut self, token: &[u8]) -> Result<Ended, Error> {
        let request = Request::BindSasl { mechanism: MECHANISM, credentials: Some(token) };
        self.operate(OPERATION, &request, &[], |_| Ok(())).await
    }

    fn sasl(&self, error: &GssError) -> Error {
        Error::Sasl { server: self.server().to_string(), what: error.to_string() }
    }

    fn logon_refused(&self, name: &str, ended: Ended) -> Error {
        if ended.code != ResultCode::INVALID_CREDENTIALS {
            return self.refused(OPERATION, &ended);
        }
        Error::Logon {
            server: self.server().to_string(),
            name: name.to_owned(),
            cause: LogonCause::of(&ended.diagnostic),
            diagnostic: ended.diagnostic,
        }
    }
}
