//! `pando doctor`: follows the whole chain from this machine, and says which link fails and what to do.
//!
//! It writes nothing, and says nothing of any secret.

mod chain;
mod finding;
mod kds;
mod network;

use std::path::Path;
use std::process::ExitCode;

use ccg::Guard;
use client::Domain;
use credspec::CredentialSpec;
use dtyp::SystemClock;

use crate::cli::Doctor;
use crate::commands::{self, Failed, Source};
use crate::progress;
use finding::Findings;

pub async fn run(args: Doctor) -> Result<ExitCode, Failed> {
    let mut findings = Findings::default();
    {
        let _progress = progress::start("examining the chain");
        examine(&args, &mut findings).await?;
    }
    if args.json {
        crate::terminal::say(findings.json());
    } else {
        findings.print();
    }
    Ok(if findings.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(args: &Doctor, findings: &mut Findings) -> Result<(), Failed> {
    let guard = Source::guard(&args.guard)?;
    match (&args.credspec, &args.domain) {
        (Some(path), _) => match spec(path, findings) {
            Some(spec) => whole(&spec, args, &guard, findings).await?,
            None => chain::skip(findings),
        },
        (None, Some(name)) => {
            let domain = Source::domain(Domain::new(name), &args.guard.domain)?;
            network::examine(&domain, &guard, findings).await;
        }
        (None, None) => return Err("name a credential spec with --credspec, or a domain with --domain".into()),
    }
    Ok(())
}

async fn whole(spec: &CredentialSpec, args: &Doctor, guard: &Guard, findings: &mut Findings) -> Result<(), Failed> {
    let domain = Domain::new(&spec.domain_join_config.dns_name.to_string());
    let domain = Source::domain(domain, &args.guard.domain)?;
    let reached = network::examine(&domain, guard, findings).await;
    chain::certificates(spec, &args.guard.host_dir, &SystemClock, findings);
    match reached {
        Some(domain) => chain::follow(spec, &domain, guard, findings).await,
        None => chain::skip(findings),
    }
    Ok(())
}

/// The credential spec, if it can be used.
fn spec(path: &Path, findings: &mut Findings) -> Option<CredentialSpec> {
    const LINK: &str = "the credential spec";
    let read = commands::credspec::read(path).map_err(|error| error.to_string());
    let checked = |document: credspec::Document| {
        credspec::check(&document.json).map_err(|error| format!("{}: {error}", path.display()))
    };
    let report = match read.and_then(checked) {
        Ok(report) => report,
        Err(what) => {
            findings.broken(LINK, what, None);
            return None;
        }
    };
    for problem in report.problems.iter().filter(|problem| problem.severity == credspec::Severity::Warning) {
        findings.warning(LINK, format!("{}: {}", problem.path, problem.what), &problem.fix);
    }
    match report.into_spec() {
        Ok(spec) => {
            let accounts: Vec<_> = spec.accounts().into_iter().map(credspec::AccountName::sam_account_name).collect();
            findings.holds(LINK, format!("{} of {}", accounts.join(", "), spec.domain_join_config.dns_name));
            Some(spec)
        }
        Err(error) => {
            findings.broken(
                LINK,
                error.to_string(),
                Some("`pando credspec new` writes one from what the directory knows".to_owned()),
            );
            None
        }
    }
}
