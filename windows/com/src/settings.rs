//! What the operator decides about a plugin, in a key of the registry that only administrators write to.
//!
//! Read anew for each call. A value or key that is not known, or of the wrong type, is an error and not passed over: a misspelt restriction
//! must not be none.

use ccg_classes::Class;
use windows_registry::{Key, LOCAL_MACHINE, Type};

use crate::absence::is_absence;

/// The settings of one plugin; without its key, the defaults.
pub struct Settings {
    key: Option<Key>,
    path: String,
    /// Whether it is the plugin's own, and not that of something declared in it.
    is_whole: bool,
}

/// Why they cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(r"the setting HKEY_LOCAL_MACHINE\{path} cannot be used: {what} (correct it; it needs no restart)")]
pub struct SettingsError {
    path: String,
    what: String,
}

/// Whether calls are written into the event log also when nothing is wrong with them.
const LOG_CALLS: &str = "LogCalls";
/// So many further keys are read, and no more.
const MOST: usize = 64;

impl Settings {
    pub(crate) fn of(class: &Class) -> Result<Self, SettingsError> {
        let settings = Self { is_whole: true, ..Self::open(class.settings_key())? };
        let Some(key) = &settings.key else { return Ok(settings) };
        match key.get_type(LOG_CALLS) {
            Ok(kind) if kind != Type::U32 => Err(settings.error(LOG_CALLS, "it is no REG_DWORD")),
            Err(error) if !is_absence(&error) => Err(settings.error(LOG_CALLS, error.message())),
            _ => Ok(settings),
        }
    }

    fn open(path: String) -> Result<Self, SettingsError> {
        let is_whole = false;
        match LOCAL_MACHINE.open(&path) {
            Ok(key) => Ok(Self { key: Some(key), path, is_whole }),
            Err(error) if is_absence(&error) => Ok(Self { key: None, path, is_whole }),
            Err(error) => Err(SettingsError { path, what: error.message() }),
        }
    }

    /// Fails when there are values or keys beside these.
    ///
    /// # Errors
    /// [`SettingsError`], which names the first that is too many.
    pub fn only(&self, values: &[&str], keys: &[&str]) -> Result<(), SettingsError> {
        let Some(key) = &self.key else { return Ok(()) };
        let known = |name: &str, known: &[&str]| known.iter().any(|one| one.eq_ignore_ascii_case(name));
        let failed = |error: windows_core::Error| self.error("", error.message());
        if let Some((name, _)) = key
            .values()
            .map_err(failed)?
            .find(|(name, _)| !known(name, values) && !(self.is_whole && known(name, &[LOG_CALLS])))
        {
            return Err(self.error(&name, "there is no value of that name"));
        }
        if let Some(name) = key.keys().map_err(failed)?.find(|name| !known(name, keys)) {
            return Err(self.error(&name, "there is no key of that name"));
        }
        Ok(())
    }

    /// A text (`REG_SZ`, or the lines of `REG_MULTI_SZ`).
    ///
    /// # Errors
    /// [`SettingsError`] when it is something else.
    pub fn text(&self, name: &str) -> Result<Option<String>, SettingsError> {
        let Some(key) = &self.key else { return Ok(None) };
        let kind = match key.get_type(name) {
            Ok(kind) => kind,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(self.error(name, error.message())),
        };
        let text = match kind {
            Type::String => key.get_string(name),
            Type::MultiString => key.get_multi_string(name).map(|lines| lines.join("\n")),
            _ => return Err(self.error(name, "it is neither REG_SZ nor REG_MULTI_SZ")),
        };
        text.map(Some).map_err(|error| self.error(name, error.message()))
    }

    /// A list: the lines of `REG_MULTI_SZ`, or the one of `REG_SZ`.
    ///
    /// # Errors
    /// [`SettingsError`] when it is something else.
    pub fn list(&self, name: &str) -> Result<Option<Vec<String>>, SettingsError> {
        let lines = |text: String| text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Ok(self.text(name)?.map(lines))
    }

    /// The keys in the key of that name: each one's name, and what is in it.
    ///
    /// # Errors
    /// [`SettingsError`] when they cannot be read, or are too many.
    pub fn each(&self, name: &str) -> Result<Vec<(String, Self)>, SettingsError> {
        let list = Self::open(format!(r"{}\{name}", self.path))?;
        let Some(key) = &list.key else { return Ok(Vec::new()) };
        if let Some((name, _)) = key.values().map_err(|error| list.error("", error.message()))?.next() {
            return Err(list.error(&name, "there is no value of that name"));
        }
        let names: Vec<_> = key.keys().map_err(|error| list.error("", error.message()))?.take(MOST + 1).collect();
        if names.len() > MOST {
            return Err(list.error("", format!("it has more than {MOST} keys")));
        }
        let open = |name: String| Ok((name.clone(), Self::open(format!(r"{}\{name}", list.path))?));
        names.into_iter().map(open).collect()
    }

    /// An error about one of its values, or about all of it.
    pub fn error(&self, name: &str, what: impl ToString) -> SettingsError {
        let path = if name.is_empty() { self.path.clone() } else { format!(r"{}\{name}", self.path) };
        SettingsError { path, what: what.to_string() }
    }

    /// Whether the operator wants to read of calls that go well.
    #[must_use]
    pub fn log_calls(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.get_u32(LOG_CALLS).is_ok_and(|value| value != 0))
    }
}
