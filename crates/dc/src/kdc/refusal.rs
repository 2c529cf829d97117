//! Why a KDC refuses, and how it says so. RFC 4120 5.9.1, 7.5.9; MS-KILE 2.2.1, 3.3.5.

use dtyp::FileTime;
use kerberos::messages::{KrbError, MessageError, code};
use kerberos::{KerberosTime, PrincipalName};

use super::{Realm, Unavailable};

/// Why no ticket is given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The bytes are no request.
    #[error("the request is malformed: {0}")]
    Malformed(#[from] MessageError),
    /// The source of accounts failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Nobody has the client's name.
    #[error("no account has this name")]
    UnknownClient,
    /// No service has this name.
    #[error("no service has this name")]
    UnknownService,
    /// Another realm is asked for.
    #[error("this realm is not served here")]
    WrongRealm,
    /// The client has not yet proved who it is. Carries METHOD-DATA.
    #[error("the client must prove who it is first")]
    PreauthRequired(Vec<u8>),
    /// The proof does not hold. Carries METHOD-DATA.
    #[error("the password is wrong")]
    PreauthFailed(Vec<u8>),
    /// The account cannot be used now.
    #[error("the account cannot be used: {0}")]
    Revoked(Revocation),
    /// The password must be changed first.
    #[error("the password has expired")]
    PasswordExpired,
    /// The password must be changed before the first logon.
    #[error("the password must be changed first")]
    MustChange,
    /// The password alone does not do.
    #[error("the account logs on with a smart card only")]
    SmartcardRequired,
    /// The account of the service is disabled.
    #[error("the account of the service is disabled")]
    ServiceRevoked,
    /// The account stands for a person, not for a service.
    #[error("the account is not a service")]
    NotAService,
    /// No kind of key that client and account have in common.
    #[error("no encryption type in common")]
    Etype,
    /// The kind of a checksum is not the session key's.
    #[error("the checksum is missing or of a kind that proves nothing")]
    ChecksumKind,
    /// The clocks of client and KDC differ too much.
    #[error("the clocks differ by more than five minutes")]
    ClockSkew,
    /// An option that does not go with this request or ticket.
    #[error("the request has an option that cannot be granted")]
    Option,
    /// Tickets that begin later are not given.
    #[error("a ticket that begins later is not given")]
    Postdated,
    /// The ticket would end before it begins.
    #[error("the ticket would never hold")]
    NeverValid,
    /// A TGS request without a ticket.
    #[error("the request carries no ticket")]
    NoTicket,
    /// The ticket is for somebody else.
    #[error("the ticket is not one of this ticket-granting service")]
    NotUs,
    /// No key of this version.
    #[error("the ticket is under a key that is not known any more")]
    KeyVersion,
    /// The ticket, its PAC or the request was changed, or is under another key.
    #[error("the {0} was changed on the way, or is under another key")]
    Modified(&'static str),
    /// The authenticator does not decrypt.
    #[error("the authenticator does not decrypt")]
    Integrity,
    /// Ticket and authenticator name different clients.
    #[error("the ticket is not the client's")]
    Mismatch,
    /// The ticket has ended.
    #[error("the ticket has ended")]
    Expired,
    /// The ticket does not hold yet.
    #[error("the ticket does not hold yet")]
    NotYet,
    /// The request came before.
    #[error("the request came before")]
    Repeat,
    /// The ticket-granting ticket is not, or no more, the account's. MS-KILE 3.3.5.7.
    #[error("the ticket-granting ticket is not the account's any more")]
    TicketRevoked,
}

/// Why an account cannot be used. MS-KILE 3.3.5.6; MS-ERREF 2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Revocation {
    /// An administrator disabled it.
    #[error("it is disabled")]
    Disabled,
    /// Too many wrong passwords.
    #[error("it is locked out")]
    LockedOut,
    /// Its time has come.
    #[error("it has expired")]
    Expired,
    /// Not at this hour.
    #[error("not at this time")]
    LogonHours,
}

