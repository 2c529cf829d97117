use super::*;
use crate::GMSA_DESCRIPTOR;

fn root(id: &str, hash: KdfHash, secret: &[u8]) -> RootKey {
    RootKey::new(id.parse().unwrap(), 1, hash, secret, FileTime(0), FileTime(1)).unwrap()
}

/// Keys that Samba's tests list for root keys of theirs, made with Windows as the judge.
#[test]
fn derived_keys_are_those_that_windows_derives() {
    let secret = [
        223, 217, 91, 227, 21, 58, 8, 5, 198, 86, 148, 231, 210, 132, 170, 206, 90, 176, 170, 73, 51, 80, 2, 94, 184,
        219, 198, 223, 11, 78, 146, 86, 251, 76, 191, 190, 98, 55, 206, 55, 50, 105, 78, 38, 8, 118, 0, 118, 182, 112,
        130, 211, 154, 189, 60, 15, 237, 186, 27, 136, 115, 100, 80, 100,
    ];
    let expected = [
        187, 189, 147, 118, 205, 22, 194, 71, 237, 64, 245, 145, 45, 25, 8, 33, 140, 8, 240, 145, 91, 174, 2, 254, 2,
        203, 251, 55, 83, 189, 228, 6, 249, 197, 83, 172, 217, 81, 67, 207, 99, 144, 106, 4, 64, 227, 207, 35, 125, 35,
        53, 174, 78, 75, 156, 210, 217, 70, 167, 19, 81, 235, 203, 123,
    ];
    let key = root("1a3d6c30-aa81-cb7f-d3fe-80775d135dfe", KdfHash::Sha512, &secret);
    assert_eq!(*key.l2(KeyId::new(321, 0, 12).unwrap(), &GMSA_DESCRIPTOR), expected);

    let secret = [
        59, 237, 3, 191, 15, 183, 212, 1, 49, 73, 21, 79, 36, 202, 45, 89, 185, 141, 182, 213, 136, 203, 31, 84, 236,
        160, 131, 133, 94, 37, 235, 40, 211, 86, 42, 1, 173, 199, 140, 75, 112, 224, 183, 42, 89, 81, 88, 99, 231, 115,
        43, 133, 63, 186, 2, 221, 118, 70, 230, 49, 8, 68, 18, 17,
    ];
    let expected = [
        63, 251, 130, 90, 218, 241, 22, 182, 83, 50, 7, 213, 104, 163, 14, 211, 211, 242, 28, 104, 132, 9, 65, 201, 69,
        102, 132, 249, 175, 161, 27, 5, 110, 12, 89, 57, 27, 77, 136, 196, 149, 217, 132, 195, 214, 128, 2, 156, 197,
        197, 148, 99, 15, 52, 23, 145, 25, 193, 197, 172, 170, 229, 233, 14,
    ];
    let key = root("970abad6-fe55-073a-caf1-b801d3f26bd3", KdfHash::Sha1, &secret);
    assert_eq!(*key.l2(KeyId::new(1, 2, 3).unwrap(), &GMSA_DESCRIPTOR), expected);

    let secret = [
        40, 181, 182, 80, 61, 60, 29, 36, 129, 77, 231, 129, 187, 123, 252, 227, 239, 105, 238, 209, 206, 72, 9, 55,
        43, 238, 44, 80, 98, 112, 197, 240, 181, 198, 223, 89, 116, 114, 98, 63, 37, 108, 134, 218, 160, 153, 30, 138,
        17, 161, 112, 95, 33, 178, 207, 220, 11, 185, 219, 75, 162, 50, 70, 162,
    ];
    let expected = [
        117, 42, 8, 121, 174, 36, 36, 192, 80, 76, 116, 147, 89, 159, 19, 229, 136, 225, 187, 220, 37, 47, 131, 50, 90,
        213, 177, 251, 145, 194, 76, 137, 1, 212, 64, 243, 255, 159, 251, 165, 159, 205, 101, 187, 151, 87, 50, 217,
        243, 131, 221, 80, 184, 152, 23, 75, 185, 57, 62, 56, 61, 37, 213, 64,
    ];
    let key = root("45e26207-ed33-dcd5-925a-518a0deef69e", KdfHash::Sha256, &secret);
    assert_eq!(*key.l2(KeyId::new(222, 22, 22).unwrap(), &GMSA_DESCRIPTOR), expected);

    let secret = [
        35, 229, 186, 134, 203, 216, 143, 123, 67, 46, 230, 109, 187, 3, 191, 78, 235, 244, 1, 203, 252, 61, 247, 53,
        212, 215, 40, 181, 3, 200, 127, 132, 50, 7, 198, 246, 21, 63, 25, 13, 254, 133, 168, 108, 184, 216, 183, 77,
        241, 59, 37, 48, 89, 129, 190, 141, 126, 41, 201, 110, 229, 76, 150, 48,
    ];
    let expected = [
        250, 186, 221, 122, 154, 99, 223, 87, 214, 131, 45, 247, 167, 53, 174, 187, 110, 24, 24, 136, 178, 234, 243, 1,
        162, 228, 255, 154, 112, 36, 109, 56, 171, 29, 36, 22, 50, 91, 243, 235, 114, 106, 2, 103, 186, 180, 189, 149,
        12, 114, 145, 240, 94, 165, 241, 113, 151, 236, 229, 105, 146, 175, 62, 184,
    ];
    let key = root("66e6d9f7-4924-f3fc-fe34-605634d42ebd", KdfHash::Sha384, &secret);
    assert_eq!(*key.l1(287, 27, &GMSA_DESCRIPTOR), expected);
}

#[test]
fn keys_of_the_future_and_of_root_keys_to_come_are_refused() {
    let now = FileTime::from_unix(1_767_225_600, 0);
    let mut key = root("66e6d9f7-4924-f3fc-fe34-605634d42ebd", KdfHash::Sha512, &[7; 64]);
    let slot = KeyId::at(now);
    assert!(key.derive_at(slot, &GMSA_DESCRIPTOR, now).is_ok());
    assert_eq!(key.derive_at(slot.plus(2), &GMSA_DESCRIPTOR, now), Err(KeyError::Future));
    key.use_start = now.saturating_add(Duration::from_secs(301));
    assert_eq!(key.derive_at(slot, &GMSA_DESCRIPTOR, now), Err(KeyError::NotEffective));
}

#[test]
fn damaged_root_keys_are_refused() {
    let (id, at) = (Guid([0; 16]), FileTime(0));
    assert_eq!(RootKey::new(id, 2, KdfHash::Sha1, &[0; 64], at, at).unwrap_err(), KeyError::Version(2));
    assert_eq!(RootKey::new(id, 1, KdfHash::Sha1, &[0; 63], at, at).unwrap_err(), KeyError::Length(63));
    for hash in [KdfHash::Sha1, KdfHash::Sha256, KdfHash::Sha384, KdfHash::Sha512] {
        assert_eq!(KdfHash::decode(&hash.encode()), Some(hash));
    }
    assert_eq!(KdfHash::decode(b"SHA512"), None);
}
