//! `pando credspec`.

use std::path::Path;
use std::process::ExitCode;

#[cfg(unix)]
use ccg::domain_facts;
#[cfg(unix)]
use client::ldap::Search;
use comfy_table::{ContentArrangement, Table, presets};
use credspec::{AccountName, CredentialSpec, Document, Form, KnownPlugin};
#[cfg(unix)]
use credspec::{DnsName, HostAccountConfig, NetBiosName, PluginInput};
#[cfg(unix)]
use dtyp::Guid;
use serde_json::json;

use super::Failed;
#[cfg(unix)]
use super::administrator::Administration;
#[cfg(unix)]
use crate::cli::CredspecNew;
use crate::cli::{CredspecCheck, CredspecConvert, CredspecForm, CredspecShow};
#[cfg(unix)]
use crate::progress;
use crate::terminal;

#[cfg(unix)]
pub async fn new(args: CredspecNew) -> Result<ExitCode, Failed> {
    let accounts: Vec<AccountName> = args.account.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let also = args.also.iter().map(|text| foreign(text)).collect::<Result<Vec<_>, _>>()?;
    let host = match (&args.plugin, &args.plugin_input) {
        (Some(plugin), Some(input)) => Some(host(plugin, input)?),
        _ => None,
    };
    let _progress = progress::start("asking the directory about its domain");
    let mut administration = Administration::begin(&args.administrator).await?;
    let facts = domain_facts(&mut administration.connection).await?;
    for account in &accounts {
        if !is_there(&mut administration, account).await? {
            let (account, domain) = (account.sam_account_name(), &facts.dns_name);
            terminal::note(format_args!("There is no gMSA {account} in {domain} yet, or you may not see it"));
        }
    }
    administration.connection.unbind().await;
    let spec = CredentialSpec::generate(&facts, &accounts, host)?;
    let spec = also.into_iter().fold(spec, |spec, (name, dns, net_bios)| spec.with_foreign(&name, &dns, &net_bios));
    write(args.out.as_deref(), &formed(&spec, args.form, args.name.as_deref(), false)?)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(unix)]
/// A spec may be written before its account is made, but more often its name is mistyped.
async fn is_there(administration: &mut Administration, account: &AccountName) -> Result<bool, Failed> {
    let name = Search::escape(account.sam_account_name().as_bytes());
    let filter = format!("(&(objectClass=msDS-GroupManagedServiceAccount)(sAMAccountName={name}))");
    let search = Search::subtree(&administration.base, &filter, &["cn"]);
    Ok(!administration.connection.search(&search).await?.is_empty())
}

#[cfg(unix)]
/// The plugin by its name or its class, told something that it understands, as far as that is known.
fn host(plugin: &str, input: &str) -> Result<HostAccountConfig, Failed> {
    let names = || KnownPlugin::ALL.map(KnownPlugin::name).join(", ");
    let clsid = match KnownPlugin::named(plugin) {
        Some(known) => known.clsid(),
        None => plugin.parse::<Guid>().map_err(|_| format!("{plugin:?} is no plugin: say {} or a GUID", names()))?,
    };
    let input = KnownPlugin::of(clsid).map_or_else(|| Ok(PluginInput::new(input)), |known| known.input(input))?;
    Ok(HostAccountConfig::new(clsid, input))
}

#[cfg(unix)]
/// `webapp02@fabrikam.com/FABRIKAM`: an account of another domain, by that domain's two names.
fn foreign(text: &str) -> Result<(AccountName, DnsName, NetBiosName), Failed> {
    let parts = text.split_once('@').and_then(|(name, domain)| Some((name, domain.split_once('/')?)));
    let (name, (dns, net_bios)) = parts.ok_or_else(|| format!("{text:?} is not ACCOUNT@DNS-NAME/NETBIOS-NAME"))?;
    Ok((name.parse()?, dns.parse()?, net_bios.parse()?))
}

/// Prints every problem; succeeds when the spec can be used.
pub fn check(args: &CredspecCheck) -> ExitCode {
    let name = args.file.display();
    let report = match read(&args.file).and_then(|document| Ok(credspec::check(&document.json)?)) {
        Ok(report) => report,
        Err(error) => return terminal::fail(&format!("checking {name}"), &*error),
    };
    for problem in &report.problems {
        terminal::say(problem);
    }
    if report.is_usable() {
        terminal::say(format_args!("{name} can be used"));
        ExitCode::SUCCESS
    } else {
        terminal::say(format_args!("{name} cannot be used as it is"));
        ExitCode::FAILURE
    }
}

pub fn convert(args: &CredspecConvert) -> Result<ExitCode, Failed> {
    let document = read(&args.file)?;
    let spec = parse(&args.file, &document)?;
    let name = args.name.as_deref().or(document.name.as_deref());
    write(args.out.as_deref(), &formed(&spec, args.to, name, args.json)?)?;
    Ok(ExitCode::SUCCESS)
}

