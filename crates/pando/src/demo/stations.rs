//! The chain, as it holds: from an empty folder to an application that logs users in.

use std::time::Instant;

use client::ldap::Modification;
use serde_json::Value;

use super::azure::Azure;
use super::http::Site;
use super::people::{self, ADMINS, BASE, DC_HOST, DOMAIN, GMSAS, IMPERSONATION, RETRIEVERS, STRANGER};
use super::process::{self, Finished};
use super::report::Link;
use super::stage::{Stage, wait};
use crate::commands::Failed;

/// The namespace of the account provider, the names of its secrets.
pub const NAMESPACE: &str = "gmsa-demo";
pub const SECRET: &str = "webapp-creds";
pub const STRANGERS_SECRET: &str = "other-creds";

/// Station 1.
pub fn domain(stage: &mut Stage, links: &mut Vec<Link>) -> Result<(), Failed> {
    let begun = Instant::now();
    let (data, password) =
        (stage.text("dc"), stage.write_secret("admin-password", stage.passwords.of("Administrator"))?);
    process::must(&[
        "domain",
        "provision",
        "--data",
        &data,
        "--domain",
        DOMAIN,
        "--dc-name",
        "dc1",
        "--loopback",
        "--kds-root-key",
        "--admin-password-file",
        &password,
    ])?;
    let how = "an empty folder becomes a forest: schema, naming contexts, well-known groups, a KDS root key";
    links.push(Link::new("the administrator", &format!("a new domain, {DOMAIN}"), how, "owning the folder", begun));

    let begun = Instant::now();
    const ANY_PORT: &str = "127.0.0.1:0";
    let listen = ["dc", "run", "--data", &data, "--ldap", ANY_PORT, "--ldaps", ANY_PORT, "--kerberos", ANY_PORT];
    let (service, controller) = process::serve(&listen, &[], &stage.path("dc.log"))?;
    stage.keep(service);
    stage.controller = controller;
    let how = format!(
        "LDAP on {}, LDAPS on {}, Kerberos on {}",
        stage.controller.ldap, stage.controller.ldaps, stage.controller.kerberos
    );
    links.push(Link::new(&format!("domain controller {DC_HOST}"), "this machine", how, "owning the folder", begun));

    let begun = Instant::now();
    wait(async {
        let mut connection = stage.administrator().await?;
        people::add_all(&mut connection, &stage.passwords).await?;
        people::add_gmsas(&mut connection).await?;
        connection.unbind().await;
        Ok::<_, Failed>(())
    })?;
    let how = format!(
        "LDAPS with the server's certificate verified, simple bind; adds OU=Engineering, its users, the group {RETRIEVERS} with {IMPERSONATION} in it, and the gMSA {}$",
        GMSAS[0]
    );
    links.push(Link::new("Administrator", DC_HOST, how, "Domain Admins, in the objects' security descriptors", begun));
    Ok(())
}

/// Station 2.
pub fn credential_spec(stage: &mut Stage, links: &mut Vec<Link>) -> Result<(), Failed> {
    let begun = Instant::now();
    let spec = new_spec(stage, GMSAS[0], SECRET)?;
    process::must(&["credspec", "check", &spec])?;
    let how = format!("LDAPS; the spec gets {}$ and the domain's SID, GUID and names. It holds no secret", GMSAS[0]);
    links.push(Link::new("Administrator", DC_HOST, how, "authenticated users may read the domain", begun));
    Ok(())
}

/// Writes the credential spec of a gMSA, for the impersonation account in a secret.
pub fn new_spec(stage: &Stage, gmsa: &str, secret: &str) -> Result<String, Failed> {
    let spec = stage.text(&format!("{gmsa}-{secret}.json"));
    let (plugin, input) = match &stage.azure {
        Some(azure) => ("akv", azure.input(secret)),
        None => ("rkc", format!("{NAMESPACE}:{secret}")),
    };
    process::must(&[
        "credspec",
        "new",
        "--account",
        gmsa,
        "--out",
        &spec,
        "--plugin",
        plugin,
        "--plugin-input",
        &input,
        "--ldaps",
        &stage.controller.ldaps,
        "--ca",
        &stage.controller.ca.display().to_string(),
        "--user",
        &format!("Administrator@{DOMAIN}"),
        "--password-file",
        &stage.text("admin-password"),
    ])?;
    Ok(spec)
}

