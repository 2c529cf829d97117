//! What the installer needs of a machine. Everything it decides is decided from what this says, so that it can be tested without Windows.

use std::io;

use crate::caseless::Caseless;
use crate::registry::{KeyPath, Tree};
use crate::step::Step;

/// A file's SHA-256.
pub type Sha256 = [u8; 32];

/// What has a name in the file system. Links are found, never followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// `open_to` names who, besides the machine's administrators, may put files there.
    Folder {
        open_to: Option<String>,
    },
    /// `open_to` names who, besides the machine's administrators, may change it.
    File {
        sha256: Sha256,
        open_to: Option<String>,
    },
    /// A link, a junction, a device.
    Other,
}

/// What became of a file that is not needed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    Gone,
    /// A program has it loaded.
    InUse,
}

/// Why the machine did not do as it was told.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: {source}")]
pub struct Failure {
    pub doing: String,
    pub source: io::Error,
}

impl Failure {
    #[must_use]
    pub fn new(doing: impl Into<String>, source: io::Error) -> Self {
        Self { doing: doing.into(), source }
    }
}

/// A computer with a registry and a file system.
pub trait Machine {
    /// A key with all that is in it.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than any registration of a class.
    fn key(&self, path: &KeyPath) -> Result<Option<Tree>, Failure>;

    /// What is there.
    ///
    /// # Errors
    /// When that cannot be told.
    fn find(&self, path: &Caseless) -> Result<Found, Failure>;

    /// The names in a folder; none when there is no such folder.
    ///
    /// # Errors
    /// When it cannot be read.
    fn list(&self, folder: &Caseless) -> Result<Vec<String>, Failure>;

    /// Whether two paths lead to one and the same.
    ///
    /// # Errors
    /// When that cannot be told.
    fn same(&self, one: &Caseless, other: &Caseless) -> Result<bool, Failure>;

    /// Takes one step. One that fails has changed nothing.
    ///
    /// # Errors
    /// See [`Failure`].
    fn take(&mut self, step: &Step) -> Result<(), Failure>;

    /// Deletes a file, or a folder that is empty.
    ///
    /// # Errors
    /// When it cannot be deleted, for another reason than that it is in use.
    fn remove(&mut self, path: &Caseless) -> Result<Removed, Failure>;

    /// Has a file or an empty folder deleted when the computer starts next.
    ///
    /// # Errors
    /// When that cannot be arranged.
    fn remove_at_restart(&mut self, path: &Caseless) -> Result<(), Failure>;

    /// Lets some time pass.
    fn pause(&mut self, time: std::time::Duration);

    /// The folder of the computer's programs, `C:\Program Files`.
    ///
    /// # Errors
    /// When the computer does not say.
    fn program_files(&self) -> Result<Caseless, Failure>;
}
