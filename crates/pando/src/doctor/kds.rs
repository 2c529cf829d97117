//! The KDS root key, from which a gMSA's password is derived: what can be known of it from here.
//!
//! A controller that released the password had a key that is in force. When it did not, the directory's words and what the account
//! may see of the keys say more or less: Active Directory shows them to administrators only. Nothing is said here that was not seen.

use ccg::Cause;
use client::root_keys::RootKeys;
use client::{gmsa, ldap};
use dtyp::FileTime;

use super::finding::Findings;
use crate::terminal;

pub const LINK: &str = "the KDS root key";
/// `unwillingToPerform`: a controller says so to those whom it would give the password, if it could derive it.
const UNWILLING: u32 = 53;
const CREATE: &str = "as an administrator, run `pando kds list`; restore the key's object from a backup, or run `pando kds create`, \
                      with which the account's next password is derived";
const WAIT: &str = "wait until then; where one domain controller is all there is, `pando kds create --immediately` makes a key \
                    that is used at once";

/// What became of asking for the password.
pub enum Asked<'a> {
    /// It was released.
    Released,
    /// The controller could not derive it, and says why.
    NotDerived(&'a str),
    /// It was not released, for whatever reason.
    Withheld,
}

impl<'a> Asked<'a> {
    /// By what broke the chain at this link.
    pub fn of(cause: &'a Cause) -> Self {
        match cause {
            Cause::Gmsa(gmsa::Error::Directory(ldap::Error::Refused { code: UNWILLING, diagnostic, .. })) => {
                Self::NotDerived(diagnostic)
            }
            _ => Self::Withheld,
        }
    }
}

/// What is known, and whether the link is broken.
pub fn judge(account: &str, keys: &RootKeys, asked: &Asked<'_>, now: FileTime, findings: &mut Findings) -> bool {
    if matches!(asked, Asked::Released) {
        let which = keys.derived_from.map_or_else(String::new, |id| format!(" from root key {id}"));
        findings.holds(LINK, format!("the controller derived the password of {account}{which}"));
        return false;
    }
    let gone = keys.derived_from.filter(|id| keys.seen.iter().all(|(seen, _)| seen != id));
    let later = keys.seen.iter().map(|(_, from)| *from).min().filter(|from| *from > now);
    match (keys.seen.as_slice(), gone, later, asked) {
        ([], _, _, Asked::NotDerived(diagnostic)) => {
            let words = diagnostic.trim_start_matches(": ");
            findings.broken(
                LINK,
                format!("the controller could not derive the password of {account}: {words}"),
                fix(CREATE),
            );
            true
        }
        ([], Some(id), ..) => {
            let seen = format!(
                "the password of {account} was last derived from root key {id}; whether that is still there is shown to administrators only"
            );
            findings.holds(LINK, seen);
            false
        }
        ([], None, ..) => {
            let seen =
                format!("none is shown to this account, nor from which one the password of {account} is derived");
            findings.warning(LINK, seen, "as an administrator, run `pando kds list`: one must be effective");
            false
        }
        (_, _, Some(from), _) => {
            let seen = format!("no root key is effective yet: the first one is from {} on", terminal::time(from));
            findings.broken(LINK, seen, fix(WAIT));
            true
        }
        (_, Some(id), ..) => {
            let seen = format!("root key {id}, from which the password of {account} is derived, is not there");
            findings.broken(LINK, seen, fix(CREATE));
            true
        }
        ([(id, from), ..], ..) => {
            let (id, from) = keys
                .derived_from
                .and_then(|id| keys.seen.iter().find(|(seen, _)| *seen == id))
                .unwrap_or(&(*id, *from))
                .to_owned();
            findings.holds(LINK, format!("root key {id} is there, effective since {}", terminal::time(from)));
            false
        }
    }
}

fn fix(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "11111111-0000-0000-0000-000000000000";
    const OTHER: &str = "22222222-0000-0000-0000-000000000000";
    const NOW: FileTime = FileTime(1_000);

    fn told(seen: &[(&str, u64)], derived_from: Option<&str>, asked: &Asked<'_>) -> (bool, String) {
        let seen = seen.iter().map(|(id, from)| (id.parse().unwrap(), FileTime(*from))).collect();
        let keys = RootKeys { seen, derived_from: derived_from.map(|id| id.parse().unwrap()) };
        let mut findings = Findings::default();
        let broken = judge("webapp01$", &keys, asked, NOW, &mut findings);
        assert_eq!(broken, !findings.is_healthy());
        (broken, findings.json().to_string())
    }

    #[test]
    fn what_is_said_is_what_was_seen() {
        let underivable = Asked::NotDerived(": the KDS root key is not there");
        for (seen, derived, asked, broken, words) in [
            (&[][..], Some(ONE), &Asked::Released, false, "derived the password of webapp01$ from root key 1111"),
            (&[], None, &Asked::Released, false, "derived the password of webapp01$\""),
            (
                &[],
                Some(ONE),
                &underivable,
                true,
                "could not derive the password of webapp01$: the KDS root key is not there",
            ),
            (&[], Some(ONE), &Asked::Withheld, false, "shown to administrators only"),
            (&[], None, &Asked::Withheld, false, "none is shown"),
            (&[(ONE, 1_001)], None, &Asked::Withheld, true, "no root key is effective yet"),
            (&[(ONE, 1_001)], Some(OTHER), &underivable, true, "no root key is effective yet"),
            (&[(ONE, 1_000)], Some(OTHER), &Asked::Withheld, true, "2222"),
            (&[(OTHER, 1_001), (ONE, 999)], Some(ONE), &Asked::Withheld, false, "root key 1111"),
            (&[(ONE, 999)], None, &Asked::Withheld, false, "root key 1111"),
        ] {
            let (was_broken, told) = told(seen, derived, asked);
            assert!(was_broken == broken && told.contains(words), "{words}: {told}");
        }
    }
}
