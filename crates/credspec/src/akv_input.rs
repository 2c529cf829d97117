//! What CCGAKV is told: which managed identity asks, and which secret of which Azure Key Vault holds the account.
//!
//! The grammar is that of Microsoft's plugin (`key=value` between semicolons, keys in any case and order, unknown ones ignored, the last
//! of several counts, nothing trimmed or escaped), but both values are parsed here into parts from which no other request can be made: an
//! access token goes where [`SecretUri`] leads.

use std::fmt;
use std::str::FromStr;

use dtyp::Guid;

use crate::{BadInput, PluginInput};

/// What CCGAKV is told: `ObjectId=<guid>;SecretUri=https://<vault>/secrets/<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AkvInput {
    /// The object identifier of the managed identity.
    pub object_id: Guid,
    /// The secret with the impersonation account's credentials.
    pub secret: SecretUri,
}

/// Where a secret of a Key Vault is: `https://<host>[:<port>]/secrets/<name>[/<version>]`, and nothing that a URI may have besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUri {
    host: String,
    port: u16,
    name: String,
    version: Option<String>,
}

impl SecretUri {
    /// The port of HTTPS.
    const HTTPS: u16 = 443;

    /// The vault's host name, in lower case. Whether it may be trusted is not said here.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The vault's host, and its port unless it is that of HTTPS.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == Self::HTTPS { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// The secret's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version; without one, the current version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl fmt::Display for SecretUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/secrets/{}", self.authority(), self.name)?;
        self.version.iter().try_for_each(|version| write!(f, "/{version}"))
    }
}

impl FromStr for SecretUri {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Self, BadInput> {
        let bad = |reason| BadInput::SecretUri { reason };
        let rest = after_scheme(text).ok_or(bad("it does not begin with https://"))?;
        let (authority, path) = rest.split_once('/').ok_or(bad("it names no secret"))?;
        let (host, port) = host_and_port(authority).map_err(bad)?;
        // The plugin that this is told like adds a slash of its own.
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parts = path.split('/');
        let (kind, name, version) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let name = name.ok_or(bad("it is not https://<vault>/secrets/<name>"))?;
        if !kind.eq_ignore_ascii_case("secrets") || parts.next().is_some() {
            return Err(bad("it is not https://<vault>/secrets/<name>"));
        }
        if name.is_empty() || name.len() > 127 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(bad("the secret's name is not 1 to 127 letters, digits and hyphens"));
        }
        let plain =
            |version: &&str| (1..=64).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_alphanumeric());
        if version.is_some_and(|version| !plain(&version)) {
            return Err(bad("the secret's version is not 1 to 64 letters and digits"));
        }
        Ok(Self { host, port, name: name.to_owned(), version: version.map(str::to_owned) })
    }
}

fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked("https://".len())?;
    scheme.eq_ignore_ascii_case("https://").then_some(rest)
}

/// A plain DNS name and a port in digits: no user, no address in brackets, no other way to write either.
fn host_and_port(authority: &str) -> Result<(String, u16), &'static str> {
    let (host, port) = match authority.split_once(':') {
        None => (authority, SecretUri::HTTPS),
        Some((host, port)) => {
            let digits = (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
            let port = port.parse().ok().filter(|port| digits && *port != 0);
            (host, port.ok_or("its port is not a number from 1 to 65535")?)
        }
    };
    if host.is_empty() || host.len() > 253 || !host.split('.').all(is_label) {
        return Err("its host is not a DNS name");
    }
    Ok((host.to_ascii_lowercase(), port))
}

/// RFC 1123 2.1.
fn is_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

impl FromStr for AkvInput {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Self, BadInput> {
        let value = |key: &'static str| {
            let mut pairs = text.split(';').filter_map(|pair| pair.split_once('='));
            let last = pairs.rfind(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value);
            last.ok_or(BadInput::Missing { key })
        };
        let object_id = value("ObjectId")?.parse().map_err(|_| BadInput::ObjectId)?;
        if object_id == Guid::NIL {
            return Err(BadInput::ObjectId);
        }
        let uri = Some(value("SecretUri")?).filter(|uri| !uri.is_empty());
        Ok(Self { object_id, secret: uri.ok_or(BadInput::Missing { key: "SecretUri" })?.parse()? })
    }
}

impl fmt::Display for AkvInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId={};SecretUri={}", self.object_id, self.secret)
    }
}

