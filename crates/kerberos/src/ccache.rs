//! Credential caches: tickets in a file of format 4, as MIT krb5 and Heimdal read it.
//!
//! Times are whole seconds until 2106. The file is replaced as a whole, so whoever reads it finds old or new tickets, never half of each.

use std::fmt;
use std::path::{Path, PathBuf};

use dtyp::FileTime;
use zeroize::Zeroizing;

use crate::PrincipalName;
use crate::crypto::{Etype, Key};
use crate::private_file;
use crate::stored::{self, Damaged, Fields};

/// Larger files are no credential caches.
const LONGEST: u64 = 16 << 20;
/// The realm of entries that carry settings instead of tickets.
const SETTINGS_REALM: &str = "X-CACHECONF:";

/// What is wrong with a credential cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CcacheError {
    /// The file cannot be read or written.
    #[error("the credential cache {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are of another format.
    #[error("this is no credential cache of format 4")]
    Format,
    /// The bytes end early, or a name in them is no text.
    #[error("the credential cache is damaged")]
    Damaged,
}

impl From<Damaged> for CcacheError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

/// A ticket and what its owner must know to use it.
#[derive(Clone)]
pub struct Credential {
    /// Who the ticket is for.
    pub client: PrincipalName,
    /// The client's realm.
    pub client_realm: String,
    /// What the ticket opens.
    pub server: PrincipalName,
    /// The server's realm.
    pub server_realm: String,
    /// The session key.
    pub key: Key,
    /// When the client proved who it is.
    pub auth_time: FileTime,
    /// From when the ticket holds.
    pub start_time: FileTime,
    /// Until when.
    pub end_time: FileTime,
    /// Until when it can be renewed.
    pub renew_till: Option<FileTime>,
    /// The ticket flags of RFC 4120 5.3, bit 0 the highest.
    pub flags: u32,
    /// The ticket, DER.
    pub ticket: Vec<u8>,
}

impl Credential {
    /// The flag of a renewable ticket.
    pub const RENEWABLE: u32 = 0x0080_0000;

    /// Whether this is a ticket-granting ticket.
    #[must_use]
    pub fn is_ticket_granting(&self) -> bool {
        self.server.components.first().is_some_and(|service| service == "krbtgt")
    }

    /// Whether the ticket has ended at `now`.
    #[must_use]
    pub fn is_expired(&self, now: FileTime) -> bool {
        self.end_time <= now
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        write_principal(out, &self.client, &self.client_realm);
        write_principal(out, &self.server, &self.server_realm);
        out.extend_from_slice(&u16::try_from(self.key.etype() as i32).unwrap_or(0).to_be_bytes());
        stored::counted32(out, self.key.bytes());
        for time in
            [self.auth_time, self.start_time, self.end_time, self.renew_till.unwrap_or(FileTime::from_unix(0, 0))]
        {
            out.extend_from_slice(&seconds(time).to_be_bytes());
        }
        out.push(0); // is_skey
        out.extend_from_slice(&self.flags.to_be_bytes());
        out.extend_from_slice(&[0; 8]); // no addresses, no authorization data
        stored::counted32(out, &self.ticket);
        stored::counted32(out, &[]);
    }

    /// Reads one; `None` for settings and for keys of a kind that is not used here.
    fn read(r: &mut Fields<'_>) -> Result<Option<Self>, Damaged> {
        let (client, client_realm) = read_principal(r)?;
        let (server, server_realm) = read_principal(r)?;
        let etype = r.u16()?;
        let key = r.counted32()?;
        let mut time = || Ok::<_, Damaged>(FileTime::from_unix(i64::from(r.u32()?), 0));
        let (auth_time, start_time, end_time, renew_till) = (time()?, time()?, time()?, time()?);
        r.u8()?;
        let flags = r.u32()?;
        for _ in 0..2 {
            for _ in 0..r.u32()? {
                r.u16()?;
                r.counted32()?;
            }
        }
        let ticket = r.counted32()?.to_vec();
        r.counted32()?;
        let key = Etype::from_i32(i32::from(etype)).and_then(|etype| Key::new(etype, key).ok());
        let Some(key) = key.filter(|_| server_realm != SETTINGS_REALM) else { return Ok(None) };
        let epoch = FileTime::from_unix(0, 0);
        Ok(Some(Self {
            client,
            client_realm,
            server,
            server_realm,
            key,
            auth_time,
            // MIT leaves the start out when it is the time of authentication.
            start_time: if start_time == epoch { auth_time } else { start_time },
            end_time,
            renew_till: (renew_till > epoch).then_some(renew_till),
            flags,
            ticket,
        }))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("client", &format_args!("{}@{}", self.client, self.client_realm))
            .field("server", &format_args!("{}@{}", self.server, self.server_realm))
            .field("end_time", &self.end_time)
            .finish_non_exhaustive()
    }
}

/// A credential cache.
#[derive(Clone, Debug)]
pub struct Ccache {
    /// Whose it is.
    pub principal: PrincipalName,
    /// In which realm.
    pub realm: String,
    /// The tickets.
    pub credentials: Vec<Credential>,
}

impl Ccache {
    /// A cache of its client's with this one ticket.
    #[must_use]
    pub fn of(credential: Credential) -> Self {
        Self {
            principal: credential.client.clone(),
            realm: credential.client_realm.clone(),
            credentials: vec![credential],
        }
    }

