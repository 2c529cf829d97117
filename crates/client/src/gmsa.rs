//! Retrieving a gMSA's password, and what is made of it: Kerberos keys, a keytab, tickets.
//!
//! MS-ADTS 3.1.1.4.5.39 (msDS-ManagedPassword), 2.2.19 (the blob); MS-KILE 3.1.1.2 (salt).

use dtyp::{FileTime, Sid};
use gkdi::{ManagedPassword, ManagedPasswordBlob};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use ::kerberos::PrincipalName;
use ::kerberos::ccache::Credential;
use ::kerberos::crypto::{Etype, Key};
use ::kerberos::keytab::{self, Keytab};

use crate::Domain;
use crate::kerberos::{self, Options, Secret};
use crate::ldap::{Connection, Entry, Search};

/// The object class of a gMSA.
const CLASS: &str = "msDS-GroupManagedServiceAccount";
/// How often Active Directory hashes a password for a key (RFC 3962 4).
const ITERATIONS: u32 = 4096;
/// LDAP's `sizeLimitExceeded`.
const SIZE_LIMIT_EXCEEDED: u32 = 4;

/// A gMSA and its password, as the directory released it.
pub struct Retrieved {
    /// The distinguished name.
    pub dn: String,
    /// The account name, `webapp01$`.
    pub sam_account_name: String,
    /// The security identifier.
    pub sid: Sid,
    /// The current password, and the previous one while it still may be in use.
    pub password: ManagedPasswordBlob,
    /// The version of the keys in force (`msDS-KeyVersionNumber`), when the directory shows it.
    pub kvno: Option<u32>,
    /// The salt as the KDC said it, after [`learn_salt`](Self::learn_salt).
    pub learned_salt: Option<Vec<u8>>,
}

impl std::fmt::Debug for Retrieved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retrieved")
            .field("dn", &self.dn)
            .field("sid", &self.sid)
            .field("kvno", &self.kvno)
            .finish_non_exhaustive()
    }
}

