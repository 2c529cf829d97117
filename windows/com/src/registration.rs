//! What `regsvr32` has a DLL write about itself: its class, the surrogate that runs it in a process of its own, and its events.
//!
//! A class that somebody else serves is not taken over, nor taken away. Whatever else stands in these keys and would come into force beside the
//! DLL (another account, another class in its place) goes. Microsoft, "Registering a CCG plug-in", "DLL surrogates", "AppID Key", "Event sources". The
//! guard's own list of classes is not written here: its key belongs to another owner, and obtaining it is the installer's work.

use ccg_classes::{Class, PERMISSIONS_BYTES};
use windows_core::{Error, HRESULT, Result};
use windows_registry::{LOCAL_MACHINE, Type, Value};

use crate::absence::is_absence;
use crate::journal::Journal;
use crate::module;

/// olectl.h: the classes could not be registered.
const SELFREG_E_CLASS: HRESULT = HRESULT(0x8004_0201_u32.cast_signed());

/// Why a DLL is not registered, or not taken away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistrationError {
    #[error("the class {clsid} is registered by someone else, and stays as it is: {by}")]
    Anothers { clsid: &'static str, by: String },
    #[error("the registry: {}", .0.message())]
    Registry(#[from] Error),
}

impl RegistrationError {
    pub(crate) const fn code(&self) -> HRESULT {
        match self {
            Self::Anothers { .. } => SELFREG_E_CLASS,
            Self::Registry(error) => error.code(),
        }
    }
}

/// Everything that the class needs; all as it was when one part cannot be written.
pub(crate) fn register(class: &Class) -> std::result::Result<(), RegistrationError> {
    let file = module::path()?;
    let file = file.to_string_lossy();
    refuse_anothers(class, &file)?;
    let mut journal = Journal::default();
    let written = write(class, &file, &mut journal);
    if written.is_err() {
        journal.take_back();
    }
    Ok(written?)
}

fn write(class: &Class, file: &str, journal: &mut Journal) -> Result<()> {
    let permissions = || Value::from(PERMISSIONS_BYTES);
    // Before the class: from the first moment, nobody but the guard may start it.
    let mut application = vec![
        ("LaunchPermission", permissions()),
        ("AccessPermission", permissions()),
        ("", Value::from(class.title)),
        // An empty name is Windows' own surrogate, dllhost.exe.
        ("DllSurrogate", Value::from("")),
    ];
    application.extend(class.run_as.map(|account| ("RunAs", Value::from(account))));
    journal.only(&class.application_key(), &application, &[])?;
    let events = [("EventMessageFile", Value::from(file)), ("TypesSupported", Value::from(7_u32))];
    journal.only(&class.event_source_key(), &events, &[])?;
    let this = [("", Value::from(class.title)), ("AppID", Value::from(class.app_id))];
    journal.only(&class.class_key(), &this, &["InprocServer32"])?;
    let server = [("ThreadingModel", Value::from("Both")), ("", Value::from(file))];
    journal.only(&class.server_key(), &server, &[])
}

/// The same, taken away. What is not there is not missed.
pub(crate) fn unregister(class: &Class) -> std::result::Result<(), RegistrationError> {
    refuse_anothers(class, &module::path()?.to_string_lossy())?;
    let keys = [class.class_key(), class.application_key(), class.event_source_key()];
    let outcomes = keys.map(|key| LOCAL_MACHINE.remove_tree(key));
    let failure = outcomes.into_iter().filter_map(std::result::Result::err).find(|error| !is_absence(error));
    failure.map_or(Ok(()), |error| Err(error.into()))
}

/// The class is ours when it is served by this file, or has the name that our DLLs give it; it is another's when something else serves it.
fn refuse_anothers(class: &Class, file: &str) -> std::result::Result<(), RegistrationError> {
    let (class_key, server) = (class.class_key(), class.server_key());
    let is = |found: Option<&str>, ours: &str| found.is_some_and(|found| found.eq_ignore_ascii_case(ours));
    let dll = said(&server, "")?;
    if is(dll.as_deref(), file) || is(said(&class_key, "")?.as_deref(), class.title) {
        return Ok(());
    }
    let below = |key: &str| said(&format!(r"{class_key}\{key}"), "");
    let application = said(&class_key, "AppID")?.filter(|found| !found.eq_ignore_ascii_case(class.app_id));
    let others = [dll, said(&server, "Assembly")?, below("LocalServer32")?, below("TreatAs")?, application];
    match others.into_iter().flatten().next() {
        Some(by) => Err(RegistrationError::Anothers { clsid: class.clsid, by }),
        None => Ok(()),
    }
}

/// What a value says, if it says anything.
fn said(path: &str, name: &str) -> Result<Option<String>> {
    match LOCAL_MACHINE.open(path).and_then(|key| key.get_value(name)) {
        Ok(value) if matches!(value.ty(), Type::String | Type::ExpandString) => {
            String::try_from(value).map(|text| Some(text).filter(|text| !text.is_empty()))
        }
        Ok(_) => Ok(Some("a value that is no text".to_owned())),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
