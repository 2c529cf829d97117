//! A password is proved. MS-ADTS 5.1.1.1.

use gkdi::ManagedPassword;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::credentials::{nt_hash, stored_hash};
use super::hours::LogonHours;
use super::names::find;
use crate::gmsa::{self, Managed};
use crate::{Dnt, Error, Object, View};

/// Why nobody logs on: Windows' error, as AD prints it behind `data`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogonFailure {
    /// No such account, no password, or the wrong one: which of these is not told. `ERROR_LOGON_FAILURE`.
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// `ERROR_ACCOUNT_DISABLED`.
    #[error("the account is disabled")]
    Disabled,
    /// `ERROR_ACCOUNT_EXPIRED`.
    #[error("the account has expired")]
    AccountExpired,
    /// `ERROR_INVALID_LOGON_HOURS`.
    #[error("the account may not log on at this time")]
    LogonHours,
    /// `ERROR_PASSWORD_EXPIRED`.
    #[error("the password has expired")]
    PasswordExpired,
    /// `ERROR_PASSWORD_MUST_CHANGE`.
    #[error("the password must be changed first")]
    MustChange,
    /// `ERROR_ACCOUNT_LOCKED_OUT`.
    #[error("the account is locked out")]
    LockedOut,
    /// The store failed.
    #[error(transparent)]
    Directory(#[from] Error),
}

impl LogonFailure {
    /// The number behind `data`.
    #[must_use]
    pub const fn data(&self) -> u32 {
        match self {
            Self::WrongPassword | Self::Directory(_) => 0x52e,
            Self::LogonHours => 0x530,
            Self::PasswordExpired => 0x532,
            Self::Disabled => 0x533,
            Self::AccountExpired => 0x701,
            Self::MustChange => 0x773,
            Self::LockedOut => 0x775,
        }
    }
}

/// `userAccountControl` bits. MS-ADTS 2.2.16.
mod uac {
    pub(super) const ACCOUNT_DISABLE: i64 = 0x2;
    pub(super) const DONT_EXPIRE_PASSWORD: i64 = 0x1_0000;
    /// Computers, domain controllers and trusts.
    pub(super) const TRUST_ACCOUNTS: i64 = 0x800 | 0x1000 | 0x2000;
    pub(super) const SMARTCARD_REQUIRED: i64 = 0x4_0000;
}

/// Checks a name, in any form, and a password. The state of the account is told only to who knows its password, except that it is
/// locked out, which stops guessing.
///
/// # Errors
/// See [`LogonFailure`].
pub fn authenticate(view: &View<'_>, name: &str, password: &[u8]) -> Result<Dnt, LogonFailure> {
    let account = match find(view, name)? {
        Some(dnt) => view.object(dnt)?.filter(|object| object.is_a("user") && !object.is_deleted()),
        None => None,
    };
    let given = hash_of(password);
    // The same work for an account that is not there: time does not tell which names exist.
    let stored = account.as_ref().map(hashes).transpose()?.unwrap_or_default();
    let is_none = bool::from([0u8; 16].ct_eq(&given[..]));
    let is_right = stored.iter().fold(false, |is, hash| is | bool::from(hash.ct_eq(&given[..]))) && !is_none;
    let account = account.ok_or(LogonFailure::WrongPassword)?;
    // Guessing 256 random bytes needs no stopping; who locks a service out stops all of it.
    let can_be_locked = !gmsa::is_derived(|class| account.is_a(class));
    if can_be_locked && number(&account, "lockoutTime") > 0 && is_locked(view, &account)? {
        return Err(LogonFailure::LockedOut);
    }
    if !is_right {
        return Err(LogonFailure::WrongPassword);
    }
    check_state(view, &account)?;
    Ok(account.dnt())
}

/// The hashes of the passwords that prove an account: the stored one, or of a gMSA those in force.
fn hashes(account: &Object<'_>) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
    let Some(managed) = Managed::of(account)? else { return Ok(stored_hash(account)?.into_iter().collect()) };
    match managed.accepted(account.view(), account.view().environment().clock.now()) {
        Ok(passwords) => Ok(passwords.iter().flat_map(hashes_of_managed).collect()),
        // Without its root key no password is derived any more; the one that is stored is right until it is to change.
        Err(error) if managed.is_current(account)? => {
            tracing::warn!(account = account.dn()?, %error, "only the stored password of a gMSA is known");
            Ok(stored_hash(account)?.into_iter().collect())
        }
        Err(error) => Err(error),
    }
}

/// A simple bind carries text, which not every managed password is: what is none in it arrives as U+FFFD, as it does with Kerberos.
fn hashes_of_managed(password: &ManagedPassword) -> [Zeroizing<Vec<u8>>; 2] {
    let as_text = hash_of(password.kerberos_utf8().expose_secret().as_bytes());
    [&password.nt_hash()[..], &as_text[..]].map(|hash| Zeroizing::new(hash.to_vec()))
}

fn hash_of(password: &[u8]) -> Zeroizing<[u8; 16]> {
    let text = String::from_utf8_lossy(password);
    let utf16 = Zeroizing::new(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    nt_hash(&utf16)
}

fn number(object: &Object<'_>, attribute: &str) -> i64 {
    object.view().schema().attribute(attribute).and_then(|attribute| object.integer(attribute.id)).unwrap_or(0)
}

fn hours(account: &Object<'_>) -> Option<LogonHours> {
    let attribute = account.view().schema().attribute("logonHours")?;
    LogonHours::from_value(account.value(attribute.id)?)
}

/// What the domain says, of settings that are negative intervals in ticks.
fn interval(view: &View<'_>, attribute: &str) -> Result<u64, Error> {
    let head = view.object(view.domain()?)?;
    Ok(head.map_or(0, |head| number(&head, attribute)).unsigned_abs())
}

fn is_locked(view: &View<'_>, account: &Object<'_>) -> Result<bool, Error> {
    let duration = interval(view, "lockoutDuration")?;
    let since = u64::try_from(number(account, "lockoutTime")).unwrap_or(0);
    // No duration: until an administrator unlocks it.
    Ok(duration == 0 || view.environment().clock.now().0 < since.saturating_add(duration))
}

/// In the order of MS-KILE 3.3.5.6, as the KDC has it: disabled, expired, the hour, then the password's own state.
fn check_state(view: &View<'_>, account: &Object<'_>) -> Result<(), LogonFailure> {
    let control = number(account, "userAccountControl");
    if control & uac::ACCOUNT_DISABLE != 0 {
        return Err(LogonFailure::Disabled);
    }
    let now = i64::try_from(view.environment().clock.now().0).unwrap_or(i64::MAX);
    let expires = number(account, "accountExpires");
    if expires != 0 && expires <= now {
        return Err(LogonFailure::AccountExpired);
    }
    if hours(account).is_some_and(|hours| !hours.allow(view.environment().clock.now())) {
        return Err(LogonFailure::LogonHours);
    }
    if control & (uac::DONT_EXPIRE_PASSWORD | uac::TRUST_ACCOUNTS | uac::SMARTCARD_REQUIRED) != 0 {
        return Ok(());
    }
    let set = number(account, "pwdLastSet");
    if set == 0 {
        return Err(LogonFailure::MustChange);
    }
    let most = i64::try_from(interval(view, "maxPwdAge")?).unwrap_or(i64::MAX);
    if most != 0 && most != i64::MAX && set.saturating_add(most) <= now {
        return Err(LogonFailure::PasswordExpired);
    }
    Ok(())
}
