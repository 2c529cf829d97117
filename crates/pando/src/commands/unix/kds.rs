//! `pando kds`: the KDS root keys of a forest, over LDAPS.

use std::process::ExitCode;
use std::time::Duration;

use client::ldap::{Entry, Scope, Search};
use comfy_table::{Table, presets};
use dtyp::{Clock, FileTime, Guid, SystemClock, SystemRandom};
use gkdi::{KeyEnvelope, RootKey};
use serde_json::json;

use super::Failed;
use super::administrator::Administration;
use crate::cli::{Kds, KdsCreate, KdsList, KdsRetire};
use crate::{progress, terminal};

/// By when a key has reached every domain controller. What `Add-KdsRootKey` waits.
const CONVERGENCE: Duration = Duration::from_secs(10 * 3600);
const SHOWN: [&str; 4] = ["cn", "msKds-CreateTime", "msKds-UseStartTime", "msKds-DomainID"];

/// Runs a subcommand.
pub async fn run(command: Kds) -> Result<ExitCode, Failed> {
    let _progress = progress::start("asking the directory");
    match command {
        Kds::Create(args) => create(&args).await?,
        Kds::List(args) => list(&args).await?,
        Kds::Retire(args) => retire(&args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(args: &KdsCreate) -> Result<(), Failed> {
    let mut administration = Administration::begin(&args.administrator).await?;
    let container = container(&mut administration).await?;
    let controllers = "(userAccountControl:1.2.840.113556.1.4.803:=8192)";
    let controllers = Search::subtree(&administration.base, controllers, &["cn"]);
    let maker = administration.connection.search(&controllers).await?;
    let maker = maker.first().ok_or("the domain shows no domain controller")?.dn.clone();
    let now = SystemClock.now();
    let use_start = if args.immediately { now } else { now.saturating_add(CONVERGENCE) };
    let key = RootKey::generate(&SystemRandom, now, use_start);
    let mut attributes: Vec<(&str, Vec<Vec<u8>>)> =
        key.attributes().iter().map(|(name, value)| (*name, vec![value.to_vec()])).collect();
    attributes.push(("msKds-DomainID", vec![maker.into_bytes()]));
    let added = administration.connection.add(&format!("CN={},{container}", key.id), &attributes).await;
    // What was copied for the request is wiped; the key wipes itself.
    attributes.iter_mut().flat_map(|(_, values)| values).for_each(zeroize::Zeroize::zeroize);
    added?;
    let since = if args.immediately { "now".to_owned() } else { terminal::time(use_start) };
    terminal::say(format_args!("KDS root key {} is used from {since} on", key.id));
    Ok(())
}

async fn list(args: &KdsList) -> Result<(), Failed> {
    let mut administration = Administration::begin(&args.administrator).await?;
    let keys = keys(&mut administration).await?;
    let now = SystemClock.now();
    if args.json {
        let key = |key: &Key| {
            json!({ "id": key.id.to_string(), "created": terminal::time(key.created), "used_from": terminal::time(key.use_start),
                "effective": key.use_start <= now, "made_by": key.maker })
        };
        terminal::say(serde_json::to_string_pretty(&keys.iter().map(key).collect::<Vec<_>>())?);
        return Ok(());
    }
    if keys.is_empty() {
        terminal::say("There are no KDS root keys, or you may not see them: make one with pando kds create");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["ROOT KEY", "CREATED", "USED FROM", "EFFECTIVE", "MADE BY"]);
    for key in &keys {
        let effective = if key.use_start <= now { "yes" } else { "not yet" };
        let (created, from) = (terminal::time(key.created), terminal::time(key.use_start));
        table.add_row([key.id.to_string(), created, from, effective.to_owned(), key.maker.clone()]);
    }
    terminal::table(&table);
    Ok(())
}

async fn retire(args: &KdsRetire) -> Result<(), Failed> {
    let id: Guid = args.id.parse().map_err(|_| format!("{:?} is not the name of a root key", args.id))?;
    let mut administration = Administration::begin(&args.administrator).await?;
    let known = keys(&mut administration).await?;
    let key = known.iter().find(|key| key.id == id).ok_or_else(|| format!("there is no root key {id}"))?;
    let search = ["sAMAccountName", "msDS-ManagedPasswordId"];
    let search = Search::subtree(&administration.base, "(msDS-ManagedPasswordId=*)", &search).paged(500);
    let accounts = administration.connection.search(&search).await?;
    let uses = |entry: &&Entry| {
        let envelope = entry.first("msDS-ManagedPasswordId").and_then(|bytes| KeyEnvelope::decode(bytes).ok());
        envelope.is_some_and(|envelope| envelope.root_key == id)
    };
    let names: Vec<_> = accounts.iter().filter(uses).filter_map(|entry| entry.text("sAMAccountName")).collect();
    if !names.is_empty() && !args.force {
        return Err(format!(
            "the passwords of {} are derived from {id}: they cannot log on until their next password is due. Use --force to delete it \
             all the same",
            names.join(", ")
        )
        .into());
    }
    administration.connection.delete(&key.dn).await?;
    terminal::say(format_args!("KDS root key {id} is deleted"));
    let now = SystemClock.now();
    if !known.iter().any(|key| key.id != id && key.use_start <= now) {
        terminal::note("No root key is effective now, so no password can be derived: make one with pando kds create");
    }
    Ok(())
}

struct Key {
    dn: String,
    id: Guid,
    created: FileTime,
    use_start: FileTime,
    maker: String,
}

impl Key {
    fn of(entry: &Entry) -> Option<Self> {
        let time = |name| entry.text(name)?.parse().ok().map(FileTime);
        Some(Self {
            dn: entry.dn.clone(),
            id: entry.text("cn")?.parse().ok()?,
            created: time("msKds-CreateTime")?,
            use_start: time("msKds-UseStartTime")?,
            maker: entry.text("msKds-DomainID").unwrap_or("-").to_owned(),
        })
    }
}

/// The one made last first.
async fn keys(administration: &mut Administration) -> Result<Vec<Key>, Failed> {
    let container = container(administration).await?;
    let mut search = Search::subtree(&container, "(objectClass=msKds-ProvRootKey)", &SHOWN).paged(500);
    search.scope = Scope::OneLevel;
    let found = administration.connection.search(&search).await?;
    let mut keys: Vec<Key> = found.iter().filter_map(Key::of).collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.created));
    Ok(keys)
}

async fn container(administration: &mut Administration) -> Result<String, Failed> {
    let root = administration.connection.read("", &["configurationNamingContext"]).await?;
    let configuration = root.as_ref().and_then(|root| root.text("configurationNamingContext"));
    let configuration = configuration.ok_or("the server names no configuration: is it a domain controller?")?;
    Ok(format!("CN=Master Root Keys,CN=Group Key Distribution Service,CN=Services,{configuration}"))
}
