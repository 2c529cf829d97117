//! Which domain, and where its servers are.

use std::fmt;
use std::str::FromStr;

/// A domain and the places of its services, as configured, or as [`dns::locate`](crate::dns::locate) found them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The DNS name, `contoso.com`.
    pub dns_name: String,
    /// The Kerberos realm, `CONTOSO.COM`.
    pub realm: String,
    /// The key distribution centres, in the order to try them.
    pub kdcs: Vec<Endpoint>,
    /// The LDAP servers, in the order to try them.
    pub ldap: Vec<Endpoint>,
    /// The DNS name of the domain controller behind [`ldap`](Self::ldap): its service principal is `ldap/<dc_host>`.
    pub dc_host: String,
    /// Whether somebody said where its servers are. Otherwise they are guessed, and better located.
    pub is_placed: bool,
}

impl Domain {
    /// The domain of this DNS name, with the realm AD gives it and its own name as the only server on the usual ports.
    #[must_use]
    pub fn new(dns_name: &str) -> Self {
        let dns_name = dns_name.trim_end_matches('.').to_ascii_lowercase();
        Self {
            realm: dns_name.to_ascii_uppercase(),
            kdcs: vec![Endpoint::new(dns_name.clone(), Endpoint::KERBEROS)],
            ldap: vec![Endpoint::new(dns_name.clone(), Endpoint::LDAP)],
            dc_host: dns_name.clone(),
            dns_name,
            is_placed: false,
        }
    }

    /// With these key distribution centres instead.
    #[must_use]
    pub fn with_kdcs(mut self, kdcs: impl IntoIterator<Item = Endpoint>) -> Self {
        self.kdcs = kdcs.into_iter().collect();
        self.is_placed = true;
        self
    }

    /// With these LDAP servers instead, that are the domain controller `dc_host`.
    #[must_use]
    pub fn with_ldap(mut self, dc_host: &str, ldap: impl IntoIterator<Item = Endpoint>) -> Self {
        self.dc_host = dc_host.to_owned();
        self.ldap = ldap.into_iter().collect();
        self.is_placed = true;
        self
    }

    /// The distinguished name of the domain: `DC=contoso,DC=com`.
    #[must_use]
    pub fn base_dn(&self) -> String {
        self.dns_name.split('.').map(|label| format!("DC={label}")).collect::<Vec<_>>().join(",")
    }

    /// The service principal of the LDAP service: `ldap/dc1.contoso.com`.
    #[must_use]
    pub fn ldap_spn(&self) -> String {
        format!("ldap/{}", self.dc_host)
    }
}

/// A host (name or address) and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A DNS name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// Kerberos, RFC 4120 7.2.3.
    pub const KERBEROS: u16 = 88;
    /// LDAP, RFC 4511 5.2.1.
    pub const LDAP: u16 = 389;
    /// LDAP inside TLS.
    pub const LDAPS: u16 = 636;

    /// This host and port.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Reads `host`, `host:port`, `[::1]` or `[::1]:port`; a port that is not said is `default_port`.
    ///
    /// # Errors
    /// When the host is empty or the port is no port.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, BadEndpoint> {
        let bad = || BadEndpoint(text.chars().take(128).collect());
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(bad)?;
                (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(bad)?) })
            }
            None if text.matches(':').count() > 1 => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = port.map_or(Ok(default_port), |port| port.parse().map_err(|_| bad()))?;
        if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(bad());
        }
        Ok(Self::new(host, port))
    }

    /// Whether the host is this machine itself, written as an address or as `localhost`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl From<std::net::SocketAddr> for Endpoint {
    fn from(address: std::net::SocketAddr) -> Self {
        Self::new(address.ip().to_string(), address.port())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Text that names no host and port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not `host` or `host:port`")]
pub struct BadEndpoint(String);

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    /// As [`Endpoint::parse`], but the port must be said.
    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        match Self::parse(text, 0) {
            Ok(endpoint) if endpoint.port != 0 => Ok(endpoint),
            _ => Err(BadEndpoint(text.chars().take(128).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_read_in_every_usual_form() {
        for (text, host, port) in [
            ("dc1.contoso.com", "dc1.contoso.com", 88),
            ("dc1:8888", "dc1", 8888),
            ("127.0.0.1:0", "127.0.0.1", 0),
            ("::1", "::1", 88),
            ("[::1]", "::1", 88),
            ("[::1]:389", "::1", 389),
        ] {
            assert_eq!(Endpoint::parse(text, 88), Ok(Endpoint::new(host, port)), "{text}");
        }
        for text in ["", ":88", "dc1:", "dc1:x", "dc1:70000", "[::1", "[::1]88", "a b:1"] {
            assert!(Endpoint::parse(text, 88).is_err(), "{text}");
        }
        assert!("dc1".parse::<Endpoint>().is_err());
        assert_eq!("[::1]:88".parse::<Endpoint>().unwrap().to_string(), "[::1]:88");
    }

    #[test]
    fn a_domain_knows_its_names() {
        let domain = Domain::new("Contoso.com.");
        assert_eq!(domain.realm, "CONTOSO.COM");
        assert_eq!(domain.base_dn(), "DC=contoso,DC=com");
        assert_eq!(domain.with_ldap("dc1.contoso.com", []).ldap_spn(), "ldap/dc1.contoso.com");
    }
}
