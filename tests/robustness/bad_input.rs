//! Malformed, truncated, oversized and deeply nested input to each port: that peer gets an error or is let go, the
//! server goes on for everybody else, and its log holds no secret.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use asn1::{Tag, Writer};
use pando_tests::wire::Wire;
use pando_tests::{ADMIN_PASSWORD, ALICE_PASSWORD, BASE, Domain, Transport};

/// Bytes that no LDAP client would send.
fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("an HTTP request", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("ones", vec![0xff; 4096]),
        ("a length of four gigabytes", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02, 0x01, 0x01]),
        ("a length of eight bytes", vec![0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ("an indefinite length", vec![0x30, 0x80, 0x02, 0x01, 0x01, 0x00, 0x00]),
        ("an empty message", vec![0x30, 0x00]),
        ("a message of an unknown operation", vec![0x30, 0x05, 0x02, 0x01, 0x01, 0x7e, 0x00]),
        ("a message id that is no number", vec![0x30, 0x05, 0x04, 0x01, 0x41, 0x42, 0x00]),
        ("nested sequences", [0x30, 0x84, 0x00, 0x01, 0x00, 0x00].repeat(2000)),
    ]
}

fn bound(domain: &Domain) -> Wire {
    let mut wire = Wire::connect(domain.ports().ldap).expect("the server answers");
    assert_eq!(wire.bind("alice@contoso.com", ALICE_PASSWORD).expect("an answer").code, 0);
    wire
}

fn assert_serving(domain: &mut Domain) {
    domain.assert_alive();
    domain.ldap_as("ldapwhoami", Transport::Ldaps, "alice@contoso.com", ALICE_PASSWORD).ok();
    domain.kinit("alice", ALICE_PASSWORD).ok();
    let log = domain.log();
    assert!(!log.contains("panicked"), "{log}");
    for secret in [ADMIN_PASSWORD, ALICE_PASSWORD] {
        assert!(!log.contains(secret), "a password is in the log");
    }
}

#[test]
fn nonsense_on_the_ldap_ports_ends_that_connection_only() {
    let mut domain = Domain::start();
    let mut other = bound(&domain);
    for port in [domain.ports().ldap, domain.ports().ldaps] {
        for (what, bytes) in nonsense() {
            let mut wire = Wire::connect(port).expect("the server answers");
            // The server may close before all is sent.
            let _ = wire.send(&bytes);
            let _ = wire.finish_sending();
            wire.until_closed().unwrap_or_else(|error| panic!("{what} on {port}: not closed: {error}"));
        }
    }
    other.add_user(&format!("CN=x,{BASE}"), "x").expect("the other connection still stands");
    assert_eq!(other.answer().expect("an answer").code, 50);
    assert_serving(&mut domain);
}

#[test]
fn a_request_cut_anywhere_is_no_request() {
    let mut domain = Domain::start();
    let mut writer = Writer::der();
    writer.nest(Tag::SEQUENCE, |message| {
        message.integer(Tag::INTEGER, 1);
        message.nest(Tag::application_constructed(0), |bind| {
            bind.integer(Tag::INTEGER, 3);
            bind.value(Tag::OCTET_STRING, b"alice@contoso.com");
            bind.value(Tag::context(0), ALICE_PASSWORD.as_bytes());
        });
    });
    let whole = writer.into_bytes();
    for length in 0..whole.len() {
        let mut wire = Wire::connect(domain.ports().ldap).expect("the server answers");
        wire.send(&whole[..length]).expect("sent");
        wire.finish_sending().expect("sent");
        assert_eq!(wire.until_closed().expect("closed"), 0, "cut at {length}");
    }
    assert_serving(&mut domain);
}

#[test]
fn filters_too_deep_are_refused() {
    let mut domain = Domain::start();
    for depth in [50_usize, 200, 5_000, 100_000] {
        let mut wire = bound(&domain);
        let filter = (0..depth).fold(vec![0x87, 2, b'c', b'n'], |inner, _| {
            let mut not = vec![0xa2, 0x84];
            not.extend_from_slice(&u32::try_from(inner.len()).expect("small").to_be_bytes());
            if depth <= 5_000 {
                not.extend_from_slice(&inner)
            } else {
                not = inner
            }
            not
        });
        let sent = wire.request(|message| {
            message.nest(Tag::application_constructed(3), |search| {
                search.value(Tag::OCTET_STRING, BASE.as_bytes());
                search.integer(Tag::ENUMERATED, 2);
                search.integer(Tag::ENUMERATED, 0);
                search.integer(Tag::INTEGER, 1);
                search.integer(Tag::INTEGER, 5);
                search.boolean(Tag::BOOLEAN, false);
                if depth <= 5_000 {
                    search.raw(&filter)
                } else {
                    search.raw(&[0xa2, 0x80].repeat(depth))
                }
                search.nest(Tag::SEQUENCE, |_| {});
            });
        });
        sent.expect("sent");
        let _ = wire.finish_sending();
        wire.until_closed().expect("the connection ends");
    }
    assert_serving(&mut domain);
}

