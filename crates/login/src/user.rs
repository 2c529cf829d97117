//! Who logged in.

use dtyp::Sid;

/// A user who proved the password a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The distinguished name.
    pub dn: String,
    /// The account name (`sAMAccountName`).
    pub sam: String,
    /// The name to show; the account name when the directory has no other.
    pub display_name: String,
    /// The user principal name, if there is one.
    pub upn: Option<String>,
    /// The security identifier, if the directory has them.
    pub sid: Option<Sid>,
    /// Every group the user is in, also through other groups.
    pub groups: Vec<Group>,
}

/// A group of a user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The distinguished name.
    pub dn: String,
    /// The account name, or the common name when it has none.
    pub name: String,
    /// The security identifier, if the directory has them.
    pub sid: Option<Sid>,
}

impl User {
    /// Whether one of the groups has this name or distinguished name, whatever the case.
    #[must_use]
    pub fn is_member_of(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g.name.eq_ignore_ascii_case(group) || g.dn.eq_ignore_ascii_case(group))
    }
}
