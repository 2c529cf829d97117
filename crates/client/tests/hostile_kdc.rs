//! KDCs that answer what no KDC should.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use client::kerberos::{Error, Options, Secret, initial};
use client::{Domain, Endpoint, PrincipalName};
use kerberos::messages::{EtypeInfo2Entry, KrbError, PaData, code, encode_etype_info2, encode_method_data, pa};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// Answers every datagram with `by_udp` and every stream with `by_tcp`.
async fn kdc(by_udp: Vec<u8>, by_tcp: Vec<u8>) -> Domain {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut request = [0; 2000];
        while let Ok((_, from)) = udp.recv_from(&mut request).await {
            udp.send_to(&by_udp, from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let length = stream.read_u32().await.unwrap();
            let mut request = vec![0; usize::try_from(length).unwrap()];
            stream.read_exact(&mut request).await.unwrap();
            let _ = stream.write_all(&by_tcp).await;
        }
    });
    Domain::new("example.test").with_kdcs([Endpoint::from(address)])
}

async fn logon(domain: &Domain) -> Error {
    initial(domain, &PrincipalName::user("alice"), &Secret::password("secret"), &Options::default()).await.unwrap_err()
}

fn refusal(code: i32, data: Option<Vec<u8>>) -> Vec<u8> {
    KrbError {
        code,
        data,
        realm: "EXAMPLE.TEST".into(),
        service: PrincipalName::krbtgt("EXAMPLE.TEST"),
        ..KrbError::default()
    }
    .encode()
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

fn wants(iterations: Option<Vec<u8>>, etype: i32) -> Vec<u8> {
    let entry = EtypeInfo2Entry { etype, salt: Some("salt".into()), s2kparams: iterations };
    let info = PaData { kind: pa::ETYPE_INFO2, value: encode_etype_info2(&[entry]) };
    refusal(code::PREAUTH_REQUIRED, Some(encode_method_data(&[info])))
}

#[tokio::test]
async fn an_answer_too_big_for_a_datagram_comes_by_tcp() {
    let domain = kdc(refusal(52, None), framed(&refusal(code::C_PRINCIPAL_UNKNOWN, None))).await;
    assert!(matches!(logon(&domain).await, Error::UnknownClient { .. }));
}

#[tokio::test]
async fn a_key_that_is_too_cheap_to_guess_or_too_dear_to_make_is_refused() {
    for iterations in [0u32, 1, 4095, 1 << 19, u32::MAX] {
        let domain = kdc(wants(Some(iterations.to_be_bytes().to_vec()), 18), Vec::new()).await;
        assert!(
            matches!(logon(&domain).await, Error::BadAnswer { what, .. } if what.contains(&iterations.to_string()))
        );
    }
    let domain = kdc(wants(Some(vec![1, 2]), 18), Vec::new()).await;
    assert!(matches!(logon(&domain).await, Error::BadAnswer { .. }));
}

#[tokio::test]
async fn an_account_without_aes_keys_is_told_so() {
    let domain = kdc(wants(None, 23), Vec::new()).await;
    assert!(matches!(logon(&domain).await, Error::NoCommonEncryption { .. }));
}

#[tokio::test]
async fn what_is_no_kerberos_is_no_answer() {
    let domain = kdc(b"HTTP/1.1 400 Bad Request".to_vec(), Vec::new()).await;
    assert!(matches!(logon(&domain).await, Error::BadAnswer { .. }));
    // By TCP: a length of four gigabytes, and a stream that ends early.
    for by_tcp in [vec![0xff; 8], vec![0, 0, 0, 9, 1]] {
        let domain = kdc(refusal(52, None), by_tcp).await;
        assert!(matches!(logon(&domain).await, Error::Unreachable { .. }));
    }
}
