//! One entry, borrowed from the store's page.

pub(crate) mod name;
pub(crate) mod record;

use dtyp::{Guid, Sid};
use schema::AttrId;

pub use record::Values;
use record::{Flags, Record};

use crate::store::SdId;
use crate::{Dnt, Error, View};

/// An object of a snapshot.
#[derive(Clone, Copy)]
pub struct Object<'v> {
    view: &'v View<'v>,
    dnt: Dnt,
    record: Record<'v>,
}

impl<'v> Object<'v> {
    pub(crate) fn new(view: &'v View<'v>, dnt: Dnt, record: Record<'v>) -> Self {
        Self { view, dnt, record }
    }

    /// Its tag.
    #[must_use]
    pub fn dnt(&self) -> Dnt {
        self.dnt
    }

    /// The object above it.
    #[must_use]
    pub fn parent(&self) -> Dnt {
        self.record.header().parent
    }

    /// The snapshot it is from.
    #[must_use]
    pub fn view(&self) -> &'v View<'v> {
        self.view
    }

    pub(crate) fn record(&self) -> &Record<'v> {
        &self.record
    }

    /// Its security descriptor, self-relative.
    pub(crate) fn descriptor(&self) -> Result<&'v [u8], Error> {
        self.view.descriptor(self.record.header().descriptor)
    }

    /// Which stored descriptor it has: the same number, the same bytes, for ever.
    pub(crate) fn descriptor_id(&self) -> SdId {
        self.record.header().descriptor
    }

    /// The `governsID` of its most specific class, as a number.
    pub(crate) fn class_id(&self) -> u32 {
        self.record.header().class
    }

    /// Its name.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn dn(&self) -> Result<String, Error> {
        let parent = self.view.container(self.parent())?;
        let mut out = String::with_capacity(parent.dn.len() + 32);
        self.view.push_dn(&mut out, &self.record, &parent);
        Ok(out)
    }

    /// The values of a stored attribute that does not name objects. Names are in [`View::links`] and [`targets`](Self::targets).
    #[must_use]
    #[inline]
    pub fn values(&self, attribute: AttrId) -> Values<'v> {
        self.record.values(attribute)
    }

    /// The first value.
    #[must_use]
    pub fn value(&self, attribute: AttrId) -> Option<&'v [u8]> {
        self.values(attribute).next()
    }

    /// The first value, as text.
    #[must_use]
    pub fn text(&self, attribute: AttrId) -> Option<&'v str> {
        self.value(attribute).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first value, as a number.
    #[must_use]
    pub fn integer(&self, attribute: AttrId) -> Option<i64> {
        self.text(attribute).and_then(|text| text.parse().ok())
    }

    /// The objects named by an attribute of DN syntax, linked or not.
    ///
    /// # Errors
    /// When the store is damaged.
    pub fn targets(&self, attribute: AttrId) -> Result<Vec<Dnt>, Error> {
        self.view.links(self.dnt, attribute)
    }

    /// `objectGUID`.
    #[must_use]
    pub fn guid(&self) -> Option<Guid> {
        self.value(self.view.inner.catalogue.known.object_guid).and_then(Guid::from_bytes)
    }

    /// `objectSid`, when it is a security principal or a domain.
    #[must_use]
    pub fn sid(&self) -> Option<Sid> {
        self.value(self.view.inner.catalogue.known.object_sid).and_then(|value| Sid::from_bytes(value).ok())
    }

    /// Whether it is of this class or one derived from it (by its `lDAPDisplayName`).
    #[must_use]
    pub fn is_a(&self, class: &str) -> bool {
        self.values(self.view.inner.catalogue.known.object_class)
            .any(|name| name.eq_ignore_ascii_case(class.as_bytes()))
    }

    /// Its most specific class.
    #[must_use]
    pub fn class(&self) -> Option<&'v schema::Class> {
        let name = self.values(self.view.inner.catalogue.known.object_class).last()?;
        self.view.schema().class(std::str::from_utf8(name).ok()?)
    }

    /// Whether it is a tombstone.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.record.header().flags.has(Flags::DELETED)
    }
}
