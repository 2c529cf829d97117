//! Where a domain is, as one argument.

/// A domain and its servers, on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainPlace(pub client::Domain);

impl std::str::FromStr for DomainPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let name = parts.next().filter(|name| !name.is_empty() && !name.contains('='));
        let name = name.ok_or("it begins with the domain's DNS name")?;
        let (mut kdcs, mut ldap, mut dc_host) = (Vec::new(), Vec::new(), None);
        for part in parts {
            let (key, value) =
                part.split_once('=').ok_or_else(|| format!("{part:?} is not kdc=, ldap= or dc-host="))?;
            let endpoint = |port| client::Endpoint::parse(value, port).map_err(|error| error.to_string());
            match key {
                "kdc" => kdcs.push(endpoint(client::Endpoint::KERBEROS)?),
                "ldap" => ldap.push(endpoint(client::Endpoint::LDAP)?),
                "dc-host" => dc_host = Some(value),
                _ => return Err(format!("{key:?} is not kdc, ldap or dc-host")),
            }
        }
        let mut domain = client::Domain::new(name);
        if !kdcs.is_empty() {
            domain = domain.with_kdcs(kdcs);
        }
        match (dc_host, ldap.is_empty()) {
            (Some(host), false) => domain = domain.with_ldap(host, ldap),
            (None, true) => {}
            _ => return Err("ldap and dc-host belong together".to_owned()),
        }
        Ok(Self(domain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domains_servers_fit_on_a_line() {
        let DomainPlace(domain) =
            "contoso.com,kdc=10.0.0.1,kdc=10.0.0.2:8888,ldap=10.0.0.1,dc-host=dc1.contoso.com".parse().unwrap();
        assert_eq!(domain.realm, "CONTOSO.COM");
        assert_eq!(domain.kdcs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.1:88", "10.0.0.2:8888"]);
        assert_eq!((domain.ldap.len(), domain.dc_host.as_str()), (1, "dc1.contoso.com"));
        assert_eq!("contoso.com".parse(), Ok(DomainPlace(client::Domain::new("contoso.com"))));
        for bad in ["", "kdc=x", "contoso.com,ldap=x", "contoso.com,dc-host=x", "contoso.com,x", "contoso.com,port=1"] {
            assert!(bad.parse::<DomainPlace>().is_err(), "{bad}");
        }
    }
}
