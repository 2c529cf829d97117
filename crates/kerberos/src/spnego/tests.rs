use super::message::{InitMessage, Response, State, init_message, list_of, wrapped_list};
use super::*;
use crate::gss::tests::contexts;
use proptest::prelude::*;

const NTLM: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];

struct Done {
    context: Context,
}

impl Accepted for Done {
    fn reply(&self) -> Option<&[u8]> {
        Some(b"ap-rep")
    }
    fn context(&mut self) -> &mut Context {
        &mut self.context
    }
}

fn accept(context: Context) -> impl FnOnce(&[u8]) -> Result<Done, GssError> {
    move |token| {
        assert_eq!(token, b"ap-req");
        Ok(Done { context })
    }
}

#[test]
fn kerberos_as_the_favourite_takes_one_round_trip() {
    let (mine, theirs) = contexts();
    let (initiator, first) = Initiator::start(b"ap-req");
    let mut acceptor = Acceptor::new();
    let Step::Done { reply: Some(reply), .. } = acceptor.step(&first, accept(theirs)).unwrap() else { panic!() };
    let (_, more) = initiator
        .finish(&reply, |token| {
            assert_eq!(token, Some(&b"ap-rep"[..]));
            Ok(mine)
        })
        .unwrap();
    assert!(more.is_none());
}

#[test]
fn the_number_of_windows_2000_is_answered_with_itself() {
    let (_, theirs) = contexts();
    let first = init_message(&list_of(&[gss::MS_KERBEROS, gss::KERBEROS, NTLM]), b"ap-req");
    let Step::Done { reply: Some(reply), .. } = Acceptor::new().step(&first, accept(theirs)).unwrap() else { panic!() };
    assert_eq!(Response::decode(&reply).unwrap().mechanism, Some(gss::MS_KERBEROS));
}

#[test]
fn a_wrong_guess_costs_a_round_trip_and_both_sign_the_list() {
    let (mut mine, theirs) = contexts();
    let list = list_of(&[NTLM, gss::KERBEROS]);
    let mut acceptor = Acceptor::<Done>::new();
    let Step::Continue(reply) = acceptor.step(&init_message(&list, b"NTLMSSP\0"), |_| panic!()).unwrap() else {
        panic!()
    };
    let response = Response::decode(&reply).unwrap();
    assert_eq!((response.state, response.mechanism), (Some(State::RequestMic), Some(gss::KERBEROS)));

    let next = Response::encode(State::AcceptIncomplete, None, Some(b"ap-req"), None);
    let Step::Continue(reply) = acceptor.step(&next, accept(theirs)).unwrap() else { panic!() };
    mine.verify_mic(&list, Response::decode(&reply).unwrap().mic.unwrap()).unwrap();

    let last = Response::encode(State::AcceptCompleted, None, None, Some(&mine.mic(&list)));
    assert!(matches!(acceptor.step(&last, |_| panic!()).unwrap(), Step::Done { .. }));
}

#[test]
fn a_list_that_was_tampered_with_is_noticed() {
    let (mut mine, theirs) = contexts();
    let mut acceptor = Acceptor::<Done>::new();
    acceptor.step(&init_message(&list_of(&[NTLM, gss::KERBEROS]), b"x"), |_| panic!()).unwrap();
    acceptor.step(&Response::encode(State::AcceptIncomplete, None, Some(b"ap-req"), None), accept(theirs)).unwrap();
    let signed = mine.mic(&list_of(&[gss::KERBEROS, NTLM]));
    let last = Response::encode(State::AcceptCompleted, None, None, Some(&signed));
    assert!(matches!(acceptor.step(&last, |_| panic!()), Err(GssError::Integrity)));
    assert!(acceptor.step(&last, |_| panic!()).is_err());
}

#[test]
fn no_common_mechanism_is_an_error_and_hints_are_ignored() {
    let first = init_message(&list_of(&[NTLM]), b"x");
    assert!(matches!(Acceptor::<Done>::new().step(&first, |_| panic!()), Err(GssError::Mechanism)));
    let list = wrapped_list(&[gss::KERBEROS]);
    assert!(InitMessage::decode(&list).unwrap().token.is_none());
    assert!(matches!(Acceptor::<Done>::new().step(&list, |_| panic!()).unwrap(), Step::Continue(_)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100), at in 0usize..60) {
        let _ = InitMessage::decode(&bytes);
        let _ = Response::decode(&bytes);
        let mut first = init_message(&list_of(&[gss::MS_KERBEROS, NTLM]), b"ap-req");
        if let (Some(place), Some(byte)) = (first.get_mut(at), bytes.first()) { *place = *byte; }
        let _ = InitMessage::decode(&first);
    }
}
