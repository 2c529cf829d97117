//! What the names and the password of an account may be, wherever they come from.

/// Longer than any name that a directory has.
const LONGEST_NAME: usize = 256;
/// Longer than any password that Active Directory takes.
const LONGEST_PASSWORD: usize = 4_096;

/// A name of a domain or of an account: some text, all of it on one line.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_NAME && !text.chars().any(char::is_control)
}

/// Why a password cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordFault {
    /// It is empty, too long, or holds a NUL.
    Malformed,
    /// What a tool stored that turned the object around a password into text.
    TypeName,
}

pub(crate) fn check_password(text: &str) -> Result<(), PasswordFault> {
    if text.trim() == "System.Security.SecureString" {
        return Err(PasswordFault::TypeName);
    }
    let usable = !text.is_empty() && text.len() <= LONGEST_PASSWORD && !text.contains('\0');
    if usable { Ok(()) } else { Err(PasswordFault::Malformed) }
}
