//! `pando credspec`.

use std::path::Path;
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use credspec::{AccountName, CredentialSpec, Document, Form, KnownPlugin};
use serde_json::json;

use super::Failed;
use crate::cli::{CredspecCheck, CredspecConvert, CredspecForm, CredspecShow};
use crate::terminal;

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

pub fn formed(spec: &CredentialSpec, form: CredspecForm, name: Option<&str>, json: bool) -> Result<String, Failed> {
    let account = spec.domain_join_config.machine_account_name.as_str().to_ascii_lowercase();
    let name = name.unwrap_or(&account);
    Ok(match form {
        CredspecForm::File => spec.to_json(),
        CredspecForm::Docker => spec.to_docker() + "\n",
        CredspecForm::Kubernetes if json => spec.to_kubernetes_json(name)?,
        CredspecForm::Kubernetes => spec.to_kubernetes(name)?,
    })
}

/// In any form.
pub fn read(path: &Path) -> Result<Document, Failed> {
    let bytes = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    credspec::read(&bytes).map_err(|error| format!("{}: {error}", path.display()).into())
}

pub fn parse(path: &Path, document: &Document) -> Result<CredentialSpec, Failed> {
    CredentialSpec::parse(&document.json).map_err(|error| format!("{}: {error}", path.display()).into())
}

pub fn write(out: Option<&Path>, text: &str) -> Result<(), Failed> {
    match out {
        None => terminal::say(text.trim_end()),
        Some(path) => {
            std::fs::write(path, text).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        }
    }
    Ok(())
}
