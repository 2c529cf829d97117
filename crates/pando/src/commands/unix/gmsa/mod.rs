//! `pando gmsa`: group managed service accounts, as an administrator keeps them. Over LDAPS, with any domain controller.

mod explain;
mod membership;
mod set;
mod show;
mod spn;

use std::process::ExitCode;

use client::ldap::{Entry, Modification, Search};
use credspec::AccountName;
use dtyp::Sid;

use super::Failed;
use super::administrator::{Administration, sid_of};
use crate::cli::{Gmsa, GmsaCreate, GmsaName, GmsaReaders, GmsaSpn};
use crate::{progress, terminal};
use membership::Membership;

/// RFC 4511 appendix A.2.
const ENTRY_ALREADY_EXISTS: u32 = 68;

/// Who may retrieve the password.
const READERS: &str = "msDS-GroupMSAMembership";
const CLASS: &str = "msDS-GroupManagedServiceAccount";
/// AES-128 and AES-256. MS-KILE 2.2.7.
const AES: &str = "24";

/// Runs a subcommand.
pub async fn run(command: Gmsa) -> Result<ExitCode, Failed> {
    let _progress = progress::start("asking the directory");
    match command {
        Gmsa::Create(args) => create(args).await?,
        Gmsa::List(args) => show::list(&args).await?,
        Gmsa::Show(args) => show::one(&args).await?,
        Gmsa::Allow(args) => change_readers(&args, Membership::allow).await?,
        Gmsa::Deny(args) => change_readers(&args, |membership, sid| membership.deny(&sid)).await?,
        Gmsa::Spn(GmsaSpn::Add(args)) => spn::add(&args).await?,
        Gmsa::Spn(GmsaSpn::Remove(args)) => spn::remove(&args).await?,
        Gmsa::Set(args) => set::run(&args).await?,
        Gmsa::Explain(args) => return explain::run(&args).await,
        Gmsa::Test(args) => return explain::test(&args).await,
        Gmsa::Retire(args) => retire(&args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(args: GmsaCreate) -> Result<(), Failed> {
    // What a credential spec could not name is refused before anything is asked.
    let name = bare(&args.name).parse::<AccountName>()?;
    let mut administration = Administration::begin(&args.administrator).await?;
    let mut membership = Membership::nobody();
    for reader in &args.allow {
        membership.allow(sid_of(&administration.principal(reader, &["objectSid"]).await?)?);
    }
    let host = args.dns_host_name.unwrap_or_else(|| format!("{name}.{}", administration.dns_name()));
    let text = |value: &str| vec![value.as_bytes().to_vec()];
    let mut attributes = vec![
        ("objectClass", text(CLASS)),
        ("sAMAccountName", text(&name.sam_account_name())),
        ("dNSHostName", text(&host)),
        ("msDS-ManagedPasswordInterval", text(&args.interval_days.to_string())),
        ("msDS-SupportedEncryptionTypes", text(AES)),
        (READERS, vec![membership.to_bytes()?]),
    ];
    if !args.spn.is_empty() {
        attributes.push(("servicePrincipalName", args.spn.iter().map(|spn| spn.as_bytes().to_vec()).collect()));
    }
    let container = args.container.unwrap_or_else(|| format!("CN=Managed Service Accounts,{}", administration.base));
    let dn = format!("CN={name},{container}");
    administration.connection.add(&dn, &attributes).await.map_err(|error| match error.code() {
        Some(ENTRY_ALREADY_EXISTS) => Failed::from(format!(
            "{dn} is there already: `pando gmsa show {name}` says what it is; allow, set and spn change it"
        )),
        _ => error.into(),
    })?;
    terminal::say(format_args!(
        "{dn} is ready. A container gets it with a credential spec: pando credspec new --account {name} …"
    ));
    Ok(())
}

async fn change_readers(args: &GmsaReaders, change: fn(&mut Membership, Sid) -> bool) -> Result<(), Failed> {
    let mut administration = Administration::begin(&args.gmsa.administrator).await?;
    let account = account(&mut administration, &args.gmsa.name, &[READERS]).await?;
    let mut membership = Membership::parse(account.first(READERS))?;
    let mut changed = false;
    for principal in &args.principals {
        changed |= change(&mut membership, sid_of(&administration.principal(principal, &["objectSid"]).await?)?);
    }
    if changed {
        let modification = Modification::replace(READERS, membership.to_bytes()?);
        administration.connection.modify(&account.dn, &[modification]).await?;
    }
    let readers = show::names(&mut administration, &membership).await?;
    let done = if changed { "now" } else { "as before" };
    terminal::say(format_args!("{}: {done} its password may be retrieved by {readers}", account.dn));
    Ok(())
}

async fn retire(args: &GmsaName) -> Result<(), Failed> {
    let mut administration = Administration::begin(&args.administrator).await?;
    let account = account(&mut administration, &args.name, &["sAMAccountName"]).await?;
    administration.connection.delete(&account.dn).await?;
    terminal::say(format_args!("{} is deleted; its tickets end within their lifetime", account.dn));
    Ok(())
}

/// A gMSA by name, with or without `$`.
async fn account(administration: &mut Administration, name: &str, attributes: &[&str]) -> Result<Entry, Failed> {
    let filter = format!("(&(objectClass={CLASS})(sAMAccountName={}$))", Search::escape(bare(name).as_bytes()));
    match administration.only(&filter, &format!("gMSA {}$", bare(name)), attributes).await {
        Ok(found) => Ok(found),
        Err(none) => Err(other_kind(administration, name).await.unwrap_or(none)),
    }
}

/// What has the name, if it is not a gMSA.
async fn other_kind(administration: &mut Administration, name: &str) -> Option<Failed> {
    let found = administration.principal(bare(name), &["objectClass", "sAMAccountName"]).await.ok()?;
    let is = |class: &str| found.values("objectClass").iter().any(|value| value.eq_ignore_ascii_case(class.as_bytes()));
    let kinds = [
        ("msDS-ManagedServiceAccount", "a standalone managed service account, whose password its computer sets"),
        ("msDS-DelegatedManagedServiceAccount", "a delegated managed service account, whose password nobody reads"),
        ("computer", "a computer"),
        ("user", "a user"),
        ("group", "a group"),
    ];
    let (_, kind) = kinds.into_iter().find(|(class, _)| is(class))?;
    Some(format!("{} is no gMSA, but {kind} ({})", found.text("sAMAccountName")?, found.dn).into())
}

fn bare(name: &str) -> &str {
    name.trim_end_matches('$')
}
