//! A plugin's class, from its registration or from a DLL, and its one method.

use std::ffi::c_void;
use std::path::Path;

use ccg_classes::ICcgDomainAuthCredentials;
use windows::Win32::Foundation::{E_INVALIDARG, FreeLibrary, HMODULE, S_OK};
use windows::Win32::System::Com::{
    CLSCTX_INPROC_SERVER, CLSCTX_LOCAL_SERVER, CoCreateInstance, CoTaskMemFree, IClassFactory,
};
use windows::Win32::System::LibraryLoader::{GetProcAddress, LoadLibraryW};
use windows_core::{Error, GUID, HRESULT, HSTRING, IUnknown, Interface, PCWSTR, PWSTR, Result, s};
use zeroize::Zeroizing;

/// Where the plugin's objects come from.
pub enum Source {
    /// COM: in this process, or in the surrogate.
    Registered { class: GUID, surrogate: bool },
    /// A DLL that was loaded here.
    Loaded { class: GUID, module: HMODULE },
}

// SAFETY: a module's handle is an address that every thread may use.
unsafe impl Sync for Source {}

/// What a call gives on success.
pub struct Credentials {
    pub domain: String,
    pub username: String,
    pub password: Zeroizing<String>,
}

type GetClassObject = unsafe extern "system" fn(*const GUID, *const GUID, *mut *mut c_void) -> HRESULT;
type CanUnloadNow = unsafe extern "system" fn() -> HRESULT;

impl Source {
    pub fn load(dll: &Path, class: GUID) -> Result<Self> {
        // SAFETY: the name is a text that outlives the call. What the DLL does when it is loaded is what the caller asked for.
        let module = unsafe { LoadLibraryW(&HSTRING::from(dll)) }?;
        Ok(Self::Loaded { class, module })
    }

    /// A new object of the class, which is asked for the guard's interface.
    pub fn create(&self) -> Result<ICcgDomainAuthCredentials> {
        match self {
            Self::Registered { class, surrogate } => {
                let context = if *surrogate { CLSCTX_LOCAL_SERVER } else { CLSCTX_INPROC_SERVER };
                // SAFETY: this thread has initialised COM.
                let object: IUnknown = unsafe { CoCreateInstance(class, None, context) }?;
                object.cast()
            }
            Self::Loaded { class, module } => {
                // SAFETY: the module is loaded.
                let function =
                    unsafe { GetProcAddress(*module, s!("DllGetClassObject")) }.ok_or_else(Error::from_thread)?;
                // SAFETY: that is this function's type in every DLL of COM's.
                let function: GetClassObject = unsafe { std::mem::transmute(function) };
                let mut factory = std::ptr::null_mut();
                // SAFETY: both identifiers may be read and the pointer may be written.
                unsafe { function(class, &IClassFactory::IID, &raw mut factory) }.ok()?;
                // SAFETY: on success it is an interface of that type, with a reference of ours.
                let factory = unsafe { IClassFactory::from_raw(factory) };
                // SAFETY: nobody aggregates it.
                let object: IUnknown = unsafe { factory.CreateInstance(None) }?;
                object.cast()
            }
        }
    }

    /// Whether the DLL says that it may be unloaded; then it is.
    pub fn unload(self) -> Option<bool> {
        let Self::Loaded { module, .. } = self else { return None };
        // SAFETY: the module is loaded.
        let function = unsafe { GetProcAddress(module, s!("DllCanUnloadNow")) }?;
        // SAFETY: that is this function's type in every DLL of COM's.
        let function: CanUnloadNow = unsafe { std::mem::transmute(function) };
        // SAFETY: it has no arguments.
        let idle = unsafe { function() } == S_OK;
        // SAFETY: it was loaded once, and no object of it is left.
        Some(idle && unsafe { FreeLibrary(module) }.is_ok())
    }
}

/// Calls it, and frees what it gives.
pub fn call(plugin: &ICcgDomainAuthCredentials, input: &HSTRING) -> std::result::Result<Credentials, HRESULT> {
    // Not null, so that a plugin which leaves them as they are is seen.
    let unset = PWSTR(std::ptr::without_provenance_mut(1));
    let (mut domain, mut username, mut password) = (unset, unset, unset);
    // SAFETY: the input is a text that ends, and the three pointers may be written.
    let hresult = unsafe {
        plugin.GetPasswordCredentials(PCWSTR(input.as_ptr()), &raw mut domain, &raw mut username, &raw mut password)
    };
    let texts = [domain, username, password];
    if hresult.is_err() {
        let kept = texts.iter().all(|text| text.is_null());
        assert!(kept, "the plugin failed with {hresult:?} and left its out strings as they were");
        return Err(hresult);
    }
    if texts.iter().any(|text| text.is_null() || *text == unset) {
        return Err(E_INVALIDARG);
    }
    // SAFETY: it succeeded, so each is a text of COM's allocator that is ours.
    let [domain, username, password] = texts.map(|text| unsafe { take(text) });
    Ok(Credentials { domain: domain.to_string(), username: username.to_string(), password })
}

/// # Safety
/// `text` ends with a zero, is of COM's allocator, and is nobody else's.
unsafe fn take(text: PWSTR) -> Zeroizing<String> {
    // SAFETY: as for this function.
    let units = unsafe { text.as_wide() };
    let mut copy = Zeroizing::new(String::with_capacity(units.len() * 3));
    copy.extend(char::decode_utf16(units.iter().copied()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    for at in 0..units.len() {
        // SAFETY: it is inside the text.
        unsafe { text.0.add(at).write_volatile(0) };
    }
    // SAFETY: as for this function; it is used no more.
    unsafe { CoTaskMemFree(Some(text.0.cast_const().cast())) };
    copy
}
