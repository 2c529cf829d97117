//! One LDAP connection: bind, search, change. RFC 4511; RFC 4513 (authentication); RFC 4752 (SASL GSSAPI).

mod bind;
mod bindings;
mod connection;
mod entry;
mod error;
mod operations;
mod wire;

pub use bind::Sealing;
pub use connection::{Connection, Limits, Transport};
pub use entry::{Change, Entry, Modification, Scope, Search};
pub use error::{Error, LogonCause};
