//! The LDAP server without its sockets. RFC 4511, 4513, 4752; MS-ADTS 3.1.1.3 and 5.1.1.
//!
//! In reading order: [`Session`], one connection; [`Server`], what all share; `bind` and `sasl`, who is there; `search`, `update`;
//! `root_dse` and the [`Facts`] it is made of; `Refusal`, why something is not done.

mod accounts;
mod bind;
mod controls;
mod facts;
mod inbox;
mod logon;
mod page;
mod refusal;
mod root_dse;
mod sasl;
mod search;
mod server;
mod session;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod update;
mod virtual_entry;

pub(crate) use accounts::accounts;
pub(crate) use facts::Facts;
pub(crate) use search::LongSearch;
pub(crate) use server::Server;
pub(crate) use session::{Channel, Session, Then};
pub(crate) use update::{Finished, Submit};
