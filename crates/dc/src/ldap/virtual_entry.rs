//! Entries that are no objects of the directory: the rootDSE and the subschema. RFC 4512 5.1 and 4.2.

use ldap::Filter;
use ldap::message::Search;
use ldap::response::Entry;

/// An entry made here.
pub(crate) struct VirtualEntry {
    dn: String,
    attributes: Vec<VirtualAttribute>,
}

struct VirtualAttribute {
    name: &'static str,
    values: Vec<Vec<u8>>,
    on_request: bool,
}

impl VirtualEntry {
    pub(crate) fn new(dn: impl Into<String>) -> Self {
        Self { dn: dn.into(), attributes: Vec::new() }
    }

    /// Adds an attribute that comes with `*` and by name. One without values is left out.
    pub(crate) fn with<V: Into<Vec<u8>>>(self, name: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        self.add(name, values, false)
    }

    /// Adds an attribute that comes with `+` and by name only.
    pub(crate) fn on_request<V: Into<Vec<u8>>>(self, name: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        self.add(name, values, true)
    }

    fn add<V: Into<Vec<u8>>>(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = V>,
        on_request: bool,
    ) -> Self {
        let values: Vec<Vec<u8>> = values.into_iter().map(Into::into).collect();
        if !values.is_empty() {
            self.attributes.push(VirtualAttribute { name, values, on_request });
        }
        self
    }

    fn attribute(&self, name: &str) -> Option<&VirtualAttribute> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// Whether a filter finds it. What it does not have is undefined; `(objectClass=*)` finds every entry.
    pub(crate) fn matches(&self, filter: &Filter<'_>) -> bool {
        self.evaluate(filter) == Some(true)
    }

    fn evaluate(&self, filter: &Filter<'_>) -> Option<bool> {
        match filter {
            Filter::And(parts) => parts
                .iter()
                .try_fold(Some(true), |all, part| match (all, self.evaluate(part)) {
                    (_, Some(false)) => Err(Some(false)),
                    (Some(true), Some(true)) => Ok(Some(true)),
                    _ => Ok(None),
                })
                .unwrap_or_else(|known| known),
            Filter::Or(parts) => parts
                .iter()
                .try_fold(Some(false), |any, part| match (any, self.evaluate(part)) {
                    (_, Some(true)) => Err(Some(true)),
                    (Some(false), Some(false)) => Ok(Some(false)),
                    _ => Ok(None),
                })
                .unwrap_or_else(|known| known),
            Filter::Not(part) => self.evaluate(part).map(|found| !found),
            Filter::Present(name) => Some(name.eq_ignore_ascii_case("objectClass") || self.attribute(name).is_some()),
            Filter::Equality(name, value) | Filter::Approximate(name, value) => {
                self.attribute(name).map(|attribute| attribute.values.iter().any(|own| own.eq_ignore_ascii_case(value)))
            }
            _ => None,
        }
    }

    /// Appends the entry with what a search wants of it, and of `fresh`: attributes whose values are only known now.
    pub(crate) fn write(&self, out: &mut Vec<u8>, id: i32, search: &Search<'_>, fresh: &[(&str, String)]) {
        let mut entry = Entry::begin(std::mem::take(out), id, &self.dn);
        let fresh = fresh.iter().map(|(name, value)| (*name, false, std::slice::from_ref(value), &[][..]));
        let own = self.attributes.iter().map(|own| (own.name, own.on_request, &[][..], own.values.as_slice()));
        for (name, on_request, texts, values) in own.chain(fresh) {
            if wanted(&search.attributes, name, on_request) {
                entry.attribute(name);
                if !search.types_only {
                    texts.iter().for_each(|text| entry.value(text.as_bytes()));
                    values.iter().for_each(|value| entry.value(value));
                }
            }
        }
        *out = entry.end();
    }
}

fn wanted(names: &[&str], name: &str, on_request: bool) -> bool {
    if names.is_empty() {
        return !on_request;
    }
    names.iter().any(|asked| match *asked {
        "*" => !on_request,
        "+" => on_request,
        asked => asked.eq_ignore_ascii_case(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ldap::FilterBuf;

    fn entry() -> VirtualEntry {
        VirtualEntry::new("").with("supportedLDAPVersion", ["2", "3"]).on_request("tokenGroups", ["x"])
    }

    #[test]
    fn filters_see_what_is_there() {
        for (filter, found) in [
            ("(objectClass=*)", true),
            ("(SUPPORTEDLDAPVERSION=3)", true),
            ("(supportedLDAPVersion=4)", false),
            ("(objectClass=user)", false),
            ("(!(objectClass=user))", false),
            ("(&(objectClass=*)(supportedLDAPVersion=2))", true),
            ("(&)", true),
            ("(|(cn=x)(objectClass=*))", true),
            ("(cn=*x*)", false),
        ] {
            let filter: FilterBuf = filter.parse().unwrap();
            assert_eq!(entry().matches(&filter.as_filter()), found, "{filter:?}");
        }
    }

    #[test]
    fn some_attributes_come_only_when_asked_for() {
        assert!(wanted(&[], "a", false) && !wanted(&[], "a", true));
        assert!(wanted(&["*"], "a", false) && !wanted(&["*"], "a", true));
        assert!(wanted(&["+"], "a", true) && wanted(&["A"], "a", true));
        assert!(!wanted(&["1.1"], "a", false));
    }
}
