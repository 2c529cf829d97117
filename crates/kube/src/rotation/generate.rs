//! Passwords that nobody knows.

use dtyp::Random;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// As long as the longest minimum that a policy is likely to ask for, and far from the 256 that Active Directory takes.
const LENGTH: usize = 64;
/// One for each value of six bits. None means anything to shells, YAML, JSON, XML or URLs.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// 384 random bits, with every kind of character that policies ask for (MS-SAMR 3.1.1.7.2), and without the account's name.
pub(super) fn password(random: &dyn Random, account: &str) -> SecretString {
    loop {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        random.fill(&mut bytes[..]);
        let text: Zeroizing<String> = Zeroizing::new(
            bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63))).map(|one| char::from(*one)).collect(),
        );
        if is_complex(&text, account) {
            return SecretString::from(text.as_str());
        }
    }
}

fn is_complex(text: &str, account: &str) -> bool {
    let kinds: [fn(&u8) -> bool; 4] =
        [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit, u8::is_ascii_punctuation];
    let names = account.len() > 2 && text.to_lowercase().contains(&account.to_lowercase());
    !names && kinds.iter().all(|kind| text.as_bytes().iter().any(kind))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use dtyp::{SeededRandom, SystemRandom};
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn each_meets_the_policy_and_no_two_are_the_same() {
        let passwords: Vec<_> = (0..1_000).map(|_| password(&SystemRandom, "svc-guard")).collect();
        for one in &passwords {
            assert_eq!(one.expose_secret().len(), LENGTH);
            assert!(is_complex(one.expose_secret(), "svc-guard"));
        }
        assert_eq!(passwords.iter().map(ExposeSecret::expose_secret).collect::<HashSet<_>>().len(), 1_000);
    }

    #[test]
    fn what_a_policy_refuses_is_not_given() {
        for bad in ["aaaa0000----", "AAAA0000----", "AAAAaaaa----", "AAAAaaaa0000", "xxSVC-Guard0"] {
            assert!(!is_complex(bad, "svc-guard"), "{bad}");
        }
        assert!(is_complex("Aa0-", "Aa"), "names of two characters do not count");
    }

    /// The two signs are a little likelier, because passwords without one are thrown away.
    #[test]
    fn no_character_is_much_likelier_than_another() {
        let random = SeededRandom::new(1);
        let all: String = (0..2_000).map(|_| password(&random, "x").expose_secret().to_owned()).collect();
        for one in ALPHABET {
            let times = all.bytes().filter(|byte| byte == one).count();
            assert!((1_700..2_600).contains(&times), "{} came {times} times", char::from(*one));
        }
    }
}
