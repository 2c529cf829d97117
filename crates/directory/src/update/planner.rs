//! What all updates have in common while they are planned: whose, when, and which numbers they take.

use std::collections::HashMap;
use std::sync::Arc;

use dtyp::{Guid, Sid};
use heed::RwTxn;
use ldap::Dn;
use schema::{AttrId, Attribute, Schema};

use super::Plan;
use super::draft::Draft;
use super::propagate::Inherited;
use crate::catalogue::{Catalogue, Known};
use crate::directory::Inner;
use crate::error::{printable, win32};
use crate::names::child_key;
use crate::store::{Counter, Counters};
use crate::{Caller, Dnt, Error, Object, Problem, View};

/// An update being planned.
pub(crate) struct Planner<'p> {
    pub(crate) view: &'p View<'p>,
    pub(crate) caller: &'p Caller,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) target: Option<(Dnt, Guid)>,
    pub(crate) inherited: Vec<Inherited>,
    pub(crate) names_change: bool,
    pub(crate) notes: Notes,
    /// Objects that do not exist yet, by the key they will have among their parent's children.
    names: HashMap<Vec<u8>, Dnt>,
}

/// What is written beside objects: counters, and which contexts there are.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    dnt: u64,
    rid: u64,
    pub(crate) new_naming_contexts: Vec<Dnt>,
    pub(crate) new_domain: Option<Dnt>,
    before: (u64, u64),
}

impl Notes {
    pub(crate) fn write(self, inner: &Inner, txn: &mut RwTxn<'_>) -> Result<(), Error> {
        let counters = Counters(inner.store.tables);
        if self.dnt != self.before.0 {
            counters.set(txn, Counter::Dnt, self.dnt)?;
        }
        if self.rid != self.before.1 {
            counters.set(txn, Counter::Rid, self.rid)?;
        }
        let meta = inner.store.tables.meta;
        if let Some(domain) = self.new_domain {
            meta.put(txn, b"domain", &domain.to_bytes())?;
        }
        if !self.new_naming_contexts.is_empty() {
            let mut all = meta.get(txn, b"naming contexts")?.unwrap_or_default().to_vec();
            all.extend(self.new_naming_contexts.iter().flat_map(|head| head.to_bytes()));
            meta.put(txn, b"naming contexts", &all)?;
        }
        Ok(())
    }
}

impl<'p> Planner<'p> {
    pub(crate) fn new(view: &'p View<'p>, caller: &'p Caller) -> Result<Self, Error> {
        let counters = Counters(view.tables());
        let dnt = counters.last(view.txn(), Counter::Dnt)?;
        let rid = counters.last(view.txn(), Counter::Rid)?.max(u64::from(dtyp::rid::FIRST_ALLOCATED) - 1);
        let notes = Notes { dnt, rid, before: (dnt, rid), ..Notes::default() };
        Ok(Self {
            view,
            caller,
            drafts: Vec::new(),
            target: None,
            inherited: Vec::new(),
            names_change: false,
            notes,
            names: HashMap::new(),
        })
    }

    pub(crate) fn finish(self) -> Plan {
        let target = self.target.unwrap_or((Dnt::ROOT, Guid::NIL));
        Plan {
            drafts: self.drafts,
            inherited: self.inherited,
            target,
            names_change: self.names_change,
            notes: self.notes,
        }
    }

