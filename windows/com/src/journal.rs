//! Changes of the registry that are taken back when a later one fails: what was there is kept until all is done. What is as it should be is
//! not touched.

use windows_core::{Error, Result};
use windows_registry::{Key, LOCAL_MACHINE, Value};

use crate::absence::is_absence;

/// What has been done so far, under `HKEY_LOCAL_MACHINE`.
#[derive(Default)]
pub(crate) struct Journal(Vec<Done>);

enum Done {
    /// A key that was not there.
    Made(String),
    /// A value, as it was, if it was there.
    Changed { key: String, name: String, before: Option<Value> },
    /// A key that is gone with all that was in it.
    Removed { key: String, tree: Tree },
}

/// A key with all that is in it.
struct Tree {
    values: Vec<(String, Value)>,
    keys: Vec<(String, Tree)>,
}

/// Registrations are no deeper; what is, is none, and not removed.
const DEEPEST: usize = 16;

impl Journal {
    /// Makes a key have these values and keys, and nothing besides. The keys in it are made when it is their turn.
    pub(crate) fn only(&mut self, path: &str, values: &[(&str, Value)], keys: &[&str]) -> Result<()> {
        self.make(path)?;
        for (name, value) in values {
            self.set(path, name, Some(value))?;
        }
        let key = LOCAL_MACHINE.open(path)?;
        let known = |name: &str| values.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let others: Vec<_> = key.values()?.map(|(name, _)| name).filter(|name| !known(name)).collect();
        others.iter().try_for_each(|name| self.set(path, name, None))?;
        let known = |name: &str| keys.iter().any(|known| known.eq_ignore_ascii_case(name));
        let others: Vec<_> = key.keys()?.filter(|name| !known(name)).collect();
        others.iter().try_for_each(|name| self.remove(&format!(r"{path}\{name}")))
    }

    fn make(&mut self, path: &str) -> Result<()> {
        match LOCAL_MACHINE.open(path) {
            Err(error) if is_absence(&error) => {
                LOCAL_MACHINE.create(path)?;
                self.0.push(Done::Made(path.to_owned()));
                Ok(())
            }
            opened => opened.map(drop),
        }
    }

    fn set(&mut self, path: &str, name: &str, value: Option<&Value>) -> Result<()> {
        let before = match LOCAL_MACHINE.open(path)?.get_value(name) {
            Ok(before) => Some(before),
            Err(error) if is_absence(&error) => None,
            Err(error) => return Err(error),
        };
        if before.as_ref() == value {
            return Ok(());
        }
        put(path, name, value)?;
        self.0.push(Done::Changed { key: path.to_owned(), name: name.to_owned(), before });
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<()> {
        let tree = Tree::read(&LOCAL_MACHINE.open(path)?, 0)?;
        // It may be gone in part when that fails.
        self.0.push(Done::Removed { key: path.to_owned(), tree });
        LOCAL_MACHINE.remove_tree(path)
    }

    /// Everything as it was, as far as that is possible: nobody could be told of more than the error that led here.
    pub(crate) fn take_back(self) {
        for done in self.0.into_iter().rev() {
            let _ = match done {
                Done::Made(path) => LOCAL_MACHINE.remove_tree(path),
                Done::Changed { key, name, before } => put(&key, &name, before.as_ref()),
                Done::Removed { key, tree } => LOCAL_MACHINE.create(key).and_then(|key| tree.write(&key)),
            };
        }
    }
}

fn put(path: &str, name: &str, value: Option<&Value>) -> Result<()> {
    let key = LOCAL_MACHINE.options().read().write().open(path)?;
    value.map_or_else(|| key.remove_value(name), |value| key.set_value(name, value))
}

impl Tree {
    fn read(key: &Key, depth: usize) -> Result<Self> {
        if depth > DEEPEST {
            return Err(Error::from_hresult(windows::Win32::Foundation::E_UNEXPECTED));
        }
        let below = |name: String| Ok((name.clone(), Self::read(&key.open(&name)?, depth + 1)?));
        Ok(Self { values: key.values()?.collect(), keys: key.keys()?.map(below).collect::<Result<_>>()? })
    }

    fn write(&self, key: &Key) -> Result<()> {
        self.values.iter().try_for_each(|(name, value)| key.set_value(name, value))?;
        self.keys.iter().try_for_each(|(name, tree)| tree.write(&key.create(name)?))
    }
}
