//! Both ends of TLS against each other, in memory.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use dtyp::SystemClock;
use pki::{Authority, Certificate, ClientAuth, Identity, Purpose, Rotating, Validity, client_config, server_config};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

struct Side {
    authority: Authority,
    server: Identity,
    client: Identity,
}

fn side(name: &str) -> Side {
    let authority = Authority::create(name, Validity::DAYS_90, &SystemClock).unwrap();
    let server = authority.issue(&Purpose::server(["localhost"]), Validity::DAY, &SystemClock).unwrap();
    let client = authority.issue(&Purpose::client("ccg-plugin"), Validity::DAY, &SystemClock).unwrap();
    Side { authority, server, client }
}

/// Carries the bytes between the two until neither has more to say.
fn handshake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let mut c = ClientConnection::new(Arc::clone(client), "localhost".try_into().unwrap())?;
    let mut s = ServerConnection::new(Arc::clone(server))?;
    loop {
        let mut bytes = Vec::new();
        while c.wants_write() {
            c.write_tls(&mut bytes).unwrap();
        }
        let mut reader = bytes.as_slice();
        while !reader.is_empty() {
            s.read_tls(&mut reader).unwrap();
            s.process_new_packets()?;
        }
        let mut answer = Vec::new();
        while s.wants_write() {
            s.write_tls(&mut answer).unwrap();
        }
        let mut reader = answer.as_slice();
        while !reader.is_empty() {
            c.read_tls(&mut reader).unwrap();
            c.process_new_packets()?;
        }
        if bytes.is_empty() && answer.is_empty() {
            return Ok((c, s));
        }
    }
}

fn mutual(side: &Side) -> Arc<ServerConfig> {
    server_config(&Rotating::new(&side.server).unwrap(), ClientAuth::Required(&side.authority.roots())).unwrap()
}

#[test]
fn each_side_sees_who_the_other_is() {
    let a = side("a");
    let client = client_config(&a.authority.roots(), Some(&a.client)).unwrap();
    let (c, s) = handshake(&client, &mutual(&a)).unwrap();
    let seen = Certificate::read(s.peer_certificates().unwrap().first().unwrap()).unwrap();
    assert_eq!(seen.common_name.as_deref(), Some("ccg-plugin"));
    assert_eq!(c.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
}

#[test]
fn an_old_client_with_tls_1_2_is_served_too() {
    let a = side("a");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(a.authority.certificate().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(pki::provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(a.client.chain().to_vec(), a.client.key().clone_key())
        .unwrap();
    let (c, _) = handshake(&Arc::new(client), &mutual(&a)).unwrap();
    assert_eq!(c.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
}

#[test]
fn a_client_without_a_certificate_is_not_let_in() {
    let a = side("a");
    let client = client_config(&a.authority.roots(), None).unwrap();
    assert!(matches!(handshake(&client, &mutual(&a)), Err(rustls::Error::NoCertificatesPresented)));
}

#[test]
fn a_client_of_another_authority_is_not_let_in() {
    let (a, b) = (side("a"), side("b"));
    let client = client_config(&a.authority.roots(), Some(&b.client)).unwrap();
    assert!(matches!(handshake(&client, &mutual(&a)), Err(rustls::Error::InvalidCertificate(_))));
}

#[test]
fn a_servers_certificate_lets_nobody_in_as_a_client() {
    let a = side("a");
    let client = client_config(&a.authority.roots(), Some(&a.server)).unwrap();
    assert!(matches!(handshake(&client, &mutual(&a)), Err(rustls::Error::InvalidCertificate(_))));
}

#[test]
fn a_server_of_another_authority_is_not_believed() {
    let (a, b) = (side("a"), side("b"));
    let client = client_config(&a.authority.roots(), Some(&b.client)).unwrap();
    assert!(matches!(handshake(&client, &mutual(&b)), Err(rustls::Error::InvalidCertificate(_))));
}

#[test]
fn a_clients_certificate_makes_no_server() {
    let a = side("a");
    let client = client_config(&a.authority.roots(), None).unwrap();
    let server = server_config(&Rotating::new(&a.client).unwrap(), ClientAuth::None).unwrap();
    assert!(matches!(handshake(&client, &server), Err(rustls::Error::InvalidCertificate(_))));
}

#[test]
fn a_new_certificate_is_shown_to_the_next_connection() {
    let a = side("a");
    let rotating = Rotating::new(&a.server).unwrap();
    let server = server_config(&rotating, ClientAuth::None).unwrap();
    // A client that remembered its session would resume it and see no certificate at all.
    let shown = || {
        handshake(&client_config(&a.authority.roots(), None).unwrap(), &server)
            .unwrap()
            .0
            .peer_certificates()
            .unwrap()
            .first()
            .unwrap()
            .clone()
    };
    assert_eq!(&shown(), a.server.certificate());
    let next = a.authority.issue(&Purpose::server(["localhost"]), Validity::DAY, &SystemClock).unwrap();
    rotating.replace(&next).unwrap();
    assert_eq!(&shown(), next.certificate());
}
