//! What goes wrong between a client and its LDAP server.

use std::fmt;

/// Why a logon was refused, as Active Directory tells in `80090308: LdapErr: DSID-…, comment: AcceptSecurityContext error, data 52e, v4563`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogonCause {
    /// 525: no such user.
    NoSuchUser,
    /// 52e: the password is wrong (or there is no such user: AD does not tell outsiders).
    WrongPassword,
    /// 52f or 531: not allowed from this workstation, or not in this way.
    Restricted,
    /// 530: not allowed at this hour.
    NotAtThisTime,
    /// 532: the password has expired.
    PasswordExpired,
    /// 533: the account is disabled.
    Disabled,
    /// 701: the account has expired.
    AccountExpired,
    /// 773: the password must be changed first.
    MustChange,
    /// 775: the account is locked out.
    LockedOut,
    /// The server said nothing more than "invalid credentials".
    Unspecified,
}

impl LogonCause {
    /// Reads the cause out of a diagnostic message.
    #[must_use]
    pub fn of(diagnostic: &str) -> Self {
        let code = diagnostic.split("data ").skip(1).find_map(|rest| {
            let digits = rest.split(|c: char| !c.is_ascii_hexdigit()).next()?;
            u32::from_str_radix(digits, 16).ok()
        });
        match code {
            Some(0x525) => Self::NoSuchUser,
            Some(0x52e) => Self::WrongPassword,
            Some(0x52f | 0x531) => Self::Restricted,
            Some(0x530) => Self::NotAtThisTime,
            Some(0x532) => Self::PasswordExpired,
            Some(0x533) => Self::Disabled,
            Some(0x701) => Self::AccountExpired,
            Some(0x773) => Self::MustChange,
            Some(0x775) => Self::LockedOut,
            _ => Self::Unspecified,
        }
    }
}

impl fmt::Display for LogonCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchUser => "there is no such user",
            Self::WrongPassword => "the name or the password is wrong",
            Self::Restricted => "the account may not log on in this way",
            Self::NotAtThisTime => "the account may not log on at this time",
            Self::PasswordExpired => "the password has expired",
            Self::Disabled => "the account is disabled",
            Self::AccountExpired => "the account has expired",
            Self::MustChange => "the password must be changed first",
            Self::LockedOut => "the account is locked out",
            Self::Unspecified => "the credentials are invalid",
        })
    }
}

/// Why an LDAP operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration names no server.
    #[error("no LDAP server is configured")]
    NoServer,
    /// No TCP connection.
    #[error("cannot connect to the LDAP server {server}: {source}")]
    Connect {
        /// The server.
        server: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No TLS.
    #[error(
        "no TLS with the LDAP server {server}: {source} (is its certificate from the configured CA, and for this name?)"
    )]
    Tls {
        /// The server.
        server: String,
        /// What TLS said.
        source: std::io::Error,
    },
    /// The server took too long.
    #[error("the LDAP server {server} did not answer {operation} in time")]
    Timeout {
        /// The server.
        server: String,
        /// What was asked.
        operation: &'static str,
    },
    /// The connection broke.
    #[error("the connection to the LDAP server {server} broke during {operation}: {source}")]
    Broken {
        /// The server.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server closed the connection, perhaps saying why.
    #[error("the LDAP server {server} closed the connection during {operation}{notice}")]
    Closed {
        /// The server.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// The notice of disconnection (RFC 4511 4.4.1), if one came.
        notice: String,
    },
    /// More than the caller's limits allow.
    #[error("the answer of {server} to {operation} is larger than the limit of {limit}")]
    TooLarge {
        /// The server.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// The limit: bytes or entries.
        limit: usize,
    },
    /// The bytes are not LDAP, or not the answer to what was asked.
    #[error("the LDAP server {server} broke the protocol during {operation}: {what}")]
    Protocol {
        /// The server.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// What is wrong.
        what: String,
    },
    /// What the caller gave cannot be sent.
    #[error("{operation} cannot be sent: {what}")]
    Invalid {
        /// What was asked.
        operation: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The server refuses the credentials.
    #[error("the LDAP server {server} refused the logon of {name}: {cause} ({diagnostic})")]
    Logon {
        /// The server.
        server: String,
        /// Who tried to log on.
        name: String,
        /// The cause, as far as told.
        cause: LogonCause,
        /// The server's words.
        diagnostic: String,
    },
    /// A password over a wire that others read.
    #[error(
        "the password of {name} is not sent to {server} over an unencrypted connection: use LDAPS or StartTLS, or a GSSAPI bind"
    )]
    Cleartext {
        /// The server.
        server: String,
        /// Whose password.
        name: String,
    },
    /// RFC 4513 5.1.2.
    #[error("an empty password is no password: the server would take the bind of {name} for an anonymous one")]
    EmptyPassword {
        /// Who tried to log on.
        name: String,
    },
    /// The security layer could not be agreed on, or a message failed its check.
    #[error("the security layer with {server} failed: {what}")]
    Sasl {
        /// The server.
        server: String,
        /// What is wrong.
        what: String,
    },
    /// There is no ticket for the server.
    #[error(transparent)]
    Kerberos(#[from] crate::kerberos::Error),
    /// The server says no.
    #[error("the LDAP server {server} refused {operation}: result {code}{diagnostic}")]
    Refused {
        /// The server.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// The result code of RFC 4511 appendix A.
        code: u32,
        /// The server's words, `: ` before them.
        diagnostic: String,
    },
}

impl Error {
    /// The result code, when it is the server that refused.
    #[must_use]
    pub const fn code(&self) -> Option<u32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Logon { .. } => Some(49),
            _ => None,
        }
    }

    /// Whether the connection is gone: a new one may succeed.
    #[must_use]
    pub const fn is_connection_lost(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Tls { .. }
                | Self::Timeout { .. }
                | Self::Broken { .. }
                | Self::Closed { .. }
                | Self::Protocol { .. }
                | Self::Sasl { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_read_out_of_active_directorys_own_words() {
        let text = |data: &str| {
            format!("80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {data}, v4563\0")
        };
        for (data, cause) in [
            ("525", LogonCause::NoSuchUser),
            ("52e", LogonCause::WrongPassword),
            ("52E", LogonCause::WrongPassword),
            ("533", LogonCause::Disabled),
            ("701", LogonCause::AccountExpired),
            ("773", LogonCause::MustChange),
            ("775", LogonCause::LockedOut),
            ("0", LogonCause::Unspecified),
        ] {
            assert_eq!(LogonCause::of(&text(data)), cause, "{data}");
        }
        assert_eq!(LogonCause::of(""), LogonCause::Unspecified);
        assert_eq!(LogonCause::of("data "), LogonCause::Unspecified);
    }
}
