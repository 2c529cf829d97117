use kerberos::messages::{AuthorizationData, EncTicketPart, PaData};
use kerberos::pac::{Attributes, GroupMembership, Pac, kind};

use super::client::{Ask, Granted, More, account_key, log_on, open};
use super::{Fixture, PASSWORD};
use crate::kdc::control;

const SERVICE: &str = "HTTP/web1.contoso.com";

fn kinds(part: &EncTicketPart) -> Vec<u32> {
    let mut kinds: Vec<u32> = part.pac().map(|pac| Pac::decode(pac).unwrap().kinds().collect()).unwrap_or_default();
    kinds.sort_unstable();
    kinds
}

fn service_ticket(realm: &Fixture, tgt: &Granted) -> EncTicketPart {
    let granted = More::of(tgt, SERVICE, realm.now).send(realm).unwrap();
    open(&granted.ticket, &account_key(realm, "web1$"))
}

#[test]
fn a_ticket_granting_ticket_says_who_asked_for_it_and_a_service_ticket_who_vouches_for_it() {
    let realm = Fixture::new();
    let tgt = log_on(&realm);
    let krbtgt = account_key(&realm, "krbtgt");
    let part = open(&tgt.ticket, &krbtgt);
    assert_eq!(kinds(&part), [1, 6, 7, 10, 12, 17, 18]);
    let pac = Pac::decode(part.pac().unwrap()).unwrap();
    pac.verify_server(&krbtgt).unwrap();
    pac.verify_kdc(&krbtgt).unwrap();
    let sid = realm.memory.get("alice").unwrap().sid;
    assert_eq!(pac.requestor().unwrap(), Some(sid));
    assert_eq!(pac.attributes().unwrap(), Some(Attributes { flags: Attributes::GIVEN_IMPLICITLY }));

    let web = account_key(&realm, "web1$");
    let part = service_ticket(&realm, &tgt);
    assert_eq!(kinds(&part), [1, 6, 7, 10, 12, 16, 19]);
    let pac = Pac::decode(part.pac().unwrap()).unwrap();
    pac.verify_server(&web).unwrap();
    pac.verify_kdc(&krbtgt).unwrap();
    pac.verify_full(&krbtgt).unwrap();
    let mut without = part.clone();
    without.authorization_data = EncTicketPart::wrap_pac(vec![0]);
    pac.verify_ticket(&krbtgt, &without.encode()).unwrap();
    assert_eq!(pac.logon_info().unwrap().unwrap().user_sid(), Some(sid));
    assert_eq!(pac.client_info().unwrap().unwrap().name, "alice");
    assert_eq!(pac.upn_dns_info().unwrap().unwrap().account, Some(("alice".to_owned(), sid)));
}

#[test]
fn the_ticket_signature_covers_what_a_client_added() {
    let realm = Fixture::new();
    let mut more = More::of(&log_on(&realm), SERVICE, realm.now);
    more.add_authorization(&[AuthorizationData { kind: 141, data: b"own".to_vec() }]);
    let granted = more.send(&realm).unwrap();
    let part = open(&granted.ticket, &account_key(&realm, "web1$"));
    let pac = Pac::decode(part.pac().unwrap()).unwrap();
    let mut without = part.clone();
    without.authorization_data[0] = EncTicketPart::wrap_pac(vec![0]).remove(0);
    pac.verify_ticket(&account_key(&realm, "krbtgt"), &without.encode()).unwrap();
}

#[test]
fn who_wants_no_pac_gets_none_at_services() {
    let realm = Fixture::new();
    for (asked, flags, count) in
        [(Some(true), Attributes::REQUESTED, 7), (Some(false), 0, 0), (None, Attributes::GIVEN_IMPLICITLY, 7)]
    {
        let mut ask = Ask::proved("alice", PASSWORD, realm.now);
        ask.padata.extend(asked.map(PaData::pac_request));
        let tgt = ask.get(&realm);
        let part = open(&tgt.ticket, &account_key(&realm, "krbtgt"));
        assert_eq!(Pac::decode(part.pac().unwrap()).unwrap().attributes().unwrap(), Some(Attributes { flags }));
        assert_eq!(kinds(&service_ticket(&realm, &tgt)).len(), count, "{asked:?}");
    }
}

#[test]
fn services_that_read_no_pac_get_none() {
    let realm = Fixture::new();
    realm.memory.change("web1$", |account| account.control |= control::NO_AUTH_DATA_REQUIRED);
    assert_eq!(service_ticket(&realm, &log_on(&realm)).authorization_data, []);
}

#[test]
fn domain_local_groups_are_told_to_services_only() {
    let realm = Fixture::new();
    let group = GroupMembership { rid: 2000, attributes: 0x2000_0007 };
    realm.memory.change("alice", |account| account.authorization.resource_groups = vec![group]);
    let tgt = log_on(&realm);
    let info = |part: &EncTicketPart| Pac::decode(part.pac().unwrap()).unwrap().logon_info().unwrap().unwrap();
    let in_tgt = info(&open(&tgt.ticket, &account_key(&realm, "krbtgt")));
    assert_eq!((in_tgt.resource_group_ids.len(), in_tgt.extra_sids.len()), (0, 0));
    let compressed = info(&service_ticket(&realm, &tgt));
    assert_eq!((compressed.resource_group_ids, compressed.extra_sids), (vec![group], vec![]));
    assert_eq!(compressed.resource_group_domain_sid, in_tgt.logon_domain_id);
    realm.memory.change("web1$", |account| account.no_sid_compression = true);
    let whole = info(&service_ticket(&realm, &tgt));
    assert_eq!((whole.resource_group_ids.len(), whole.extra_sids.len()), (0, 1));
    assert_eq!(whole.extra_sids[0].sid.rid(), Some(2000));
}

#[test]
fn a_renewed_ticket_keeps_its_pac_and_has_it_signed_anew() {
    let mut realm = Fixture::new();
    let tgt = log_on(&realm);
    realm.memory.renew_krbtgt(&dtyp::SystemRandom);
    realm.advance(60);
    let mut more = More::of(&tgt, "krbtgt/CONTOSO.COM", realm.now);
    more.body.options = kerberos::messages::kdc_options::RENEW;
    let renewed = more.send(&realm).unwrap();
    let key = account_key(&realm, "krbtgt");
    let part = open(&renewed.ticket, &key);
    assert_eq!(kinds(&part), [1, 6, 7, 10, 12, 17, 18]);
    Pac::decode(part.pac().unwrap()).unwrap().verify_kdc(&key).unwrap();
    assert!(kinds(&part).contains(&kind::REQUESTOR));
}
