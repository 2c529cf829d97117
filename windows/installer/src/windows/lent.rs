//! Keys that are somebody else's, taken for one step and given back.
//!
//! What such a key was like is written down before it is taken. Who comes after a run that was killed in between gives it back from there.

use std::io;

use protect::system;
use windows::Win32::System::Registry::{KEY_QUERY_VALUE, KEY_SET_VALUE};
use windows_registry::{LOCAL_MACHINE, Type};

use super::keys::{self, VIEW, plain};
use crate::caseless::Caseless;
use crate::class::COM_CLASSES;
use crate::loan::{self, Lender};
use crate::machine::Failure;
use crate::record::LENT;
use crate::registry::KeyPath;

/// Whether a key is one that is taken when it must be: the guard's own, which belongs to Windows' installer.
pub fn may_be_taken(key: &KeyPath) -> bool {
    let guards = Caseless::from(COM_CLASSES);
    *key == guards || key.is_below(&guards)
}

/// Does something to a key that lets only its owner do it.
pub fn with(key: &KeyPath, right: u32, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    loan::with(&Registry { right }, key, act)
}

/// The machine's; whoever takes a key of it has this right.
struct Registry {
    right: u32,
}

impl Lender for Registry {
    fn descriptor(&self, key: &KeyPath) -> io::Result<Vec<u8>> {
        system::of_key(key.as_str())
    }

    fn noted(&self, key: &KeyPath) -> io::Result<Option<Vec<u8>>> {
        let notes = keys::read(&LENT.into()).map_err(io::Error::other)?;
        Ok(notes.and_then(|notes| notes.values.get(key).map(|note| note.write().1)))
    }

    fn note(&self, key: &KeyPath, descriptor: &[u8]) -> io::Result<()> {
        note(key, descriptor)
    }

    fn forget(&self, key: &KeyPath) {
        forget(key);
    }

    fn lend(
        &self,
        key: &KeyPath,
        before: &[u8],
        act: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<(io::Result<()>, io::Result<()>)> {
        let lent = system::with_right(key.as_str(), self.right, before, act)?;
        Ok((lent.acted, lent.given_back))
    }
}

/// Gives back what a run that was killed has kept.
///
/// # Errors
/// When that cannot be done.
pub fn give_back() -> Result<(), Failure> {
    let Some(notes) = keys::read(&LENT.into())? else { return Ok(()) };
    for (key, note) in &notes.values {
        let (_, descriptor) = note.write();
        let given_back = || {
            if !may_be_taken(key) {
                return Err(io::Error::other("that is no key which this program takes"));
            }
            match system::set_rights_of_key(key.as_str(), &descriptor) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                done => done,
            }
        };
        let doing = || format!("give HKLM\\{key} back to its owner, which a run that was killed has left undone");
        given_back().map_err(|source| Failure::new(doing(), source))?;
        forget(key);
    }
    Ok(())
}

fn note(key: &KeyPath, descriptor: &[u8]) -> io::Result<()> {
    let mut options = LOCAL_MACHINE.options();
    let notes =
        options.create().access(KEY_QUERY_VALUE.0 | KEY_SET_VALUE.0 | VIEW).open(LENT).map_err(|e| plain(&e))?;
    notes.set_bytes(key.as_str(), Type::Bytes, descriptor).map_err(|error| plain(&error))?;
    system::flush_key(LENT)
}

/// A note too many has what is so already done again.
fn forget(key: &KeyPath) {
    let mut options = LOCAL_MACHINE.options();
    if let Ok(notes) = options.access(KEY_SET_VALUE.0 | VIEW).open(LENT) {
        let _ = notes.remove_value(key.as_str());
    }
    // As far as they are empty.
    for path in std::iter::successors(Some(Caseless::from(LENT)), Caseless::parent).take(3) {
        let _ = keys::delete(&path);
    }
}
