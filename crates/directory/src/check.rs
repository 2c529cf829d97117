//! Does everything in the store agree? Every fact that is kept twice is compared: names, indexes, links, descriptors.
//!
//! For tests, and for an administrator who doubts a disk. Reads the whole file.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::{self, PARENT};
use crate::matching;
use crate::names::child_key;
use crate::object::record::{Flags, Record};
use crate::{Dnt, Error, Object, View};

/// More findings than this are not listed.
const MOST: usize = 100;

/// What is found on the way.
struct Check<'v> {
    view: &'v View<'v>,
    findings: Vec<String>,
    /// What the index must hold: key and tag, together.
    index: BTreeSet<Vec<u8>>,
    descriptors: BTreeMap<u32, u64>,
    objects: BTreeSet<Dnt>,
}

impl View<'_> {
    /// What does not agree, in words; nothing when all is well.
    ///
    /// # Errors
    /// When the store cannot even be read.
    pub fn check(&self) -> Result<Vec<String>, Error> {
        let mut check = Check {
            view: self,
            findings: Vec::new(),
            index: BTreeSet::new(),
            descriptors: BTreeMap::new(),
            objects: BTreeSet::new(),
        };
        check.objects()?;
        check.children()?;
        check.index()?;
        check.links()?;
        check.descriptors()?;
        Ok(check.findings)
    }
}

impl Check<'_> {
    fn finding(&mut self, text: String) {
        if self.findings.len() < MOST {
            self.findings.push(text);
        }
    }

    fn objects(&mut self) -> Result<(), Error> {
        let mut key = Vec::new();
        for item in self.view.tables().objects.iter(self.view.txn())? {
            let (dnt, bytes) = item?;
            let Some(dnt) = dnt.first_chunk::<4>().map(|dnt| Dnt(u32::from_ne_bytes(*dnt))) else { continue };
            self.objects.insert(dnt);
            let Ok(record) = Record::parse(bytes) else {
                self.finding(format!("object {} cannot be read", dnt.0));
                continue;
            };
            let header = record.header();
            child_key(header.parent, header.rdn, record.values(header.rdn).next().unwrap_or_default(), &mut key);
            if self.view.tables().children.get(self.view.txn(), &key)?.map(matching::named).transpose()? != Some(dnt) {
                self.finding(format!("object {} is not found by its name", dnt.0));
            }
            if self.view.record(header.parent)?.is_none() && header.parent != Dnt::ROOT {
                self.finding(format!("object {} has no parent", dnt.0));
            }
            self.expect(&index::Key::new(PARENT, &header.parent.to_bytes()), dnt);
            if !header.flags.has(Flags::PHANTOM) {
                let class = Object::new(self.view, dnt, record).class().map(|class| class.governs_id.0);
                if class != Some(header.class) {
                    self.finding(format!("object {} is not of the class it says", dnt.0));
                }
                *self.descriptors.entry(header.descriptor.0).or_default() += 1;
            }
            self.indexed(dnt, &record);
        }
        Ok(())
    }

    fn indexed(&mut self, dnt: Dnt, record: &Record<'_>) {
        let inner = self.view.inner;
        for (id, values) in record.attributes() {
            let Some(attribute) = inner.schema.attribute_by_id(id) else {
                self.finding(format!("object {} has attribute {:#x}, which the schema does not", dnt.0, id.0));
                continue;
            };
            if inner.catalogue.is_secret(id) {
                self.finding(format!("object {} has {} in the clear", dnt.0, attribute.name));
            }
            if inner.catalogue.is_indexed(attribute) {
                for key in values.filter_map(|value| index::key_of(id, matching::kind(attribute), value)) {
                    self.expect(&key, dnt);
                }
            }
        }
    }

    fn expect(&mut self, key: &index::Key, dnt: Dnt) {
        let mut entry = key.as_slice().to_vec();
        entry.extend_from_slice(&dnt.to_bytes());
        self.index.insert(entry);
    }

    fn children(&mut self) -> Result<(), Error> {
        let count = self.view.tables().children.len(self.view.txn())?;
        if count != self.objects.len() as u64 {
            self.finding(format!("there are {} objects but {count} names", self.objects.len()));
        }
        Ok(())
    }

    fn index(&mut self) -> Result<(), Error> {
        let mut extra = 0_usize;
        for item in self.view.tables().index.iter(self.view.txn())? {
            let (key, dnt) = item?;
            let mut entry = key.to_vec();
            entry.extend_from_slice(dnt);
            if !self.index.remove(&entry) {
                extra += 1;
            }
        }
        if extra > 0 {
            self.finding(format!("{extra} entries of the index lead to objects without that value"));
        }
        if !self.index.is_empty() {
            self.finding(format!("{} values are missing from the index", self.index.len()));
        }
        Ok(())
    }

    fn links(&mut self) -> Result<(), Error> {
        let mut back: BTreeSet<(Dnt, [u8; 4], Dnt)> = BTreeSet::new();
        for item in self.view.tables().back_links.iter(self.view.txn())? {
            let (key, source) = item?;
            let (target, attribute) = (matching::named(key)?, attribute_of(key)?);
            back.insert((matching::named(source)?, attribute, target));
        }
        let mut forward: BTreeSet<(Dnt, [u8; 4], Dnt)> = BTreeSet::new();
        for item in self.view.tables().links.iter(self.view.txn())? {
            let (key, target) = item?;
            forward.insert((matching::named(key)?, attribute_of(key)?, matching::named(target)?));
        }
        if forward != back {
            self.finding(format!("{} links and back links do not agree", forward.symmetric_difference(&back).count()));
        }
        for (source, _, target) in &forward {
            for end in [source, target] {
                let live = self.view.record(*end)?.is_some_and(|record| !record.header().flags.has(Flags::DELETED));
                if !live {
                    self.finding(format!("a link of object {} leads to or from one that is gone", source.0));
                }
            }
        }
        Ok(())
    }

    fn descriptors(&mut self) -> Result<(), Error> {
        for item in self.view.tables().descriptor_ids.iter(self.view.txn())? {
            let (_, entry) = item?;
            let id = entry.first_chunk::<4>().map(|id| u32::from_le_bytes(*id));
            let users =
                entry.get(4..).and_then(|users| users.first_chunk::<8>()).map(|users| u64::from_le_bytes(*users));
            let (Some(id), Some(users)) = (id, users) else {
                self.finding("a descriptor's entry is too short".into());
                continue;
            };
            let expected = self.descriptors.remove(&id);
            if expected != Some(users) {
                self.finding(format!("descriptor {id} says {users} objects have it, but {expected:?} do"));
            }
        }
        let missing: Vec<u32> = self.descriptors.keys().copied().collect();
        for id in missing {
            self.finding(format!("descriptor {id} is missing"));
        }
        Ok(())
    }
}

fn attribute_of(key: &[u8]) -> Result<[u8; 4], Error> {
    let id = key.get(4..).and_then(|id| id.first_chunk::<4>()).copied();
    id.ok_or_else(|| Error::damaged("a link's key is too short"))
}
