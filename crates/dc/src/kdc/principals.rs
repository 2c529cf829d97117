//! Whom a KDC knows: the accounts, as far as tickets need them.

use std::sync::Arc;

use directory::account::LogonHours;
use dtyp::{FileTime, Sid};
use kerberos::PrincipalName;
use kerberos::crypto::{Etype, Key};
use kerberos::pac::GroupMembership;

/// Finds accounts. What it gives is a snapshot; it may be remembered as long as nothing in the directory changed.
pub trait Principals: Send + Sync {
    /// The names of the realm.
    fn realm(&self) -> &Realm;

    /// The account of a client. MS-KILE 3.3.5.6.1 (Client Principal Lookup).
    ///
    /// # Errors
    /// When the source of accounts fails.
    fn client(&self, name: &PrincipalName, now: FileTime) -> Result<Option<Arc<Account>>, Unavailable>;

    /// The account of a service. MS-KILE 3.3.5.1.1 (Server Principal Lookup). Never asked for the ticket-granting service.
    ///
    /// # Errors
    /// When the source of accounts fails.
    fn service(&self, name: &PrincipalName, now: FileTime) -> Result<Option<Arc<Account>>, Unavailable>;

    /// The account of the ticket-granting service: its previous keys open tickets too.
    ///
    /// # Errors
    /// When the source of accounts fails.
    fn krbtgt(&self, now: FileTime) -> Result<Arc<Account>, Unavailable>;
}

/// The source of accounts failed.
#[derive(Debug, thiserror::Error)]
#[error("accounts cannot be looked up: {0}")]
pub struct Unavailable(pub String);

impl From<directory::Error> for Unavailable {
    fn from(error: directory::Error) -> Self {
        Self(error.to_string())
    }
}

/// The names of a realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    /// `CONTOSO.COM`.
    pub name: String,
    /// `CONTOSO`.
    pub netbios: String,
}

impl Realm {
    /// Whether this is the realm, by either of its names, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(&self.name) || name.eq_ignore_ascii_case(&self.netbios)
    }

    /// The name of its ticket-granting service.
    #[must_use]
    pub fn krbtgt(&self) -> PrincipalName {
        PrincipalName::krbtgt(&self.name)
    }
}

/// Bits of `userAccountControl` that tickets depend on. MS-ADTS 2.2.16.
pub mod control {
    /// The account is disabled.
    pub const ACCOUNT_DISABLE: u32 = 0x2;
    /// Its password is of no use to its user.
    pub const SMARTCARD_REQUIRED: u32 = 0x4_0000;
    /// Services may be given its clients' tickets.
    pub const TRUSTED_FOR_DELEGATION: u32 = 0x8_0000;
    /// Nobody may be given its tickets.
    pub const NOT_DELEGATED: u32 = 0x10_0000;
    /// Anybody may have a ticket of it, which its password protects.
    pub const DONT_REQUIRE_PREAUTH: u32 = 0x40_0000;
    /// The service reads no PAC.
    pub const NO_AUTH_DATA_REQUIRED: u32 = 0x200_0000;
}

/// An account that asks for tickets or that tickets are for.
#[derive(Clone, Debug)]
pub struct Account {
    /// `sAMAccountName`.
    pub name: String,
    /// `objectSid`.
    pub sid: Sid,
    /// `userAccountControl`; see [`control`].
    pub control: u32,
    /// Until when it is locked out.
    pub locked_until: Option<FileTime>,
    /// When it expires.
    pub expires: Option<FileTime>,
    /// When its password expires; a time before now when it must be changed.
    pub password_expires: Option<FileTime>,
    /// Whether the password must be changed before anything else, whatever its age.
    pub must_change_password: bool,
    /// When it may log on; always, if nothing is said.
    pub logon_hours: Option<LogonHours>,
    /// Whether it is in the group Protected Users.
    pub protected: bool,
    /// Whether it is meant as a service: it has a `servicePrincipalName` or is a computer.
    pub is_service: bool,
    /// Whether resource groups stand among the extra SIDs of its tickets. MS-KILE 2.2.7 (Resource-SID-compression-disabled).
    pub no_sid_compression: bool,
    /// What its password was salted with.
    pub salt: String,
    /// Its keys.
    pub keys: Keys,
    /// What a PAC says of it.
    pub authorization: Authorization,
}

/// What a PAC says of an account, encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorization {
    /// The buffer of a [`kerberos::pac::LogonInfo`], with the account's global and universal groups.
    pub logon_info: Vec<u8>,
    /// The buffer of a [`kerberos::pac::UpnDnsInfo`].
    pub upn_dns_info: Vec<u8>,
    /// The account's domain local groups: they go into tickets for services only. MS-KILE 3.3.5.7.3.
    pub resource_groups: Vec<GroupMembership>,
}

impl Account {
    /// Whether all these bits of [`control`] are set.
    #[must_use]
    pub const fn has(&self, bits: u32) -> bool {
        self.control & bits == bits
    }
}

/// The keys of an account.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// The version of the current ones.
    pub kvno: u32,
    /// The current ones, one of each kind.
    pub current: Vec<Key>,
    /// Others that open something, with their versions: those before, for as long as they do; of a managed password the next, shortly
    /// before it is in force.
    pub others: Vec<(u32, Key)>,
}

impl Keys {
    /// The current key of a kind.
    #[must_use]
    pub fn of(&self, etype: Etype) -> Option<&Key> {
        self.current.iter().find(|key| key.etype() == etype)
    }

    /// The strongest current key.
    #[must_use]
    pub fn strongest(&self) -> Option<&Key> {
        self.current.iter().max_by_key(|key| key.etype())
    }

    /// The kinds of current keys that are among those offered, in the order of the offer.
    pub fn common<'a>(&'a self, offered: &'a [i32]) -> impl Iterator<Item = Etype> + 'a {
        let kinds = offered.iter().filter_map(|number| Etype::from_i32(*number));
        kinds.filter(|etype| self.of(*etype).is_some())
    }

    /// Every key of a kind that may have been used, with its version, current first.
    pub fn candidates(&self, etype: Etype) -> impl Iterator<Item = (u32, &Key)> {
        let current = self.current.iter().map(|key| (self.kvno, key));
        let all = current.chain(self.others.iter().map(|(version, key)| (*version, key)));
        all.filter(move |(_, key)| key.etype() == etype)
    }
}
