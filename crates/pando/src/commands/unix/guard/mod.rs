//! `pando guard`: what comes of a credential spec. Here `fetch`; the others beside it.

mod disk;
mod exec;
mod hook;
mod leases;
mod pods;
mod prepare;
mod run;
mod scratch;
mod source;

use super::Failed;
use crate::cli::GuardFetch;
use crate::{progress, terminal};
use ccg::{Guard, GuardError, Link};
use client::Domain;
use credspec::CredentialSpec;
use std::process::ExitCode;

pub use exec::exec;
pub use hook::hook;
pub use leases::{add, list, release};
pub use prepare::prepare;
pub use run::run;
pub use source::Source;

pub async fn fetch(args: GuardFetch) -> Result<ExitCode, Failed> {
    let Source { spec, domain, guard } = Source::read(&args.source)?;
    let _progress = progress::start(format!("fetching the identity of {}", args.source.credspec.display()));
    match follow(&guard, &spec, &domain, &args).await {
        Ok((principal, links)) => {
            report(args.json, &links, None, Some(&principal));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            report(args.json, &error.links, Some(&error), None);
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn follow(
    guard: &Guard,
    spec: &CredentialSpec,
    domain: &Domain,
    args: &GuardFetch,
) -> Result<(String, Vec<Link>), GuardError> {
    let identity = guard.fetch(spec, domain).await?;
    let mut links = identity.links.clone();
    links.push(identity.write_ccache(&args.ccache)?);
    if let Some(keytab) = &args.keytab {
        links.push(identity.write_keytab(keytab, &[])?);
    }
    Ok((identity.default.principal(), links))
}

fn report(json: bool, links: &[Link], error: Option<&GuardError>, principal: Option<&str>) {
    if json {
        let links: Vec<_> = links.iter().map(link_json).collect();
        let mut answer = serde_json::json!({ "ok": error.is_none(), "links": links });
        if let Some(principal) = principal {
            answer["principal"] = principal.into();
        }
        if let Some(error) = error {
            answer["broken"] = error.step.title().into();
            answer["error"] = terminal::chain(error).into();
            answer["fix"] = error.fix().into();
        }
        terminal::say(answer);
        return;
    }
    links.iter().for_each(terminal::say);
    match (error, principal) {
        (Some(error), _) => {
            terminal::note(format_args!("pando: {}", terminal::chain(error)));
            if let Some(fix) = error.fix() {
                terminal::note(format_args!("       {fix}"));
            }
        }
        (None, Some(principal)) => terminal::say(format_args!("{principal} is ready")),
        (None, None) => {}
    }
}

fn link_json(link: &Link) -> serde_json::Value {
    serde_json::json!({
        "step": link.step.title(),
        "who": link.who,
        "to": link.to,
        "how": link.how,
        "authorised_by": link.authorised_by,
        "took_ms": link.took.as_secs_f64() * 1000.0,
    })
}
