//! `pando credspec new` and `pando credspec check`.

use super::Failed;
use super::administrator::Administration;
use crate::cli::{CredspecCheck, CredspecNew, PluginName};
use crate::{progress, terminal};
use ccg::domain_facts;
use credspec::{AccountName, CredentialSpec, HostAccountConfig, RkcInput};
use std::process::ExitCode;

pub async fn new(args: CredspecNew) -> Result<ExitCode, Failed> {
    let accounts: Vec<AccountName> = args.account.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let host = match (args.plugin, &args.plugin_input) {
        (Some(PluginName::Rkc), Some(input)) => Some(HostAccountConfig::rkc(&input.parse::<RkcInput>()?)),
        _ => None,
    };
    let _progress = progress::start("asking the directory about its domain");
    let mut connection = Administration::begin(&args.administrator).await?.connection;
    let facts = domain_facts(&mut connection).await?;
    connection.unbind().await;
    let spec = CredentialSpec::generate(&facts, &accounts, host)?;
    match &args.out {
        None => terminal::say(spec.to_json().trim_end()),
        Some(path) => std::fs::write(path, spec.to_json())
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints every problem; succeeds when the spec can be used.
pub fn check(args: &CredspecCheck) -> ExitCode {
    let name = args.file.display();
    let report = match std::fs::read(&args.file).map_err(Failed::from).and_then(|bytes| Ok(credspec::check(&bytes)?)) {
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
