//! One `[[plugin]]` of the file: a name, a class, a time, and exactly one source of secrets.

use std::path::Path;
use std::time::Duration;

use ccg::plugins::{Plugin, check_owned};
use dtyp::Guid;
use serde::Deserialize;

use super::file::FileSettings;
use super::vault::VaultSettings;
use super::{PluginsError, program};

/// A guard gives a plugin thirty seconds.
const LONGEST: u64 = 30;

/// A plugin, as the operator declares it. Sources that have a class of their own need neither name nor class.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    name: Option<String>,
    clsid: Option<String>,
    timeout: Option<u64>,
    command: Option<Vec<String>>,
    vault: Option<VaultSettings>,
    file: Option<FileSettings>,
}

/// What every source is told besides its own settings.
pub struct Declared<'a> {
    path: &'a Path,
    pub name: String,
    pub clsid: Option<Guid>,
    pub timeout: Option<Duration>,
}

impl Declared<'_> {
    /// The error that names the file and the plugin.
    pub fn wrong(&self, what: impl ToString) -> PluginsError {
        PluginsError::Declaration { path: self.path.to_owned(), name: self.name.clone(), what: what.to_string() }
    }

    /// The authorities in a file that only the operator can change: who can, has tokens sent to a server of their own.
    pub fn roots(&self, ca: &Path) -> Result<pki::Roots, PluginsError> {
        check_owned(ca).map_err(|error| self.wrong(error))?;
        pki::Roots::load(ca).map_err(|error| self.wrong(error))
    }
}

/// The plugin of a declaration in the file at `path`.
pub fn build(declaration: Declaration, path: &Path) -> Result<Box<dyn Plugin>, PluginsError> {
    let Declaration { name, clsid, timeout, command, vault, file } = declaration;
    let sources =
        [command.is_some().then_some("command"), vault.is_some().then_some("vault"), file.is_some().then_some("file")];
    let sources: Vec<_> = sources.into_iter().flatten().collect();
    let named =
        name.or_else(|| sources.first().filter(|source| **source != "command").map(|&source| source.to_owned()));
    let mut declared = Declared { path, name: shown(named.as_deref().unwrap_or_default()), clsid: None, timeout: None };
    if let [] | [_, _, ..] = sources[..] {
        return Err(declared.wrong("it does not have exactly one of command, vault and file"));
    }
    if !is_name(&declared.name) {
        return Err(declared.wrong("that is not a plugin's name: write 1 to 32 lower case letters, digits and hyphens"));
    }
    declared.clsid = clsid.map(|text| class(&text, &declared)).transpose()?;
    declared.timeout = timeout.map(|seconds| self::timeout(seconds, &declared.name, path)).transpose()?;
    match (command, vault, file) {
        (Some(command), ..) => program::build(&command, &declared),
        (_, Some(settings), _) => settings.build(&declared),
        (_, _, Some(settings)) => settings.build(&declared),
        _ => Err(declared.wrong("it has no source")),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(plain)
}

fn class(text: &str, declared: &Declared<'_>) -> Result<Guid, PluginsError> {
    let wrong = "its clsid is not a GUID such as {00112233-4455-6677-8899-aabbccddeeff}";
    let clsid: Guid = text.parse().map_err(|_| declared.wrong(wrong))?;
    if clsid == Guid::NIL {
        return Err(declared.wrong("its clsid is all zeros: make one of its own, with `uuidgen`"));
    }
    Ok(clsid)
}

/// The time for a call, within what a guard gives a plugin.
pub fn timeout(seconds: u64, name: &str, path: &Path) -> Result<Duration, PluginsError> {
    if (1..=LONGEST).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    let what = format!("its timeout is not 1 to {LONGEST} seconds, which is what a guard gives a plugin");
    Err(PluginsError::Declaration { path: path.to_owned(), name: name.to_owned(), what })
}
