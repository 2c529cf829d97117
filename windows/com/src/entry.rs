//! What the exported functions do. Each catches panics: unwinding into a caller that is not Rust would end its process.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use windows::Win32::Foundation::{CLASS_E_CLASSNOTAVAILABLE, E_POINTER, E_UNEXPECTED, S_FALSE, S_OK};
use windows::Win32::System::Com::IClassFactory;
use windows_core::Interface;

use crate::class_factory::ClassFactory;
use crate::event_log::{self, Kind};
use crate::registration::RegistrationError;
use crate::{Server, module, registration};

pub use windows_core::{GUID, HRESULT};

/// `DllGetClassObject`.
///
/// # Safety
/// `class` and `interface` point to a GUID each and `object` to room for a pointer, or are null.
pub unsafe fn get_class_object(
    server: &'static Server,
    class: *const GUID,
    interface: *const GUID,
    object: *mut *mut c_void,
) -> HRESULT {
    if object.is_null() {
        return E_POINTER;
    }
    // SAFETY: it is not null, so by the contract it may be written.
    unsafe { object.write(std::ptr::null_mut()) };
    if class.is_null() || interface.is_null() {
        return E_POINTER;
    }
    // SAFETY: neither is null, so by the contract both may be read.
    let (class, interface) = unsafe { (class.read(), interface.read()) };
    guarded(|| {
        if ccg_classes::class_id(server.class.clsid) != Some(class) {
            return CLASS_E_CLASSNOTAVAILABLE;
        }
        let factory: IClassFactory = ClassFactory::new(server).into();
        // SAFETY: `object` may be written, and the interface that is put there has a reference of its own.
        unsafe { factory.query(&raw const interface, object) }
    })
}

/// `DllCanUnloadNow`.
pub fn can_unload_now() -> HRESULT {
    if module::is_idle() { S_OK } else { S_FALSE }
}

/// `DllRegisterServer`.
pub fn register_server(server: &Server) -> HRESULT {
    guarded(|| told(server, registration::register(&server.class)))
}

/// `DllUnregisterServer`.
pub fn unregister_server(server: &Server) -> HRESULT {
    guarded(|| told(server, registration::unregister(&server.class)))
}

/// `regsvr32` shows a number; the reason is in the event log.
fn told(server: &Server, outcome: Result<(), RegistrationError>) -> HRESULT {
    match outcome {
        Ok(()) => S_OK,
        Err(error) => {
            event_log::write(&server.class, Kind::Error, server.fault_event, &error.to_string());
            error.code()
        }
    }
}

/// What `action` answers; `E_UNEXPECTED` when it panics. Nothing here is left half-done by that: what is shared is one counter.
pub(crate) fn guarded(action: impl FnOnce() -> HRESULT) -> HRESULT {
    catch_unwind(AssertUnwindSafe(action)).unwrap_or(E_UNEXPECTED)
}
