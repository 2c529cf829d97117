//! Writing an entry: the name, and each wanted attribute the caller may read, straight from the store's page to the sink.

use std::ops::ControlFlow;

use schema::Attribute;

use super::select::{Range, Selection, Window};
use super::{EntrySink, ExtendedDn, Search, computed};
use crate::access::{self, Reading};
use crate::matching::{self, Kind};
use crate::{Caller, Dnt, Error, Object, View};

/// Writes the entries of one search.
pub(crate) struct Emitter<'e> {
    view: &'e View<'e>,
    caller: &'e Caller,
    search: &'e Search<'e>,
    selection: Selection<'e>,
    sink: &'e mut dyn EntrySink,
    /// Reused for every name.
    text: String,
    /// Reused for names of attributes with a range.
    label: String,
}

impl<'e> Emitter<'e> {
    pub(crate) fn new(
        view: &'e View<'e>,
        caller: &'e Caller,
        search: &'e Search<'e>,
        sink: &'e mut dyn EntrySink,
    ) -> Self {
        let selection = Selection::new(view.schema(), search.attributes);
        Self { view, caller, search, selection, sink, text: String::with_capacity(256), label: String::new() }
    }

    pub(crate) fn entry(&mut self, object: &Object<'_>, reading: &Reading<'_>) -> Result<ControlFlow<()>, Error> {
        self.name_of(object.dnt(), Some(object))?;
        self.sink.begin(&self.text);
        let selection = std::mem::replace(&mut self.selection, Selection { all: false, named: Vec::new() });
        let written = self.attributes(object, reading, &selection);
        self.selection = selection;
        written?;
        Ok(self.sink.end())
    }

    fn attributes(
        &mut self,
        object: &Object<'_>,
        reading: &Reading<'_>,
        selection: &Selection<'_>,
    ) -> Result<(), Error> {
        if selection.all {
            self.everything(object, reading, selection)?;
        }
        for wanted in &selection.named {
            self.attribute(object, reading, wanted.attribute, wanted.range)?;
        }
        Ok(())
    }

    /// All that is stored, with the links from and to the object. MS-ADTS 3.1.1.3.1.3.2: not the descriptor, unless its control is there.
    fn everything(
        &mut self,
        object: &Object<'_>,
        reading: &Reading<'_>,
        selection: &Selection<'_>,
    ) -> Result<(), Error> {
        let schema = self.view.schema();
        let known = &self.view.inner.catalogue.known;
        let table = self.view.link_table();
        let stored = object.record().attributes().map(|(id, _)| id);
        let linked = table.attributes_of(self.view.txn(), object.dnt(), true)?;
        let named = table.attributes_of(self.view.txn(), object.dnt(), false)?;
        let back = named.iter().filter_map(|id| self.view.inner.catalogue.back_of(*id));
        let descriptor = self.search.sd_flags.map(|_| known.nt_security_descriptor);
        let all: Vec<_> = stored
            .chain(linked.iter().copied())
            .chain(back)
            .chain([known.distinguished_name])
            .chain(descriptor)
            .collect();
        for attribute in all.into_iter().filter_map(|id| schema.attribute_by_id(id)) {
            if !selection.names(attribute) {
                self.attribute(object, reading, attribute, None)?;
            }
        }
        Ok(())
    }

    fn attribute(
        &mut self,
        object: &Object<'_>,
        reading: &Reading<'_>,
        attribute: &Attribute,
        range: Option<Range>,
    ) -> Result<(), Error> {
        let known = &self.view.inner.catalogue.known;
        if attribute.id == known.nt_security_descriptor {
            let stored = object.descriptor()?;
            if let Some(readable) = access::descriptor_for_read(self.caller, object, stored, self.search.sd_flags) {
                self.values(attribute, std::iter::once(readable.as_slice()));
            }
            return Ok(());
        }
        // A managed password is given by a descriptor of its own. MS-ADTS 3.1.1.4.4.
        if attribute.id != known.managed_password && !reading.may_read(object, attribute) {
            return Ok(());
        }
        if attribute.id == known.distinguished_name {
            self.name_of(object.dnt(), Some(object))?;
            return self.one_text(attribute);
        }
        if attribute.link_id.is_some() || matching::kind(attribute) == Kind::Name && !attribute.is_constructed() {
            return self.names(object, attribute, range);
        }
        if attribute.is_constructed() {
            return self.computed(object, attribute);
        }
        let values = object.values(attribute.id);
        match range {
            None => self.values(attribute, values),
            Some(range) => self.ranged(attribute, values.count(), values, range),
        }
        Ok(())
    }

