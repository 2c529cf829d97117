//! What goes wrong, in Active Directory's own terms: an LDAP result code, a Windows error and a diagnostic text of a known shape.
//!
//! MS-ADTS 3.1.1.3.1.9 (error message strings). Clients match on the text (`0000052D`, `problem 5003`), so its shape is kept.

use ldap::ResultCode;

/// Windows errors that updates and searches meet. MS-ERREF 2.2.
#[allow(missing_docs, reason = "the names are the documentation")]
pub mod win32 {
    pub const ACCESS_DENIED: u32 = 0x5;
    pub const GEN_FAILURE: u32 = 0x1F;
    pub const NOT_SUPPORTED: u32 = 0x32;
    pub const INVALID_PARAMETER: u32 = 0x57;
    pub const INVALID_PASSWORD: u32 = 0x56;
    pub const TOO_MANY_CONTEXT_IDS: u32 = 0x568;
    pub const PASSWORD_RESTRICTION: u32 = 0x52D;
    pub const USER_EXISTS: u32 = 0x524;
    pub const GROUP_EXISTS: u32 = 0x526;
    pub const INVALID_ACCOUNT_NAME: u32 = 0x523;
    pub const MEMBER_IN_GROUP: u32 = 0x528;
    pub const MEMBER_IN_ALIAS: u32 = 0x562;
    pub const MEMBER_NOT_IN_ALIAS: u32 = 0x561;
    pub const DS_NO_ATTRIBUTE_OR_VALUE: u32 = 0x200A;
    pub const DS_ATTRIBUTE_TYPE_UNDEFINED: u32 = 0x200C;
    pub const DS_ATTRIBUTE_OR_VALUE_EXISTS: u32 = 0x200D;
    pub const DS_BUSY: u32 = 0x200E;
    pub const DS_NO_RIDS_ALLOCATED: u32 = 0x2010;
    pub const DS_OBJ_CLASS_VIOLATION: u32 = 0x2014;
    pub const DS_CANT_ON_NON_LEAF: u32 = 0x2015;
    pub const DS_CANT_ON_RDN: u32 = 0x2016;
    pub const DS_CANT_MOD_OBJ_CLASS: u32 = 0x2017;
    pub const DS_OPERATIONS_ERROR: u32 = 0x2020;
    pub const DS_SIZELIMIT_EXCEEDED: u32 = 0x2023;
    pub const DS_NOT_ON_BACKLINK: u32 = 0x20AA;
    pub const DS_ADMIN_LIMIT_EXCEEDED: u32 = 0x2024;
    pub const DS_CONFIDENTIALITY_REQUIRED: u32 = 0x202D;
    pub const DS_REFERRAL: u32 = 0x202B;
    pub const DS_CONSTRAINT_VIOLATION: u32 = 0x202F;
    pub const DS_NO_SUCH_OBJECT: u32 = 0x2030;
    pub const DS_INVALID_DN_SYNTAX: u32 = 0x2032;
    pub const DS_UNWILLING_TO_PERFORM: u32 = 0x2035;
    pub const DS_NAMING_VIOLATION: u32 = 0x2037;
    pub const DS_CANT_ADD_SYSTEM_ONLY: u32 = 0x20A6;
    pub const DS_OBJ_STRING_NAME_EXISTS: u32 = 0x2071;
    pub const DS_NO_REQUESTED_ATTS_FOUND: u32 = 0x2074;
    pub const DS_MISSING_REQUIRED_ATT: u32 = 0x207C;
    pub const DS_ATT_NOT_DEF_FOR_CLASS: u32 = 0x207D;
    pub const DS_SINGLE_VALUE_CONSTRAINT: u32 = 0x2081;
    pub const DS_RANGE_CONSTRAINT: u32 = 0x2082;
    pub const DS_ATT_VAL_ALREADY_EXISTS: u32 = 0x2083;
    pub const DS_CANT_REM_MISSING_ATT: u32 = 0x2084;
    pub const DS_CANT_REM_MISSING_ATT_VAL: u32 = 0x2085;
    pub const DS_ROOT_CANT_BE_SUBREF: u32 = 0x2086;
    pub const DS_OBJ_NOT_FOUND: u32 = 0x208D;
    pub const DS_CHILDREN_EXIST: u32 = 0x208C;
    pub const DS_BAD_NAME_SYNTAX: u32 = 0x208F;
    pub const DS_INVALID_ATTRIBUTE_SYNTAX: u32 = 0x200B;
    pub const DS_CLASS_MUST_BE_CONCRETE: u32 = 0x20A7;
    pub const DS_OBJ_CLASS_NOT_SUBCLASS: u32 = 0x20B4;
    pub const DS_NO_PARENT_OBJECT: u32 = 0x2089;
    pub const DS_ATT_IS_NOT_ON_OBJ: u32 = 0x2076;
    pub const DS_SEC_DESC_INVALID: u32 = 0x20A2;
    pub const DS_BAD_RDN_ATT_ID_SYNTAX: u32 = 0x20C8;
    pub const DS_RDN_DOESNT_MATCH_SCHEMA: u32 = 0x2073;
    pub const DS_ILLEGAL_MOD_OPERATION: u32 = 0x2077;
    pub const DS_ILLEGAL_SUPERIOR: u32 = 0x2099;
    pub const DS_BAD_ATT_SCHEMA_SYNTAX: u32 = 0x20D0;
    pub const DS_INSUFF_ACCESS_RIGHTS: u32 = 0x2098;
    pub const DS_CANT_MOD_SYSTEM_ONLY: u32 = 0x20B1;
    pub const DS_OBJECT_CLASS_REQUIRED: u32 = 0x207B;
    pub const DS_NAME_REFERENCE_INVALID: u32 = 0x20B5;
    pub const DS_CANT_DELETE: u32 = 0x20CE;
    pub const DS_CANT_RETRIEVE_ATTS: u32 = 0x2121;
    pub const DS_SAM_INIT_FAILURE: u32 = 0x2138;
    pub const DS_CROSS_DOMAIN_CLEANUP_REQD: u32 = 0x212B;
    pub const DS_SPN_VALUE_NOT_UNIQUE_IN_FOREST: u32 = 0x21C7;
    pub const DS_UPN_VALUE_NOT_UNIQUE_IN_FOREST: u32 = 0x21C8;
    pub const DISK_FULL: u32 = 0x70;
    pub const INTERNAL_ERROR: u32 = 0x54F;
}

