use std::fmt;

/// A name without its realm. RFC 4120 5.2.2, 6.2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PrincipalName {
    /// What kind of name; a hint only.
    pub name_type: i32,
    /// Its parts.
    pub components: Vec<String>,
}

impl PrincipalName {
    /// A user, or an account of any kind.
    pub const NT_PRINCIPAL: i32 = 1;
    /// A service and its instance: `krbtgt/REALM`.
    pub const NT_SRV_INST: i32 = 2;
    /// A service on a host.
    pub const NT_SRV_HST: i32 = 3;
    /// A user principal name in one part. RFC 6806 5.
    pub const NT_ENTERPRISE: i32 = 10;

    /// A name of these parts.
    pub fn new(name_type: i32, components: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { name_type, components: components.into_iter().map(Into::into).collect() }
    }

    /// An account: `alice`.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self::new(Self::NT_PRINCIPAL, [name])
    }

    /// A user principal name that the KDC is to resolve: `alice@contoso.com`.
    #[must_use]
    pub fn enterprise(name: &str) -> Self {
        Self::new(Self::NT_ENTERPRISE, [name])
    }

    /// A service: `ldap/dc1.contoso.com`.
    #[must_use]
    pub fn service(spn: &str) -> Self {
        Self::new(Self::NT_SRV_INST, spn.split('/'))
    }

    /// The ticket-granting service of a realm.
    #[must_use]
    pub fn krbtgt(realm: &str) -> Self {
        Self::new(Self::NT_SRV_INST, ["krbtgt", realm])
    }

    /// Whether both are the same name; the kind does not count (RFC 4120 6.2), nor does case to Active Directory.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.components.len() == other.components.len()
            && self.components.iter().zip(&other.components).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }

    /// Reads `alice` or `ldap/dc1.contoso.com`, with `@REALM` behind or not.
    #[must_use]
    pub fn parse(text: &str) -> (Self, Option<String>) {
        let (name, realm) = match text.rsplit_once('@') {
            Some((name, realm)) if !name.is_empty() && !realm.is_empty() => (name, Some(realm.to_owned())),
            _ => (text, None),
        };
        let parts: Vec<&str> = name.split('/').collect();
        let name_type = if parts.len() > 1 { Self::NT_SRV_INST } else { Self::NT_PRINCIPAL };
        (Self::new(name_type, parts), realm)
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, component) in self.components.iter().enumerate() {
            if i > 0 {
                f.write_str("/")?;
            }
            f.write_str(component)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_printed() {
        let (name, realm) = PrincipalName::parse("ldap/dc1.contoso.com@CONTOSO.COM");
        assert_eq!((name.to_string().as_str(), realm.as_deref()), ("ldap/dc1.contoso.com", Some("CONTOSO.COM")));
        assert_eq!(PrincipalName::parse("webapp01$"), (PrincipalName::user("webapp01$"), None));
        assert!(PrincipalName::service("LDAP/DC1").same(&PrincipalName::service("ldap/dc1")));
    }
}
