//! The directory of a domain: Microsoft's, Samba's or ours.
//!
//! MS-ADTS 3.1.1.3.1.5.2: who knows its password changes it by deleting the old value of unicodePwd and adding the new one in one request, over
//! a connection that is encrypted.

use std::time::Duration;

use client::ldap::{self, Change, Connection, Modification, Sealing, Search, Transport};
use client::{Credential, Domain, PrincipalName, dns, kerberos};
use dtyp::FileTime;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

use super::{Directory, DirectoryError, PasswordAge, Taken};
use crate::Secret;

/// LDAP result codes, RFC 4511 4.1.9.
const CONSTRAINT_VIOLATION: u32 = 19;
const INSUFFICIENT_ACCESS: u32 = 50;
const UNWILLING_TO_PERFORM: u32 = 53;

/// How a domain's servers are found and spoken to.
#[derive(Clone)]
pub struct Reach {
    /// Kerberos.
    pub kerberos: kerberos::Options,
    /// What lies beneath LDAP. On a plain transport the connection is sealed.
    pub transport: Transport,
    /// What the directory may cost.
    pub limits: ldap::Limits,
    /// Who is asked where a domain's controllers are, when nobody said.
    pub resolver: dns::Resolver,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            kerberos: kerberos::Options::default(),
            transport: Transport::Plain,
            limits: ldap::Limits::default(),
            resolver: dns::Resolver::system(),
        }
    }
}

/// As a guard reaches it.
#[cfg(unix)]
impl From<ccg::Options> for Reach {
    fn from(guard: ccg::Options) -> Self {
        let ccg::Options { kerberos, transport, limits, resolver, plugin: _ } = guard;
        Self { kerberos, transport, limits, resolver }
    }
}

/// Reaches the account's domain.
#[derive(Clone)]
pub struct DomainDirectory {
    domains: Vec<Domain>,
    reach: Reach,
}

impl DomainDirectory {
    /// The password is shown to these domains and to no other. With none, the Secret says which.
    #[must_use]
    pub const fn new(domains: Vec<Domain>, reach: Reach) -> Self {
        Self { domains, reach }
    }

    /// The domain that the Secret is for.
    fn domain(&self, account: &Secret) -> Result<Domain, DirectoryError> {
        let wanted = Domain::new(&account.domain_name);
        match self.domains.as_slice() {
            [] => Ok(wanted),
            [only] if !wanted.dns_name.contains('.') => Ok(only.clone()),
            several => several.iter().find(|one| one.dns_name == wanted.dns_name).cloned().ok_or_else(|| {
                let configured: Vec<_> = several.iter().map(|one| one.dns_name.as_str()).collect();
                DirectoryError::OtherDomain { secret: wanted.dns_name, configured: configured.join(", ") }
            }),
        }
    }

    async fn located(&self, account: &Secret) -> Result<Domain, DirectoryError> {
        let domain = self.domain(account)?;
        if domain.is_placed {
            return Ok(domain);
        }
        match dns::locate(&domain, &self.reach.resolver).await {
            Ok(found) => Ok(found.domain),
            Err(source) => Err(DirectoryError::Location { domain: domain.dns_name, source }),
        }
    }

    async fn log_on(&self, domain: &Domain, user: &str, password: &SecretString) -> Result<Credential, DirectoryError> {
        if user.contains(['\\', '/', '@', ':']) {
            return Err(DirectoryError::Username(user.to_owned()));
        }
        let secret = kerberos::Secret::Password(password.clone());
        match kerberos::initial(domain, &PrincipalName::user(user), &secret, &self.reach.kerberos).await {
            Ok(ticket) => Ok(ticket),
            Err(kerberos::Error::WrongSecret { .. }) => Err(DirectoryError::WrongPassword { account: user.to_owned() }),
            Err(error) => Err(DirectoryError::Kerberos(error)),
        }
    }

    /// A connection as the account.
    async fn connect(&self, account: &Secret) -> Result<(Domain, Connection), DirectoryError> {
        let domain = self.located(account).await?;
        let ticket = self.log_on(&domain, &account.username, &account.password).await?;
        let mut connection = Connection::connect_any(&domain.ldap, &self.reach.transport, &self.reach.limits).await?;
        // Active Directory refuses a second layer inside TLS.
        let sealing = match self.reach.transport {
            Transport::Plain => Sealing::Confidential,
            _ => Sealing::None,
        };
        connection.bind_gssapi(&domain, &ticket, &domain.dc_host, sealing, &self.reach.kerberos).await?;
        if !connection.is_sealed() {
            return Err(DirectoryError::NotSealed(connection.server().to_string()));
        }
        Ok((domain, connection))
    }

    async fn age_of(&self, account: &Secret) -> Result<PasswordAge, DirectoryError> {
        let (domain, mut connection) = self.connect(account).await?;
        let base = domain.base_dn();
        let root = connection.read("", &["currentTime"]).await?;
        let policy = connection.read(&base, &["minPwdAge"]).await?;
        let own = find(&mut connection, &base, &account.username).await?;
        connection.unbind().await;
        let now =
            root.as_ref().and_then(|root| root.text("currentTime")).and_then(|t| FileTime::parse_generalized(t).ok());
        let set = own.text("pwdLastSet").and_then(|text| text.parse().ok()).filter(|set| *set > 0).map(FileTime);
        // A negative number of 100 nanoseconds. MS-ADTS 2.316: none is none.
        let least = policy.as_ref().and_then(|policy| policy.text("minPwdAge")?.parse::<i64>().ok());
        let least = least.filter(|least| *least > i64::MIN).map_or(0, i64::unsigned_abs);
        Ok(PasswordAge {
            age: now.zip(set).map(|(now, set)| now.since(set)),
            youngest: Duration::from_secs(least / 10_000_000),
        })
    }

