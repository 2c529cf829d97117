//! When a descriptor changes, what is beneath inherits anew. MS-ADTS 6.1.3 leaves it to the server when; here it is the same transaction,
//! so that nobody ever sees a half-changed tree.

use std::collections::HashMap;

use heed::RwTxn;

use super::Planner;
use crate::directory::Inner;
use crate::error::win32;
use crate::object::record::{self, Record};
use crate::store::{Descriptors, SdId, number};
use crate::{Dnt, Error, Problem, access};

/// An object that gets another descriptor because of what is above it. Not an originating change: no USN, no metadata.
pub(crate) struct Inherited {
    dnt: Dnt,
    descriptor: Vec<u8>,
}

/// More than this is not done in one transaction.
const MOST: usize = 250_000;

impl Planner<'_> {
    /// What is beneath `top` when that has a new descriptor.
    pub(crate) fn propagate(&mut self, top: Dnt, descriptor: &[u8]) -> Result<(), Error> {
        // Most children of a container share their descriptor: each combination is worked out once.
        let mut worked_out: HashMap<(Vec<u8>, SdId, u32), Option<Vec<u8>>> = HashMap::new();
        let mut open = vec![(top, descriptor.to_vec())];
        while let Some((parent, above)) = open.pop() {
            for child in self.view.children(parent)? {
                let Some(object) = self.view.object(child)?.filter(|object| !object.is_deleted()) else { continue };
                let header = *object.record().header();
                let key = (above.clone(), header.descriptor, header.class);
                if !worked_out.contains_key(&key) {
                    let class = object.class().ok_or_else(|| Error::damaged("an object is of no class"))?;
                    let stored = object.descriptor()?;
                    let new = access::descriptor_under(&above, stored, class)?;
                    worked_out.insert(key.clone(), (new != stored).then_some(new));
                }
                if let Some(Some(new)) = worked_out.get(&key) {
                    self.inherited.push(Inherited { dnt: child, descriptor: new.clone() });
                    open.push((child, new.clone()));
                }
            }
            if self.inherited.len() > MOST {
                return Err(Error::new(
                    ldap::ResultCode::ADMIN_LIMIT_EXCEEDED,
                    win32::DS_ADMIN_LIMIT_EXCEEDED,
                    Problem::Service(5008, "ADMIN_LIMIT_EXCEEDED"),
                    "too many objects beneath would inherit this: change the containers beneath first",
                ));
            }
        }
        Ok(())
    }
}

/// Gives a stored object its new descriptor.
pub(super) fn write(inner: &Inner, txn: &mut RwTxn<'_>, inherited: &Inherited) -> Result<(), Error> {
    let objects = inner.store.tables.objects;
    let stored = objects.get(txn, &number(inherited.dnt.0))?.map(<[u8]>::to_vec);
    let mut stored = stored.ok_or_else(|| Error::damaged("an object is missing"))?;
    let before = Record::parse(&stored)?.header().descriptor;
    let table = Descriptors(inner.store.tables);
    let id = table.acquire(txn, &inherited.descriptor)?;
    table.release(txn, before)?;
    record::set_descriptor(&mut stored, id)?;
    Ok(objects.put(txn, &number(inherited.dnt.0), &stored)?)
}
