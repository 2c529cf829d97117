use super::*;
use crate::crypto::{Etype, Key};
use dtyp::{FileTime, SystemRandom};
use proptest::prelude::*;

/// A PAC that Windows Server 2003 issued to a domain member of the Samba team's test network; its signatures are RC4's. It stands in the
/// tests of MIT krb5 and Samba with permission.
fn windows() -> Vec<u8> {
    hex::decode(include_str!("windows2003.hex").split_whitespace().collect::<String>()).unwrap()
}

#[test]
fn a_pac_of_windows_is_understood_and_encodes_to_the_same_bytes() {
    let bytes = windows();
    let pac = Pac::decode(&bytes).unwrap();
    let info = pac.logon_info().unwrap().unwrap();
    assert_eq!(info.effective_name, "W2003FINAL$");
    assert_eq!((info.logon_server.as_str(), info.logon_domain_name.as_str()), ("W2003FINAL", "WIN2K3THINK"));
    assert_eq!(info.user_sid().unwrap().to_string(), "S-1-5-21-3048156945-3961193616-3706469200-1005");
    assert_eq!(info.group_ids, [GroupMembership { rid: 516, attributes: 7 }]);
    assert_eq!(info.extra_sids[0].sid, Sid::ENTERPRISE_DOMAIN_CONTROLLERS);
    assert_eq!((info.logon_count, info.primary_group_id, info.user_account_control), (101, 516, 0x2100));
    assert_eq!(info.password_must_change, FileTime::NEVER);
    assert_eq!(info.encode(), pac.buffer(kind::LOGON_INFO).unwrap());
    let client = pac.client_info().unwrap().unwrap();
    assert_eq!((client.name.as_str(), client.client_id.unix_seconds()), ("w2003final$", 1_120_440_609));
    assert_eq!(client.encode(), pac.buffer(kind::CLIENT_INFO).unwrap());
}

fn keys() -> (Key, Key) {
    (Key::random(Etype::Aes256, &SystemRandom), Key::random(Etype::Aes128, &SystemRandom))
}

fn builder() -> PacBuilder {
    let sid = Sid::domain_of(1, 2, 3).with_rid(1104).unwrap();
    let account = Some(("alice".to_owned(), sid));
    PacBuilder::new()
        .logon_info(&LogonInfo { effective_name: "alice".into(), user_id: 1104, ..LogonInfo::default() })
        .client_info(&ClientInfo { client_id: FileTime::from_unix(1_700_000_000, 0), name: "alice".into() })
        .upn_dns_info(&UpnDnsInfo {
            upn: "alice@contoso.com".into(),
            dns_domain: "CONTOSO.COM".into(),
            upn_is_constructed: true,
            account,
        })
        .attributes(Attributes { flags: Attributes::REQUESTED })
        .requestor(&sid)
}

#[test]
fn every_signature_holds_and_only_under_its_key() {
    let (server, kdc) = keys();
    let bytes = builder().sign(&server, &kdc, Extra { ticket: Some(b"enc-ticket-part"), full: true });
    let pac = Pac::decode(&bytes).unwrap();
    pac.verify_server(&server).unwrap();
    pac.verify_kdc(&kdc).unwrap();
    pac.verify_full(&kdc).unwrap();
    pac.verify_ticket(&kdc, b"enc-ticket-part").unwrap();
    assert!(pac.verify_ticket(&kdc, b"enc-ticket-parT").is_err());
    assert!(pac.verify_server(&kdc).is_err() && pac.verify_kdc(&server).is_err() && pac.verify_full(&server).is_err());
}

#[test]
fn a_ticket_granting_ticket_s_pac_has_two_signatures_and_the_buffers_survive_signing_again() {
    let (server, kdc) = keys();
    let bytes = builder().sign(&kdc, &kdc, Extra::default());
    let pac = Pac::decode(&bytes).unwrap();
    assert!(pac.verify_full(&kdc).is_err() && pac.verify_ticket(&kdc, b"").is_err());
    let again =
        PacBuilder::from_pac(&pac).without(kind::REQUESTOR).sign(&server, &kdc, Extra { ticket: None, full: true });
    let again = Pac::decode(&again).unwrap();
    again.verify_server(&server).unwrap();
    let upn = again.upn_dns_info().unwrap().unwrap();
    assert_eq!(
        (upn.upn.as_str(), upn.dns_domain.as_str(), upn.upn_is_constructed),
        ("alice@contoso.com", "CONTOSO.COM", true)
    );
    assert_eq!(upn.account.unwrap().0, "alice");
    assert_eq!(again.requestor().unwrap(), None);
    assert_eq!(again.attributes().unwrap(), Some(Attributes { flags: 1 }));
}

