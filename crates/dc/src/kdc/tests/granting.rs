use dtyp::{FileTime, SystemRandom};
use kerberos::crypto::{Etype, Key};
use kerberos::messages::{
    ApReq, AuthorizationData, Checksum, EncTicketPart, KdcReqBody, KrbError, PaData, TgsReq, code, flags, kdc_options,
};
use kerberos::{KerberosTime, PrincipalName};

use super::client::{Ask, More, account_key, log_on, open};
use super::{Fixture, PASSWORD, REALM};
use crate::kdc::control;

const SERVICE: &str = "HTTP/web1.contoso.com";

#[test]
fn a_ticket_granting_ticket_gives_a_ticket_for_a_service() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    let granted = More::of(&tgt, SERVICE, realm.now).send(&realm).unwrap();
    assert_eq!((granted.part.realm.as_str(), granted.part.service.to_string().as_str()), (REALM, SERVICE));
    assert_eq!(granted.part.end_time, tgt.part.end_time);
    assert_eq!(granted.part.auth_time, tgt.part.auth_time);
    assert_eq!(granted.part.flags, flags::PRE_AUTHENT);
    assert_eq!(granted.ticket.enc_part.kvno, Some(1));
    let seen = open(&granted.ticket, &account_key(&realm, "web1$"));
    assert_eq!((seen.client, seen.client_realm.as_str()), (PrincipalName::user("alice"), REALM));
    assert_eq!(seen.key, granted.part.key);
    let mut plain = More::of(&tgt, SERVICE, realm.now);
    plain.authenticator.subkey = None;
    plain.send(&realm).unwrap();
}

#[test]
fn flags_and_times_come_from_the_ticket_before() {
    let mut realm = Fixture::new();
    let tgt = log_on(&realm);
    realm.advance(3600);
    let mut more = More::of(&tgt, SERVICE, realm.now);
    more.body.options = kdc_options::FORWARDABLE | kdc_options::PROXIABLE | kdc_options::RENEWABLE;
    let part = more.send(&realm).unwrap().part;
    assert_eq!(part.flags, flags::PRE_AUTHENT | flags::FORWARDABLE | flags::RENEWABLE, "the ticket was not proxiable");
    assert_eq!((part.end_time, part.renew_till), (tgt.part.end_time, tgt.part.renew_till));
    more.body.options = kdc_options::PROXY;
    more.authenticator.cusec = 1;
    assert_eq!(more.refused(&realm), code::BADOPTION);
}

#[test]
fn a_ticket_is_forwarded_and_says_so() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    let mut more = More::of(&tgt, "krbtgt/CONTOSO.COM", realm.now);
    more.body.options = kdc_options::FORWARDED | kdc_options::FORWARDABLE;
    let forwarded = more.send(&realm).unwrap();
    assert_eq!(forwarded.part.flags, flags::PRE_AUTHENT | flags::FORWARDABLE | flags::FORWARDED);
    let granted = More::of(&forwarded, SERVICE, realm.now).send(&realm).unwrap();
    assert_eq!(granted.part.flags, flags::PRE_AUTHENT | flags::FORWARDED);
}

#[test]
fn a_renewable_ticket_is_renewed_until_its_last_time() {
    let mut realm = Fixture::new();
    let mut tgt = log_on(&realm);
    let last = tgt.part.renew_till.unwrap();
    let mut renewals = 0;
    let code = loop {
        realm.advance(9 * 3600);
        let mut more = More::of(&tgt, "krbtgt/CONTOSO.COM", realm.now);
        more.body.options = kdc_options::RENEW;
        match more.send(&realm) {
            Ok(renewed) => tgt = renewed,
            Err(error) => break error.code,
        }
        renewals += 1;
        assert!(tgt.part.end_time <= last && tgt.part.renew_till == Some(last));
        assert_eq!(tgt.part.flags & (flags::RENEWABLE | flags::INITIAL), flags::RENEWABLE);
        More::of(&tgt, SERVICE, realm.now).send(&realm).unwrap();
    };
    assert_eq!((renewals, code), (18, code::TKT_EXPIRED));
}

#[test]
fn only_renewable_tickets_are_renewed() {
    let realm = Fixture::new();
    let tgt = Ask::proved("alice", PASSWORD, realm.now).get(&realm);
    let mut more = More::of(&tgt, "krbtgt/CONTOSO.COM", realm.now);
    more.body.options = kdc_options::RENEW;
    assert_eq!(more.refused(&realm), code::BADOPTION);
}

#[test]
fn what_happened_to_an_account_since_counts_at_once() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    realm.memory.change("alice", |account| account.control |= control::ACCOUNT_DISABLE);
    let error = More::of(&tgt, SERVICE, realm.now).send(&realm).unwrap_err();
    assert_eq!((error.code, error.status()), (code::CLIENT_REVOKED, Some(0xc000_0072)));
    realm.memory.change("alice", |account| account.control = 0x200);
    More::of(&tgt, SERVICE, realm.now).send(&realm).unwrap();
    realm.memory.remove("alice");
    assert_eq!(More::of(&tgt, SERVICE, realm.now).refused(&realm), code::TGT_REVOKED);
}

