//! A snapshot of the directory: name resolution, objects, index look-ups, links.

use std::cell::RefCell;
use std::sync::{Arc, PoisonError};

use dtyp::{Guid, Sid};
use schema::{AttrId, Schema};
use zeroize::Zeroizing;

use crate::directory::Inner;
use crate::dn_cache::Container;
use crate::index::{self, Index, Span};
use crate::links::Links;
use crate::matching;
use crate::object::record::{Flags, Record};
use crate::store::{Counter, Counters, SdId, Snapshot, Tables, number};
use crate::{Dnt, Environment, Error, LinkTarget, Object, Usn};

/// What the directory looked like at one moment.
///
/// Inside an update (in the hooks of [`account`](crate::account) and [`gmsa`](crate::gmsa)) it shows the updates of the same batch too.
pub struct View<'a> {
    pub(crate) inner: &'a Inner,
    txn: Txn<'a>,
    /// With which era's names the cache may answer; none inside an update.
    pub(crate) era: Option<u64>,
    /// The container whose name was asked for last: usually the next one too.
    pub(crate) last: RefCell<Remembered>,
}

/// A container with its tag.
type Remembered = Option<(Dnt, Arc<Container>)>;

enum Txn<'a> {
    Own(Snapshot<'a>),
    Shared(&'a Snapshot<'a>),
}

impl<'a> View<'a> {
    pub(crate) fn open(inner: &'a Inner) -> Result<Self, Error> {
        let txn = inner.store.env.read_txn()?;
        // After the snapshot is taken: see `DnCache`.
        let era = inner.names.era_of(txn.id() as u64);
        Ok(Self { inner, txn: Txn::Own(txn), era, last: RefCell::new(None) })
    }

    /// The state inside a write transaction.
    pub(crate) fn inside(inner: &'a Inner, txn: &'a Snapshot<'a>) -> Self {
        Self { inner, txn: Txn::Shared(txn), era: None, last: RefCell::new(None) }
    }

