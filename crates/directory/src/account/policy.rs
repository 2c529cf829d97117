//! What the domain wants of passwords. MS-SAMR 3.1.1.7.1 (age, history) and 3.1.1.7.2 (length, kinds of characters).
//!
//! Age and history bind users who change their own passwords; who may reset one is bound by neither. The history holds hashes as
//! `unicodePwd` does, the newest and present one first, and is encrypted like it.

use std::time::Duration;

use ldap::ResultCode;
use schema::AttrId;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::win32;
use crate::{Draft, Error, View};

/// `DOMAIN_PASSWORD_COMPLEX`. MS-SAMR 2.2.1.12.
const COMPLEX: i64 = 1;
/// Bits of `userAccountControl`. MS-ADTS 2.2.16.
const NOT_REQUIRED: i64 = 0x20;
const NORMAL: i64 = 0x200;
/// An NT hash.
const HASH: usize = 16;
/// More are not remembered, whatever the policy says; Windows' own tools set no more than 24.
const MOST_REMEMBERED: usize = 128;

/// The attributes of the domain's head that are about passwords.
pub(super) struct Policy {
    least_length: i64,
    is_complex: bool,
    least_age: Duration,
    remembered: usize,
}

impl Policy {
    pub(super) fn of_the_domain(view: &View<'_>) -> Result<Self, Error> {
        let domain = view.domain().ok().map(|dnt| view.object(dnt)).transpose()?.flatten();
        let setting = |name| {
            let attribute = view.schema().attribute(name)?;
            domain.as_ref()?.integer(attribute.id)
        };
        let number = |name| setting(name).unwrap_or(0);
        // A time is how far back something lies, so a span is negative.
        let ticks = number("minPwdAge").min(0).unsigned_abs();
        Ok(Self {
            least_length: number("minPwdLength"),
            is_complex: number("pwdProperties") & COMPLEX != 0,
            least_age: Duration::from_nanos(ticks.saturating_mul(100)),
            remembered: usize::try_from(number("pwdHistoryLength")).unwrap_or(0).min(MOST_REMEMBERED),
        })
    }

    /// A least length, and three of five kinds of characters without the account's name.
    pub(super) fn check_text(&self, text: &str, name: &str) -> Result<(), Error> {
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if length >= self.least_length && (!self.is_complex || is_complex(text, name)) {
            return Ok(());
        }
        Err(refused("its length, its kinds of characters, or it holds the account's name"))
    }

    /// Whether the account's own user may change the password now, and to this one.
    pub(super) fn check_change(&self, view: &View<'_>, draft: &Draft, new: &[u8; HASH]) -> Result<(), Error> {
        let control = number(view, draft, "userAccountControl");
        if control & NORMAL == 0 {
            return Ok(());
        }
        let set = u64::try_from(number(view, draft, "pwdLastSet")).unwrap_or(0);
        let now = view.environment().clock.now();
        // One that must be changed is old enough.
        if set != 0 && dtyp::FileTime(set).saturating_add(self.least_age) > now {
            return Err(refused("it was set too short a time ago: minPwdAge"));
        }
        if self.remembered == 0 || control & NOT_REQUIRED != 0 {
            return Ok(());
        }
        let present = secret(view, draft, "unicodePwd")?;
        let history = self.history(view, draft)?;
        let earlier = history.as_chunks::<HASH>().0.iter().map(|hash| &hash[..]);
        let mut all = earlier.chain(present.as_deref().map(Vec::as_slice));
        match all.any(|hash| bool::from(hash.ct_eq(&new[..]))) {
            true => Err(refused("it is one of the last: pwdHistoryLength")),
            false => Ok(()),
        }
    }

    /// Puts a password that is being set in front of those before it, of which the present one is the newest.
    pub(super) fn remember(&self, view: &View<'_>, draft: &mut Draft, new: &[u8; HASH]) -> Result<(), Error> {
        let Some(attribute) = id(view, "ntPwdHistory") else { return Ok(()) };
        if self.remembered == 0 && draft.secret(view, attribute)?.is_none() {
            return Ok(());
        }
        let before = self.history(view, draft)?;
        let present = secret(view, draft, "unicodePwd")?;
        // It is not in a history that begins with this change: nothing was remembered when it was set.
        let is_known = |hash: &[u8]| before.get(..HASH).is_some_and(|newest| bool::from(newest.ct_eq(hash)));
        let present = present.filter(|hash| hash.len() == HASH && !is_known(hash)).unwrap_or_default();
        let mut history = Zeroizing::new(Vec::with_capacity(HASH + present.len() + before.len()));
        history.extend_from_slice(new);
        history.extend_from_slice(&present);
        history.extend_from_slice(&before);
        history.truncate(self.remembered.saturating_mul(HASH));
        draft.set_secret(attribute, Some(history).filter(|history| !history.is_empty()));
        Ok(())
    }

    /// As much of it as counts.
    fn history(&self, view: &View<'_>, draft: &Draft) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut history = secret(view, draft, "ntPwdHistory")?.unwrap_or_default();
        history.truncate(self.remembered.saturating_mul(HASH));
        Ok(history)
    }
}

fn refused(why: &str) -> Error {
    let comment = format!("the password does not meet the domain's policy ({why})");
    Error::account(ResultCode::CONSTRAINT_VIOLATION, win32::PASSWORD_RESTRICTION, comment)
}

fn id(view: &View<'_>, name: &str) -> Option<AttrId> {
    view.schema().attribute(name).map(|attribute| attribute.id)
}

fn number(view: &View<'_>, draft: &Draft, name: &str) -> i64 {
    id(view, name).and_then(|id| draft.integer(id)).unwrap_or(0)
}

fn secret(view: &View<'_>, draft: &Draft, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    Ok(id(view, name).map(|id| draft.secret(view, id)).transpose()?.flatten())
}

fn is_complex(text: &str, name: &str) -> bool {
    let kinds: [fn(char) -> bool; 5] = [
        char::is_uppercase,
        char::is_lowercase,
        |c| c.is_ascii_digit(),
        |c| c.is_ascii_punctuation() || c == ' ',
        |c| c.is_alphabetic() && !c.is_uppercase() && !c.is_lowercase(),
    ];
    let found = kinds.iter().filter(|kind| text.chars().any(kind)).count();
    let holds_name = name.chars().count() > 2 && text.to_lowercase().contains(&name.to_lowercase());
    found >= 3 && !holds_name
}
