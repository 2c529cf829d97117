use kerberos::crypto::{Etype, Key};
use ldap::ResultCode;

use super::*;
use crate::win32;

#[test]
fn a_new_account_has_a_password_of_its_slot_and_the_keys_of_it() {
    let scene = Scene::new();
    scene.clock.advance(3 * HOUR);
    scene.try_gmsa(vec![]).unwrap();
    let envelope = scene.envelope("msDS-ManagedPasswordId").unwrap();
    let root = crate::gmsa::root_keys(&scene.directory.read().unwrap()).unwrap()[0].id;
    assert_eq!((envelope.slot, envelope.root_key, envelope.flags), (KeyId::at(scene.start), root, 2));
    assert_eq!((envelope.domain.as_str(), envelope.forest.as_str()), ("contoso.com", "contoso.com"));
    assert_eq!(scene.envelope("msDS-ManagedPasswordPreviousId"), None);
    let blob = scene.blob();
    assert!(blob.previous.is_none());
    assert_eq!((blob.query_interval, blob.unchanged_interval), (717 * HOUR, 717 * HOUR - 5 * MINUTE));
    let keys = scene.keys();
    assert_eq!((keys.kvno, keys.salt.as_str()), (1, "CONTOSO.COMhostwebapp.contoso.com"));
    let text = blob.current.kerberos_utf8();
    for (key, etype) in keys.keys.iter().zip([Etype::Aes256, Etype::Aes128]) {
        let expected = Key::from_password(etype, text.expose_secret().as_bytes(), keys.salt.as_bytes(), 4096);
        assert_eq!(key.key, expected, "{etype:?}");
    }
    assert!(scene.opens(&blob.current));
}

#[test]
fn a_new_account_has_what_the_directory_gives_it() {
    let scene = Scene::new();
    scene.try_gmsa(vec![]).unwrap();
    for (name, expected) in [
        ("userAccountControl", "4096"),
        ("sAMAccountType", "805306369"),
        ("primaryGroupID", "515"),
        ("msDS-ManagedPasswordInterval", "30"),
        ("msDS-SupportedEncryptionTypes", "24"),
        ("msDS-KeyVersionNumber", "1"),
        ("pwdLastSet", &scene.start.0.to_string()),
        ("objectCategory", "CN=ms-DS-Group-Managed-Service-Account,CN=Schema,CN=Configuration,DC=contoso,DC=com"),
    ] {
        assert_eq!(scene.value(name), expected, "{name}");
    }
}

#[test]
fn the_password_is_the_one_that_every_domain_controller_derives() {
    let scene = Scene::new();
    let applied = scene.try_gmsa(vec![]).unwrap();
    let view = scene.directory.read().unwrap();
    let object = view.object(applied.dnt).unwrap().unwrap();
    let keys = crate::gmsa::root_keys::RootKeys::load(&view).unwrap();
    let root = keys.for_slot(KeyId::at(scene.start)).unwrap();
    let expected = gkdi::gmsa_password(root, KeyId::at(scene.start), &object.sid().unwrap());
    assert!(scene.blob().current == expected);
}

#[test]
fn what_a_client_says_of_the_password_is_not_believed() {
    let scene = Scene::new();
    let quoted: Vec<u8> = "\"Rosinen 4711\"".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let given = KeyEnvelope::new(KeyId::new(1, 2, 3).unwrap(), dtyp::Guid([1; 16]), "a", "b").encode();
    scene
        .try_gmsa(vec![
            Attribute::new("unicodePwd", [quoted.clone()]),
            Attribute::new("msDS-ManagedPasswordId", [given.clone()]),
            Attribute::new("msDS-ManagedPasswordPreviousId", [given.clone()]),
        ])
        .unwrap();
    assert_eq!(scene.envelope("msDS-ManagedPasswordId").unwrap().slot, KeyId::at(scene.start));
    assert_eq!(scene.envelope("msDS-ManagedPasswordPreviousId"), None);
    assert!(account::authenticate(&scene.directory.read().unwrap(), "webapp$", b"Rosinen 4711").is_err());
    for (name, value) in [
        ("unicodePwd", quoted),
        ("msDS-ManagedPasswordId", given.clone()),
        ("msDS-ManagedPasswordPreviousId", given),
        ("msDS-ManagedPasswordInterval", b"1".to_vec()),
        (PASSWORD, vec![0; 290]),
    ] {
        assert!(scene.modify(WEBAPP, name, vec![value]).is_err(), "{name}");
    }
    assert!(scene.opens(&scene.blob().current));
}

