//! An object while it is being changed.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use schema::AttrId;
use zeroize::Zeroizing;

use crate::catalogue::Catalogue;
use crate::matching;
use crate::object::record::{Flags, Header};
use crate::store::SdId;
use crate::{Dnt, Error, Object, View};

/// Attributes with their values in stored form.
pub(crate) type Fields = BTreeMap<AttrId, Vec<Vec<u8>>>;

/// A link to be added or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkEdit {
    /// Whose link: the draft's own object, but when the object is deleted those that name it.
    pub(crate) source: Dnt,
    pub(crate) attribute: AttrId,
    pub(crate) target: Dnt,
    pub(crate) data: Vec<u8>,
    pub(crate) add: bool,
}

/// An object as it will be: new, or read from the store to be changed. Values are in the form LDAP sends, but for names, which are set
/// by tag ([`set_names`](Self::set_names), [`link`](Self::link)).
pub struct Draft {
    pub(crate) dnt: Dnt,
    pub(crate) header: Header,
    /// What it was; none when it is new.
    pub(crate) before: Option<Header>,
    pub(crate) stored: Fields,
    pub(crate) fields: Fields,
    /// The descriptor to be stored, when it changes.
    pub(crate) descriptor: Option<Vec<u8>>,
    pub(crate) links: Vec<LinkEdit>,
    /// Which targets [`link`](Self::link) and [`unlink`](Self::unlink) were about: one look instead of one at every edit before.
    edited: HashSet<(AttrId, Dnt)>,
    pub(crate) secrets: BTreeMap<AttrId, Option<Zeroizing<Vec<u8>>>>,
    pub(crate) catalogue: Arc<Catalogue>,
}

impl Draft {
    /// A new object, without any attribute yet.
    pub(crate) fn new(dnt: Dnt, parent: Dnt, rdn: AttrId, class: u32, catalogue: &Arc<Catalogue>) -> Self {
        let header = Header { flags: Flags::default(), parent, rdn, descriptor: SdId(0), class };
        Self {
            dnt,
            header,
            before: None,
            stored: Fields::new(),
            fields: Fields::new(),
            descriptor: None,
            links: Vec::new(),
            edited: HashSet::new(),
            secrets: BTreeMap::new(),
            catalogue: Arc::clone(catalogue),
        }
    }

    /// A stored object, to be changed.
    pub(crate) fn of(object: &Object<'_>) -> Self {
        let record = object.record();
        let fields: Fields =
            record.attributes().map(|(id, values)| (id, values.map(<[u8]>::to_vec).collect())).collect();
        Self {
            dnt: object.dnt(),
            header: *record.header(),
            before: Some(*record.header()),
            stored: fields.clone(),
            fields,
            descriptor: None,
            links: Vec::new(),
            edited: HashSet::new(),
            secrets: BTreeMap::new(),
            catalogue: Arc::clone(&object.view().inner.catalogue),
        }
    }

    /// Its tag.
    #[must_use]
    pub fn dnt(&self) -> Dnt {
        self.dnt
    }

