//! What is said about credential specs that people get wrong.
#![allow(clippy::unwrap_used, clippy::panic)]

use credspec::{CredentialSpec, Severity, SpecError, check};
use proptest::prelude::*;
use serde_json::{Value, json};

fn good() -> Value {
    json!({
        "CmsPlugins": ["ActiveDirectory"],
        "DomainJoinConfig": {
            "Sid": "S-1-5-21-702590844-1001920913-2680819671",
            "MachineAccountName": "webapp01",
            "Guid": "56d9b66c-d746-4f87-bd26-26760cfdca2e",
            "DnsTreeName": "contoso.com",
            "DnsName": "contoso.com",
            "NetBiosName": "CONTOSO"
        },
        "ActiveDirectoryConfig": {
            "GroupManagedServiceAccounts": [
                { "Name": "webapp01", "Scope": "contoso.com" },
                { "Name": "webapp01", "Scope": "CONTOSO" }
            ],
            "HostAccountConfig": {
                "PortableCcgVersion": "1",
                "PluginGUID": "{e4781092-f116-4b79-b55e-28eb6a224e26}",
                "PluginInput": "gmsa:ccg-reader"
            }
        }
    })
}

/// The spec with one place changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut spec = good();
    *spec.pointer_mut(pointer).unwrap() = value;
    spec
}

fn problems(spec: &Value) -> Vec<(Severity, String, String)> {
    let report = check(spec.to_string().as_bytes()).unwrap();
    report.problems.into_iter().map(|p| (p.severity, p.path.clone(), p.to_string())).collect()
}

/// That one error stands at `path` and says `words`.
fn complains(spec: &Value, path: &str, words: &str) {
    let found = problems(spec);
    assert!(
        found.iter().any(|(severity, at, text)| *severity == Severity::Error && at == path && text.contains(words)),
        "{path} {words}: {found:?}"
    );
    assert!(matches!(CredentialSpec::parse(spec.to_string().as_bytes()), Err(SpecError::Invalid(_))));
}

#[test]
fn a_good_spec_has_no_problems() {
    assert_eq!(problems(&good()), vec![]);
    assert_eq!(problems(&with("/ActiveDirectoryConfig/HostAccountConfig", Value::Null)), vec![]);
}

#[test]
fn each_common_mistake_is_named_with_its_place_and_its_fix() {
    let sid = "/DomainJoinConfig/Sid";
    complains(&with(sid, json!("S-1-5-21-1-2-3-1104")), "DomainJoinConfig.Sid", "leave the last part, -1104, away");
    complains(&with(sid, json!("S-1-5-32-544")), "DomainJoinConfig.Sid", "something else than a domain");
    complains(&with(sid, json!("contoso")), "DomainJoinConfig.Sid", "not a SID");
    complains(&with(sid, json!(7)), "DomainJoinConfig.Sid", "a number, not a text");
    complains(&with("/DomainJoinConfig/Guid", json!("56d9b66c")), "DomainJoinConfig.Guid", "not a GUID");
    complains(
        &with("/DomainJoinConfig/Guid", json!("00000000-0000-0000-0000-000000000000")),
        "DomainJoinConfig.Guid",
        "not a GUID",
    );
    complains(
        &with("/DomainJoinConfig/MachineAccountName", json!("webapp01$")),
        "DomainJoinConfig.MachineAccountName",
        "leave the $",
    );
    complains(
        &with("/DomainJoinConfig/NetBiosName", json!("contoso.com")),
        "DomainJoinConfig.NetBiosName",
        "that is the DNS name",
    );
    complains(&with("/CmsPlugins", json!([])), "CmsPlugins", "write [\"ActiveDirectory\"]");
    complains(&with("/CmsPlugins", json!("ActiveDirectory")), "CmsPlugins", "not a list");
    let accounts = "ActiveDirectoryConfig.GroupManagedServiceAccounts";
    complains(&with("/ActiveDirectoryConfig/GroupManagedServiceAccounts", json!([])), accounts, "0 accounts");
    complains(&with("/DomainJoinConfig/MachineAccountName", json!("webapp02")), accounts, "webapp02 is not listed");
    complains(
        &with("/ActiveDirectoryConfig/GroupManagedServiceAccounts/1/Scope", json!("")),
        &format!("{accounts}[1].Scope"),
        "names no domain",
    );
    let host = "/ActiveDirectoryConfig/HostAccountConfig";
    complains(
        &with(&format!("{host}/PortableCcgVersion"), json!(1)),
        "ActiveDirectoryConfig.HostAccountConfig.PortableCcgVersion",
        "\"1\"",
    );
    let input = "ActiveDirectoryConfig.HostAccountConfig.PluginInput";
    complains(&with(&format!("{host}/PluginInput"), json!("../etc:x")), input, "namespace");
    complains(&with(&format!("{host}/PluginInput"), json!({"CredentialArn": "arn"})), input, "Amazon ECS");
    complains(&with(host, json!("x")), "ActiveDirectoryConfig.HostAccountConfig", "a text, not an object");
    complains(&json!([]), "", "the document: it is a list, not an object");
}

