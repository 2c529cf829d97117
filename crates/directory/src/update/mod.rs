//! Updates: the only way to write.
//!
//! MS-ADTS 3.1.1.5 (updates); RFC 4511 4.6 to 4.9.

mod add;
mod class_rules;
mod delete;
mod draft;
mod load;
mod modify;
mod planner;
mod principal;
mod propagate;
mod rename;
mod succession;
#[cfg(test)]
mod tests;
mod transaction;
mod value_rules;
mod write;
pub(crate) mod writer;

use dtyp::Guid;
use ldap::Dn;

pub use draft::Draft;
pub(crate) use planner::{Notes, Planner};
use propagate::Inherited;
pub use transaction::{Edit, Transaction};

use crate::{Caller, Dnt, Error, Usn, View};

/// An attribute with values, as a client sends them.
#[derive(Clone)]
pub struct Attribute {
    /// Its name or OID.
    pub name: String,
    /// Its values, in LDAP's form. Wiped when dropped: one of them may be a password.
    pub values: zeroize::Zeroizing<Vec<Vec<u8>>>,
}

/// What is done to an attribute. RFC 4511 4.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModificationKind {
    /// Add values.
    Add,
    /// Delete values, or all.
    Delete,
    /// Replace all values.
    Replace,
}

/// One step of a modify.
#[derive(Clone)]
pub struct Modification {
    /// What is done.
    pub kind: ModificationKind,
    /// To which attribute, with which values.
    pub attribute: Attribute,
}

/// A change that a caller asks for.
#[non_exhaustive]
pub enum Update {
    /// Create an object.
    Add {
        /// Its name.
        dn: Dn,
        /// Its attributes.
        attributes: Vec<Attribute>,
    },
    /// Change attributes.
    Modify {
        /// Whose.
        dn: Dn,
        /// How, in this order.
        changes: Vec<Modification>,
        /// Adding what is there and deleting what is not is no error. Control 1.2.840.113556.1.4.1413.
        permissive: bool,
        /// Which parts of a written descriptor count. Control 1.2.840.113556.1.4.801.
        sd_flags: Option<u32>,
    },
    /// Turn an object into a tombstone.
    Delete {
        /// Which.
        dn: Dn,
        /// With everything beneath it. Control 1.2.840.113556.1.4.805.
        tree: bool,
    },
    /// Rename or move an object, and with it everything beneath.
    Rename {
        /// Which.
        dn: Dn,
        /// Its new relative name.
        new_rdn: ldap::Rdn,
        /// Whether the old relative name goes; Active Directory insists on it.
        delete_old_rdn: bool,
        /// Where it goes, if elsewhere.
        new_superior: Option<Dn>,
    },
    /// Create many objects that may name each other, at once: how a domain is provisioned. Only for the system; missing system
    /// attributes (`objectGUID`, `whenCreated`, descriptors, …) are filled in, those given are kept.
    Load(Vec<(Dn, Vec<Attribute>)>),
    /// Anything the rooms beside this one decide inside the transaction (a password's rollover, a failed logon's count).
    System(Edit),
}

/// A change that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub usn: Usn,
    /// The object it made or changed.
    pub dnt: Dnt,
    /// The object, everywhere.
    pub guid: Guid,
}

impl Attribute {
    /// An attribute with values.
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self { name: name.into(), values: zeroize::Zeroizing::new(values.into_iter().map(Into::into).collect()) }
    }
}

impl std::fmt::Debug for Attribute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} values)", self.name, self.values.len())
    }
}

impl std::fmt::Debug for Modification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.kind, self.attribute)
    }
}

impl std::fmt::Debug for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Add { dn, attributes } => write!(f, "add {dn}: {attributes:?}"),
            Self::Modify { dn, changes, .. } => write!(f, "modify {dn}: {changes:?}"),
            Self::Delete { dn, tree } => write!(f, "delete {dn} (tree: {tree})"),
            Self::Rename { dn, new_rdn, new_superior, .. } => {
                write!(f, "rename {dn} to {new_rdn} under {new_superior:?}")
            }
            Self::Load(objects) => write!(f, "load {} objects", objects.len()),
            Self::System(_) => write!(f, "a change of the system's own"),
        }
    }
}

/// What a write to `unicodePwd` means, passed to [`account`](crate::account) as it came from the client (UTF-16LE in quotes).
pub(crate) enum PasswordWrite<'a> {
    /// Replace, or a value in an add: a reset, which needs the Reset Password right (checked before).
    Reset(&'a [u8]),
    /// Delete the old, add the new: a change, which needs the old password.
    Change {
        /// What the client says the password is.
        old: &'a [u8],
        /// What it shall be.
        new: &'a [u8],
    },
}

/// A validated update: what to write, and nothing left to refuse.
pub(crate) struct Plan {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) inherited: Vec<Inherited>,
    pub(crate) target: (Dnt, Guid),
    /// Whether names of existing objects change or go.
    pub(crate) names_change: bool,
    pub(crate) notes: Notes,
}

/// Decides what an update will write, or why it may not be.
pub(crate) fn plan(view: &View<'_>, caller: &Caller, update: Update) -> Result<Plan, Error> {
    let mut planner = Planner::new(view, caller)?;
    match update {
        Update::Add { dn, attributes } => add::plan(&mut planner, &dn, &attributes)?,
        Update::Modify { dn, changes, permissive, sd_flags } => {
            modify::plan(&mut planner, &dn, &changes, modify::Options { permissive, sd_flags })?;
        }
        Update::Delete { dn, tree } => delete::plan(&mut planner, &dn, tree)?,
        Update::Rename { dn, new_rdn, delete_old_rdn, new_superior } => {
            rename::plan(&mut planner, &dn, &new_rdn, delete_old_rdn, new_superior.as_ref())?;
        }
        Update::Load(objects) => load::plan(&mut planner, &objects)?,
        Update::System(edit) => transaction::plan(&mut planner, edit)?,
    }
    Ok(planner.finish())
}
