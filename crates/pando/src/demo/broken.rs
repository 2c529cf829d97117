//! Links broken on purpose: each must refuse, and say which it is and why.

use std::path::Path;
use std::time::Instant;

use client::PrincipalName;
use client::kerberos::{self, Options, Secret};
use client::ldap::{Connection, Limits, Sealing, Transport};
use dtyp::SystemClock;
use pki::{Authority, Purpose, Validity};

use super::azure::Azure;
use super::people::{BASE, DC_HOST, DOMAIN, GMSAS, IMPERSONATION, STRANGER};
use super::report::Link;
use super::stage::{Stage, wait};
use super::stations::{Guarded, NAMESPACE, SECRET, STRANGERS_SECRET, fetch, new_spec};
use crate::commands::Failed;

/// Station 6.
pub fn refusals(stage: &mut Stage, links: &mut Vec<Link>) -> Result<(), Failed> {
    links.push(match &stage.azure {
        Some(azure) => other_vault(stage, azure)?,
        None => other_authority(stage)?,
    });
    links.push(not_allowed(stage)?);
    links.push(unsealed(stage)?);
    links.push(other_gmsa(stage)?);
    Ok(())
}

/// The plugin shows a certificate for the right name, but of an authority that the provider does not know.
fn other_authority(stage: &Stage) -> Result<Link, Failed> {
    let forged = stage.path("host-with-forged-certificate");
    copy(&stage.path("host").join(NAMESPACE), &forged.join(NAMESPACE))?;
    let authority = Authority::create("not the account provider", Validity::DAY, &SystemClock)?;
    let client = authority.issue(&Purpose::client("rkc-plugin"), Validity::DAY, &SystemClock)?;
    let folder = forged.join(NAMESPACE).join("ssl/client");
    client.store(&folder.join("tls.crt"), &folder.join("tls.key"))?;

    let begun = Instant::now();
    let spec = stage.text(&format!("{}-{SECRET}.json", GMSAS[0]));
    let guarded = fetch(stage, &spec, &forged.display().to_string())?;
    let how = "mutual TLS with a client certificate from another authority";
    must_break(guarded, "the plugin", "the account provider", how, "the plugin and its secret source", begun)
}

/// Who answers for the vault has a certificate for its name, but from an authority that the guard's operator did not name.
fn other_vault(stage: &Stage, azure: &Azure) -> Result<Link, Failed> {
    let authority = Authority::create("not the vault's", Validity::DAY, &SystemClock)?;
    let ca = stage.write_secret("another-ca.pem", authority.certificate_pem())?;
    let plugins = stage.write_secret("plugins-another-ca.toml", &azure.plugins(&ca))?;
    let begun = Instant::now();
    let guarded = fetch(stage, &stage.text(&format!("{}-{SECRET}.json", GMSAS[0])), &plugins)?;
    let how = "HTTPS with a certificate from another authority; no access token is sent";
    must_break(guarded, "the emulated vault", "the plugin", how, "the plugin and its secret source", begun)
}

/// An account of the same domain, with the right password, that is in no group which may retrieve.
fn not_allowed(stage: &Stage) -> Result<Link, Failed> {
    let begun = Instant::now();
    let guarded = fetch(stage, &new_spec(stage, GMSAS[0], STRANGERS_SECRET)?, &stage.source())?;
    let how = format!("Kerberos and a sealed connection; asks for the password of {}$", GMSAS[0]);
    must_break(guarded, STRANGER, DC_HOST, &how, "the release of the gMSA's password", begun)
}

/// The right account asks over a connection that others could read.
fn unsealed(stage: &Stage) -> Result<Link, Failed> {
    let domain = stage.domain()?;
    let begun = Instant::now();
    let answer = wait(async {
        let (who, options) = (PrincipalName::user(IMPERSONATION), Options::default());
        let secret = Secret::password(stage.passwords.of(IMPERSONATION));
        let ticket = kerberos::initial(&domain, &who, &secret, &options).await?;
        let mut connection = Connection::connect_any(&domain.ldap, &Transport::Plain, &Limits::default()).await?;
        connection.bind_gssapi(&domain, &ticket, DC_HOST, Sealing::None, &options).await?;
        let dn = format!("CN={},CN=Managed Service Accounts,{BASE}", GMSAS[0]);
        Ok::<_, Failed>(connection.read(&dn, &["msDS-ManagedPassword"]).await)
    })?;
    match answer {
        Ok(_) => Err("the password was asked for over an unsealed connection, and the directory did not refuse".into()),
        Err(error) => {
            let how = "SASL GSSAPI without a security layer; asks for the password";
            let link = Link::new(IMPERSONATION, DC_HOST, how, "", begun);
            Ok(link.refused("the encrypted connection to the directory", error.to_string()))
        }
    }
}

/// The right account asks for a gMSA that others may retrieve.
fn other_gmsa(stage: &Stage) -> Result<Link, Failed> {
    let begun = Instant::now();
    let guarded = fetch(stage, &new_spec(stage, GMSAS[1], SECRET)?, &stage.source())?;
    let how = format!("a credential spec for {}$ of {DOMAIN}", GMSAS[1]);
    must_break(guarded, IMPERSONATION, DC_HOST, &how, "the release of the gMSA's password", begun)
}

fn must_break(guarded: Guarded, who: &str, to: &str, how: &str, where_: &str, begun: Instant) -> Result<Link, Failed> {
    match guarded.broken {
        Some((link, why)) if link == where_ => Ok(Link::new(who, to, how, "", begun).refused(link, why)),
        Some((link, why)) => Err(format!("{how}: had to be refused by {where_}, but broke at {link}: {why}").into()),
        None => Err(format!("{how}: had to be refused, but the guard got an identity").into()),
    }
}

/// Copies a folder and what is in it, for its owner only.
fn copy(from: &Path, to: &Path) -> Result<(), Failed> {
    pki::file::private_folder(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
