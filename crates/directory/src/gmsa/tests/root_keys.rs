use super::*;
use crate::gmsa::{create_root_key, root_keys};

fn delete(scene: &Scene, id: dtyp::Guid) {
    let update = Update::Delete { dn: dn(&place(id)), tree: false };
    scene.directory.apply(&Caller::system(), update).unwrap();
}

fn place(id: dtyp::Guid) -> String {
    format!(
        "CN={id},CN=Master Root Keys,CN=Group Key Distribution Service,CN=Services,CN=Configuration,DC=contoso,DC=com"
    )
}

#[test]
fn a_root_key_says_what_windows_says_of_it_but_its_secret_to_nobody() {
    let scene = Scene::new();
    let key = root_keys(&scene.directory.read().unwrap()).unwrap()[0].clone();
    let entry = scene.entry(&Caller::system(), &place(key.id), &[]).unwrap();
    let value = |name: &str| entry.value(name);
    for (name, expected) in [
        ("msKds-Version", "1"),
        ("msKds-KDFAlgorithmID", "SP800_108_CTR_HMAC"),
        ("msKds-SecretAgreementAlgorithmID", "DH"),
        ("msKds-PublicKeyLength", "2048"),
        ("msKds-PrivateKeyLength", "512"),
        ("msKds-DomainID", "CN=DC1,OU=Domain Controllers,DC=contoso,DC=com"),
        ("msKds-CreateTime", &scene.start.0.to_string()),
        ("cn", &key.id.to_string()),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
    for caller in [Caller::system(), scene.admin(), scene.reader()] {
        let asked = scene.entry(&caller, &place(key.id), &["msKds-RootKeyData"]);
        assert!(asked.is_err() || asked.unwrap().attributes.is_empty());
    }
    let (base, filter) = (dn(&place(key.id)), filter_of("(msKds-RootKeyData=*)"));
    let filter = filter.as_filter();
    let mut sink = Entries::default();
    let search = Search::new(Base::Dn(&base), Scope::Base, &filter, &["cn"]);
    scene.directory.read().unwrap().search(&Caller::system(), &search, &mut sink).unwrap();
    assert!(sink.0.is_empty());
}

#[test]
fn a_newer_root_key_is_taken_for_the_next_password_and_not_before() {
    let scene = Scene::new();
    scene.gmsa("1");
    let first = scene.envelope("msDS-ManagedPasswordId").unwrap().root_key;
    let before = scene.blob();
    scene.clock.advance(HOUR);
    let second = create_root_key(&scene.directory, scene.clock.now()).unwrap();
    let ids: Vec<_> = root_keys(&scene.directory.read().unwrap()).unwrap().iter().map(|key| key.id).collect();
    assert_eq!(ids, [second, first]);
    assert!(scene.blob().current == before.current);
    scene.clock.set(scene.at(20));
    let after = scene.blob();
    scene.settle();
    assert_eq!(scene.envelope("msDS-ManagedPasswordId").unwrap().root_key, second);
    assert_eq!(scene.envelope("msDS-ManagedPasswordPreviousId").unwrap().root_key, first);
    assert!(after.previous.as_ref() == Some(&before.current), "the one before is of the key before");
    assert!(scene.opens(&after.current) && scene.opens(&before.current));
    assert!(scene.blob() == after);
}

#[test]
fn a_key_for_later_is_not_taken_before() {
    let scene = Scene::new();
    scene.gmsa("1");
    scene.clock.advance(HOUR);
    let later = create_root_key(&scene.directory, scene.at(60)).unwrap();
    let key_after = |hours| {
        scene.clock.set(scene.at(hours));
        scene.blob();
        scene.settle();
        scene.envelope("msDS-ManagedPasswordId").unwrap().root_key
    };
    assert_ne!(key_after(45), later);
    assert_eq!(key_after(60), later);
}

#[test]
fn an_account_whose_root_key_is_gone_works_until_its_password_ends_and_then_takes_another() {
    let scene = Scene::new();
    scene.gmsa("1");
    let blob = scene.blob();
    let first = scene.envelope("msDS-ManagedPasswordId").unwrap().root_key;
    delete(&scene, first);
    let refused = scene.read(&scene.reader()).unwrap_err();
    assert!(refused.comment.contains(&first.to_string()), "{refused}");
    assert_eq!(scene.keys().kvno, 1, "the KDC has what is stored");
    let view = scene.directory.read().unwrap();
    let found = account::find(&view, "webapp$").unwrap().unwrap();
    let hash = view.secret(found, view.inner.catalogue.known.unicode_pwd).unwrap().unwrap();
    assert_eq!(hash.as_slice(), &blob.current.nt_hash()[..]);
    drop(view);
    let second = create_root_key(&scene.directory, scene.clock.now()).unwrap();
    scene.clock.set(scene.at(20));
    let blob = scene.blob();
    scene.settle();
    assert_eq!(scene.envelope("msDS-ManagedPasswordId").unwrap().root_key, second);
    assert!(scene.opens(&blob.current));
}

/// The same name with another secret, as no domain controller would make it but an administrator could.
fn replace(scene: &Scene, id: dtyp::Guid) {
    let other = gkdi::RootKey::new(id, 1, gkdi::KdfHash::Sha256, &[7; 64], scene.start, scene.start).unwrap();
    delete(scene, id);
    let attributes = other.attributes().into_iter().map(|(name, value)| Attribute::new(name, [value.as_slice()]));
    let maker = attribute("msKds-DomainID", &["CN=DC1,OU=Domain Controllers,DC=contoso,DC=com"]);
    let update = Update::Load(vec![(dn(&place(id)), attributes.chain([maker]).collect())]);
    scene.directory.apply(&Caller::system(), update).unwrap();
}

#[test]
fn what_is_remembered_of_a_root_key_is_forgotten_when_it_changes_but_not_by_older_snapshots() {
    let scene = Scene::new();
    scene.gmsa("1");
    let (before, keys) = (scene.blob(), scene.keys());
    let id = scene.envelope("msDS-ManagedPasswordId").unwrap().root_key;
    let old = scene.directory.read().unwrap();
    let of = |view: &crate::View<'_>| {
        let managed = {
            let found = account::find(view, "webapp$").unwrap().unwrap();
            crate::gmsa::Managed::of(&view.object(found).unwrap().unwrap()).unwrap().unwrap()
        };
        managed.accepted(view, scene.clock.now()).unwrap().remove(0)
    };
    assert!(of(&old) == before.current);
    replace(&scene, id);
    let after = scene.blob();
    assert!(after.current != before.current, "another secret gives another password");
    assert!(of(&old) == before.current && scene.blob() == after, "each snapshot has its own keys");
    scene.clock.set(scene.at(20));
    let next = scene.keys();
    scene.settle();
    assert_eq!(next.kvno, keys.kvno + 1);
    assert_eq!(scene.keys(), next, "what the writer stores is of the same key");
    assert!(scene.opens(&scene.blob().current));
}

