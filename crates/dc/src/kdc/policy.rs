//! What a KDC grants by default: the Kerberos policy of a domain. MS-KILE 3.3.1; the values are Active Directory's own.

use std::time::Duration;

/// How long tickets hold, and how far clocks may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `MaxTicketAge`: how long a ticket holds at most.
    pub max_lifetime: Duration,
    /// `MaxRenewAge`: until when it can be renewed at most.
    pub max_renewal: Duration,
    /// `MaxClockSkew`.
    pub max_skew: Duration,
    /// How long tickets of Protected Users hold, which are not renewable beyond that. MS-KILE 3.3.5.6.
    pub protected_lifetime: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_lifetime: Duration::from_secs(10 * 3600),
            max_renewal: Duration::from_secs(7 * 24 * 3600),
            max_skew: Duration::from_secs(300),
            protected_lifetime: Duration::from_secs(4 * 3600),
        }
    }
}
