use ldap::ResultCode;

use super::*;
use crate::win32;

fn unsealed(caller: &Caller) -> Caller {
    Caller::new(Arc::clone(&caller.token), false)
}

#[test]
fn an_open_connection_is_refused_before_anything_else_is_looked_at() {
    let scene = Scene::new();
    scene.try_gmsa(vec![]).unwrap();
    let permitted = scene.reader();
    let stranger = Caller::new(Arc::new(Token::new(scene.domain().with_rid(9).unwrap(), [])), false);
    for caller in [&unsealed(&permitted), &unsealed(&scene.admin())] {
        let refused = scene.read(caller).unwrap_err();
        assert_eq!((refused.code, refused.win32), (ResultCode::OPERATIONS_ERROR, win32::DS_CONFIDENTIALITY_REQUIRED));
    }
    let user = "CN=Administrator,CN=Users,DC=contoso,DC=com";
    let refused = scene.entry(&unsealed(&permitted), user, &[PASSWORD]).unwrap_err();
    assert_eq!(refused.win32, win32::DS_CONFIDENTIALITY_REQUIRED, "an object of another class");
    scene.set_membership("D:(A;;RP;;;DA)");
    assert_eq!(scene.read(&unsealed(&permitted)).unwrap_err().win32, win32::DS_CONFIDENTIALITY_REQUIRED, "denied");
    assert!(scene.read(&stranger).is_err());
}

#[test]
fn who_may_not_read_sees_nothing_and_hears_of_no_error() {
    let scene = Scene::new();
    scene.try_gmsa(vec![]).unwrap();
    let permitted = format!("D:(A;;RP;;;{})", scene.reader().token.user());
    scene.set_membership(&permitted);
    assert!(scene.read(&scene.reader()).unwrap().is_some());
    assert!(scene.read(&scene.admin()).unwrap().is_none(), "an administrator is nobody special");
    assert!(scene.read(&Caller::system()).unwrap().is_some());
    // Other rights than to read, and a denial before a grant.
    let other = permitted.replace("RP", "WPCR");
    let denied = permitted.replace("D:", &format!("D:(D;;RP;;;{})", scene.reader().token.user()));
    for sddl in [other.as_str(), denied.as_str(), "D:"] {
        scene.set_membership(sddl);
        assert!(scene.read(&scene.reader()).unwrap().is_none(), "{sddl}");
    }
    let user = "CN=Administrator,CN=Users,DC=contoso,DC=com";
    assert!(scene.entry(&scene.reader(), user, &[PASSWORD]).unwrap().attributes.is_empty());
}

#[test]
fn a_descriptor_that_says_nothing_lets_nobody_in() {
    let scene = Scene::new();
    scene.try_gmsa(vec![]).unwrap();
    let descriptor = dtyp::SecurityDescriptor { owner: Some(Sid::SYSTEM), ..dtyp::SecurityDescriptor::default() };
    scene.modify(WEBAPP, "msDS-GroupMSAMembership", vec![descriptor.to_bytes().unwrap()]).unwrap();
    assert!(scene.read(&scene.reader()).unwrap().is_none());
    scene.modify(WEBAPP, "msDS-GroupMSAMembership", vec![]).unwrap();
    let refused = scene.read(&scene.reader()).unwrap_err();
    assert_eq!((refused.code, refused.win32), (ResultCode::OPERATIONS_ERROR, win32::DS_CANT_RETRIEVE_ATTS));
    assert!(scene.read(&Caller::system()).unwrap().is_some());
}

#[test]
fn the_object_s_own_descriptor_neither_gives_the_password_nor_takes_it() {
    let scene = Scene::new();
    scene.try_gmsa(vec![]).unwrap();
    let domain = scene.domain();
    let own = |sddl: &str| {
        let value = dtyp::sddl::parse(sddl, &domain, &domain).unwrap().to_bytes().unwrap();
        scene.modify(WEBAPP, "nTSecurityDescriptor", vec![value]).unwrap();
    };
    // The class only, without which no filter finds it.
    own("O:DAG:DAD:P(A;;GA;;;DA)(OA;;RP;bf9679e5-0de6-11d0-a285-00aa003049e2;;AU)");
    assert!(scene.entry(&scene.reader(), WEBAPP, &["cn"]).unwrap().attributes.is_empty());
    assert!(scene.read(&scene.reader()).unwrap().is_some());
    own("O:DAG:DAD:P(A;;GA;;;DA)(A;;GA;;;AU)");
    scene.set_membership("D:(A;;RP;;;DA)");
    assert!(scene.read(&scene.reader()).unwrap().is_none());
}

