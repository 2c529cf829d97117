//! `pando domain`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Failed;
use super::dc::{backup, built_in_authority};
use super::password::password_of;
use crate::cli::{DomainCa, DomainRestore, DomainVerify, Provision};
use crate::{progress, terminal};
use directory::{CreateOptions, Environment, OpenOptions, provision};

pub fn provision(args: &Provision) -> Result<ExitCode, Failed> {
    if args.if_missing && args.data.join("directory.mdb").exists() {
        terminal::say(format_args!("there is a directory in {} already", args.data.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let _progress = progress::start(format!("creating the domain {}", args.domain));
    let first_label = args.domain.split('.').next().unwrap_or_default();
    let wanted = provision::Provision {
        domain: args.domain.clone(),
        netbios: args.netbios.clone().unwrap_or_else(|| first_label.to_ascii_uppercase()),
        dc_name: args.dc_name.clone(),
        admin_password: password_of(&args.admin_password_file)?,
        loopback: args.loopback,
        kds_root_key: args.kds_root_key,
    };
    let options = CreateOptions { open: options(args.key_file.as_deref()) };
    if args.if_missing {
        provision_whole(&args.data, |folder| {
            provision::provision_with(folder, &wanted, options, Environment::system())?;
            Ok(())
        })?;
    } else {
        provision::provision_with(&args.data, &wanted, options, Environment::system())?;
    }
    terminal::say(format_args!("{} is ready; start it with: pando dc run --data {}", args.domain, args.data.display()));
    Ok(ExitCode::SUCCESS)
}

/// Makes it beside its place and moves it there when it is whole, so that whoever was interrupted can simply begin again.
fn provision_whole(data: &Path, make: impl FnOnce(&Path) -> Result<(), Failed>) -> Result<(), Failed> {
    let unfinished = data.with_extension("unfinished");
    let failed =
        |doing: &str, path: &Path, error: std::io::Error| format!("cannot {doing} {}: {error}", path.display());
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(|error| failed("remove", &unfinished, error))?;
    }
    make(&unfinished)?;
    std::fs::rename(&unfinished, data).map_err(|error| failed("make", data, error))?;
    let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = std::fs::File::open(parent).and_then(|parent| parent.sync_all());
    Ok(synced.map_err(|error| failed("write", parent, error))?)
}

pub fn ca(args: &DomainCa) -> Result<ExitCode, Failed> {
    let path = built_in_authority(&args.data);
    let pem = std::fs::read_to_string(&path).map_err(|error| {
        let path = path.display();
        format!("{path} cannot be read: {error} (`pando dc run` makes it at its first start, unless it has --tls-cert)")
    })?;
    terminal::say(pem.trim_end());
    Ok(ExitCode::SUCCESS)
}

pub fn restore(args: &DomainRestore) -> Result<ExitCode, Failed> {
    let copy = newest(&args.backup)?;
    let _progress = progress::start(format!("restoring {}", copy.display()));
    directory::restore(&copy, &args.data, &options(args.key_file.as_deref()), Environment::system())?;
    terminal::say(format_args!(
        "the directory of {} is in {}; start it with: pando dc run --data {}",
        copy.display(),
        args.data.display(),
        args.data.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Restores into a folder that is thrown away: a backup is one when it has been restored.
pub fn verify(args: &DomainVerify) -> Result<ExitCode, Failed> {
    let copy = newest(&args.backup)?;
    if let Some(hours) = args.newer_than {
        let made = std::fs::metadata(&copy).and_then(|copy| copy.modified());
        let age = made.map_err(|error| format!("{} cannot be dated: {error}", copy.display()))?.elapsed();
        if age.unwrap_or_default() > std::time::Duration::from_secs(hours.saturating_mul(3_600)) {
            return Err(format!("the newest backup, {}, is older than {hours} hours", copy.display()).into());
        }
    }
    let place = match &args.scratch {
        Some(folder) => tempfile::TempDir::new_in(folder),
        None => tempfile::TempDir::new(),
    };
    let place = place.map_err(|error| format!("no folder to restore into can be made: {error}"))?;
    let _progress = progress::start(format!("verifying {}", copy.display()));
    let folder = place.path().join("restored");
    directory::restore(&copy, &folder, &options(Some(&args.key_file)), Environment::system())?;
    terminal::say(format_args!("{} can be restored with this key, and agrees with itself", copy.display()));
    Ok(ExitCode::SUCCESS)
}

fn options(key_file: Option<&Path>) -> OpenOptions {
    OpenOptions { key_file: key_file.map(Path::to_owned), ..OpenOptions::default() }
}

/// A backup itself, or the newest one in a folder of them.
fn newest(backup: &Path) -> Result<PathBuf, Failed> {
    if !backup.is_dir() {
        return Ok(backup.to_owned());
    }
    let newest = backup::list(backup)?.pop();
    Ok(newest.ok_or_else(|| format!("there is no backup in {}", backup.display()))?)
}
