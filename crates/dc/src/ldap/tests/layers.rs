//! Binds with tickets, and what is sent through the layers they agree on.

use crate::ldap::testing::{LOCAL, PEOPLE, Peer, REMOTE, TLS, TestServer, answers};
use dtyp::{Clock, FileTime, Random, SystemRandom};
use kerberos::gss::sasl::{Client, Layer, SecurityLayer};
use kerberos::gss::{Initiator, InitiatorOptions, flags};
use kerberos::spnego;
use ldap::client::Request;
use ldap::message::Scope;

fn now() -> FileTime {
    FileTime::from_unix(1_767_225_600, 0)
}

/// Binds with GSSAPI up to the offer of layers; gives the initiator's context and the offer.
fn offered(server: &TestServer, peer: &mut Peer) -> (kerberos::gss::Context, Vec<u8>) {
    let (initiator, token) =
        Initiator::start(&server.ticket("admin"), InitiatorOptions::default(), now(), &SystemRandom).unwrap();
    let step = |credentials| Request::BindSasl { mechanism: "GSSAPI", credentials };
    let answer = peer.one(&step(Some(&token)));
    assert_eq!(answer.code(), 14, "{answer:?}");
    let context = initiator.finish(Some(answer.token())).unwrap();
    let offer = peer.one(&step(None));
    assert_eq!(offer.code(), 14, "{offer:?}");
    (context, offer.token().to_vec())
}

/// Binds with GSSAPI and a layer.
fn gssapi(server: &TestServer, peer: &mut Peer, layer: Layer) -> Result<SecurityLayer, u32> {
    let (context, offer) = offered(server, peer);
    let (layer, choice) = Client::choose(context, &offer, layer, 65_536, &SystemRandom).map_err(|_| 0_u32)?;
    let answer = peer.one(&Request::BindSasl { mechanism: "GSSAPI", credentials: Some(&choice) });
    if answer.code() == 0 { Ok(layer) } else { Err(answer.code()) }
}

/// Sends a request through a layer and opens the answers.
fn through(peer: &mut Peer, layer: &mut SecurityLayer, plain: &[u8]) -> Vec<u8> {
    let random: &dyn Random = &SystemRandom;
    let mut wire = Vec::new();
    layer.seal_into(plain, &mut wire, random);
    let back = peer.exchange(&wire);
    if layer.layer() == Layer::None {
        return back;
    }
    let (mut rest, mut opened) = (&back[..], Vec::new());
    while let Ok(Some(length)) = layer.frame(rest) {
        opened.extend(layer.open(&rest[..length]).unwrap());
        rest = &rest[length..];
    }
    opened
}

#[test]
fn every_layer_carries_requests_and_answers() {
    let server = TestServer::new();
    for layer in [Layer::None, Layer::Integrity, Layer::Confidentiality] {
        let mut peer = server.connect(LOCAL);
        let mut layer = gssapi(&server, &mut peer, layer).unwrap();
        let request = peer.encode(&Request::Extended(ldap::oid::WHO_AM_I, None), &[]);
        let opened = through(&mut peer, &mut layer, &[&request[..], &request[..]].concat());
        let answers = answers(&opened);
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[0].token(), br"u:CONTOSO\admin");
    }
}

/// bloodyAD and msldap take all messages of a frame for answers to one request.
#[test]
fn answers_to_two_requests_never_share_a_frame() {
    let server = TestServer::new();
    let mut peer = server.connect(LOCAL);
    let mut layer = gssapi(&server, &mut peer, Layer::Confidentiality).unwrap();
    let who = |peer: &mut Peer| peer.encode(&Request::Extended(ldap::oid::WHO_AM_I, None), &[]);
    let delete = |peer: &mut Peer| peer.encode(&Request::Delete("CN=nobody,DC=contoso,DC=com"), &[]);
    let requests = [who(&mut peer), who(&mut peer), delete(&mut peer), delete(&mut peer), who(&mut peer)];
    let mut wire = Vec::new();
    layer.seal_into(&requests.concat(), &mut wire, &SystemRandom);
    let back = peer.exchange(&wire);
    let (mut rest, mut frames) = (&back[..], Vec::new());
    while let Ok(Some(length)) = layer.frame(rest) {
        frames.push(answers(&layer.open(&rest[..length]).unwrap()).len());
        rest = &rest[length..];
    }
    assert_eq!(frames, [1; 5]);
}