#[test]
fn a_name_that_another_account_has_today_gives_nothing() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    realm.memory.remove("alice");
    realm.memory.add("bob", "stands between");
    realm.memory.add("alice", "another alice");
    assert_eq!(More::of(&tgt, SERVICE, realm.now).refused(&realm), code::TGT_REVOKED);
}

#[test]
fn tickets_under_the_key_before_open_until_the_one_after() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    realm.memory.renew_krbtgt(&SystemRandom);
    let granted = More::of(&tgt, "krbtgt/CONTOSO.COM", realm.now).send(&realm).unwrap();
    assert_eq!((tgt.ticket.enc_part.kvno, granted.ticket.enc_part.kvno), (Some(1), Some(2)));
    More::of(&granted, SERVICE, realm.now).send(&realm).unwrap();
    realm.memory.renew_krbtgt(&SystemRandom);
    assert_eq!(More::of(&tgt, SERVICE, realm.now).refused(&realm), code::BADKEYVER);
}

#[test]
fn a_ticket_has_its_time() {
    let mut realm = Fixture::new();
    let tgt = log_on(&realm);
    realm.advance(10 * 3600 - 1);
    More::of(&tgt, SERVICE, realm.now).send(&realm).unwrap();
    realm.advance(1);
    assert_eq!(More::of(&tgt, SERVICE, realm.now).refused(&realm), code::TKT_EXPIRED);
    realm.now = FileTime::from_unix(tgt.part.auth_time.unix() - 301, 0);
    assert_eq!(More::of(&tgt, SERVICE, realm.now).refused(&realm), code::TKT_NYV);
}

#[test]
fn an_authenticator_is_fresh_and_the_client_s_own() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    let late = FileTime::from_unix(realm.now.unix_seconds() - 301, 0);
    assert_eq!(More::of(&tgt, SERVICE, late).refused(&realm), code::SKEW);
    let mut more = More::of(&tgt, SERVICE, realm.now);
    more.authenticator.name = PrincipalName::user("administrator");
    assert_eq!(more.refused(&realm), code::BADMATCH);
    let mut more = More::of(&tgt, SERVICE, realm.now);
    more.key = Key::random(Etype::Aes256, &SystemRandom);
    assert_eq!(more.refused(&realm), code::BAD_INTEGRITY);
}

#[test]
fn a_request_must_be_the_one_the_client_made() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    let mut more = More::of(&tgt, SERVICE, realm.now);
    more.checksum = Some(None);
    assert_eq!(more.refused(&realm), code::INAPP_CKSUM);
    more.checksum = Some(Some(Checksum { kind: 1, value: vec![0; 4] }));
    assert_eq!(more.refused(&realm), code::INAPP_CKSUM, "a CRC proves nothing");
    let other = KdcReqBody { nonce: 1, ..more.body.clone() };
    more.checksum = Some(Some(Checksum::keyed(&more.key, 6, &other.encode())));
    assert_eq!(more.refused(&realm), code::MODIFIED);
}

#[test]
fn a_request_comes_once_and_who_asks_again_word_for_word_gets_the_same_answer() {
    let mut realm = Fixture::new();
    let tgt = log_on(&realm);
    let more = More::of(&tgt, SERVICE, realm.now);
    let request = more.encode();
    let first = realm.answer(&request).unwrap();
    assert_eq!(realm.answer(&request).unwrap(), first);
    let mut stolen = TgsReq::decode(&request).unwrap();
    stolen.padata.push(PaData { kind: 128, value: vec![0] });
    let refused = |realm: &Fixture, request: &[u8]| KrbError::decode(&realm.answer(request).unwrap()).unwrap().code;
    assert_eq!(refused(&realm, &stolen.encode()), code::REPEAT);
    realm.advance(60);
    assert_eq!(refused(&realm, &request), code::REPEAT);
}

#[test]
fn only_this_ticket_granting_service_s_tickets_give_others() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    let service = More::of(&tgt, SERVICE, realm.now).send(&realm).unwrap();
    assert_eq!(More::of(&service, SERVICE, realm.now).refused(&realm), code::NOT_US);
    let mut forged = tgt.clone();
    forged.ticket.enc_part.cipher = service.ticket.enc_part.cipher.clone();
    assert_eq!(More::of(&forged, SERVICE, realm.now).refused(&realm), code::MODIFIED);
    forged.ticket = Fixture::new().memory.ticket_granting().map(|_| tgt.ticket.clone()).unwrap();
    forged.ticket.service = PrincipalName::krbtgt("FABRIKAM.COM");
    assert_eq!(More::of(&forged, SERVICE, realm.now).refused(&realm), code::NOT_US);
    let none = TgsReq { padata: Vec::new(), body: More::of(&tgt, SERVICE, realm.now).body };
    assert_eq!(KrbError::decode(&realm.answer(&none.encode()).unwrap()).unwrap().code, code::PADATA_TYPE_NOSUPP);
}

