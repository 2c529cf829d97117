//! SASL's mechanisms GSSAPI and GSS-SPNEGO. RFC 4752; RFC 4178; MS-ADTS 5.1.1.1.2.

use kerberos::PrincipalName;
use kerberos::crypto::Etype;
use kerberos::gss::sasl::{Layer, SecurityLayer};
use kerberos::gss::{self, AcceptOptions, Accepted, GssError};
use kerberos::spnego::{Acceptor, Step};
use ldap::ResultCode;

use super::logon::{LogonFailure, Principal};
use super::refusal::Refusal;
use super::server::Server;
use super::session::Channel;

/// The largest frame a client may send through a layer: what Active Directory says too.
const MAX_FRAME: u32 = 0x00a0_0000;

/// A negotiation of which the next token is due.
pub(crate) enum Negotiation {
    /// GSSAPI: the context is made and the client has its token; it answers with nothing.
    Established(Box<Accepted>),
    /// GSSAPI: layers are offered.
    Offered(gss::sasl::Server, Box<Principal>),
    /// GSS-SPNEGO.
    Spnego(Box<Acceptor<Accepted>>),
}

/// Where a step led.
pub(crate) enum Progress {
    /// This is for the client, and another token is due.
    Continue(Negotiation, Vec<u8>),
    /// The client is who it says.
    Done(Box<Done>),
}

/// The end of a negotiation that went well.
pub(crate) struct Done {
    pub(crate) principal: Principal,
    pub(crate) layer: SecurityLayer,
    /// For the client, with the success.
    pub(crate) token: Option<Vec<u8>>,
}

/// The end of one that did not.
pub(crate) enum Failure {
    /// The client is not who it says, or may not log on.
    Logon(LogonFailure),
    /// What it asks for is not to be had.
    Refused(Refusal),
}

impl From<GssError> for Failure {
    fn from(error: GssError) -> Self {
        tracing::info!(%error, "a SASL bind failed");
        Self::Logon(match error {
            GssError::ClockSkew | GssError::TicketTime => LogonFailure::TIME_SKEW,
            GssError::Malformed(_) | GssError::Encoding(_) | GssError::Message(_) | GssError::Mechanism => {
                LogonFailure::MALFORMED
            }
            _ => LogonFailure::WRONG,
        })
    }
}

impl From<LogonFailure> for Failure {
    fn from(failure: LogonFailure) -> Self {
        Self::Logon(failure)
    }
}

/// Begins a negotiation.
pub(crate) fn start(mechanism: &str, token: &[u8], server: &Server, channel: Channel) -> Result<Progress, Failure> {
    match mechanism {
        "GSSAPI" => {
            let accepted = accept(token, server)?;
            match accepted.reply.clone() {
                Some(reply) => Ok(Progress::Continue(Negotiation::Established(Box::new(accepted)), reply)),
                None => offer(accepted, server, channel),
            }
        }
        "GSS-SPNEGO" => spnego(Box::new(Acceptor::new()), token, server, channel),
        _ => {
            let text = "00002027: LdapErr: DSID-0C0905B2, comment: The SASL mechanism is not supported, data 0, v4563";
            Err(Failure::Refused(Refusal::new(ResultCode::AUTH_METHOD_NOT_SUPPORTED, text)))
        }
    }
}

impl Negotiation {
    /// The mechanism's name.
    pub(crate) const fn mechanism(&self) -> &'static str {
        match self {
            Self::Established(_) | Self::Offered(..) => "GSSAPI",
            Self::Spnego(_) => "GSS-SPNEGO",
        }
    }

    /// Takes the client's next token.
    pub(crate) fn step(self, token: &[u8], server: &Server, channel: Channel) -> Result<Progress, Failure> {
        match self {
            Self::Established(accepted) if token.is_empty() => offer(*accepted, server, channel),
            Self::Established(_) => Err(LogonFailure::MALFORMED.into()),
            Self::Offered(offered, principal) => {
                let (layer, identity) = offered.chosen(token)?;
                // Nobody may act as somebody else; a name of one's own could be given in many forms, and nobody does.
                if !identity.is_empty() {
                    tracing::info!("a SASL bind asks to act as another identity");
                    return Err(LogonFailure::WRONG.into());
                }
                allow(&layer, server, channel)?;
                Ok(Progress::Done(Box::new(Done { principal: *principal, layer, token: None })))
            }
            Self::Spnego(acceptor) => spnego(acceptor, token, server, channel),
        }
    }
}

/// RFC 4752 3.2: offers the layers. Over TLS none may be chosen, but all are offered, as Active Directory does: there are clients that
/// take an offer of nothing for an error.
fn offer(accepted: Accepted, server: &Server, channel: Channel) -> Result<Progress, Failure> {
    let principal = Box::new(server.logon.ticket(&accepted)?);
    let layers: &[Layer] = if may_be_bare(server, channel) {
        &[Layer::None, Layer::Integrity, Layer::Confidentiality]
    } else {
        &[Layer::Integrity, Layer::Confidentiality]
    };
    let random = &*server.directory.environment().random;
    let (offered, token) = gss::sasl::Server::offer(accepted.context, layers, MAX_FRAME, random);
    Ok(Progress::Continue(Negotiation::Offered(offered, principal), token))
}

/// A layer within TLS is one too many (MS-ADTS 5.1.1.1.2); none at all is only for TLS and for this machine.
fn allow(layer: &SecurityLayer, server: &Server, channel: Channel) -> Result<(), Failure> {
    match layer.layer() {
        Layer::None if !may_be_bare(server, channel) => Err(Failure::Refused(Refusal::needs_encryption())),
        Layer::Integrity | Layer::Confidentiality if channel.tls => {
            let text = "00002029: LdapErr: DSID-0C0904D1, comment: Cannot start kerberos signing/sealing when using TLS/SSL, data 0, v4563";
            Err(Failure::Refused(Refusal::new(ResultCode::UNWILLING_TO_PERFORM, text)))
        }
        _ => Ok(()),
    }
}

fn may_be_bare(server: &Server, channel: Channel) -> bool {
    channel.tls || channel.loopback || server.allow_cleartext_bind
}

fn spnego(
    mut acceptor: Box<Acceptor<Accepted>>,
    token: &[u8],
    server: &Server,
    channel: Channel,
) -> Result<Progress, Failure> {
    let (accepted, reply) = match acceptor.step(token, |token| accept(token, server))? {
        Step::Continue(reply) => return Ok(Progress::Continue(Negotiation::Spnego(acceptor), reply)),
        Step::Done { reply, result } => (result, reply),
    };
    let principal = server.logon.ticket(&accepted)?;
    let layer = SecurityLayer::from_flags(accepted.context, accepted.flags, MAX_FRAME)?;
    allow(&layer, server, channel)?;
    Ok(Progress::Done(Box::new(Done { principal, layer, token: reply })))
}

fn accept(token: &[u8], server: &Server) -> Result<Accepted, GssError> {
    let environment = server.directory.environment();
    let keys = |service: &PrincipalName, realm: &str, etype: Etype, kvno: Option<u32>| {
        server.logon.service_keys(service, realm, etype, kvno)
    };
    gss::accept(
        token,
        &AcceptOptions {
            keys: &keys,
            replay: &server.replay,
            bindings: None,
            require_bindings: false,
            now: environment.clock.now(),
            random: &*environment.random,
        },
    )
}
