//! GSS-API with Kerberos (RFC 4121), without I/O: tokens in, tokens out.
//!
//! The [`Initiator`] makes the first token from a ticket and, from the answer, a [`Context`]; [`accept`] does both at once for the other
//! side. [`sasl`] is the layer of SASL's GSSAPI mechanism on top of a context.

mod acceptor;
mod bindings;
mod checksum;
mod context;
mod initiator;
mod replay;
pub mod sasl;
#[cfg(test)]
pub(crate) mod tests;
mod token;
mod window;

pub use acceptor::{AcceptOptions, Accepted, KeyLookup, accept};
pub use bindings::ChannelBindings;
pub use context::{Context, Role, Unwrapped};
pub use initiator::{Initiator, InitiatorOptions};
pub use replay::ReplayCache;
pub use token::{KERBEROS, MS_KERBEROS, SPNEGO, mechanism};

use crate::pac::PacError;

/// What a context is to do. RFC 4121 4.1.1.1.
pub mod flags {
    /// The initiator's credentials come along: never sent, ignored when they come.
    pub const DELEGATE: u32 = 1;
    /// The acceptor proves itself too.
    pub const MUTUAL: u32 = 2;
    /// Repeated messages are refused.
    pub const REPLAY: u32 = 4;
    /// Messages come in order.
    pub const SEQUENCE: u32 = 8;
    /// Messages can be encrypted.
    pub const CONFIDENTIALITY: u32 = 16;
    /// Messages can be signed.
    pub const INTEGRITY: u32 = 32;
    /// A third token of DCE's: not spoken here.
    pub const DCE_STYLE: u32 = 0x1000;
}

/// How far two clocks may differ. MS-KILE 3.1.1.1, RFC 4120 3.2.3.
pub const CLOCK_SKEW: std::time::Duration = std::time::Duration::from_secs(300);

/// What goes wrong between the two sides of a context.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GssError {
    /// The bytes are not what RFC 4121 says.
    #[error("{0}")]
    Malformed(&'static str),
    /// The bytes are no DER of the kind that was due.
    #[error("the token is malformed: {0}")]
    Encoding(#[from] asn1::Error),
    /// A Kerberos message in a token is malformed.
    #[error("the Kerberos message in the token is malformed: {0}")]
    Message(String),
    /// Neither side's mechanism is the other's.
    #[error("the peer offers no Kerberos")]
    Mechanism,
    /// No key opens the ticket.
    #[error(
        "no key opens the ticket for {service}: the service's keys are older or newer than the ticket, or of another account"
    )]
    NoKey {
        /// Which service the ticket is for.
        service: String,
    },
    /// The ticket or the message does not decrypt or its checksum is wrong.
    #[error("the token or message is not the peer's, or was changed on its way")]
    Integrity,
    /// The ticket is too old or too new.
    #[error("the ticket is not valid at this time")]
    TicketTime,
    /// The authenticator's time is too far from ours.
    #[error("the clocks differ by more than five minutes")]
    ClockSkew,
    /// It came before.
    #[error("the token or message came before")]
    Replay,
    /// A message is missing.
    #[error("a message is missing before this one")]
    OutOfOrder,
    /// The client is on another TLS connection than we are: somebody is between.
    #[error("the token was made for another TLS connection (channel bindings differ)")]
    ChannelBindings,
    /// The client asks for something we do not speak.
    #[error("the peer asks for {0}, which is not spoken here")]
    Unsupported(&'static str),
    /// The security layers do not fit.
    #[error("{0}")]
    Layer(&'static str),
    /// The PAC in the ticket is not what the KDC signed.
    #[error(transparent)]
    Pac(#[from] PacError),
    /// The acceptor answered with a Kerberos error.
    #[error("the service refused the ticket: Kerberos error {code}{text}")]
    Refused {
        /// The code of RFC 4120 7.5.9.
        code: i32,
        /// What it added.
        text: String,
    },
}
