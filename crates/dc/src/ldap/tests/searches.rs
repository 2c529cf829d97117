use crate::ldap::testing::{Answer, DOMAIN, PEOPLE, Peer, TestServer, What};
use ldap::Control;
use ldap::control::{self, PagedResults};
use ldap::message::Scope;

const ANY: &str = "(objectClass=*)";

fn page<'a>(value: &'a [u8]) -> [Control<'a>; 1] {
    [Control { oid: control::PAGED_RESULTS, critical: true, value: Some(value) }]
}

fn pages(peer: &mut Peer, size: u32, limits: (u32, u32)) -> Vec<(u32, usize)> {
    let (mut seen, mut cookie) = (Vec::new(), Vec::new());
    loop {
        let value = PagedResults { size, cookie: &cookie }.encode();
        let answers = peer.search_with(PEOPLE, Scope::One, ANY, &["cn"], limits, &page(&value));
        let (done, entries) = answers.split_last().unwrap();
        seen.push((done.code(), entries.len()));
        cookie = done.cookie.clone().unwrap();
        if cookie.is_empty() {
            return seen;
        }
    }
}

fn count(answers: &[Answer]) -> (usize, u32) {
    let (done, entries) = answers.split_last().unwrap();
    (entries.len(), done.code())
}

#[test]
fn the_root_dse_says_what_active_directory_says() {
    let server = TestServer::new();
    let root = server.admin().search("", Scope::Base, ANY, &[]);
    let value = |name: &str| root[0].values(name).join("|");
    assert_eq!(value("defaultNamingContext"), DOMAIN);
    assert_eq!(value("rootDomainNamingContext"), DOMAIN);
    assert_eq!(value("configurationNamingContext"), "CN=Configuration,DC=contoso,DC=com");
    assert_eq!(value("schemaNamingContext"), "CN=Schema,CN=Configuration,DC=contoso,DC=com");
    assert_eq!(value("subschemaSubentry"), "CN=Aggregate,CN=Schema,CN=Configuration,DC=contoso,DC=com");
    assert_eq!(value("ldapServiceName"), "contoso.com:dc1$@CONTOSO.COM");
    assert_eq!(value("supportedSASLMechanisms"), "GSSAPI|GSS-SPNEGO");
    assert_eq!(value("domainControllerFunctionality"), "7");
    assert_eq!(value("currentTime"), "20260101000000.0Z");
    assert!(value("highestCommittedUSN").parse::<u64>().unwrap() > 0);
    assert_eq!(root[0].values("namingContexts").len(), 3);
}

#[test]
fn the_subschema_is_complete_but_comes_only_when_asked_for() {
    let server = TestServer::new();
    let base = "cn=aggregate,CN=Schema,CN=Configuration,DC=contoso,DC=com";
    let mut peer = server.admin();
    let found = peer.search(base, Scope::Base, "(objectClass=subSchema)", &["attributeTypes", "objectClasses"]);
    assert!(found[0].values("attributeTypes").len() > 1400);
    assert!(found[0].values("objectClasses").len() > 200);
    let plain = peer.search(base, Scope::Base, ANY, &["*"]);
    assert!(plain[0].values("attributeTypes").is_empty());
    assert_eq!(plain[0].values("objectClass"), ["top", "subSchema"]);
}

#[test]
fn what_does_not_fit_one_answer_exceeds_the_size_limit() {
    let server = TestServer::with(|limits| limits.max_page_size = 10);
    server.users(10);
    let mut peer = server.admin();
    assert_eq!(count(&peer.search(PEOPLE, Scope::One, ANY, &["cn"])), (10, 0), "all that there is");
    assert_eq!(count(&peer.search(PEOPLE, Scope::Subtree, ANY, &["cn"])), (10, 4), "one more than that");
    assert_eq!(count(&peer.search_with(PEOPLE, Scope::One, ANY, &["cn"], (3, 0), &[])), (3, 4));
    assert_eq!(count(&peer.search_with(PEOPLE, Scope::One, ANY, &["cn"], (10, 0), &[])), (10, 0));
}

#[test]
fn pages_give_every_entry_once() {
    let server = TestServer::with(|limits| limits.max_page_size = 6);
    server.users(10);
    let mut peer = server.admin();
    assert_eq!(pages(&mut peer, 4, (0, 0)), [(0, 4), (0, 4), (0, 2)]);
    assert_eq!(pages(&mut peer, 5, (0, 0)), [(0, 5), (0, 5)]);
    assert_eq!(pages(&mut peer, 100, (0, 0)), [(0, 6), (0, 4)], "no page is larger than MaxPageSize");
    assert_eq!(pages(&mut peer, 5, (3, 0)), [(4, 3)], "a size limit within the page ends the search");
    // msldap and bloodyAD always ask for pages of exactly their size limit, and Active Directory gives them one after the other.
    assert_eq!(pages(&mut peer, 4, (4, 0)), [(0, 4), (0, 4), (0, 2)]);
    assert_eq!(pages(&mut peer, 0, (0, 0)), [(0, 0)]);
}

