//! A certificate and its key in one file, as Windows' programs read them. RFC 7292.
//!
//! What such a file is encrypted with is known to everybody who reads it here: its password is the empty text. It is as secret as the rights
//! of the file, and no more.

use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey, PrivateKeyChain,
};
use zeroize::Zeroizing;

use crate::{Error, Identity};

/// Rounds of key derivation, which protect an empty password from nothing; Windows' own number.
const ROUNDS: u32 = 2_000;

impl Identity {
    /// The chain and the key as a PKCS #12 file that opens with an empty password, and with none.
    ///
    /// It is written with triple DES and SHA-1, because every Windows reads that; the newer ciphers, only those since 1809.
    ///
    /// # Errors
    /// [`Error::Pkcs12`].
    pub fn pkcs12_without_password(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let wrong = |error: p12_keystore::error::Error| Error::Pkcs12(error.to_string());
        let chain: Vec<_> =
            self.chain().iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>().map_err(wrong)?;
        let key = PrivateKey::from_der(self.key().secret_der()).map_err(wrong)?;
        let mut store = KeyStore::new();
        let entry = PrivateKeyChain::new(&[1_u8][..], key, chain);
        store.add_entry("ccg-plugin", KeyStoreEntry::PrivateKeyChain(entry));
        let writer = store
            .writer("")
            .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
            .encryption_iterations(ROUNDS)
            .mac_algorithm(MacAlgorithm::HmacSha1)
            .mac_iterations(ROUNDS);
        Ok(Zeroizing::new(writer.write().map_err(wrong)?))
    }
}
