//! Decisions about reads, remembered.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{PoisonError, RwLock};

use dtyp::{AccessMask, Guid, ObjectType, access_check, granted_mask};
use schema::{AttrId, Attribute};

use super::descriptor_of;
use crate::dn_cache::Spread;
use crate::store::SdId;
use crate::{Caller, Object};

/// More descriptors than a caller meets in a while; then it starts afresh.
const MOST: usize = 16_384;

/// What a caller was found to be allowed, by descriptor.
#[derive(Default)]
pub(crate) struct Decisions {
    masks: RwLock<Memory<Subject, AccessMask>>,
    attributes: RwLock<Memory<(Subject, u32, AttrId), bool>>,
}

/// Keys are numbers that this directory gave: nobody can choose them so that they collide.
type Memory<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// A descriptor, and whether entries for the object itself are entries for the caller.
type Subject = (SdId, bool);

impl Decisions {
    /// The rights that the caller has on the whole object.
    pub(super) fn mask(&self, caller: &Caller, object: &Object<'_>) -> AccessMask {
        self.mask_of(caller, object, subject(caller, object))
    }

    fn mask_of(&self, caller: &Caller, object: &Object<'_>, subject: Subject) -> AccessMask {
        remember(&self.masks, subject, || {
            descriptor_of(object).map_or(AccessMask::NONE, |d| granted_mask(&d, &caller.token, object.sid().as_ref()))
        })
    }
}

/// What a caller may read of one object: worked out once, asked for every attribute.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'c> {
    caller: &'c Caller,
    subject: Subject,
    mask: AccessMask,
}

impl<'c> Reading<'c> {
    pub(crate) fn of(caller: &'c Caller, object: &Object<'_>) -> Self {
        if caller.system {
            return Self { caller, subject: (SdId(0), false), mask: AccessMask(u32::MAX) };
        }
        let subject = subject(caller, object);
        Self { caller, subject, mask: caller.decisions.mask_of(caller, object, subject) }
    }

    /// Whether the caller may read an attribute: Read Property, and for confidential ones Control Access too. MS-ADTS 3.1.1.4.4. An
    /// attribute that may not be read is as if it were not there.
    #[inline]
    pub(crate) fn may_read(&self, object: &Object<'_>, attribute: &Attribute) -> bool {
        let needed = match attribute.is_confidential() {
            true => AccessMask::READ_PROPERTY | AccessMask::CONTROL_ACCESS,
            false => AccessMask::READ_PROPERTY,
        };
        self.mask.contains(needed) || self.may_read_this(object, attribute, needed)
    }

    fn may_read_this(&self, object: &Object<'_>, attribute: &Attribute, needed: AccessMask) -> bool {
        let caller = self.caller;
        remember(&caller.decisions.attributes, (self.subject, object.class_id(), attribute.id), || {
            descriptor_of(object).is_some_and(|descriptor| {
                let (types, own) = (types_of(object, attribute), object.sid());
                access_check(&descriptor, &caller.token, needed, &types, own.as_ref()).is_granted()
            })
        })
    }
}

fn subject(caller: &Caller, object: &Object<'_>) -> Subject {
    (object.descriptor_id(), object.sid().is_some_and(|sid| caller.token.contains(&sid)))
}

fn remember<K: std::hash::Hash + Eq, V: Copy>(memory: &RwLock<Memory<K, V>>, key: K, decide: impl FnOnce() -> V) -> V {
    if let Some(known) = memory.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return *known;
    }
    let decided = decide();
    let mut memory = memory.write().unwrap_or_else(PoisonError::into_inner);
    if memory.len() >= MOST {
        memory.clear();
    }
    memory.insert(key, decided);
    decided
}

/// The tree of object types of one attribute: the class, the property set, the attribute. MS-ADTS 5.1.3.3.2.
pub(super) fn types_of(object: &Object<'_>, attribute: &Attribute) -> Vec<ObjectType> {
    let mut types = Vec::with_capacity(3);
    let mut push = |guid: Guid| types.push(ObjectType { level: u8::try_from(types.len()).unwrap_or(u8::MAX), guid });
    object.class().into_iter().for_each(|class| push(class.schema_id_guid));
    attribute.security_guid.into_iter().for_each(&mut push);
    push(attribute.schema_id_guid);
    types
}
