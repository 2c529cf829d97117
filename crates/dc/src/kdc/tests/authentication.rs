use directory::account::LogonHours;
use dtyp::{FileTime, SystemRandom};
use kerberos::crypto::{Etype, Key};
use kerberos::messages::{
    AsReq, Checksum, KrbError, PaData, code, decode_etype_info2, decode_method_data, flags, kdc_options, pa, usage,
};
use kerberos::{KerberosTime, PrincipalName};

use super::client::{Ask, account_key, key_of, open};
use super::{Fixture, PASSWORD, REALM};
use crate::kdc::control;

fn refused(ask: &Ask, realm: &Fixture) -> KrbError {
    *ask.send(realm).unwrap_err()
}

fn hours(n: i64, realm: &Fixture) -> KerberosTime {
    KerberosTime::from_unix(realm.now.unix_seconds() + n * 3600)
}

#[test]
fn who_has_not_proved_anything_is_told_how_to() {
    let realm = Fixture::new();
    let error = refused(&Ask::of("alice"), &realm);
    assert_eq!((error.code, error.realm.as_str()), (code::PREAUTH_REQUIRED, REALM));
    let methods = decode_method_data(&error.data.unwrap()).unwrap();
    assert_eq!(methods.iter().map(|method| method.kind).collect::<Vec<_>>(), [pa::ETYPE_INFO2, pa::ENC_TIMESTAMP]);
    let info = decode_etype_info2(&methods[0].value).unwrap();
    assert_eq!(info.iter().map(|entry| entry.etype).collect::<Vec<_>>(), [18, 17], "RC4 is not offered");
    assert_eq!(info[0].salt.as_deref(), Some("CONTOSO.COMalice"));
    assert_eq!(info[0].s2kparams, None);
}

#[test]
fn a_computer_s_salt_is_made_of_its_host_name() {
    let realm = Fixture::new();
    let error = refused(&Ask::of("web1$"), &realm);
    let methods = decode_method_data(&error.data.unwrap()).unwrap();
    let info = decode_etype_info2(&methods[0].value).unwrap();
    assert_eq!(info[0].salt.as_deref(), Some("CONTOSO.COMhostweb1.contoso.com"));
}

#[test]
fn the_right_password_gives_a_ticket_granting_ticket() {
    let realm = Fixture::new();
    let mut ask = Ask::proved("alice", PASSWORD, realm.now);
    ask.body.options |= kdc_options::RENEWABLE | kdc_options::PROXIABLE;
    let (reply, part) = ask.send(&realm).unwrap();
    assert_eq!((reply.client.to_string().as_str(), reply.client_realm.as_str()), ("alice", REALM));
    assert_eq!(part.end_time, hours(10, &realm));
    assert_eq!(part.renew_till, Some(hours(7 * 24, &realm)));
    let expected = flags::INITIAL | flags::PRE_AUTHENT | flags::FORWARDABLE | flags::PROXIABLE | flags::RENEWABLE;
    assert_eq!(part.flags, expected);
    assert_eq!((reply.ticket.enc_part.etype, reply.ticket.enc_part.kvno), (18, Some(1)));
    assert_eq!(reply.padata[0].kind, pa::ETYPE_INFO2);
    let supported = part.encrypted_padata.iter().find(|data| data.kind == pa::SUPPORTED_ENCTYPES).unwrap();
    assert_eq!(supported.value, [0x18, 0, 0, 0]);
    let ticket = open(&reply.ticket, &account_key(&realm, "krbtgt"));
    assert_eq!((ticket.key, ticket.flags, ticket.end_time), (part.key, part.flags, part.end_time));
}

#[test]
fn a_wrong_password_gives_none_and_a_fresh_hint() {
    let realm = Fixture::new();
    let error = refused(&Ask::proved("alice", "wrong", realm.now), &realm);
    assert_eq!(error.code, code::PREAUTH_FAILED);
    assert_eq!(decode_method_data(&error.data.unwrap()).unwrap()[0].kind, pa::ETYPE_INFO2);
    assert_eq!(refused(&Ask::proved("nobody", PASSWORD, realm.now), &realm).code, code::C_PRINCIPAL_UNKNOWN);
}

#[test]
fn a_proof_holds_for_five_minutes_either_way() {
    let realm = Fixture::new();
    let at = |seconds: i64| {
        let stamp = FileTime::from_unix(realm.now.unix_seconds() + seconds, 0);
        Ask::proved("alice", PASSWORD, stamp).send(&realm).err().map(|error| error.code)
    };
    assert_eq!((at(300), at(-300)), (None, None));
    assert_eq!((at(301), at(-301)), (Some(code::SKEW), Some(code::SKEW)));
}