pub fn show(args: &CredspecShow) -> Result<ExitCode, Failed> {
    let document = read(&args.file)?;
    let spec = parse(&args.file, &document)?;
    if args.json {
        terminal::say(serde_json::to_string_pretty(&shown(&spec, &document))?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for (key, value) in rows(&spec, &document) {
        table.add_row([key.to_owned(), value]);
    }
    terminal::table(&table);
    Ok(ExitCode::SUCCESS)
}

/// For machines.
fn shown(spec: &CredentialSpec, document: &Document) -> serde_json::Value {
    let domain = &spec.domain_join_config;
    let form = match document.form {
        Form::File => "file",
        Form::Docker => "docker",
        Form::Kubernetes => "kubernetes",
    };
    let foreign: Vec<_> = spec
        .foreign_accounts()
        .map(|account| json!({ "account": account.name.sam_account_name(), "domain": account.scope }))
        .collect();
    json!({
        "account": domain.machine_account_name.sam_account_name(),
        "further_accounts": further(spec),
        "foreign_accounts": foreign,
        "domain": domain.dns_name.as_str(),
        "net_bios_name": domain.net_bios_name.as_str(),
        "forest": domain.dns_tree_name.as_str(),
        "domain_sid": domain.sid.to_string(),
        "domain_guid": domain.guid.to_string(),
        "credentials_from": credentials(spec),
        "form": form,
        "name": document.name,
    })
}

fn further(spec: &CredentialSpec) -> Vec<String> {
    spec.accounts().into_iter().skip(1).map(AccountName::sam_account_name).collect()
}

fn rows(spec: &CredentialSpec, document: &Document) -> Vec<(&'static str, String)> {
    let domain = &spec.domain_join_config;
    let form = match (document.form, &document.name) {
        (Form::File, _) => "a file".to_owned(),
        (Form::Docker, _) => "an option of Docker".to_owned(),
        (Form::Kubernetes, Some(name)) => format!("the GMSACredentialSpec {name} of Kubernetes"),
        (Form::Kubernetes, None) => "a GMSACredentialSpec of Kubernetes without a name".to_owned(),
    };
    let names = |all: Vec<String>| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    let foreign = spec.foreign_accounts().map(|account| format!("{}$ of {}", account.name, account.scope)).collect();
    vec![
        ("The container is", domain.machine_account_name.sam_account_name()),
        ("Further accounts", names(further(spec))),
        ("Of other domains", names(foreign)),
        ("Domain", format!("{} ({}), in the forest {}", domain.dns_name, domain.net_bios_name, domain.dns_tree_name)),
        ("Domain's SID", domain.sid.to_string()),
        ("Domain's GUID", domain.guid.to_string()),
        ("Credentials from", credentials(spec)),
        ("Form", form),
    ]
}

/// What a plugin that we do not know is told may be a password: people do that.
fn credentials(spec: &CredentialSpec) -> String {
    let Some(config) = &spec.active_directory_config.host_account_config else {
        return "the host's own account: no plugin is named".to_owned();
    };
    let input = config.plugin_input.as_str();
    let Some(plugin) = KnownPlugin::of(config.plugin_guid) else {
        let (class, length) = (config.plugin_guid.braced(), input.chars().count());
        return format!("the plugin {class}, told {length} characters that are not shown: they may be a secret");
    };
    let store = match plugin {
        KnownPlugin::Rkc | KnownPlugin::File => "",
        KnownPlugin::Akv => " (Azure Key Vault)",
        KnownPlugin::Aws | KnownPlugin::Ecs => " (AWS Secrets Manager)",
        KnownPlugin::Vault => " (HashiCorp Vault, OpenBao)",
    };
    match plugin.describe(input) {
        Ok(understood) => format!("the plugin {}{store}: {understood}", plugin.name()),
        Err(error) => format!("the plugin {}, which will not understand its input: {error}", plugin.name()),
    }
}

fn formed(spec: &CredentialSpec, form: CredspecForm, name: Option<&str>, json: bool) -> Result<String, Failed> {
    let account = spec.domain_join_config.machine_account_name.as_str().to_ascii_lowercase();
    let name = name.unwrap_or(&account);
    Ok(match form {
        CredspecForm::File => spec.to_json(),
        CredspecForm::Docker => spec.to_docker() + "\n",
        CredspecForm::Kubernetes if json => spec.to_kubernetes_json(name)?,
        CredspecForm::Kubernetes => spec.to_kubernetes(name)?,
    })
}

fn read(path: &Path) -> Result<Document, Failed> {
    let bytes = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    credspec::read(&bytes).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn parse(path: &Path, document: &Document) -> Result<CredentialSpec, Failed> {
    CredentialSpec::parse(&document.json).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn write(out: Option<&Path>, text: &str) -> Result<(), Failed> {
    match out {
        None => terminal::say(text.trim_end()),
        Some(path) => {
            std::fs::write(path, text).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        }
    }
    Ok(())
}
