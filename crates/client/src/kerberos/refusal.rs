//! From a KDC's error code to what it means for us. RFC 4120 7.5.9.

use dtyp::FileTime;

use ::kerberos::messages::{KrbError, code};

use super::{Error, Options, Step};

pub(super) fn of(server: &str, step: Step, error: &KrbError, client: &str, service: &str, options: &Options) -> Error {
    let (server, principal) = (server.to_owned(), client.to_owned());
    match error.code {
        code::PREAUTH_FAILED => Error::WrongSecret { server, principal },
        code::C_PRINCIPAL_UNKNOWN => Error::UnknownClient { server, principal },
        code::S_PRINCIPAL_UNKNOWN => Error::UnknownService { server, service: service.to_owned() },
        code::CLIENT_REVOKED => Error::Revoked { server, principal },
        code::KEY_EXPIRED => Error::PasswordExpired { server, principal },
        code::ETYPE_NOSUPP => Error::NoCommonEncryption { server, principal },
        code::SKEW => {
            Error::ClockSkew { server, server_time: FileTime::from(error.stime), local_time: options.clock.now() }
        }
        other => Error::Refused {
            server,
            step,
            code: other,
            name: code::name(other),
            text: error.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default(),
        },
    }
}
