use std::time::Duration;

use dtyp::Sid;
use proptest::prelude::*;

use super::*;
use crate::{GroupPublicKey, KdfHash};

const L0: i32 = 400;

fn slot(l0: i32, l1: u8, l2: u8) -> KeyId {
    KeyId::new(l0, l1, l2).unwrap()
}

fn root(n: u8, created: FileTime, use_start: FileTime) -> RootKey {
    RootKey::new(Guid([n; 16]), 1, KdfHash::Sha256, &[n; 64], created, use_start).unwrap()
}

fn domain() -> Sid {
    Sid::domain_of(1, 2, 3)
}

/// Seeds for 1103, the public key for everybody.
fn descriptor() -> Vec<u8> {
    let sddl = format!("O:SYG:SYD:(A;;CCDC;;;{})(A;;DC;;;WD)", domain().with_rid(1103).unwrap());
    dtyp::sddl::parse(&sddl, &domain(), &domain()).unwrap().to_bytes().unwrap()
}

fn token(rid: u32) -> Token {
    Token::new(domain().with_rid(rid).unwrap(), [Sid::EVERYONE])
}

/// What 1103 (who may have seeds) or somebody else gets at a time.
fn ask(
    rid: u32,
    keys: &[RootKey],
    id: Option<u8>,
    numbers: [i32; 3],
    now: KeyId,
) -> Result<GroupKeyEnvelope, GetKeyError> {
    let (descriptor, now) = (descriptor(), now.start().saturating_add(Duration::from_secs(60)));
    let request = GetKey::new(&descriptor, id.map(|n| Guid([n; 16])), numbers)?;
    request.answer(&token(rid), keys, "contoso.com", "contoso.com", now)
}

const LATEST: [i32; 3] = [-1; 3];

#[test]
fn numbers_are_all_there_or_none_and_the_descriptor_is_one() {
    let descriptor = descriptor();
    for numbers in [[-1, 0, 0], [0, -1, -1], [1, 2, -1], [1, 32, 0], [1, 0, 32], [-2, -2, -2]] {
        assert_eq!(GetKey::new(&descriptor, None, numbers).unwrap_err(), GetKeyError::Invalid, "{numbers:?}");
    }
    assert_eq!(GetKey::new(b"none", None, LATEST).unwrap_err(), GetKeyError::Invalid);
    assert_eq!(GetKey::new(&vec![0; MOST_BYTES + 1], None, LATEST).unwrap_err(), GetKeyError::Invalid);
}

#[test]
fn who_may_have_seeds_gets_those_of_the_present_slot_and_the_l1_key_before() {
    let keys = [root(1, FileTime(1), FileTime(2))];
    let now = slot(L0, 5, 7);
    let envelope = ask(1103, &keys, None, LATEST, now).unwrap();
    let (l1, l2) = (keys[0].l1(L0, 4, &descriptor()), keys[0].l2(now, &descriptor()));
    assert_eq!((envelope.slot, envelope.encrypts), (now, true));
    assert_eq!(envelope.keys, GroupKeys::Seeds { l1: Some(l1), l2: Some(l2) });
    assert_eq!((envelope.agreement.as_str(), envelope.private_bits, envelope.public_bits), ("DH", 512, 2048));
    // The last slot of an L1 needs no L2 key, the first L1 has none before it.
    let last = ask(1103, &keys, None, LATEST, slot(L0, 5, 31)).unwrap();
    assert_eq!(last.keys, GroupKeys::Seeds { l1: Some(keys[0].l1(L0, 5, &descriptor())), l2: None });
    let first = ask(1103, &keys, None, LATEST, slot(L0, 0, 7)).unwrap();
    assert!(matches!(first.keys, GroupKeys::Seeds { l1: None, l2: Some(_) }));
}

#[test]
fn a_root_key_that_is_named_gives_the_present_key_or_of_the_past_the_last() {
    let keys = [root(1, FileTime(1), FileTime(2))];
    let now = slot(L0, 5, 7);
    let present = ask(1103, &keys, Some(1), [L0, 2, 2], now).unwrap();
    assert_eq!((present.slot, present.encrypts), (now, true));
    let past = ask(1103, &keys, Some(1), [L0 - 1, 2, 2], now).unwrap();
    assert_eq!((past.slot, past.encrypts), (slot(L0 - 1, 31, 31), false));
    assert_eq!(past.keys, GroupKeys::Seeds { l1: Some(keys[0].l1(L0 - 1, 31, &descriptor())), l2: None });
    // Without a root key exactly the one that was used then.
    let exact = ask(1103, &keys, None, [L0 - 1, 2, 2], now).unwrap();
    assert_eq!((exact.slot, exact.encrypts), (slot(L0 - 1, 2, 2), false));
    assert_eq!(ask(1103, &keys, Some(2), LATEST, now).unwrap_err(), GetKeyError::NoKey);
}