/// Why a gMSA's password was not retrieved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory would answer an unsealed request with an error, and a server that did answer would show the password to the wire.
    #[error(
        "the password of {account} is only asked for over an encrypted connection: bind with GSSAPI sealing, or use LDAPS or StartTLS"
    )]
    NotSealed {
        /// The account that was asked for.
        account: String,
    },
    /// No such account.
    #[error(
        "no account named {account} lies under {base}: check the name in the credential spec and that the caller may see it"
    )]
    NotFound {
        /// The account that was asked for.
        account: String,
        /// Where it was looked for.
        base: String,
    },
    /// More than one account has this name, which a healthy domain does not allow.
    #[error("{account} names more than one account under {base}")]
    Ambiguous {
        /// The account that was asked for.
        account: String,
        /// Where it was looked for.
        base: String,
    },
    /// The account is of another kind.
    #[error("{dn} is not a group managed service account (its classes are {classes})")]
    NotManaged {
        /// The account's name in the directory.
        dn: String,
        /// What it is instead.
        classes: String,
    },
    /// The directory left the attribute out: it does so without a word when the caller is not allowed.
    #[error(
        "the directory did not release the password of {dn}: the caller is not allowed to retrieve it \
         (add it, or a group of its, to PrincipalsAllowedToRetrieveManagedPassword), or the domain controller cannot derive it yet"
    )]
    NotAllowed {
        /// The account's name in the directory.
        dn: String,
    },
    /// The domain controller is of a kind that has no managed passwords.
    #[error(
        "the domain controller does not implement gMSAs, and has no password for {dn}: it says that it is of functional level {level}, and \
         they came with level 5 (Windows Server 2012; Samba has them since 4.21). Use another domain controller of the domain, or renew that one"
    )]
    NotImplemented {
        /// The account's name in the directory.
        dn: String,
        /// What the rootDSE says it is. MS-ADTS 6.1.4.2.
        level: u32,
    },
    /// What came is not what the specification says.
    #[error("the directory's answer about {dn} is damaged: {what}")]
    Malformed {
        /// The account's name in the directory.
        dn: String,
        /// What is wrong with it.
        what: String,
    },
    /// The directory refused, or could not be asked.
    #[error(transparent)]
    Directory(#[from] crate::ldap::Error),
    /// The Kerberos log-on as the gMSA failed.
    #[error(transparent)]
    Kerberos(#[from] crate::kerberos::Error),
}

/// Looks `account` (a `sAMAccountName`, with or without its `$`) up below `base`, and reads its password.
///
/// # Errors
/// See [`enum@Error`]: the cause is named as precisely as the directory lets a caller know it.
pub async fn retrieve(connection: &mut Connection, base: &str, account: &str) -> Result<Retrieved, Error> {
    let account = format!("{}$", account.trim_end_matches('$'));
    if !connection.is_sealed() {
        return Err(Error::NotSealed { account });
    }
    let entry = find(connection, base, &account).await?;
    let classes = entry.values("objectClass");
    if !classes.iter().any(|class| class.eq_ignore_ascii_case(CLASS.as_bytes())) {
        let classes = classes.iter().map(|class| String::from_utf8_lossy(class)).collect::<Vec<_>>().join(", ");
        return Err(Error::NotManaged { dn: entry.dn, classes });
    }
    let malformed = |what: String| Error::Malformed { dn: entry.dn.clone(), what };
    let sid = entry.first("objectSid").ok_or_else(|| malformed("it has no objectSid".into()))?;
    let sid = Sid::from_bytes(sid).map_err(|error| malformed(error.to_string()))?;
    let name = entry.text("sAMAccountName").filter(|name| name.eq_ignore_ascii_case(&account));
    let name = name.ok_or_else(|| malformed("it has another sAMAccountName than was asked for".into()))?;

    // A constructed attribute: it only comes when asked for by name, at the object itself.
    // The version comes with it: of another moment, it could be another password's.
    let wanted = ["msDS-ManagedPassword", "objectSid", "msDS-KeyVersionNumber"];
    let released = connection.read(&entry.dn, &wanted).await?;
    let mut released = released.ok_or_else(|| Error::NotFound { account: account.clone(), base: base.to_owned() })?;
    if released.first("objectSid") != entry.first("objectSid") {
        return Err(malformed("its objectSid changed between two reads".into()));
    }
    let blob = Zeroizing::new(released.take("msDS-ManagedPassword").into_iter().next().unwrap_or_default());
    if blob.is_empty() {
        return Err(why_nothing(connection, entry.dn).await);
    }
    let password = ManagedPasswordBlob::decode(&blob).map_err(|error| malformed(error.to_string()))?;
    Ok(Retrieved {
        sam_account_name: name.to_owned(),
        kvno: released.text("msDS-KeyVersionNumber").and_then(|kvno| kvno.parse().ok()),
        sid,
        password,
        learned_salt: None,
        dn: entry.dn,
    })
}

/// A directory says nothing about a password that it does not release, whoever is to blame for it.
async fn why_nothing(connection: &mut Connection, dn: String) -> Error {
    /// `DS_BEHAVIOR_WIN2012`.
    const FIRST_WITH_GMSAS: u32 = 5;
    let root = connection.read("", &["domainControllerFunctionality"]).await.ok().flatten();
    let level = root.and_then(|root| root.text("domainControllerFunctionality")?.parse().ok());
    match level {
        Some(level) if level < FIRST_WITH_GMSAS => Error::NotImplemented { dn, level },
        _ => Error::NotAllowed { dn },
    }
}

async fn find(connection: &mut Connection, base: &str, account: &str) -> Result<Entry, Error> {
    let filter = format!("(sAMAccountName={})", Search::escape(account.as_bytes()));
    let attributes = ["sAMAccountName", "objectClass", "objectSid"];
    let mut search = Search::subtree(base, &filter, &attributes);
    search.size_limit = 2;
    let mut entries = match connection.search(&search).await {
        Err(crate::ldap::Error::Refused { code: SIZE_LIMIT_EXCEEDED, .. }) => {
            return Err(Error::Ambiguous { account: account.to_owned(), base: base.to_owned() });
        }
        other => other?,
    };
    match (entries.pop(), entries.is_empty()) {
        (Some(entry), true) => Ok(entry),
        (Some(_), false) => Err(Error::Ambiguous { account: account.to_owned(), base: base.to_owned() }),
        (None, _) => Err(Error::NotFound { account: account.to_owned(), base: base.to_owned() }),
    }
}

/// Logs on as the gMSA: an AS exchange with the current password, then, when that is refused, with the previous one.
///
/// # Errors
/// When the KDC refuses both, or cannot be reached.
pub async fn log_on(domain: &Domain, gmsa: &Retrieved, options: &Options) -> Result<Credential, Error> {
    let who = PrincipalName::user(&gmsa.sam_account_name);
    let secret = Secret::Password(gmsa.password.current.kerberos_utf8());
    match (kerberos::initial(domain, &who, &secret, options).await, &gmsa.password.previous) {
        // Shortly before a rollover the blob is ahead of the KDC, shortly after it a KDC may lag behind.
        (Err(kerberos::Error::WrongSecret { .. }), Some(previous)) => {
            let secret = Secret::Password(previous.kerberos_utf8());
            Ok(kerberos::initial(domain, &who, &secret, options).await?)
        }
        (result, _) => Ok(result?),
    }
}

impl Retrieved {
    /// The salt that Active Directory gives a computer-like account (MS-KILE 3.1.1.2): `CONTOSO.COMhostwebapp01.contoso.com`.
    #[must_use]
    pub fn salt(&self, domain: &Domain) -> String {
        let host = self.sam_account_name.trim_end_matches('$').to_lowercase();
        format!("{}host{host}.{}", domain.realm, domain.dns_name.to_lowercase())
    }

    /// Asks the KDC for the salt, which it alone knows for certain, so that [`keys`](Self::keys) use it.
    ///
    /// # Errors
    /// When no KDC answers, or it does not know the account.
    pub async fn learn_salt(&mut self, domain: &Domain, options: &Options) -> Result<(), Error> {
        let who = PrincipalName::user(&self.sam_account_name);
        let parameters = kerberos::key_parameters(domain, &who, options).await?;
        self.learned_salt = parameters.into_iter().next().map(|parameters| parameters.salt);
        Ok(())
    }

    /// The AES keys of the current password, strongest first.
    #[must_use]
    pub fn keys(&self, domain: &Domain) -> Vec<Key> {
        self.keys_of(&self.password.current, domain)
    }

    fn keys_of(&self, password: &ManagedPassword, domain: &Domain) -> Vec<Key> {
        let salt = self.learned_salt.clone().unwrap_or_else(|| self.salt(domain).into_bytes());
        let text = password.kerberos_utf8();
        let make = |etype| Key::from_password(etype, text.expose_secret().as_bytes(), &salt, ITERATIONS);
        [Etype::Aes256, Etype::Aes128].map(make).into()
    }

    /// Whether the current password is the next one, which directories give out five minutes before it is in force: then the password in
    /// force is the previous one, and the version is its. MS-ADTS 3.1.1.4.5.39: only then it lasts longer than until the next change.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.password.unchanged_interval > self.password.query_interval
    }

    /// A keytab with the keys of the current password (and of the previous one under the version before it), for the account itself and
    /// for each of `service_principals` (`HTTP/webapp01.contoso.com`). Where the directory does not show the version it is taken for 1.
    #[must_use]
    pub fn keytab(&self, domain: &Domain, service_principals: &[&str], now: FileTime) -> Keytab {
        let kvno = self.kvno.unwrap_or(1).saturating_add(u32::from(self.is_ahead()));
        let mut versions = vec![(kvno, self.keys(domain))];
        if let (Some(previous), Some(before)) = (&self.password.previous, kvno.checked_sub(1)) {
            versions.push((before, self.keys_of(previous, domain)));
        }
        let mut principals = vec![PrincipalName::user(&self.sam_account_name)];
        principals.extend(service_principals.iter().map(|spn| PrincipalName::service(spn)));
        let mut keytab = Keytab::default();
        for principal in &principals {
            for (kvno, keys) in &versions {
                let entry = |key: &Key| keytab::Entry::new(principal.clone(), &domain.realm, *kvno, now, key.clone());
                keytab.entries.extend(keys.iter().map(entry));
            }
        }
        keytab
    }
}
