//! `pando dc run`.

use super::{Failed, announce, stopped};
use crate::cli::DcRun;
use directory::{Directory, Environment, OpenOptions};
use pki::{Authority, ClientAuth, Identity, Purpose, Rotating, Validity};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

pub async fn run(args: DcRun) -> Result<ExitCode, Failed> {
    let directory = Directory::open(&args.data, OpenOptions::default(), Environment::system())?;
    let (tls, ca) = tls(&args, &directory)?;
    let config = dc::Config {
        ldap: args.ldap.clone(),
        ldaps: args.ldaps.clone(),
        kerberos: args.kerberos.clone(),
        tls: Some(tls),
        allow_cleartext_bind: args.allow_cleartext_bind,
        ..dc::Config::default()
    };
    let running = dc::run(directory, config, stopped()).await?;
    let first = |addresses: &[std::net::SocketAddr]| addresses.first().map(ToString::to_string);
    let ready = serde_json::json!({
        "ldap": first(&running.ldap),
        "ldaps": first(&running.ldaps),
        "kerberos": first(&running.kerberos),
        "ca": ca,
    });
    announce(args.ready_file.as_deref(), &ready)?;
    running.finished().await;
    Ok(ExitCode::SUCCESS)
}

/// The certificate to show: the one given, or one of the authority in the data folder, which is named with it.
fn tls(args: &DcRun, directory: &Directory) -> Result<(Arc<rustls::ServerConfig>, Option<PathBuf>), Failed> {
    let (identity, ca) = match (&args.tls_cert, &args.tls_key) {
        (Some(chain), Some(key)) => (Identity::load(chain, key)?, None),
        _ => {
            let folder = args.data.join("ca");
            let clock = &*directory.environment().clock;
            let authority = Authority::load_or_create(&folder, "domain controller", Validity::YEARS_10, clock)?;
            let certificate = folder.join("domain-controller.pem");
            pki::file::write(&certificate, authority.certificate_pem().as_bytes(), pki::file::Readers::Everyone)?;
            let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
            names.extend(host_name(directory)?);
            // OpenLDAP's clients take `localhost` for the machine's own name.
            names.extend(std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned()));
            names.retain(|name| !name.is_empty());
            (authority.issue(&Purpose::server(names), Validity::DAYS_90, clock)?, Some(certificate))
        }
    };
    Ok((pki::server_config(&Rotating::new(&identity)?, ClientAuth::None)?, ca))
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
