use crate::ldap::testing::{PEOPLE, TestServer, answers};
use ldap::Control;
use ldap::client::Request;
use ldap::control;
use ldap::message::{Change, ModifyDn, Scope};

const ANY: &str = "(objectClass=*)";

fn ou(name: &str) -> String {
    format!("OU={name},{PEOPLE}")
}

#[test]
fn objects_are_added_changed_renamed_compared_and_deleted() {
    let server = TestServer::new();
    let mut peer = server.admin();
    let dn = ou("one");
    let class = [b"organizationalUnit".to_vec()];
    assert_eq!(peer.one(&Request::Add(&dn, &[("objectClass", &class)])).code(), 0);
    assert_eq!(peer.one(&Request::Add(&dn, &[("objectClass", &class)])).code(), 68);
    let text = [b"first".to_vec()];
    assert_eq!(peer.one(&Request::Modify(&dn, &[(Change::Replace, "description", &text)])).code(), 0);
    assert_eq!(peer.one(&Request::Compare(&dn, "description", b"FIRST")).code(), 6);
    assert_eq!(peer.one(&Request::Compare(&dn, "description", b"second")).code(), 5);
    assert_eq!(peer.one(&Request::Compare(&dn, "telephoneNumber", b"1")).code(), 16);
    let rename = ModifyDn { object: &dn, new_rdn: "OU=two", delete_old_rdn: true, new_superior: None };
    assert_eq!(peer.one(&Request::ModifyDn(rename)).code(), 0);
    assert_eq!(peer.one(&Request::Delete(&dn)).code(), 32);
    let found = peer.search(&ou("two"), Scope::Base, ANY, &["description", "name"]);
    assert_eq!((found[0].values("description"), found[0].values("name")), (vec!["first".into()], vec!["two".into()]));
    assert_eq!(peer.one(&Request::Delete(&ou("two"))).code(), 0);
}

#[test]
fn objects_may_be_named_by_their_guid() {
    let server = TestServer::new();
    let mut peer = server.admin();
    let found = peer.search(PEOPLE, Scope::Base, ANY, &["objectGUID"]);
    let crate::ldap::testing::What::Entry { attributes, .. } = &found[0].what else { panic!() };
    let hex: String = attributes[0].1[0].iter().map(|byte| format!("{byte:02x}")).collect();
    let text = [b"by guid".to_vec()];
    let change: &[(Change, &str, &[Vec<u8>])] = &[(Change::Add, "description", &text)];
    assert_eq!(peer.one(&Request::Modify(&format!("<GUID={hex}>"), change)).code(), 0);
    assert_eq!(peer.one(&Request::Compare(PEOPLE, "description", b"by guid")).code(), 6);
    assert_eq!(peer.one(&Request::Modify("<GUID=00000000000000000000000000000000>", change)).code(), 32);
}

#[test]
fn neither_the_root_dse_nor_nonsense_can_be_changed() {
    let server = TestServer::new();
    let mut peer = server.admin();
    assert_eq!(peer.one(&Request::Modify("", &[])).code(), 53);
    assert_eq!(peer.one(&Request::Delete("")).code(), 53);
    assert_eq!(peer.one(&Request::Delete("nonsense")).code(), 34);
    assert_ne!(peer.one(&Request::Add("", &[])).code(), 0);
}

#[test]
fn controls_reach_the_directory() {
    let server = TestServer::new();
    let mut peer = server.admin();
    let text = [b"once".to_vec()];
    let change: &[(Change, &str, &[Vec<u8>])] = &[(Change::Add, "telephoneNumber", &text)];
    assert_eq!(peer.one(&Request::Modify(PEOPLE, change)).code(), 0);
    assert_eq!(peer.one(&Request::Modify(PEOPLE, change)).code(), 20);
    let permissive = [Control { oid: control::PERMISSIVE_MODIFY, critical: true, value: None }];
    assert_eq!(peer.ask_with(&Request::Modify(PEOPLE, change), &permissive)[0].code(), 0);
    server.users(2);
    assert_eq!(peer.one(&Request::Delete(PEOPLE)).code(), 66);
    let tree = [Control { oid: control::TREE_DELETE, critical: true, value: None }];
    assert_eq!(peer.ask_with(&Request::Delete(PEOPLE), &tree)[0].code(), 0);
    let deleted = [Control { oid: control::SHOW_DELETED, critical: true, value: None }];
    let found = peer.search_with("DC=contoso,DC=com", Scope::Subtree, "(cn=u0*)", &["1.1"], (0, 0), &deleted);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn nothing_but_another_update_overtakes_an_update() {
    let server = TestServer::with(|limits| limits.max_updates = 3);
    let mut peer = server.admin();
    peer.waiting = Some(Vec::new());
    let class = [b"organizationalUnit".to_vec()];
    let mut bytes = Vec::new();
    for name in ["a", "b", "c", "d"] {
        bytes.extend(peer.encode(&Request::Add(&ou(name), &[("objectClass", &class)]), &[]));
    }
    bytes.extend(peer.encode(&Request::Compare(&ou("d"), "ou", b"d"), &[]));
    assert!(peer.exchange(&bytes).is_empty());
    let waiting = peer.waiting.take().unwrap();
    assert_eq!(waiting.len(), 3, "no more than MaxUpdates at once");
    for submit in waiting {
        peer.apply(submit);
    }
    let back = answers(&peer.exchange(&[]));
    assert_eq!(back.iter().map(|answer| answer.code()).collect::<Vec<_>>(), [0, 0, 0, 0, 6], "and then in order");
}

#[test]
fn updates_that_wait_together_are_no_larger_than_one_may_be() {
    let server = TestServer::with(|limits| limits.max_receive = 1000);
    let mut peer = server.admin();
    peer.waiting = Some(Vec::new());
    let (class, long) = ([b"organizationalUnit".to_vec()], [vec![b'x'; 300]]);
    let mut bytes = Vec::new();
    for name in ["a", "b", "c", "d"] {
        bytes.extend(peer.encode(&Request::Add(&ou(name), &[("objectClass", &class), ("description", &long)]), &[]));
    }
    assert!(peer.exchange(&bytes).is_empty());
    let waiting = peer.waiting.replace(Vec::new()).unwrap();
    assert_eq!(waiting.len(), 2);
    waiting.into_iter().for_each(|submit| peer.apply(submit));
    assert_eq!(answers(&peer.exchange(&[])).len(), 2);
    assert_eq!(peer.waiting.take().unwrap().len(), 2, "and then the others");
}