    async fn which(&self, account: &Secret, next: &SecretString) -> Result<Taken, DirectoryError> {
        let domain = self.located(account).await?;
        for (password, taken) in [(&account.password, Taken::Present), (next, Taken::Next)] {
            match self.log_on(&domain, &account.username, password).await {
                Ok(_) => return Ok(taken),
                Err(DirectoryError::WrongPassword { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Taken::Neither)
    }

    async fn set(&self, account: &Secret, next: &SecretString) -> Result<(), DirectoryError> {
        let (domain, mut connection) = self.connect(account).await?;
        let own = find(&mut connection, &domain.base_dn(), &account.username).await?;
        let change = |change, password: &SecretString| Modification {
            change,
            attribute: "unicodePwd".to_owned(),
            values: vec![quoted(password)],
        };
        let mut changes = [change(Change::Delete, &account.password), change(Change::Add, next)];
        let done = connection.modify(&own.dn, &changes).await;
        changes.iter_mut().flat_map(|one| &mut one.values).for_each(Zeroize::zeroize);
        connection.unbind().await;
        done.map_err(refusal)
    }
}

/// The account itself, as it may read it.
async fn find(connection: &mut Connection, base: &str, name: &str) -> Result<ldap::Entry, DirectoryError> {
    let filter = format!("(&(objectClass=user)(sAMAccountName={}))", Search::escape(name.as_bytes()));
    let found = connection.search(&Search::subtree(base, &filter, &["pwdLastSet"])).await?;
    found.into_iter().next().ok_or_else(|| DirectoryError::NoAccount(name.to_owned()))
}

/// UTF-16LE between quotation marks.
fn quoted(password: &SecretString) -> Vec<u8> {
    let text = Zeroizing::new(format!("\"{}\"", password.expose_secret()));
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The Win32 error at the beginning of the diagnostic message says which refusal it is.
fn refusal(error: ldap::Error) -> DirectoryError {
    let code = error.code();
    let ldap::Error::Refused { diagnostic, .. } = &error else { return error.into() };
    let diagnostic = diagnostic.trim_start_matches(": ").trim_end_matches('\0').to_owned();
    match code {
        // 52D ERROR_PASSWORD_RESTRICTION. 56, ERROR_INVALID_PASSWORD, is no refusal of the next password: the one before was wrong.
        Some(CONSTRAINT_VIOLATION | UNWILLING_TO_PERFORM) if !diagnostic.starts_with("00000056") => {
            DirectoryError::Policy { diagnostic }
        }
        Some(INSUFFICIENT_ACCESS) => DirectoryError::NotAllowed { diagnostic },
        _ => error.into(),
    }
}

impl Directory for DomainDirectory {
    fn age<'a>(&'a self, account: &'a Secret) -> BoxFuture<'a, Result<PasswordAge, DirectoryError>> {
        self.age_of(account).boxed()
    }

    fn taken<'a>(
        &'a self,
        account: &'a Secret,
        next: &'a SecretString,
    ) -> BoxFuture<'a, Result<Taken, DirectoryError>> {
        self.which(account, next).boxed()
    }

    fn change<'a>(&'a self, account: &'a Secret, next: &'a SecretString) -> BoxFuture<'a, Result<(), DirectoryError>> {
        self.set(account, next).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(domain_name: &str) -> Secret {
        Secret { username: "svc".into(), password: "x".into(), domain_name: domain_name.into(), changed: None }
    }

    #[test]
    fn the_password_is_shown_to_the_domains_that_were_named_and_to_no_other() {
        let free = DomainDirectory::new(vec![], Reach::default());
        assert_eq!(free.domain(&secret("Contoso.com")).unwrap().dns_name, "contoso.com");
        let one = DomainDirectory::new(vec![Domain::new("contoso.com")], Reach::default());
        assert_eq!(one.domain(&secret("CONTOSO.COM")).unwrap().dns_name, "contoso.com");
        assert_eq!(one.domain(&secret("CONTOSO")).unwrap().dns_name, "contoso.com", "its NetBIOS name");
        let error = one.domain(&secret("evil.example")).unwrap_err().to_string();
        assert!(error.contains("evil.example") && error.contains("contoso.com"), "{error}");
        let two = [Domain::new("contoso.com"), Domain::new("fabrikam.test")];
        let two = DomainDirectory::new(two.to_vec(), Reach::default());
        assert_eq!(two.domain(&secret("fabrikam.test")).unwrap().dns_name, "fabrikam.test");
        assert!(two.domain(&secret("CONTOSO")).is_err());
    }

    #[tokio::test]
    async fn a_name_with_a_domain_in_it_is_not_shown_to_anybody() {
        let directory = DomainDirectory::new(vec![], Reach::default());
        let domain = Domain::new("contoso.com");
        for name in ["CONTOSO\\svc", "svc@evil.example", "svc/host", "a:b"] {
            let refused = directory.log_on(&domain, name, &"x".into()).await;
            assert!(matches!(refused, Err(DirectoryError::Username(_))), "{name}");
        }
    }

    #[test]
    fn a_password_goes_out_between_quotation_marks() {
        assert_eq!(quoted(&"aä".into()), b"\"\0a\0\xe4\0\"\0");
    }
}