/// Station 3: what the guard does up to the account provider; what it does then is told by the next.
pub fn plugin(stage: &mut Stage, links: &mut Vec<Link>) -> Result<(), Failed> {
    match &stage.azure {
        Some(azure) => links.push(fill_vault(stage, azure)?),
        None => start_provider(stage, links)?,
    }
    let guarded = fetch(stage, &stage.text(&format!("{}-{SECRET}.json", GMSAS[0])), &stage.source())?;
    let (plugin, after) = guarded.links.into_iter().partition(|(step, _)| BEFORE_THE_DOMAIN.contains(&step.as_str()));
    let only_links = |links: Vec<(String, Link)>| links.into_iter().map(|(_, link)| link);
    links.extend(only_links(plugin));
    stage.from_guard = only_links(after).collect();
    match guarded.broken {
        Some((link, why)) => Err(format!("the chain breaks at {link}: {why}").into()),
        None => Ok(()),
    }
}

/// The accounts in the names of their secrets.
const ACCOUNTS: [(&str, &str); 2] = [(SECRET, IMPERSONATION), (STRANGERS_SECRET, STRANGER)];

fn fill_vault(stage: &Stage, azure: &Azure) -> Result<Link, Failed> {
    let begun = Instant::now();
    for (secret, account) in ACCOUNTS {
        azure.store(secret, format!("{DOMAIN}\\{account}:{}", stage.passwords.of(account)));
    }
    let ca = stage.write_secret("vault-ca.pem", azure.authority())?;
    stage.write_secret("plugins.toml", &azure.plugins(&ca))?;
    let how = format!("emulated, by this program: {}; the account is the secret {SECRET}", azure.addresses());
    Ok(Link::new("an emulated Azure", "the node", how, "owning the demo", begun))
}

fn start_provider(stage: &mut Stage, links: &mut Vec<Link>) -> Result<(), Failed> {
    let begun = Instant::now();
    for (secret, account) in ACCOUNTS {
        for (key, value) in [("username", account), ("password", stage.passwords.of(account)), ("domainName", DOMAIN)] {
            stage.write_secret(&format!("secrets/{secret}/{key}"), value)?;
        }
    }
    let (secrets, host) = (stage.text("secrets"), stage.text("host"));
    let provider = ["account-provider", "run", "--namespace", NAMESPACE, "--secrets", &secrets, "--host-dir", &host];
    let (service, _) = process::serve::<Value>(&provider, &[], &stage.path("account-provider.log"))?;
    stage.keep(service);
    let how = "a certificate authority of its own; port, CA and client certificate in a folder that only the plugin's user enters";
    links.push(Link::new("the account provider", "the node", how, "owning the secrets and the host's folder", begun));
    Ok(())
}

/// The guard's steps that need no domain.
const BEFORE_THE_DOMAIN: [&str; 2] = ["the credential spec", "the plugin and its secret source"];

/// Station 4.
pub fn identity(stage: &mut Stage, links: &mut Vec<Link>) -> Result<(), Failed> {
    links.append(&mut stage.from_guard);
    if stage.path("ccache").exists() { Ok(()) } else { Err("the guard wrote no credential cache".into()) }
}

/// What the guard said of a credential spec: the links that hold, each with its step, and the one that broke, with why.
pub struct Guarded {
    pub links: Vec<(String, Link)>,
    pub broken: Option<(String, String)>,
}

/// Runs `pando guard fetch`, with a source such as [`Stage::source`].
pub fn fetch(stage: &Stage, spec: &str, source: &str) -> Result<Guarded, Failed> {
    let controller = &stage.controller;
    let by = if stage.azure.is_some() { "--plugins" } else { "--host-dir" };
    let Finished { stdout, stderr, .. } = process::run(&[
        "guard",
        "fetch",
        "--json",
        "--credspec",
        spec,
        "--ccache",
        &stage.text("ccache"),
        by,
        source,
        "--keytab",
        &stage.text("gmsa.keytab"),
        "--kdc",
        &controller.kerberos,
        "--ldap",
        &controller.ldap,
        "--dc-host",
        DC_HOST,
    ])?;
    let answer: Value = serde_json::from_str(&stdout).map_err(|_| format!("the guard failed: {stderr}"))?;
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    let of = |link: &Value| {
        let step = link["step"].as_str().unwrap_or_default().to_owned();
        serde_json::from_value(link.clone()).map(|link| (step, link))
    };
    let links = answer["links"].as_array().into_iter().flatten().map(of).collect::<Result<_, _>>()?;
    Ok(Guarded { links, broken: text("broken").map(|link| (link, text("error").unwrap_or_default())) })
}

