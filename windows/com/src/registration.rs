//! What `regsvr32` has a DLL write about itself: its class, the surrogate that runs it in a process of its own, and its events.
//!
//! Microsoft, "Registering a CCG plug-in", "DLL surrogates", "Event sources". The guard's own list of classes is not written here: its key
//! belongs to another owner, and obtaining it is the installer's work.

use ccg_classes::{Class, PERMISSIONS_BYTES};
use windows_core::{Error, Result};
use windows_registry::{LOCAL_MACHINE, Type};

use crate::module;

/// Everything that the class needs; nothing of it when one part cannot be written.
pub(crate) fn register(class: &Class) -> Result<()> {
    write(class).inspect_err(|_| {
        let _ = unregister(class);
    })
}

fn write(class: &Class) -> Result<()> {
    let file = module::path()?;
    let file = file.to_string_lossy();
    let key = LOCAL_MACHINE.create(class.application_key())?;
    key.set_string("", class.title)?;
    // An empty name is Windows' own surrogate, dllhost.exe.
    key.set_string("DllSurrogate", "")?;
    // Before the class: from the first moment, nobody but the guard may start it.
    key.set_bytes("LaunchPermission", Type::Bytes, &PERMISSIONS_BYTES)?;
    key.set_bytes("AccessPermission", Type::Bytes, &PERMISSIONS_BYTES)?;
    let key = LOCAL_MACHINE.create(class.event_source_key())?;
    key.set_string("EventMessageFile", &*file)?;
    key.set_u32("TypesSupported", 7)?;
    let key = LOCAL_MACHINE.create(class.class_key())?;
    key.set_string("", class.title)?;
    key.set_string("AppID", class.app_id)?;
    let key = LOCAL_MACHINE.create(class.server_key())?;
    key.set_string("ThreadingModel", "Both")?;
    key.set_string("", &*file)
}

/// The same, taken away. What is not there is not missed.
pub(crate) fn unregister(class: &Class) -> Result<()> {
    let keys = [class.class_key(), class.application_key(), class.event_source_key()];
    let outcomes = keys.map(|key| LOCAL_MACHINE.remove_tree(key));
    let failure = outcomes.into_iter().filter_map(std::result::Result::err).find(|error| !is_absence(error));
    failure.map_or(Ok(()), Err)
}

fn is_absence(error: &Error) -> bool {
    const FILE_NOT_FOUND: i32 = 0x8007_0002_u32.cast_signed();
    error.code().0 == FILE_NOT_FOUND
}
