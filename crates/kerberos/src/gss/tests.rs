//! Both sides against each other, with a ticket made here.

use super::*;
use crate::PrincipalName;
use crate::ccache::Credential;
use crate::crypto::{Etype, Key};
use crate::messages::{EncTicketPart, EncryptedData, Ticket, usage};
use crate::pac::{Extra, LogonInfo, PacBuilder};
use dtyp::{FileTime, Random, SystemRandom};
use std::time::Duration;

const REALM: &str = "CONTOSO.COM";

fn now() -> FileTime {
    FileTime::from_unix(1_700_000_000, 123_456_700)
}

/// A pair of contexts for tests of what stands on them.
pub(crate) fn contexts() -> (Context, Context) {
    context::tests::pair(true)
}

struct Scene {
    service_key: Key,
    credential: Credential,
    replay: ReplayCache,
}

impl Scene {
    fn new() -> Self {
        Self::with(now(), now().saturating_add(Duration::from_secs(36_000)))
    }

    fn with(start: FileTime, end: FileTime) -> Self {
        let service_key = Key::random(Etype::Aes256, &SystemRandom);
        let session = Key::random(Etype::Aes128, &SystemRandom);
        let client = PrincipalName::user("alice");
        let service = PrincipalName::service("ldap/dc1.contoso.com");
        let pac = PacBuilder::new()
            .logon_info(&LogonInfo { effective_name: "alice".into(), ..LogonInfo::default() })
            .sign(&service_key, &Key::random(Etype::Aes256, &SystemRandom), Extra::default());
        let part = EncTicketPart {
            flags: 0,
            key: session.clone(),
            client_realm: REALM.into(),
            client: client.clone(),
            transited: Vec::new(),
            auth_time: start.into(),
            start_time: None,
            end_time: end.into(),
            renew_till: None,
            authorization_data: EncTicketPart::wrap_pac(pac),
        };
        let sealed = service_key.encrypt(usage::TICKET, &part.encode(), &SystemRandom);
        let enc_part = EncryptedData::new(service_key.etype(), Some(3), sealed);
        let ticket = Ticket { realm: REALM.into(), service: service.clone(), enc_part };
        let credential = Credential {
            client,
            client_realm: REALM.into(),
            server: service,
            server_realm: REALM.into(),
            key: session,
            auth_time: start,
            start_time: start,
            end_time: end,
            renew_till: None,
            flags: 0,
            ticket: ticket.encode(),
        };
        Self { service_key, credential, replay: ReplayCache::default() }
    }

    fn start(&self, options: InitiatorOptions) -> (Initiator, Vec<u8>) {
        Initiator::start(&self.credential, options, now(), &SystemRandom).unwrap()
    }

    fn accept(&self, token: &[u8]) -> Result<Accepted, GssError> {
        self.accept_at(token, now(), None, false)
    }

    fn accept_at(
        &self,
        token: &[u8],
        now: FileTime,
        bindings: Option<ChannelBindings>,
        require: bool,
    ) -> Result<Accepted, GssError> {
        let keys = |name: &PrincipalName, realm: &str, etype: Etype, kvno: Option<u32>| {
            assert_eq!(
                (name.to_string().as_str(), realm, etype, kvno),
                ("ldap/dc1.contoso.com", REALM, Etype::Aes256, Some(3))
            );
            vec![Key::random(Etype::Aes256, &SystemRandom), self.service_key.clone()]
        };
        let random: &dyn Random = &SystemRandom;
        accept(
            token,
            &AcceptOptions { keys: &keys, replay: &self.replay, bindings, require_bindings: require, now, random },
        )
    }
}

#[test]
fn both_sides_agree_and_messages_go_both_ways() {
    let scene = Scene::new();
    let (initiator, token) = scene.start(InitiatorOptions::default());
    assert_eq!(mechanism(&token), Some(KERBEROS));
    let mut accepted = scene.accept(&token).unwrap();
    assert_eq!((accepted.client.to_string().as_str(), accepted.client_realm.as_str()), ("alice", REALM));
    let pac = accepted.pac.take().unwrap();
    assert_eq!(crate::pac::Pac::decode(&pac).unwrap().logon_info().unwrap().unwrap().effective_name, "alice");
    let mut context = initiator.finish(accepted.reply.as_deref()).unwrap();
    for seal in [true, false] {
        let there = context.wrap(b"there", seal, &SystemRandom);
        assert_eq!(accepted.context.unwrap(&there).unwrap().message, b"there");
        let back = accepted.context.wrap(b"back", seal, &SystemRandom);
        assert_eq!(context.unwrap(&back).unwrap().message, b"back");
    }
}