#[test]
fn accounts_that_cannot_work_are_refused() {
    let scene = Scene::new();
    for (name, value) in [
        ("sAMAccountName", "webapp"),
        ("userAccountControl", "512"),
        ("userAccountControl", "8192"),
        ("msDS-ManagedPasswordInterval", "0"),
        ("msDS-ManagedPasswordInterval", "-1"),
        ("msDS-GroupMSAMembership", "everybody"),
    ] {
        let refused = scene.try_gmsa(vec![attribute(name, &[value])]);
        assert!(refused.is_err(), "{name}={value}");
    }
    scene.try_gmsa(vec![attribute("userAccountControl", &["4098"])]).unwrap();
    assert!(scene.modify(WEBAPP, "userAccountControl", vec![b"512".to_vec()]).is_err());
    assert!(scene.modify(WEBAPP, "sAMAccountName", vec![b"webapp".to_vec()]).is_err());
    assert!(scene.modify(WEBAPP, "msDS-GroupMSAMembership", vec![b"everybody".to_vec()]).is_err());
    scene.modify(WEBAPP, "userAccountControl", vec![b"4096".to_vec()]).unwrap();
}

#[test]
fn without_an_effective_root_key_there_is_no_account() {
    let scene = Scene::with(false);
    let refused = scene.try_gmsa(vec![]).unwrap_err();
    assert_eq!(refused.code, ResultCode::UNWILLING_TO_PERFORM);
    assert!(refused.comment.contains("KDS root key"), "{refused}");
    let effective = scene.at(24);
    crate::gmsa::create_root_key(&scene.directory, effective).unwrap();
    assert!(scene.try_gmsa(vec![]).is_err(), "a key for tomorrow");
    scene.clock.set(scene.at(24));
    scene.try_gmsa(vec![]).unwrap();
}

#[test]
fn a_standalone_account_is_a_computer_of_another_class() {
    let scene = Scene::with(false);
    let quoted: Vec<u8> = "\"Rosinen 4711\"".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let attributes = vec![
        attribute("objectClass", &["msDS-ManagedServiceAccount"]),
        attribute("sAMAccountName", &["backup$"]),
        Attribute::new("unicodePwd", [quoted]),
    ];
    let name = "CN=backup,CN=Managed Service Accounts,DC=contoso,DC=com";
    scene.add(name, attributes).unwrap();
    let entry = scene.entry(&scene.reader(), name, &["userAccountControl", PASSWORD]).unwrap();
    assert_eq!((entry.value("userAccountControl").as_str(), entry.attributes.len()), ("4096", 1));
    let view = scene.directory.read().unwrap();
    let dnt = account::authenticate(&view, "backup$", b"Rosinen 4711").unwrap();
    let keys = account::keys(&view, &view.object(dnt).unwrap().unwrap()).unwrap().unwrap();
    assert_eq!(keys.salt, "CONTOSO.COMhostbackup.contoso.com");
}

#[test]
fn a_renamed_account_has_its_new_name_s_salt_with_its_next_password() {
    let scene = Scene::new();
    scene.gmsa("1");
    scene.modify(WEBAPP, "sAMAccountName", vec![b"shop$".to_vec()]).unwrap();
    let salt = || {
        let view = scene.directory.read().unwrap();
        let found = account::find(&view, "shop$").unwrap().unwrap();
        account::keys(&view, &view.object(found).unwrap().unwrap()).unwrap().unwrap().salt
    };
    assert_eq!(salt(), "CONTOSO.COMhostwebapp.contoso.com");
    scene.clock.set(scene.at(20));
    assert_eq!(salt(), "CONTOSO.COMhostshop.contoso.com");
    scene.settle();
    assert_eq!(salt(), "CONTOSO.COMhostshop.contoso.com");
}

#[test]
fn an_account_of_a_taken_name_is_told_so() {
    let scene = Scene::new();
    scene.try_gmsa(vec![]).unwrap();
    assert_eq!(scene.try_gmsa(vec![]).unwrap_err().win32, win32::DS_OBJ_STRING_NAME_EXISTS);
}