impl From<&AkvInput> for PluginInput {
    fn from(input: &AkvInput) -> Self {
        Self::new(input.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "f0f22d05-6a63-4a1e-a2d1-0fa2fa2ba1b7";
    const URI: &str = "https://contoso.vault.azure.net/secrets/ccg-reader";

    fn uri(text: &str) -> Result<SecretUri, BadInput> {
        text.parse()
    }

    #[test]
    fn an_identity_and_a_secret_as_todays_plugin_reads_them() {
        for text in [
            format!("ObjectId={ID};SecretUri={URI}"),
            format!("secreturi={URI};OBJECTID={};", ID.to_uppercase()),
            format!("ObjectId=x;Other=1;;nothing;SecretUri=http://x;ObjectId={ID};SecretUri={URI}/"),
        ] {
            let input: AkvInput = text.parse().unwrap();
            assert_eq!(input.to_string(), format!("ObjectId={ID};SecretUri={URI}"), "{text}");
        }
    }

    #[test]
    fn what_is_missing_or_not_exactly_written_is_refused() {
        for (text, expected) in [
            (String::new(), BadInput::Missing { key: "ObjectId" }),
            (format!("SecretUri={URI}"), BadInput::Missing { key: "ObjectId" }),
            (format!("ObjectId={ID}"), BadInput::Missing { key: "SecretUri" }),
            (format!(" ObjectId={ID};SecretUri={URI}"), BadInput::Missing { key: "ObjectId" }),
            (format!("ObjectId={ID}; SecretUri={URI}"), BadInput::Missing { key: "SecretUri" }),
            (format!("ObjectId={ID};SecretUri="), BadInput::Missing { key: "SecretUri" }),
            (format!("ObjectId={ID};SecretUri={URI};SecretUri="), BadInput::Missing { key: "SecretUri" }),
            (format!("ObjectId= {ID};SecretUri={URI}"), BadInput::ObjectId),
            (format!("ObjectId=;SecretUri={URI}"), BadInput::ObjectId),
            (format!("ObjectId={};SecretUri={URI}", Guid::NIL), BadInput::ObjectId),
            (format!("ObjectId={ID}&resource=x;SecretUri={URI}"), BadInput::ObjectId),
        ] {
            assert_eq!(text.parse::<AkvInput>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_secrets_uri() {
        let plain = uri("HTTPS://Contoso.Vault.Azure.NET/Secrets/Ccg-Reader/").unwrap();
        assert_eq!(
            (plain.host(), plain.port(), plain.name(), plain.version()),
            ("contoso.vault.azure.net", 443, "Ccg-Reader", None)
        );
        let full = uri("https://localhost:8443/secrets/a/0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(full.authority(), "localhost:8443");
        assert_eq!(full.version(), Some("0123456789abcdef0123456789abcdef"));
        assert_eq!(uri("https://localhost:443/secrets/a").unwrap().to_string(), "https://localhost/secrets/a");
    }

    #[test]
    fn nothing_that_leads_elsewhere_is_a_secrets_uri() {
        let authorities = [
            "",
            "contoso.vault.azure.net@evil.example",
            "u:p@contoso.vault.azure.net",
            "evil.example?.vault.azure.net",
            "evil.example#.vault.azure.net",
            "evil.example\\.vault.azure.net",
            "evil.example%2f.vault.azure.net",
            "[::1]",
            "contoso.vault.azure.net.",
            "contoso..vault.azure.net",
            "-a.vault.azure.net",
            "a-.vault.azure.net",
            "cöntoso.vault.azure.net",
            "a b.vault.azure.net",
            "a\r\nx.vault.azure.net",
            "a\0.vault.azure.net",
            "a_b.vault.azure.net",
            "a:0",
            "a:65536",
            "a:+443",
            "a:",
            "a:443:443",
            "a:99999999999999999999",
            ":443",
        ];
        for authority in authorities {
            let text = format!("https://{authority}/secrets/x");
            assert!(matches!(uri(&text), Err(BadInput::SecretUri { .. })), "{text:?}");
        }
        let paths = [
            "",
            "/",
            "/secrets",
            "/secrets/",
            "/secrets//",
            "//secrets/x",
            "/secrets/../keys/x",
            "/secrets/x/../y",
            "/keys/x",
            "/certificates/x",
            "/secrets/x/y/z",
            "/secrets/x?api-version=1",
            "/secrets/x#y",
            "/secrets/x%2fy",
            "/secrets/x y",
            "/secrets/ä",
            "/secrets/x\r\nHost: evil",
            "/secrets/x/ver-sion",
            "/secrets/x//",
            "/secrets/./x",
            "/../secrets/x",
        ];
        for path in paths {
            let text = format!("https://contoso.vault.azure.net{path}");
            assert!(matches!(uri(&text), Err(BadInput::SecretUri { .. })), "{text:?}");
        }
        for scheme in ["http://", "https:/", "https:", "ftp://", "", " https://", "\u{feff}https://"] {
            assert!(uri(&format!("{scheme}contoso.vault.azure.net/secrets/x")).is_err(), "{scheme}");
        }
        assert!(uri(&format!("https://{}.net/secrets/x", "a".repeat(64))).is_err());
        assert!(uri(&format!("https://{}/secrets/x", ["a"; 128].join("."))).is_err());
        assert!(uri(&format!("https://a.net/secrets/{}", "x".repeat(128))).is_err());
    }

    #[test]
    fn what_may_hold_a_password_is_not_shown() {
        for text in ["ObjectId=hunter2", "hunter2", "ObjectId=f0f22d05-6a63-4a1e-a2d1-0fa2fa2ba1b7;SecretUri=hunter2"] {
            let error = text.parse::<AkvInput>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn every_accepted_uri_is_written_as_it_is_read(text in "https://[a-zA-Z0-9.:@/?#%-]{0,40}/(secrets|[a-z]{1,5})/[a-zA-Z0-9./%-]{0,12}") {
            if let Ok(secret) = uri(&text) {
                prop_assert_eq!(uri(&secret.to_string()), Ok(secret.clone()));
                prop_assert!(!secret.to_string().contains(['@', '?', '#', '%']), "{}", secret);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = text.parse::<AkvInput>();
            let _ = uri(&text);
        }
    }
}
