//! Group managed service accounts: passwords that no one knows, derived from a KDS root key and released to those who may have them.
//!
//! In reading order: `root_keys`, the objects that hold the KDS root keys, and [`create_root_key`]; `known`, how they are remembered; `managed`, the passwords that an account
//! has at a time; `release`, the attribute `msDS-ManagedPassword`; `rollover`, how what is stored follows the schedule.
//!
//! Nothing happens at the moment of a rollover. Whoever looks next, a reader or the KDC, computes what is in force, and has it stored
//! without waiting for that; all who look at the same time compute the same.
//!
//! Specifications: MS-ADTS 3.1.1.4.5.39 (msDS-ManagedPassword), 3.1.1.4.4 (who may read it), MS-GKDI 3.1.4.1.

mod kerberos_keys;
mod known;
mod managed;
mod release;
mod rollover;
mod root_keys;
#[cfg(test)]
mod tests;

pub(crate) use known::{KnownRootKeys, changes_root_keys};
pub(crate) use managed::Managed;
pub(crate) use release::constructed;
pub(crate) use rollover::{created, in_force, kvno};
pub use root_keys::{RootKeyInfo, create_root_key, root_keys};

/// The class of these accounts.
pub(crate) const CLASS: &str = "msDS-GroupManagedServiceAccount";
/// A delegated managed service account has a password of the same kind, which leaves the directory by another way or not at all.
pub(crate) const DELEGATED: &str = "msDS-DelegatedManagedServiceAccount";
/// A standalone one is used on one computer, which sets its password.
pub(crate) const STANDALONE: &str = "msDS-ManagedServiceAccount";

/// Whether an account's password is derived from a root key, and set by the directory alone.
pub(crate) fn is_derived(is_a: impl Fn(&str) -> bool) -> bool {
    [CLASS, DELEGATED].into_iter().any(is_a)
}

/// Whether it is a managed service account of any kind.
pub(crate) fn is_service_account(is_a: impl Fn(&str) -> bool) -> bool {
    [CLASS, DELEGATED, STANDALONE].into_iter().any(is_a)
}

use dtyp::FileTime;

use crate::{Error, Object};

/// What a managed password means to who has the account's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Whether the password before the present one still proves the account: for less than five minutes after the change. The next one
    /// proves it as soon as readers get it, for the last five minutes.
    pub honours_previous: bool,
    /// Until when all of that holds.
    pub until: FileTime,
}

/// How long the keys of a gMSA count; nothing for an account of another class.
///
/// # Errors
/// When the account is damaged.
pub fn validity(account: &Object<'_>) -> Result<Option<Validity>, Error> {
    let now = account.view().environment().clock.now();
    let Some(managed) = Managed::of(account)? else { return Ok(None) };
    let plan = managed.plan(now)?;
    Ok(Some(Validity { honours_previous: plan.honours_previous(now), until: plan.settled_until(now) }))
}