#[test]
fn members_of_groups_in_groups_may_read_and_no_longer_once_they_left() {
    let scene = Scene::new();
    let add = |class: &str, name: &str, member: Option<&str>| {
        let mut attributes = vec![attribute("objectClass", &[class]), attribute("sAMAccountName", &[name])];
        attributes.extend(member.map(|member| attribute("member", &[member])));
        let dn = format!("CN={name},CN=Users,DC=contoso,DC=com");
        (scene.add(&dn, attributes).unwrap().dnt, dn)
    };
    let (host, host_dn) = add("computer", "node1$", None);
    let (_, nodes) = add("group", "nodes", Some(&host_dn));
    let (readers, _) = add("group", "readers", Some(&nodes));
    let sid = scene.directory.read().unwrap().object(readers).unwrap().unwrap().sid().unwrap();
    scene.try_gmsa(vec![scene.membership(&format!("D:(A;;RP;;;{sid})"))]).unwrap();
    let caller = || Caller::new(Arc::new(account::token(&scene.directory.read().unwrap(), host).unwrap()), true);
    assert!(scene.read(&caller()).unwrap().is_some());
    scene.modify(&nodes, "member", vec![]).unwrap();
    assert!(scene.read(&caller()).unwrap().is_none());
}

#[test]
fn the_password_comes_to_who_names_it_and_no_other_way() {
    let scene = Scene::new();
    scene.try_gmsa(vec![]).unwrap();
    let names = |attributes: &[&str]| -> Vec<String> {
        let entry = scene.entry(&scene.reader(), WEBAPP, attributes).unwrap();
        entry.attributes.into_iter().map(|(name, _)| name).collect()
    };
    for attributes in [&[][..], &["*"], &["*", "+"]] {
        assert!(!names(attributes).contains(&PASSWORD.to_owned()), "{attributes:?}");
    }
    assert_eq!(names(&["msds-managedpassword"]), [PASSWORD]);
    for secret in ["unicodePwd", "supplementalCredentials"] {
        assert!(names(&[secret]).is_empty(), "{secret}");
    }
    let base = dn(WEBAPP);
    for filter in ["(msDS-ManagedPassword=*)", "(!(msDS-ManagedPassword=x))", "(msDS-ManagedPassword>=0)"] {
        let filter = filter_of(filter);
        let filter = filter.as_filter();
        let mut sink = Entries::default();
        let search = Search::new(Base::Dn(&base), Scope::Base, &filter, &["cn"]);
        let _ = scene.directory.read().unwrap().search(&scene.reader(), &search, &mut sink);
        assert!(sink.0.is_empty());
    }
    let compared = scene.directory.read().unwrap().compare(&scene.reader(), &base, PASSWORD, b"x");
    assert!(!compared.is_ok_and(|same| same));
}

#[test]
fn no_secret_stands_in_the_file() {
    let scene = Scene::new();
    scene.gmsa("1");
    let first = scene.blob().current;
    scene.clock.set(scene.at(41));
    let blob = scene.blob();
    scene.settle();
    let keys = scene.keys();
    let root = {
        let view = scene.directory.read().unwrap();
        let id = view.schema().attribute("msKds-RootKeyData").unwrap().id;
        let class = view.inner.catalogue.known.object_class;
        let dnt = view.find(class, b"msKds-ProvRootKey").unwrap()[0];
        view.secret(dnt, id).unwrap().unwrap().to_vec()
    };
    let file = std::fs::read(scene.folder.path().join("directory.mdb")).unwrap();
    let holds = |secret: &[u8]| file.windows(16).any(|window| window == &secret[..16]);
    assert!(holds(b"Managed Service "), "the search finds what is there");
    assert!(!holds(&root), "the root key");
    for password in [&first, &blob.current, blob.previous.as_ref().unwrap()] {
        assert!(!holds(password.as_bytes()) && !holds(&password.nt_hash()[..]));
        assert!(!holds(password.kerberos_utf8().expose_secret().as_bytes()));
    }
    assert!(keys.keys.iter().all(|key| !holds(key.key.bytes())));
}