/// Station 5.
pub fn application(stage: &mut Stage, links: &mut Vec<Link>) -> Result<(), Failed> {
    let begun = Instant::now();
    let ca = stage.controller.ca.display().to_string();
    let args = [
        "example",
        "rate-limiter",
        "--listen",
        "127.0.0.1:0",
        "--dns-name",
        DOMAIN,
        "--dc-host",
        DC_HOST,
        "--kdc",
        &stage.controller.kerberos,
        "--ldap",
        &stage.controller.ldap,
        "--ca",
        &ca,
        "--admin-group",
        ADMINS,
    ];
    let cache = format!("FILE:{}", stage.text("ccache"));
    let (service, ready) = process::serve::<Value>(&args, &[("KRB5CCNAME", &cache)], &stage.path("rate-limiter.log"))?;
    stage.keep(service);
    stage.site = ready["http"].as_str().unwrap_or_default().to_owned();
    let how = format!("starts with the guard's credential cache as its only secret; serves http://{}/", stage.site);
    links.push(Link::new("rate-limiter", &format!("{}$", GMSAS[0]), how, "the file's owner and mode", begun));
    let site = Site::at(&stage.site);
    log_ins(stage, &site, links)?;
    revocation(stage, &site, links)
}

const LOG_IN: &str = "DN resolution on the service's GSSAPI connection, then a bind as the DN found, over StartTLS";

fn log_ins(stage: &Stage, site: &Site, links: &mut Vec<Link>) -> Result<(), Failed> {
    let begun = Instant::now();
    let token = log_in(stage, site, "alice")?;
    let (changed, _) = site.change(&token, "search", 600)?;
    expect("alice changes a limit", changed, 200)?;
    let by = format!("a member of {ADMINS}: may change limits, and did");
    links.push(Link::new("alice", "rate-limiter", LOG_IN, by, begun));

    let begun = Instant::now();
    let token = log_in(stage, site, "bob")?;
    expect("bob looks at the limits", site.limits(&token)?.0, 200)?;
    let (refused, body) = site.change(&token, "search", 1)?;
    expect("bob changes a limit", refused, 403)?;
    links.push(Link::new("bob", "rate-limiter", LOG_IN, "an account of the domain: may look", begun));
    let link = Link::new("bob", "rate-limiter", "asks to change a limit all the same", "", begun);
    links.push(link.refused("the application's authorisation", says(&body)));

    let begun = Instant::now();
    let (refused, body) = site.log_in("alice", "not her password")?;
    expect("alice with a wrong password", refused, 401)?;
    links.push(Link::new("alice, wrong password", "rate-limiter", LOG_IN, "", begun).refused("the bind", says(&body)));
    Ok(())
}

/// What changes in the directory counts at the next login.
fn revocation(stage: &Stage, site: &Site, links: &mut Vec<Link>) -> Result<(), Failed> {
    let begun = Instant::now();
    log_in(stage, site, "mallory")?;
    links.push(Link::new("mallory", "rate-limiter", LOG_IN, "an account of the domain: may look", begun));

    let begun = Instant::now();
    wait(async {
        let mut connection = stage.administrator().await?;
        let disable = Modification::replace("userAccountControl", "514");
        connection.modify(&format!("CN=mallory,OU=Engineering,{BASE}"), &[disable]).await?;
        Ok::<_, Failed>(())
    })?;
    links.push(Link::new("Administrator", DC_HOST, "LDAPS: disables mallory", "Domain Admins", begun));

    let begun = Instant::now();
    let (refused, body) = site.log_in("mallory", stage.passwords.of("mallory"))?;
    expect("mallory, disabled", refused, 401)?;
    links.push(Link::new("mallory, now disabled", "rate-limiter", LOG_IN, "", begun).refused("the bind", says(&body)));
    Ok(())
}

/// Logs somebody in who must be let in.
fn log_in(stage: &Stage, site: &Site, name: &str) -> Result<String, Failed> {
    let (status, body) = site.log_in(name, stage.passwords.of(name))?;
    expect(&format!("{name} logs in"), status, 200)?;
    Ok(body["token"].as_str().unwrap_or_default().to_owned())
}

fn expect(what: &str, status: u16, wanted: u16) -> Result<(), Failed> {
    if status == wanted { Ok(()) } else { Err(format!("{what}: the answer is {status} instead of {wanted}").into()) }
}

fn says(body: &Value) -> String {
    body["error"].as_str().unwrap_or("(it does not say)").to_owned()
}