impl Refusal {
    /// The number that the client is told.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Malformed(_) => code::GENERIC,
            Self::Unavailable(_) => code::SVC_UNAVAILABLE,
            Self::UnknownClient => code::C_PRINCIPAL_UNKNOWN,
            Self::UnknownService => code::S_PRINCIPAL_UNKNOWN,
            Self::WrongRealm => code::WRONG_REALM,
            Self::PreauthRequired(_) => code::PREAUTH_REQUIRED,
            Self::PreauthFailed(_) => code::PREAUTH_FAILED,
            Self::Revoked(_) => code::CLIENT_REVOKED,
            Self::PasswordExpired | Self::MustChange => code::KEY_EXPIRED,
            Self::SmartcardRequired => code::POLICY,
            Self::ServiceRevoked => code::SERVICE_REVOKED,
            Self::NotAService => code::MUST_USE_USER2USER,
            Self::Etype => code::ETYPE_NOSUPP,
            Self::ChecksumKind => code::INAPP_CKSUM,
            Self::ClockSkew => code::SKEW,
            Self::Option => code::BADOPTION,
            Self::Postdated => code::CANNOT_POSTDATE,
            Self::NeverValid => code::NEVER_VALID,
            Self::NoTicket => code::PADATA_TYPE_NOSUPP,
            Self::NotUs => code::NOT_US,
            Self::KeyVersion => code::BADKEYVER,
            Self::Modified(_) => code::MODIFIED,
            Self::Integrity => code::BAD_INTEGRITY,
            Self::Mismatch => code::BADMATCH,
            Self::Expired => code::TKT_EXPIRED,
            Self::NotYet => code::TKT_NYV,
            Self::Repeat => code::REPEAT,
            Self::TicketRevoked => code::TGT_REVOKED,
        }
    }

    /// The NTSTATUS that Windows gives with the code. MS-ERREF 2.3.1.
    const fn status(&self) -> Option<u32> {
        Some(match self {
            Self::Revoked(Revocation::Disabled) => 0xc000_0072,
            Self::Revoked(Revocation::LockedOut) => 0xc000_0234,
            Self::Revoked(Revocation::Expired) => 0xc000_0193,
            Self::Revoked(Revocation::LogonHours) => 0xc000_006f,
            Self::PasswordExpired => 0xc000_0071,
            Self::MustChange => 0xc000_0224,
            Self::SmartcardRequired => 0xc000_02fa,
            _ => return None,
        })
    }

    /// What goes with the code.
    fn data(self) -> Option<Vec<u8>> {
        match self {
            Self::PreauthRequired(methods) | Self::PreauthFailed(methods) => Some(methods),
            other => other.status().map(KrbError::extended),
        }
    }

    /// The message for the client. A refusal names the service that was asked for; the right realm is told to who asked for a wrong one.
    pub(super) fn encode(self, realm: &Realm, service: Option<PrincipalName>, now: FileTime) -> Vec<u8> {
        let code = self.code();
        error(code, realm, service, now, (code == code::WRONG_REALM).then(|| realm.name.clone()), self.data())
    }
}

/// The answer did not fit into a datagram: the client comes back over TCP. RFC 4120 7.2.1.
pub(super) fn too_big(realm: &Realm, now: FileTime) -> Vec<u8> {
    error(code::RESPONSE_TOO_BIG, realm, None, now, None, None)
}

/// The length before a message is more than a request may have. RFC 4120 7.2.2.
pub(super) fn too_long(realm: &Realm, now: FileTime) -> Vec<u8> {
    error(code::FIELD_TOOLONG, realm, None, now, None, None)
}

fn error(
    code: i32,
    realm: &Realm,
    service: Option<PrincipalName>,
    now: FileTime,
    client_realm: Option<String>,
    data: Option<Vec<u8>>,
) -> Vec<u8> {
    let error = KrbError {
        stime: KerberosTime::from(now),
        susec: now.subsec_nanos() / 1000,
        code,
        client_realm,
        client: None,
        realm: realm.name.clone(),
        service: service.unwrap_or_else(|| realm.krbtgt()),
        text: None,
        data,
    };
    error.encode()
}