#[test]
fn a_kind_that_appears_twice_is_refused() {
    let mut bytes = windows();
    bytes[8 + 16] = 1;
    assert_eq!(Pac::decode(&bytes).unwrap_err(), PacError::Malformed("a kind of buffer appears twice"));
}

fn sid() -> impl Strategy<Value = Sid> {
    proptest::collection::vec(any::<u32>(), 1..15).prop_map(|sub| Sid::new(5, &sub).unwrap())
}

prop_compose! {
    fn logon_info()(
        names in proptest::collection::vec(".{0,12}", 8),
        groups in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..20),
        extra in proptest::collection::vec((sid(), any::<u32>()), 0..10),
        resource in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..5),
        domain in proptest::option::of(sid()),
        resource_domain in proptest::option::of(sid()),
        numbers in any::<(u64, u16, u16, u32, u32, u32)>(),
    ) -> LogonInfo {
        let memberships = |v: Vec<(u32, u32)>| v.into_iter().map(|(rid, attributes)| GroupMembership { rid, attributes }).collect::<Vec<_>>();
        let mut names = names.into_iter();
        let mut next = || names.next().unwrap_or_default();
        let mut info = LogonInfo {
            logon_time: FileTime(numbers.0),
            effective_name: next(), full_name: next(), logon_script: next(), profile_path: next(),
            home_directory: next(), home_directory_drive: next(), logon_server: next(), logon_domain_name: next(),
            logon_count: numbers.1, bad_password_count: numbers.2, user_id: numbers.3, primary_group_id: numbers.4,
            user_account_control: numbers.5,
            group_ids: memberships(groups),
            extra_sids: extra.into_iter().map(|(sid, attributes)| SidAndAttributes { sid, attributes }).collect(),
            logon_domain_id: domain,
            resource_group_domain_sid: resource_domain,
            resource_group_ids: memberships(resource),
            ..LogonInfo::default()
        };
        if !info.extra_sids.is_empty() { info.user_flags |= user_flags::EXTRA_SIDS; }
        if !info.resource_group_ids.is_empty() { info.user_flags |= user_flags::RESOURCE_GROUPS; }
        info
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn logon_information_reads_back(info in logon_info()) {
        let bytes = info.encode();
        prop_assert_eq!(bytes.len() % 8, 0);
        prop_assert_eq!(LogonInfo::decode(&bytes).unwrap(), info);
    }

    #[test]
    fn a_changed_bit_breaks_the_server_signature(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (server, kdc) = keys();
        let mut bytes = builder().sign(&server, &kdc, Extra::default());
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // The KDC's own signature is not the server's to check.
        let in_kdc_signature = |pac: &Pac<'_>| pac.places.iter().any(|p| p.kind == kind::KDC_SIGNATURE && (p.at + 4..p.at + 16).contains(&at));
        if let Ok(pac) = Pac::decode(&bytes) {
            prop_assert!(in_kdc_signature(&pac) || pac.verify_server(&server).is_err());
        }
    }

    #[test]
    fn damaged_bytes_are_read_or_refused(at in 0usize..700, byte in any::<u8>(), cut in 0usize..100) {
        let mut bytes = windows();
        if let Some(place) = bytes.get_mut(at) { *place = byte; }
        bytes.truncate(bytes.len().saturating_sub(cut));
        if let Ok(pac) = Pac::decode(&bytes) {
            let _ = (pac.logon_info(), pac.client_info(), pac.upn_dns_info(), pac.attributes(), pac.requestor());
        }
        let _ = UpnDnsInfo::decode(&bytes);
        let _ = LogonInfo::decode(&bytes);
    }
}
