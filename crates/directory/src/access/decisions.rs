//! Decisions about reads, remembered.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use dtyp::{AccessMask, Guid, ObjectType, access_check, granted_mask};
use schema::{AttrId, Attribute};

use super::descriptor_of;
use crate::store::SdId;
use crate::{Caller, Object};

/// More descriptors than a caller meets in a while; then it starts afresh.
const MOST: usize = 16_384;

/// What a caller was found to be allowed, by descriptor.
#[derive(Default)]
pub(crate) struct Decisions {
    masks: RwLock<HashMap<Subject, AccessMask>>,
    attributes: RwLock<HashMap<(Subject, u32, AttrId), bool>>,
}

/// A descriptor, and whether entries for the object itself are entries for the caller.
type Subject = (SdId, bool);

impl Decisions {
    /// The rights that the caller has on the whole object.
    pub(super) fn mask(&self, caller: &Caller, object: &Object<'_>) -> AccessMask {
        let subject = subject(caller, object);
        remember(&self.masks, subject, || {
            descriptor_of(object).map_or(AccessMask::NONE, |d| granted_mask(&d, &caller.token, object.sid().as_ref()))
        })
    }

    /// Whether the caller may read an attribute: Read Property, and for confidential ones Control Access too. MS-ADTS 3.1.1.4.4.
    pub(super) fn may_read(&self, caller: &Caller, object: &Object<'_>, attribute: &Attribute) -> bool {
        let needed = match attribute.is_confidential() {
            true => AccessMask::READ_PROPERTY | AccessMask::CONTROL_ACCESS,
            false => AccessMask::READ_PROPERTY,
        };
        if self.mask(caller, object).contains(needed) {
            return true;
        }
        remember(&self.attributes, (subject(caller, object), object.class_id(), attribute.id), || {
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

fn remember<K: std::hash::Hash + Eq, V: Copy>(memory: &RwLock<HashMap<K, V>>, key: K, decide: impl FnOnce() -> V) -> V {
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