    pub(crate) fn txn(&self) -> &Snapshot<'a> {
        match &self.txn {
            Txn::Own(txn) => txn,
            Txn::Shared(txn) => txn,
        }
    }

    /// The last transaction that was committed whole before what this shows; inside an update more of it shows.
    pub(crate) fn committed(&self) -> u64 {
        let id = self.txn().id() as u64;
        match &self.txn {
            Txn::Own(_) => id,
            Txn::Shared(_) => id.saturating_sub(1),
        }
    }

    pub(crate) fn tables(&self) -> Tables {
        self.inner.store.tables
    }

    pub(crate) fn index(&self) -> Index {
        Index(self.tables())
    }

    pub(crate) fn link_table(&self) -> Links {
        Links(self.tables())
    }

    /// The record of an object, phantoms included.
    #[inline]
    pub(crate) fn record(&self, dnt: Dnt) -> Result<Option<Record<'_>>, Error> {
        self.tables().objects.get(self.txn(), &number(dnt.0))?.map(Record::parse).transpose()
    }

    /// The object with this `objectGUID`.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn by_guid(&self, guid: &Guid) -> Result<Option<Dnt>, Error> {
        self.index().first(self.txn(), &index::Key::new(self.inner.catalogue.known.object_guid, guid.as_bytes()))
    }

    /// The object with this `objectSid`.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn by_sid(&self, sid: &Sid) -> Result<Option<Dnt>, Error> {
        self.index().first(self.txn(), &index::Key::new(self.inner.catalogue.known.object_sid, &sid.to_bytes()))
    }

    /// The object with this tag.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn object(&self, dnt: Dnt) -> Result<Option<Object<'_>>, Error> {
        let record = self.record(dnt)?.filter(|record| !record.header().flags.has(Flags::PHANTOM));
        Ok(record.map(|record| Object::new(self, dnt, record)))
    }

    /// The objects with this value (in the form LDAP sends) of an indexed attribute, tombstones left out.
    ///
    /// # Errors
    /// When the attribute is not indexed or the store is damaged.
    pub fn find(&self, attribute: AttrId, value: &[u8]) -> Result<Vec<Dnt>, Error> {
        let definition = self
            .inner
            .schema
            .attribute_by_id(attribute)
            .filter(|definition| self.inner.catalogue.is_indexed(definition));
        let definition =
            definition.ok_or_else(|| Error::store(format!("attribute {:#x} is not indexed", attribute.0)))?;
        let kind = matching::kind(definition);
        let Some(stored) = matching::assertion(&self.inner.schema, definition, value) else { return Ok(Vec::new()) };
        let Some(key) = index::key_of(attribute, kind, &stored) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        self.index().each(self.txn(), &Span::Exactly(key), |dnt| {
            found.push(dnt);
            true
        })?;
        let mut live = Vec::with_capacity(found.len());
        for dnt in found {
            if self.record(dnt)?.is_some_and(|record| !record.header().flags.has(Flags::DELETED | Flags::PHANTOM)) {
                live.push(dnt);
            }
        }
        Ok(live)
    }

    /// The children of an object, in the order of their tags, tombstones included.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn children(&self, parent: Dnt) -> Result<Vec<Dnt>, Error> {
        let mut found = Vec::new();
        self.index().each(self.txn(), &Span::Exactly(index::Key::new(index::PARENT, &parent.to_bytes())), |dnt| {
            found.push(dnt);
            true
        })?;
        Ok(found)
    }

    /// The objects that an attribute of DN syntax names: linked (`member`), back link (`memberOf`) or neither (`objectCategory`).
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn links(&self, source: Dnt, attribute: AttrId) -> Result<Vec<Dnt>, Error> {
        let mut found = Vec::new();
        self.each_link(source, attribute, |link| {
            found.push(link.dnt);
            true
        })?;
        Ok(found)
    }

    /// Gives what an attribute of DN syntax names, until `take` wants no more.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn each_link(
        &self,
        source: Dnt,
        attribute: AttrId,
        mut take: impl FnMut(LinkTarget<'_>) -> bool,
    ) -> Result<(), Error> {
        let definition = self.inner.schema.attribute_by_id(attribute);
        match definition.and_then(|definition| definition.link_id) {
            Some(link) if link % 2 == 0 => self.link_table().each(self.txn(), source, attribute, take),
            Some(link) => match self.inner.catalogue.forward_of(link) {
                Some(forward) => {
                    self.link_table().each_back(self.txn(), source, forward, |dnt| take(LinkTarget { dnt, data: &[] }))
                }
                None => Ok(()),
            },
            None => {
                let Some(record) = self.record(source)? else { return Ok(()) };
                for value in record.values(attribute) {
                    let dnt = matching::named(value)?;
                    if !take(LinkTarget { dnt, data: value.get(4..).unwrap_or_default() }) {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// Gives the objects of which an attribute that is no link names `target`.
    pub(crate) fn each_naming(
        &self,
        attribute: &schema::Attribute,
        target: Dnt,
        mut take: impl FnMut(Dnt),
    ) -> Result<(), Error> {
        if self.inner.catalogue.is_indexed(attribute) {
            let span = Span::Beginning(index::Key::prefix(attribute.id, &target.to_bytes()));
            return self.index().each(self.txn(), &span, |dnt| {
                take(dnt);
                true
            });
        }
        for item in self.tables().objects.iter(self.txn())? {
            let (key, bytes) = item?;
            let names =
                Record::parse(bytes)?.values(attribute.id).any(|value| value.get(..4) == Some(&target.to_bytes()));
            if let Some(key) = key.first_chunk::<4>().filter(|_| names) {
                take(Dnt(u32::from_ne_bytes(*key)));
            }
        }
        Ok(())
    }

    /// The schema's object for the category of a class: what `objectCategory` of its objects names. Remembered: the schema's objects
    /// are neither renamed nor deleted.
    pub(crate) fn category_object(&self, class: &schema::Class) -> Result<Option<Dnt>, Error> {
        let class = self.inner.schema.class(&class.default_object_category).unwrap_or(class);
        let remembered =
            || self.inner.categories.read().unwrap_or_else(PoisonError::into_inner).get(&class.governs_id).copied();
        if let Some(known) = self.era.and_then(|_| remembered()) {
            return Ok(Some(known));
        }
        for dnt in self.find(self.inner.catalogue.known.ldap_display_name, class.name.as_bytes())? {
            // Some attributes have the name of a class.
            if self.object(dnt)?.is_some_and(|object| object.is_a("classSchema")) {
                if self.era.is_some() {
                    self.inner.categories.write().unwrap_or_else(PoisonError::into_inner).insert(class.governs_id, dnt);
                }
                return Ok(Some(dnt));
            }
        }
        Ok(None)
    }

    /// A stored security descriptor.
    pub(crate) fn descriptor(&self, id: SdId) -> Result<&[u8], Error> {
        let stored = self.tables().descriptors.get(self.txn(), &number(id.0))?;
        stored.ok_or_else(|| Error::damaged("a security descriptor is missing"))
    }

    /// The head of the domain's naming context.
    ///
    /// # Errors
    /// When the directory has not been provisioned.
    pub fn domain(&self) -> Result<Dnt, Error> {
        let found = self.tables().meta.get(self.txn(), b"domain")?.map(matching::named).transpose()?;
        found.ok_or_else(|| Error::store("the directory has no domain yet: it has not been provisioned".into()))
    }

    /// The heads of all naming contexts.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn naming_contexts(&self) -> Result<Vec<Dnt>, Error> {
        let stored = self.tables().meta.get(self.txn(), b"naming contexts")?.unwrap_or_default();
        stored.chunks(4).map(matching::named).collect()
    }

    /// The USN of the last change in this snapshot.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn highest_usn(&self) -> Result<Usn, Error> {
        Ok(Usn(Counters(self.tables()).last(self.txn(), Counter::Usn)?))
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &'a Schema {
        &self.inner.schema
    }

    /// The time and randomness of this directory.
    #[must_use]
    pub fn environment(&self) -> &'a Environment {
        &self.inner.environment
    }

    /// A secret attribute's value, decrypted. Only for the rooms beside this one: no search or filter ever comes here.
    pub(crate) fn secret(&self, dnt: Dnt, attribute: AttrId) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let place = crate::secrets::place(dnt, attribute);
        let stored = self.tables().secrets.get(self.txn(), &place)?;
        stored.map(|stored| self.inner.secrets.open(&place, stored)).transpose()
    }
}
