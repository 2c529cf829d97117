//! What is stored of an account's passwords follows the schedule: the hash, the Kerberos keys, and which slot they are of.

use std::sync::PoisonError;

use gkdi::rollover::Plan;
use gkdi::{KeyEnvelope, KeyId};

use super::root_keys::RootKeys;
use super::{DELEGATED, Managed};
use crate::account::{AccountKey, Keys, domain_name, set};
use crate::{Dnt, Draft, Error, Object, Update, View};

/// How long a password lasts when nothing is said, in days. MS-ADA2 (msDS-ManagedPasswordInterval).
const INTERVAL: i64 = 30;
/// `msDS-SupportedEncryptionTypes`: AES-128 and AES-256. MS-KILE 2.2.7.
const AES: &str = "24";

/// Hook: an account with a managed password is being added. Its SID is known already; its first password is derived from it.
pub(crate) fn created(view: &View<'_>, draft: &mut Draft) -> Result<(), Error> {
    if let Some(attribute) = view.schema().attribute("msDS-SupportedEncryptionTypes") {
        draft.default_text(attribute.id, AES);
    }
    if let Some(attribute) = view.schema().attribute("msDS-ManagedPasswordInterval")
        && !draft.has(attribute.id)
    {
        draft.set_integer(attribute.id, INTERVAL);
    }
    if draft.is_a(DELEGATED)
        && let Some(attribute) = view.schema().attribute("msDS-DelegatedMSAState")
    {
        draft.default_text(attribute.id, "0");
    }
    let managed = Managed::of_draft(view, draft)?;
    let now = view.environment().clock.now();
    // Checks the interval. The account is not made yet: its first slot is the one it is made in.
    managed.plan(now)?;
    let first = KeyId::at(now);
    let keys = RootKeys::of(view)?;
    store(view, draft, &managed, &keys, first)
}

/// The keys in force of an account whose stored keys are these: of a gMSA that is behind they are derived, and stored in the background.
pub(crate) fn in_force(account: &Object<'_>, stored: Keys) -> Result<Keys, Error> {
    let Some(managed) = Managed::of(account)? else { return Ok(stored) };
    let view = account.view();
    let plan = managed.plan(view.environment().clock.now())?;
    let behind = managed.behind(&plan);
    if behind == 0 {
        return with_next(view, &managed, &plan, stored);
    }
    let (roots, kvno) = (RootKeys::of(view)?, stored.kvno.saturating_add(behind));
    let mut keys: Vec<AccountKey> = managed.kerberos_keys(view, &roots, plan.current)?.with_version(kvno).collect();
    match plan.replaced {
        Some(skipped) if behind > 1 => {
            keys.extend(managed.kerberos_keys(view, &roots, skipped)?.with_version(kvno.saturating_sub(1)));
        }
        _ => keys.extend(stored.keys.into_iter().filter(|key| key.kvno == stored.kvno)),
    }
    store_later(view, account.dnt());
    with_next(view, &managed, &plan, Keys { kvno, salt: managed.salt(view)?, keys })
}

/// Shortly before the end readers are given the next password as the current one: its keys prove the account from then on. The
/// specification says what readers get, and not what the KDC takes; what it hands out has to work.
fn with_next(view: &View<'_>, managed: &Managed, plan: &Plan, mut keys: Keys) -> Result<Keys, Error> {
    let Some(next) = plan.next else { return Ok(keys) };
    match RootKeys::of(view).and_then(|roots| managed.kerberos_keys(view, &roots, next)) {
        Ok(new) => keys.keys.extend(new.with_version(keys.kvno.saturating_add(1))),
        // The present keys are good without a root key.
        Err(error) => tracing::warn!(account = %managed.sid, %error, "the keys of the next password are not known"),
    }
    Ok(keys)
}

/// The version of the password in force, when what is stored has this one.
pub(crate) fn kvno(account: &Object<'_>, stored: u32) -> Result<u32, Error> {
    let Some(managed) = Managed::of(account)? else { return Ok(stored) };
    let plan = managed.plan(account.view().environment().clock.now())?;
    Ok(stored.saturating_add(managed.behind(&plan)))
}

/// Has the passwords in force stored, without waiting for it, if they are not. Their Kerberos keys are derived here: the writer, who
/// has them to store, has others waiting.
pub(super) fn follow_later(view: &View<'_>, account: Dnt, managed: &Managed, plan: &Plan) -> Result<(), Error> {
    if managed.behind(plan) > 0 {
        let roots = RootKeys::of(view)?;
        for slot in managed.due(plan) {
            managed.kerberos_keys(view, &roots, slot)?;
        }
        store_later(view, account);
    }
    Ok(())
}

/// Who asks while that is under way asks for nothing.
fn store_later(view: &View<'_>, account: Dnt) {
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
            let keys = RootKeys::of(view)?;
            for slot in managed.due(&plan) {
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
    let password = managed.password(keys, slot)?;
    let domain = domain_name(view)?;
    let kerberos_keys = managed.kerberos_keys(view, keys, slot)?;
    set(view, draft, &password.nt_hash(), &kerberos_keys, managed.salt(view)?)?;
    let (current, previous) = (id("msDS-ManagedPasswordId")?, id("msDS-ManagedPasswordPreviousId")?);
    let before = draft.values(current).to_vec();
    draft.set(previous, before);
    let envelope = KeyEnvelope::new(slot, managed.root(keys, slot)?.id, &domain, &domain);
    draft.set_bytes(current, envelope.encode());
    draft.set_integer(id("pwdLastSet")?, i64::try_from(view.environment().clock.now().0).unwrap_or(i64::MAX));
    Ok(())
}
