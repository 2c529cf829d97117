//! From the credential spec to the gMSA's ticket: the guard's own way, without writing anything.

use ccg::plugins::Rkc;
use ccg::{Cause, Guard, GuardError, Link, Step};
use client::root_keys::RootKeys;
use client::{Domain, gmsa};
use credspec::{CredentialSpec, RKC_CLSID};
use dtyp::{Clock, FileTime};
use std::path::Path;
use std::time::Duration;

use super::finding::Findings;
use super::kds::{self, Asked};
use crate::terminal;

/// Certificates that end sooner should have been renewed by now: a provider does so at two thirds of their life.
const SOON: Duration = Duration::from_secs(3600);
/// The links that the guard reports, but for the first two, which have been looked at, and the last, which writes.
const STEPS: [Step; 6] =
    [Step::Plugin, Step::ImpersonationLogon, Step::Directory, Step::Domain, Step::Password, Step::GmsaLogon];

/// Follows the chain to its end.
pub async fn follow(spec: &CredentialSpec, domain: &Domain, guard: &Guard, findings: &mut Findings) {
    let fetched = guard.fetch(spec, domain).await;
    // Before it breaks at the release of the password, nothing is known of what that is derived from.
    let asked = match &fetched {
        Ok(_) => Some(Asked::Released),
        Err(error) => match error.step {
            Step::Password => Some(Asked::of(&error.cause)),
            Step::GmsaLogon => Some(Asked::Released),
            _ => None,
        },
    };
    let seen = match &asked {
        Some(_) => guard.root_keys(spec, domain).await.ok(),
        None => None,
    };
    let keys = asked.zip(seen).map(|(asked, seen)| Keys {
        account: spec.domain_join_config.machine_account_name.sam_account_name(),
        seen,
        asked,
        now: guard.options().kerberos.clock.now(),
    });
    match &fetched {
        Ok(identity) => report(&identity.links, None, keys.as_ref(), findings),
        Err(error) => report(&error.links, Some(error), keys.as_ref(), findings),
    }
}

/// What is known of the root keys.
struct Keys<'a> {
    account: String,
    seen: RootKeys,
    asked: Asked<'a>,
    now: FileTime,
}

/// Says of the links that they were not reached.
pub fn skip(findings: &mut Findings) {
    for step in STEPS {
        if step == Step::Password {
            findings.not_reached(kds::LINK);
        }
        findings.not_reached(step.title());
    }
}

fn report(links: &[Link], error: Option<&GuardError>, keys: Option<&Keys<'_>>, findings: &mut Findings) {
    for step in STEPS {
        if step == Step::Password {
            match keys {
                Some(Keys { account, seen, asked, now }) if kds::judge(account, seen, asked, *now, findings) => {
                    findings.not_reached(step.title());
                    continue;
                }
                Some(_) => {}
                None => findings.not_reached(kds::LINK),
            }
        }
        for link in links.iter().filter(|link| link.step == step) {
            findings
                .holds(step.title(), format!("{} -> {} ({:.1} ms)", link.who, link.to, link.took.as_secs_f64() * 1e3));
        }
        match error {
            Some(error) if error.step == step => {
                findings.broken(step.title(), error.cause.to_string(), fix(error));
            }
            Some(error) if error.step < step => findings.not_reached(step.title()),
            _ => {}
        }
    }
    // What breaks before them all has no line of its own.
    if let Some(error) = error.filter(|error| !STEPS.contains(&error.step)) {
        findings.broken(error.step.title(), error.cause.to_string(), fix(error));
    }
}

fn fix(error: &GuardError) -> Option<String> {
    match error.cause.as_ref() {
        Cause::Gmsa(gmsa::Error::NotAllowed { .. }) => {
            Some("as an administrator, run `pando gmsa explain ACCOUNT PRINCIPAL`, then `pando gmsa allow`".to_owned())
        }
        _ => error.fix().map(str::to_owned),
    }
}

/// The certificates that stand between the plugin `rkc` and its provider.
pub fn certificates(spec: &CredentialSpec, host_dir: &Path, clock: &dyn Clock, findings: &mut Findings) {
    let config = spec.active_directory_config.host_account_config.as_ref();
    let Some(config) = config.filter(|config| config.plugin_guid == RKC_CLSID) else { return };
    const LINK: &str = "the provider's certificates";
    let all = match Rkc::new(host_dir).certificates(config.plugin_input.as_str()) {
        Ok(all) => all,
        Err(error) => {
            findings.broken(
                LINK,
                error.to_string(),
                Some("run the account provider of that namespace on this host".to_owned()),
            );
            return;
        }
    };
    let now = clock.now();
    for (what, ends) in all {
        let seen = format!("{what} is valid until {}", terminal::time(ends));
        let renew = "see that the account provider runs: it renews its certificates by itself";
        match ends.since(now) {
            left if left.is_zero() => {
                findings.broken(LINK, format!("{what} has ended at {}", terminal::time(ends)), Some(renew.to_owned()));
            }
            left if left < SOON => findings.warning(LINK, seen, renew),
            _ => findings.holds(LINK, seen),
        }
    }
}
