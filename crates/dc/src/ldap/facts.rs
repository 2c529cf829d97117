//! What this domain controller says about itself and its domain, read from the directory once.

use std::ops::ControlFlow;

use directory::{Base, Caller, Directory, Dnt, EntrySink, Error, Scope, Search, View};
use ldap::{Dn, FilterBuf};

/// The names of the domain and of this domain controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// `DC=contoso,DC=com`.
    pub(crate) domain: String,
    /// `CN=Configuration,…`.
    pub(crate) configuration: String,
    /// `CN=Schema,CN=Configuration,…`.
    pub(crate) schema: String,
    /// All naming contexts.
    pub(crate) contexts: Vec<String>,
    /// `contoso.com`.
    pub(crate) dns_name: String,
    /// `CONTOSO`.
    pub(crate) netbios: String,
    /// `dc1.contoso.com`.
    pub(crate) host: String,
    /// The object of this domain controller in its site.
    pub(crate) server: String,
    /// The object of the service on it.
    pub(crate) service: String,
}

impl Facts {
    /// Reads them.
    ///
    /// # Errors
    /// When there is no domain in the directory.
    pub(crate) fn gather(directory: &Directory) -> Result<Self, Error> {
        let view = directory.read()?;
        let heads = view.naming_contexts()?;
        let mut facts = Self { domain: view.dn(view.domain()?)?, ..Self::default() };
        for head in heads {
            let name = view.dn(head)?;
            if let Some(object) = view.object(head)? {
                if object.is_a("configuration") {
                    facts.configuration.clone_from(&name);
                } else if object.is_a("dMD") {
                    facts.schema.clone_from(&name);
                }
            }
            facts.contexts.push(name);
        }
        facts.dns_name = dns_name(&facts.domain);
        facts.netbios = facts.find_netbios(&view)?;
        facts.find_service(&view, directory)?;
        Ok(facts)
    }

    /// The realm of Kerberos.
    pub(crate) fn realm(&self) -> String {
        self.dns_name.to_ascii_uppercase()
    }

    /// The name of this domain controller's own account: `DC1$`.
    pub(crate) fn machine_account(&self) -> String {
        format!("{}$", self.host.split('.').next().unwrap_or_default())
    }

    /// `CN=Aggregate` of the schema's naming context.
    pub(crate) fn subschema(&self) -> String {
        format!("CN=Aggregate,{}", self.schema)
    }

    fn find_netbios(&self, view: &View<'_>) -> Result<String, Error> {
        let filter = format!("(&(objectClass=crossRef)(nCName={})(nETBIOSName=*))", escaped(&self.domain));
        let found = first(view, &filter, "nETBIOSName")?.map(|(_, name)| name);
        Ok(found.unwrap_or_else(|| self.dns_name.split('.').next().unwrap_or_default().to_ascii_uppercase()))
    }

    /// Our own service object is the one with our invocation ID; its parent is the server.
    fn find_service(&mut self, view: &View<'_>, directory: &Directory) -> Result<(), Error> {
        let id: String = directory.invocation_id().as_bytes().iter().map(|byte| format!("\\{byte:02x}")).collect();
        let own = first(view, &format!("(&(objectClass=nTDSDSA)(invocationId={id}))"), "1.1")?;
        let service = match own {
            Some(own) => Some(own),
            None => first(view, "(objectClass=nTDSDSA)", "1.1")?,
        };
        if let Some((service, _)) = service {
            self.service = service;
        }
        if let Ok(service) = self.service.parse::<Dn>()
            && let Some(server) = service.parent()
        {
            self.server = server.to_string();
        } else if let Some((server, _)) = first(view, "(objectClass=server)", "1.1")? {
            self.server = server;
        }
        let server: Option<Dn> = self.server.parse().ok().filter(|dn: &Dn| !dn.is_root());
        let at_server = match server {
            Some(dn) => text_of(view, Base::Dn(&dn), Scope::Base, "(objectClass=*)", "dNSHostName")?,
            None => None,
        };
        let host = match at_server {
            Some((_, host)) if !host.is_empty() => Some(host),
            // A computer that is a domain controller: SERVER_TRUST_ACCOUNT (MS-ADTS 2.2.16).
            _ => first(view, "(&(userAccountControl:1.2.840.113556.1.4.803:=8192)(dNSHostName=*))", "dNSHostName")?
                .map(|(_, host)| host),
        };
        self.host = host.unwrap_or_else(|| format!("dc1.{}", self.dns_name));
        Ok(())
    }
}

/// `contoso.com` of `DC=contoso,DC=com`.
fn dns_name(domain: &str) -> String {
    let Ok(dn) = domain.parse::<Dn>() else { return String::new() };
    let labels: Vec<String> = dn.rdns().map(|rdn| String::from_utf8_lossy(rdn.value()).into_owned()).collect();
    labels.join(".")
}

fn escaped(value: &str) -> String {
    value.bytes().map(|byte| format!("\\{byte:02x}")).collect()
}

/// The first object anywhere that a filter finds: its name, and the first value of one attribute.
fn first(view: &View<'_>, filter: &str, attribute: &str) -> Result<Option<(String, String)>, Error> {
    text_of(view, Base::Object(Dnt::ROOT), Scope::Forest, filter, attribute)
}

fn text_of(
    view: &View<'_>,
    base: Base<'_>,
    scope: Scope,
    filter: &str,
    attribute: &str,
) -> Result<Option<(String, String)>, Error> {
    let filter: FilterBuf = filter.parse().unwrap_or_else(|_| FilterBuf::from(&ldap::Filter::Or(Vec::new())));
    let filter = filter.as_filter();
    let attributes = [attribute];
    let mut sink = First::default();
    view.search(&Caller::system(), &Search::new(base, scope, &filter, &attributes), &mut sink)?;
    Ok(sink.found)
}

#[derive(Default)]
struct First {
    found: Option<(String, String)>,
}

impl EntrySink for First {
    fn begin(&mut self, dn: &str) {
        self.found = Some((dn.to_owned(), String::new()));
    }
    fn attribute(&mut self, _: &str) {}
    fn value(&mut self, value: &[u8]) {
        if let Some((_, text)) = self.found.as_mut().filter(|(_, text)| text.is_empty()) {
            *text = String::from_utf8_lossy(value).into_owned();
        }
    }
    fn end(&mut self) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_the_name_its_steps_say() {
        assert_eq!(dns_name("DC=contoso,DC=com"), "contoso.com");
    }
}
