//! Secrets at rest: encrypted before they reach the store, under a key that is not in it.
//!
//! ChaCha20-Poly1305 (RFC 8439) with a random nonce; the object and attribute are authenticated with the value, so that a value cannot be
//! moved to another account by somebody who can write the file.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use dtyp::Random;
use schema::AttrId;
use zeroize::Zeroizing;

use crate::{Dnt, Error};

const NONCE: usize = 12;

/// Encrypts and decrypts secrets.
pub(crate) struct SecretBox {
    cipher: ChaCha20Poly1305,
}

/// Where a secret belongs: also its key in the table.
pub(crate) fn place(dnt: Dnt, attribute: AttrId) -> [u8; 8] {
    let mut place = [0; 8];
    let (object, name) = place.split_at_mut(4);
    object.copy_from_slice(&dnt.to_bytes());
    name.copy_from_slice(&attribute.0.to_be_bytes());
    place
}

impl SecretBox {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { cipher: ChaCha20Poly1305::new(key.into()) }
    }

    /// What is stored for a secret.
    pub(crate) fn seal(&self, place: &[u8; 8], secret: &[u8], random: &dyn Random) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: secret, aad: place })
            .map_err(|_| Error::store("a secret could not be encrypted".into()))?;
        let mut stored = nonce.to_vec();
        stored.extend_from_slice(&sealed);
        Ok(stored)
    }

    /// The secret of what is stored.
    pub(crate) fn open(&self, place: &[u8; 8], stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let damaged = || {
            Error::damaged("a secret does not decrypt: the key file is not this directory's, or the value was altered")
        };
        let (nonce, sealed) = stored.split_first_chunk::<NONCE>().ok_or_else(damaged)?;
        self.cipher
            .decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: place })
            .map(Zeroizing::new)
            .map_err(|_| damaged())
    }
}

#[cfg(test)]
mod tests {
    use dtyp::SeededRandom;

    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_belongs_and_unaltered() {
        let secrets = SecretBox::new(&[7; 32]);
        let here = place(Dnt(5), AttrId(90));
        let mut stored = secrets.seal(&here, b"hash", &SeededRandom::new(1)).unwrap();
        assert_eq!(secrets.open(&here, &stored).unwrap().as_slice(), b"hash");
        assert!(secrets.open(&place(Dnt(6), AttrId(90)), &stored).is_err());
        assert!(SecretBox::new(&[8; 32]).open(&here, &stored).is_err());
        *stored.last_mut().unwrap() ^= 1;
        assert!(secrets.open(&here, &stored).is_err());
        assert!(secrets.open(&here, b"short").is_err());
    }

    #[test]
    fn what_is_stored_does_not_contain_the_secret() {
        let stored =
            SecretBox::new(&[7; 32]).seal(&place(Dnt(5), AttrId(90)), b"Password1", &SeededRandom::new(1)).unwrap();
        assert!(!stored.windows(9).any(|window| window == b"Password1"));
    }
}