#[test]
fn names_are_canonical_when_the_client_wishes_and_its_own_otherwise() {
    let realm = Fixture::new();
    let mut ask = Ask::proved("ALICE", PASSWORD, realm.now);
    ask.body.realm = "contoso.com".into();
    assert_eq!(ask.get(&realm).client, PrincipalName::user("ALICE"));
    ask.body.options |= kdc_options::CANONICALIZE;
    ask.body.service = Some(PrincipalName::krbtgt("contoso.com"));
    let granted = ask.get(&realm);
    assert_eq!(granted.client, PrincipalName::user("alice"));
    assert_eq!((granted.part.realm.as_str(), &granted.part.service), (REALM, &PrincipalName::krbtgt(REALM)));
    ask.body.client = Some(PrincipalName::enterprise("alice@contoso.com"));
    assert_eq!(ask.get(&realm).client, PrincipalName::user("alice"));
    ask.body.client = Some(PrincipalName::enterprise("alice@fabrikam.com"));
    assert_eq!(refused(&ask, &realm).code, code::C_PRINCIPAL_UNKNOWN);
}

#[test]
fn another_realm_is_refused_and_the_right_one_told() {
    let realm = Fixture::new();
    let mut ask = Ask::of("alice");
    ask.body.realm = "FABRIKAM.COM".into();
    let error = refused(&ask, &realm);
    assert_eq!((error.code, error.client_realm.as_deref()), (code::WRONG_REALM, Some(REALM)));
    ask.body.realm = "CONTOSO".into();
    assert_eq!(refused(&ask, &realm).code, code::PREAUTH_REQUIRED, "the NetBIOS name is a name of the realm");
}

#[test]
fn without_aes_there_is_no_ticket() {
    let realm = Fixture::new();
    let mut ask = Ask::of("alice");
    ask.body.etypes = vec![23, 3, 1, -133];
    assert_eq!(refused(&ask, &realm).code, code::ETYPE_NOSUPP);
    ask.body.etypes = vec![23, 17];
    ask.key = Key::from_password(Etype::Aes128, PASSWORD.as_bytes(), b"CONTOSO.COMalice", 4096);
    ask.prove(realm.now);
    let granted = ask.get(&realm);
    assert_eq!(granted.part.key.etype(), Etype::Aes128);
    assert_eq!(granted.ticket.enc_part.etype, 18, "the ticket itself is the KDC's own business");
}

#[test]
fn a_kind_of_key_that_was_not_offered_proves_nothing() {
    let realm = Fixture::new();
    let mut ask = Ask::proved("alice", PASSWORD, realm.now);
    ask.body.etypes = vec![17];
    assert_eq!(refused(&ask, &realm).code, code::ETYPE_NOSUPP);
}

#[test]
fn accounts_that_may_not_log_on_are_told_why() {
    let realm = Fixture::new();
    let future = realm.now.saturating_add(std::time::Duration::from_secs(60));
    let none = |account: &mut crate::kdc::Account| {
        account.control = 0x200;
        (account.locked_until, account.expires, account.logon_hours) = (None, None, None);
    };
    type Change = fn(&mut crate::kdc::Account, FileTime);
    let cases: [(&str, Change, u32); 4] = [
        ("disabled", |account, _| account.control |= control::ACCOUNT_DISABLE, 0xc000_0072),
        ("locked", |account, future| account.locked_until = Some(future), 0xc000_0234),
        ("expired", |account, _| account.expires = Some(FileTime::from_unix(0, 0)), 0xc000_0193),
        ("hours", |account, _| account.logon_hours = Some(LogonHours([0; 21])), 0xc000_006f),
    ];
    for (what, change, status) in cases {
        realm.memory.change("alice", |account| {
            none(account);
            change(account, future);
        });
        for ask in [Ask::of("alice"), Ask::proved("alice", PASSWORD, realm.now)] {
            let error = refused(&ask, &realm);
            assert_eq!((error.code, error.status()), (code::CLIENT_REVOKED, Some(status)), "{what}");
        }
    }
}

