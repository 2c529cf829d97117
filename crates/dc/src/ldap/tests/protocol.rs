use crate::ldap::testing::{ADMIN, DOMAIN, LOCAL, TestServer, answers};
use ldap::client::Request;
use ldap::message::Scope;
use ldap::{Control, FilterBuf};
use proptest::prelude::*;

#[test]
fn requests_that_come_together_are_answered_in_one_write_and_in_order() {
    let server = TestServer::new();
    let mut peer = server.connect(LOCAL);
    let mut bytes = peer.encode(&Request::BindSimple { name: ADMIN.0, password: ADMIN.1.as_bytes() }, &[]);
    for _ in 0..10 {
        bytes.extend(peer.encode(&Request::Extended(ldap::oid::WHO_AM_I, None), &[]));
    }
    let back = answers(&peer.exchange(&bytes));
    assert_eq!(back.iter().map(|answer| answer.id).collect::<Vec<_>>(), (1..=11).collect::<Vec<_>>());
    assert_eq!(peer.writes, 1);
    assert_eq!(back[10].token(), br"u:CONTOSO\admin");
}

/// Zero is kept for the server's own notices (RFC 4511 4.1.1.1), and yet what msldap and bloodyAD begin with.
#[test]
fn a_client_that_counts_from_zero_is_served() {
    let server = TestServer::new();
    let mut peer = server.connect(LOCAL);
    let bind = Request::BindSimple { name: ADMIN.0, password: ADMIN.1.as_bytes() };
    let back = answers(&peer.exchange(&ldap::client::encode(0, &bind, &[])));
    assert_eq!((back[0].id, back[0].code(), peer.closed), (0, 0, false));
    assert_eq!(peer.who_am_i(), r"u:CONTOSO\admin");
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let server = TestServer::new();
    let mut peer = server.admin();
    let bytes = peer.encode(&Request::Compare(DOMAIN, "dc", b"CONTOSO"), &[]);
    let (last, first) = bytes.split_last().unwrap();
    for byte in first {
        assert!(peer.exchange(&[*byte]).is_empty());
    }
    assert_eq!(answers(&peer.exchange(&[*last]))[0].code(), 6);
}

#[test]
fn nonsense_gets_a_notice_of_disconnection() {
    let server = TestServer::new();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x30, 0], &[0x30, 5, 2, 1, 1, 0x7e, 0], &[0x30, 0x80, 2, 1, 1]] {
        let mut peer = server.connect(LOCAL);
        let notice = answers(&peer.exchange(bytes));
        assert_eq!((notice[0].id, notice[0].code(), peer.closed), (0, 2, true));
    }
}

#[test]
fn a_stranger_may_send_less_than_somebody_who_has_bound() {
    let server = TestServer::with(|limits| {
        limits.max_receive_unbound = 1000;
        limits.max_receive = 5000;
    });
    let announced = [0x30, 0x82, 0x10, 0];
    let mut stranger = server.connect(LOCAL);
    stranger.exchange(&announced);
    assert!(stranger.closed, "closed before the bytes arrive");
    let mut admin = server.admin();
    admin.exchange(&announced);
    assert!(!admin.closed);
    admin.exchange(&[0; 1]);
    let mut admin = server.admin();
    admin.exchange(&[0x30, 0x82, 0x20, 0]);
    assert!(admin.closed);
}

#[test]
fn a_filter_that_nests_too_deeply_ends_the_connection() {
    let server = TestServer::new();
    let mut filter = vec![0x87, 1, b'c'];
    for _ in 0..200 {
        let mut outer = vec![0xa2, 0x84];
        outer.extend_from_slice(&u32::try_from(filter.len()).unwrap().to_be_bytes());
        outer.append(&mut filter);
        filter = outer;
    }
    let mut w = asn1::Writer::der();
    w.nest(asn1::Tag::SEQUENCE, |w| {
        w.integer(asn1::Tag::INTEGER, 1);
        w.nest(asn1::Tag::application_constructed(3), |w| {
            w.value(asn1::Tag::OCTET_STRING, b"");
            [0, 0].iter().for_each(|n| w.integer(asn1::Tag::ENUMERATED, *n));
            [0, 0].iter().for_each(|n| w.integer(asn1::Tag::INTEGER, *n));
            w.boolean(asn1::Tag::BOOLEAN, false);
            w.raw(&filter);
            w.nest(asn1::Tag::SEQUENCE, |_| {});
        });
    });
    let mut peer = server.admin();
    let notice = answers(&peer.exchange(w.as_bytes()));
    assert_eq!((notice[0].id, peer.closed), (0, true));
}

#[test]
fn unknown_critical_controls_and_operations_are_refused() {
    let server = TestServer::new();
    let mut peer = server.admin();
    let unknown = [Control { oid: "1.2.3.4", critical: true, value: None }];
    assert_eq!(peer.ask_with(&Request::Delete("CN=x"), &unknown)[0].code(), 12);
    assert_eq!(peer.ask_with(&Request::Extended(ldap::oid::WHO_AM_I, None), &unknown)[0].code(), 12);
    let refused = peer.one(&Request::Extended("1.2.3.4", None));
    assert_eq!(refused.code(), 2);
    assert!(refused.diagnostic().starts_with("0000203D: LdapErr"));
}

#[test]
fn unbind_closes_and_abandon_says_nothing() {
    let server = TestServer::new();
    let mut peer = server.admin();
    assert!(peer.ask(&Request::Abandon(1)).is_empty());
    assert!(!peer.closed);
    assert!(peer.ask(&Request::Unbind).is_empty());
    assert!(peer.closed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_are_answered_or_end_the_connection(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        thread_local!(static SERVER: TestServer = TestServer::new());
        SERVER.with(|server| {
            server.connect(LOCAL).exchange(&bytes);
        });
    }

    #[test]
    fn a_damaged_request_does_no_harm(at in any::<usize>(), with in any::<u8>()) {
        thread_local!(static SERVER: TestServer = TestServer::new());
        SERVER.with(|server| {
            let mut peer = server.admin();
            let filter: FilterBuf = "(&(objectClass=user)(cn=a*b))".parse().unwrap();
            let filter = filter.as_filter();
            let search = ldap::client::Search {
                base: DOMAIN, scope: Scope::Subtree, size_limit: 0, time_limit: 0, filter: &filter, attributes: &["cn"],
            };
            let mut bytes = peer.encode(&Request::Search(search), &[]);
            let length = bytes.len();
            bytes[at % length] = with;
            peer.exchange(&bytes);
        });
    }
}