#[test]
fn a_frame_may_carry_half_a_message_and_arrive_in_pieces() {
    let server = TestServer::new();
    let mut peer = server.connect(REMOTE);
    let mut layer = gssapi(&server, &mut peer, Layer::Confidentiality).unwrap();
    let request = peer.encode(&Request::Extended(ldap::oid::WHO_AM_I, None), &[]);
    let mut wire = Vec::new();
    for half in request.chunks(9) {
        layer.seal_into(half, &mut wire, &SystemRandom);
    }
    let mut back = Vec::new();
    for byte in wire {
        back.extend(peer.exchange(&[byte]));
    }
    let length = layer.frame(&back).unwrap().unwrap();
    assert_eq!(answers(&layer.open(&back[..length]).unwrap())[0].token(), br"u:CONTOSO\admin");
}

#[test]
fn other_machines_must_choose_a_layer_and_tls_needs_none() {
    let server = TestServer::new();
    assert!(gssapi(&server, &mut server.connect(REMOTE), Layer::None).is_err());
    assert!(gssapi(&server, &mut server.connect(REMOTE), Layer::Integrity).is_ok());
    assert!(gssapi(&server, &mut server.connect(TLS), Layer::None).is_ok());
    for layer in [Layer::Integrity, Layer::Confidentiality] {
        assert_eq!(gssapi(&server, &mut server.connect(TLS), layer).err(), Some(53));
    }
}

#[test]
fn every_layer_is_offered_over_tls_too_as_clients_of_active_directory_expect() {
    let server = TestServer::new();
    let mut peer = server.connect(TLS);
    let (mut context, offer) = offered(&server, &mut peer);
    assert_eq!(context.unwrap(&offer).unwrap().message, [7, 0xa0, 0, 0]);
}

#[test]
fn bytes_outside_of_the_layer_end_the_connection() {
    let server = TestServer::new();
    let mut peer = server.connect(LOCAL);
    gssapi(&server, &mut peer, Layer::Confidentiality).unwrap();
    let bare = peer.encode(&Request::Delete(PEOPLE), &[]);
    assert!(peer.exchange(&bare).is_empty());
    assert!(peer.closed);
}

#[test]
fn a_changed_frame_ends_the_connection() {
    let server = TestServer::new();
    let mut peer = server.connect(LOCAL);
    let mut layer = gssapi(&server, &mut peer, Layer::Integrity).unwrap();
    let request = peer.encode(&Request::Delete(PEOPLE), &[]);
    let mut wire = Vec::new();
    layer.seal_into(&request, &mut wire, &SystemRandom);
    let last = wire.len() - 1;
    wire[last] ^= 1;
    assert!(peer.exchange(&wire).is_empty());
    assert!(peer.closed);
    assert_eq!(server.admin().search(PEOPLE, Scope::Base, "(objectClass=*)", &["1.1"]).len(), 2, "it is still there");
}

#[test]
fn a_second_bind_replaces_the_layer_and_its_answer_goes_through_the_old_one() {
    let server = TestServer::new();
    let mut peer = server.connect(LOCAL);
    let mut layer = gssapi(&server, &mut peer, Layer::Confidentiality).unwrap();
    let wrong = peer.encode(&Request::BindSimple { name: "nobody", password: b"x" }, &[]);
    assert_eq!(answers(&through(&mut peer, &mut layer, &wrong))[0].code(), 49);
    let who = peer.encode(&Request::Extended(ldap::oid::WHO_AM_I, None), &[]);
    assert_eq!(answers(&through(&mut peer, &mut layer, &who))[0].token(), b"");
}