#[test]
fn an_expired_password_is_told_only_to_who_knows_it_and_can_still_be_changed() {
    let realm = Fixture::new();
    realm.memory.change("alice", |account| account.password_expires = Some(FileTime::from_unix(1, 0)));
    assert_eq!(refused(&Ask::of("alice"), &realm).code, code::PREAUTH_REQUIRED);
    assert_eq!(refused(&Ask::proved("alice", "wrong", realm.now), &realm).code, code::PREAUTH_FAILED);
    let error = refused(&Ask::proved("alice", PASSWORD, realm.now), &realm);
    assert_eq!((error.code, error.status()), (code::KEY_EXPIRED, Some(0xc000_0071)));
    realm.memory.change("alice", |account| account.must_change_password = true);
    assert_eq!(refused(&Ask::proved("alice", PASSWORD, realm.now), &realm).status(), Some(0xc000_0224));

    realm.memory.add("changepw", "stands for the ticket-granting service");
    realm.memory.add_service("changepw", "kadmin/changepw");
    let mut ask = Ask::proved("alice", PASSWORD, realm.now);
    ask.body.service = Some(PrincipalName::service("kadmin/changepw"));
    assert_eq!(ask.get(&realm).ticket.service.to_string(), "kadmin/changepw");
}

#[test]
fn who_must_use_a_smart_card_gets_nothing_for_a_password() {
    let realm = Fixture::new();
    realm.memory.change("alice", |account| account.control |= control::SMARTCARD_REQUIRED);
    let error = refused(&Ask::proved("alice", PASSWORD, realm.now), &realm);
    assert_eq!((error.code, error.status()), (code::POLICY, Some(0xc000_02fa)));
}

#[test]
fn only_accounts_that_say_so_go_without_a_proof() {
    let realm = Fixture::new();
    realm.memory.change("alice", |account| account.control |= control::DONT_REQUIRE_PREAUTH);
    let (reply, part) = Ask::of("alice").send(&realm).unwrap();
    assert_eq!(part.flags & (flags::PRE_AUTHENT | flags::INITIAL), flags::INITIAL);
    assert_eq!(reply.enc_part.kvno, Some(1));
}

#[test]
fn times_are_what_was_asked_for_as_far_as_they_may_be() {
    let realm = Fixture::new();
    let mut ask = Ask::proved("alice", PASSWORD, realm.now);
    ask.body.till = hours(2, &realm);
    let part = ask.get(&realm).part;
    assert_eq!((part.end_time, part.renew_till, part.flags & flags::RENEWABLE), (hours(2, &realm), None, 0));
    ask.body.options |= kdc_options::RENEWABLE_OK;
    assert_eq!(ask.get(&realm).part.renew_till, None, "it was not longer than a ticket holds anyway");
    ask.body.till = hours(48, &realm);
    let part = ask.get(&realm).part;
    assert_eq!((part.end_time, part.renew_till), (hours(10, &realm), Some(hours(48, &realm))));
    ask.body.options |= kdc_options::RENEWABLE;
    ask.body.renew_till = Some(hours(24, &realm));
    assert_eq!(ask.get(&realm).part.renew_till, Some(hours(24, &realm)));
    ask.body.till = hours(-1, &realm);
    assert_eq!(refused(&ask, &realm).code, code::NEVER_VALID);
    ask.body.till = hours(8, &realm);
    ask.body.from = Some(hours(1, &realm));
    assert_eq!(refused(&ask, &realm).code, code::CANNOT_POSTDATE);
}

#[test]
fn an_account_s_tickets_do_not_outlive_it() {
    let realm = Fixture::new();
    let last = realm.now.saturating_add(std::time::Duration::from_secs(3600));
    realm.memory.change("alice", |account| account.expires = Some(last));
    let mut ask = Ask::proved("alice", PASSWORD, realm.now);
    ask.body.options |= kdc_options::RENEWABLE;
    let part = ask.get(&realm).part;
    assert_eq!((part.end_time, part.renew_till), (hours(1, &realm), None));
}

#[test]
fn protected_users_get_four_hours_and_nobody_else_their_tickets() {
    let realm = Fixture::new();
    realm.memory.change("alice", |account| account.protected = true);
    let mut ask = Ask::proved("alice", PASSWORD, realm.now);
    ask.body.options |= kdc_options::RENEWABLE | kdc_options::PROXIABLE;
    let part = ask.get(&realm).part;
    assert_eq!((part.end_time, part.renew_till), (hours(4, &realm), None));
    assert_eq!(part.flags & (flags::FORWARDABLE | flags::PROXIABLE | flags::RENEWABLE), 0);
    realm.memory.change("alice", |account| {
        account.protected = false;
        account.control |= control::NOT_DELEGATED;
    });
    assert_eq!(ask.get(&realm).part.flags & (flags::FORWARDABLE | flags::PROXIABLE), 0);
}

