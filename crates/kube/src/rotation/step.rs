//! What is to be done next. Pure: what is in the Secret, and which password the directory takes, make the step.

use std::time::Duration;

use dtyp::FileTime;

use super::pending::Claim;
use super::{CLAIM, Taken};

/// What the Secret says.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// There is a next password in it.
    pub(super) is_pending: bool,
    /// These very passwords have been refused already.
    pub(super) is_stuck: bool,
    /// The account may have a password that was in it and is not any more.
    pub(super) is_missing: bool,
    /// The directory has said that it is of no use for a while.
    pub(super) is_held: bool,
    /// The password is old enough, or somebody wants another.
    pub(super) is_due: bool,
    /// Who is at it.
    pub(super) claim: Option<Claim>,
    /// For how long nobody has written it.
    pub(super) unchanged: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing is to be done, or another does it.
    Rest,
    /// Say in the Secret who is at it.
    Claim,
    /// See whether the directory takes what is not in the Secret any more, and write it back if so.
    Restore,
    /// See whether it can be done, and write the next password.
    Prepare,
    /// See which password the directory takes.
    Ask,
    /// Have the directory take the next password.
    Change,
    /// Put the next password in the present one's place.
    Promote,
    /// The directory takes neither.
    GiveUp,
}

/// The next step of the provider `me`. `taken` is what the directory has said while the Secret was as it is.
pub(super) fn step(seen: &Seen, taken: Option<Taken>, me: &str, now: FileTime) -> Step {
    let is_idle = seen.is_stuck || seen.is_held || !(seen.is_pending || seen.is_due);
    if is_idle && !seen.is_missing {
        return Step::Rest;
    }
    match &seen.claim {
        Some(claim) if claim.holder == me => {}
        // One whose clock is ahead, or who is no more, holds nobody up for longer than this.
        Some(claim) if claim.until > now && seen.unchanged < CLAIM => return Step::Rest,
        _ => return Step::Claim,
    }
    match taken {
        _ if seen.is_missing => Step::Restore,
        _ if !seen.is_pending => Step::Prepare,
        None => Step::Ask,
        Some(Taken::Present) => Step::Change,
        Some(Taken::Next) => Step::Promote,
        Some(Taken::Neither) => Step::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "node-1";

    fn now() -> FileTime {
        FileTime::from_unix(1_800_000_000, 0)
    }

    fn claim(holder: &str, seconds: i64) -> Option<Claim> {
        Some(Claim { holder: holder.to_owned(), until: FileTime::from_unix(1_800_000_000 + seconds, 0) })
    }

    fn seen(is_pending: bool, is_due: bool, claim: Option<Claim>) -> Seen {
        Seen {
            is_pending,
            is_stuck: false,
            is_missing: false,
            is_held: false,
            is_due,
            claim,
            unchanged: Duration::ZERO,
        }
    }

    #[test]
    fn what_is_in_the_secret_and_in_the_directory_makes_the_step() {
        use Taken::{Neither, Next, Present};
        let mine = || claim(ME, 60);
        for (pending, due, claim, taken, wanted) in [
            // Nothing to do.
            (false, false, None, None, Step::Rest),
            (false, false, claim("another", 60), None, Step::Rest),
            // Old enough.
            (false, true, None, None, Step::Claim),
            (false, true, claim("another", 60), None, Step::Rest),
            (false, true, claim("another", -1), None, Step::Claim),
            (false, true, mine(), None, Step::Prepare),
            // Killed after the next password was written, or after the directory took it: whichever it was, the directory says.
            (true, false, None, None, Step::Claim),
            (true, false, claim("another", 60), None, Step::Rest),
            (true, false, claim("another", -1), None, Step::Claim),
            (true, false, mine(), None, Step::Ask),
            (true, true, mine(), Some(Present), Step::Change),
            (true, true, mine(), Some(Next), Step::Promote),
            (true, true, mine(), Some(Neither), Step::GiveUp),
        ] {
            let case = format!("{pending} {due} {claim:?} {taken:?}");
            assert_eq!(step(&seen(pending, due, claim), taken, ME, now()), wanted, "{case}");
        }
    }

    #[test]
    fn who_has_moved_nothing_for_a_minute_is_not_waited_for_whatever_its_clock_said() {
        let mut ahead = seen(true, false, claim("another", 1_000_000_000));
        assert_eq!(step(&ahead, None, ME, now()), Step::Rest);
        ahead.unchanged = CLAIM;
        assert_eq!(step(&ahead, None, ME, now()), Step::Claim);
    }

    #[test]
    fn a_password_that_is_missing_comes_before_everything_else_and_one_provider_sees_to_it() {
        for stuck in [false, true] {
            for (pending, due) in [(false, false), (false, true), (true, false), (true, true)] {
                let missing = |claim| Seen { is_missing: true, is_stuck: stuck, ..seen(pending, due, claim) };
                assert_eq!(step(&missing(None), None, ME, now()), Step::Claim);
                assert_eq!(step(&missing(claim("another", 60)), None, ME, now()), Step::Rest);
                assert_eq!(step(&missing(claim(ME, 60)), Some(Taken::Present), ME, now()), Step::Restore);
            }
        }
    }

    #[test]
    fn passwords_that_were_refused_are_not_shown_again_and_a_refusal_is_respected_for_a_while() {
        for pending in [false, true] {
            for claim in [None, claim(ME, 60), claim("another", -1)] {
                let stuck = Seen { is_stuck: true, ..seen(pending, true, claim.clone()) };
                let held = Seen { is_held: true, ..seen(pending, true, claim) };
                assert_eq!(step(&stuck, None, ME, now()), Step::Rest);
                assert_eq!(step(&held, None, ME, now()), Step::Rest);
            }
        }
    }
}
