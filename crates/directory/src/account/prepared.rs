//! Keys of passwords that are on their way to the writer: making them takes milliseconds, which all that waits behind would wait too.
//!
//! Whoever hands over an update makes them before, with the salt that the account has at that moment. When it has another by the time
//! the writer comes to it, the writer makes them anew.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use schema::Schema;
use sha2::{Digest, Sha256};

use super::credentials::PasswordKeys;
use super::password::{domain_name, salt, text_of, unquote};
use crate::update::Attribute;
use crate::{Caller, Error, ModificationKind, Update, View, gmsa};

/// More than wait at one time; what was refused stays until it is pushed out.
const MOST: usize = 512;

/// Keys that wait to be used, each once.
#[derive(Default)]
pub(crate) struct Prepared(Mutex<VecDeque<([u8; 32], PasswordKeys)>>);

impl Prepared {
    /// The keys of a password with a salt: those that were made before, or made now.
    pub(super) fn take(&self, text: &str, salt: &str) -> PasswordKeys {
        let name = name(text, salt);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().position(|(known, _)| *known == name).and_then(|at| all.remove(at));
        drop(all);
        found.map_or_else(|| PasswordKeys::new(text, salt), |(_, keys)| keys)
    }

    fn put(&self, text: &str, salt: &str) {
        let keys = (name(text, salt), PasswordKeys::new(text, salt));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.truncate(MOST - 1);
        all.push_front(keys);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn name(text: &str, salt: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(salt.len().to_le_bytes());
    digest.update(salt);
    digest.update(text);
    digest.finalize().into()
}

/// Whether an update sets a password.
pub(crate) fn sets_password(update: &Update) -> bool {
    new_password(update).is_some()
}

fn is_password(attribute: &Attribute) -> bool {
    attribute.name.eq_ignore_ascii_case("unicodePwd")
}

fn new_password(update: &Update) -> Option<&[u8]> {
    let attribute = match update {
        Update::Add { attributes, .. } => attributes.iter().find(|attribute| is_password(attribute)),
        Update::Modify { changes, .. } => changes
            .iter()
            .find(|change| change.kind != ModificationKind::Delete && is_password(&change.attribute))
            .map(|change| &change.attribute),
        _ => None,
    };
    attribute?.values.first().map(Vec::as_slice)
}

/// Makes the keys of the password that an update sets. Whatever is wrong with the update is left to the writer to say.
pub(crate) fn prepare(view: &View<'_>, caller: &Caller, update: &Update) -> Result<(), Error> {
    // What will be refused is not worth the work.
    let welcome = caller.sealed && *caller.token.user() != dtyp::Sid::ANONYMOUS;
    let Some(new) = new_password(update).filter(|_| welcome && !caller.system) else { return Ok(()) };
    let (Ok(utf16), Some(salt)) = (unquote(new), salt_of(view, update)?) else { return Ok(()) };
    view.inner.prepared_keys.put(&text_of(&utf16), &salt);
    Ok(())
}

fn salt_of(view: &View<'_>, update: &Update) -> Result<Option<String>, Error> {
    let schema = view.schema();
    let (name, is_computer, is_managed) = match update {
        Update::Add { attributes, .. } => {
            let is_a = |class: &str| texts(attributes, "objectClass").any(|given| derives_from(schema, &given, class));
            let name = texts(attributes, "sAMAccountName").next().map(Cow::into_owned);
            (name, is_a("computer"), gmsa::is_derived(is_a))
        }
        Update::Modify { dn, .. } => {
            let Some(object) = view.resolve(dn)?.map(|dnt| view.object(dnt)).transpose()?.flatten() else {
                return Ok(None);
            };
            let name = object.text(view.inner.catalogue.known.sam_account_name).map(str::to_owned);
            (name, object.is_a("computer"), gmsa::is_derived(|class| object.is_a(class)))
        }
        _ => return Ok(None),
    };
    let domain = domain_name(view)?;
    Ok(name.filter(|_| !is_managed).map(|name| salt(&domain, is_computer, &name)))
}

/// The values given for an attribute.
fn texts<'a>(attributes: &'a [Attribute], name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    let given = attributes.iter().filter(move |attribute| attribute.name.eq_ignore_ascii_case(name));
    given.flat_map(|attribute| attribute.values.iter()).map(|value| String::from_utf8_lossy(value))
}

fn derives_from(schema: &Schema, class: &str, ancestor: &str) -> bool {
    let mut at = schema.class(class);
    // No class is deeper than this.
    for _ in 0..16 {
        match at {
            Some(class) if class.name.eq_ignore_ascii_case(ancestor) => return true,
            Some(class) => at = schema.class(&class.superclass),
            None => return false,
        }
    }
    false
}
