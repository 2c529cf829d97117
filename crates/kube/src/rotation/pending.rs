//! How a rotation stands in a Secret: one more key, and annotations.

use std::collections::BTreeMap;
use std::time::Duration;

use dtyp::FileTime;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1;
use k8s_openapi::jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::HOLD;
use super::object::Object;
use crate::{Secret, SecretError};

/// The key of the password that is to be the next one.
const NEXT: &str = "nextPassword";
const PRESENT: &str = "password";
/// Who is at it, and until when: `node-1 2026-11-28T10:00:00Z`.
const CLAIM: &str = "gmsa.pando.dev/password-rotation";
/// When the directory took the password.
const CHANGED: &str = "gmsa.pando.dev/password-changed";
/// When it is to be another, for who looks.
const ROTATES: &str = "gmsa.pando.dev/password-rotates";
/// Set by whoever wants another password now; with any value.
const ASKED_FOR: &str = "gmsa.pando.dev/rotate-password";
/// Which passwords the directory has refused.
const STUCK: &str = "gmsa.pando.dev/password-refused";
/// Before that, nobody tries.
const HELD: &str = "gmsa.pando.dev/password-rotation-not-before";
/// The longest value that is a password.
const MOST: usize = 4_096;

/// Who is at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) holder: String,
    pub(super) until: FileTime,
}

impl Claim {
    fn read(text: &str) -> Option<Self> {
        let (holder, until) = text.rsplit_once(' ')?;
        Some(Self { holder: holder.to_owned(), until: time(until)? })
    }

    fn text(&self) -> String {
        format!("{} {}", self.holder, text(self.until))
    }
}

/// A Secret of an impersonation account, and how its rotation stands.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) secret: Secret,
    /// What the directory may take already.
    pub(crate) next: Option<SecretString>,
    pub(super) claim: Option<Claim>,
    pub(super) changed: Option<FileTime>,
    pub(super) created: Option<FileTime>,
    pub(super) is_asked_for: bool,
    held: Option<FileTime>,
    refused: Option<String>,
}

impl Known {
    /// When the password is old enough. It is as old as its Secret if nobody says.
    pub(super) fn due(&self, every: Duration) -> FileTime {
        self.changed.or(self.created).unwrap_or_default().saturating_add(every)
    }

    /// For how long nobody is to try. Not for as long as one with a clock far ahead may have written.
    pub(super) fn held(&self, now: FileTime) -> Duration {
        let left = self.held.map_or(Duration::ZERO, |until| until.since(now));
        if left > HOLD.saturating_mul(2) { Duration::ZERO } else { left }
    }

    /// When the directory took the password, if a provider has noted it.
    pub(super) fn changed(&self) -> Option<FileTime> {
        self.changed
    }

    /// Whether a provider has found that the directory takes none of the passwords in it.
    pub(crate) fn is_stuck(&self) -> bool {
        self.refused.as_ref().is_some_and(|refused| *refused == self.digest())
    }

