//! Security descriptors: who owns an object, and who may do what with it.
//!
//! MS-DTYP 2.4.3 (masks), 2.4.4 (entries), 2.4.5 (lists), 2.4.6 (descriptors, self-relative form).

mod ace;
mod acl;
mod canonical;
mod descriptor;
pub mod inherit;
mod mask;

pub use ace::{Ace, AceFlags, AceKind, ObjectScope};
pub use acl::Acl;
pub use descriptor::{Control, SecurityDescriptor};
pub use mask::AccessMask;
