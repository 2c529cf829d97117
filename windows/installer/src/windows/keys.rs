//! The registry: `HKEY_LOCAL_MACHINE`, in the 64-bit view.

use std::io;

use windows::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND};
use windows::Win32::System::Registry::{KEY_CREATE_SUB_KEY, KEY_QUERY_VALUE, KEY_READ, KEY_SET_VALUE, KEY_WOW64_64KEY};
use windows::core::{Error, HRESULT};
use windows_registry::{Key, LOCAL_MACHINE, Type};

use super::lent;
use crate::caseless::Caseless;
use crate::machine::Failure;
use crate::registry::{KeyPath, Tree, Value};
use crate::step::Step;

/// Registrations are small. What is larger is none, and not copied.
const MOST_KEYS: usize = 2_000;
const DEEPEST: usize = 16;
pub const VIEW: u32 = KEY_WOW64_64KEY.0;
/// The right to delete a key.
const DELETE: u32 = 0x0001_0000;

/// A key with all that is in it.
pub fn read(path: &KeyPath) -> Result<Option<Tree>, Failure> {
    let failed = |source| Failure::new(format!("read HKLM\\{path}"), source);
    match open(path, KEY_READ.0) {
        Ok(key) => read_open(&key, 0, &mut 0).map(Some).map_err(failed),
        Err(error) if is(&error, ERROR_FILE_NOT_FOUND.to_hresult()) => Ok(None),
        Err(error) => Err(failed(plain(&error))),
    }
}

fn read_open(key: &Key, depth: usize, keys: &mut usize) -> io::Result<Tree> {
    *keys += 1;
    if depth > DEEPEST || *keys > MOST_KEYS {
        return Err(io::Error::other("it has more in it than the registrations of classes have"));
    }
    let mut tree = Tree::default();
    for (name, value) in key.values().map_err(|error| plain(&error))? {
        tree.values.insert(name.into(), Value::read(value.ty().into(), &value));
    }
    for name in key.keys().map_err(|error| plain(&error))? {
        let below = key.options().access(KEY_READ.0 | VIEW).open(&name).map_err(|error| plain(&error))?;
        tree.keys.insert(name.into(), read_open(&below, depth + 1, keys)?);
    }
    Ok(tree)
}

/// Takes a step that is about keys.
pub fn take(step: &Step, while_taken: Option<fn()>) -> Result<(), Failure> {
    let failed = |source| Failure::new(step.to_string(), source);
    let (guarded, right): (_, u32) = match step {
        Step::CreateKey(key) => (key.parent(), KEY_CREATE_SUB_KEY.0),
        Step::DeleteKey(key) => (Some(key.clone()), DELETE),
        Step::SetValue { key, .. } => (Some(key.clone()), KEY_SET_VALUE.0),
        _ => (None, 0),
    };
    match act(step) {
        Err(error) if is(&error, ERROR_ACCESS_DENIED.to_hresult()) => match guarded.filter(lent::may_be_taken) {
            Some(key) => {
                let act = || {
                    while_taken.iter().for_each(|act| act());
                    act(step).map_err(|error| plain(&error))
                };
                lent::with(&key, right, act).map_err(failed)
            }
            None => Err(failed(plain(&error))),
        },
        done => done.map_err(|error| failed(plain(&error))),
    }
}

fn act(step: &Step) -> Result<(), Error> {
    match step {
        Step::CreateKey(path) => {
            let parent = path.parent().unwrap_or_else(|| path.clone());
            let parent = open(&parent, KEY_CREATE_SUB_KEY.0)?;
            parent.options().create().access(KEY_QUERY_VALUE.0 | VIEW).open(path.name()).map(drop)
        }
        Step::DeleteKey(path) => delete(path),
        Step::SetValue { key, name, before, after } => {
            let key = open(key, KEY_QUERY_VALUE.0 | KEY_SET_VALUE.0)?;
            // Someone else may be at work too.
            if value(&key, name)? != *before {
                return Err(Error::from_hresult(CHANGED));
            }
            match after {
                Some(after) => {
                    let (kind, data) = after.write();
                    key.set_bytes(name.as_str(), Type::from(kind), &data)
                }
                None => key.remove_value(name.as_str()),
            }
        }
        _ => Ok(()),
    }
}

/// `ERROR_REVISION_MISMATCH`: what is there is not what it was decided on.
const CHANGED: HRESULT = HRESULT::from_win32(1306);
/// `ERROR_DIR_NOT_EMPTY`.
const NOT_EMPTY: HRESULT = HRESULT::from_win32(145);

/// Deletes a key that is empty.
pub fn delete(path: &KeyPath) -> Result<(), Error> {
    let key = open(path, KEY_READ.0)?;
    if key.values()?.next().is_some() || key.keys()?.next().is_some() {
        return Err(Error::from_hresult(NOT_EMPTY));
    }
    drop(key);
    protect::system::delete_key(path.as_str())
}

fn value(key: &Key, name: &Caseless) -> Result<Option<Value>, Error> {
    match key.get_value(name.as_str()) {
        Ok(value) => Ok(Some(Value::read(value.ty().into(), &value))),
        Err(error) if is(&error, ERROR_FILE_NOT_FOUND.to_hresult()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether Windows is to delete that file when it starts next. A list that cannot be read is none.
pub fn goes_at_restart(path: &Caseless) -> bool {
    let manager = Caseless::from(r"SYSTEM\CurrentControlSet\Control\Session Manager");
    let listed = open(&manager, KEY_QUERY_VALUE.0).and_then(|key| key.get_multi_string("PendingFileRenameOperations"));
    let wanted = Caseless::from(format!(r"\??\{path}"));
    listed.is_ok_and(|listed| listed.into_iter().any(|name| Caseless::from(name) == wanted))
}

/// `C:\Program Files`, as Windows knows it; the environment's variable could be anybody's.
pub fn program_files() -> Result<Caseless, Failure> {
    let path = Caseless::from(r"SOFTWARE\Microsoft\Windows\CurrentVersion");
    let read = || open(&path, KEY_QUERY_VALUE.0)?.get_string("ProgramFilesDir");
    match read() {
        Ok(folder) => Ok(folder.trim_end_matches('\\').into()),
        Err(error) => Err(Failure::new(format!("read ProgramFilesDir of HKLM\\{path}"), plain(&error))),
    }
}

fn open(path: &KeyPath, access: u32) -> Result<Key, Error> {
    LOCAL_MACHINE.options().access(access | VIEW).open(path.as_str())
}

fn is(error: &Error, code: HRESULT) -> bool {
    error.code() == code
}

/// With the number that Windows' own tools show.
pub fn plain(error: &Error) -> io::Error {
    const WIN32: u32 = 0x8007;
    let code = error.code().0.cast_unsigned();
    match error.code() {
        CHANGED => io::Error::other("it has been changed meanwhile"),
        NOT_EMPTY => io::Error::other("something has been put into it meanwhile"),
        _ if code >> 16 == WIN32 => io::Error::from_raw_os_error((code & 0xFFFF).cast_signed()),
        _ => io::Error::other(error.message()),
    }
}
