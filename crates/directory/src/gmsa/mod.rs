//! Group managed service accounts: passwords that no one knows, derived from a KDS root key and released to those who may have them.
//!
//! In reading order: `root_keys`, the objects that hold the KDS root keys, and [`create_root_key`]; `managed`, the passwords that an account
//! has at a time; `release`, the attribute `msDS-ManagedPassword`; `rollover`, how what is stored follows the schedule.
//!
//! Nothing happens at the moment of a rollover. Whoever looks next, a reader or the KDC, computes what is in force, and has it stored
//! without waiting for that; all who look at the same time compute the same.
//!
//! Specifications: MS-ADTS 3.1.1.4.5.39 (msDS-ManagedPassword), 3.1.1.4.4 (who may read it), MS-GKDI 3.1.4.1.

mod managed;
mod release;
mod rollover;
mod root_keys;
#[cfg(test)]
mod tests;

pub(crate) use managed::Managed;
pub(crate) use release::constructed;
pub(crate) use rollover::{created, in_force, kvno};
pub use root_keys::{RootKeyInfo, create_root_key, root_keys};

/// The class of these accounts.
pub(crate) const CLASS: &str = "msDS-GroupManagedServiceAccount";

use crate::{Error, Object};

/// Whether the password before the present one still proves an account: for less than five minutes after the change.
///
/// # Errors
/// When the account is damaged.
pub fn honours_previous(account: &Object<'_>) -> Result<bool, Error> {
    let now = account.view().environment().clock.now();
    match Managed::of(account)? {
        Some(managed) => Ok(managed.plan(now)?.honours_previous(now)),
        None => Ok(false),
    }
}
