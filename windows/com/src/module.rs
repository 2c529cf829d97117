//! Whether the DLL may be unloaded, and where its file is.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use windows::Win32::Foundation::HMODULE;
use windows::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleFileNameW,
    GetModuleHandleExW,
};
use windows_core::{Error, PCWSTR};

/// Objects, class factories and locks that are alive.
static ALIVE: AtomicUsize = AtomicUsize::new(0);
static STAYS: AtomicBool = AtomicBool::new(false);

/// One of them.
pub(crate) struct Alive(());

impl Alive {
    pub(crate) fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Self(())
    }

    /// Gives back one that was forgotten. Who unlocks more often than they locked changes nothing.
    pub(crate) fn release() {
        let _ = ALIVE.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |alive| alive.checked_sub(1));
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        Self::release();
    }
}

pub(crate) fn is_idle() -> bool {
    ALIVE.load(Ordering::SeqCst) == 0 && !STAYS.load(Ordering::SeqCst)
}

/// Keeps the DLL for as long as the process lives: a thread of ours may still wait for the system to resolve a name.
pub(crate) fn stay() {
    STAYS.store(true, Ordering::SeqCst);
}

/// The DLL's own file, wherever it was loaded from.
pub(crate) fn path() -> Result<PathBuf, Error> {
    let (mut module, mut buffer) = (HMODULE::default(), vec![0; 32_768]);
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    let inside = PCWSTR((&raw const ALIVE).cast());
    // SAFETY: with this flag the "name" is an address in the module that is meant; `module` is ours to write.
    unsafe { GetModuleHandleExW(flags, inside, &raw mut module) }?;
    // SAFETY: the module is loaded, since this code is in it.
    let length = unsafe { GetModuleFileNameW(Some(module), &mut buffer) } as usize;
    match buffer.get(..length) {
        Some(units) if length > 0 && length < buffer.len() => Ok(PathBuf::from(String::from_utf16_lossy(units))),
        _ => Err(Error::from_thread()),
    }
}
