use crate::ldap::testing::{ADMIN, LOCAL, PEOPLE, REMOTE, TLS, TestServer};
use ldap::client::Request;
use ldap::message::Scope;

#[test]
fn a_right_password_binds_and_a_wrong_one_says_why_not() {
    let server = TestServer::new();
    let mut peer = server.connect(LOCAL);
    assert_eq!(peer.who_am_i(), "");
    assert_eq!(peer.bind(ADMIN.0, ADMIN.1).code(), 0);
    assert_eq!(peer.who_am_i(), r"u:CONTOSO\admin");
    let refused = peer.bind(ADMIN.0, "wrong");
    assert_eq!(refused.code(), 49);
    assert_eq!(
        refused.diagnostic(),
        "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v4563"
    );
    assert!(peer.bind("nobody", "x").diagnostic().contains("data 525"));
    assert_eq!(peer.who_am_i(), "", "who fails to bind is nobody");
}

#[test]
fn nobody_binds_with_a_name_and_no_password() {
    let server = TestServer::new();
    let mut peer = server.connect(TLS);
    assert_eq!(peer.bind(ADMIN.0, "").code(), 53);
    assert_eq!(peer.bind("", "").code(), 0);
    assert_eq!(peer.bind("", "x").code(), 49);
    assert_eq!(peer.who_am_i(), "");
}

#[test]
fn passwords_from_other_machines_need_tls() {
    let server = TestServer::new();
    let refused = server.connect(REMOTE).bind(ADMIN.0, ADMIN.1);
    assert_eq!(refused.code(), 8);
    assert!(refused.diagnostic().starts_with("00002028: LdapErr"), "{}", refused.diagnostic());
    assert_eq!(server.connect(TLS).bind(ADMIN.0, ADMIN.1).code(), 0);
}

#[test]
fn who_has_not_bound_reads_the_root_dse_only() {
    let server = TestServer::new();
    let mut peer = server.connect(LOCAL);
    let root = peer.search("", Scope::Base, "(objectClass=*)", &["defaultNamingContext", "supportedCapabilities"]);
    assert_eq!(root[0].values("defaultNamingContext"), ["DC=contoso,DC=com"]);
    assert_eq!(root[0].values("supportedCapabilities").len(), 6);
    for base in ["", "DC=contoso,DC=com", PEOPLE, "CN=Aggregate,CN=Schema,CN=Configuration,DC=contoso,DC=com"] {
        let scope = if base.is_empty() { Scope::Subtree } else { Scope::Base };
        let refused = peer.search(base, scope, "(objectClass=*)", &[]);
        assert_eq!((refused.len(), refused[0].code()), (1, 1), "{base}");
        assert!(refused[0].diagnostic().starts_with("000004DC: LdapErr: DSID-0C090A71"));
    }
    for request in [
        Request::Delete(PEOPLE),
        Request::Add(PEOPLE, &[]),
        Request::Modify(PEOPLE, &[]),
        Request::Compare(PEOPLE, "ou", b"People"),
    ] {
        assert_eq!(peer.one(&request).code(), 1);
    }
}

#[test]
fn start_tls_forgets_who_was_there_and_refuses_what_came_before_it() {
    let server = TestServer::new();
    let mut peer = server.admin();
    let start = Request::Extended(ldap::oid::START_TLS, None);
    assert_eq!(peer.one(&start).code(), 0);
    assert!(peer.tls_asked && peer.session.started_tls());
    assert_eq!(peer.who_am_i(), "");
    assert_eq!(peer.one(&start).code(), 1, "TLS runs already");

    let mut between = server.connect(REMOTE);
    let mut bytes = between.encode(&start, &[]);
    bytes.extend(between.encode(&Request::Delete(PEOPLE), &[]));
    between.exchange(&bytes);
    assert!(!between.session.started_tls(), "what was injected before TLS is not taken for what comes over it");
}

#[test]
fn other_ways_to_authenticate_are_refused() {
    let server = TestServer::new();
    let mut peer = server.connect(LOCAL);
    for mechanism in ["DIGEST-MD5", "EXTERNAL", "PLAIN", ""] {
        assert_eq!(peer.one(&Request::BindSasl { mechanism, credentials: Some(b"x") }).code(), 7, "{mechanism}");
    }
    // Sicily's package discovery: an authentication choice of another tag.
    let bytes = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x89\x00";
    assert_eq!(crate::ldap::testing::answers(&peer.exchange(bytes))[0].code(), 7);
    let version_2 = b"\x30\x0c\x02\x01\x02\x60\x07\x02\x01\x02\x04\x00\x80\x00";
    assert_eq!(crate::ldap::testing::answers(&peer.exchange(version_2))[0].code(), 2);
}