    /// Values as they lie in the store.
    #[inline]
    fn values<'v>(&mut self, attribute: &Attribute, mut values: impl Iterator<Item = &'v [u8]>) {
        let Some(first) = values.next() else { return };
        self.sink.attribute(&attribute.name);
        if !self.search.types_only {
            self.sink.value(first);
            for value in values {
                self.sink.value(value);
            }
        }
    }

    fn ranged<'v>(
        &mut self,
        attribute: &Attribute,
        count: usize,
        values: impl Iterator<Item = &'v [u8]>,
        range: Range,
    ) {
        let window = Window::new(Some(range), self.search.value_range as usize);
        let sent = count.saturating_sub(window.low).min(window.most);
        if sent == 0 {
            return;
        }
        window.name(&attribute.name, sent, window.low.saturating_add(sent) < count, &mut self.label);
        self.sink.attribute(&self.label);
        if !self.search.types_only {
            values.skip(window.low).take(sent).for_each(|value| self.sink.value(value));
        }
    }

    fn one_text(&mut self, attribute: &Attribute) -> Result<(), Error> {
        self.sink.attribute(&attribute.name);
        if !self.search.types_only {
            self.sink.value(self.text.as_bytes());
        }
        Ok(())
    }

    /// The names of other objects. Tombstones are named only to those who ask for them.
    fn names(&mut self, object: &Object<'_>, attribute: &Attribute, range: Option<Range>) -> Result<(), Error> {
        let window = Window::new(range, self.search.value_range as usize);
        let wanted = window.low.saturating_add(window.most);
        let mut found: Vec<(Dnt, Vec<u8>)> = Vec::new();
        let (mut seen, mut more) = (0_usize, false);
        self.view.each_link(object.dnt(), attribute.id, |link| {
            if seen >= wanted {
                more = true;
                return false;
            }
            if seen >= window.low {
                found.push((link.dnt, link.data.to_vec()));
            }
            seen += 1;
            true
        })?;
        if found.is_empty() {
            return Ok(());
        }
        window.name(&attribute.name, found.len(), more, &mut self.label);
        self.sink.attribute(&self.label);
        if self.search.types_only {
            return Ok(());
        }
        let letter = matching::has_data(attribute);
        for (dnt, data) in found {
            self.name_of(dnt, None)?;
            if let Some(letter) = letter {
                let data = String::from_utf8_lossy(&data);
                self.text.insert_str(0, &format!("{letter}:{}:{data}:", data.len()));
            }
            self.sink.value(self.text.as_bytes());
        }
        Ok(())
    }

    fn computed(&mut self, object: &Object<'_>, attribute: &Attribute) -> Result<(), Error> {
        let (sink, types_only) = (&mut *self.sink, self.search.types_only);
        let mut begun = false;
        let mut emit = |value: &[u8]| {
            if !begun {
                sink.attribute(&attribute.name);
                begun = true;
            }
            if !types_only {
                sink.value(value);
            }
        };
        computed::values(self.caller, object, attribute, &mut emit)
    }

    /// Puts the name of an object into `text`, in the form that was asked for.
    fn name_of(&mut self, dnt: Dnt, object: Option<&Object<'_>>) -> Result<(), Error> {
        self.text.clear();
        if let Some(form) = self.search.extended_dn {
            let looked_up = match object {
                Some(object) => Some(*object),
                None => self.view.object(dnt)?,
            };
            if let Some(object) = looked_up {
                push_ids(&mut self.text, &object, form);
            }
        }
        match object {
            Some(object) => {
                let parent = self.view.container(object.parent())?;
                self.view.push_dn(&mut self.text, object.record(), &parent);
                Ok(())
            }
            None => self.view.push_dn_of(&mut self.text, dnt),
        }
    }
}

/// `<GUID=…>;<SID=…>;` before a name. MS-ADTS 3.1.1.3.4.1.5.
fn push_ids(out: &mut String, object: &Object<'_>, form: ExtendedDn) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if let Some(guid) = object.guid() {
        let text = match form {
            ExtendedDn::Hex => hex(guid.as_bytes()),
            ExtendedDn::Text => guid.to_string(),
        };
        out.push_str(&format!("<GUID={text}>;"));
    }
    if let Some(sid) = object.sid() {
        let text = match form {
            ExtendedDn::Hex => hex(&sid.to_bytes()),
            ExtendedDn::Text => sid.to_string(),
        };
        out.push_str(&format!("<SID={text}>;"));
    }
}
