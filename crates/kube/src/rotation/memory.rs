//! What this provider has worked on, until it is in its place.
//!
//! Whoever writes the Secret while its password is being changed takes the next password out of it. The directory may have it by then, or get
//! it yet, and then nobody knows the account's password but who has changed it. So that one keeps both, the next password and the one that it
//! follows, until a password is the Secret's that the directory cannot lose to what is still on its way.

use dtyp::FileTime;
use secrecy::{ExposeSecret, SecretString};

use super::HOLD;
use super::pending::Known;
use crate::Secret;

/// More than ever come together: each takes somebody who writes the Secret while it is being changed.
const MOST: usize = 8;

/// The account with one password, and the password that is to follow it.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) present: Secret,
    pub(super) next: SecretString,
    /// The directory has been asked to change the one for the other, and has not answered.
    is_under_way: bool,
    /// When the directory took another password than the next one all the same.
    asked: Option<FileTime>,
}

impl Pair {
    fn is(&self, account: &Secret, next: &SecretString) -> bool {
        self.follows(account) && same(&self.next, next)
    }

    /// Whether it is the next one of this very password.
    pub(super) fn follows(&self, account: &Secret) -> bool {
        self.is_of(account) && same(&self.present.password, &account.password)
    }

    fn is_of(&self, account: &Secret) -> bool {
        self.present.username == account.username && self.present.domain_name == account.domain_name
    }

    fn is_missing(&self, known: &Known) -> bool {
        let next = known.next.as_ref();
        self.is_of(&known.secret)
            && !same(&self.next, &known.secret.password)
            && !next.is_some_and(|next| self.is(&known.secret, next))
    }
}

/// The pairs that may be the account's.
#[derive(Default)]
pub(super) struct Memory(Vec<Pair>);

impl Memory {
    /// Before anybody hears of it.
    pub(super) fn keep(&mut self, account: &Secret, next: &SecretString) {
        if self.0.iter().any(|pair| pair.is(account, next)) {
            return;
        }
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(Pair { present: account.clone(), next: next.clone(), is_under_way: false, asked: None });
    }

    /// The directory is asked to change it, or has answered that it has.
    pub(super) fn under_way(&mut self, account: &Secret, next: &SecretString, is_under_way: bool) {
        self.keep(account, next);
        self.0.iter_mut().filter(|pair| pair.is(account, next)).for_each(|pair| pair.is_under_way = is_under_way);
    }

    /// It will not be the account's.
    pub(super) fn forget(&mut self, account: &Secret, next: &SecretString) {
        self.0.retain(|pair| !pair.is(account, next));
    }

    /// What is in the Secret now. Once a next password is in the present one's place, what else was to follow that one cannot any more.
    pub(super) fn saw(&mut self, known: &Known) {
        if self.0.iter().any(|pair| pair.is_of(&known.secret) && same(&pair.next, &known.secret.password)) {
            self.0.retain(|pair| pair.follows(&known.secret));
        }
    }

    /// One that is not in the Secret, although the account may have it. Not one that was asked for within the hour.
    pub(super) fn missing(&self, known: &Known, now: FileTime) -> Option<&Pair> {
        let rests = |asked: FileTime| asked <= now && now.since(asked) < HOLD;
        self.0.iter().find(|pair| pair.is_missing(known) && !pair.asked.is_some_and(rests))
    }

    /// The directory takes the password in the Secret: only what is on its way to follow that one may be the account's yet.
    pub(super) fn refuted(&mut self, known: &Known, now: FileTime) {
        self.0.retain(|pair| pair.follows(&known.secret) && pair.is_under_way);
        self.0.iter_mut().for_each(|pair| pair.asked = Some(now));
    }

    /// The directory does not take the password in the Secret any more. Whether there is one to ask for.
    pub(super) fn wake(&mut self, known: &Known) -> bool {
        let resting = self.0.iter_mut().filter(|pair| pair.asked.is_some() && pair.is_missing(known));
        resting.map(|pair| pair.asked = None).count() > 0
    }

    /// What is on its way already to follow the password in the Secret is offered again, and no other.
    pub(super) fn again(&self, known: &Known) -> Option<SecretString> {
        self.0.iter().find(|pair| pair.follows(&known.secret)).map(|pair| pair.next.clone())
    }
}

fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}
