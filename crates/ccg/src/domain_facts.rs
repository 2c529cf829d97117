//! What a directory says about the domain it holds. MS-ADTS 3.1.1.3.2 (rootDSE), 6.1.1.2.1.1 (crossRef objects).

use client::ldap::{Connection, Entry, Error, Scope, Search};
use credspec::{BadName, DomainFacts};
use dtyp::{Guid, Sid};

/// Why a directory does not say which domain it holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// It could not be asked.
    #[error(transparent)]
    Directory(#[from] Error),
    /// It left something out.
    #[error("the directory does not show {what} of {of}: is it Active Directory, and may the account read it?")]
    Missing {
        /// The attribute.
        what: &'static str,
        /// The object.
        of: String,
    },
    /// What it says cannot be.
    #[error("the directory's {what} cannot be: {why}")]
    Malformed {
        /// The attribute.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Asks the directory for all that a credential spec says about its domain.
///
/// # Errors
/// See [`FactsError`].
pub async fn domain_facts(connection: &mut Connection) -> Result<DomainFacts, FactsError> {
    let contexts = ["defaultNamingContext", "rootDomainNamingContext", "configurationNamingContext"];
    let root = object(connection, "", &contexts).await?;
    let domain_dn = text(&root, "defaultNamingContext")?;
    let forest_dn = text(&root, "rootDomainNamingContext")?;
    let configuration_dn = text(&root, "configurationNamingContext")?;
    let domain = object(connection, domain_dn, &["objectSid", "objectGUID"]).await?;
    let sid = domain.first("objectSid").ok_or_else(|| missing("objectSid", &domain))?;
    let guid = domain.first("objectGUID").ok_or_else(|| missing("objectGUID", &domain))?;
    let net_bios_name = net_bios_name(connection, configuration_dn, domain_dn).await?;
    Ok(DomainFacts {
        sid: Sid::from_bytes(sid).map_err(|e| FactsError::Malformed { what: "objectSid", why: e.to_string() })?,
        guid: Guid::from_bytes(guid)
            .ok_or_else(|| FactsError::Malformed { what: "objectGUID", why: "it has not 16 bytes".into() })?,
        dns_name: dns_name("defaultNamingContext", domain_dn)?,
        dns_tree_name: dns_name("rootDomainNamingContext", forest_dn)?,
        net_bios_name: net_bios_name.parse().map_err(|e: BadName| malformed("nETBIOSName", &e))?,
    })
}

async fn object(connection: &mut Connection, dn: &str, attributes: &[&str]) -> Result<Entry, FactsError> {
    let found = connection.read(dn, attributes).await?;
    found.ok_or_else(|| FactsError::Missing { what: "anything", of: shown(dn) })
}

fn text<'e>(entry: &'e Entry, attribute: &'static str) -> Result<&'e str, FactsError> {
    entry.text(attribute).ok_or_else(|| missing(attribute, entry))
}

fn missing(what: &'static str, entry: &Entry) -> FactsError {
    FactsError::Missing { what, of: shown(&entry.dn) }
}

fn malformed(what: &'static str, why: &BadName) -> FactsError {
    FactsError::Malformed { what, why: why.to_string() }
}

fn shown(dn: &str) -> String {
    if dn.is_empty() { "its rootDSE".to_owned() } else { dn.to_owned() }
}

/// The domain's crossRef below Partitions has its NetBIOS name.
async fn net_bios_name(connection: &mut Connection, configuration: &str, domain: &str) -> Result<String, FactsError> {
    let search = Search {
        base: format!("CN=Partitions,{configuration}"),
        scope: Scope::OneLevel,
        filter: format!("(&(objectClass=crossRef)(nETBIOSName=*)(nCName={}))", Search::escape(domain.as_bytes())),
        attributes: vec!["nETBIOSName".to_owned()],
        ..Search::default()
    };
    let entries = connection.search(&search).await?;
    let name = entries.first().and_then(|entry| entry.text("nETBIOSName"));
    name.map(str::to_owned)
        .ok_or_else(|| FactsError::Missing { what: "nETBIOSName", of: format!("the crossRef of {domain}") })
}

/// `DC=eu,DC=contoso,DC=com` is `eu.contoso.com`. RFC 2247.
fn dns_name<T: std::str::FromStr<Err = BadName>>(what: &'static str, dn: &str) -> Result<T, FactsError> {
    let label = |rdn: &str| {
        let (kind, label) = rdn.trim().split_once('=')?;
        kind.trim().eq_ignore_ascii_case("DC").then(|| label.trim().to_owned())
    };
    let labels: Option<Vec<String>> = dn.split(',').map(label).collect();
    let labels =
        labels.ok_or_else(|| FactsError::Malformed { what, why: format!("{dn} is not made of DC= parts only") })?;
    labels.join(".").parse().map_err(|e| malformed(what, &e))
}

#[cfg(test)]
mod tests {
    use credspec::DnsName;

    use super::*;

    #[test]
    fn a_domains_dn_is_its_dns_name() {
        let name = |dn| dns_name::<DnsName>("x", dn).map(|n| n.to_string()).ok();
        assert_eq!(name("DC=contoso,DC=com").as_deref(), Some("contoso.com"));
        assert_eq!(name("dc=EU, dc = contoso ,DC=com").as_deref(), Some("EU.contoso.com"));
        for dn in ["", "DC", "OU=x,DC=com", "DC=,DC=com", "DC=a\\,b,DC=com"] {
            assert_eq!(name(dn), None, "{dn}");
        }
    }
}
