//! A plugin's DLL, as data; and the four functions that it exports.

use ccg_classes::Class;
use plugins::Plugin;

use crate::event_log::{self, Kind};
use crate::{Settings, SettingsError};

/// What a plugin's DLL serves.
pub struct Server {
    /// Its class.
    pub class: Class,
    /// The plugin, made anew for each call from what the operator has decided by then.
    pub plugin: fn(&Settings) -> Result<Box<dyn Plugin>, SettingsError>,
    /// The event of a call that could not be made at all: its settings, its memory, or a fault in the plugin.
    pub fault_event: u32,
    /// The event of a call that comes in, where the plugin has one and the operator asks for it.
    pub call_event: Option<u32>,
    /// The event of a success, which is written where the operator asks for it.
    pub success_event: u32,
}

/// Writes into the event log what the operator wants to read of a call that goes well.
pub fn inform(class: &Class, event: u32, text: &str) {
    event_log::write(class, Kind::Information, event, text);
}

/// Exports the functions of a COM server's DLL.
#[macro_export]
macro_rules! server {
    ($server:expr) => {
        static SERVER: $crate::Server = $server;

        /// Microsoft, "DllGetClassObject function (combaseapi.h)".
        ///
        /// # Safety
        /// As COM calls it.
        #[unsafe(no_mangle)]
        pub unsafe extern "system" fn DllGetClassObject(
            class: *const $crate::entry::GUID,
            interface: *const $crate::entry::GUID,
            object: *mut *mut ::core::ffi::c_void,
        ) -> $crate::entry::HRESULT {
            // SAFETY: the caller keeps to the function's contract.
            unsafe { $crate::entry::get_class_object(&SERVER, class, interface, object) }
        }

        /// Microsoft, "DllCanUnloadNow function (combaseapi.h)".
        #[unsafe(no_mangle)]
        pub extern "system" fn DllCanUnloadNow() -> $crate::entry::HRESULT {
            $crate::entry::can_unload_now()
        }

        /// Microsoft, "DllRegisterServer function (olectl.h)".
        #[unsafe(no_mangle)]
        pub extern "system" fn DllRegisterServer() -> $crate::entry::HRESULT {
            $crate::entry::register_server(&SERVER)
        }

        /// Microsoft, "DllUnregisterServer function (olectl.h)".
        #[unsafe(no_mangle)]
        pub extern "system" fn DllUnregisterServer() -> $crate::entry::HRESULT {
            $crate::entry::unregister_server(&SERVER)
        }
    };
}
