//! Security identifiers.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::Error;

/// Who somebody is: an authority and up to fifteen sub-authorities. MS-DTYP 2.4.2.
///
/// Copied freely; equality, order and hash are those of the identifier. The order is by authority, then sub-authorities: members of one
/// domain sort together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sid {
    authority: [u8; 6],
    /// Unused places are zero, so that comparing all of them compares the identifiers (together with `count`).
    sub: [u32; MOST_SUB_AUTHORITIES],
    count: u8,
}

const MOST_SUB_AUTHORITIES: usize = 15;

/// Relative identifiers with a fixed meaning in every domain. MS-DTYP 2.4.2.4.
pub mod rid {
    /// The built-in administrator.
    pub const ADMINISTRATOR: u32 = 500;
    /// The guest account.
    pub const GUEST: u32 = 501;
    /// The account whose key seals the tickets.
    pub const KRBTGT: u32 = 502;
    /// Read-only domain controllers of the whole forest (forest root only).
    pub const ENTERPRISE_READ_ONLY_DOMAIN_CONTROLLERS: u32 = 498;
    /// Domain Admins.
    pub const DOMAIN_ADMINS: u32 = 512;
    /// Domain Users.
    pub const DOMAIN_USERS: u32 = 513;
    /// Domain Guests.
    pub const DOMAIN_GUESTS: u32 = 514;
    /// Domain Computers.
    pub const DOMAIN_COMPUTERS: u32 = 515;
    /// Domain Controllers.
    pub const DOMAIN_CONTROLLERS: u32 = 516;
    /// Cert Publishers.
    pub const CERT_PUBLISHERS: u32 = 517;
    /// Schema Admins (forest root only).
    pub const SCHEMA_ADMINS: u32 = 518;
    /// Enterprise Admins (forest root only).
    pub const ENTERPRISE_ADMINS: u32 = 519;
    /// Group Policy Creator Owners.
    pub const GROUP_POLICY_CREATOR_OWNERS: u32 = 520;
    /// Read-only Domain Controllers.
    pub const READ_ONLY_DOMAIN_CONTROLLERS: u32 = 521;
    /// Cloneable Domain Controllers.
    pub const CLONEABLE_DOMAIN_CONTROLLERS: u32 = 522;
    /// Protected Users.
    pub const PROTECTED_USERS: u32 = 525;
    /// Key Admins.
    pub const KEY_ADMINS: u32 = 526;
    /// Enterprise Key Admins (forest root only).
    pub const ENTERPRISE_KEY_ADMINS: u32 = 527;
    /// RAS and IAS Servers.
    pub const RAS_AND_IAS_SERVERS: u32 = 553;
    /// Allowed RODC Password Replication Group.
    pub const ALLOWED_RODC_PASSWORD_REPLICATION: u32 = 571;
    /// Denied RODC Password Replication Group.
    pub const DENIED_RODC_PASSWORD_REPLICATION: u32 = 572;
    /// The first that a domain gives to its own accounts.
    pub const FIRST_ALLOCATED: u32 = 1000;
}

