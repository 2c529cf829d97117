//! Bytes that nobody means well with.

use kerberos::messages::{AsReq, KrbError, TgsReq, code};
use proptest::prelude::*;

use super::client::{Ask, More, log_on};
use super::{Fixture, PASSWORD};
use crate::kdc::MOST_REQUEST;

fn code_of(reply: &[u8]) -> i32 {
    KrbError::decode(reply).unwrap().code
}

#[test]
fn what_is_no_request_gets_no_answer() {
    let realm = Fixture::new();
    let error = realm.answer(&[0x6a, 0x00]).unwrap();
    for bytes in [&[][..], &error, b"GET / HTTP/1.0\r\n\r\n", &[0x6b, 0x00], &[0x30, 0x00]] {
        assert_eq!(realm.answer(bytes), None);
    }
    let mut long = vec![0x6a];
    long.resize(MOST_REQUEST + 1, 0);
    assert_eq!(realm.answer(&long), None);
}

#[test]
fn a_malformed_request_is_told_so() {
    let realm = Fixture::new();
    for bytes in [
        vec![0x6a],
        vec![0x6c, 0x84, 0xff, 0xff, 0xff, 0xff],
        vec![0x6a, 0x80],
        [vec![0x6a, 0x82, 0xff, 0xff], vec![0x30; 0xffff]].concat(),
        [vec![0x6c, 0x83, 0x01, 0x00, 0x00], [0xa3, 0x84, 0, 0, 0, 0].repeat(10922), vec![0; 4]].concat(),
    ] {
        assert_eq!(code_of(&realm.answer(&bytes).unwrap()), code::GENERIC);
    }
}

#[test]
fn a_request_of_a_million_kinds_of_keys_is_refused_at_once() {
    let realm = Fixture::new();
    let mut ask = Ask::proved("alice", PASSWORD, realm.now);
    ask.body.etypes = vec![18; 20_000];
    assert_eq!(ask.send(&realm).unwrap_err().code, code::GENERIC);
    ask.body.etypes = vec![18; 60];
    ask.get(&realm);
}

#[test]
fn an_answer_is_never_much_longer_than_its_request_before_the_client_has_proved_anything() {
    let realm = Fixture::new();
    let ask = Ask::of("alice");
    let request = AsReq { padata: Vec::new(), body: ask.body }.encode();
    assert!(realm.answer(&request).unwrap().len() < 2 * request.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn damaged_requests_are_answered_or_refused(at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()) {
        thread_local! { static REALM: (Fixture, Vec<Vec<u8>>) = realm(); }
        REALM.with(|(realm, requests)| {
            for request in requests {
                let mut bytes = request.clone();
                let at = at.index(bytes.len());
                bytes[at] = with;
                let _ = realm.answer(&bytes);
                bytes.truncate(cut.index(bytes.len()));
                let _ = realm.answer(&bytes);
            }
        });
    }

    #[test]
    fn any_bytes_are_answered_or_refused(tgs in any::<bool>(), mut bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
        thread_local! { static REALM: (Fixture, Vec<Vec<u8>>) = realm(); }
        bytes[0] = if tgs { 0x6c } else { 0x6a };
        let told = REALM.with(|(realm, _)| KrbError::decode(&realm.answer(&bytes).unwrap()).is_ok());
        prop_assert!(told);
    }
}

fn realm() -> (Fixture, Vec<Vec<u8>>) {
    let realm = Fixture::new();
    let ask = Ask::proved("alice", PASSWORD, realm.now);
    let first = AsReq { padata: ask.padata, body: ask.body }.encode();
    let more = More::of(&log_on(&realm), "http/web1.contoso.com", realm.now).encode();
    assert!(TgsReq::decode(&more).is_ok());
    (realm, vec![first, more])
}