#[test]
fn a_message_larger_than_the_limit_is_refused_before_it_is_received() {
    let mut domain = Domain::start();
    let mut wire = Wire::connect(domain.ports().ldap).expect("the server answers");
    // One gigabyte is announced, a little is sent, and the connection is held open: the server must not wait for it.
    wire.send(&[0x30, 0x84, 0x40, 0x00, 0x00, 0x00]).expect("sent");
    let _ = wire.send(&vec![0x41; 1 << 16]);
    wire.until_closed().expect("closed at once");
    assert_serving(&mut domain);
}

#[test]
fn many_idle_connections_leave_room_for_the_next() {
    let mut domain = Domain::start();
    let idle: Vec<TcpStream> =
        (0..300).map(|_| TcpStream::connect(domain.ports().ldap).expect("the server answers")).collect();
    assert_serving(&mut domain);
    drop(idle);
}

/// The request with which MIT's kinit proves that it knows alice's password, overheard.
fn request_of_kinit(domain: &Domain) -> Vec<u8> {
    let ear = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    ear.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let address = ear.local_addr().expect("it has an address");
    let configuration = std::fs::read_to_string(domain.path("krb5.conf")).expect("krb5.conf is there");
    let real = domain.ports().kerberos.to_string();
    std::fs::write(domain.path("to-the-ear.conf"), configuration.replace(&real, &address.to_string()))
        .expect("written");
    std::thread::scope(|scope| {
        let kinit = domain.kinit("alice", ALICE_PASSWORD).env("KRB5_CONFIG", domain.path("to-the-ear.conf"));
        let kinit = scope.spawn(|| kinit.run());
        let mut request = vec![0; 4096];
        let (length, peer) = ear.recv_from(&mut request).expect("kinit asks");
        request.truncate(length);
        // The KDC asks for a proof; the request with the proof is the one that is wanted.
        let answer = over_udp(domain.ports().kerberos, &request).expect("the KDC answers");
        ear.send_to(&answer, peer).expect("sent");
        let mut proof = vec![0; 4096];
        let (length, peer) = ear.recv_from(&mut proof).expect("kinit proves who it is");
        proof.truncate(length);
        let answer = over_udp(domain.ports().kerberos, &proof).expect("the KDC answers");
        ear.send_to(&answer, peer).expect("sent");
        assert_eq!(kinit.join().expect("kinit ends").code, Some(0));
        proof
    })
}

fn over_udp(address: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    socket.send_to(request, address).expect("sent");
    let mut answer = vec![0; 65_536];
    let length = socket.recv(&mut answer).ok()?;
    answer.truncate(length);
    Some(answer)
}

/// Sends bytes over TCP, then the end of the stream; what came back before the server let go.
fn over_tcp(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the server answers");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => answer,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => answer,
        Err(error) => panic!("the server does not let go: {error}"),
    }
}

#[test]
fn nonsense_to_kerberos_is_answered_or_dropped() {
    let mut domain = Domain::start();
    let address = domain.ports().kerberos;
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let deep: Vec<u8> =
        [0x6a, 0x82, 0x10, 0x00].into_iter().chain([0xa0, 0x80].into_iter().cycle().take(4096)).collect();
    let more = [("nothing", vec![]), ("depth", deep), ("the largest datagram", vec![0x6a; 65_507])];
    for (what, bytes) in nonsense().into_iter().chain(more) {
        for cut in [bytes.len(), 1, 2, bytes.len() / 2] {
            let bytes = &bytes[..cut.min(bytes.len())];
            udp.send_to(bytes, address).unwrap_or_else(|error| panic!("{what}: {error}"));
            let length = u32::try_from(bytes.len()).expect("small").to_be_bytes();
            over_tcp(address, &[&length[..], bytes].concat());
        }
    }
    for prefix in [&[][..], &[0], &[0, 0, 0], &[0, 0, 0, 0], &[0xff; 4], &[0x7f, 0xff, 0xff, 0xff], &[0, 0, 0, 99]] {
        over_tcp(address, &[prefix, b"not asn.1"].concat());
        over_tcp(address, prefix);
    }
    assert_serving(&mut domain);
}