#[test]
fn every_missing_field_is_named() {
    for (parent, key) in [
        ("", "CmsPlugins"),
        ("", "DomainJoinConfig"),
        ("", "ActiveDirectoryConfig"),
        ("/DomainJoinConfig", "Sid"),
        ("/DomainJoinConfig", "Guid"),
        ("/DomainJoinConfig", "DnsName"),
        ("/DomainJoinConfig", "DnsTreeName"),
        ("/DomainJoinConfig", "NetBiosName"),
        ("/DomainJoinConfig", "MachineAccountName"),
        ("/ActiveDirectoryConfig", "GroupManagedServiceAccounts"),
        ("/ActiveDirectoryConfig/GroupManagedServiceAccounts/0", "Name"),
        ("/ActiveDirectoryConfig/HostAccountConfig", "PluginGUID"),
        ("/ActiveDirectoryConfig/HostAccountConfig", "PluginInput"),
    ] {
        let mut spec = good();
        spec.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
        let found = problems(&spec);
        assert!(
            found.iter().any(|(_, path, text)| path.ends_with(key) && text.contains("it is missing")),
            "{key}: {found:?}"
        );
    }
}

#[test]
fn a_key_in_the_wrong_case_is_recognised() {
    let mut spec = good();
    let domain = spec.pointer_mut("/DomainJoinConfig").unwrap().as_object_mut().unwrap();
    let value = domain.remove("DnsName").unwrap();
    domain.insert("DNSName".into(), value);
    complains(&spec, "DomainJoinConfig.DnsName", "DNSName must be written DnsName");
}

#[test]
fn a_key_that_stands_twice_is_an_error() {
    let text = good().to_string().replacen("\"Sid\":", "\"Sid\":\"S-1-5-21-9-9-9\",\"Sid\":", 1);
    let report = check(text.as_bytes()).unwrap();
    assert!(report.problems.iter().any(|p| p.path == "DomainJoinConfig.Sid" && p.what.contains("twice")));
    assert!(!report.is_usable());
}

#[test]
fn what_still_works_is_only_warned_about() {
    let mut spec = good();
    spec["Comment"] = json!("ours");
    spec["ActiveDirectoryConfig"]["HostAccountConfig"]["PluginGUID"] = json!("e4781092-f116-4b79-b55e-28eb6a224e26");
    spec["ActiveDirectoryConfig"]["GroupManagedServiceAccounts"].as_array_mut().unwrap().remove(0);
    let found = problems(&spec);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|(severity, ..)| *severity == Severity::Warning));
    assert!(found.iter().any(|(_, _, text)| text.contains("NTLM")));
    CredentialSpec::parse(spec.to_string().as_bytes()).unwrap();
}

