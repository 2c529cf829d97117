//! KDS root keys: objects of the class `msKds-ProvRootKey` in the configuration. MS-GKDI 3.1.4.1.1, 2.2.1, 2.2.2.

use std::sync::Arc;
use std::time::Duration;

use dtyp::{FileTime, Guid};
use gkdi::{KdfHash, KeyCache, KeyId, RootKey, SecretAgreement};

use super::kerberos_keys::KerberosKeys;
use crate::error::win32;
use crate::{Attribute, Caller, Directory, Dnt, Error, Object, Update, View};

pub(super) const CLASS: &str = "msKds-ProvRootKey";
/// `userAccountControl` of a domain controller, by which its account is found.
const DOMAIN_CONTROLLER: &[u8] = b"532480";
/// More keys than this are a mistake. Windows refuses them too.
const MOST: usize = 1000;
/// A key is taken for slots that begin this much before it is to be used: a slot that it falls in, and clocks that differ. Observed.
const AHEAD: Duration = Duration::from_secs(10 * 3600 + 300);
/// For so long before it is in force the next password is handed out. MS-ADTS 3.1.1.4.5.39.
const LAST_MINUTES: Duration = Duration::from_secs(300);

/// A KDS root key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootKeyInfo {
    /// Its name.
    pub id: Guid,
    /// When it was made.
    pub created: FileTime,
    /// From when on it is used.
    pub use_start: FileTime,
}

/// All root keys of the forest, the one made last first, and what was derived from them.
pub(super) struct RootKeys {
    keys: Vec<RootKey>,
    pub(super) derived: KeyCache,
    pub(super) kerberos: KerberosKeys,
}

impl RootKeys {
    /// Those that a snapshot has.
    pub(super) fn of(view: &View<'_>) -> Result<Arc<Self>, Error> {
        view.inner.root_keys.of(view)
    }

    /// Reads and decrypts them: rather ask for those [of](Self::of) the snapshot.
    pub(super) fn load(view: &View<'_>) -> Result<Self, Error> {
        let mut keys = Vec::new();
        for dnt in all(view)?.into_iter().take(MOST) {
            let Some(object) = view.object(dnt)? else { continue };
            match read(view, &object) {
                Ok(key) => keys.push(key),
                // One that is damaged takes no other with it.
                Err(error) => tracing::error!(dn = object.dn()?, %error, "a KDS root key cannot be used"),
            }
        }
        keys.sort_by_key(|key| std::cmp::Reverse((key.created, key.id)));
        Ok(Self { keys, derived: KeyCache::default(), kerberos: KerberosKeys::default() })
    }

    /// The key with this name.
    pub(super) fn named(&self, id: &Guid) -> Result<&RootKey, Error> {
        self.keys.iter().find(|key| key.id == *id).ok_or_else(|| {
            let comment = format!("the KDS root key {id}, from which the password is derived, is not there");
            Error::unwilling(win32::DS_UNWILLING_TO_PERFORM, comment)
        })
    }

    /// The key for a slot that no password is stored of yet: the one made last of those that are effective then, but for those made while
    /// its password was handed out already.
    pub(super) fn for_slot(&self, slot: KeyId) -> Result<&RootKey, Error> {
        let is_effective = |key: &&RootKey| key.use_start.saturating_sub(AHEAD) <= slot.start();
        // Who read the slot's password in its last minutes of being the next one has it of the keys that there were then.
        let is_late = |key: &&RootKey| (slot.start().saturating_sub(LAST_MINUTES)..slot.start()).contains(&key.created);
        let effective = || self.keys.iter().filter(is_effective);
        effective().find(|key| !is_late(key)).or_else(|| effective().next()).ok_or_else(|| {
            Error::unwilling(
                win32::DS_UNWILLING_TO_PERFORM,
                "no KDS root key is effective, so there is no password to derive: create one (`pando kds create`), \
                 or wait until it is effective",
            )
        })
    }
}

fn all(view: &View<'_>) -> Result<Vec<Dnt>, Error> {
    view.find(view.inner.catalogue.known.object_class, CLASS.as_bytes())
}

