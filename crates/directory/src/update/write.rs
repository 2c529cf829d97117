//! Writing a draft: the record and everything that must agree with it, in one transaction.
//!
//! Nothing here refuses anything: what comes here is validated. An error means that the store failed, and spoils the whole batch.

use std::collections::BTreeSet;

use dtyp::FileTime;
use heed::RwTxn;
use schema::AttrId;

use super::draft::Draft;
use crate::directory::Inner;
use crate::index::{self, Index, Key, PARENT};
use crate::links::Links;
use crate::matching;
use crate::metadata::{Row, Stamp};
use crate::names::child_key;
use crate::object::record::{self, Flags};
use crate::store::{Counter, Counters, Descriptors, number};
use crate::{AttributeMetadata, Change, Error, LinkTarget, Usn};

/// Writes an object and returns what changed; nothing when nothing did.
pub(crate) fn write(
    inner: &Inner,
    txn: &mut RwTxn<'_>,
    mut draft: Draft,
    now: FileTime,
) -> Result<Option<Change>, Error> {
    if draft.is_unchanged() {
        return Ok(None);
    }
    let usn = Usn(Counters(inner.store.tables).next(txn, Counter::Usn)?);
    if !draft.header.flags.has(Flags::PHANTOM) {
        stamp(inner, &mut draft, usn, now);
    }
    write_descriptor(inner, txn, &mut draft)?;
    write_name(inner, txn, &draft)?;
    write_indexes(inner, txn, &draft)?;
    let linked = write_links(inner, txn, &draft)?;
    write_secrets(inner, txn, &draft)?;
    let bytes = record::write(&draft.header, draft.fields.iter().map(|(id, values)| (*id, values.as_slice())))?;
    inner.store.tables.objects.put(txn, &number(draft.dnt.0), &bytes)?;
    write_metadata(inner, txn, &draft, linked, Stamp { time: now, usn }).map(Some)
}

fn stamp(inner: &Inner, draft: &mut Draft, usn: Usn, now: FileTime) {
    let known = &inner.catalogue.known;
    if draft.is_new() {
        draft.default_text(known.when_created, now.generalized());
        draft.set_text(known.usn_created, usn.0.to_string());
    }
    draft.set_text(known.when_changed, now.generalized());
    draft.set_text(known.usn_changed, usn.0.to_string());
}

fn write_descriptor(inner: &Inner, txn: &mut RwTxn<'_>, draft: &mut Draft) -> Result<(), Error> {
    let Some(descriptor) = &draft.descriptor else { return Ok(()) };
    let table = Descriptors(inner.store.tables);
    let id = table.acquire(txn, descriptor)?;
    if let Some(before) = &draft.before {
        table.release(txn, before.descriptor)?;
    }
    draft.header.descriptor = id;
    Ok(())
}

/// The children table and the index of parents.
fn write_name(inner: &Inner, txn: &mut RwTxn<'_>, draft: &Draft) -> Result<(), Error> {
    let tables = inner.store.tables;
    let (mut old, mut new) = (Vec::new(), Vec::new());
    child_key(draft.header.parent, draft.header.rdn, draft.rdn_value(), &mut new);
    if let Some(before) = &draft.before {
        let value = draft.stored.get(&before.rdn).and_then(|values| values.first()).map_or(&[][..], Vec::as_slice);
        child_key(before.parent, before.rdn, value, &mut old);
        if old == new {
            return Ok(());
        }
        tables.children.delete(txn, &old)?;
        Index(tables).delete(txn, &Key::new(PARENT, &before.parent.to_bytes()), draft.dnt)?;
    }
    tables.children.put(txn, &new, &draft.dnt.to_bytes())?;
    Index(tables).put(txn, &Key::new(PARENT, &draft.header.parent.to_bytes()), draft.dnt)
}