macro_rules! well_known {
    ($($(#[$doc:meta])* $name:ident = $authority:literal $(, $sub:literal)*;)*) => {
        impl Sid {
            $($(#[$doc])* pub const $name: Self = Self::new_const($authority, &[$($sub),*]);)*
        }
    };
}

well_known! {
    /// Nobody.
    NULL = 0, 0;
    /// Everyone, also the unauthenticated.
    EVERYONE = 1, 0;
    /// Replaced by the owner when a child inherits an entry.
    CREATOR_OWNER = 3, 0;
    /// Replaced by the group when a child inherits an entry.
    CREATOR_GROUP = 3, 1;
    /// What the owner may do, when an entry says so.
    OWNER_RIGHTS = 3, 4;
    /// Logged on over the network.
    NETWORK = 5, 2;
    /// Logged on at the console.
    INTERACTIVE = 5, 4;
    /// Logged on as a service.
    SERVICE = 5, 6;
    /// Not authenticated.
    ANONYMOUS = 5, 7;
    /// Every domain controller of the forest.
    ENTERPRISE_DOMAIN_CONTROLLERS = 5, 9;
    /// The object itself (`PRINCIPAL_SELF`).
    SELF = 5, 10;
    /// Whoever has authenticated.
    AUTHENTICATED_USERS = 5, 11;
    /// Code that runs restricted.
    RESTRICTED = 5, 12;
    /// Users of this organization, as opposed to those of a trusted one.
    THIS_ORGANIZATION = 5, 15;
    /// The operating system: here, the directory itself.
    SYSTEM = 5, 18;
    /// Local Service.
    LOCAL_SERVICE = 5, 19;
    /// Network Service.
    NETWORK_SERVICE = 5, 20;
    /// Code that must not write.
    WRITE_RESTRICTED = 5, 33;
    /// The domain of the built-in groups.
    BUILTIN = 5, 32;
    /// `BUILTIN\Administrators`.
    BUILTIN_ADMINISTRATORS = 5, 32, 544;
    /// `BUILTIN\Users`.
    BUILTIN_USERS = 5, 32, 545;
    /// `BUILTIN\Guests`.
    BUILTIN_GUESTS = 5, 32, 546;
    /// `BUILTIN\Account Operators`.
    ACCOUNT_OPERATORS = 5, 32, 548;
    /// `BUILTIN\Server Operators`.
    SERVER_OPERATORS = 5, 32, 549;
    /// `BUILTIN\Print Operators`.
    PRINT_OPERATORS = 5, 32, 550;
    /// `BUILTIN\Backup Operators`.
    BACKUP_OPERATORS = 5, 32, 551;
    /// `BUILTIN\Pre-Windows 2000 Compatible Access`.
    PRE_WINDOWS_2000 = 5, 32, 554;
    /// `BUILTIN\Windows Authorization Access Group`.
    WINDOWS_AUTHORIZATION_ACCESS = 5, 32, 560;
    /// An authentication authority asserts the identity (the password or key was checked). MS-SFU 2.2.
    AUTHENTICATION_AUTHORITY_ASSERTED = 18, 1;
    /// A service asserts the identity. MS-SFU 2.2.
    SERVICE_ASSERTED = 18, 2;
}

impl Sid {
    const fn new_const(authority: u8, sub_authorities: &[u32]) -> Self {
        let mut sub = [0; MOST_SUB_AUTHORITIES];
        let mut at = 0;
        while at < sub_authorities.len() {
            sub[at] = sub_authorities[at];
            at += 1;
        }
        Self { authority: [0, 0, 0, 0, 0, authority], sub, count: sub_authorities.len() as u8 }
    }

    /// A SID of an authority and sub-authorities, or nothing when there are too many of them or the authority has more than 48 bits.
    #[must_use]
    pub fn new(authority: u64, sub_authorities: &[u32]) -> Option<Self> {
        let mut sub = [0; MOST_SUB_AUTHORITIES];
        sub.get_mut(..sub_authorities.len())?.copy_from_slice(sub_authorities);
        let [0, 0, authority @ ..] = authority.to_be_bytes() else { return None };
        Some(Self { authority, sub, count: u8::try_from(sub_authorities.len()).ok()? })
    }

    /// The SID of the domain `S-1-5-21-a-b-c`.
    #[must_use]
    pub const fn domain_of(a: u32, b: u32, c: u32) -> Self {
        Self::new_const(5, &[21, a, b, c])
    }

    /// The group `rid` of the domain of built-in groups: `S-1-5-32-rid`.
    #[must_use]
    pub const fn builtin(rid: u32) -> Self {
        Self::new_const(5, &[32, rid])
    }

    /// The integrity level of code, `S-1-16-level`. MS-DTYP 2.4.2.4.
    #[must_use]
    pub const fn integrity_level(level: u32) -> Self {
        Self::new_const(16, &[level])
    }

    /// Reads the binary form, which must be all of `bytes`.
    ///
    /// # Errors
    /// When the bytes are not exactly one SID.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (sid, rest) = Self::split_from(bytes)?;
        if rest.is_empty() { Ok(sid) } else { Err(Error::SidBytes("bytes follow its last sub-authority")) }
    }

    /// Reads the binary form at the start of `bytes` and gives what follows it.
    ///
    /// # Errors
    /// When no SID begins here.
    pub fn split_from(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let ([revision, count, authority @ ..], rest) =
            bytes.split_first_chunk::<8>().ok_or(Error::SidBytes("fewer than eight"))?;
        if *revision != 1 {
            return Err(Error::SidBytes("its revision is not 1"));
        }
        let mut sub = [0; MOST_SUB_AUTHORITIES];
        let used = sub.get_mut(..usize::from(*count)).ok_or(Error::SidBytes("more than fifteen sub-authorities"))?;
        let mut rest = rest;
        for value in used {
            let (four, after) =
                rest.split_first_chunk::<4>().ok_or(Error::SidBytes("it ends inside its sub-authorities"))?;
            *value = u32::from_le_bytes(*four);
            rest = after;
        }
        Ok((Self { authority: *authority, sub, count: *count }, rest))
    }

    /// The binary form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.byte_len());
        self.write_to(&mut bytes);
        bytes
    }

    /// Appends the binary form.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[1, self.count]);
        out.extend_from_slice(&self.authority);
        for value in self.sub_authorities() {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// How long the binary form is.
    #[must_use]
    pub const fn byte_len(&self) -> usize {
        8 + 4 * self.count as usize
    }

    /// The identifier authority.
    #[must_use]
    pub fn authority(&self) -> u64 {
        self.authority.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    /// The sub-authorities.
    #[must_use]
    pub fn sub_authorities(&self) -> &[u32] {
        self.sub.get(..usize::from(self.count)).unwrap_or_default()
    }

    /// The last sub-authority: an account's identifier relative to its domain.
    #[must_use]
    pub fn rid(&self) -> Option<u32> {
        self.sub_authorities().last().copied()
    }

    /// Everything but the last sub-authority: an account's domain.
    #[must_use]
    pub fn domain(&self) -> Option<Self> {
        let count = self.count.checked_sub(1)?;
        let mut domain = Self { count, ..*self };
        *domain.sub.get_mut(usize::from(count))? = 0;
        Some(domain)
    }

    /// The account `rid` of this domain.
    ///
    /// # Errors
    /// When the SID already has fifteen sub-authorities.
    pub fn with_rid(&self, rid: u32) -> Result<Self, Error> {
        let mut account = *self;
        let place = account.sub.get_mut(usize::from(self.count)).ok_or_else(|| Error::SidFull(self.to_string()))?;
        *place = rid;
        account.count += 1;
        Ok(account)
    }

    /// Whether this is an account or group of `domain`.
    #[must_use]
    pub fn is_in(&self, domain: &Self) -> bool {
        self.domain().as_ref() == Some(domain)
    }
}

impl Hash for Sid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.authority.hash(state);
        self.sub_authorities().hash(state);
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority();
        if authority <= u64::from(u32::MAX) {
            write!(f, "S-1-{authority}")?;
        } else {
            write!(f, "S-1-0x{authority:012x}")?;
        }
        for value in self.sub_authorities() {
            write!(f, "-{value}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Sid {
    type Err = Error;

    /// The text form, `S-1-5-21-…`. MS-DTYP 2.4.2.1.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| Error::SidText(text.chars().take(200).collect()))
    }
}

fn parse(text: &str) -> Option<Sid> {
    let mut parts = text.split('-');
    if !parts.next()?.eq_ignore_ascii_case("s") || parts.next()? != "1" {
        return None;
    }
    let authority = parts.next()?;
    let authority = match authority.strip_prefix("0x").or_else(|| authority.strip_prefix("0X")) {
        Some(hex) if hex.len() <= 12 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u64::from_str_radix(hex, 16).ok()?
        }
        Some(_) => return None,
        None => decimal(authority)?,
    };
    let mut sub = [0; MOST_SUB_AUTHORITIES];
    let mut count = 0;
    for part in parts {
        *sub.get_mut(count)? = u32::try_from(decimal(part)?).ok()?;
        count += 1;
    }
    if count == 0 {
        return None;
    }
    Sid::new(authority, sub.get(..count)?)
}

/// Digits only: no sign, no space.
fn decimal(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_domain_account_has_its_known_bytes() {
        let sid: Sid = "S-1-5-21-1-2-4294967295-500".parse().unwrap();
        assert_eq!(
            hex::encode(sid.to_bytes()),
            "010500000000000515000000\
             0100000002000000fffffffff4010000"
                .replace(' ', "")
        );
        assert_eq!(sid.rid(), Some(500));
        assert_eq!(sid.domain(), Some(Sid::domain_of(1, 2, u32::MAX)));
        assert_eq!(Sid::domain_of(1, 2, u32::MAX).with_rid(500), Ok(sid));
        assert!(sid.is_in(&Sid::domain_of(1, 2, u32::MAX)));
    }

    #[test]
    fn the_well_known_have_their_known_text() {
        assert_eq!(Sid::EVERYONE.to_string(), "S-1-1-0");
        assert_eq!(Sid::SYSTEM.to_string(), "S-1-5-18");
        assert_eq!(Sid::BUILTIN_ADMINISTRATORS.to_string(), "S-1-5-32-544");
        assert_eq!(Sid::SELF.to_string(), "S-1-5-10");
    }

    #[test]
    fn great_authorities_are_hexadecimal() {
        let text = "S-1-0x123456789abc-7";
        let sid: Sid = text.parse().unwrap();
        assert_eq!(sid.authority(), 0x1234_5678_9abc);
        assert_eq!(sid.to_string(), text);
    }

    #[test]
    fn what_is_no_sid_is_refused() {
        for text in [
            "",
            "S-1",
            "S-1-5",
            "S-2-5-1",
            "S-1-5-",
            "S-1-5-+1",
            "S-1-5-4294967296",
            "S-1-5-1 ",
            "X-1-5-1",
            "S-1-5-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1",
        ] {
            assert!(text.parse::<Sid>().is_err(), "{text}");
        }
        for hex in [
            "",
            "0101",
            "010100000000000501",
            "020100000000000512000000",
            "01100000000000050000",
            "01010000000000051200000000",
        ] {
            assert!(Sid::from_bytes(&hex::decode(hex).unwrap()).is_err(), "{hex}");
        }
    }

    #[test]
    fn a_full_sid_takes_no_further_sub_authority() {
        let full = Sid::new(5, &[1; 15]).unwrap();
        assert!(full.with_rid(1).is_err());
        assert!(Sid::new(5, &[1; 16]).is_none());
        assert!(Sid::new(1 << 48, &[1]).is_none());
    }

    proptest! {
        #[test]
        fn bytes_and_text_are_the_same_sid(authority in 0u64..(1 << 48), sub in proptest::collection::vec(any::<u32>(), 1..=15)) {
            let sid = Sid::new(authority, &sub).unwrap();
            prop_assert_eq!(Sid::from_bytes(&sid.to_bytes()), Ok(sid));
            prop_assert_eq!(sid.to_string().parse::<Sid>(), Ok(sid));
            prop_assert_eq!(sid.byte_len(), sid.to_bytes().len());
            prop_assert_eq!(sid.domain().unwrap().with_rid(sid.rid().unwrap()), Ok(sid));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(sid) = Sid::from_bytes(&bytes) {
                prop_assert_eq!(sid.to_bytes(), bytes);
            }
        }
    }
}