#[test]
fn a_ticket_somebody_made_with_the_key_but_without_a_pac_is_no_good() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    let key = account_key(&realm, "krbtgt");
    let remade = |change: &dyn Fn(&mut EncTicketPart)| {
        let mut forged = tgt.clone();
        let mut part = open(&tgt.ticket, &key);
        change(&mut part);
        forged.ticket.enc_part.cipher = key.encrypt(2, &part.encode(), &SystemRandom);
        More::of(&forged, SERVICE, realm.now).refused(&realm)
    };
    assert_eq!(remade(&|part| part.authorization_data.clear()), code::TGT_REVOKED);
    let pac = open(&tgt.ticket, &key).pac().unwrap().to_vec();
    let changed = |at: usize| {
        let mut pac = pac.clone();
        pac[at] ^= 1;
        remade(&|part| part.authorization_data = EncTicketPart::wrap_pac(pac.clone()))
    };
    assert_eq!(changed(pac.len() / 2), code::MODIFIED);
    assert_eq!(remade(&|part| part.auth_time = KerberosTime::from_unix(part.auth_time.unix() - 1)), code::MODIFIED);
}

#[test]
fn services_that_are_not_there_or_not_to_be_used_get_no_tickets() {
    let realm = Fixture::new();
    realm.memory.add("bob", "Mandeln 0815");
    let tgt = log_on(&realm);
    for (service, expected) in [
        ("http/unknown", code::S_PRINCIPAL_UNKNOWN),
        ("krbtgt/FABRIKAM.COM", code::S_PRINCIPAL_UNKNOWN),
        ("bob", code::MUST_USE_USER2USER),
    ] {
        assert_eq!(More::of(&tgt, service, realm.now).refused(&realm), expected, "{service}");
    }
    let mut elsewhere = More::of(&tgt, SERVICE, realm.now);
    elsewhere.body.realm = "FABRIKAM.COM".into();
    assert_eq!(elsewhere.refused(&realm), code::S_PRINCIPAL_UNKNOWN);
    let mut weak = More::of(&tgt, SERVICE, realm.now);
    weak.body.etypes = vec![23];
    assert_eq!(weak.refused(&realm), code::ETYPE_NOSUPP);
    realm.memory.change("web1$", |account| account.control |= control::ACCOUNT_DISABLE);
    assert_eq!(More::of(&tgt, SERVICE, realm.now).refused(&realm), code::SERVICE_REVOKED);
}

#[test]
fn options_that_need_what_is_not_spoken_are_refused() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    for (option, expected) in [
        (kdc_options::ENC_TKT_IN_SKEY, code::BADOPTION),
        (kdc_options::CNAME_IN_ADDL_TKT, code::BADOPTION),
        (kdc_options::VALIDATE, code::BADOPTION),
        (kdc_options::POSTDATED, code::CANNOT_POSTDATE),
        (kdc_options::RENEW, code::BADOPTION),
    ] {
        let mut more = More::of(&tgt, SERVICE, realm.now);
        more.body.options = option;
        assert_eq!(more.refused(&realm), expected, "{option:#x}");
    }
}

#[test]
fn a_client_adds_authorization_data_but_nothing_that_only_a_kdc_says() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    let mut more = More::of(&tgt, SERVICE, realm.now);
    let wrap = |inner: &[AuthorizationData]| AuthorizationData {
        kind: AuthorizationData::IF_RELEVANT,
        data: AuthorizationData::encode_all(inner),
    };
    let own = AuthorizationData { kind: 141, data: b"own".to_vec() };
    let pac = AuthorizationData { kind: AuthorizationData::WIN2K_PAC, data: b"forged".to_vec() };
    more.add_authorization(&[
        wrap(std::slice::from_ref(&own)),
        wrap(&[own.clone(), pac.clone()]),
        wrap(&[wrap(std::slice::from_ref(&pac))]),
        pac,
    ]);
    let granted = more.send(&realm).unwrap();
    let seen = open(&granted.ticket, &account_key(&realm, "web1$"));
    assert_eq!(seen.authorization_data.len(), 2);
    assert_eq!(seen.authorization_data[1], wrap(&[own]));
    assert!(seen.pac().unwrap().len() > 300);
    more.body.enc_authorization_data.as_mut().unwrap().cipher[20] ^= 1;
    assert_eq!(more.refused(&realm), code::BAD_INTEGRITY);
}

#[test]
fn what_comes_with_the_proof_is_left_alone() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    let mut more = More::of(&tgt, SERVICE, realm.now);
    for kind in [136, 167, 129, 130, -7] {
        more.padata.push(PaData { kind, value: vec![0x30, 0x84] });
    }
    let granted = more.send(&realm).unwrap();
    assert_eq!(granted.client, PrincipalName::user("alice"), "the ticket is the asker's own");
    assert!(ApReq::decode(&more.encode()).is_err());
}
