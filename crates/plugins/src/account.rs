//! What the names and the password of an account may be, wherever they come from.

/// Longer than any name that a directory has.
const LONGEST_NAME: usize = 256;
/// Longer than any password that Active Directory takes.
const LONGEST_PASSWORD: usize = 4_096;

/// A name of a domain or of an account: some text that reads as what it is, all of it on one line.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_NAME && !text.chars().any(|c| c.is_control() || misleads(c))
}

/// Characters that cannot be seen, or turn around or break the line that they stand in.
pub(crate) fn misleads(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_as_it_is() {
        for name in ["ccg-reader", "Jürgen", "山田", "a b", "contoso.com"] {
            assert!(is_name(name), "{name}");
        }
        // What turns the rest of a line around, hides in it, or ends it.
        for c in
            ['\n', '\0', '\u{1b}', '\u{85}', '\u{200b}', '\u{200e}', '\u{202e}', '\u{2028}', '\u{2066}', '\u{feff}']
        {
            assert!(!is_name(&format!("ccg{c}reader")), "{c:?}");
        }
        assert!(!is_name("") && !is_name(&"x".repeat(257)));
    }

    #[test]
    fn a_password_is_taken_as_it_is() {
        assert_eq!(check_password(" p\u{202e}ä\n"), Ok(()));
        assert_eq!(check_password(""), Err(PasswordFault::Malformed));
        assert_eq!(check_password("a\0"), Err(PasswordFault::Malformed));
        assert_eq!(check_password(&"x".repeat(4_097)), Err(PasswordFault::Malformed));
        assert_eq!(check_password("System.Security.SecureString\n"), Err(PasswordFault::TypeName));
    }
}
