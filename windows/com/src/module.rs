//! Whether the DLL may be unloaded, and where its file is.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use windows::Win32::Foundation::HMODULE;
use windows::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN,
    GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleFileNameW, GetModuleHandleExW,
};
use windows_core::{Error, PCWSTR};

/// Objects and class factories that are alive.
static ALIVE: AtomicUsize = AtomicUsize::new(0);
/// Locks, which are whoever's: one that unlocks more often than it locked must not unload what lives.
static LOCKS: AtomicUsize = AtomicUsize::new(0);
static STAYS: AtomicBool = AtomicBool::new(false);

/// One of them.
pub(crate) struct Alive(());

impl Alive {
    pub(crate) fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Keeps the DLL until an `unlock`.
pub(crate) fn lock() {
    LOCKS.fetch_add(1, Ordering::SeqCst);
}

pub(crate) fn unlock() {
    let _ = LOCKS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |locks| locks.checked_sub(1));
}

pub(crate) fn is_idle() -> bool {
    let nobody = [&ALIVE, &LOCKS].into_iter().all(|count| count.load(Ordering::SeqCst) == 0);
    nobody && !STAYS.load(Ordering::SeqCst)
}

/// Keeps the DLL for as long as the process lives, from the first call on: threads that resolve names for a call may outlive it, and what
/// Rust keeps for each thread is not given back when a DLL goes.
pub(crate) fn stay() {
    if STAYS.swap(true, Ordering::SeqCst) {
        return;
    }
    let mut module = HMODULE::default();
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    // SAFETY: with this flag the "name" is an address in the module that is meant; `module` is ours to write. Should it fail, COM is still told
    // that the DLL is in use.
    let _ = unsafe { GetModuleHandleExW(flags, PCWSTR((&raw const ALIVE).cast()), &raw mut module) };
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
