//! From names to objects and back.
//!
//! A name is resolved from the root down, one look-up in the children table for each step; the containers that were passed are remembered.
//! The name of an object is its own step before its parent's name, which is remembered too. MS-ADTS 3.1.1.1.4 (names).

use std::sync::Arc;

use ldap::{Dn, Rdn};
use schema::AttrId;

use crate::dn_cache::Container;
use crate::index;
use crate::matching;
use crate::object::name::push_rdn;
use crate::object::record::{Flags, Record};
use crate::{Dnt, Error, Object, View};

/// No directory is deeper; a longer chain of parents is a loop.
const DEEPEST: usize = 512;

impl View<'_> {
    /// The object with this name.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn resolve(&self, dn: &Dn) -> Result<Option<Dnt>, Error> {
        Ok(self.locate(dn)?.ok().map(|object| object.dnt()))
    }

    /// The object with this name, or the error that says it is not there and what above it is.
    ///
    /// # Errors
    /// `noSuchObject`, or when the store is damaged.
    pub fn require(&self, dn: &Dn) -> Result<Object<'_>, Error> {
        match self.locate(dn)? {
            Ok(found) => Ok(found),
            Err(None) => Err(Error::no_such_object(None)),
            Err(Some(nearest)) => Err(Error::no_such_object(Some(self.dn(nearest)?))),
        }
    }

    /// The name of an object.
    ///
    /// # Errors
    /// When there is none or the store is damaged.
    pub fn dn(&self, dnt: Dnt) -> Result<String, Error> {
        let mut out = String::new();
        self.push_dn_of(&mut out, dnt)?;
        Ok(out)
    }

    /// An object as a parent: its name and ancestors.
    pub(crate) fn container(&self, dnt: Dnt) -> Result<Arc<Container>, Error> {
        if let Some((of, container)) = &*self.last.borrow()
            && *of == dnt
        {
            return Ok(Arc::clone(container));
        }
        let container = self.container_at(dnt, 0)?;
        *self.last.borrow_mut() = Some((dnt, Arc::clone(&container)));
        Ok(container)
    }

    fn container_at(&self, dnt: Dnt, depth: usize) -> Result<Arc<Container>, Error> {
        if dnt == Dnt::ROOT {
            return Ok(Arc::new(Container { dn: "".into(), ancestors: Box::new([Dnt::ROOT]), naming_context: None }));
        }
        if depth > DEEPEST {
            return Err(Error::damaged("the chain of parents does not end"));
        }
        if let Some(container) = self.era.and_then(|era| self.inner.names.get(era, dnt)) {
            return Ok(container);
        }
        let record = self.record(dnt)?.ok_or_else(|| Error::damaged("an object's parent is missing"))?;
        let parent = self.container_at(record.header().parent, depth + 1)?;
        let mut dn = String::with_capacity(parent.dn.len() + 32);
        self.push_dn(&mut dn, &record, &parent);
        let ancestors = std::iter::once(dnt).chain(parent.ancestors.iter().copied()).collect();
        let naming_context = if record.header().flags.has(Flags::NC_HEAD) { Some(dnt) } else { parent.naming_context };
        let container = Arc::new(Container { dn: dn.into_boxed_str(), ancestors, naming_context });
        if let Some(era) = self.era {
            self.inner.names.put(era, dnt, &container);
        }
        Ok(container)
    }

    /// Appends the name of an object whose parent is known.
    pub(crate) fn push_dn(&self, out: &mut String, record: &Record<'_>, parent: &Container) {
        let rdn = record.header().rdn;
        let name = self.inner.schema.attribute_by_id(rdn).map_or("CN", |attribute| &attribute.name);
        push_rdn(out, name, record.values(rdn).next().unwrap_or_default());
        if !parent.dn.is_empty() {
            out.push(',');
            out.push_str(&parent.dn);
        }
    }

    /// Appends the name of any object.
    pub(crate) fn push_dn_of(&self, out: &mut String, dnt: Dnt) -> Result<(), Error> {
        let record = self.record(dnt)?.ok_or_else(|| Error::damaged("a named object is missing"))?;
        let parent = self.container(record.header().parent)?;
        self.push_dn(out, &record, &parent);
        Ok(())
    }

    /// The object with this name, or the nearest above it that exists.
    pub(crate) fn locate(&self, dn: &Dn) -> Result<Result<Object<'_>, Option<Dnt>>, Error> {
        let Some(rdn) = dn.rdn() else { return Ok(Err(None)) };
        let mut key = Vec::with_capacity(128);
        if let Some(parent) = self.known_parent(dn, &mut key)
            && let Some(found) = self.child_of(parent, rdn, &mut key)?
            && let Some(object) = self.object(found)?
        {
            return Ok(Ok(object));
        }
        let mut at = Dnt::ROOT;
        for (depth, rdn) in dn.rdns().enumerate().rev() {
            match self.child_of(at, rdn, &mut key)? {
                Some(next) if depth == 1 => {
                    at = next;
                    self.remember_parent(dn, at, &mut key);
                }
                Some(next) => at = next,
                None => return Ok(Err(self.nearest_object(at)?)),
            }
        }
        match self.object(at)? {
            Some(object) => Ok(Ok(object)),
            None => Ok(Err(self.nearest_object(at)?)),
        }
    }

    /// The container above, when its name is remembered. What is beneath it is looked up in this snapshot, so a container that is newer
    /// than the snapshot only seems empty.
    fn known_parent(&self, dn: &Dn, key: &mut Vec<u8>) -> Option<Dnt> {
        let era = self.era?;
        folded_parent(dn, key);
        self.inner.names.tag(era, key)
    }

    fn remember_parent(&self, dn: &Dn, parent: Dnt, key: &mut Vec<u8>) {
        if let Some(era) = self.era {
            folded_parent(dn, key);
            self.inner.names.put_tag(era, key, parent);
        }
    }

    /// This, or the nearest above it that is more than a name.
    fn nearest_object(&self, from: Dnt) -> Result<Option<Dnt>, Error> {
        let mut at = from;
        for _ in 0..DEEPEST {
            match self.record(at)? {
                None => return Ok(None),
                Some(record) if !record.header().flags.has(Flags::PHANTOM) => return Ok(Some(at)),
                Some(record) => at = record.header().parent,
            }
        }
        Err(Error::damaged("the chain of parents does not end"))
    }

    /// The child of this relative name.
    pub(crate) fn child_of(&self, parent: Dnt, rdn: &Rdn, key: &mut Vec<u8>) -> Result<Option<Dnt>, Error> {
        let Some(attribute) = self.inner.schema.attribute(rdn.attribute()) else { return Ok(None) };
        child_key(parent, attribute.id, rdn.value(), key);
        self.tables().children.get(self.txn(), key)?.map(matching::named).transpose()
    }

    /// The head of the naming context that an object is in: itself, when it is one.
    pub(crate) fn naming_context_of(&self, dnt: Dnt) -> Result<Option<Dnt>, Error> {
        Ok(self.container(dnt)?.naming_context)
    }
}

/// The name of what is above, in one spelling: steps from the object up, without case.
fn folded_parent(dn: &Dn, key: &mut Vec<u8>) {
    key.clear();
    for rdn in dn.rdns().skip(1) {
        matching::fold(rdn.attribute().as_bytes(), key);
        key.push(b'=');
        let start = key.len();
        matching::fold(rdn.value(), key);
        // With the lengths behind them, no two names have one key.
        let length = key.len().saturating_sub(start);
        key.extend_from_slice(&length.to_le_bytes());
    }
}

/// The key of a child by its relative name.
pub(crate) fn child_key(parent: Dnt, attribute: AttrId, value: &[u8], key: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(&parent.to_bytes());
    key.extend_from_slice(&attribute.0.to_be_bytes());
    let start = key.len();
    matching::fold(value, key);
    // Relative names have at most 255 characters, but those may be long in UTF-8.
    index::shorten(key, start);
}