#[test]
fn without_mutual_authentication_the_context_is_ready_at_once() {
    let scene = Scene::new();
    let (initiator, token) = scene.start(InitiatorOptions { flags: flags::INTEGRITY, bindings: None });
    let mut accepted = scene.accept(&token).unwrap();
    assert!(accepted.reply.is_none());
    let mut context = initiator.finish(None).unwrap();
    let back = accepted.context.wrap(b"back", false, &SystemRandom);
    assert_eq!(context.unwrap(&back).unwrap().message, b"back");
    let (initiator, _) = scene.start(InitiatorOptions::default());
    assert!(initiator.finish(None).is_err());
}

/// What impacket and msldap put into SPNEGO: the AP-REQ as it is, which Windows and MIT's library take too.
#[test]
fn a_first_token_without_a_frame_is_answered_without_one() {
    let scene = Scene::new();
    let (initiator, token) = scene.start(InitiatorOptions::default());
    let (_, message) = super::token::unframe(&token).unwrap();
    assert_eq!(mechanism(message), None);
    let mut accepted = scene.accept(message).unwrap();
    assert!(matches!(scene.accept(&token), Err(GssError::Replay)), "it is the same request");
    let bare = accepted.reply.clone().unwrap();
    let framed = super::token::frame(super::token::TokenId::ApRep, &bare);
    let mut context = initiator.finish(Some(&framed)).unwrap();
    let there = context.wrap(b"there", true, &SystemRandom);
    assert_eq!(accepted.context.unwrap(&there).unwrap().message, b"there");

    let (_, token) = scene.start(InitiatorOptions { flags: flags::INTEGRITY, bindings: None });
    let (_, message) = super::token::unframe(&token).unwrap();
    assert!(scene.accept(message).unwrap().reply.is_none());
}

/// impacket writes the realm as it was typed; names have no case in a domain (MS-KILE 3.1.5.7).
#[test]
fn an_authenticator_names_its_client_in_any_case_but_no_other() {
    let mut scene = Scene::new();
    scene.credential.client_realm = "contoso.com".into();
    scene.credential.client = PrincipalName::user("Alice");
    let (_, token) = scene.start(InitiatorOptions::default());
    let accepted = scene.accept(&token).unwrap();
    assert_eq!(
        (accepted.client.to_string().as_str(), accepted.client_realm.as_str()),
        ("alice", REALM),
        "the ticket's"
    );
    for (client, realm) in [("bob", REALM), ("alice", "FABRIKAM.TEST"), ("alice/admin", REALM)] {
        scene.credential.client_realm = realm.into();
        scene.credential.client = PrincipalName::service(client);
        let (_, token) = scene.start(InitiatorOptions::default());
        assert!(matches!(scene.accept(&token), Err(GssError::Integrity)), "{client}@{realm}");
    }
}

#[test]
fn a_first_token_works_once() {
    let scene = Scene::new();
    let (_, token) = scene.start(InitiatorOptions::default());
    scene.accept(&token).unwrap();
    assert!(matches!(scene.accept(&token), Err(GssError::Replay)));
}

#[test]
fn clocks_may_differ_by_five_minutes_and_no_more() {
    let scene =
        Scene::with(now().saturating_sub(Duration::from_secs(3600)), now().saturating_add(Duration::from_secs(3600)));
    for (seconds, good) in [(299, true), (302, false)] {
        let (_, token) = scene.start(InitiatorOptions::default());
        let late = scene.accept_at(&token, now().saturating_add(Duration::from_secs(seconds)), None, false);
        assert_eq!(late.is_ok(), good, "{seconds}");
        let (_, token) = scene.start(InitiatorOptions::default());
        let early = scene.accept_at(&token, now().saturating_sub(Duration::from_secs(seconds)), None, false);
        assert_eq!(early.is_ok(), good, "-{seconds}");
    }
}

#[test]
fn a_ticket_that_has_ended_or_not_begun_is_refused() {
    for (start, end) in [(-7200i64, -3600i64), (3600, 7200)] {
        let at = |seconds| FileTime::from_unix(1_700_000_000 + seconds, 0);
        let scene = Scene::with(at(start), at(end));
        let (_, token) = scene.start(InitiatorOptions::default());
        assert!(matches!(scene.accept(&token), Err(GssError::TicketTime)));
    }
}