fn read(view: &View<'_>, object: &Object<'_>) -> Result<RootKey, Error> {
    let damaged = || Error::damaged("a KDS root key lacks an attribute");
    let id = |name: &str| view.schema().attribute(name).map(|attribute| attribute.id).ok_or_else(damaged);
    let number = |name: &str| Ok::<_, Error>(object.integer(id(name)?));
    let time =
        |name: &str| Ok::<_, Error>(FileTime(number(name)?.and_then(|t| u64::try_from(t).ok()).ok_or_else(damaged)?));
    let info = info(object)?;
    let hash = match object.value(id("msKds-KDFParam")?) {
        // Windows' own choice where nothing is said.
        None => KdfHash::Sha256,
        Some(param) => KdfHash::decode(param).ok_or_else(damaged)?,
    };
    let version = number("msKds-Version")?.and_then(|version| u32::try_from(version).ok()).ok_or_else(damaged)?;
    let secret = view.secret(object.dnt(), id("msKds-RootKeyData")?)?.ok_or_else(damaged)?;
    if time("msKds-UseStartTime")? == FileTime(0) {
        return Err(damaged());
    }
    let mut key = RootKey::new(info.id, version, hash, &secret, info.created, info.use_start)
        .map_err(|error| Error::damaged(&error.to_string()))?;
    key.agreement = agreement(object, &id)?;
    Ok(key)
}

/// What a root key says about its public keys; nothing when that makes no sense: its other keys are good without.
fn agreement(
    object: &Object<'_>,
    id: &impl Fn(&str) -> Result<schema::AttrId, Error>,
) -> Result<Option<SecretAgreement>, Error> {
    let number = |name| Ok::<_, Error>(object.integer(id(name)?));
    let bits = |name| Ok::<_, Error>(number(name)?.and_then(|bits| u32::try_from(bits).ok()).unwrap_or(0));
    let parameters = object.value(id("msKds-SecretAgreementParam")?);
    let name = object.text(id("msKds-SecretAgreementAlgorithmID")?).unwrap_or_default();
    Ok(SecretAgreement::decode(name, parameters, bits("msKds-PrivateKeyLength")?, bits("msKds-PublicKeyLength")?))
}

fn info(object: &Object<'_>) -> Result<RootKeyInfo, Error> {
    let damaged = || Error::damaged("a KDS root key lacks its name or its times");
    let schema = object.view().schema();
    let text = |name: &str| schema.attribute(name).and_then(|attribute| object.text(attribute.id));
    let time = |name: &str| text(name).and_then(|text| text.parse().ok()).map(FileTime).ok_or_else(damaged);
    let id = text("cn").and_then(|name| name.parse().ok()).ok_or_else(damaged)?;
    Ok(RootKeyInfo { id, created: time("msKds-CreateTime")?, use_start: time("msKds-UseStartTime")? })
}

/// The KDS root keys of the forest, the one made last first.
///
/// # Errors
/// When the store is damaged.
pub fn root_keys(view: &View<'_>) -> Result<Vec<RootKeyInfo>, Error> {
    let mut keys = Vec::new();
    for dnt in all(view)? {
        keys.extend(view.object(dnt)?.map(|object| info(&object)).transpose()?);
    }
    keys.sort_by_key(|key| std::cmp::Reverse((key.created, key.id)));
    Ok(keys)
}

/// Makes a KDS root key that is used from `effective` on, and says its name.
///
/// # Errors
/// When the directory cannot be written.
pub fn create_root_key(directory: &Directory, effective: FileTime) -> Result<Guid, Error> {
    let environment = directory.environment();
    let key = RootKey::generate(&*environment.random, environment.clock.now(), effective);
    let id = key.id;
    let (dn, maker) = {
        let view = directory.read()?;
        let head = view.object(view.domain()?)?.ok_or_else(|| Error::damaged("the domain's head is missing"))?;
        // One domain in a forest: its head is the forest's root.
        let base = head.dn()?;
        let services = format!("CN=Services,CN=Configuration,{base}");
        (format!("CN={id},CN=Master Root Keys,CN=Group Key Distribution Service,{services}"), domain_controller(&view)?)
    };
    let mut attributes: Vec<Attribute> =
        key.attributes().iter().map(|(name, value)| Attribute::new(*name, [value.as_slice()])).collect();
    attributes.push(Attribute::new("msKds-DomainID", [maker]));
    let dn = dn.parse().map_err(|_| Error::damaged("the domain's name is malformed"))?;
    directory.apply(&Caller::system(), Update::Load(vec![(dn, attributes)]))?;
    Ok(id)
}

/// The name of the domain controller's account.
fn domain_controller(view: &View<'_>) -> Result<String, Error> {
    let found = view.find(view.inner.catalogue.known.user_account_control, DOMAIN_CONTROLLER)?;
    let object = found.first().map(|dnt| view.object(*dnt)).transpose()?.flatten();
    object.ok_or_else(|| Error::damaged("the domain controller's account is missing"))?.dn()
}
