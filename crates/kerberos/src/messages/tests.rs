use super::*;
use crate::crypto::{Etype, Key};
use crate::{KerberosTime, PrincipalName};
use dtyp::SystemRandom;
use proptest::prelude::*;

fn body() -> KdcReqBody {
    KdcReqBody {
        options: kdc_options::FORWARDABLE | kdc_options::CANONICALIZE,
        client: Some(PrincipalName::user("alice")),
        realm: "CONTOSO.COM".into(),
        service: Some(PrincipalName::krbtgt("CONTOSO.COM")),
        till: KerberosTime::from_unix(1_800_000_000),
        nonce: 0xdead_beef,
        etypes: vec![18, 17, -133],
        ..KdcReqBody::default()
    }
}

fn ticket() -> Ticket {
    let enc_part = EncryptedData { etype: 18, kvno: Some(2), cipher: vec![1, 2, 3] };
    Ticket { realm: "CONTOSO.COM".into(), service: PrincipalName::krbtgt("CONTOSO.COM"), enc_part }
}

#[test]
fn requests_read_back_and_their_body_is_found() {
    let request = AsReq { padata: vec![PaData::pac_request(true)], body: body() };
    let bytes = request.encode();
    assert_eq!(AsReq::decode(&bytes), Ok(request));
    assert_eq!(body_of(&bytes).unwrap(), body().encode());
    assert_eq!(TgsReq::decode(&bytes), Err(MessageError::Kind));
    assert_eq!(decode_pac_request(&PaData::pac_request(false).value), Ok(false));
}

#[test]
fn an_independent_decoder_reads_what_we_write() {
    let bytes = AsReq { padata: vec![PaData::pac_request(true)], body: body() }.encode();
    let theirs: rasn_kerberos::AsReq = rasn::der::decode(&bytes).unwrap();
    assert_eq!(theirs.0.req_body.nonce, 0xdead_beef);
    assert_eq!(theirs.0.req_body.etype, vec![18, 17, -133]);
    assert_eq!(rasn::der::encode(&theirs).unwrap(), bytes);

    let reply = AsRep {
        padata: Vec::new(),
        client_realm: "CONTOSO.COM".into(),
        client: PrincipalName::user("alice"),
        ticket: ticket(),
        enc_part: EncryptedData { etype: 17, kvno: None, cipher: vec![9; 300] },
    };
    let bytes = reply.encode();
    let theirs: rasn_kerberos::AsRep = rasn::der::decode(&bytes).unwrap();
    assert_eq!(rasn::der::encode(&theirs).unwrap(), bytes);
    assert_eq!(AsRep::decode(&bytes), Ok(reply));
}

#[test]
fn what_is_inside_tickets_and_replies_reads_back() {
    let key = Key::random(Etype::Aes256, &SystemRandom);
    let at = KerberosTime::from_unix(1_700_000_000);
    let part = EncTicketPart {
        flags: flags::INITIAL | flags::PRE_AUTHENT,
        key: key.clone(),
        client_realm: "CONTOSO.COM".into(),
        client: PrincipalName::user("alice"),
        transited: Vec::new(),
        auth_time: at,
        start_time: Some(at),
        end_time: at,
        renew_till: None,
        authorization_data: EncTicketPart::wrap_pac(b"a PAC".to_vec()),
    };
    let bytes = part.encode();
    assert_eq!(part.pac(), Some(&b"a PAC"[..]));
    assert_eq!(EncTicketPart::decode(&bytes), Ok(part));
    let theirs: rasn_kerberos::EncTicketPart = rasn::der::decode(&bytes).unwrap();
    assert_eq!(rasn::der::encode(&theirs).unwrap(), bytes);

    let reply = EncKdcRepPart {
        key,
        last_req: vec![LastReq { kind: 0, at }],
        nonce: 7,
        key_expiration: None,
        flags: 0,
        auth_time: at,
        start_time: None,
        end_time: at,
        renew_till: Some(at),
        realm: "CONTOSO.COM".into(),
        service: PrincipalName::service("ldap/dc1"),
        encrypted_padata: Vec::new(),
    };
    assert_eq!(EncKdcRepPart::decode(&reply.encode_as()), Ok(reply.clone()));
    assert_eq!(EncKdcRepPart::decode(&reply.encode_tgs()), Ok(reply));
}

#[test]
fn refusals_and_their_data_read_back() {
    let entry = EtypeInfo2Entry { etype: 18, salt: Some("CONTOSO.COMalice".into()), s2kparams: None };
    let info = PaData { kind: pa::ETYPE_INFO2, value: encode_etype_info2(std::slice::from_ref(&entry)) };
    let error = KrbError {
        code: code::PREAUTH_REQUIRED,
        realm: "CONTOSO.COM".into(),
        service: PrincipalName::krbtgt("CONTOSO.COM"),
        data: Some(encode_method_data(&[info])),
        ..KrbError::default()
    };
    let read = KrbError::decode(&error.encode()).unwrap();
    assert_eq!(read, error);
    let padata = decode_method_data(&read.data.unwrap()).unwrap();
    assert_eq!(decode_etype_info2(&padata[0].value).unwrap(), [entry]);
    assert_eq!(code::name(25), "KDC_ERR_PREAUTH_REQUIRED");
}

#[test]
fn windows_own_status_goes_with_a_refusal() {
    let error = KrbError { data: Some(KrbError::extended(0xc000_0072)), ..KrbError::default() };
    assert_eq!(error.data.as_deref().unwrap(), hex::decode("3015a103020103a20e040c720000c00000000001000000").unwrap());
    assert_eq!(KrbError::decode(&error.encode()).unwrap().status(), Some(0xc000_0072));
    assert_eq!(KrbError { data: Some(vec![0x30, 0x80]), ..error }.status(), None);
}

#[test]
fn a_checksum_of_another_kind_than_the_key_s_says_nothing() {
    let (short, long) = (Key::random(Etype::Aes128, &SystemRandom), Key::random(Etype::Aes256, &SystemRandom));
    let sum = Checksum::keyed(&long, 6, b"body");
    assert_eq!(sum.verifies(&long, 6, b"body"), Some(true));
    assert_eq!(sum.verifies(&long, 6, b"bodY"), Some(false));
    assert_eq!(sum.verifies(&short, 6, b"body"), None);
    let plain = Checksum { kind: Checksum::RSA_MD5, value: hex::decode("841a2d689ad86bd1611447453c22c6fc").unwrap() };
    assert_eq!((plain.verifies(&short, 6, b"body"), plain.verifies(&short, 6, b"")), (Some(true), Some(false)));
}

proptest! {
    #[test]
    fn damaged_messages_are_read_or_refused(at in any::<usize>(), with in any::<u8>(), cut in any::<usize>()) {
        let request = AsReq { padata: vec![PaData::pac_request(true)], body: body() };
        let reply = TgsRep { padata: vec![], client_realm: "R".into(), client: PrincipalName::user("a"), ticket: ticket(), enc_part: EncryptedData::default() };
        for mut bytes in [request.encode(), reply.encode(), KrbError::default().encode()] {
            let n = bytes.len();
            bytes[at % n] = with;
            for bytes in [&bytes[..], &bytes[..cut % n]] {
                let _ = (AsReq::decode(bytes), TgsReq::decode(bytes), TgsRep::decode(bytes), KrbError::decode(bytes), body_of(bytes));
                let _ = (ApReq::decode(bytes), ApRep::decode(bytes), EncTicketPart::decode(bytes), EncKdcRepPart::decode(bytes));
            }
        }
    }
}
