//! `pando gmsa list` and `show`.

use client::ldap::{Entry, Search};
use comfy_table::{Table, presets};
use gkdi::KeyEnvelope;
use serde_json::{Value, json};

use super::membership::Membership;
use super::set::DELEGATES;
use super::{CLASS, READERS, account};
use crate::cli::{GmsaList, GmsaShow};
use crate::commands::Failed;
use crate::commands::unix::administrator::Administration;
use crate::terminal;

const SHOWN: [&str; 10] = [
    "sAMAccountName",
    "dNSHostName",
    "msDS-ManagedPasswordInterval",
    "msDS-ManagedPasswordId",
    "msDS-KeyVersionNumber",
    "servicePrincipalName",
    "userAccountControl",
    "msDS-SupportedEncryptionTypes",
    DELEGATES,
    READERS,
];

pub async fn list(args: &GmsaList) -> Result<(), Failed> {
    let mut administration = Administration::begin(&args.administrator).await?;
    let search = Search::subtree(&administration.base, &format!("(objectClass={CLASS})"), &SHOWN).paged(500);
    let mut accounts = Vec::new();
    for entry in administration.connection.search(&search).await? {
        accounts.push(describe(&mut administration, &entry).await?);
    }
    if args.json {
        terminal::say(serde_json::to_string_pretty(&accounts)?);
        return Ok(());
    }
    if accounts.is_empty() {
        terminal::say("There are no gMSAs, or you may not see them: make one with pando gmsa create");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["ACCOUNT", "DAYS", "PASSWORD SINCE", "MAY RETRIEVE IT"]);
    for account in &accounts {
        table.add_row(
            ["account", "interval_days", "password_since", "may_retrieve"].map(|field| plain(&account[field])),
        );
    }
    terminal::table(&table);
    Ok(())
}

pub async fn one(args: &GmsaShow) -> Result<(), Failed> {
    let mut administration = Administration::begin(&args.gmsa.administrator).await?;
    let entry = account(&mut administration, &args.gmsa.name, &SHOWN).await?;
    let described = describe(&mut administration, &entry).await?;
    if args.json {
        terminal::say(serde_json::to_string_pretty(&described)?);
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (field, value) in described.as_object().into_iter().flatten() {
        table.add_row([field.replace('_', " "), plain(value)]);
    }
    terminal::table(&table);
    Ok(())
}

async fn describe(administration: &mut Administration, entry: &Entry) -> Result<Value, Failed> {
    let number = |name| entry.text(name).and_then(|text| text.parse::<i64>().ok());
    let envelope = entry.first("msDS-ManagedPasswordId").and_then(|bytes| KeyEnvelope::decode(bytes).ok());
    let readers = named(administration, &Membership::parse(entry.first(READERS))?).await?;
    let delegates = named(administration, &Membership::parse(entry.first(DELEGATES))?).await?;
    let kinds = number("msDS-SupportedEncryptionTypes").unwrap_or(0);
    let kinds: Vec<_> = [(0x4, "rc4"), (0x8, "aes128"), (0x10, "aes256")]
        .into_iter()
        .filter(|(bit, _)| kinds & bit != 0)
        .map(|(_, name)| name)
        .collect();
    let spns: Vec<_> = entry.values("servicePrincipalName").iter().map(|spn| String::from_utf8_lossy(spn)).collect();
    Ok(json!({
        "account": entry.text("sAMAccountName"),
        "dn": entry.dn,
        "dns_host_name": entry.text("dNSHostName"),
        "enabled": number("userAccountControl").map(|control| control & 2 == 0),
        "interval_days": number("msDS-ManagedPasswordInterval"),
        "password_since": envelope.as_ref().map(|envelope| terminal::time(envelope.slot.start())),
        "root_key": envelope.as_ref().map(|envelope| envelope.root_key.to_string()),
        "key_version": number("msDS-KeyVersionNumber"),
        "service_principal_names": spns,
        "encryption_types": kinds,
        "may_retrieve": readers,
        "may_delegate": delegates,
    }))
}

/// The names of all who may retrieve the password.
pub async fn names(administration: &mut Administration, membership: &Membership) -> Result<String, Failed> {
    let names = named(administration, membership).await?;
    Ok(if names.is_empty() { "nobody".to_owned() } else { names.join(", ") })
}

async fn named(administration: &mut Administration, membership: &Membership) -> Result<Vec<String>, Failed> {
    let mut names = Vec::new();
    for reader in membership.readers() {
        names.push(administration.name_of(&reader).await?);
    }
    Ok(names)
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
