//! An administrator's connection to the directory, and what every command of theirs asks of it.

use client::Endpoint;
use client::ldap::{Connection, Entry, Limits, Scope, Search, Transport};
use client::tls::Trust;
use dtyp::Sid;

use super::Failed;
use super::password::password_of;
use crate::cli::Administrator;

/// A connection over LDAPS, and the domain that it leads to.
pub struct Administration {
    pub connection: Connection,
    /// The domain's naming context.
    pub base: String,
}

impl Administration {
    /// Connects and proves who asks.
    pub async fn begin(who: &Administrator) -> Result<Self, Failed> {
        let server = Endpoint::parse(&who.ldaps, Endpoint::LDAPS)?;
        let transport = Transport::Tls(Trust::pem_file(&who.ca)?);
        let mut connection = Connection::connect(&server, &transport, &Limits::default()).await?;
        connection.bind_simple(&who.user, &password_of(&who.password_file)?).await?;
        let root = connection.read("", &["defaultNamingContext"]).await?;
        let base = root.as_ref().and_then(|root| root.text("defaultNamingContext"));
        let base = base.ok_or("the server names no domain: is it a domain controller?")?.to_owned();
        Ok(Self { connection, base })
    }

    /// The domain's DNS name.
    pub fn dns_name(&self) -> String {
        let labels = self.base.split(',').filter_map(|part| part.split_once('=')).map(|(_, label)| label);
        labels.collect::<Vec<_>>().join(".").to_lowercase()
    }

    /// The one object that a filter finds.
    pub async fn only(&mut self, filter: &str, what: &str, attributes: &[&str]) -> Result<Entry, Failed> {
        let mut found = self.connection.search(&Search::subtree(&self.base, filter, attributes)).await?;
        match (found.pop(), found.is_empty()) {
            (Some(entry), true) => Ok(entry),
            (Some(_), false) => Err(format!("{what} is not one object but several: name it exactly").into()),
            (None, _) => Err(format!("there is no {what} in {}, or you may not see it", self.dns_name()).into()),
        }
    }

    /// A user, computer or group, by account name (a computer's with or without `$`), by user principal name, which everybody has in this
    /// domain, or by distinguished name.
    pub async fn principal(&mut self, name: &str, attributes: &[&str]) -> Result<Entry, Failed> {
        if name.contains('=') {
            let found = self.connection.read(name, attributes).await?;
            return found.ok_or_else(|| format!("there is no {name}, or you may not see it").into());
        }
        let own = name.rsplit_once('@').filter(|(_, domain)| domain.eq_ignore_ascii_case(&self.dns_name()));
        let plain = own.map_or(name, |(account, _)| account).rsplit('\\').next().unwrap_or_default();
        let [plain, whole] = [plain, name].map(|text| Search::escape(text.as_bytes()));
        let names = format!("(sAMAccountName={plain})(sAMAccountName={plain}$)(userPrincipalName={whole})");
        self.only(&format!("(&(objectSid=*)(|{names}))"), &format!("principal {name}"), attributes).await
    }

    /// The account name behind a SID, or the SID itself.
    pub async fn name_of(&mut self, sid: &Sid) -> Result<String, Failed> {
        let mut search = Search::subtree(&self.base, &format!("(objectSid={sid})"), &["sAMAccountName"]);
        search.scope = Scope::Subtree;
        let found = self.connection.search(&search).await?;
        let name = found.first().and_then(|entry| entry.text("sAMAccountName"));
        Ok(name.map_or_else(|| sid.to_string(), str::to_owned))
    }
}

/// The SID of an entry that was read with `objectSid`.
pub fn sid_of(entry: &Entry) -> Result<Sid, Failed> {
    let sid =
        entry.first("objectSid").ok_or_else(|| format!("{} has no SID: it is no user, computer or group", entry.dn))?;
    Ok(Sid::from_bytes(sid)?)
}
