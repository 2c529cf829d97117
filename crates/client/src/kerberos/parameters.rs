//! How a password becomes a key for this principal: what the KDC says. RFC 4120 5.2.7.5, RFC 3962 4.

use ::kerberos::crypto::{Etype, Key};
use ::kerberos::messages::{EtypeInfo2Entry, PaData, decode_etype_info2, pa};
use secrecy::ExposeSecret;

use super::Secret;

/// What RFC 3962 4 takes when the KDC does not say.
const DEFAULT_ITERATIONS: u32 = 4096;
/// Fewer would make guessing easier for whoever pretends to be the KDC; more would only keep this machine busy.
const ITERATIONS: std::ops::RangeInclusive<u32> = DEFAULT_ITERATIONS..=1 << 18;

/// One kind of key that the KDC has for a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyParameters {
    /// The encryption type.
    pub etype: Etype,
    /// The salt.
    pub salt: Vec<u8>,
    /// How often the password is hashed.
    pub iterations: u32,
}

impl KeyParameters {
    /// Those of AES among the KDC's, in its order of preference.
    pub(super) fn of(padata: &[PaData], default_salt: &str) -> Result<Vec<Self>, String> {
        let Some(info) = padata.iter().find(|pa| pa.kind == pa::ETYPE_INFO2) else { return Ok(Vec::new()) };
        let entries = decode_etype_info2(&info.value).map_err(|error| error.to_string())?;
        entries.iter().filter_map(|entry| Self::entry(entry, default_salt).transpose()).collect()
    }

    fn entry(entry: &EtypeInfo2Entry, default_salt: &str) -> Result<Option<Self>, String> {
        let Some(etype) = Etype::from_i32(entry.etype) else { return Ok(None) };
        let iterations = match &entry.s2kparams {
            None => DEFAULT_ITERATIONS,
            Some(bytes) => {
                u32::from_be_bytes(bytes.as_slice().try_into().map_err(|_| "malformed s2kparams".to_owned())?)
            }
        };
        if !ITERATIONS.contains(&iterations) {
            return Err(format!("a key of {iterations} iterations (only {ITERATIONS:?} are used)"));
        }
        let salt = entry.salt.clone().map_or_else(|| default_salt.as_bytes().to_vec(), String::into_bytes);
        Ok(Some(Self { etype, salt, iterations }))
    }

    fn unsaid(etype: Etype, default_salt: &str) -> Self {
        Self { etype, salt: default_salt.as_bytes().to_vec(), iterations: DEFAULT_ITERATIONS }
    }
}

impl Secret {
    /// The key for the first of the KDC's kinds that we have or can make.
    pub(super) fn key(&self, parameters: &[KeyParameters]) -> Option<Key> {
        match self {
            Self::Keys(keys) if parameters.is_empty() => keys.iter().max_by_key(|key| key.etype() as i32).cloned(),
            Self::Keys(keys) => parameters.iter().find_map(|p| keys.iter().find(|key| key.etype() == p.etype)).cloned(),
            Self::Password(password) => parameters.first().and_then(|p| make(password.expose_secret(), p)),
        }
    }

    /// The key for what the KDC encrypted to us.
    pub(super) fn key_of(&self, etype: Etype, parameters: &[KeyParameters], default_salt: &str) -> Option<Key> {
        match self {
            Self::Keys(keys) => keys.iter().find(|key| key.etype() == etype).cloned(),
            Self::Password(password) => {
                let said = parameters.iter().find(|p| p.etype == etype).cloned();
                make(password.expose_secret(), &said.unwrap_or_else(|| KeyParameters::unsaid(etype, default_salt)))
            }
        }
    }
}

fn make(password: &str, parameters: &KeyParameters) -> Option<Key> {
    Some(Key::from_password(parameters.etype, password.as_bytes(), &parameters.salt, parameters.iterations))
}