    /// The ticket-granting ticket of the cache's own realm that ends last.
    #[must_use]
    pub fn ticket_granting(&self) -> Option<&Credential> {
        self.credentials
            .iter()
            .filter(|c| c.is_ticket_granting() && c.server.components.get(1).is_some_and(|realm| *realm == self.realm))
            .max_by_key(|c| c.end_time)
    }

    /// The ticket for a service, by its name in text (`ldap/dc1.contoso.com`), that ends last.
    #[must_use]
    pub fn service(&self, spn: &str) -> Option<&Credential> {
        self.credentials
            .iter()
            .filter(|c| c.server.components.join("/").eq_ignore_ascii_case(spn))
            .max_by_key(|c| c.end_time)
    }

    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(vec![5, 4, 0, 0]);
        write_principal(&mut out, &self.principal, &self.realm);
        for credential in &self.credentials {
            credential.write_to(&mut out);
        }
        out
    }

    /// Reads the file's bytes. Entries with settings, and tickets with other keys than AES, are left out.
    ///
    /// # Errors
    /// When they are no cache of format 4, or cut short.
    pub fn decode(bytes: &[u8]) -> Result<Self, CcacheError> {
        let mut r = Fields(bytes.strip_prefix(&[5, 4]).ok_or(CcacheError::Format)?);
        r.counted16()?;
        let (principal, realm) = read_principal(&mut r)?;
        let mut credentials = Vec::new();
        while !r.0.is_empty() {
            credentials.extend(Credential::read(&mut r)?);
        }
        Ok(Self { principal, realm, credentials })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is no credential cache.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, CcacheError> {
        let path = path.as_ref();
        let file = |source| CcacheError::File { path: path.to_owned(), source };
        Self::decode(&Zeroizing::new(private_file::read(path, LONGEST).map_err(file)?))
    }

    /// Writes a file that only its owner can read (0600), replacing another as a whole.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), CcacheError> {
        let path = path.as_ref();
        private_file::replace(path, &self.encode())
            .map_err(|source| CcacheError::File { path: path.to_owned(), source })
    }
}

fn seconds(time: FileTime) -> u32 {
    let seconds = time.unix_seconds();
    if seconds < 0 { 0 } else { u32::try_from(seconds).unwrap_or(u32::MAX) }
}

fn write_principal(out: &mut Vec<u8>, principal: &PrincipalName, realm: &str) {
    out.extend_from_slice(&principal.name_type.to_be_bytes());
    out.extend_from_slice(&u32::try_from(principal.components.len()).unwrap_or(u32::MAX).to_be_bytes());
    stored::counted32(out, realm.as_bytes());
    for component in &principal.components {
        stored::counted32(out, component.as_bytes());
    }
}

fn read_principal(r: &mut Fields<'_>) -> Result<(PrincipalName, String), Damaged> {
    let name_type = r.u32()?;
    let count = r.u32()?;
    let realm = stored::text(r.counted32()?)?;
    let mut components = Vec::new();
    for _ in 0..count {
        components.push(stored::text(r.counted32()?)?);
    }
    Ok((stored::principal(name_type, components), realm))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dtyp::SystemRandom;
    use proptest::prelude::*;

    fn credential() -> Credential {
        let at = |seconds: i64| FileTime::from_unix(1_700_000_000 + seconds, 0);
        Credential {
            client: PrincipalName::user("webapp01$"),
            client_realm: "CONTOSO.COM".into(),
            server: PrincipalName { name_type: 2, components: vec!["krbtgt".into(), "CONTOSO.COM".into()] },
            server_realm: "CONTOSO.COM".into(),
            key: Key::random(Etype::Aes256, &SystemRandom),
            auth_time: at(0),
            start_time: at(1),
            end_time: at(36_000),
            renew_till: Some(at(600_000)),
            flags: 0x40e1_0000,
            ticket: vec![0x61, 3, 1, 2, 3],
        }
    }

    #[test]
    fn a_cache_reads_back() {
        let cache = Ccache::of(credential());
        let read = Ccache::decode(&cache.encode()).unwrap();
        let (a, b) = (&cache.credentials[0], read.ticket_granting().unwrap());
        assert_eq!((&a.client, &a.server, a.flags, &a.ticket), (&b.client, &b.server, b.flags, &b.ticket));
        assert_eq!(
            (a.auth_time, a.start_time, a.end_time, a.renew_till),
            (b.auth_time, b.start_time, b.end_time, b.renew_till)
        );
        assert_eq!(a.key.bytes(), b.key.bytes());
        assert!(read.service("KRBTGT/contoso.com").is_some());
    }

    #[test]
    fn only_the_owner_can_read_the_file_and_it_replaces_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("krb5cc");
        std::fs::write(&path, b"old").unwrap();
        Ccache::of(credential()).write(&path).unwrap();
        assert_eq!(Ccache::read(&path).unwrap().credentials.len(), 1);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_printed_is_not_printed() {
        let credential = credential();
        let hidden = format!("{:?}", credential.key.bytes());
        assert!(!format!("{credential:?}").contains(hidden.trim_matches(['[', ']'])));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(at in 0usize..200, byte in any::<u8>(), cut in 0usize..200) {
            let mut bytes = Ccache::of(credential()).encode().to_vec();
            if let Some(place) = bytes.get_mut(at) { *place = byte; }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = Ccache::decode(&bytes);
        }
    }
}
