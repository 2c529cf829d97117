//! `pando gmsa list` and `show`.

use client::ldap::{Entry, Search};
use comfy_table::{Table, presets};
use gkdi::KeyEnvelope;
use serde_json::{Value, json};

use super::membership::Membership;
use super::{CLASS, READERS, account};
use crate::cli::{GmsaList, GmsaShow};
use crate::commands::Failed;
use crate::commands::administrator::Administration;
use crate::commands::kds::readable;
use crate::terminal;

const SHOWN: [&str; 8] = [
    "sAMAccountName",
    "dNSHostName",
    "msDS-ManagedPasswordInterval",
    "msDS-ManagedPasswordId",
    "msDS-KeyVersionNumber",
    "servicePrincipalName",
    "userAccountControl",
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
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["ACCOUNT", "DAYS", "PASSWORD SINCE", "MAY RETRIEVE IT"]);
    for account in &accounts {
        table.add_row(
            ["account", "interval_days", "password_since", "may_retrieve"].map(|field| plain(&account[field])),
        );
    }
    terminal::say(table);
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
    terminal::say(table);
    Ok(())
}

async fn describe(administration: &mut Administration, entry: &Entry) -> Result<Value, Failed> {
    let number = |name| entry.text(name).and_then(|text| text.parse::<i64>().ok());
    let envelope = entry.first("msDS-ManagedPasswordId").and_then(|bytes| KeyEnvelope::decode(bytes).ok());
    let membership = Membership::parse(entry.first(READERS))?;
    let mut readers = Vec::new();
    for reader in membership.readers() {
        readers.push(administration.name_of(&reader).await?);
    }
    let spns: Vec<_> = entry.values("servicePrincipalName").iter().map(|spn| String::from_utf8_lossy(spn)).collect();
    Ok(json!({
        "account": entry.text("sAMAccountName"),
        "dn": entry.dn,
        "dns_host_name": entry.text("dNSHostName"),
        "enabled": number("userAccountControl").map(|control| control & 2 == 0),
        "interval_days": number("msDS-ManagedPasswordInterval"),
        "password_since": envelope.as_ref().map(|envelope| readable(envelope.slot.start())),
        "root_key": envelope.as_ref().map(|envelope| envelope.root_key.to_string()),
        "key_version": number("msDS-KeyVersionNumber"),
        "service_principal_names": spns,
        "may_retrieve": readers,
    }))
}

/// The names of all who may retrieve the password.
pub async fn names(administration: &mut Administration, membership: &Membership) -> Result<String, Failed> {
    let mut names = Vec::new();
    for reader in membership.readers() {
        names.push(administration.name_of(&reader).await?);
    }
    Ok(if names.is_empty() { "nobody".to_owned() } else { names.join(", ") })
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