    /// Whether it is being created.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.before.is_none()
    }

    /// Whether it is of this class or one derived from it.
    #[must_use]
    pub fn is_a(&self, class: &str) -> bool {
        self.values(self.catalogue.known.object_class).iter().any(|name| name.eq_ignore_ascii_case(class.as_bytes()))
    }

    /// Whether nothing about it differs from what is stored.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.before == Some(self.header)
            && self.stored == self.fields
            && self.links.is_empty()
            && self.secrets.is_empty()
            && self.descriptor.is_none()
    }

    /// The values it will have. Secrets are not among them.
    #[must_use]
    pub fn values(&self, attribute: AttrId) -> &[Vec<u8>] {
        self.fields.get(&attribute).map_or(&[], Vec::as_slice)
    }

    /// Whether it will have the attribute.
    #[must_use]
    pub fn has(&self, attribute: AttrId) -> bool {
        self.fields.contains_key(&attribute)
    }

    /// The first value, as text.
    #[must_use]
    pub fn text(&self, attribute: AttrId) -> Option<&str> {
        self.values(attribute).first().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first value, as a number.
    #[must_use]
    pub fn integer(&self, attribute: AttrId) -> Option<i64> {
        self.text(attribute).and_then(|text| text.parse().ok())
    }

    /// Sets all values, without the checks a client's write gets. No values: removes the attribute. A secret attribute becomes a secret.
    pub fn set(&mut self, attribute: AttrId, values: Vec<Vec<u8>>) {
        if self.catalogue.is_secret(attribute) {
            self.set_secret(attribute, values.into_iter().next().map(Zeroizing::new));
        } else if values.is_empty() {
            self.fields.remove(&attribute);
        } else {
            self.fields.insert(attribute, values);
        }
    }

    /// Sets one value, bytes.
    pub fn set_bytes(&mut self, attribute: AttrId, value: impl Into<Vec<u8>>) {
        self.set(attribute, vec![value.into()]);
    }

    /// Sets one value, as text.
    pub fn set_text(&mut self, attribute: AttrId, value: impl Into<String>) {
        self.set(attribute, vec![value.into().into_bytes()]);
    }

    /// Sets one value, a number.
    pub fn set_integer(&mut self, attribute: AttrId, value: i64) {
        self.set_text(attribute, value.to_string());
    }

    /// Sets a value where there is none.
    pub fn default_text(&mut self, attribute: AttrId, value: impl Into<String>) {
        if !self.has(attribute) {
            self.set_text(attribute, value);
        }
    }

    /// Sets the objects named by an attribute that is not a link.
    pub fn set_names(&mut self, attribute: AttrId, named: &[Dnt]) {
        self.set(attribute, named.iter().map(|dnt| matching::name_value(*dnt, &[])).collect());
    }

    /// Adds a link; the same link twice is one.
    pub fn link(&mut self, attribute: AttrId, target: Dnt, data: &[u8]) {
        self.edit_link(attribute, target, data, true);
    }

    /// Removes a link.
    pub fn unlink(&mut self, attribute: AttrId, target: Dnt, data: &[u8]) {
        self.edit_link(attribute, target, data, false);
    }

    fn edit_link(&mut self, attribute: AttrId, target: Dnt, data: &[u8], add: bool) {
        if !self.edited.insert((attribute, target)) {
            self.links.retain(|edit| !(edit.attribute == attribute && edit.target == target && edit.data == data));
        }
        self.links.push(LinkEdit { source: self.dnt, attribute, target, data: data.to_vec(), add });
    }

    /// Whether a link was added (or removed) here; nothing when neither.
    pub(crate) fn edited(&self, attribute: AttrId, target: Dnt, data: &[u8]) -> Option<bool> {
        if !self.edited.contains(&(attribute, target)) {
            return None;
        }
        let same = |edit: &&LinkEdit| edit.attribute == attribute && edit.target == target && edit.data == data;
        self.links.iter().rev().find(same).map(|edit| edit.add)
    }

    /// A secret it has or will have.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn secret(&self, view: &View<'_>, attribute: AttrId) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match self.secrets.get(&attribute) {
            Some(value) => Ok(value.clone()),
            None if self.is_new() => Ok(None),
            None => view.secret(self.dnt, attribute),
        }
    }

    /// Sets (or removes) a secret; it is encrypted before it reaches the store.
    pub fn set_secret(&mut self, attribute: AttrId, value: Option<Zeroizing<Vec<u8>>>) {
        self.secrets.insert(attribute, value);
    }

    /// The value that makes its relative name.
    pub(crate) fn rdn_value(&self) -> &[u8] {
        self.values(self.header.rdn).first().map_or(&[], Vec::as_slice)
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "draft of {:?} with {} attributes", self.dnt, self.fields.len())
    }
}