#[test]
fn options_of_other_exchanges_are_refused() {
    let realm = Fixture::new();
    for (option, expected) in [
        (kdc_options::RENEW, code::BADOPTION),
        (kdc_options::VALIDATE, code::BADOPTION),
        (kdc_options::FORWARDED, code::BADOPTION),
        (kdc_options::PROXY, code::BADOPTION),
        (kdc_options::ENC_TKT_IN_SKEY, code::BADOPTION),
        (kdc_options::POSTDATED, code::CANNOT_POSTDATE),
    ] {
        let mut ask = Ask::proved("alice", PASSWORD, realm.now);
        ask.body.options |= option;
        assert_eq!(refused(&ask, &realm).code, expected, "{option:#x}");
    }
}

#[test]
fn what_a_client_offers_besides_is_left_alone() {
    let realm = Fixture::new();
    let mut ask = Ask::of("alice");
    for kind in [136, 133, 16, 14, 129, 167, 150, -1, 9999] {
        ask.padata.push(PaData { kind, value: vec![0xff; 40] });
    }
    assert_eq!(refused(&ask, &realm).code, code::PREAUTH_REQUIRED);
    ask.prove(realm.now);
    ask.get(&realm);
}

#[test]
fn a_client_that_asks_for_it_gets_its_request_s_checksum_back() {
    let realm = Fixture::new();
    let mut ask = Ask::proved("alice", PASSWORD, realm.now);
    ask.padata.push(PaData { kind: pa::REQ_ENC_PA_REP, value: Vec::new() });
    let part = ask.get(&realm).part;
    assert_ne!(part.flags & flags::ENC_PA_REP, 0);
    let checksum = part.encrypted_padata.iter().find(|data| data.kind == pa::REQ_ENC_PA_REP).unwrap();
    let request = AsReq { padata: ask.padata.clone(), body: ask.body.clone() }.encode();
    let key = key_of("alice", PASSWORD);
    assert_eq!(checksum.value, Checksum::keyed(&key, usage::AS_REQ_CHECKSUM, &request).encode());
}

#[test]
fn a_previous_key_that_still_holds_proves_too() {
    let realm = Fixture::new();
    realm.memory.change("alice", |account| {
        let before = std::mem::take(&mut account.keys.current);
        account.keys.others = before.into_iter().map(|key| (1, key)).collect();
        account.keys.kvno = 2;
        account.keys.current = vec![Key::random(Etype::Aes256, &SystemRandom)];
    });
    let (reply, _) = Ask::proved("alice", PASSWORD, realm.now).send(&realm).unwrap();
    assert_eq!(reply.enc_part.kvno, Some(1));
    realm.memory.change("alice", |account| account.keys.others.clear());
    assert_eq!(refused(&Ask::proved("alice", PASSWORD, realm.now), &realm).code, code::PREAUTH_FAILED);
}

#[test]
fn services_without_a_name_of_one_get_no_tickets_that_could_be_guessed_at() {
    let realm = Fixture::new();
    realm.memory.add("bob", "Mandeln 0815");
    for (service, expected) in [
        ("bob", code::MUST_USE_USER2USER),
        ("http/unknown", code::S_PRINCIPAL_UNKNOWN),
        ("krbtgt/FABRIKAM.COM", code::S_PRINCIPAL_UNKNOWN),
    ] {
        let mut ask = Ask::proved("alice", PASSWORD, realm.now);
        ask.body.service = Some(PrincipalName::service(service));
        assert_eq!(refused(&ask, &realm).code, expected, "{service}");
    }
    let mut ask = Ask::proved("alice", PASSWORD, realm.now);
    ask.body.service = Some(PrincipalName::service("HTTP/web1.contoso.com"));
    let granted = ask.get(&realm);
    assert_eq!(granted.ticket.service.to_string(), "HTTP/web1.contoso.com");
    open(&granted.ticket, &account_key(&realm, "web1$"));
}

#[test]
fn an_answer_that_does_not_fit_a_datagram_says_so() {
    let realm = Fixture::new();
    let ask = Ask::proved("alice", PASSWORD, realm.now);
    let request = AsReq { padata: ask.padata, body: ask.body }.encode();
    let reply = realm.kdc.answer(&request, 400, realm.now, &SystemRandom).unwrap();
    assert_eq!(KrbError::decode(&reply).unwrap().code, code::RESPONSE_TOO_BIG);
    let whole = realm.kdc.answer(&request, 4096, realm.now, &SystemRandom).unwrap();
    assert_eq!(whole[0], 0x6b);
}
