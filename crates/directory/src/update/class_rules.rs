//! What an object's class asks of it: which attributes it must and may have, beneath what it may be, how it is named.
//!
//! MS-ADTS 3.1.1.5.2.2 (constraints of an add), 3.1.1.5.2.3 (what the class asks), 3.1.1.5.3.5 (changing `objectClass`).

use std::collections::BTreeSet;

use schema::{AttrId, Class, ClassKind};

use super::Planner;
use super::draft::Draft;
use crate::error::{printable, win32};
use crate::{Error, Object};

/// The classes of an object: its most specific structural class, what that derives from, and auxiliary ones.
pub(crate) struct Classes<'s> {
    pub(crate) structural: &'s Class,
    auxiliary: Vec<&'s Class>,
    chain: Vec<&'s Class>,
}

impl<'s> Classes<'s> {
    /// `objectClass` as it is stored: from `top` to the most specific, auxiliary classes before the structural ones beneath `top`.
    pub(crate) fn names(&self) -> Vec<Vec<u8>> {
        let mut names: Vec<Vec<u8>> = Vec::with_capacity(self.chain.len() + self.auxiliary.len());
        let (first, rest) = self.chain.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
        names.extend(first.map(|class| class.name.as_bytes().to_vec()));
        names.extend(self.auxiliary.iter().map(|class| class.name.as_bytes().to_vec()));
        names.extend(rest.iter().map(|class| class.name.as_bytes().to_vec()));
        names
    }

    fn all(&self) -> impl Iterator<Item = &'s Class> + '_ {
        self.chain.iter().chain(&self.auxiliary).copied()
    }
}