#[test]
fn a_repeated_ticket_is_refused() {
    let server = TestServer::new();
    let (_, token) =
        Initiator::start(&server.ticket("admin"), InitiatorOptions::default(), now(), &SystemRandom).unwrap();
    let bind = Request::BindSasl { mechanism: "GSSAPI", credentials: Some(&token) };
    assert_eq!(server.connect(LOCAL).one(&bind).code(), 14);
    let refused = server.connect(LOCAL).one(&bind);
    assert_eq!(refused.code(), 49);
    assert!(refused.diagnostic().starts_with("8009030C: LdapErr"), "{}", refused.diagnostic());
}

#[test]
fn an_unknown_client_a_late_ticket_and_nonsense_are_refused_with_their_reasons() {
    let server = TestServer::new();
    let spnego = |token: &[u8]| {
        let refused =
            server.connect(LOCAL).one(&Request::BindSasl { mechanism: "GSS-SPNEGO", credentials: Some(token) });
        assert_eq!(refused.code(), 49);
        refused.diagnostic().to_owned()
    };
    let start = |client: &str| {
        Initiator::start(&server.ticket(client), InitiatorOptions::default(), now(), &SystemRandom).unwrap().1
    };
    assert!(spnego(&start("mallory")).contains("data 525"));
    assert!(spnego(b"nonsense").contains("data 57"));
    let late = start("admin");
    server.clock.set(server.clock.now().saturating_add(std::time::Duration::from_secs(3600)));
    assert!(spnego(&late).contains("data 576"));
}

#[test]
fn spnego_agrees_on_the_layer_that_the_context_asks_for() {
    let server = TestServer::new();
    let common = flags::MUTUAL | flags::SEQUENCE | flags::REPLAY;
    let bind = |channel, more: u32| {
        let mut peer = server.connect(channel);
        let options = InitiatorOptions { flags: common | more, bindings: None };
        let (initiator, token) = Initiator::start(&server.ticket("admin"), options, now(), &SystemRandom).unwrap();
        let (negotiation, token) = spnego::Initiator::start(&token);
        let answer = peer.one(&Request::BindSasl { mechanism: "GSS-SPNEGO", credentials: Some(&token) });
        if answer.code() != 0 {
            return Err(answer.code());
        }
        let (context, _) = negotiation.finish(answer.token(), |token| initiator.finish(token)).unwrap();
        let mut layer = SecurityLayer::from_flags(context, common | more, 65_536).unwrap();
        let who = peer.encode(&Request::Extended(ldap::oid::WHO_AM_I, None), &[]);
        assert_eq!(answers(&through(&mut peer, &mut layer, &who))[0].token(), br"u:CONTOSO\admin");
        Ok(layer.layer())
    };
    let both = flags::INTEGRITY | flags::CONFIDENTIALITY;
    assert_eq!(bind(LOCAL, both), Ok(Layer::Confidentiality));
    assert_eq!(bind(REMOTE, flags::INTEGRITY), Ok(Layer::Integrity));
    assert_eq!(bind(LOCAL, 0), Ok(Layer::None));
    assert_eq!(bind(TLS, 0), Ok(Layer::None));
    assert_eq!(bind(REMOTE, 0), Err(8));
    assert_eq!(bind(TLS, both), Err(53));
}

#[test]
fn a_negotiation_is_not_continued_with_another_mechanism() {
    let server = TestServer::new();
    let mut peer = server.connect(LOCAL);
    let (_, offer) = offered(&server, &mut peer);
    assert!(!offer.is_empty());
    assert_eq!(peer.one(&Request::BindSasl { mechanism: "GSS-SPNEGO", credentials: Some(b"") }).code(), 49);
    assert_eq!(peer.one(&Request::BindSasl { mechanism: "GSSAPI", credentials: Some(b"") }).code(), 49);
    assert_eq!(peer.who_am_i(), "");
}