#[test]
fn the_future_is_closed_but_for_clocks_that_differ() {
    let keys = [root(1, FileTime(1), FileTime(2))];
    let now = slot(L0, 5, 7);
    assert_eq!(ask(1103, &keys, None, [L0, 5, 8], now).unwrap_err(), GetKeyError::Future);
    assert_eq!(ask(1103, &keys, Some(1), [L0 + 1, 0, 0], now).unwrap_err(), GetKeyError::Future);
    let descriptor = descriptor();
    let late = slot(L0, 5, 8).start().saturating_sub(Duration::from_secs(299));
    let request = GetKey::new(&descriptor, None, [L0, 5, 8]).unwrap();
    assert_eq!(request.answer(&token(1103), &keys, "", "", late).unwrap().slot, slot(L0, 5, 8));
}

#[test]
fn whoever_may_only_encrypt_gets_the_public_key_of_the_present_slot_and_no_other() {
    let keys = [root(1, FileTime(1), FileTime(2))];
    let now = slot(L0, 5, 7);
    for id in [None, Some(1)] {
        let envelope = ask(1104, &keys, id, LATEST, now).unwrap();
        let expected =
            public_key(KdfHash::Sha256, &keys[0].l2(now, &descriptor()), keys[0].agreement.as_ref().unwrap());
        let GroupKeys::Public(key) = &envelope.keys else { panic!("a seed for everybody") };
        assert_eq!(Some(GroupPublicKey::decode(key).unwrap()), expected);
        assert_eq!(ask(1104, &keys, id, [L0, 5, 7], now).unwrap_err(), GetKeyError::Denied);
    }
    let nobody = dtyp::sddl::parse("O:SYG:SYD:", &domain(), &domain()).unwrap().to_bytes().unwrap();
    let open = dtyp::sddl::parse("O:SYG:SY", &domain(), &domain()).unwrap().to_bytes().unwrap();
    for descriptor in [nobody, open] {
        let request = GetKey::new(&descriptor, None, LATEST).unwrap();
        let refused = request.answer(&token(1103), &keys, "", "", now.start());
        assert_eq!(refused.unwrap_err(), GetKeyError::Denied);
    }
}

#[test]
fn a_root_key_without_an_agreement_has_seeds_and_no_public_keys() {
    let mut keys = [root(1, FileTime(1), FileTime(2))];
    keys[0].agreement = None;
    assert!(ask(1103, &keys, None, LATEST, slot(L0, 5, 7)).is_ok());
    assert_eq!(ask(1104, &keys, None, LATEST, slot(L0, 5, 7)).unwrap_err(), GetKeyError::NoAgreement);
}

#[test]
fn the_latest_root_key_in_use_is_taken_and_for_the_past_the_one_of_then() {
    let now = slot(L0, 5, 7);
    let (old, new) = (slot(L0 - 3, 0, 0).start(), slot(L0, 0, 0).start());
    let keys = [root(1, old, old), root(2, new, new), root(3, new, slot(L0, 6, 0).start())];
    let of = |id, numbers| ask(1103, &keys, id, numbers, now).map(|envelope| envelope.root_key.0[0]);
    assert_eq!(of(None, LATEST), Ok(2), "the third is for later");
    assert_eq!(of(None, [L0 - 1, 3, 3]), Ok(1));
    assert_eq!(of(None, [L0 - 4, 3, 3]), Err(GetKeyError::NoKey));
    assert_eq!(of(Some(3), LATEST), Err(GetKeyError::NoKey));
}

proptest! {
    #[test]
    fn from_what_is_given_every_older_key_of_the_l0_can_be_derived(l1 in 0u8..32, l2 in 0u8..32, older in 0u16..1024) {
        let keys = [root(1, FileTime(1), FileTime(2))];
        let now = slot(L0, l1, l2);
        let older = older % (u16::from(l1) * 32 + u16::from(l2) + 1);
        let wanted = slot(L0, (older / 32) as u8, (older % 32) as u8);
        let GroupKeys::Seeds { l1: seed, l2: key } = ask(1103, &keys, None, LATEST, now).unwrap().keys else {
            return Err(TestCaseError::fail("no seeds"));
        };
        let derived = keys[0].older(now, seed.as_ref(), key.as_ref(), wanted);
        prop_assert_eq!(derived, Some(keys[0].l2(wanted, &descriptor())));
    }
}