#[test]
fn readers_beside_a_root_key_that_changes_get_one_of_both_passwords_and_in_the_end_the_new_one() {
    let scene = Scene::new();
    scene.gmsa("1");
    let before = scene.blob();
    let id = scene.envelope("msDS-ManagedPasswordId").unwrap().root_key;
    let seen: Vec<_> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..50).filter_map(|_| scene.read(&scene.reader()).ok()).collect::<Vec<_>>()))
            .collect();
        replace(&scene, id);
        readers.into_iter().flat_map(|reader| reader.join().unwrap()).map(|blob| blob.unwrap().current).collect()
    });
    let after = scene.blob();
    assert!(after.current != before.current);
    assert!(seen.iter().all(|password| *password == before.current || *password == after.current));
}

#[test]
fn a_root_key_made_in_the_last_minutes_of_a_password_does_not_change_the_next_that_is_handed_out_already() {
    let scene = Scene::new();
    scene.gmsa("1");
    let first = scene.envelope("msDS-ManagedPasswordId").unwrap().root_key;
    scene.clock.set(scene.at(20).saturating_sub(4 * MINUTE));
    let next = scene.blob().current;
    scene.clock.set(scene.at(20).saturating_sub(3 * MINUTE));
    let second = create_root_key(&scene.directory, scene.clock.now()).unwrap();
    assert!(scene.blob().current == next);
    scene.clock.set(scene.at(20));
    assert!(scene.blob().current == next && scene.opens(&next));
    scene.settle();
    assert_eq!(scene.envelope("msDS-ManagedPasswordId").unwrap().root_key, first);
    scene.clock.set(scene.at(40));
    scene.blob();
    scene.settle();
    assert_eq!(scene.envelope("msDS-ManagedPasswordId").unwrap().root_key, second);
}

#[test]
fn what_a_root_key_says_of_its_public_keys_is_read_back() {
    let scene = Scene::new();
    let read = || {
        crate::gmsa::root_keys::RootKeys::of(&scene.directory.read().unwrap())
            .unwrap()
            .for_slot(KeyId::at(scene.start))
            .unwrap()
            .agreement
            .clone()
    };
    assert_eq!(read(), Some(gkdi::SecretAgreement::windows()));
    let id = root_keys(&scene.directory.read().unwrap()).unwrap()[0].id;
    let change = |what: &str, value: &str| {
        let change = Modification { kind: ModificationKind::Replace, attribute: attribute(what, &[value]) };
        let update = Update::Modify { dn: dn(&place(id)), changes: vec![change], permissive: false, sd_flags: None };
        scene.directory.apply(&Caller::system(), update).unwrap();
    };
    change("msKds-SecretAgreementAlgorithmID", "MQV");
    assert_eq!(read(), None);
    scene.gmsa("1");
    assert!(scene.opens(&scene.blob().current), "its other keys are good");
}
