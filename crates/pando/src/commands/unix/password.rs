//! Passwords in files.

use std::path::Path;

use super::Failed;

/// The first line of a file that holds a password.
pub fn password_of(path: &Path) -> Result<secrecy::SecretString, Failed> {
    const LONGEST: u64 = 64 * 1024;
    let unreadable = |error| format!("the password file {} cannot be read: {error}", path.display());
    if std::fs::metadata(path).map_err(unreadable)?.len() > LONGEST {
        return Err(format!("{} is too large for a password file", path.display()).into());
    }
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(secrecy::SecretString::from(password)),
        _ => Err(format!("the first line of {} is empty; write the password there", path.display()).into()),
    }
}