#[test]
fn the_key_vault_plugins_input_is_checked_too() {
    let host = |input: &str| {
        with(
            "/ActiveDirectoryConfig/HostAccountConfig",
            json!({
            "PortableCcgVersion": "1", "PluginGUID": "{CCC2A336-D7F3-4818-A213-272B7924213E}", "PluginInput": input }),
        )
    };
    assert_eq!(
        problems(&host("ObjectId=56d9b66c-d746-4f87-bd26-26760cfdca2e;SecretUri=https://v.vault.azure.net/secrets/s")),
        vec![]
    );
    complains(
        &host("ObjectId=x;SecretUri=https://v"),
        "ActiveDirectoryConfig.HostAccountConfig.PluginInput",
        "the ObjectId in the plugin input",
    );
    complains(
        &host("ObjectId=56d9b66c-d746-4f87-bd26-26760cfdca2e;SecretUri=http://v"),
        "ActiveDirectoryConfig.HostAccountConfig.PluginInput",
        "https",
    );
}

#[test]
fn a_password_in_the_plugin_input_is_not_repeated() {
    let spec = with("/ActiveDirectoryConfig/HostAccountConfig/PluginInput", json!("contoso.com:gmsaccg:hunter2"));
    assert!(problems(&spec).iter().all(|(_, _, text)| !text.contains("hunter2")));
}

proptest! {
    #[test]
    fn any_value_in_any_place_is_read_or_refused(at in 0usize..14, value in prop_oneof![
        Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from), ".{0,30}".prop_map(Value::from),
        Just(json!([])), Just(json!({})), Just(json!([[{}]])),
    ]) {
        let places = [
            "", "/CmsPlugins", "/CmsPlugins/0", "/DomainJoinConfig", "/DomainJoinConfig/Sid", "/DomainJoinConfig/Guid", "/DomainJoinConfig/DnsName",
            "/DomainJoinConfig/NetBiosName", "/DomainJoinConfig/MachineAccountName", "/ActiveDirectoryConfig",
            "/ActiveDirectoryConfig/GroupManagedServiceAccounts/0", "/ActiveDirectoryConfig/GroupManagedServiceAccounts/1/Scope",
            "/ActiveDirectoryConfig/HostAccountConfig", "/ActiveDirectoryConfig/HostAccountConfig/PluginInput",
        ];
        let report = check(with(places[at], value).to_string().as_bytes()).unwrap();
        if report.is_usable() {
            let spec = report.into_spec().unwrap();
            prop_assert_eq!(CredentialSpec::parse(spec.to_json().as_bytes()).unwrap(), spec);
        }
    }
}

/// Amazon ECS reads the secret itself and brings what it found, so its specs must be understood though nobody here asks for the secret.
#[test]
fn what_amazon_ecs_writes_is_understood_and_written_back_as_it_was() {
    let host = "/ActiveDirectoryConfig/HostAccountConfig";
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webapp01-x";
    let ecs = |input: Value| {
        let guid = "{859E1386-BDB4-49E8-85C7-3070B13920E1}";
        with(host, json!({ "PortableCcgVersion": "1", "PluginGUID": guid, "PluginInput": input }))
    };
    let spec = ecs(json!({ "CredentialArn": arn }));
    assert_eq!(problems(&spec), vec![]);
    let parsed = CredentialSpec::parse(spec.to_string().as_bytes()).unwrap();
    let written: Value = serde_json::from_str(&parsed.to_json()).unwrap();
    assert_eq!(written.pointer(host).unwrap()["PluginInput"], json!({ "CredentialArn": arn }));
    assert!(matches!(parsed.to_kubernetes("webapp01"), Err(SpecError::ObjectInput)));
    for bad in [json!({}), json!({ "CredentialArn": 1 }), json!({ "CredentialArn": arn, "x": 1 }), json!({ "x": arn })]
    {
        complains(&ecs(bad), "ActiveDirectoryConfig.HostAccountConfig.PluginInput", "neither the name of a secret");
    }
    let elsewhere = with("/ActiveDirectoryConfig/HostAccountConfig/PluginInput", json!({ "CredentialArn": arn }));
    complains(&elsewhere, "ActiveDirectoryConfig.HostAccountConfig.PluginInput", "only Amazon ECS");
}