#[test]
fn a_kerberos_request_cut_or_changed_anywhere_gives_no_ticket_to_whoever_cannot_open_it() {
    const AS_REP: u8 = 0x6b;
    const KRB_ERROR: u8 = 0x7e;
    let mut domain = Domain::start();
    let request = request_of_kinit(&domain);
    let address = domain.ports().kerberos;
    assert_eq!(over_udp(address, &request).expect("an answer")[0], AS_REP, "whole, it is a request");
    for length in 1..request.len() {
        let answer = over_udp(address, &request[..length]).expect("an answer");
        assert_eq!(answer[0], KRB_ERROR, "cut at {length}");
    }
    for at in 1..request.len() {
        let mut changed = request.clone();
        changed[at] ^= 0x41;
        let answer = over_udp(address, &changed).expect("an answer");
        assert!([AS_REP, KRB_ERROR].contains(&answer[0]), "changed at {at}: {answer:?}");
        let framed = [&u32::try_from(changed.len()).expect("small").to_be_bytes()[..], &changed].concat();
        assert!(over_tcp(address, &framed).len() > 4, "changed at {at}, over TCP");
    }
    assert_serving(&mut domain);
}

#[test]
fn names_from_outside_forge_no_line_of_the_log_and_fill_it_not() {
    let mut domain = Domain::start();
    let forged = "2026-01-01T00:00:00Z  INFO dc::kdc: a ticket is given";
    let long = "x".repeat(3000);
    for name in [format!("alice\n{forged}"), format!("alice\r{forged}"), "alice\u{1b}[2J".to_owned(), long.clone()] {
        domain.kinit(&name, "wrong").fails(1);
        domain.ldap_as("ldapwhoami", Transport::Plain, &name, "wrong").fails(49);
    }
    let log = domain.log();
    assert!(log.contains("no account has this name"), "the refusals are in the log: {log}");
    assert!(!log.lines().any(|line| line.starts_with(&forged[..10])), "{log}");
    assert!(!log.contains(['\r', '\u{1b}']), "{log}");
    assert!(!log.contains(&long), "{log}");
    assert_serving(&mut domain);
}

#[test]
fn many_idle_kerberos_connections_leave_room_for_the_next() {
    let mut domain = Domain::start();
    let address = domain.ports().kerberos;
    let idle: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(address).expect("the server answers")).collect();
    domain.configure_kerberos(" udp_preference_limit = 1\n");
    assert_serving(&mut domain);
    drop(idle);
}

#[test]
fn names_and_values_that_no_directory_has_are_refused_not_stored() {
    let mut domain = Domain::start();
    let mut wire = Wire::connect(domain.ports().ldap).expect("the server answers");
    assert_eq!(wire.bind("Administrator@contoso.com", ADMIN_PASSWORD).expect("an answer").code, 0);
    let long = "x".repeat(100_000);
    let deep = "CN=a,".repeat(5_000);
    let names = [
        "",
        "not a name",
        "CN=",
        "=x",
        "CN=a,,DC=com",
        "CN=\\",
        "CN=\\zz,DC=contoso,DC=com",
        "CN=\0,DC=contoso,DC=com",
    ];
    for dn in names.iter().map(ToString::to_string).chain([format!("CN={long},{BASE}"), format!("{deep}{BASE}")]) {
        wire.add_user(&dn, "x").expect("sent");
        let answer = wire.answer().expect("an answer");
        assert_ne!(answer.code, 0, "{:.40}", dn);
    }
    assert_serving(&mut domain);
}

#[test]
fn a_configuration_file_that_is_none_is_refused_with_a_sentence() {
    let domain = Domain::start();
    let file = domain.path("pando.toml");
    for text in
        ["[", "= 1", "[dc.run]\nno-such-setting = 1\n", "[dc.run]\nldap = { a = 1 }\n", &"[".repeat(100_000), "\u{0}"]
    {
        std::fs::write(&file, text).expect("it can be written");
        let tool =
            pando_tests::Tool::new(pando_tests::pando()).arg("--config").arg(&file).args(["dc", "run", "--data", "x"]);
        let refused = tool.run();
        assert!(refused.code.is_some_and(|code| code != 0 && code != 101), "{refused}");
        refused.says("pando.toml").never_says("panicked");
    }
}
