//! Adds, modifies, deletes, renames and compares. RFC 4511 4.6 to 4.10.

use directory::{Applied, Attribute, Caller, Modification, ModificationKind, Update};
use ldap::message::{self, Change, Request};
use ldap::response::Kind;
use ldap::{Dn, DnOrId, Rdn, ResultCode};

use super::controls::Controls;
use super::refusal::Refusal;
use super::session::Session;

/// An update for the directory.
pub(crate) struct Submit {
    pub(crate) id: i32,
    pub(crate) kind: Kind,
    pub(crate) caller: Caller,
    pub(crate) update: Update,
}

/// How it ended.
pub(crate) struct Finished {
    pub(crate) id: i32,
    pub(crate) kind: Kind,
    pub(crate) result: Result<Applied, directory::Error>,
}

impl Session {
    /// What a request asks the directory to change.
    pub(super) fn submit(
        &mut self,
        id: i32,
        request: &Request<'_>,
        controls: &Controls<'_>,
    ) -> Result<Box<Submit>, Refusal> {
        let caller = self.caller()?.clone();
        let (kind, update) = match request {
            Request::Add { object, attributes } => {
                let dn = object.parse().map_err(Refusal::bad_name)?;
                (Kind::Add, Update::Add { dn, attributes: attributes.iter().map(attribute).collect() })
            }
            Request::Modify { object, changes } => {
                let update = Update::Modify {
                    dn: self.name(object)?,
                    changes: changes.iter().map(modification).collect(),
                    permissive: controls.permissive,
                    sd_flags: controls.sd_flags,
                };
                (Kind::Modify, update)
            }
            Request::Delete(object) => {
                (Kind::Delete, Update::Delete { dn: self.name(object)?, tree: controls.tree_delete })
            }
            Request::ModifyDn(rename) => (Kind::ModifyDn, self.rename(rename)?),
            _ => return Err(Refusal::not_changeable()),
        };
        Ok(Box::new(Submit { id, kind, caller, update }))
    }

    fn rename(&self, rename: &message::ModifyDn<'_>) -> Result<Update, Refusal> {
        let new_rdn: Rdn = rename.new_rdn.parse().map_err(Refusal::bad_name)?;
        let new_superior = rename.new_superior.map(|name| self.name(name)).transpose()?;
        let dn = self.name(rename.object)?;
        Ok(Update::Rename { dn, new_rdn, delete_old_rdn: rename.delete_old_rdn, new_superior })
    }

    /// The object a client names, by name or by identifier. The rootDSE and the subschema are none.
    fn name(&self, text: &str) -> Result<Dn, Refusal> {
        let dn = match text.parse().map_err(Refusal::bad_name)? {
            DnOrId::Dn(dn) => dn,
            id => {
                let view = self.server.directory.read()?;
                let found = match id {
                    DnOrId::Guid(guid) => view.by_guid(&guid)?,
                    DnOrId::Sid(sid) => view.by_sid(&sid)?,
                    DnOrId::Dn(_) => None,
                };
                let found = found.ok_or_else(Refusal::no_such_object)?;
                view.dn(found)?.parse().map_err(Refusal::bad_name)?
            }
        };
        if dn.is_root() { Err(Refusal::not_changeable()) } else { Ok(dn) }
    }

    /// Whether an object has a value.
    pub(super) fn compare(&self, object: &str, attribute: &str, value: &[u8]) -> Result<ResultCode, Refusal> {
        let caller = self.caller()?;
        let dn = self.name(object)?;
        let same = self.server.directory.read()?.compare(caller, &dn, attribute, value)?;
        Ok(if same { ResultCode::COMPARE_TRUE } else { ResultCode::COMPARE_FALSE })
    }
}

fn attribute(from: &message::Attribute<'_>) -> Attribute {
    Attribute::new(from.name, from.values.iter().copied())
}

fn modification(from: &message::Modification<'_>) -> Modification {
    let kind = match from.change {
        Change::Add => ModificationKind::Add,
        Change::Delete => ModificationKind::Delete,
        Change::Replace => ModificationKind::Replace,
    };
    Modification { kind, attribute: attribute(&from.attribute) }
}