fn write_indexes(inner: &Inner, txn: &mut RwTxn<'_>, draft: &Draft) -> Result<(), Error> {
    let index = Index(inner.store.tables);
    for id in changed(draft) {
        let Some(attribute) =
            inner.schema.attribute_by_id(id).filter(|attribute| inner.catalogue.is_indexed(attribute))
        else {
            continue;
        };
        let kind = matching::kind(attribute);
        let keys = |values: Option<&Vec<Vec<u8>>>| -> Vec<Key> {
            values.into_iter().flatten().filter_map(|value| index::key_of(id, kind, value)).collect()
        };
        let (old, new) = (keys(draft.stored.get(&id)), keys(draft.fields.get(&id)));
        let slices = |keys: &[Key]| keys.iter().map(|key| key.as_slice().to_vec()).collect::<BTreeSet<_>>();
        let (had, has) = (slices(&old), slices(&new));
        for key in old.iter().filter(|key| !has.contains(key.as_slice())) {
            index.delete(txn, key, draft.dnt)?;
        }
        for key in new.iter().filter(|key| !had.contains(key.as_slice())) {
            index.put(txn, key, draft.dnt)?;
        }
    }
    Ok(())
}

/// The stored attributes that differ.
fn changed(draft: &Draft) -> Vec<AttrId> {
    let ids: BTreeSet<AttrId> = draft.stored.keys().chain(draft.fields.keys()).copied().collect();
    ids.into_iter().filter(|id| draft.stored.get(id) != draft.fields.get(id)).collect()
}

fn write_links(inner: &Inner, txn: &mut RwTxn<'_>, draft: &Draft) -> Result<BTreeSet<AttrId>, Error> {
    let table = Links(inner.store.tables);
    let mut touched = BTreeSet::new();
    for edit in &draft.links {
        let target = LinkTarget { dnt: edit.target, data: &edit.data };
        let done = match edit.add {
            true => table.add(txn, edit.source, edit.attribute, target)?,
            false => table.remove(txn, edit.source, edit.attribute, target)?,
        };
        if done && edit.source == draft.dnt {
            touched.insert(edit.attribute);
        }
    }
    Ok(touched)
}

fn write_secrets(inner: &Inner, txn: &mut RwTxn<'_>, draft: &Draft) -> Result<(), Error> {
    for (attribute, value) in &draft.secrets {
        let place = crate::secrets::place(draft.dnt, *attribute);
        match value {
            Some(secret) => {
                let sealed = inner.secrets.seal(&place, secret, &*inner.environment.random)?;
                inner.store.tables.secrets.put(txn, &place, &sealed)?;
            }
            None => {
                inner.store.tables.secrets.delete(txn, &place)?;
            }
        }
    }
    Ok(())
}

fn write_metadata(
    inner: &Inner,
    txn: &mut RwTxn<'_>,
    draft: &Draft,
    linked: BTreeSet<AttrId>,
    stamp: Stamp,
) -> Result<Change, Error> {
    let table = inner.store.tables.metadata;
    let key = number(draft.dnt.0);
    let mut touched: BTreeSet<AttrId> =
        changed(draft).into_iter().chain(linked).chain(draft.secrets.keys().copied()).collect();
    if draft.descriptor.is_some() {
        touched.insert(inner.catalogue.known.nt_security_descriptor);
    }
    let row = match table.get(txn, &key)? {
        Some(bytes) => {
            let mut row = Row::from_bytes(bytes)?;
            // Not replicated, so without a version. MS-ADTS 3.1.1.1.9.
            touched.remove(&inner.catalogue.known.usn_changed);
            for id in &touched {
                row.touch(*id, draft.stored.contains_key(id), stamp);
            }
            row
        }
        None => Row::new(stamp),
    };
    table.put(txn, &key, &row.to_bytes())?;
    let guid = draft.values(inner.catalogue.known.object_guid).first().and_then(|value| dtyp::Guid::from_bytes(value));
    let version = |id: AttrId| row.later.iter().find(|(later, ..)| *later == id).map_or(1, |(_, version, _)| *version);
    let attributes = touched.iter().map(|id| AttributeMetadata {
        attribute: *id,
        version: version(*id),
        originating_time: stamp.time,
        originating_invocation: inner.invocation,
        originating_usn: stamp.usn,
        local_usn: stamp.usn,
    });
    Ok(Change {
        usn: stamp.usn,
        dnt: draft.dnt,
        guid: guid.unwrap_or(dtyp::Guid::NIL),
        attributes: attributes.collect(),
    })
}
