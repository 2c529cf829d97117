//! What goes wrong between a client and its KDC: which server, which step, what to do.

use dtyp::FileTime;

/// Which exchange an error happened in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The AS exchange (RFC 4120 3.1).
    Initial,
    /// The TGS exchange (RFC 4120 3.3).
    ServiceTicket,
    /// The TGS exchange that renews a ticket.
    Renewal,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Initial => "the request for a ticket-granting ticket",
            Self::ServiceTicket => "the request for a service ticket",
            Self::Renewal => "the request to renew a ticket",
        })
    }
}

/// Why there is no ticket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration names none.
    #[error("no KDC is configured for the realm {realm}")]
    NoKdc {
        /// The realm.
        realm: String,
    },
    /// No KDC answered.
    #[error(
        "no KDC of {realm} answered {step}: {tried} (check the addresses, the network and that the domain controller runs)"
    )]
    Unreachable {
        /// The realm.
        realm: String,
        /// The exchange.
        step: Step,
        /// Each server and what happened with it.
        tried: String,
    },
    /// The password or key is wrong.
    #[error("{server} refused the password or key of {principal}")]
    WrongSecret {
        /// Who answered.
        server: String,
        /// Who asked.
        principal: String,
    },
    /// The KDC does not know the client.
    #[error("{server} knows no account {principal}")]
    UnknownClient {
        /// Who answered.
        server: String,
        /// Who asked.
        principal: String,
    },
    /// The KDC does not know the service.
    #[error("{server} knows no service {service}: the name must be one of the account's servicePrincipalName values")]
    UnknownService {
        /// Who answered.
        server: String,
        /// What was asked for.
        service: String,
    },
    /// The account is disabled, locked or expired.
    #[error("{server} says that the account {principal} is disabled, locked out or expired")]
    Revoked {
        /// Who answered.
        server: String,
        /// Who asked.
        principal: String,
    },
    /// The password must be changed first.
    #[error("{server} says that the password of {principal} has expired and must be changed")]
    PasswordExpired {
        /// Who answered.
        server: String,
        /// Who asked.
        principal: String,
    },
    /// The clocks differ too much.
    #[error("the clocks differ too much: {server} says {} and this machine says {} (set both by NTP)", .server_time.generalized(), .local_time.generalized())]
    ClockSkew {
        /// Who answered.
        server: String,
        /// Its time.
        server_time: FileTime,
        /// Ours.
        local_time: FileTime,
    },
    /// The ticket that was to be used is too old.
    #[error("the ticket for {service} ended at {}: log on again", .ended.generalized())]
    TicketExpired {
        /// Whose ticket.
        service: String,
        /// When it ended.
        ended: FileTime,
    },
    /// No encryption type that both know.
    #[error(
        "{server} and this client have no encryption type in common for {principal} (AES keys are needed: set a new password, or allow AES for the account)"
    )]
    NoCommonEncryption {
        /// Who answered.
        server: String,
        /// Whose keys.
        principal: String,
    },
    /// Any other refusal.
    #[error("{server} refused {step}: error {code} ({name}){text}")]
    Refused {
        /// Who answered.
        server: String,
        /// The exchange.
        step: Step,
        /// The error code of RFC 4120 7.5.9.
        code: i32,
        /// Its name.
        name: &'static str,
        /// What the KDC added.
        text: String,
    },
    /// The answer is not what RFC 4120 says, or not the answer to what was asked.
    #[error("{server} answered {step} with something that cannot be trusted: {what}")]
    BadAnswer {
        /// Who answered.
        server: String,
        /// The exchange.
        step: Step,
        /// What is wrong with it.
        what: String,
    },
}
