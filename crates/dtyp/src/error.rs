//! What can be wrong with a data type that came from outside.

/// Why bytes or text are not the data type they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text that is no SID.
    #[error("{0:?} is not a security identifier of the form S-1-5-21-…")]
    SidText(String),
    /// Bytes that are no SID.
    #[error("these bytes are not a security identifier: {0}")]
    SidBytes(&'static str),
    /// A SID that cannot take one more sub-authority.
    #[error("the security identifier {0} cannot take a further sub-authority (15 are the most)")]
    SidFull(String),
    /// Text that is no GUID.
    #[error("{0:?} is not a GUID of the form 00112233-4455-6677-8899-aabbccddeeff")]
    GuidText(String),
    /// Text that is no generalized time.
    #[error("{0:?} is not a time of the form YYYYMMDDHHMMSS.0Z")]
    TimeText(String),
    /// Bytes that are no self-relative security descriptor.
    #[error("these bytes are not a security descriptor: {0}")]
    Descriptor(&'static str),
    /// A list that does not fit the 16-bit size of an ACL.
    #[error("the access control list needs {0} bytes, but 65535 are the most")]
    AclTooLong(usize),
    /// Text that is no security descriptor.
    #[error("this is not a security descriptor in SDDL: {what} at byte {at}")]
    Sddl {
        /// What was expected or not understood.
        what: &'static str,
        /// Where in the text.
        at: usize,
    },
}