    /// Says which passwords these are, to who knows them. One of them is random, or the mark is of no use to anybody else: who reads it
    /// reads the passwords beside it.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for password in std::iter::once(&self.secret.password).chain(&self.next) {
            let password = password.expose_secret();
            hash.update(u64::try_from(password.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(password);
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Reads one.
///
/// # Errors
/// [`SecretError::Incomplete`].
pub(crate) fn known(object: &v1::Secret) -> Result<Known, SecretError> {
    let text = |key: &'static str| -> Result<Zeroizing<String>, SecretError> {
        let bytes = object.data.as_ref().and_then(|data| data.get(key)).ok_or(SecretError::Incomplete(key))?;
        let text = std::str::from_utf8(&bytes.0).ok().filter(|text| text.len() <= MOST);
        let text = text.ok_or(SecretError::Incomplete(key))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() { Err(SecretError::Incomplete(key)) } else { Ok(Zeroizing::new(text.to_owned())) }
    };
    let secret = Secret {
        username: text("username")?.to_string(),
        password: SecretString::from(text(PRESENT)?.as_str()),
        domain_name: text("domainName")?.to_string(),
        changed: written(object),
    };
    let annotation = |name: &str| object.metadata.annotations.as_ref().and_then(|all| all.get(name));
    Ok(Known {
        secret,
        next: text(NEXT).ok().map(|text| SecretString::from(text.as_str())),
        claim: annotation(CLAIM).and_then(|text| Claim::read(text)),
        changed: annotation(CHANGED).and_then(|text| time(text)),
        created: object.metadata.creation_timestamp.as_ref().map(|time| FileTime::from_unix(time.0.as_second(), 0)),
        is_asked_for: annotation(ASKED_FOR).is_some(),
        held: annotation(HELD).and_then(|text| time(text)),
        refused: annotation(STUCK).cloned(),
    })
}

/// When a provider is going to change the password.
pub(crate) fn rotates(object: &v1::Secret) -> Option<FileTime> {
    object.metadata.annotations.as_ref()?.get(ROTATES).and_then(|text| time(text))
}

/// When somebody wrote it last: whoever changes a field is noted with the time.
fn written(secret: &v1::Secret) -> Option<FileTime> {
    let written = secret.metadata.managed_fields.iter().flatten().filter_map(|one| one.time.as_ref());
    let last = written.chain(&secret.metadata.creation_timestamp).map(|time| time.0.as_second()).max()?;
    Some(FileTime::from_unix(last, 0))
}

/// With somebody at it.
pub(super) fn claimed(mut object: Object, claim: &Claim) -> Object {
    annotations(&mut object).insert(CLAIM.to_owned(), claim.text());
    object
}

/// With a next password.
pub(super) fn prepared(mut object: Object, next: &SecretString, claim: &Claim) -> Object {
    put(&mut object, NEXT, value(next));
    claimed(object, claim)
}

/// With the next password in the present one's place.
pub(super) fn promoted(mut object: Object, now: FileTime, every: Duration) -> Object {
    if let Some(next) = object.data.get_or_insert_default().remove(NEXT) {
        put(&mut object, PRESENT, next);
    }
    annotations(&mut object).remove(ASKED_FOR);
    noted(object, now, every)
}

/// With both passwords again, as they were before somebody took them out.
pub(super) fn restored(mut object: Object, present: &SecretString, next: &SecretString, claim: &Claim) -> Object {
    let all = annotations(&mut object);
    all.remove(STUCK);
    all.remove(HELD);
    put(&mut object, PRESENT, value(present));
    prepared(object, next, claim)
}

/// With nobody at it, and nobody to try before then.
pub(super) fn held(mut object: Object, until: FileTime) -> Object {
    let all = annotations(&mut object);
    all.remove(CLAIM);
    all.insert(HELD.to_owned(), text(until));
    object
}

/// With nobody at it, and the time since when the password has been what it is.
pub(super) fn noted(mut object: Object, changed: FileTime, every: Duration) -> Object {
    let all = annotations(&mut object);
    all.remove(CLAIM);
    all.remove(STUCK);
    all.remove(HELD);
    all.insert(CHANGED.to_owned(), text(changed));
    all.insert(ROTATES.to_owned(), text(changed.saturating_add(every)));
    object
}

/// With a mark that the directory takes none of its passwords.
pub(super) fn stuck(mut object: Object, known: &Known) -> Object {
    let all = annotations(&mut object);
    all.remove(CLAIM);
    all.insert(STUCK.to_owned(), known.digest());
    object
}

/// Puts a value where another is wiped.
fn put(object: &mut v1::Secret, key: &str, value: ByteString) {
    if let Some(mut old) = object.data.get_or_insert_default().insert(key.to_owned(), value) {
        old.0.zeroize();
    }
}

fn value(password: &SecretString) -> ByteString {
    ByteString(password.expose_secret().as_bytes().to_vec())
}

fn annotations(object: &mut v1::Secret) -> &mut BTreeMap<String, String> {
    object.metadata.annotations.get_or_insert_default()
}

fn time(text: &str) -> Option<FileTime> {
    let seconds = text.parse::<Timestamp>().ok()?.as_second();
    Some(FileTime::from_unix(seconds, 0))
}

fn text(time: FileTime) -> String {
    Timestamp::from_second(time.unix_seconds()).unwrap_or_default().to_string()
}
