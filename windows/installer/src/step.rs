//! The smallest things that are done to a machine. Each has an opposite, which is how a failed run is taken back.

use std::fmt;
use std::sync::Arc;

use crate::caseless::Caseless;
use crate::registry::{KeyPath, Value};

/// One change. What a step destroys it names, so that [`Step::undo`] needs nothing else; files are never deleted by a step but moved aside,
/// and are deleted when all is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An empty key, whose parent is there.
    CreateKey(KeyPath),
    /// A key that is empty by now.
    DeleteKey(KeyPath),
    SetValue {
        key: KeyPath,
        name: Caseless,
        before: Option<Value>,
        after: Option<Value>,
    },
    MakeFolder(Caseless),
    RemoveFolder(Caseless),
    /// A new file, there whole or not at all.
    WriteFile {
        path: Caseless,
        contents: Arc<[u8]>,
    },
    /// Only to undo [`Step::WriteFile`].
    RemoveFile {
        path: Caseless,
        contents: Arc<[u8]>,
    },
    /// Works for a DLL that programs have loaded, too.
    Rename {
        from: Caseless,
        to: Caseless,
    },
}

impl Step {
    /// The step that takes this one back.
    #[must_use]
    pub fn undo(&self) -> Self {
        match self.clone() {
            Self::CreateKey(key) => Self::DeleteKey(key),
            Self::DeleteKey(key) => Self::CreateKey(key),
            Self::SetValue { key, name, before, after } => Self::SetValue { key, name, before: after, after: before },
            Self::MakeFolder(path) => Self::RemoveFolder(path),
            Self::RemoveFolder(path) => Self::MakeFolder(path),
            Self::WriteFile { path, contents } => Self::RemoveFile { path, contents },
            Self::RemoveFile { path, contents } => Self::WriteFile { path, contents },
            Self::Rename { from, to } => Self::Rename { from: to, to: from },
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |name: &Caseless| if name.as_str().is_empty() { "(Default)".to_owned() } else { name.to_string() };
        match self {
            Self::CreateKey(key) => write!(f, "create the key HKLM\\{key}"),
            Self::DeleteKey(key) => write!(f, "delete the key HKLM\\{key}"),
            Self::SetValue { key, name: value, after: Some(after), .. } => {
                write!(f, "set {} of HKLM\\{key} to {after}", name(value))
            }
            Self::SetValue { key, name: value, after: None, .. } => write!(f, "delete {} of HKLM\\{key}", name(value)),
            Self::MakeFolder(path) => write!(f, "make the folder {path}"),
            Self::RemoveFolder(path) => write!(f, "remove the folder {path}"),
            Self::WriteFile { path, contents } => write!(f, "write {path} ({} bytes)", contents.len()),
            Self::RemoveFile { path, .. } => write!(f, "remove {path}"),
            Self::Rename { from, to } => write!(f, "rename {from} to {}", to.name()),
        }
    }
}
