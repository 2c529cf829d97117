//! What Windows is told of a call that failed: an `HRESULT` for the caller, and the number of an event in the log.
//!
//! Those of today's plugins: Microsoft's for Azure Key Vault (provider `Microsoft-AKSGMSAPlugin`, events 1000 to 1018) and Rancher's (event
//! 301 for every error). An error has exactly one pair, and none of them is a success.

use credspec::BadInput;

use crate::{AkvError, PluginError};

const E_FAIL: i32 = 0x8000_4005_u32.cast_signed();
const E_ACCESSDENIED: i32 = 0x8007_0005_u32.cast_signed();
const E_INVALIDARG: i32 = 0x8007_0057_u32.cast_signed();
const E_NOT_VALID_STATE: i32 = 0x8007_139F_u32.cast_signed();

/// What a COM plugin returns for an error, and what it writes into the event log beside the error's own text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowsCodes {
    /// What the call returns; never a success.
    pub hresult: i32,
    /// The event's number.
    pub event: u32,
}

impl WindowsCodes {
    /// CCGAKV: a request came in.
    pub const AKV_REQUESTED: u32 = 1012;
    /// CCGAKV: a call ended, with this status.
    pub const AKV_FINISHED: u32 = 1011;
    /// CCGAKV: the vault is about to be asked.
    pub const AKV_ASKING: u32 = 1017;
    /// CCGAKV: the caller passed no input at all.
    pub const AKV_NO_INPUT: Self = Self { hresult: E_INVALIDARG, event: 1016 };
    /// CCGRKC: what went well.
    pub const RKC_INFORMATION: u32 = 101;
    /// CCGRKC: an error, whatever it is.
    pub const RKC_ERROR: u32 = 301;

    const fn new(hresult: i32, event: u32) -> Self {
        Self { hresult, event }
    }
}

impl PluginError {
    /// What Windows is told of this error.
    #[must_use]
    pub fn windows_codes(&self) -> WindowsCodes {
        match self {
            Self::BadInput(input) => bad_input(input),
            Self::Akv(error) => error.windows_codes(),
            Self::CertificateRefused { .. } => WindowsCodes::new(E_ACCESSDENIED, WindowsCodes::RKC_ERROR),
            _ => WindowsCodes::new(E_FAIL, WindowsCodes::RKC_ERROR),
        }
    }
}

fn bad_input(input: &BadInput) -> WindowsCodes {
    match input {
        BadInput::Missing { key: "SecretUri" } => WindowsCodes::new(E_NOT_VALID_STATE, 1014),
        BadInput::Missing { .. } | BadInput::ObjectId => WindowsCodes::new(E_INVALIDARG, 1013),
        BadInput::SecretUri { .. } => WindowsCodes::new(E_INVALIDARG, 1015),
        _ => WindowsCodes::new(E_INVALIDARG, WindowsCodes::RKC_ERROR),
    }
}

impl AkvError {
    /// What Windows is told of this error.
    #[must_use]
    pub fn windows_codes(&self) -> WindowsCodes {
        let (hresult, event) = match self {
            Self::NoToken { .. } => (E_FAIL, 1000),
            Self::BadToken { .. } => (E_FAIL, 1001),
            Self::NoAccessToken { .. } => (E_FAIL, 1002),
            Self::NoIdentity { .. } => (E_INVALIDARG, 1003),
            Self::BadAnswer { .. } => (E_FAIL, 1004),
            Self::NoValue { .. } => (E_FAIL, 1005),
            Self::BadSecret { .. } => (E_INVALIDARG, 1006),
            Self::Denied { status: 403, .. } => (E_ACCESSDENIED, 1007),
            Self::Denied { .. } | Self::NoSecret { .. } | Self::Refused { .. } => (E_FAIL, 1008),
            Self::NoMetadataService { .. } | Self::MetadataTimeout { .. } => (E_FAIL, 1009),
            Self::Roots { .. } | Self::Unreachable { .. } | Self::NotTheVault { .. } | Self::Timeout { .. } => {
                (E_FAIL, 1010)
            }
            // Today's plugin derives the token's audience from the text; ours knows none for a host that is no vault.
            Self::UnknownVault { .. } => (E_INVALIDARG, 1018),
            // Today's plugin asks every vault as every identity.
            Self::VaultNotAllowed { .. } => (E_ACCESSDENIED, 1018),
            Self::IdentityNotAllowed { .. } => (E_ACCESSDENIED, 1013),
        };
        WindowsCodes::new(hresult, event)
    }
}
