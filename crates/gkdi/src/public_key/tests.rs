use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, KeyInit};
use dtyp::FileTime;
use proptest::prelude::*;
use sha2::{Digest, Sha256, Sha384};

use super::*;
use crate::{KeyId, RootKey};

/// The other side's half of an agreement: what both have in common.
fn agree(peer: &GroupPublicKey, private: &[u8]) -> Option<Vec<u8>> {
    match peer {
        GroupPublicKey::Dh { group, key } => power(group, key, private),
        GroupPublicKey::Ecdh { curve, x, y } => {
            let point = Some((x.as_slice(), y.as_slice()));
            let common = match curve {
                Curve::P256 => multiple::<p256::NistP256>(point, private),
                Curve::P384 => multiple::<p384::NistP384>(point, private),
                Curve::P521 => multiple::<p521::NistP521>(point, private),
            };
            common.map(|(x, _)| x.to_vec())
        }
    }
}

fn agreement(name: &str) -> SecretAgreement {
    match name {
        "DH" => SecretAgreement::windows(),
        "ECDH_P256" => SecretAgreement::decode(name, None, 256, 256).unwrap(),
        "ECDH_P384" => SecretAgreement::decode(name, None, 384, 384).unwrap(),
        _ => SecretAgreement::decode(name, None, 521, 521).unwrap(),
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// RFC 3394 2.2.2: the wrapped key's own check says whether the wrapping key is right.
fn unwraps(key: &[u8], wrapped: &[u8]) -> bool {
    let cipher = Aes256::new_from_slice(key).unwrap();
    let mut blocks: Vec<[u8; 8]> = wrapped.as_chunks::<8>().0.to_vec();
    let mut check = blocks.remove(0);
    for round in (0..6u64).rev() {
        for at in (0..blocks.len()).rev() {
            let count = (round * blocks.len() as u64 + at as u64 + 1).to_be_bytes();
            let mut block = [0; 16];
            for (to, (a, b)) in block.iter_mut().zip(check.iter().zip(count)) {
                *to = a ^ b;
            }
            block[8..].copy_from_slice(&blocks[at]);
            let mut block = block.into();
            cipher.decrypt_block(&mut block);
            check.copy_from_slice(&block[..8]);
            blocks[at].copy_from_slice(&block[8..]);
        }
    }
    check == [0xa6; 8]
}

/// A protected blob of Windows' (DPAPI-NG, for S-1-5-18), whose key was wrapped for a group's public key: the key that a client made
/// for it, and what it wrapped. With the root key, the private half of the agreement is ours to derive.
struct Protected {
    root: &'static str,
    hash: KdfHash,
    agreement: &'static str,
    secret: &'static str,
    client: &'static str,
    wrapped: &'static str,
}

/// The numbers are those that dpapi-ng publishes with its tests (tests/data/kdf_*.json), made with Windows Server.
#[test]
fn what_windows_encrypted_for_a_public_key_opens_with_the_private_key() {
    let cases = [
        Protected {
            root: "af562727-f449-177c-196e-72137e0202b0",
            hash: KdfHash::Sha512,
            agreement: "ECDH_P256",
            secret: "0E76508EB290154C6F7B2E44773627F70E0BDA881D4CF8A9963B630FB934E2EDACB92A4130E96980EAD6A7E5D7D144378739CF277EDAB6B1F168669267503E05",
            client: "45434B31200000005AFBDDBB412E39B367302AEDF04A8F8D184D9801FA4A560BF35AB0FD83E5C93CB5EE98D8B938672442C1CFCDFAADADA31A014776F9B72C2CA9F06E5B6DDA2218",
            wrapped: "B0CF0666C0387BCDEC4091D03BAFFC0C1C244CF9C0487E0C5934F1ECFA2291153DF0865F963E8316",
        },
        Protected {
            root: "a8e81ca3-aa31-3076-a2ef-ce049c8a7d7e",
            hash: KdfHash::Sha1,
            agreement: "ECDH_P384",
            secret: "DDC380F2C137F6E35838987DB992A4F357FE5FE29D40AA899E161B930F7EC5EBBE0D1C339AF7F99269D64D3685CA3377577AE3466A48A15C5668B3A598A6AC15",
            client: "45434B33300000006EE84B444A64BA1347C2911375E54E7B512534BDB859063C953F541A8B48403F04D8976DC958CCF894F76612C77F58B0428F7D606F6CD649092D5E6DA8D1626E2F2B5BDA4E56C47D9AACBA8FFFF13E763834CD2000F9A208C6C94A079A84A590",
            wrapped: "1CB67F4F8F0990B6E6ABD14EC2F92E373D62F681F703E5AF7A149EC9D914D322D531E99F624DB38A",
        },
        Protected {
            root: "2491e5f1-c935-27c4-22ba-b85f61b24768",
            hash: KdfHash::Sha256,
            agreement: "DH",
            secret: "8DBC68793FA3E97905BFA22AD7F7693A3CA0AB004FFD8A5EDD7618E2FEDA94F05E8FAD26BE4A87BCB222CB532B1393020395C4D6B8D96D6CBE651A0AD10FD0C7",
            client: "60A6F1F03FCA7572A4B0A9288EE0E89B6F74E6340BB94600C882767FA8F721EEDADBE99F15E146EFF569D15A6E227EB0725EA95F2BDE4843123857EFE2584CEFCCA8376B36A3F805F27116021EF6E68A97A89727C5FE536A17FD3E567928CEE38BFAF26A626337DE4018C6FE88A95312895376941FFE59903B5EEBF38A136556757DCC56E0CF6F6DCBA88B9D37B2D60F98F1CE43D7AF773B457755123A811469C9D85897829C8F7AFD9750ED5A93757077628842B1AD65035637363E22C7F9827EDC66D5D024F6D8DE90B2FE6AD18CB4607FE5D99AA0788E3ED69EC790D1A644A8407B463E9C22F669D6B54A07E1B80DC535D522F823A4114A998C7558FBE1D5",
            wrapped: "D851F1B0B98C4989A313A7E7AF5A5FCF51628EB52E0688A41E4235EA3D99EBC5ACD597D0B5ABCCBB",
        },
    ];
    // Who may open it gets the seed, everybody the public key.
    let nobody = dtyp::Sid::domain_of(1, 2, 3);
    let descriptor = dtyp::sddl::parse("O:SYG:SYD:(A;;CCDC;;;SY)(A;;DC;;;WD)", &nobody, &nobody).unwrap();
    let slot = KeyId::new(361, 17, 13).unwrap();
    for case in cases {
        let secret = hex::decode(case.secret).unwrap();
        let root = RootKey::new(case.root.parse().unwrap(), 1, case.hash, &secret, FileTime(0), FileTime(1)).unwrap();
        let agreement = agreement(case.agreement);
        let private = private_key(case.hash, &root.l2(slot, &descriptor.to_bytes().unwrap()), &agreement);
        let mut client = hex::decode(case.client).unwrap();
        if let Algorithm::Dh(group) = &agreement.algorithm {
            client = [b"DHPB\0\x01\0\0".as_slice(), &group.prime, &group.generator, &client].concat();
        }
        let client = GroupPublicKey::decode(&client).unwrap();
        let common = agree(&client, &private).unwrap();
        // How DPAPI-NG makes a wrapping key of what is common: SP 800-56A 5.8.1, then the root key's own function.
        let other = [utf16("SHA512"), utf16("KDS public key"), utf16("KDS service")].concat();
        let input = [[0, 0, 0, 1].as_slice(), &common, &other].concat();
        let mixed = if case.agreement == "ECDH_P384" {
            Sha384::digest(&input).to_vec()
        } else {
            Sha256::digest(&input).to_vec()
        };
        let mut key = [0; 32];
        kdf(case.hash, &mixed, "KDS service", &[&utf16("KDS public key")], &mut key);
        assert!(unwraps(&key, &hex::decode(case.wrapped).unwrap()), "{}", case.agreement);
    }
}

/// FIPS 186-4 D.1.2: one times the generator is the generator.
#[test]
fn one_is_the_generator_and_the_order_is_nothing() {
    let x = |curve: Option<Coordinates>| hex::encode(&curve.unwrap().0[..8]);
    assert_eq!(x(multiple::<p256::NistP256>(None, &[1])), "6b17d1f2e12c4247");
    assert_eq!(x(multiple::<p384::NistP384>(None, &[1])), "aa87ca22be8b0537");
    assert_eq!(x(multiple::<p521::NistP521>(None, &[1])), "00c6858e06b70404");
    let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
    assert_eq!(multiple::<p256::NistP256>(None, &order), None);
    assert_eq!(multiple::<p256::NistP256>(None, &[&order[..], &[0]].concat()), None, "in any number of bytes");
}

#[test]
fn a_point_beside_the_curve_gives_nothing() {
    for curve in Curve::ALL {
        let beside = GroupPublicKey::Ecdh { curve, x: vec![1; curve.length()], y: vec![1; curve.length()] };
        assert_eq!(agree(&beside, &[7]), None, "{curve:?}");
    }
}

#[test]
fn damaged_keys_are_refused() {
    let slot_key = Zeroizing::new([7; 64]);
    for name in ["DH", "ECDH_P256", "ECDH_P384", "ECDH_P521"] {
        let key = public_key(KdfHash::Sha512, &slot_key, &agreement(name)).unwrap();
        let bytes = key.encode();
        assert_eq!(GroupPublicKey::decode(&bytes), Ok(key), "{name}");
        for cut in [0, 7, 8, bytes.len() / 2, bytes.len() - 1] {
            assert!(GroupPublicKey::decode(&bytes[..cut]).is_err(), "{name} {cut}");
        }
        assert!(GroupPublicKey::decode(&[&bytes[..], &[0]].concat()).is_err(), "{name}");
        let huge = [&bytes[..4], &u32::MAX.to_le_bytes(), &bytes[8..]].concat();
        assert!(GroupPublicKey::decode(&huge).is_err(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn two_who_exchange_public_keys_have_the_same_secret(one in any::<[u8; 32]>(), other in any::<[u8; 32]>(), which in 0usize..4) {
        let agreement = agreement(["DH", "ECDH_P256", "ECDH_P384", "ECDH_P521"][which]);
        let half = |seed: [u8; 32]| {
            let mut key = Zeroizing::new([0; 64]);
            key[..32].copy_from_slice(&seed);
            let private = private_key(KdfHash::Sha384, &key, &agreement);
            (public_key(KdfHash::Sha384, &key, &agreement).unwrap(), private)
        };
        let (mine, theirs) = (half(one), half(other));
        let common = agree(&theirs.0, &mine.1).unwrap();
        prop_assert_eq!(&common, &agree(&mine.0, &theirs.1).unwrap());
        prop_assert!(common.iter().any(|byte| *byte != 0));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_key_that_encodes_to_itself_or_none(kind in 0usize..4, length in 0u8..70, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let kind = [*b"DHPB", *b"ECK1", *b"ECK3", *b"ECK5"][kind];
        let bytes = [&kind[..], &[length, 0, 0, 0], &body].concat();
        if let Ok(key) = GroupPublicKey::decode(&bytes) {
            prop_assert_eq!(key.encode(), bytes);
        }
    }
}
