//! From one look at the Secret to the next: each step that `step` decides on, done.

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::timeout;

use super::memory::Pair;
use super::object::Object;
use super::pending::{self, Known, known};
use super::step::{Seen, Step, step};
use super::{
    CLAIM, DIRECTORY_PATIENCE, DirectoryError, HOLD, LOOK, PasswordAge, Rotation, RotationError, RotationOutcome,
    Taken, generate,
};
use crate::Secret;

/// Why a pass ends without having done everything.
pub(super) enum Ended {
    /// There is nothing to do until then.
    For(Duration),
    /// Somebody else has written the Secret.
    Overtaken,
}

/// Where a pass stands.
struct Stand {
    /// The Secret as it is, as far as anybody knows.
    object: Object,
    /// Which of its passwords the directory takes, once it is known.
    taken: Option<Taken>,
}

/// What a step leads to.
type Next = Result<ControlFlow<Ended, Stand>, RotationError>;

impl Stand {
    /// After the Secret was to be written.
    fn on(written: Option<Object>, taken: Option<Taken>) -> ControlFlow<Ended, Self> {
        written.map_or(Break(Ended::Overtaken), |object| Continue(Self { object, taken }))
    }
}

impl Rotation {
    /// From one look at the Secret to the next.
    pub(super) async fn pass(&mut self) -> Result<Ended, RotationError> {
        let mut stand = Stand { object: self.look().await?, taken: None };
        loop {
            let known = known(&stand.object).map_err(|source| self.unusable(source))?;
            self.memory.saw(&known);
            let seen = self.seen(&stand.object, &known);
            let next = match step(&seen, stand.taken, &self.config.holder, self.clock.now()) {
                Step::Rest => return Ok(Ended::For(self.rest(&seen, &known))),
                Step::Claim => self.take_up(stand).await?,
                Step::Restore => self.restore(stand.object, &known).await?,
                Step::Prepare => self.prepare(stand.object, &known).await?,
                Step::Ask => Continue(Stand { taken: Some(self.ask_pending(&known).await?), ..stand }),
                Step::Change => self.change(stand.object, &known).await?,
                Step::Promote => self.promote(stand.object, &known).await?,
                Step::GiveUp => self.give_up(stand.object, &known).await?,
            };
            stand = match next {
                Continue(stand) => stand,
                Break(ended) => return Ok(ended),
            };
        }
    }

    fn seen(&self, object: &Object, known: &Known) -> Seen {
        let (now, due) = (self.clock.now(), known.due(self.config.every));
        let is_missing = self.memory.missing(known, now).is_some();
        self.standings.saw(known, due, is_missing);
        Seen {
            is_pending: known.next.is_some(),
            is_stuck: known.is_stuck(),
            is_missing,
            is_held: !known.held(now).is_zero(),
            is_due: known.is_asked_for || due <= now,
            claim: known.claim.clone(),
            unchanged: self.unchanged(object),
        }
    }

    /// For how long there is nothing to do.
    fn rest(&self, seen: &Seen, known: &Known) -> Duration {
        let now = self.clock.now();
        if seen.is_missing {
            CLAIM
        } else if seen.is_stuck {
            LOOK
        } else if seen.is_held {
            known.held(now)
        } else if seen.is_pending || seen.is_due {
            CLAIM
        } else {
            known.due(self.config.every).since(now).max(Duration::from_secs(1))
        }
    }

    async fn take_up(&mut self, stand: Stand) -> Next {
        let claimed = pending::claimed(stand.object, &self.claim(self.clock.now()));
        Ok(Stand::on(self.write(claimed, "claiming").await?, stand.taken))
    }

    /// Somebody has taken a password out of the Secret. Both are written back if one of them is the account's, and the one in the Secret is not.
    async fn restore(&mut self, object: Object, known: &Known) -> Next {
        let now = self.clock.now();
        let Some(pair) = self.memory.missing(known, now).cloned() else { return Ok(Break(Ended::Overtaken)) };
        let (taken, is_the_secrets) = self.find(known, &pair).await?;
        if is_the_secrets || taken == Taken::Neither {
            match is_the_secrets {
                true => self.memory.refuted(known, now),
                false => self.memory.forget(&pair.present, &pair.next),
            }
            return Ok(Continue(Stand { object, taken: None }));
        }
        self.failed(&RotationError::Overwritten(self.config.secret.clone()));
        self.standings.overwritten();
        let restored = pending::restored(object, &pair.present.password, &pair.next, &self.claim(now));
        Ok(Stand::on(self.write(restored, "writing back the account's password").await?, Some(taken)))
    }

    /// Which of the two the directory takes, and whether it takes the one in the Secret. The present one is shown before the next one, because the
    /// directory moves from the one to the other, even between two questions.
    async fn find(&self, known: &Known, pair: &Pair) -> Result<(Taken, bool), RotationError> {
        if !pair.follows(&known.secret) && self.is_taken(&known.secret).await? {
            return Ok((Taken::Neither, true));
        }
        let taken = self.ask(&pair.present, &pair.next).await?;
        Ok((taken, taken == Taken::Present && pair.follows(&known.secret)))
    }

