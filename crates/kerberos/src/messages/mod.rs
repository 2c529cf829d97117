//! The messages of RFC 4120 and their DER.
//!
//! In reading order: [`KdcReqBody`] in an [`AsReq`] or [`TgsReq`]; [`Ticket`] with its [`EncTicketPart`]; [`AsRep`] and [`TgsRep`] with
//! their [`EncKdcRepPart`]; [`ApReq`], [`Authenticator`], [`ApRep`]; [`KrbError`]; and what stands in [`PaData`]. The numbers are in
//! [`usage`], [`pa`], [`code`], [`flags`] and [`kdc_options`].

mod ap;
mod fields;
mod kdc_rep;
mod kdc_req;
mod krb_error;
pub mod numbers;
mod padata;
mod ticket;

pub use ap::{ApRep, ApReq, Authenticator, EncApRepPart};
pub use fields::{AuthorizationData, Checksum, EncryptedData};
pub use kdc_rep::{AsRep, EncKdcRepPart, LastReq, TgsRep};
pub use kdc_req::{AsReq, KdcReqBody, TgsReq, body_of};
pub use krb_error::KrbError;
pub use numbers::{code, flags, kdc_options, pa, usage};
pub use padata::{
    EtypeInfo2Entry, PaData, decode_etype_info2, decode_method_data, decode_pa_enc_timestamp, decode_pac_request,
    encode_etype_info2, encode_method_data, pa_enc_timestamp,
};
pub use ticket::{EncTicketPart, Ticket};

/// Why bytes are not the message that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Not DER, or not in the order that RFC 4120 wants.
    #[error("malformed encoding: {0}")]
    Encoding(#[from] asn1::Error),
    /// Another protocol version or message type.
    #[error("not a message of this kind")]
    Kind,
    /// A field holds what it must not.
    #[error("malformed {0}")]
    Field(&'static str),
    /// More of something than a message may hold.
    #[error("too many {0}")]
    TooMany(&'static str),
}

#[cfg(test)]
mod tests;
