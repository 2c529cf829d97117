//! `pando gmsa spn`: what clients ask tickets for.

use client::ldap::{Change, Modification, Search};

use super::account;
use crate::cli::GmsaSpnNames;
use crate::commands::Failed;
use crate::commands::unix::administrator::Administration;
use crate::terminal;

const SPN: &str = "servicePrincipalName";

pub async fn add(args: &GmsaSpnNames) -> Result<(), Failed> {
    let mut administration = Administration::begin(&args.gmsa.administrator).await?;
    let managed = account(&mut administration, &args.gmsa.name, &[SPN]).await?;
    let mut new = Vec::new();
    for name in &args.names {
        check(name)?;
        match owner(&mut administration, name).await? {
            None => new.push(name.as_bytes().to_vec()),
            Some(dn) if dn == managed.dn => {}
            Some(dn) => {
                let comment = format!("{name} is a name of {dn}, and leads to one account only: remove it there first");
                return Err(comment.into());
            }
        }
    }
    change(&mut administration, &managed.dn, Change::Add, new).await?;
    report(&mut administration, args).await
}

pub async fn remove(args: &GmsaSpnNames) -> Result<(), Failed> {
    let mut administration = Administration::begin(&args.gmsa.administrator).await?;
    let managed = account(&mut administration, &args.gmsa.name, &[SPN]).await?;
    let has = |name: &&String| managed.values(SPN).iter().any(|spn| spn.eq_ignore_ascii_case(name.as_bytes()));
    if let Some(missing) = args.names.iter().find(|name| !has(name)) {
        return Err(format!("{missing} is no name of {}: pando gmsa show lists those it has", managed.dn).into());
    }
    let old = args.names.iter().map(|name| name.as_bytes().to_vec()).collect();
    change(&mut administration, &managed.dn, Change::Delete, old).await?;
    report(&mut administration, args).await
}

async fn change(
    administration: &mut Administration,
    dn: &str,
    change: Change,
    values: Vec<Vec<u8>>,
) -> Result<(), Failed> {
    if !values.is_empty() {
        let modification = Modification { change, attribute: SPN.to_owned(), values };
        administration.connection.modify(dn, &[modification]).await?;
    }
    Ok(())
}

/// The account that a name leads to.
async fn owner(administration: &mut Administration, name: &str) -> Result<Option<String>, Failed> {
    let filter = format!("({SPN}={})", Search::escape(name.as_bytes()));
    let found = administration.connection.search(&Search::subtree(&administration.base, &filter, &["cn"])).await?;
    Ok(found.into_iter().next().map(|entry| entry.dn))
}

async fn report(administration: &mut Administration, args: &GmsaSpnNames) -> Result<(), Failed> {
    let managed = account(administration, &args.gmsa.name, &[SPN]).await?;
    let names: Vec<_> = managed.values(SPN).iter().map(|spn| String::from_utf8_lossy(spn)).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    terminal::say(format_args!("{}: its service principal names are now: {names}", managed.dn));
    Ok(())
}

/// `service/host`, `service/host:port` or `service/host/name`. MS-ADTS 2.2.21.
fn check(name: &str) -> Result<(), Failed> {
    let parts: Vec<&str> = name.split('/').collect();
    let is_plain = |part: &&str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_graphic());
    if (2..=3).contains(&parts.len()) && parts.iter().all(is_plain) {
        return Ok(());
    }
    Err(format!("{name:?} is no service principal name: it is SERVICE/HOST, such as HTTP/webapp.contoso.com").into())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_service_principal_name_has_a_service_and_a_host() {
        for name in ["HTTP/webapp", "HTTP/webapp.contoso.com:8080", "ldap/dc1.contoso.com/contoso.com"] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in ["", "webapp", "HTTP/", "/webapp", "HTTP//x", "HTTP/a b", "HTTP/a\n", "a/b/c/d"] {
            assert!(check(name).is_err(), "{name:?}");
        }
    }
}
