//! Who the host itself is in a domain, for specs without a plugin.

use std::path::PathBuf;

use client::{Keytab, KeytabEntry as Entry, PrincipalName, kerberos};

use crate::Cause;

/// An account that asks the directory for a gMSA.
pub struct Asker {
    /// Its principal: `host1$`, or a user.
    pub name: PrincipalName,
    /// What proves it.
    pub secret: kerberos::Secret,
}

/// The keytabs of this host: of each domain it has joined, the computer account's keys. They are read anew for each fetch, because the
/// computer's password changes too.
#[derive(Clone, Debug, Default)]
pub struct HostKeytabs(pub Vec<PathBuf>);

impl HostKeytabs {
    /// The realms in which this host has an account.
    ///
    /// # Errors
    /// When a keytab cannot be read.
    pub fn realms(&self) -> Result<Vec<String>, Cause> {
        let entries = self.entries()?;
        let mut realms: Vec<_> = entries.into_iter().filter(is_computer).map(|entry| entry.realm).collect();
        realms.dedup();
        Ok(realms)
    }

    fn entries(&self) -> Result<Vec<Entry>, Cause> {
        let mut entries = Vec::new();
        for path in &self.0 {
            let keytab = Keytab::read(path)
                .map_err(|error| Cause::HostKeytab { path: path.clone(), what: error.to_string() })?;
            entries.extend(keytab.entries);
        }
        Ok(entries)
    }

    /// The computer account in this realm, with its newest keys.
    pub(crate) fn account(&self, realm: &str) -> Result<Asker, Cause> {
        let entries = self.entries()?;
        let own = entries.iter().filter(|entry| entry.realm == realm && is_computer(entry));
        let newest = own.clone().max_by_key(|entry| entry.kvno).ok_or_else(|| match self.0.is_empty() {
            true => Cause::NoHostIdentity,
            false => Cause::NoHostAccount { realm: realm.to_owned(), keytabs: self.0.clone() },
        })?;
        let keys = own.clone().filter(|entry| entry.principal == newest.principal && entry.kvno == newest.kvno);
        Ok(Asker {
            name: newest.principal.clone(),
            secret: kerberos::Secret::Keys(keys.map(|entry| entry.key.clone()).collect()),
        })
    }
}

fn is_computer(entry: &Entry) -> bool {
    matches!(&*entry.principal.components, [name] if name.ends_with('$'))
}

#[cfg(test)]
mod tests {
    use ::kerberos::crypto::{Etype, Key};
    use client::kerberos::Secret;
    use dtyp::{FileTime, SystemRandom};

    use super::*;

    fn entry(name: &str, realm: &str, kvno: u32) -> Entry {
        Entry::new(PrincipalName::user(name), realm, kvno, FileTime(0), Key::random(Etype::Aes256, &SystemRandom))
    }

    fn keytabs(entries: Vec<Entry>) -> (tempfile::TempDir, HostKeytabs) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("krb5.keytab");
        Keytab { entries }.write(&path).unwrap();
        (place, HostKeytabs(vec![path]))
    }

    #[test]
    fn each_domain_is_asked_with_the_account_in_that_domain() {
        let (_place, keytabs) = keytabs(vec![
            entry("host1$", "CONTOSO.COM", 3),
            entry("host1$", "CONTOSO.COM", 4),
            entry("host1$", "FABRIKAM.TEST", 9),
            entry("webapp", "CONTOSO.COM", 20),
        ]);
        let asker = keytabs.account("CONTOSO.COM").ok().unwrap();
        assert_eq!(asker.name.to_string(), "host1$");
        assert!(matches!(asker.secret, Secret::Keys(keys) if keys.len() == 1));
        assert!(matches!(keytabs.account("CONTOSO.ORG"), Err(Cause::NoHostAccount { .. })));
    }

    #[test]
    fn without_a_keytab_the_host_is_nobody() {
        assert!(matches!(HostKeytabs::default().account("CONTOSO.COM"), Err(Cause::NoHostIdentity)));
        let gone = HostKeytabs(vec!["/nowhere/krb5.keytab".into()]);
        assert!(matches!(gone.account("CONTOSO.COM"), Err(Cause::HostKeytab { .. })));
    }
}
