use super::*;
use derive::n_fold;
use dtyp::SystemRandom;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

/// RFC 3961 A.1.
#[test]
fn n_fold_gives_the_vectors_of_rfc_3961() {
    assert_eq!(n_fold::<8>(b"012345").to_vec(), hex("be072631276b1955"));
    assert_eq!(n_fold::<7>(b"password").to_vec(), hex("78a07b6caf85fa"));
    assert_eq!(n_fold::<8>(b"Rough Consensus, and Running Code").to_vec(), hex("bb6ed30870b7f0e0"));
    assert_eq!(n_fold::<21>(b"password").to_vec(), hex("59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e"));
    assert_eq!(n_fold::<16>(b"kerberos").to_vec(), hex("6b65726265726f737b9b5b2b93132b93"));
}

/// RFC 3962 B.
#[test]
fn passwords_become_the_keys_of_rfc_3962() {
    for (iterations, password, salt, short, long) in [
        (
            1,
            &b"password"[..],
            &b"ATHENA.MIT.EDUraeburn"[..],
            "42263c6e89f4fc28b8df68ee09799f15",
            "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161",
        ),
        (
            2,
            b"password",
            b"ATHENA.MIT.EDUraeburn",
            "c651bf29e2300ac27fa469d693bdda13",
            "a2e16d16b36069c135d5e9d2e25f896102685618b95914b467c67622225824ff",
        ),
        (
            1200,
            b"password",
            b"ATHENA.MIT.EDUraeburn",
            "4c01cd46d632d01e6dbe230a01ed642a",
            "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a",
        ),
        (
            5,
            b"password",
            b"\x12\x34\x56\x78\x78\x56\x34\x12",
            "e9b23d52273747dd5c35cb55be619d8e",
            "97a4e786be20d81a382d5ebc96d5909cabcdadc87ca48f574504159f16c36e31",
        ),
        (
            50,
            "\u{1d11e}".as_bytes(),
            b"EXAMPLE.COMpianist",
            "f149c1f2e154a73452d43e7fe62a56e5",
            "4b6d9839f84406df1f09cc166db4b83c571848b784a3d6bdc346589a3e393f9e",
        ),
    ] {
        assert_eq!(Key::from_password(Etype::Aes128, password, salt, iterations).bytes(), hex(short));
        assert_eq!(Key::from_password(Etype::Aes256, password, salt, iterations).bytes(), hex(long));
    }
}

/// RFC 3962 B, CBC with ciphertext stealing.
#[test]
fn ciphertext_stealing_gives_the_vectors_of_rfc_3962() {
    let key = Key::new(Etype::Aes128, &hex("636869636b656e207465726979616b69")).unwrap();
    let plain = b"I would like the General Gau's Chicken, please, and wonton soup.";
    for (length, cipher) in [
        (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
        (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
        (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
        (47, "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5"),
        (48, "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8"),
        (
            64,
            "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a84807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
        ),
    ] {
        let mut data = plain[..length].to_vec();
        AesKey::new(&key).encrypt(&mut data);
        assert_eq!(data, hex(cipher), "{length} bytes");
        AesKey::new(&key).decrypt(&mut data);
        assert_eq!(data, &plain[..length]);
    }
}

#[test]
fn a_key_does_not_print() {
    let key = Key::new(Etype::Aes128, &[0x41; 16]).unwrap();
    assert_eq!(format!("{key:?}"), "Key(Aes128)");
    assert_eq!(Key::new(Etype::Aes256, &[0; 16]).unwrap_err(), CryptoError::KeyLength);
}

proptest! {
    #[test]
    fn what_is_encrypted_decrypts_only_unchanged_and_for_its_usage(
        plain in proptest::collection::vec(any::<u8>(), 0..200), long in any::<bool>(), flip in any::<usize>(), usage in 1u32..1024,
    ) {
        let key = Key::random(if long { Etype::Aes256 } else { Etype::Aes128 }, &SystemRandom);
        let mut sealed = key.encrypt(usage, &plain, &SystemRandom);
        let opened = key.decrypt(usage, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), plain.as_slice());
        prop_assert_eq!(key.decrypt(usage + 1, &sealed).unwrap_err(), CryptoError::Integrity);
        let at = flip % sealed.len();
        sealed[at] ^= 1;
        prop_assert_eq!(key.decrypt(usage, &sealed).unwrap_err(), CryptoError::Integrity);
        sealed.truncate(at);
        prop_assert!(key.decrypt(usage, &sealed).is_err());
    }
}
