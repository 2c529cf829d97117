//! The identity a container gets, and its files.

use std::path::Path;
use std::time::Instant;

use client::gmsa::Retrieved;
use client::{Ccache, Credential, Domain, Keytab};
use credspec::AccountName;
use dtyp::FileTime;
use zeroize::Zeroizing;

use crate::{Cause, GuardError, Link, Step};

/// The gMSAs of a credential spec, logged on, and the chain that led to them.
pub struct Identity {
    /// The account the container is by default.
    pub default: Account,
    /// The spec's other accounts.
    pub others: Vec<Account>,
    /// The links that led here.
    pub links: Vec<Link>,
    pub(crate) domain: Domain,
    pub(crate) fetched: FileTime,
}

/// One gMSA with its password and its ticket-granting ticket.
pub struct Account {
    /// Its name in the spec.
    pub name: AccountName,
    /// What the directory released.
    pub gmsa: Retrieved,
    /// Its ticket-granting ticket.
    pub ticket: Credential,
}

impl Account {
    /// `webapp01$@CONTOSO.COM`.
    #[must_use]
    pub fn principal(&self) -> String {
        format!("{}@{}", self.ticket.client, self.ticket.client_realm)
    }

    /// Its ticket as a credential cache.
    #[must_use]
    pub fn ccache(&self) -> Zeroizing<Vec<u8>> {
        Ccache::of(self.ticket.clone()).encode()
    }
}

impl Identity {
    /// All accounts, the default one first.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        std::iter::once(&self.default).chain(&self.others)
    }

    /// The keys of one account, current and previous; for the default account under these further names too.
    #[must_use]
    pub fn keytab_of(&self, account: &Account, service_principals: &[String]) -> Keytab {
        let further: Vec<_> = match account.name == self.default.name {
            true => service_principals.iter().map(String::as_str).collect(),
            false => Vec::new(),
        };
        account.gmsa.keytab(&self.domain, &further, self.fetched)
    }

    /// Puts the default account's ticket where the container finds it: a credential cache that only its owner reads (0600), replaced in
    /// one step, so that it can be renewed under a running container.
    ///
    /// # Errors
    /// [`Cause::Write`].
    pub fn write_ccache(&self, path: &Path) -> Result<Link, GuardError> {
        let since = Instant::now();
        let written = Ccache::of(self.default.ticket.clone()).write(path);
        self.handed_over(path, "a credential cache", since, written.map_err(|e| e.to_string()))
    }

    /// Writes the keys of all accounts, current and previous, for the accounts themselves and, with the default account's keys, for
    /// `service_principals` (`HTTP/webapp01.contoso.com`): a keytab that only its owner reads (0600), replaced in one step.
    ///
    /// # Errors
    /// [`Cause::Write`].
    pub fn write_keytab(&self, path: &Path, service_principals: &[&str]) -> Result<Link, GuardError> {
        let since = Instant::now();
        let mut keytab = self.default.gmsa.keytab(&self.domain, service_principals, self.fetched);
        for other in &self.others {
            keytab.entries.extend(other.gmsa.keytab(&self.domain, &[], self.fetched).entries);
        }
        self.handed_over(path, "a keytab", since, keytab.write(path).map_err(|e| e.to_string()))
    }

    fn handed_over(
        &self,
        path: &Path,
        kind: &str,
        since: Instant,
        written: Result<(), String>,
    ) -> Result<Link, GuardError> {
        let step = Step::Handover;
        match written {
            Ok(()) => Ok(Link {
                step,
                who: "the guard".to_owned(),
                to: "the container".to_owned(),
                how: format!("{kind} for {} in {}, mode 0600", self.default.principal(), path.display()),
                authorised_by: "the container's own file system: only its user reads the file".to_owned(),
                took: since.elapsed(),
            }),
            Err(what) => Err(GuardError {
                step,
                links: self.links.clone(),
                cause: Box::new(Cause::Write { path: path.to_owned(), what }),
            }),
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.accounts().map(Account::principal)).finish()
    }
}
