//! What is kept of a password: the NT hash (`unicodePwd`) and Kerberos keys (`supplementalCredentials`), both encrypted at rest.
//!
//! The keys stand in a form of our own: no client ever reads them.

use kerberos::crypto::{Etype, Key};
use md4::{Digest, Md4};
use zeroize::Zeroizing;

use crate::{Dnt, Draft, Error, Object, View};

const VERSION: u8 = 1;
/// The current keys and the previous ones, of each kind.
const MOST_KEYS: usize = 8;

/// One key of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKey {
    /// The version of the password it was made of.
    pub kvno: u32,
    /// The key.
    pub key: Key,
}

/// The keys of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The version of the current password.
    pub kvno: u32,
    /// What the keys were salted with.
    pub salt: String,
    /// Current keys first.
    pub keys: Vec<AccountKey>,
}

impl Keys {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let salt = self.salt.as_bytes().get(..usize::from(u16::MAX)).unwrap_or(self.salt.as_bytes());
        let mut out = Zeroizing::new(Vec::with_capacity(16 + salt.len() + self.keys.len() * 48));
        out.push(VERSION);
        out.extend_from_slice(&self.kvno.to_be_bytes());
        out.extend_from_slice(&u16::try_from(salt.len()).unwrap_or_default().to_be_bytes());
        out.extend_from_slice(salt);
        for key in self.keys.iter().take(MOST_KEYS) {
            out.extend_from_slice(&key.kvno.to_be_bytes());
            out.push(key.key.etype() as u8);
            out.extend_from_slice(key.key.bytes());
        }
        out
    }

    fn decode(stored: &[u8]) -> Option<Self> {
        let ([version, kvno @ ..], rest) = stored.split_first_chunk::<5>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (salt, mut rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if *version != VERSION {
            return None;
        }
        let mut keys = Vec::new();
        while let Some((head, after)) = rest.split_first_chunk::<5>() {
            let [a, b, c, d, etype] = *head;
            let etype = Etype::from_i32(i32::from(etype))?;
            let (bytes, after) = after.split_at_checked(etype.key_length())?;
            keys.push(AccountKey { kvno: u32::from_be_bytes([a, b, c, d]), key: Key::new(etype, bytes).ok()? });
            rest = after;
        }
        Some(Self { kvno: u32::from_be_bytes(*kvno), salt: std::str::from_utf8(salt).ok()?.to_owned(), keys })
    }
}

/// The NT hash of a password's UTF-16LE bytes. MS-NLMP 3.3.1.
pub(super) fn nt_hash(password: &[u8]) -> Zeroizing<[u8; 16]> {
    Zeroizing::new(Md4::digest(password).into())
}

/// The keys that are stored for an account.
pub(super) fn stored(view: &View<'_>, account: Dnt) -> Result<Option<Keys>, Error> {
    let Some(attribute) = view.schema().attribute("supplementalCredentials") else { return Ok(None) };
    let Some(secret) = view.secret(account, attribute.id)? else { return Ok(None) };
    Keys::decode(&secret).map(Some).ok_or_else(|| Error::damaged("an account's keys are malformed"))
}

/// The NT hash that is stored for an account.
pub(super) fn stored_hash(account: &Object<'_>) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let Some(attribute) = account.view().schema().attribute("unicodePwd") else { return Ok(None) };
    account.view().secret(account.dnt(), attribute.id)
}

/// The Kerberos keys of one password, strongest first. RFC 3962 4.
#[derive(Clone)]
pub(crate) struct PasswordKeys([Key; 2]);

impl PasswordKeys {
    /// The keys that a password makes: some milliseconds of work.
    pub(crate) fn new(text: &str, salt: &str) -> Self {
        Self(
            [Etype::Aes256, Etype::Aes128]
                .map(|etype| Key::from_password(etype, text.as_bytes(), salt.as_bytes(), 4096)),
        )
    }

    /// The same as the keys of a version.
    pub(crate) fn with_version(&self, kvno: u32) -> impl Iterator<Item = AccountKey> {
        self.0.iter().map(move |key| AccountKey { kvno, key: key.clone() })
    }
}

/// Sets the hash and the keys of a new password; the keys before stay for tickets that are under way.
pub(crate) fn set(
    view: &View<'_>,
    draft: &mut Draft,
    hash: &[u8; 16],
    new: &PasswordKeys,
    salt: String,
) -> Result<(), Error> {
    let missing = || Error::store("the schema has no attributes for passwords".into());
    let id = |name| view.schema().attribute(name).map(|attribute| attribute.id).ok_or_else(missing);
    let (hash_id, keys_id) = (id("unicodePwd")?, id("supplementalCredentials")?);
    let before = draft.secret(view, keys_id)?.as_deref().and_then(|stored| Keys::decode(stored));
    let kvno = before.as_ref().map_or(1, |keys| keys.kvno.saturating_add(1));
    let mut keys: Vec<AccountKey> = new.with_version(kvno).collect();
    let previous = before.iter().flat_map(|before| before.keys.iter().filter(|key| key.kvno == before.kvno));
    keys.extend(previous.cloned());
    draft.set_secret(keys_id, Some(Keys { kvno, salt, keys }.encode()));
    draft.set_secret(hash_id, Some(Zeroizing::new(hash.to_vec())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_stored_bytes_are_keys_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = Keys::decode(&bytes);
        }
    }

    #[test]
    fn keys_read_back_and_do_not_print() {
        let key =
            |kvno, etype, byte: u8| AccountKey { kvno, key: Key::new(etype, &vec![byte; etype.key_length()]).unwrap() };
        let keys = Keys {
            kvno: 3,
            salt: "CONTOSO.COMalice".into(),
            keys: vec![key(3, Etype::Aes256, 65), key(2, Etype::Aes128, 66)],
        };
        assert_eq!(Keys::decode(&keys.encode()), Some(keys.clone()));
        assert!(!format!("{keys:?}").contains("65, 65"));
    }
}
