//! Who asks: a principal and everything it is a member of.

use crate::Sid;

/// A principal as the access check sees it: the user, all its groups, and its privileges. MS-DTYP 2.5.2.
///
/// Nested groups are already resolved: every SID that counts is in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    user: Sid,
    groups: Vec<Sid>,
    privileges: Privileges,
}

/// What a token may do whatever a descriptor says. MS-DTYP 2.5.2 (the user rights a domain controller gives by default).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Privileges(u8);

impl Privileges {
    /// Nothing beyond the descriptors.
    pub const NONE: Self = Self(0);
    /// `SeSecurityPrivilege`: read and write audit lists (`ACCESS_SYSTEM_SECURITY`).
    pub const SECURITY: Self = Self(1);
    /// `SeTakeOwnershipPrivilege`: become the owner of any object (`WRITE_OWNER`).
    pub const TAKE_OWNERSHIP: Self = Self(2);
    /// `SeRestorePrivilege`: set any owner.
    pub const RESTORE: Self = Self(4);
    /// `SeBackupPrivilege`.
    pub const BACKUP: Self = Self(8);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Token {
    /// A token of a user and its groups, in any order and with repetitions. The user need not be named again.
    ///
    /// `BUILTIN\Administrators` and the system get the privileges that the default policy of domain controllers gives them, Backup and
    /// Server Operators theirs; nobody gets any right to an object here: those come from descriptors alone.
    #[must_use]
    pub fn new(user: Sid, groups: impl IntoIterator<Item = Sid>) -> Self {
        let mut groups: Vec<Sid> = groups.into_iter().collect();
        groups.sort_unstable();
        groups.dedup();
        let mut token = Self { user, groups, privileges: Privileges::NONE };
        if token.contains(&Sid::BUILTIN_ADMINISTRATORS) || user == Sid::SYSTEM {
            token.privileges =
                Privileges::SECURITY.and(Privileges::TAKE_OWNERSHIP).and(Privileges::RESTORE).and(Privileges::BACKUP);
        } else if token.contains(&Sid::BACKUP_OPERATORS) || token.contains(&Sid::SERVER_OPERATORS) {
            token.privileges = Privileges::RESTORE.and(Privileges::BACKUP);
        }
        token
    }

    /// The directory acting for itself.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Sid::SYSTEM, [Sid::BUILTIN_ADMINISTRATORS, Sid::EVERYONE, Sid::AUTHENTICATED_USERS])
    }

    /// Somebody who has not authenticated. MS-ADTS 5.1.1: not even a member of Everyone, unless the forest is told otherwise.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(Sid::ANONYMOUS, [])
    }

    /// The same with exactly these privileges.
    #[must_use]
    pub fn with_privileges(mut self, privileges: Privileges) -> Self {
        self.privileges = privileges;
        self
    }

    /// The principal itself.
    #[must_use]
    pub const fn user(&self) -> &Sid {
        &self.user
    }

    /// Its groups, sorted, without repetition.
    #[must_use]
    pub fn groups(&self) -> &[Sid] {
        &self.groups
    }

    /// What it may do whatever a descriptor says.
    #[must_use]
    pub const fn privileges(&self) -> Privileges {
        self.privileges
    }

    /// Whether `sid` is the user or one of the groups.
    #[must_use]
    pub fn contains(&self, sid: &Sid) -> bool {
        self.user == *sid || self.groups.binary_search(sid).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_and_every_group_are_members() {
        let domain = Sid::domain_of(1, 2, 3);
        let user = domain.with_rid(1104).unwrap();
        let token = Token::new(user, [Sid::EVERYONE, Sid::AUTHENTICATED_USERS, Sid::EVERYONE]);
        assert!(token.contains(&user) && token.contains(&Sid::EVERYONE) && token.contains(&Sid::AUTHENTICATED_USERS));
        assert!(!token.contains(&Sid::SYSTEM));
        assert_eq!(token.groups().len(), 2);
        assert_eq!(token.privileges(), Privileges::NONE);
    }

    #[test]
    fn administrators_may_take_ownership_and_backup_operators_may_restore() {
        let domain = Sid::domain_of(1, 2, 3);
        let of = |group| Token::new(domain, [group]).privileges();
        assert!(of(Sid::BUILTIN_ADMINISTRATORS).contains(Privileges::TAKE_OWNERSHIP.and(Privileges::SECURITY)));
        assert!(of(Sid::BACKUP_OPERATORS).contains(Privileges::RESTORE));
        assert!(!of(Sid::BACKUP_OPERATORS).contains(Privileges::SECURITY));
        assert_eq!(of(Sid::EVERYONE), Privileges::NONE);
    }
}
