//! Kerberos V5 without I/O: messages, cryptography, PAC, GSS-API, SPNEGO, keytab and credential cache.
//!
//! In reading order: [`PrincipalName`] and [`KerberosTime`]; [`crypto`], keys and what is done with them; [`messages`], the protocol's
//! types and their DER; [`pac`], what Active Directory puts into a ticket; [`gss`] and [`spnego`], contexts that protect another
//! protocol's messages; [`keytab`] and [`ccache`], the files that every Kerberos program reads.
//!
//! Nothing here reads a clock, a socket or randomness of its own. Lengths from outside are checked before use, and no bytes make it
//! panic. Encryption types are AES only: RC4 and DES are not spoken.
//!
//! Specifications: RFC 4120 (Kerberos), 3961 and 3962 (cryptography), 4121 (GSS-API), 4178 (SPNEGO), 4752 (SASL), MS-KILE, MS-PAC.
#![forbid(unsafe_code)]

pub mod ccache;
pub mod crypto;
pub mod gss;
pub mod keytab;
pub mod messages;
pub mod pac;
mod principal;
mod private_file;
pub mod spnego;
mod stored;
mod time;

pub use principal::PrincipalName;
pub use time::KerberosTime;