impl<'p> Planner<'p> {
    /// What a client means by `objectClass`: any of the chain will do, as long as one of them is the most specific.
    pub(crate) fn classes(&self, values: &[Vec<u8>]) -> Result<Classes<'p>, Error> {
        let mut given: Vec<&'p Class> = Vec::with_capacity(values.len());
        for value in values {
            let name = String::from_utf8_lossy(value);
            let class = self.schema().class(&name).ok_or_else(|| {
                let comment =
                    format!("Error in attribute conversion operation (there is no class {})", printable(&name));
                Error::protocol(ldap::ResultCode::NO_SUCH_ATTRIBUTE, win32::INVALID_PARAMETER, comment)
            })?;
            given.push(class);
        }
        let chain_of = |class: &'p Class| self.superclasses(class);
        let structural: Vec<&'p Class> =
            given.iter().copied().filter(|class| class.kind != ClassKind::Auxiliary).collect();
        let most_specific = structural.iter().copied().max_by_key(|class| chain_of(class).len());
        let Some(most_specific) = most_specific.filter(|class| class.kind != ClassKind::Abstract) else {
            return Err(Error::class_violation(
                win32::DS_CLASS_MUST_BE_CONCRETE,
                "objectClass names no structural class",
            ));
        };
        let chain = chain_of(most_specific);
        if let Some(stranger) =
            structural.iter().find(|class| !chain.iter().any(|in_chain| in_chain.name == class.name))
        {
            let comment = format!("{} does not derive from {}", most_specific.name, stranger.name);
            return Err(Error::class_violation(win32::DS_OBJ_CLASS_NOT_SUBCLASS, comment));
        }
        let mut auxiliary: Vec<&'p Class> = Vec::new();
        for class in given.iter().filter(|class| class.kind == ClassKind::Auxiliary) {
            for part in chain_of(class) {
                let known = auxiliary.iter().chain(&chain).any(|known| known.name == part.name);
                if !known {
                    auxiliary.push(part);
                }
            }
        }
        Ok(Classes { structural: most_specific, auxiliary, chain })
    }

    /// The classes of an object being changed.
    pub(crate) fn classes_of(&self, draft: &Draft) -> Result<Classes<'p>, Error> {
        self.classes(draft.values(self.known().object_class))
    }

    /// From `top` to the class itself.
    fn superclasses(&self, class: &'p Class) -> Vec<&'p Class> {
        let mut chain = vec![class];
        let mut at = class;
        // Real chains have fewer than ten classes; the bound ends a loop in a damaged schema.
        while chain.len() < 32
            && let Some(above) = self.schema().class(&at.superclass).filter(|above| above.name != at.name)
        {
            chain.push(above);
            at = above;
        }
        chain.reverse();
        chain
    }

    /// Whether an object of this class may be made by a client at all.
    pub(crate) fn check_creatable(&self, class: &Class) -> Result<(), Error> {
        match class.system_only && !self.caller.system {
            true => Err(Error::unwilling(
                win32::DS_CANT_ADD_SYSTEM_ONLY,
                format!("objects of class {} are made by the directory alone", class.name),
            )),
            false => Ok(()),
        }
    }

    /// Whether it may stand beneath that parent. MS-ADTS 3.1.1.5.2.2 (possSuperiors).
    pub(crate) fn check_superior(&self, class: &Class, parent: &Object<'_>) -> Result<(), Error> {
        let above = parent.values(self.known().object_class);
        let allowed = class
            .poss_superiors
            .iter()
            .any(|superior| above.clone().any(|name| name.eq_ignore_ascii_case(superior.as_bytes())));
        match allowed || self.caller.system {
            true => Ok(()),
            false => Err(Error::new(
                ldap::ResultCode::NAMING_VIOLATION,
                win32::DS_ILLEGAL_SUPERIOR,
                crate::Problem::Name(2005, "NAMING_VIOLATION"),
                format!("a {} may not stand there", class.name),
            )),
        }
    }

    /// Every attribute the classes ask for is there, and none they do not allow.
    pub(crate) fn check_content(&self, draft: &Draft, classes: &Classes<'_>) -> Result<(), Error> {
        let present = self.present(draft);
        for class in classes.all() {
            for must in &class.must {
                let attribute = self.schema().attribute_by_id(*must);
                if !self.is_given_by_system(*must) && !present.contains(must) {
                    let name = attribute.map_or("an attribute", |attribute| &attribute.name);
                    let comment = format!("{name} is missing, which {} must have", class.name);
                    return Err(Error::class_violation(win32::DS_MISSING_REQUIRED_ATT, comment));
                }
            }
        }
        for id in present {
            self.check_allowed(id, classes)?;
        }
        Ok(())
    }

    /// Whether every object has the attribute without its being stored beside the others: descriptors have a table of their own.
    fn is_given_by_system(&self, id: AttrId) -> bool {
        [self.known().nt_security_descriptor, self.known().object_category].contains(&id)
            || self.schema().attribute_by_id(id).is_some_and(schema::Attribute::is_constructed)
    }

    /// Whether the classes allow an attribute.
    pub(crate) fn check_allowed(&self, id: AttrId, classes: &Classes<'_>) -> Result<(), Error> {
        let allowed =
            classes.all().any(|class| class.must.binary_search(&id).is_ok() || class.may.binary_search(&id).is_ok());
        if allowed || self.caller.system {
            return Ok(());
        }
        let name = self.schema().attribute_by_id(id).map_or("an attribute", |attribute| &attribute.name);
        let comment = format!("{name} is not an attribute of {}", classes.structural.name);
        Err(Error::class_violation(win32::DS_ATT_NOT_DEF_FOR_CLASS, comment))
    }

    /// Whether an attribute that is gone may be.
    pub(crate) fn check_not_required(&self, id: AttrId, draft: &Draft, classes: &Classes<'_>) -> Result<(), Error> {
        let required = !self.is_given_by_system(id) && classes.all().any(|class| class.must.binary_search(&id).is_ok());
        if !required || self.caller.system {
            return Ok(());
        }
        let attribute = self.schema().attribute_by_id(id);
        // A link that stays is not in the draft: what is still there is in the table.
        let still_linked = attribute.is_some_and(|attribute| attribute.link_id.is_some()) && {
            let stored = self.view.links(draft.dnt(), id)?;
            stored.iter().any(|target| {
                !draft.links.iter().any(|edit| !edit.add && edit.attribute == id && edit.target == *target)
            })
        };
        match still_linked {
            true => Ok(()),
            false => {
                let name = attribute.map_or("an attribute", |attribute| &attribute.name);
                Err(Error::class_violation(win32::DS_MISSING_REQUIRED_ATT, format!("{name} must stay")))
            }
        }
    }

    fn present(&self, draft: &Draft) -> BTreeSet<AttrId> {
        let fields = draft.fields.keys().copied();
        let links = draft.links.iter().filter(|edit| edit.add).map(|edit| edit.attribute);
        let secrets = draft.secrets.iter().filter(|(_, value)| value.is_some()).map(|(id, _)| *id);
        fields.chain(links).chain(secrets).collect()
    }
}
