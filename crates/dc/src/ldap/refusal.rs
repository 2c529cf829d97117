//! Why a request is not done, in the words Active Directory uses. MS-ADTS 3.1.1.3.1.9.

use std::borrow::Cow;

use ldap::ResultCode;
use ldap::response::Outcome;

/// The answer to a request that is not done.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: ResultCode,
    pub(crate) matched: String,
    pub(crate) text: Cow<'static, str>,
}

impl Refusal {
    pub(crate) const fn new(code: ResultCode, text: &'static str) -> Self {
        Self { code, matched: String::new(), text: Cow::Borrowed(text) }
    }

    /// Only those who have bound may ask this.
    pub(crate) const fn not_bound() -> Self {
        Self::new(
            ResultCode::OPERATIONS_ERROR,
            "000004DC: LdapErr: DSID-0C090A71, comment: In order to perform this operation a successful bind must be completed on \
             the connection., data 0, v4563",
        )
    }

    /// A critical control that is not spoken here, or not with this request.
    pub(crate) const fn critical_control() -> Self {
        Self::new(
            ResultCode::UNAVAILABLE_CRITICAL_EXTENSION,
            "00002040: SvcErr: DSID-031401E7, problem 5010 (UNAVAIL_EXTENSION), data 0\n",
        )
    }

    /// A control whose value makes no sense.
    pub(crate) const fn malformed_control() -> Self {
        Self::new(
            ResultCode::UNAVAILABLE_CRITICAL_EXTENSION,
            "00000057: LdapErr: DSID-0C090789, comment: Error processing control, data 0, v4563",
        )
    }

    /// A text where a distinguished name is due.
    pub(crate) fn bad_name(error: ldap::dn::DnError) -> Self {
        Self {
            code: ResultCode::INVALID_DN_SYNTAX,
            matched: String::new(),
            text: format!("0000208F: NameErr: DSID-03100225, problem 2006 (BAD_NAME), data 8350: {error}").into(),
        }
    }

    /// A name that leads nowhere.
    pub(crate) const fn no_such_object() -> Self {
        Self::new(
            ResultCode::NO_SUCH_OBJECT,
            "0000208D: NameErr: DSID-03100241, problem 2001 (NO_OBJECT), data 0, best match of:\n\t''\n",
        )
    }

    /// The rootDSE and the subschema are not objects that can be changed.
    pub(crate) const fn not_changeable() -> Self {
        Self::new(
            ResultCode::UNWILLING_TO_PERFORM,
            "00002035: LdapErr: DSID-0C090BFC, comment: Operation not allowed through this object, data 0, v4563",
        )
    }

    /// A password in the clear, from another machine.
    pub(crate) const fn needs_encryption() -> Self {
        Self::new(
            ResultCode::STRONGER_AUTH_REQUIRED,
            "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity checking if SSL\\TLS are not \
             already active on the connection, data 0, v4563",
        )
    }

    /// A logon that is refused; `data` says why as the Windows error that it is. MS-ADTS 5.1.1.1.
    pub(crate) fn logon(status: u32, data: u32) -> Self {
        Self {
            code: ResultCode::INVALID_CREDENTIALS,
            matched: String::new(),
            text: format!(
                "{status:08X}: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {data:x}, v4563"
            )
            .into(),
        }
    }

    pub(crate) fn outcome(&self) -> Outcome<'_> {
        Outcome { code: self.code, matched: &self.matched, diagnostic: &self.text }
    }
}

impl From<directory::Error> for Refusal {
    fn from(error: directory::Error) -> Self {
        let text = error.diagnostic().into();
        Self { code: error.code, matched: error.matched.unwrap_or_default(), text }
    }
}
