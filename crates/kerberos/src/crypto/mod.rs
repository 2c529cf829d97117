//! Keys and what is done with them: AES with HMAC-SHA1-96. RFC 3961 (the profile), RFC 3962 (AES).

mod aes_cts;
mod derive;

use dtyp::Random;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use aes_cts::AesKey;

const BLOCK: usize = 16;
/// HMAC-SHA1-96: what is kept of twenty bytes.
const MAC: usize = 12;

/// The kind of a key. RFC 3962 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum Etype {
    /// `aes128-cts-hmac-sha1-96`.
    Aes128 = 17,
    /// `aes256-cts-hmac-sha1-96`.
    Aes256 = 18,
}

impl Etype {
    /// The kind of this number, if it is one we have.
    #[must_use]
    pub const fn from_i32(number: i32) -> Option<Self> {
        match number {
            17 => Some(Self::Aes128),
            18 => Some(Self::Aes256),
            _ => None,
        }
    }

    /// How many bytes a key has.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }

    /// The number of its checksum. RFC 3962 7.
    #[must_use]
    pub const fn checksum_type(self) -> i32 {
        match self {
            Self::Aes128 => 15,
            Self::Aes256 => 16,
        }
    }
}

/// Why nothing was decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// A key of another length.
    #[error("the key has the wrong length for its encryption type")]
    KeyLength,
    /// Shorter than the confounder and the checksum.
    #[error("the ciphertext is too short")]
    TooShort,
    /// Another key, another usage, or changed on the way.
    #[error("the ciphertext does not decrypt under this key")]
    Integrity,
}

/// A protocol key. Wiped when dropped, and never printed.
#[derive(Clone)]
pub struct Key {
    etype: Etype,
    bytes: [u8; 32],
}

impl Drop for Key {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.etype)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.etype == other.etype && bool::from(self.bytes().ct_eq(other.bytes()))
    }
}

impl Eq for Key {}

impl Key {
    /// A key of these bytes.
    ///
    /// # Errors
    /// When there are not as many as the kind has.
    pub fn new(etype: Etype, bytes: &[u8]) -> Result<Self, CryptoError> {
        if bytes.len() != etype.key_length() {
            return Err(CryptoError::KeyLength);
        }
        let mut key = Self { etype, bytes: [0; 32] };
        key.bytes.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(key)
    }

    /// A key nobody can guess.
    #[must_use]
    pub fn random(etype: Etype, random: &dyn Random) -> Self {
        let mut key = Self { etype, bytes: [0; 32] };
        random.fill(key.bytes_mut());
        key
    }

    /// The key of a password. RFC 3962 4.
    #[must_use]
    pub fn from_password(etype: Etype, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let mut seed = Self { etype, bytes: [0; 32] };
        pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, seed.bytes_mut());
        let mut key = Self { etype, bytes: [0; 32] };
        derive::derive(&seed, b"kerberos", key.bytes_mut());
        key
    }

    /// Its kind.
    #[must_use]
    pub const fn etype(&self) -> Etype {
        self.etype
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.etype.key_length()).unwrap_or_default()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.etype.key_length()).unwrap_or_default()
    }

    /// Encrypts for a usage. RFC 3961 5.3.
    #[must_use]
    pub fn encrypt(&self, usage: u32, plaintext: &[u8], random: &dyn Random) -> Vec<u8> {
        let mut confounder = [0; BLOCK];
        random.fill(&mut confounder);
        self.encrypt_with(usage, &confounder, plaintext)
    }

    fn encrypt_with(&self, usage: u32, confounder: &[u8; BLOCK], plaintext: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(BLOCK + plaintext.len() + MAC);
        out.extend_from_slice(confounder);
        out.extend_from_slice(plaintext);
        let mac = hmac96(&self.derived(usage, 0x55), &out);
        AesKey::new(&self.derived(usage, 0xaa)).encrypt(&mut out);
        out.extend_from_slice(&mac);
        out
    }

    /// Decrypts what was encrypted for a usage.
    ///
    /// # Errors
    /// When it was not encrypted under this key for this usage.
    pub fn decrypt(&self, usage: u32, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let split = ciphertext.len().checked_sub(MAC).filter(|n| *n >= BLOCK).ok_or(CryptoError::TooShort)?;
        let (body, mac) = ciphertext.split_at_checked(split).ok_or(CryptoError::TooShort)?;
        let mut plain = Zeroizing::new(body.to_vec());
        AesKey::new(&self.derived(usage, 0xaa)).decrypt(&mut plain);
        let expected = hmac96(&self.derived(usage, 0x55), &plain);
        if !bool::from(expected.ct_eq(mac)) {
            return Err(CryptoError::Integrity);
        }
        plain.drain(..BLOCK);
        Ok(plain)
    }

    /// The keyed checksum for a usage. RFC 3961 5.4.
    #[must_use]
    pub fn checksum(&self, usage: u32, data: &[u8]) -> [u8; MAC] {
        hmac96(&self.derived(usage, 0x99), data)
    }

    /// Whether this is the keyed checksum; takes the same time wherever it differs.
    #[must_use]
    pub fn verify_checksum(&self, usage: u32, data: &[u8], checksum: &[u8]) -> bool {
        self.checksum(usage, data).ct_eq(checksum).into()
    }

    /// The key of one usage and purpose. RFC 3961 5.3.
    fn derived(&self, usage: u32, purpose: u8) -> Self {
        let [a, b, c, d] = usage.to_be_bytes();
        let mut key = Self { etype: self.etype, bytes: [0; 32] };
        derive::derive(self, &[a, b, c, d, purpose], key.bytes_mut());
        key
    }
}

fn hmac96(key: &Key, data: &[u8]) -> [u8; MAC] {
    let mut out = [0; MAC];
    // HMAC takes keys of every length.
    if let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key.bytes()) {
        mac.update(data);
        out.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
    }
    out
}

#[cfg(test)]
mod tests;
