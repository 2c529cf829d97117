//! The directory itself: objects, links, naming contexts, searches, updates, access control and the store beneath them.
//!
//! One folder holds one domain controller's copy of a directory: `directory.mdb`, an LMDB file of which every reader sees an unchanging
//! snapshot and which one thread writes, and `directory.key`, under which secrets are encrypted before they reach that file. This room
//! knows Active Directory's data model and rules (MS-ADTS 3.1.1); it knows no wire format and opens no socket.
//!
//! In reading order: [`Directory`], the handle; [`View`], a snapshot, with [`Object`], what one entry holds; [`Search`] and the
//! [`EntrySink`] that takes its results; [`Update`], the only way to write; [`Caller`], on whose behalf; [`Error`], in Active
//! Directory's own terms. On these stand [`provision`] (a new domain), [`account`] (who may log on) and [`gmsa`] (managed passwords).
//!
//! ```
//! use std::ops::ControlFlow;
//! use directory::{Attribute, Base, Caller, CreateOptions, Directory, EntrySink, Environment, Scope, Search, Update};
//!
//! /// Prints nothing, but could: entries come here as they are found.
//! struct Names(Vec<String>);
//! impl EntrySink for Names {
//!     fn begin(&mut self, dn: &str) {
//!         self.0.push(dn.to_owned());
//!     }
//!     fn attribute(&mut self, _name: &str) {}
//!     fn value(&mut self, _value: &[u8]) {}
//!     fn end(&mut self) -> ControlFlow<()> {
//!         ControlFlow::Continue(())
//!     }
//! }
//!
//! let folder = tempfile::tempdir()?;
//! let directory = Directory::create(folder.path(), CreateOptions::default(), Environment::system())?;
//! let head = vec![
//!     Attribute::new("objectClass", ["domainDNS"]),
//!     Attribute::new("instanceType", ["5"]),
//!     Attribute::new("objectSid", ["S-1-5-21-1-2-3"]),
//! ];
//! directory.apply(&Caller::system(), Update::Load(vec![("DC=contoso,DC=com".parse()?, head)]))?;
//!
//! let filter: ldap::FilterBuf = "(objectClass=domain)".parse()?;
//! let (base, filter) = ("DC=contoso,DC=com".parse()?, filter.as_filter());
//! let mut names = Names(Vec::new());
//! let search = Search::new(Base::Dn(&base), Scope::Subtree, &filter, &["objectSid"]);
//! let done = directory.read()?.search(&Caller::system(), &search, &mut names)?;
//! assert_eq!((done.entries, names.0), (1, vec!["DC=contoso,DC=com".to_owned()]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A search copies nothing: an [`Object`] borrows the store's page, and values are kept in the form LDAP sends. An update is validated
//! completely against the snapshot it will change before it touches the store; many are committed by one `fsync`, and none is
//! acknowledged before it.
//!
//! Specifications: MS-ADTS 3.1.1.1 (state model), 3.1.1.3 (LDAP), 3.1.1.4 (reads), 3.1.1.5 (updates).

mod access;
pub mod account;
mod backup;
mod caller;
mod catalogue;
mod change;
mod check;
mod directory;
mod dn_cache;
mod error;
pub mod gmsa;
mod ids;
mod index;
mod links;
mod matching;
mod metadata;
mod names;
mod object;
pub mod provision;
mod search;
mod secrets;
mod store;
#[cfg(test)]
mod testing;
mod update;
mod view;

pub use backup::restore;
pub use caller::Caller;
pub use change::{AttributeMetadata, Change};
pub use directory::{CreateOptions, Directory, Environment, OpenOptions};
pub use error::{Error, Problem, win32};
pub use ids::{Dnt, LinkTarget, Usn};
pub use object::{Object, Values};
pub use search::{Base, EntrySink, ExtendedDn, Outcome, Page, Scope, Search, SearchDone};
pub use update::{Applied, Attribute, Draft, Edit, Modification, ModificationKind, Transaction, Update};
pub use view::View;
