//! Windows data types: the words every other room speaks.
//!
//! This room knows what a security identifier, a GUID, a file time and a security descriptor *are*: their bytes, their text, their order,
//! and how a descriptor and a token together decide an access. It knows no directory, no protocol and no storage, and it reads neither the
//! clock nor the random source of the machine unless asked to by the two small traits that every other room takes as parameters.
//!
//! In reading order: [`Sid`], [`Guid`], [`FileTime`]; [`Clock`] and [`Random`]; [`sd::SecurityDescriptor`] with its [`sd::Acl`] of
//! [`sd::Ace`]s; [`sddl`], its text; [`Token`] and [`access_check()`]; [`sd::inherit`], how a child gets its descriptor.
//!
//! ```
//! use dtyp::{AccessMask, Sid, Token, access_check, sddl};
//!
//! let domain: Sid = "S-1-5-21-1-2-3".parse()?;
//! let descriptor = sddl::parse("O:DAG:DAD:(A;;RPWP;;;DA)(A;;RP;;;AU)", &domain, &domain)?;
//! let alice = Token::new(domain.with_rid(1104)?, [Sid::AUTHENTICATED_USERS]);
//! assert!(access_check(&descriptor, &alice, AccessMask::READ_PROPERTY, &[], None).is_granted());
//! assert!(!access_check(&descriptor, &alice, AccessMask::WRITE_PROPERTY, &[], None).is_granted());
//! # Ok::<(), dtyp::Error>(())
//! ```
//!
//! Specifications: MS-DTYP (data types, the access check, inheritance), MS-ADTS 5.1.3 (the rights of a directory object).

mod access_check;
mod clock;
mod error;
mod file_time;
mod guid;
mod random;
pub mod sd;
pub mod sddl;
mod sid;
mod token;

pub use access_check::{Access, ObjectType, access_check, granted_mask};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::Error;
pub use file_time::FileTime;
pub use guid::Guid;
pub use random::{Random, SeededRandom, SystemRandom};
pub use sd::{AccessMask, Ace, Acl, SecurityDescriptor};
pub use sid::{Sid, rid};
pub use token::{Privileges, Token};
