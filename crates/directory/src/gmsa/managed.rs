//! The passwords that an account has at a time.

use dtyp::{FileTime, Sid};
use gkdi::rollover::Plan;
use gkdi::{KeyEnvelope, KeyId, ManagedPassword, RootKey};

use super::is_derived;
use super::kerberos_keys::Name;
use super::root_keys::RootKeys;
use crate::account::{PasswordKeys, domain_name, salt};
use crate::error::win32;
use crate::{Draft, Error, Object, View};

/// What an account says about its passwords.
pub(crate) struct Managed {
    pub(super) sid: Sid,
    name: String,
    interval: u32,
    created: FileTime,
    /// Which keys the stored passwords were derived from.
    pub(super) stored: Option<KeyEnvelope>,
    previous: Option<KeyEnvelope>,
}

impl Managed {
    /// Reads an account; nothing when it has no managed password.
    pub(crate) fn of(object: &Object<'_>) -> Result<Option<Self>, Error> {
        if !is_derived(|class| object.is_a(class)) {
            return Ok(None);
        }
        let schema = object.view().schema();
        let value = |name: &str| schema.attribute(name).and_then(|attribute| object.value(attribute.id));
        Self::read(object.sid(), value).map(Some)
    }

    /// The same of an account that is being changed.
    pub(super) fn of_draft(view: &View<'_>, draft: &Draft) -> Result<Self, Error> {
        let sid = draft.values(view.inner.catalogue.known.object_sid).first();
        let value = |name: &str| {
            let id = view.schema().attribute(name).map(|attribute| attribute.id);
            id.and_then(|id| draft.values(id).first()).map(Vec::as_slice)
        };
        Self::read(sid.and_then(|sid| Sid::from_bytes(sid).ok()), value)
    }

    fn read<'o>(sid: Option<Sid>, value: impl Fn(&str) -> Option<&'o [u8]>) -> Result<Self, Error> {
        let text = |name| value(name).and_then(|value| std::str::from_utf8(value).ok());
        let envelope = |name| value(name).map(KeyEnvelope::decode).transpose();
        let damaged = |error: gkdi::EnvelopeError| Error::damaged(&error.to_string());
        Ok(Self {
            sid: sid.ok_or_else(|| Error::damaged("an account has no SID"))?,
            name: text("sAMAccountName").unwrap_or_default().to_owned(),
            interval: text("msDS-ManagedPasswordInterval").and_then(|days| days.parse().ok()).unwrap_or(0),
            created: text("whenCreated").and_then(|time| FileTime::parse_generalized(time).ok()).unwrap_or(FileTime(0)),
            stored: envelope("msDS-ManagedPasswordId").map_err(damaged)?,
            previous: envelope("msDS-ManagedPasswordPreviousId").map_err(damaged)?,
        })
    }

    /// Which slots count at a time.
    pub(crate) fn plan(&self, now: FileTime) -> Result<Plan, Error> {
        let stored = self.stored.as_ref().map(|envelope| envelope.slot);
        Plan::at(self.interval, stored, self.created, now).ok_or_else(|| {
            let comment = "msDS-ManagedPasswordInterval gives the account no password: it must be a day or more";
            Error::constraint(win32::DS_CONSTRAINT_VIOLATION, comment)
        })
    }

    /// How many passwords lie between what is stored and what is in force: none, one, or (however many were skipped) two, since the one
    /// before counts too.
    pub(super) fn behind(&self, plan: &Plan) -> u32 {
        match &self.stored {
            Some(stored) if stored.slot == plan.current => 0,
            Some(stored) if Some(stored.slot) == plan.replaced => 1,
            Some(_) if plan.replaced.is_some() => 2,
            _ => 1,
        }
    }

    /// Whether the stored password is the one in force.
    pub(crate) fn is_current(&self, account: &Object<'_>) -> Result<bool, Error> {
        Ok(self.behind(&self.plan(account.view().environment().clock.now())?) == 0)
    }

    /// The slots whose passwords are to be stored, in this order. Of more than one that were skipped, the one before the present one is
    /// among them: it opens the door for some minutes.
    pub(super) fn due(&self, plan: &Plan) -> impl Iterator<Item = KeyId> + use<> {
        let behind = self.behind(plan);
        plan.replaced.filter(|_| behind > 1).into_iter().chain((behind > 0).then_some(plan.current))
    }

    /// The root key of a slot: the one that was taken when it was first used, else the one to be taken.
    pub(super) fn root<'k>(&self, keys: &'k RootKeys, slot: KeyId) -> Result<&'k RootKey, Error> {
        let known = [&self.stored, &self.previous].into_iter().flatten().find(|envelope| envelope.slot == slot);
        match known {
            Some(envelope) => keys.named(&envelope.root_key),
            None => keys.for_slot(slot),
        }
    }

    /// The password of a slot.
    pub(super) fn password(&self, keys: &RootKeys, slot: KeyId) -> Result<ManagedPassword, Error> {
        Ok(keys.derived.gmsa_password(self.root(keys, slot)?, slot, &self.sid))
    }

    /// The password of the slot before or after, if it can be derived: the present one does not depend on its root key.
    pub(super) fn known_password(&self, keys: &RootKeys, slot: Option<KeyId>) -> Option<ManagedPassword> {
        self.password(keys, slot?)
            .inspect_err(
                |error| tracing::warn!(account = %self.sid, %error, "a password beside the present one is not known"),
            )
            .ok()
    }

    /// What the Kerberos keys of its passwords are salted with.
    pub(super) fn salt(&self, view: &View<'_>) -> Result<String, Error> {
        Ok(salt(&domain_name(view)?, true, &self.name))
    }

    /// The Kerberos keys of a slot's password.
    pub(super) fn kerberos_keys(&self, view: &View<'_>, keys: &RootKeys, slot: KeyId) -> Result<PasswordKeys, Error> {
        let root = self.root(keys, slot)?;
        let name = Name { account: self.sid, root: root.id, slot, salt: self.salt(view)? };
        Ok(keys.kerberos.of(&name, &self.password(keys, slot)?))
    }

    /// The passwords that prove the account at a time, the present one first: all that a reader was given who read it by then.
    pub(crate) fn accepted(&self, view: &View<'_>, now: FileTime) -> Result<Vec<ManagedPassword>, Error> {
        let (keys, plan) = (RootKeys::of(view)?, self.plan(now)?);
        let mut accepted = vec![self.password(&keys, plan.current)?];
        let before = plan.replaced.filter(|_| plan.honours_previous(now));
        accepted.extend(self.known_password(&keys, before));
        accepted.extend(self.known_password(&keys, plan.next));
        Ok(accepted)
    }
}