    /// Before there is a next password: whether the present one is the account's, and whether the directory lets it be changed now.
    async fn prepare(&mut self, object: Object, known: &Known) -> Next {
        if object.immutable == Some(true) {
            return Err(RotationError::Immutable(self.config.secret.clone()));
        }
        let asked = self.directory.age(&known.secret);
        let PasswordAge { age, youngest } = match timeout(DIRECTORY_PATIENCE, asked).await {
            Ok(Err(DirectoryError::WrongPassword { .. })) => return self.give_up(object, known).await,
            Ok(answer) => answer?,
            Err(_) => return Err(RotationError::DirectorySlow),
        };
        if let Some(age) = age.filter(|age| *age < youngest) {
            let rest = youngest.saturating_sub(age);
            let hours = rest.as_secs().div_ceil(3_600);
            tracing::info!(
                hours,
                "the domain's minimum password age (minPwdAge) does not let the password be changed yet"
            );
            return Ok(Break(self.hold(object, rest.min(HOLD)).await?));
        }
        // The directory's word counts, by its own clock: this machine's may be anything.
        if let Some(age) = age.filter(|age| !known.is_asked_for && *age < self.config.every) {
            return self.note_age(object, age).await;
        }
        self.begin(object, known).await
    }

    async fn note_age(&mut self, object: Object, age: Duration) -> Next {
        let changed = self.clock.now().saturating_sub(age);
        let noted = pending::noted(object, changed, self.config.every);
        let written = self.write(noted, "noting the password's age").await?;
        Ok(Break(written.map_or(Ended::Overtaken, |_| Ended::For(self.config.every.saturating_sub(age)))))
    }

    /// The next password is in the Secret for a while before the directory hears of it.
    async fn begin(&mut self, object: Object, known: &Known) -> Next {
        let again = self.memory.again(known);
        let next = again.unwrap_or_else(|| generate::password(self.random.as_ref(), &known.secret.username));
        self.memory.keep(&known.secret, &next);
        let prepared = pending::prepared(object, &next, &self.claim(self.clock.now()));
        let written = self.write(prepared, "writing the next password").await?;
        if written.is_some() {
            self.tell(known, RotationOutcome::Begun);
            tokio::time::sleep(self.config.grace).await;
        }
        Ok(Stand::on(written, Some(Taken::Present)))
    }

    async fn ask_pending(&mut self, known: &Known) -> Result<Taken, RotationError> {
        let Some(next) = &known.next else { return Ok(Taken::Present) };
        self.memory.keep(&known.secret, next);
        self.ask(&known.secret, next).await
    }

    async fn ask(&self, account: &Secret, next: &SecretString) -> Result<Taken, RotationError> {
        let asked = self.directory.taken(account, next);
        Ok(timeout(DIRECTORY_PATIENCE, asked).await.map_err(|_| RotationError::DirectorySlow)??)
    }

    async fn is_taken(&self, account: &Secret) -> Result<bool, RotationError> {
        let asked = self.directory.age(account);
        match timeout(DIRECTORY_PATIENCE, asked).await.map_err(|_| RotationError::DirectorySlow)? {
            Ok(_) => Ok(true),
            Err(DirectoryError::WrongPassword { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn change(&mut self, object: Object, known: &Known) -> Next {
        let Some(next) = &known.next else { return Ok(Break(Ended::Overtaken)) };
        // Who has written it since takes a password out of it, perhaps.
        let now = self.look().await?;
        if now.metadata.resource_version != object.metadata.resource_version {
            return Ok(Break(Ended::Overtaken));
        }
        self.memory.under_way(&known.secret, next, true);
        let asked = self.directory.change(&known.secret, next);
        match timeout(DIRECTORY_PATIENCE, asked).await.map_err(|_| RotationError::DirectorySlow)? {
            Ok(()) => {
                self.memory.under_way(&known.secret, next, false);
                self.tell(known, RotationOutcome::Changed);
                Ok(Continue(Stand { object, taken: Some(Taken::Next) }))
            }
            Err(error) if error.is_refusal() => {
                self.memory.forget(&known.secret, next);
                self.hold(object, HOLD).await?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// No provider tries for a while.
    async fn hold(&mut self, object: Object, rest: Duration) -> Result<Ended, RotationError> {
        let held = pending::held(object, self.clock.now().saturating_add(rest));
        let written = self.write(held, "noting when the password can be changed").await?;
        Ok(if written.is_some() { Ended::For(rest) } else { Ended::Overtaken })
    }

    async fn promote(&mut self, object: Object, known: &Known) -> Next {
        let promoted = pending::promoted(object, self.clock.now(), self.config.every);
        let written = self.write(promoted, "putting the next password in the present one's place").await?;
        if written.is_some() {
            self.standings.rotated();
            self.tell(known, RotationOutcome::Rotated);
        }
        Ok(Stand::on(written, None))
    }

    /// So that no other provider shows the same passwords in vain: the account would be locked out.
    async fn give_up(&mut self, object: Object, known: &Known) -> Next {
        if self.memory.wake(known) {
            return Ok(Continue(Stand { object, taken: None }));
        }
        match self.write(pending::stuck(object, known), "noting that the directory refuses the password").await? {
            Some(_) => Err(RotationError::NotTheAccounts(self.config.secret.clone())),
            None => Ok(Break(Ended::Overtaken)),
        }
    }
}
