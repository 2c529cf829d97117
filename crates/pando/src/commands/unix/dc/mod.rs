//! `pando dc run`.

pub mod backup;
mod certificate;
mod health;

use super::limits::allow_many_files;
use super::{Failed, announce, stopped};
use crate::cli::DcRun;
use crate::terminal;
use certificate::Source;
use directory::{Directory, Environment, OpenOptions};
use pki::{Authority, ClientAuth, Purpose, Rotating, Validity};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

pub async fn run(args: DcRun) -> Result<ExitCode, Failed> {
    let options = OpenOptions { key_file: args.key_file.clone(), ..OpenOptions::default() };
    let directory = Directory::open(&args.data, options, Environment::system())?;
    allow_many_files();
    let (source, ca) = source(&args, &directory)?;
    let clock = Arc::clone(&directory.environment().clock);
    let identity = source.identity(&*clock)?;
    let rotating = Rotating::new(&identity)?;
    let tls = pki::server_config(&rotating, ClientAuth::None)?;
    let config = dc::Config {
        ldap: args.ldap.clone(),
        ldaps: args.ldaps.clone(),
        kerberos: args.kerberos.clone(),
        tls: Some(tls),
        allow_cleartext_bind: args.allow_cleartext_bind,
        ..dc::Config::default()
    };
    let health = Arc::new(health::Health::default());
    let probes = match args.probes {
        Some(address) => Some(health::listen(address).await?),
        None => None,
    };
    let running = dc::run(directory.clone(), config, stopped()).await?;
    health.serves();
    let first = |addresses: &[std::net::SocketAddr]| addresses.first().map(ToString::to_string);
    let ready = serde_json::json!({
        "ldap": first(&running.ldap),
        "ldaps": first(&running.ldaps),
        "kerberos": first(&running.kerberos),
        "probes": probes.as_ref().map(|listener| listener.address().to_string()),
        "ca": ca,
    });
    announce(args.ready_file.as_deref(), &ready)?;
    let shown = |addresses: &[std::net::SocketAddr]| {
        let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        if texts.is_empty() { "nowhere".to_owned() } else { texts.join(", ") }
    };
    terminal::note(format_args!(
        "the domain controller answers; LDAP: {}, LDAPS: {}, Kerberos: {}; Ctrl-C stops it",
        shown(&running.ldap),
        shown(&running.ldaps),
        shown(&running.kerberos)
    ));
    tokio::spawn(certificate::keep(source, identity, rotating, clock));
    // Both hold the directory, which closes when the last one has gone: they end before this returns.
    let mut others = tokio::task::JoinSet::new();
    if let Some(listener) = probes {
        others.spawn(health::serve(listener, directory.clone(), Arc::clone(&health)));
    }
    if let Some(folder) = &args.backup_dir {
        let (every, keep) = (Duration::from_secs(args.backup_every), args.backup_keep);
        let backups = backup::Backups { folder: folder.clone(), every, keep };
        others.spawn(backups.keep_making(directory.clone(), health));
    }
    running.finished().await;
    others.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// The file with the certificate of the authority in this folder, for who copies it to clients.
fn authority_certificate(folder: &Path) -> PathBuf {
    folder.join("domain-controller.pem")
}

/// The same, of the authority in a data folder.
pub(super) fn built_in_authority(data: &Path) -> PathBuf {
    authority_certificate(&data.join("ca"))
}

/// Where the certificate to show comes from: the files given, or the authority in the data folder, which is named with it.
fn source(args: &DcRun, directory: &Directory) -> Result<(Source, Option<PathBuf>), Failed> {
    if let (Some(chain), Some(key)) = (&args.tls_cert, &args.tls_key) {
        return Ok((Source::Files { chain: chain.clone(), key: key.clone() }, None));
    }
    let folder = std::path::absolute(args.data.join("ca"))?;
    let clock = &*directory.environment().clock;
    let authority = Authority::load_or_create(&folder, "domain controller", Validity::YEARS_10, clock)?;
    let certificate = authority_certificate(&folder);
    pki::file::write(&certificate, authority.certificate_pem().as_bytes(), pki::file::Readers::Everyone)?;
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(host_name(directory)?);
    // OpenLDAP's clients take `localhost` for the machine's own name.
    names.extend(std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned()));
    names.retain(|name| !name.is_empty());
    let source = Source::Authority { authority: Box::new(authority), purpose: Purpose::server(names) };
    Ok((source, Some(certificate)))
}

/// The domain controller's own name, as its account has it.
fn host_name(directory: &Directory) -> Result<Option<String>, Failed> {
    let view = directory.read()?;
    let Some(attribute) = view.schema().attribute("dNSHostName") else { return Ok(None) };
    let Some(control) = view.schema().attribute("userAccountControl") else { return Ok(None) };
    for dnt in view.find(control.id, b"532480")? {
        if let Some(name) = view.object(dnt)?.and_then(|object| object.text(attribute.id).map(str::to_owned)) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