#[test]
fn a_token_for_another_tls_connection_is_refused() {
    let scene = Scene::new();
    let (own, other) = (ChannelBindings::of(b"tls-server-end-point:a"), ChannelBindings::of(b"tls-server-end-point:b"));
    let token = |bindings| scene.start(InitiatorOptions { bindings, ..InitiatorOptions::default() }).1;
    let accept = |token: &[u8], require| scene.accept_at(token, now(), Some(own), require);
    assert!(accept(&token(Some(own)), true).is_ok());
    assert!(matches!(accept(&token(Some(other)), false), Err(GssError::ChannelBindings)));
    assert!(accept(&token(None), false).is_ok());
    assert!(matches!(accept(&token(None), true), Err(GssError::ChannelBindings)));
    // A server without TLS has nothing to compare with.
    assert!(scene.accept(&token(Some(other))).is_ok());
}

#[test]
fn an_answer_of_somebody_else_is_refused() {
    let (scene, other) = (Scene::new(), Scene::new());
    let (initiator, _) = scene.start(InitiatorOptions::default());
    let (_, token) = other.start(InitiatorOptions::default());
    let answer = other.accept(&token).unwrap().reply.unwrap();
    assert!(matches!(initiator.finish(Some(&answer)), Err(GssError::Integrity)));
    // And one to an earlier token of our own.
    let (_, first) = scene.start(InitiatorOptions::default());
    let answer = scene.accept(&first).unwrap().reply.unwrap();
    let later = now().saturating_add(Duration::from_secs(1));
    let (initiator, _) =
        Initiator::start(&scene.credential, InitiatorOptions::default(), later, &SystemRandom).unwrap();
    assert!(initiator.finish(Some(&answer)).is_err());
}

#[test]
fn a_pac_that_the_service_s_key_did_not_sign_is_refused() {
    let mut scene = Scene::new();
    let mut ticket = Ticket::decode(&scene.credential.ticket).unwrap();
    let opened = scene.service_key.decrypt(usage::TICKET, &ticket.enc_part.cipher).unwrap();
    let mut part = EncTicketPart::decode(&opened).unwrap();
    let mut pac = part.pac().unwrap().to_vec();
    // The name, and no byte that happens to be in a signature that only a KDC can check.
    let name: Vec<_> = "alice".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = pac.windows(name.len()).position(|some| some == name).unwrap();
    pac[at] = b'b';
    part.authorization_data = EncTicketPart::wrap_pac(pac);
    ticket.enc_part.cipher = scene.service_key.encrypt(usage::TICKET, &part.encode(), &SystemRandom);
    scene.credential.ticket = ticket.encode();
    let (_, token) = scene.start(InitiatorOptions::default());
    assert!(matches!(scene.accept(&token), Err(GssError::Pac(_))));
}

#[test]
fn spnego_around_kerberos() {
    let scene = Scene::new();
    let (initiator, token) = scene.start(InitiatorOptions::default());
    let (negotiation, first) = crate::spnego::Initiator::start(&token);
    let mut acceptor = crate::spnego::Acceptor::new();
    let crate::spnego::Step::Done { reply, mut result } = acceptor.step(&first, |token| scene.accept(token)).unwrap()
    else {
        panic!()
    };
    let (mut context, more) = negotiation.finish(&reply.unwrap(), |token| initiator.finish(token)).unwrap();
    assert!(more.is_none());
    let token = context.wrap(b"hello", true, &SystemRandom);
    assert_eq!(result.context.unwrap(&token).unwrap().message, b"hello");
}

proptest::proptest! {
    #[test]
    fn damaged_tokens_are_refused(at in proptest::prelude::any::<proptest::sample::Index>(), bit in 0u8..8, cut in 0usize..40) {
        let scene = Scene::new();
        let (_, mut token) = scene.start(InitiatorOptions::default());
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        token.truncate(token.len() - cut);
        let keys = |_: &PrincipalName, _: &str, _: Etype, _: Option<u32>| vec![scene.service_key.clone()];
        let options = AcceptOptions {
            keys: &keys, replay: &scene.replay, bindings: None, require_bindings: false, now: now(), random: &SystemRandom,
        };
        let _ = accept(&token, &options);
        let (initiator, _) = scene.start(InitiatorOptions::default());
        proptest::prop_assert!(initiator.finish(Some(&token)).is_err());
    }
}
