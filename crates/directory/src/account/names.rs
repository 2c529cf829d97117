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

/// Whether a domain's name, DNS or NetBIOS, is this domain's. The first label stands for the NetBIOS name.
fn is_own(view: &View<'_>, domain: &str) -> Result<bool, Error> {
    let own = domain_name(view)?;
    let label = own.split('.').next().unwrap_or_default();
    Ok(domain.eq_ignore_ascii_case(&own) || domain.eq_ignore_ascii_case(label))
}
