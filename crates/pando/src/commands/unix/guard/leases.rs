//! `pando guard add`, `leases` and `release`: asking a running guard.

use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::{Table, presets};
use dtyp::FileTime;
use guardd::Caller;
use guardd::message::own::{AddRequest, Lease, Owner, Process};

use crate::cli::{GuardAdd, GuardLeases, GuardRelease};
use crate::commands::{Failed, credspec};
use crate::{progress, terminal};

pub async fn add(args: GuardAdd) -> Result<ExitCode, Failed> {
    // In any form; the guard takes the JSON.
    let read = |path: &PathBuf| Ok::<_, Failed>(String::from_utf8(credspec::read(path)?.json)?);
    let request = AddRequest {
        credspecs: args.credspec.iter().map(read).collect::<Result<_, _>>()?,
        lease_id: String::new(),
        owner: args.uid.zip(args.gid).map(|(uid, gid)| Owner { uid, gid }),
        keytab: args.keytab,
        service_principals: args.spn,
        process: args.process.map(process).transpose()?,
    };
    let guard = Caller::connect(&args.socket).await?;
    let added = {
        let _progress = progress::start("waiting for the guard".to_owned());
        guard.add(request).await?
    };
    if args.json {
        terminal::say(serde_json::json!({ "lease": added.lease_id, "folders": added.folders }));
        return Ok(ExitCode::SUCCESS);
    }
    terminal::say(format_args!("Lease {}", added.lease_id));
    for folder in &added.folders {
        terminal::say(format_args!("  KRB5CCNAME=FILE:{folder}/{}", ccg::Folder::CCACHE));
    }
    Ok(ExitCode::SUCCESS)
}

fn process(pid: i32) -> Result<Process, String> {
    let found = ccg::Process::of(pid).map_err(|error| format!("the process {pid} is not seen: {error}"))?;
    Ok(found.into())
}

pub async fn list(args: GuardLeases) -> Result<ExitCode, Failed> {
    let leases = Caller::connect(&args.socket).await?.list().await?;
    if args.json {
        terminal::say(serde_json::Value::from(leases.iter().map(json).collect::<Vec<_>>()));
    } else if leases.is_empty() {
        terminal::say("There are no leases.");
    } else {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["LEASE", "ACCOUNTS", "FOR", "TICKETS UNTIL", "RENEWALS"]);
        for lease in &leases {
            let user = lease.owner.map_or(0, |owner| owner.uid);
            let whom = if lease.pod.is_empty() { format!("uid {user}") } else { format!("pod {}", lease.pod) };
            let accounts = lease.accounts.join("\n");
            table.add_row([lease.lease_id.clone(), accounts, whom, readable(&time(lease.ends)), renewals(lease)]);
        }
        terminal::table(&table);
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn release(args: GuardRelease) -> Result<ExitCode, Failed> {
    Caller::connect(&args.socket).await?.release(&args.lease).await?;
    terminal::say(format_args!("The lease {} is released and its files are removed.", args.lease));
    Ok(ExitCode::SUCCESS)
}

fn renewals(lease: &Lease) -> String {
    match (lease.renewed_by_guard, lease.failures) {
        (_, failures @ 1..) => format!("{failures} failed: {}", terminal::plain(&lease.error)),
        (true, 0) => "in order".to_owned(),
        (false, 0) => "by whoever asked".to_owned(),
    }
}

fn json(lease: &Lease) -> serde_json::Value {
    serde_json::json!({
        "lease": lease.lease_id,
        "accounts": lease.accounts,
        "folder": lease.folder,
        "uid": lease.owner.map(|owner| owner.uid),
        "gid": lease.owner.map(|owner| owner.gid),
        "pod": (!lease.pod.is_empty()).then_some(&lease.pod),
        "pid": (lease.pid != 0).then_some(lease.pid),
        "asked_by_uid": lease.asked_by_uid,
        "fetched": time(lease.fetched),
        "ends": time(lease.ends),
        "failures": lease.failures,
        "error": (!lease.error.is_empty()).then_some(&lease.error),
        "renewed_by_guard": lease.renewed_by_guard,
    })
}

/// `2026-11-28 16:25:27 UTC` for `20261128162527.0Z`.
fn readable(time: &str) -> String {
    let part = |from, to| time.get(from..to).unwrap_or_default();
    let [year, month, day] = [part(0, 4), part(4, 6), part(6, 8)];
    format!("{year}-{month}-{day} {}:{}:{} UTC", part(8, 10), part(10, 12), part(12, 14))
}

fn time(seconds: i64) -> String {
    FileTime::from_unix(seconds, 0).generalized()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_times_with_marks_between() {
        assert_eq!(readable(&time(1_795_883_127)), "2026-11-28 16:25:27 UTC");
    }
}
