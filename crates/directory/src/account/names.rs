//! An account by name, in the forms of MS-ADTS 5.1.1.1.1.

use ldap::DnOrId;

use super::password::domain_name;
use crate::{Dnt, Error, View};

/// Finds the account that a bind names: a DN, `<GUID=…>` or `<SID=…>`; a user principal name; `DOMAIN\name`; a plain account name; a
/// service principal name. Nothing when there is none, or more than one.
///
/// # Errors
/// When the store is damaged.
pub fn find(view: &View<'_>, name: &str) -> Result<Option<Dnt>, Error> {
    if let Some(found) = by_dn(view, name)? {
        return Ok(Some(found));
    }
    if let Some((domain, account)) = name.split_once('\\') {
        return if is_own(view, domain)? { by_attribute(view, "sAMAccountName", account) } else { Ok(None) };
    }
    if let Some((account, domain)) = name.rsplit_once('@') {
        let explicit = by_attribute(view, "userPrincipalName", name)?;
        if explicit.is_some() || !is_own(view, domain)? {
            return Ok(explicit);
        }
        return by_attribute(view, "sAMAccountName", account);
    }
    match by_attribute(view, "sAMAccountName", name)? {
        None if name.contains('/') => by_attribute(view, "servicePrincipalName", name),
        found => Ok(found),
    }
}

fn by_dn(view: &View<'_>, name: &str) -> Result<Option<Dnt>, Error> {
    if !name.contains('=') {
        return Ok(None);
    }
    match name.parse() {
        Ok(DnOrId::Dn(dn)) => view.resolve(&dn),
        Ok(DnOrId::Guid(guid)) => view.by_guid(&guid),
        Ok(DnOrId::Sid(sid)) => view.by_sid(&sid),
        Err(_) => Ok(None),
    }
}

fn by_attribute(view: &View<'_>, attribute: &str, value: &str) -> Result<Option<Dnt>, Error> {
    let Some(attribute) = view.schema().attribute(attribute).filter(|_| !value.is_empty()) else { return Ok(None) };
    match view.find(attribute.id, value.as_bytes())?.as_slice() {
        [one] => Ok(Some(*one)),
        _ => Ok(None),
    }
}

/// Whether a domain's name, DNS or NetBIOS, is this domain's.
pub(crate) fn is_own(view: &View<'_>, domain: &str) -> Result<bool, Error> {
    let dns = domain_name(view)?;
    Ok(domain.eq_ignore_ascii_case(&dns) || domain.eq_ignore_ascii_case(&netbios(view, &dns)?))
}

/// The domain's names, DNS and NetBIOS.
pub(crate) fn own_names(view: &View<'_>) -> Result<[String; 2], Error> {
    let dns = domain_name(view)?;
    let netbios = netbios(view, &dns)?;
    Ok([dns, netbios])
}

/// Where no partition says it, as before a domain is complete, it is the first label.
fn netbios(view: &View<'_>, dns: &str) -> Result<String, Error> {
    Ok(netbios_name(view)?.unwrap_or_else(|| dns.split('.').next().unwrap_or_default().to_owned()))
}

/// What the partitions container calls the domain. MS-ADTS 6.1.1.2.1.1.3 (nETBIOSName).
fn netbios_name(view: &View<'_>) -> Result<Option<String>, Error> {
    let attribute = |name: &str| view.schema().attribute(name);
    let (Some(context), Some(netbios)) = (attribute("nCName"), attribute("nETBIOSName")) else { return Ok(None) };
    let mut naming = Vec::new();
    view.each_naming(context, view.domain()?, |dnt| naming.push(dnt))?;
    for dnt in naming {
        if let Some(cross_ref) = view.object(dnt)?.filter(|object| object.is_a("crossRef") && !object.is_deleted()) {
            return Ok(cross_ref.text(netbios.id).map(str::to_owned));
        }
    }
    Ok(None)
}
