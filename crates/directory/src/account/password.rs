//! A password is set. MS-ADTS 3.1.1.3.1.5.1 (unicodePwd), MS-SAMR 3.1.1.7 and 3.1.1.8 (policy).

use ldap::{Dn, ResultCode};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::credentials::{nt_hash, set};
use super::policy::Policy;
use crate::error::win32;
use crate::update::PasswordWrite;
use crate::{Draft, Error, View, gmsa};

/// More than any client sends: MS-SAMR 2.2.6.21 has 256 characters.
const LONGEST: usize = 512;

pub(super) fn write(view: &View<'_>, draft: &mut Draft, write: &PasswordWrite<'_>) -> Result<(), Error> {
    if gmsa::is_derived(|class| draft.is_a(class)) {
        let comment = "the directory alone sets the password of a group or delegated managed service account";
        return Err(Error::account(ResultCode::UNWILLING_TO_PERFORM, win32::DS_UNWILLING_TO_PERFORM, comment));
    }
    let (PasswordWrite::Reset(new) | PasswordWrite::Change { new, .. }) = write;
    if let PasswordWrite::Change { old, .. } = write {
        check_old(view, draft, &unquote(old)?)?;
    }
    let utf16 = unquote(new)?;
    let (text, hash) = (text_of(&utf16), nt_hash(&utf16));
    let name = draft_text(view, draft, "sAMAccountName").unwrap_or_default().to_owned();
    let policy = Policy::of_the_domain(view)?;
    policy.check_text(&text, &name)?;
    if let PasswordWrite::Change { .. } = write {
        policy.check_change(view, draft, &hash)?;
    }
    policy.remember(view, draft, &hash)?;
    let salt = salt(&domain_name(view)?, draft.is_a("computer"), &name);
    let keys = view.inner.prepared_keys.take(&text, &salt);
    set(view, draft, &hash, &keys, salt)?;
    if let Some(attribute) = view.schema().attribute("pwdLastSet") {
        let now = view.environment().clock.now();
        draft.set_integer(attribute.id, i64::try_from(now.0).unwrap_or(i64::MAX));
    }
    Ok(())
}

/// A password as text; what is none of it becomes U+FFFD.
pub(super) fn text_of(utf16: &[u8]) -> Zeroizing<String> {
    let units = utf16.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    // A unit becomes at most three bytes: the text never moves while it grows, and so leaves no copy behind.
    let mut text = Zeroizing::new(String::with_capacity(utf16.len() / 2 * 3));
    text.extend(char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)));
    text
}

/// UTF-16LE between quotation marks.
pub(super) fn unquote(value: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let inner = value.strip_prefix(b"\"\0").and_then(|rest| rest.strip_suffix(b"\"\0"));
    match inner.filter(|inner| inner.len().is_multiple_of(2) && inner.len() <= LONGEST) {
        Some(inner) => Ok(Zeroizing::new(inner.to_vec())),
        None => Err(Error::account(
            ResultCode::UNWILLING_TO_PERFORM,
            win32::PASSWORD_RESTRICTION,
            "unicodePwd must be the password in UTF-16, between quotation marks",
        )),
    }
}

fn check_old(view: &View<'_>, draft: &Draft, old: &[u8]) -> Result<(), Error> {
    let attribute = view.schema().attribute("unicodePwd").map(|attribute| attribute.id);
    let stored = attribute.map(|id| draft.secret(view, id)).transpose()?.flatten();
    if stored.is_some_and(|stored| bool::from(stored.ct_eq(&nt_hash(old)[..]))) {
        return Ok(());
    }
    Err(Error::account(ResultCode::CONSTRAINT_VIOLATION, win32::INVALID_PASSWORD, "the old password is wrong"))
}

/// Users: realm and account name. Computers and their like: realm, `host`, the host's full name. MS-KILE 3.1.1.2.
pub(crate) fn salt(domain: &str, is_computer: bool, name: &str) -> String {
    let realm = domain.to_uppercase();
    match name.strip_suffix('$') {
        Some(host) if is_computer => format!("{realm}host{}.{}", host.to_lowercase(), domain.to_lowercase()),
        _ => format!("{realm}{name}"),
    }
}

/// The DNS name of the domain.
pub(crate) fn domain_name(view: &View<'_>) -> Result<String, Error> {
    let head = view.object(view.domain()?)?.ok_or_else(|| Error::damaged("the domain's head is missing"))?;
    let dn: Dn = head.dn()?.parse().map_err(|_| Error::damaged("the domain's name is malformed"))?;
    Ok(dn.rdns().map(|rdn| String::from_utf8_lossy(rdn.value()).into_owned()).collect::<Vec<_>>().join("."))
}

fn draft_text<'d>(view: &View<'_>, draft: &'d Draft, name: &str) -> Option<&'d str> {
    view.schema().attribute(name).and_then(|attribute| draft.text(attribute.id))
}
