//! Makes the objects that the guard calls. Microsoft, "IClassFactory".

use std::ffi::c_void;

use ccg_classes::ICcgDomainAuthCredentials;
use windows::Win32::Foundation::{CLASS_E_NOAGGREGATION, E_POINTER};
use windows::Win32::System::Com::{IClassFactory, IClassFactory_Impl};
use windows_core::{BOOL, Error, GUID, IUnknown, Interface, Ref, Result, implement};

use crate::Server;
use crate::credentials::Credentials;
use crate::module::{self, Alive};

#[implement(IClassFactory)]
pub(crate) struct ClassFactory {
    server: &'static Server,
    _alive: Alive,
}

impl ClassFactory {
    pub(crate) fn new(server: &'static Server) -> Self {
        Self { server, _alive: Alive::new() }
    }
}

impl IClassFactory_Impl for ClassFactory_Impl {
    fn CreateInstance(&self, outer: Ref<'_, IUnknown>, interface: *const GUID, object: *mut *mut c_void) -> Result<()> {
        if object.is_null() {
            return Err(Error::from_hresult(E_POINTER));
        }
        // SAFETY: it is not null, and the caller gives room for a pointer there.
        unsafe { object.write(std::ptr::null_mut()) };
        if interface.is_null() {
            return Err(Error::from_hresult(E_POINTER));
        }
        if !outer.is_null() {
            return Err(Error::from_hresult(CLASS_E_NOAGGREGATION));
        }
        let credentials: ICcgDomainAuthCredentials = Credentials::new(self.server).into();
        // SAFETY: both are not null; the interface that is put there has a reference of its own.
        unsafe { credentials.query(interface, object) }.ok()
    }

    fn LockServer(&self, lock: BOOL) -> Result<()> {
        if lock.as_bool() {
            module::lock()
        } else {
            module::unlock()
        }
        Ok(())
    }
}
