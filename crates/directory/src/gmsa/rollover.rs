//! What is stored of an account's passwords follows the schedule: the hash, the Kerberos keys, and which slot they are of.

use std::sync::PoisonError;

use gkdi::{KeyEnvelope, KeyId};
use secrecy::ExposeSecret;

use super::Managed;
use super::root_keys::RootKeys;
use crate::account::{Keys, domain_name, keys_of, salt, set_derived};
use crate::{Dnt, Draft, Error, Object, Update, View};

/// How long a password lasts when nothing is said, in days. MS-ADA2 (msDS-ManagedPasswordInterval).
const INTERVAL: i64 = 30;

/// Hook: a gMSA is being added. Its SID is known already; its first password is derived from it.
pub(crate) fn created(view: &View<'_>, draft: &mut Draft) -> Result<(), Error> {
    let name = view.inner.catalogue.known.sam_account_name;
    if !draft.text(name).is_some_and(|name| name.ends_with('$')) {
        let comment = "the sAMAccountName of a managed service account ends in $";
        return Err(Error::constraint(crate::error::win32::DS_CONSTRAINT_VIOLATION, comment));
    }
    if let Some(attribute) = view.schema().attribute("msDS-ManagedPasswordInterval")
        && !draft.has(attribute.id)
    {
        draft.set_integer(attribute.id, INTERVAL);
    }
    let managed = Managed::of_draft(view, draft)?;
    let now = view.environment().clock.now();
    // Checks the interval too. The account is not made yet: its first slot is the one it is made in.
    let first = KeyId::at(now);
    managed.plan(now)?;
    let keys = RootKeys::load(view)?;
    store(view, draft, &managed, &keys, first)
}

/// The keys in force of an account whose stored keys are these: of a gMSA that is behind they are derived, and stored in the background.
pub(crate) fn in_force(account: &Object<'_>, stored: Keys) -> Result<Keys, Error> {
    let Some(managed) = Managed::of(account)? else { return Ok(stored) };
    let view = account.view();
    let plan = managed.plan(view.environment().clock.now())?;
    let behind = managed.behind(&plan);
    if behind == 0 {
        return Ok(stored);
    }
    store_later(view, account.dnt());
    let (roots, kvno) = (RootKeys::load(view)?, stored.kvno.saturating_add(behind));
    let mut keys = Vec::new();
    for (slot, kvno) in [(Some(plan.current), kvno), (plan.previous, kvno.saturating_sub(1))] {
        if let Some(slot) = slot {
            let text = managed.password(view, &roots, slot)?.kerberos_utf8();
            keys.extend(keys_of(kvno, text.expose_secret(), &stored.salt));
        }
    }
    Ok(Keys { kvno, salt: stored.salt, keys })
}

/// The version of the password in force, when what is stored has this one.
pub(crate) fn kvno(account: &Object<'_>, stored: u32) -> Result<u32, Error> {
    let Some(managed) = Managed::of(account)? else { return Ok(stored) };
    let plan = managed.plan(account.view().environment().clock.now())?;
    Ok(stored.saturating_add(managed.behind(&plan)))
}

/// Has the passwords in force stored, without waiting for it. Who asks while that is under way asks for nothing.
pub(super) fn store_later(view: &View<'_>, account: Dnt) {
    let inner = view.inner;
    if !inner.rolling.lock().unwrap_or_else(PoisonError::into_inner).insert(account) {
        return;
    }
    let rolling = std::sync::Arc::clone(&inner.rolling);
    let done = move || {
        rolling.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
    };
    inner.submit_later(follow(account), done);
}

/// Stores the passwords in force, if they are not what is stored: somebody may have been faster.
fn follow(account: Dnt) -> Update {
    Update::System(Box::new(move |transaction| {
        transaction.edit(account, |view, draft| {
            let managed = Managed::of_draft(view, draft)?;
            let now = view.environment().clock.now();
            let plan = managed.plan(now)?;
            let behind = managed.behind(&plan);
            let keys = RootKeys::load(view)?;
            // Of more than one that were skipped, the one before the present one is derived too: it opens the door for some minutes.
            let skipped = plan.previous.filter(|_| behind > 1);
            for slot in skipped.into_iter().chain((behind > 0).then_some(plan.current)) {
                store(view, draft, &managed, &keys, slot)?;
            }
            Ok(())
        })?;
        Ok(account)
    }))
}

/// Sets the password of a slot; the one that was set before becomes the previous.
fn store(view: &View<'_>, draft: &mut Draft, managed: &Managed, keys: &RootKeys, slot: KeyId) -> Result<(), Error> {
    let missing = || Error::store("the schema has no attributes for managed passwords".into());
    let id = |name| view.schema().attribute(name).map(|attribute| attribute.id).ok_or_else(missing);
    let password = managed.password(view, keys, slot)?;
    let domain = domain_name(view)?;
    let name = draft.text(view.inner.catalogue.known.sam_account_name).unwrap_or_default().to_owned();
    let salt = salt(&domain, draft, &name);
    set_derived(view, draft, &password, salt)?;
    let (current, previous) = (id("msDS-ManagedPasswordId")?, id("msDS-ManagedPasswordPreviousId")?);
    let before = draft.values(current).to_vec();
    draft.set(previous, before);
    let envelope = KeyEnvelope::new(slot, managed.root(keys, slot)?.id, &domain, &domain);
    draft.set_bytes(current, envelope.encode());
    draft.set_integer(id("pwdLastSet")?, i64::try_from(view.environment().clock.now().0).unwrap_or(i64::MAX));
    Ok(())
}