/// The family of an error: the word in its diagnostic and the X.500 problem number beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// `NameErr`, with the problem's number and name.
    Name(u16, &'static str),
    /// `UpdErr`.
    Update(u16, &'static str),
    /// `AtrErr`.
    Attribute(u16, &'static str),
    /// `SecErr`.
    Security(u16, &'static str),
    /// `SvcErr`.
    Service(u16, &'static str),
    /// `RefErr`.
    Referral,
    /// `LdapErr`: raised in the protocol head.
    Ldap,
    /// `SysErr`: raised in the account database.
    System,
}

/// Why the directory did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.diagnostic())]
pub struct Error {
    /// What LDAP calls it.
    pub code: ResultCode,
    /// What Windows calls it.
    pub win32: u32,
    /// Which family of diagnostic text it is given in.
    pub problem: Problem,
    /// What was wrong, in words; without secrets.
    pub comment: String,
    /// The nearest object that exists, when a name led nowhere.
    pub matched: Option<String>,
}

impl Error {
    /// An error with all its parts but a matched name.
    pub(crate) fn new(code: ResultCode, win32: u32, problem: Problem, comment: impl Into<String>) -> Self {
        Self { code, win32, problem, comment: comment.into(), matched: None }
    }

    /// The store failed or was used wrongly; what an administrator needs to know.
    pub(crate) fn store(comment: String) -> Self {
        tracing::error!(%comment, "the store failed");
        Self::new(
            ResultCode::OPERATIONS_ERROR,
            win32::DS_OPERATIONS_ERROR,
            Problem::Service(5012, "DIR_ERROR"),
            comment,
        )
    }

    /// Something read from the store cannot be what was written.
    pub(crate) fn damaged(what: &str) -> Self {
        Self::store(format!("the directory's file is damaged: {what} (restore it from a backup)"))
    }

    /// The operating system refused something with a file.
    pub(crate) fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::store(format!("cannot {what} {}: {error}", path.display()))
    }

    /// Too much waits already.
    pub(crate) fn busy(comment: &str) -> Self {
        Self::new(ResultCode::BUSY, win32::DS_BUSY, Problem::Service(5001, "BUSY"), comment)
    }

    /// A name leads nowhere; `matched` is the nearest object above it that exists.
    pub(crate) fn no_such_object(matched: Option<String>) -> Self {
        let problem = Problem::Name(2001, "NO_OBJECT");
        Self {
            matched,
            ..Self::new(ResultCode::NO_SUCH_OBJECT, win32::DS_OBJ_NOT_FOUND, problem, "there is no such object")
        }
    }

    /// A name is not one of ours, or not one at all.
    pub(crate) fn naming(comment: impl Into<String>) -> Self {
        Self::new(
            ResultCode::NAMING_VIOLATION,
            win32::DS_NAMING_VIOLATION,
            Problem::Name(2005, "NAMING_VIOLATION"),
            comment,
        )
    }

    /// The object does not obey its class.
    pub(crate) fn class_violation(win32: u32, comment: impl Into<String>) -> Self {
        Self::new(ResultCode::OBJECT_CLASS_VIOLATION, win32, Problem::Update(6002, "OBJ_CLASS_VIOLATION"), comment)
    }

    /// A value does not obey its attribute.
    pub(crate) fn constraint(win32: u32, comment: impl Into<String>) -> Self {
        Self::new(ResultCode::CONSTRAINT_VIOLATION, win32, Problem::Attribute(1005, "CONSTRAINT_ATT_TYPE"), comment)
    }

    /// A value cannot be read as its attribute's syntax.
    pub(crate) fn syntax(comment: impl Into<String>) -> Self {
        let problem = Problem::Attribute(1001, "INVALID_ATTRIBUTE_SYNTAX");
        Self::new(ResultCode::INVALID_ATTRIBUTE_SYNTAX, win32::DS_INVALID_ATTRIBUTE_SYNTAX, problem, comment)
    }

    /// The attribute or value to delete is not there.
    pub(crate) fn no_such_attribute(win32: u32, comment: impl Into<String>) -> Self {
        Self::new(ResultCode::NO_SUCH_ATTRIBUTE, win32, Problem::Attribute(1001, "NO_ATTRIBUTE_OR_VAL"), comment)
    }

    /// The attribute or value to add is there.
    pub(crate) fn value_exists(comment: impl Into<String>) -> Self {
        let problem = Problem::Attribute(1006, "ATT_OR_VALUE_EXISTS");
        Self::new(ResultCode::ATTRIBUTE_OR_VALUE_EXISTS, win32::DS_ATT_VAL_ALREADY_EXISTS, problem, comment)
    }

    /// An object of that name exists.
    pub(crate) fn entry_exists(win32: u32, comment: impl Into<String>) -> Self {
        Self::new(ResultCode::ENTRY_ALREADY_EXISTS, win32, Problem::Update(6005, "ENTRY_EXISTS"), comment)
    }

    /// There are objects beneath it.
    pub(crate) fn not_leaf(comment: impl Into<String>) -> Self {
        Self::new(
            ResultCode::NOT_ALLOWED_ON_NON_LEAF,
            win32::DS_CHILDREN_EXIST,
            Problem::Update(6003, "CANT_ON_NON_LEAF"),
            comment,
        )
    }

    /// The name of an object cannot be changed by a modify.
    pub(crate) fn on_rdn(comment: impl Into<String>) -> Self {
        Self::new(ResultCode::NOT_ALLOWED_ON_RDN, win32::DS_CANT_ON_RDN, Problem::Update(6004, "CANT_ON_RDN"), comment)
    }

    /// A rule of the directory is against it.
    pub(crate) fn unwilling(win32: u32, comment: impl Into<String>) -> Self {
        Self::new(ResultCode::UNWILLING_TO_PERFORM, win32, Problem::Service(5003, "WILL_NOT_PERFORM"), comment)
    }

    /// The caller may not.
    pub(crate) fn insufficient_access(win32: u32, comment: impl Into<String>) -> Self {
        Self::new(
            ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
            win32,
            Problem::Security(4003, "INSUFF_ACCESS_RIGHTS"),
            comment,
        )
    }

    /// The account database refuses (names and passwords of accounts).
    pub(crate) fn account(code: ResultCode, win32: u32, comment: impl Into<String>) -> Self {
        Self::new(code, win32, Problem::System, comment)
    }

    /// The protocol is used wrongly.
    pub(crate) fn protocol(code: ResultCode, win32: u32, comment: impl Into<String>) -> Self {
        Self::new(code, win32, Problem::Ldap, comment)
    }

    /// The diagnostic text, in the shape Active Directory gives it, with our words behind it.
    #[must_use]
    pub fn diagnostic(&self) -> String {
        let Self { win32, comment, .. } = self;
        let dsid = self.dsid();
        match &self.problem {
            Problem::Name(number, name) => {
                let matched = self.matched.as_deref().unwrap_or_default();
                format!(
                    "{win32:08X}: NameErr: DSID-{dsid:08X}, problem {number} ({name}), data 0, best match of:\n\t'{matched}'\n"
                )
            }
            Problem::Update(number, name) => {
                format!("{win32:08X}: UpdErr: DSID-{dsid:08X}, problem {number} ({name}), data 0: {comment}")
            }
            Problem::Attribute(number, name) => {
                format!(
                    "{win32:08X}: AtrErr: DSID-{dsid:08X}, #1:\n\t0: {win32:08X}: DSID-{dsid:08X}, problem {number} ({name}), data 0: {comment}"
                )
            }
            Problem::Security(number, name) => {
                format!("{win32:08X}: SecErr: DSID-{dsid:08X}, problem {number} ({name}), data 0: {comment}")
            }
            Problem::Service(number, name) => {
                format!("{win32:08X}: SvcErr: DSID-{dsid:08X}, problem {number} ({name}), data 0: {comment}")
            }
            Problem::Referral => {
                format!("{win32:08X}: RefErr: DSID-{dsid:08X}, data 0, 1 access points\n\tref 1: '{comment}'\n")
            }
            Problem::Ldap => format!("{win32:08X}: LdapErr: DSID-{dsid:08X}, comment: {comment}, data 0, v4563"),
            Problem::System => format!("{win32:08X}: SysErr: DSID-{dsid:08X}, {comment}, data 0"),
        }
    }

    /// A stable number for the place, as Active Directory gives one: the same for the same kind of error.
    fn dsid(&self) -> u32 {
        let family: u32 = match self.problem {
            Problem::Name(..) => 0x0310_0000,
            Problem::Update(..) => 0x0315_0000,
            Problem::Attribute(..) => 0x0315_1000,
            Problem::Security(..) => 0x0315_2000,
            Problem::Service(..) => 0x031A_0000,
            Problem::Referral => 0x0310_1000,
            Problem::Ldap => 0x0C09_0000,
            Problem::System => 0x031A_1000,
        };
        family | (self.win32 & 0xFFF)
    }
}

/// What a client sent, fit for a log line or an answer: bounded, without control characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(64).map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

impl From<heed::Error> for Error {
    fn from(error: heed::Error) -> Self {
        match &error {
            heed::Error::Mdb(heed::MdbError::ReadersFull) => Self::busy("too many snapshots are held at once"),
            heed::Error::Mdb(heed::MdbError::MapFull) => {
                Self::full("the file has grown to the size it may have (map_size)")
            }
            heed::Error::Io(io) if io.kind() == std::io::ErrorKind::StorageFull => Self::full("the disk is full"),
            _ => Self::store(format!("the store failed: {error}")),
        }
    }
}

impl Error {
    fn full(comment: &str) -> Self {
        tracing::error!(comment, "nothing more can be written");
        Self::new(
            ResultCode::UNWILLING_TO_PERFORM,
            win32::DISK_FULL,
            Problem::Service(5003, "WILL_NOT_PERFORM"),
            comment,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_have_the_shape_clients_match_on() {
        let error = Error::no_such_object(Some("DC=contoso,DC=com".into()));
        assert_eq!(
            error.diagnostic(),
            "0000208D: NameErr: DSID-0310008D, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'DC=contoso,DC=com'\n"
        );
        let error = Error::unwilling(win32::DS_UNWILLING_TO_PERFORM, "no");
        assert!(
            error.diagnostic().starts_with("00002035: SvcErr: DSID-031A0035, problem 5003 (WILL_NOT_PERFORM), data 0")
        );
        let error = Error::account(ResultCode::UNWILLING_TO_PERFORM, win32::INVALID_ACCOUNT_NAME, "bad name");
        assert!(error.diagnostic().starts_with("00000523: SysErr: DSID-"));
    }

    #[test]
    fn what_clients_sent_is_bounded_in_messages() {
        assert_eq!(printable("a\nb"), "a?b");
        assert_eq!(printable(&"x".repeat(500)).len(), 64);
    }
}
