//! Accounts: who may log on, with which keys.
//!
//! In reading order: [`find`], an account by any of the names a bind may use; [`authenticate`], which proves a password; [`token()`], what
//! the account is a member of; [`keys`], what the KDC and services use. Passwords are set through `unicodePwd` by the update pipeline.
//!
//! MS-ADTS 5.1.1.1 (binds), MS-SAMR 3.1.1.8 (passwords), MS-KILE 3.1.1.2 (salts).

mod credentials;
mod host_services;
mod hours;
mod logon;
mod names;
mod password;
mod policy;
mod prepared;
#[cfg(test)]
mod tests;
mod token;

use schema::Attribute;

use crate::update::PasswordWrite;
use crate::{Caller, Draft, Error, Object, View, gmsa};

pub use credentials::{AccountKey, Keys};
pub(crate) use credentials::{PasswordKeys, set};
pub use host_services::HOST_SERVICES;
pub use hours::LogonHours;
pub use logon::{LogonFailure, authenticate};
pub use names::find;
pub(crate) use names::{is_own, own_names};
pub(crate) use password::{domain_name, salt};
pub(crate) use prepared::{Prepared, prepare, sets_password};
pub(crate) use token::members_of;
pub use token::token;

/// The keys of an account, current and previous: those in force now.
///
/// # Errors
/// When the store is damaged.
pub fn keys(view: &View<'_>, account: &Object<'_>) -> Result<Option<Keys>, Error> {
    credentials::stored(view, account.dnt())?.map(|stored| gmsa::in_force(account, stored)).transpose()
}

/// Hook: a password is written to an object that is being added or modified. Checks policy, sets the secrets and what goes with them
/// (`pwdLastSet`, …). The writer has checked sealing and access before.
pub(crate) fn write_password(
    view: &View<'_>,
    _caller: &Caller,
    draft: &mut Draft,
    write: &PasswordWrite<'_>,
) -> Result<(), Error> {
    password::write(view, draft, write)
}

/// Hook: gives `emit` the values of a constructed attribute of an object, and returns whether it knows that attribute at all.
pub(crate) fn constructed(
    _caller: &Caller,
    object: &Object<'_>,
    attribute: &Attribute,
    emit: &mut dyn FnMut(&[u8]),
) -> Result<bool, Error> {
    match attribute.name.as_str() {
        "tokenGroups" => {
            token::members_of(object.view(), object)?.iter().for_each(|sid| emit(&sid.to_bytes()));
            Ok(true)
        }
        "msDS-KeyVersionNumber" => {
            if let Some(stored) = credentials::stored(object.view(), object.dnt())? {
                emit(gmsa::kvno(object, stored.kvno)?.to_string().as_bytes());
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}