    pub(crate) fn schema(&self) -> &'p Schema {
        self.view.schema()
    }

    pub(crate) fn catalogue(&self) -> &'p Arc<Catalogue> {
        &self.view.inner.catalogue
    }

    pub(crate) fn known(&self) -> &'p Known {
        &self.view.inner.catalogue.known
    }

    /// The next tag. MS-ADTS 3.1.1.1: 2^31 - 255 in the life of a copy.
    pub(crate) fn next_dnt(&mut self) -> Result<Dnt, Error> {
        let next = self.notes.dnt.saturating_add(1);
        self.notes.dnt = next;
        let next = u32::try_from(next).ok().filter(|next| *next < (1 << 31) - 255);
        next.map(Dnt).ok_or_else(|| Error::store("this copy of the directory can make no more objects".into()))
    }

    /// The next SID of the domain. MS-ADTS 3.1.1.1.12, MS-SAMR 3.1.1.9.2.
    pub(crate) fn next_sid(&mut self) -> Result<Sid, Error> {
        let domain = self.view.object(self.view.domain()?)?.and_then(|domain| domain.sid());
        let domain = domain.ok_or_else(|| Error::damaged("the domain has no SID"))?;
        loop {
            let next = self.notes.rid.saturating_add(1);
            let rid = u32::try_from(next).ok().filter(|rid| *rid < 0x7FFF_FFFF).ok_or_else(|| {
                Error::unwilling(win32::DS_NO_RIDS_ALLOCATED, "the domain has no relative identifiers left")
            })?;
            self.notes.rid = next;
            let sid = domain.with_rid(rid).map_err(|error| Error::store(error.to_string()))?;
            // Objects loaded with a SID of their own may be in the way.
            if self.view.by_sid(&sid)?.is_none() {
                return Ok(sid);
            }
        }
    }

    /// The attribute a client names. MS-ADTS answers `noSuchAttribute`, not `undefinedAttributeType`, for one the schema does not have.
    pub(crate) fn attribute(&self, name: &str) -> Result<&'p Attribute, Error> {
        let plain = name.strip_suffix(";binary").unwrap_or(name);
        self.schema().attribute(plain).ok_or_else(|| {
            let comment = format!("Error in attribute conversion operation ({} is not in the schema)", printable(name));
            Error::protocol(ldap::ResultCode::NO_SUCH_ATTRIBUTE, win32::INVALID_PARAMETER, comment)
        })
    }

    /// The object that a name in an update means, be it stored or part of the same update.
    pub(crate) fn resolve(&self, dn: &Dn) -> Result<Option<Dnt>, Error> {
        if self.names.is_empty() {
            return self.view.resolve(dn);
        }
        let mut at = Dnt::ROOT;
        let mut key = Vec::new();
        for rdn in dn.rdns().rev() {
            let Some(attribute) = self.schema().attribute(rdn.attribute()) else { return Ok(None) };
            child_key(at, attribute.id, rdn.value(), &mut key);
            let stored = || self.view.tables().children.get(self.view.txn(), &key);
            at = match self.names.get(&key) {
                Some(new) => *new,
                None => match stored()?.map(crate::matching::named).transpose()? {
                    Some(found) => found,
                    None => return Ok(None),
                },
            };
        }
        Ok(Some(at))
    }

    /// Takes a name for an object that is being created.
    pub(crate) fn take_name(&mut self, parent: Dnt, rdn: AttrId, value: &[u8], dnt: Dnt) -> Result<(), Error> {
        let mut key = Vec::new();
        child_key(parent, rdn, value, &mut key);
        let taken = self.names.contains_key(&key) || self.view.tables().children.get(self.view.txn(), &key)?.is_some();
        if taken {
            return Err(Error::entry_exists(win32::DS_OBJ_STRING_NAME_EXISTS, "an object of this name exists"));
        }
        self.names.insert(key, dnt);
        Ok(())
    }

    /// Whether an object may have this name; it may have it already.
    pub(crate) fn check_free(&self, parent: Dnt, rdn: AttrId, value: &[u8], dnt: Dnt) -> Result<(), Error> {
        let mut key = Vec::new();
        child_key(parent, rdn, value, &mut key);
        match self.view.tables().children.get(self.view.txn(), &key)?.map(crate::matching::named).transpose()? {
            Some(other) if other != dnt => {
                Err(Error::entry_exists(win32::DS_OBJ_STRING_NAME_EXISTS, "an object of this name exists"))
            }
            _ => Ok(()),
        }
    }

    /// The stored object of this name, for an update.
    pub(crate) fn object(&self, dn: &Dn) -> Result<Object<'p>, Error> {
        self.view.require(dn)
    }

    /// An update of the directory's own content that only it may do.
    pub(crate) fn only_system(&self, what: &str) -> Result<(), Error> {
        match self.caller.system {
            true => Ok(()),
            false => Err(Error::new(
                ldap::ResultCode::UNWILLING_TO_PERFORM,
                win32::DS_UNWILLING_TO_PERFORM,
                Problem::Service(5003, "WILL_NOT_PERFORM"),
                format!("{what} is for the directory itself"),
            )),
        }
    }
}
