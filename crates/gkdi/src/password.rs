//! The password of a gMSA. MS-ADTS 3.1.1.4.5.39.

use crate::root_key::kdf;
use crate::{DerivedKey, GMSA_DESCRIPTOR, KdfHash, KeyId, RootKey};
use dtyp::Sid;
use md4::{Digest, Md4};
use secrecy::SecretString;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A managed password has this many bytes: 128 UTF-16 units.
pub const PASSWORD_LENGTH: usize = 256;

/// A password that no one knows. Wiped when dropped, and never printed.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct ManagedPassword {
    bytes: Box<[u8; PASSWORD_LENGTH]>,
}

impl std::fmt::Debug for ManagedPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ManagedPassword(…)")
    }
}

/// The password that the account with this SID has in a slot.
#[must_use]
pub fn gmsa_password(root: &RootKey, slot: KeyId, account: &Sid) -> ManagedPassword {
    password_of(root.hash, &root.l2(slot, &GMSA_DESCRIPTOR), account)
}

/// The password that a slot's key gives to an account.
pub(crate) fn password_of(hash: KdfHash, key: &DerivedKey, account: &Sid) -> ManagedPassword {
    let mut bytes = Box::new([0; PASSWORD_LENGTH]);
    kdf(hash, &key[..], "GMSA PASSWORD", &[&account.to_bytes()], &mut bytes[..]);
    ManagedPassword::from_bytes(bytes)
}

impl ManagedPassword {
    /// A unit of zero would end the password early, so it becomes one.
    fn from_bytes(mut bytes: Box<[u8; PASSWORD_LENGTH]>) -> Self {
        bytes.as_chunks_mut::<2>().0.iter_mut().filter(|unit| **unit == [0, 0]).for_each(|unit| *unit = [1, 0]);
        Self { bytes }
    }

    /// A password from the 256 bytes of a blob.
    #[must_use]
    pub fn new(bytes: &[u8; PASSWORD_LENGTH]) -> Self {
        Self::from_bytes(Box::new(*bytes))
    }

    /// Its bytes: UTF-16LE without a terminator, as NT hashes it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PASSWORD_LENGTH] {
        &self.bytes
    }

    /// Its text as Kerberos makes keys of it: UTF-8, with U+FFFD for every surrogate that has no other half.
    #[must_use]
    pub fn kerberos_utf8(&self) -> SecretString {
        let units = self.bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
        // A unit becomes at most three bytes: the text never moves while it grows, and so leaves no copy behind.
        let mut text = Zeroizing::new(String::with_capacity(3 * PASSWORD_LENGTH / 2));
        text.extend(char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)));
        SecretString::from(text.as_str())
    }

    /// Its NT hash. MS-NLMP 3.3.1.
    #[must_use]
    pub fn nt_hash(&self) -> Zeroizing<[u8; 16]> {
        let mut digest = Md4::digest(&self.bytes[..]);
        let hash = Zeroizing::new(digest.into());
        digest.as_mut_slice().zeroize();
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dtyp::FileTime;
    use secrecy::ExposeSecret;

    #[test]
    fn a_password_has_no_zero_unit_and_does_not_print() {
        let password = ManagedPassword::new(&[0; 256]);
        assert_eq!(&password.as_bytes()[..4], &[1, 0, 1, 0]);
        assert_eq!(format!("{password:?}"), "ManagedPassword(…)");
    }

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        let mut bytes = [0x41, 0].repeat(128);
        bytes[..6].copy_from_slice(&[0x00, 0xd8, 0x34, 0xd8, 0x1e, 0xdd]);
        let password = ManagedPassword::new(bytes.as_slice().try_into().unwrap());
        assert!(password.kerberos_utf8().expose_secret().starts_with("\u{fffd}\u{1d11e}AAA"));
    }

    /// The numbers of a root key, an account and its password as Samba's tests publish them (`lib/crypto/test_gkdi.c`).
    #[test]
    fn a_password_is_the_one_that_is_published() {
        let secret = hex::decode(
            "98cbd75471d876b1518032a0948452f441b3a4dbd10e2183b2c150f87e1742e32dddab0cf70f3eb3a4d97bb36a76e44a\
             0c02f1e58b37ed9bdc7ac8f581de250f",
        );
        let expected = "725c1fcc8af9014cc04134f8f7bf1ed519265115b7a79a66beeaea7472128dd08f26b273c31ac7d6b0e580a093f9f543\
             a5bfc04ee0327308cf7cb27943877d714f00832b4a30abefb7e432d4cad7bcb65e7f75d95b115a509eb0cc97f46b8b41\
             5e94d8d4613536fd06c95e5dfad50c52a2f6c5fecd08139942483ca71c4127da9352a20bb14ee7c8427909c4f00794be\
             9760d6f6076e5500f61c79033dd4cc659979645b411ce1f17b73698a4abb4abc3b11c9e59eaab88dedb3f68768cc38e4\
             9cb61a5a9793198e2facb7a5def05f3f4f5823cd4c1ae56b2e10ca66c4128cd3f2e2c69a61c72cdcba4cd736c42c8c91\
             fc63e5b34a969a46e22d7a9c9c4b5318";
        let id = "0170e972-a035-af4c-993b-e052d5bd1216".parse().unwrap();
        let root = RootKey::new(id, 1, KdfHash::Sha512, &secret.unwrap(), FileTime(0), FileTime(1)).unwrap();
        let account = "S-1-5-21-4119591868-3001629103-3445594911-48026".parse().unwrap();
        let password = gmsa_password(&root, KeyId::new(362, 0, 23).unwrap(), &account);
        assert_eq!(hex::encode(password.as_bytes()), expected);
    }

    #[test]
    fn accounts_and_slots_have_passwords_of_their_own() {
        let root = RootKey::new(dtyp::Guid([1; 16]), 1, KdfHash::Sha512, &[9; 64], FileTime(0), FileTime(1)).unwrap();
        let slot = KeyId::new(360, 3, 4).unwrap();
        let domain = Sid::domain_of(1, 2, 3);
        let password = |slot, rid| gmsa_password(&root, slot, &domain.with_rid(rid).unwrap());
        assert_eq!(password(slot, 1104), password(slot, 1104));
        assert_ne!(password(slot, 1104), password(slot, 1105));
        assert_ne!(password(slot, 1104), password(slot.plus(1), 1104));
    }

    /// MS-NLMP 4.2.2.1.1: the hash of `Password`, here as a check of the hash alone.
    #[test]
    fn the_nt_hash_is_md4_of_the_bytes() {
        let text: Vec<u8> = "Password".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(hex::encode(Md4::digest(text)), "a4f49c406510bdcab6824ee7c30fd852");
    }
}