#[test]
fn a_cookie_of_another_search_or_connection_is_refused() {
    let server = TestServer::new();
    server.users(10);
    let mut peer = server.admin();
    let value = PagedResults { size: 3, cookie: b"" }.encode();
    let answers = peer.search_with(PEOPLE, Scope::One, ANY, &["cn"], (0, 0), &page(&value));
    let cookie = answers.last().unwrap().cookie.clone().unwrap();
    let value = PagedResults { size: 3, cookie: &cookie }.encode();
    let refused = peer.search_with(PEOPLE, Scope::One, "(cn=*)", &["cn"], (0, 0), &page(&value));
    assert_eq!(count(&refused), (0, 12));
    let refused = server.admin().search_with(PEOPLE, Scope::One, ANY, &["cn"], (0, 0), &page(&value));
    assert_eq!(count(&refused), (0, 12));
    let taken = peer.search_with(PEOPLE, Scope::One, ANY, &["cn"], (0, 0), &page(&value));
    assert_eq!(count(&taken), (3, 0));
}

#[test]
fn a_large_result_is_sent_in_parts_and_is_whole() {
    let server = TestServer::with(|limits| limits.max_page_size = 20_000);
    server.users(3000);
    let mut peer = server.admin();
    let found = peer.search(PEOPLE, Scope::One, ANY, &["*"]);
    assert_eq!(count(&found), (3000, 0));
    assert!(peer.writes > 2, "{} writes", peer.writes);
    let mut names: Vec<&String> = found
        .iter()
        .filter_map(|answer| match &answer.what {
            What::Entry { dn, .. } => Some(dn),
            What::Result { .. } => None,
        })
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3000);
}

#[test]
fn a_base_that_is_not_there_or_no_name_is_refused() {
    let server = TestServer::new();
    let mut peer = server.admin();
    let missing = peer.search(&format!("OU=Nowhere,{DOMAIN}"), Scope::Base, ANY, &[]);
    assert_eq!(count(&missing), (0, 32));
    assert!(missing[0].diagnostic().contains(&format!("best match of:\n\t'{DOMAIN}'")), "{}", missing[0].diagnostic());
    assert_eq!(count(&peer.search("nonsense", Scope::Base, ANY, &[])), (0, 34));
    assert_eq!(count(&peer.search("", Scope::Subtree, ANY, &[])), (0, 32));
}

#[test]
fn the_base_may_be_a_guid_and_all_contexts_may_be_searched_together() {
    let server = TestServer::new();
    let mut peer = server.admin();
    let found = peer.search(PEOPLE, Scope::Base, ANY, &["objectGUID"]);
    let What::Entry { attributes, .. } = &found[0].what else { panic!() };
    let hex: String = attributes[0].1[0].iter().map(|byte| format!("{byte:02x}")).collect();
    let found = peer.search(&format!("<GUID={hex}>"), Scope::Base, ANY, &["ou"]);
    assert_eq!(found[0].values("ou"), ["People"]);
    let both = [Control { oid: control::SEARCH_OPTIONS, critical: true, value: Some(&[0x30, 3, 2, 1, 2]) }];
    let found = peer.search_with("", Scope::Subtree, "(objectClass=dMD)", &["1.1"], (0, 0), &both);
    assert_eq!(count(&found), (1, 0));
    let alone = peer.search(DOMAIN, Scope::Subtree, "(objectClass=dMD)", &["1.1"]);
    assert_eq!(count(&alone), (0, 0));
}

#[test]
fn a_search_that_is_abandoned_is_not_answered_any_further() {
    let server = TestServer::with(|limits| limits.max_page_size = 20_000);
    server.users(3000);
    let mut peer = server.admin();
    let filter: ldap::FilterBuf = ANY.parse().unwrap();
    let filter = filter.as_filter();
    let search = ldap::client::Search {
        base: PEOPLE,
        scope: Scope::One,
        size_limit: 0,
        time_limit: 0,
        filter: &filter,
        attributes: &["*"],
    };
    let mut bytes = peer.encode(&ldap::client::Request::Search(search), &[]);
    let id = ldap::message::Message::decode(&bytes).unwrap().id;
    bytes.extend(peer.encode(&ldap::client::Request::Abandon(id), &[]));
    bytes.extend(peer.encode(&ldap::client::Request::Extended(ldap::oid::WHO_AM_I, None), &[]));
    let found = crate::ldap::testing::answers(&peer.exchange(&bytes));
    assert!(found.len() > 100 && found.len() < 3000, "{}", found.len());
    assert!(found.iter().rev().skip(1).all(|answer| matches!(answer.what, What::Entry { .. })), "no end of the search");
    assert_eq!(found.last().unwrap().token(), br"u:CONTOSO\admin");
}

#[test]
fn a_search_with_a_long_filter_is_worked_on_elsewhere_and_finds_the_same() {
    let server = TestServer::new();
    server.users(3);
    let mut peer = server.admin();
    let text = format!("(|{}(cn=u1))", "(cn=nobody)".repeat(2000));
    let filter: ldap::FilterBuf = text.parse().unwrap();
    let filter = filter.as_filter();
    let scope = Scope::Subtree;
    let search =
        ldap::client::Search { base: PEOPLE, scope, size_limit: 0, time_limit: 0, filter: &filter, attributes: &[] };
    let bytes = peer.encode(&ldap::client::Request::Search(search), &[]);
    peer.session.space().extend_from_slice(&bytes);
    assert!(matches!(peer.session.advance(), crate::ldap::Then::Search(_)));
    assert_eq!(count(&server.admin().search(PEOPLE, Scope::Subtree, &text, &["cn"])), (1, 0));
}
