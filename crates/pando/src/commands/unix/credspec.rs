//! `pando credspec new`.

use std::process::ExitCode;

use ccg::domain_facts;
use client::ldap::Search;
use credspec::{AccountName, CredentialSpec, DnsName, HostAccountConfig, KnownPlugin, NetBiosName, PluginInput};
use dtyp::Guid;

use super::Failed;
use super::administrator::Administration;
use crate::cli::CredspecNew;
use crate::commands::credspec::{formed, write};
use crate::{progress, terminal};

pub async fn new(args: CredspecNew) -> Result<ExitCode, Failed> {
    let accounts: Vec<AccountName> = args.account.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let also = args.also.iter().map(|text| foreign(text)).collect::<Result<Vec<_>, _>>()?;
    let host = match (&args.plugin, &args.plugin_input) {
        (Some(plugin), Some(input)) => Some(host(plugin, input)?),
        _ => None,
    };
    let _progress = progress::start("asking the directory about its domain");
    let mut administration = Administration::begin(&args.administrator).await?;
    let facts = domain_facts(&mut administration.connection).await?;
    for account in &accounts {
        if !is_there(&mut administration, account).await? {
            let (account, domain) = (account.sam_account_name(), &facts.dns_name);
            terminal::note(format_args!("There is no gMSA {account} in {domain} yet, or you may not see it"));
        }
    }
    administration.connection.unbind().await;
    let spec = CredentialSpec::generate(&facts, &accounts, host)?;
    let spec = also.into_iter().fold(spec, |spec, (name, dns, net_bios)| spec.with_foreign(&name, &dns, &net_bios));
    write(args.out.as_deref(), &formed(&spec, args.form, args.name.as_deref(), false)?)?;
    Ok(ExitCode::SUCCESS)
}

/// A spec may be written before its account is made, but more often its name is mistyped.
async fn is_there(administration: &mut Administration, account: &AccountName) -> Result<bool, Failed> {
    let name = Search::escape(account.sam_account_name().as_bytes());
    let filter = format!("(&(objectClass=msDS-GroupManagedServiceAccount)(sAMAccountName={name}))");
    let search = Search::subtree(&administration.base, &filter, &["cn"]);
    Ok(!administration.connection.search(&search).await?.is_empty())
}

/// The plugin by its name or its class, told something that it understands, as far as that is known.
fn host(plugin: &str, input: &str) -> Result<HostAccountConfig, Failed> {
    let names = || KnownPlugin::ALL.map(KnownPlugin::name).join(", ");
    let clsid = match KnownPlugin::named(plugin) {
        Some(known) => known.clsid(),
        None => plugin.parse::<Guid>().map_err(|_| format!("{plugin:?} is no plugin: say {} or a GUID", names()))?,
    };
    let input = KnownPlugin::of(clsid).map_or_else(|| Ok(PluginInput::new(input)), |known| known.input(input))?;
    Ok(HostAccountConfig::new(clsid, input))
}

/// `webapp02@fabrikam.com/FABRIKAM`: an account of another domain, by that domain's two names.
fn foreign(text: &str) -> Result<(AccountName, DnsName, NetBiosName), Failed> {
    let parts = text.split_once('@').and_then(|(name, domain)| Some((name, domain.split_once('/')?)));
    let (name, (dns, net_bios)) = parts.ok_or_else(|| format!("{text:?} is not ACCOUNT@DNS-NAME/NETBIOS-NAME"))?;
    Ok((name.parse()?, dns.parse()?, net_bios.parse()?))
}
