//! How CCG's plugins are called and registered on Windows: what the DLLs, their installer, the test host and the tests must agree about.
//!
//! Names, and the interface. Microsoft, "ICcgDomainAuthCredentials" and "Registering a CCG plug-in"; classes, applications and file names are those of
//! Rancher's plugin and of Microsoft's for Azure Key Vault, so that credential specs that name them keep working.

mod events;
#[cfg(windows)]
mod interface;

#[cfg(windows)]
pub use interface::{ICcgDomainAuthCredentials, ICcgDomainAuthCredentials_Impl, class_id};

/// A COM class that the guard may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Its short name, as in `pando-ccg-installer install rkc`.
    pub name: &'static str,
    /// What Component Services shows.
    pub title: &'static str,
    /// The class, in braces, as the registry has it.
    pub clsid: &'static str,
    /// The application that starts it in a process of its own, in braces.
    pub app_id: &'static str,
    /// The account that its surrogate runs as, unless it is told otherwise; the caller's if none. As the plugin runs that people have today.
    pub run_as: Option<&'static str>,
    /// The file that it is in.
    pub dll: &'static str,
    /// Under what source it writes into the event log [`EVENT_LOG`].
    pub event_source: &'static str,
    /// Its events by number: the sentence of each, in which `%1` stands for what happened.
    pub events: &'static [(u32, &'static str)],
}

/// The plugin of Kubernetes clusters. Rancher's is an application of COM+, and has no `AppID` to take over.
pub const RKC: Class = Class {
    name: "rkc",
    title: "Pando CCG plugin for Kubernetes (CCGRKC)",
    clsid: "{E4781092-F116-4B79-B55E-28EB6A224E26}",
    app_id: "{D3A6C1F4-7B0E-4E5B-9C58-2F1B6A0D7E93}",
    run_as: Some(r"NT AUTHORITY\NetworkService"),
    dll: "CCGRKC.dll",
    event_source: "RanchergMSACredentialProvider",
    events: events::RKC,
};

/// The plugin of Azure Key Vault.
pub const AKV: Class = Class {
    name: "akv",
    title: "Pando CCG plugin for Azure Key Vault (CCGAKV)",
    clsid: "{CCC2A336-D7F3-4818-A213-272B7924213E}",
    app_id: "{557110E1-88BC-4583-8281-6AAC6F708584}",
    run_as: None,
    dll: "CCGAKVPlugin.dll",
    event_source: "Microsoft-AKSGMSAPlugin",
    events: events::AKV,
};

/// All of them.
pub const ALL: [Class; 2] = [RKC, AKV];

/// `ICcgDomainAuthCredentials`, in braces.
pub const INTERFACE: &str = "{6ECDA518-2010-4437-8BC3-46E752B7B172}";
/// The name of that interface.
pub const INTERFACE_NAME: &str = "ICcgDomainAuthCredentials";
/// What carries calls of it to another process: a part of Windows.
pub const PROXY_STUB: &str = "{A6FF50C0-56C0-71CA-5732-BED303A59628}";

/// Under `HKEY_LOCAL_MACHINE`: the classes that the guard calls at all. Write access is the installer's to obtain.
pub const COM_CLASSES: &str = r"SYSTEM\CurrentControlSet\Control\CCG\COMClasses";
/// Under `HKEY_LOCAL_MACHINE`: COM's own classes.
pub const CLASSES: &str = r"SOFTWARE\Classes";
/// Who may start the surrogate and call it: SYSTEM and services, on this computer. Both permissions of the `AppID`, as SDDL.
pub const PERMISSIONS: &str = "O:BAG:BAD:(A;;0x0b;;;SY)(A;;0x0b;;;SU)";
/// The same as the registry has it.
#[rustfmt::skip]
pub const PERMISSIONS_BYTES: [u8; 100] = [
    0x01, 0x00, 0x04, 0x80, 0x14, 0x00, 0x00, 0x00, 0x24, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x34, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x20, 0x00, 0x00, 0x00, 0x20, 0x02, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x20, 0x00, 0x00, 0x00, 0x20, 0x02, 0x00, 0x00, 0x02, 0x00, 0x30, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x0b, 0x00, 0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x0b, 0x00, 0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x06, 0x00, 0x00, 0x00,
];

/// The log that the plugins write into.
pub const EVENT_LOG: &str = "Application";
/// Under `HKEY_LOCAL_MACHINE`: the sources of that log.
pub const EVENT_SOURCES: &str = r"SYSTEM\CurrentControlSet\Services\EventLog\Application";

/// Under `HKEY_LOCAL_MACHINE`: what the operator decides about the plugins, one key for each by its short name. Only administrators write there.
pub const SETTINGS: &str = r"SOFTWARE\Pando\CCG";

impl Class {
    /// The class of that short name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|class| class.name == name)
    }

    /// Under `HKEY_LOCAL_MACHINE`: the class.
    #[must_use]
    pub fn class_key(&self) -> String {
        format!(r"{CLASSES}\CLSID\{}", self.clsid)
    }

    /// Under `HKEY_LOCAL_MACHINE`: where its DLL is.
    #[must_use]
    pub fn server_key(&self) -> String {
        format!(r"{}\InprocServer32", self.class_key())
    }

    /// Under `HKEY_LOCAL_MACHINE`: its application.
    #[must_use]
    pub fn application_key(&self) -> String {
        format!(r"{CLASSES}\AppID\{}", self.app_id)
    }

    /// Under `HKEY_LOCAL_MACHINE`: its entry in the guard's list.
    #[must_use]
    pub fn guard_key(&self) -> String {
        format!(r"{COM_CLASSES}\{}", self.clsid)
    }

    /// Under `HKEY_LOCAL_MACHINE`: where its events are explained.
    #[must_use]
    pub fn event_source_key(&self) -> String {
        format!(r"{EVENT_SOURCES}\{}", self.event_source)
    }

    /// Under `HKEY_LOCAL_MACHINE`: what the operator decides about it.
    #[must_use]
    pub fn settings_key(&self) -> String {
        format!(r"{SETTINGS}\{}", self.name)
    }
}

/// Under `HKEY_LOCAL_MACHINE`: how calls of the interface reach another process. Windows may have it already; then it is left alone.
#[must_use]
pub fn interface_key() -> String {
    format!(r"{CLASSES}\Interface\{INTERFACE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permissions_are_those_that_their_text_says() {
        let written = dtyp::sddl::parse(PERMISSIONS, &dtyp::Sid::NULL, &dtyp::Sid::NULL).unwrap();
        let stored = dtyp::SecurityDescriptor::from_bytes(&PERMISSIONS_BYTES).unwrap();
        assert_eq!(stored.to_bytes().unwrap(), written.to_bytes().unwrap());
    }

    #[test]
    fn keys_are_where_windows_looks_for_them() {
        assert_eq!(Class::named("rkc"), Some(RKC));
        assert_eq!(AKV.server_key(), r"SOFTWARE\Classes\CLSID\{CCC2A336-D7F3-4818-A213-272B7924213E}\InprocServer32");
        assert_eq!(AKV.application_key(), r"SOFTWARE\Classes\AppID\{557110E1-88BC-4583-8281-6AAC6F708584}");
        assert_eq!(
            RKC.guard_key(),
            r"SYSTEM\CurrentControlSet\Control\CCG\COMClasses\{E4781092-F116-4B79-B55E-28EB6A224E26}"
        );
        assert_eq!(interface_key(), r"SOFTWARE\Classes\Interface\{6ECDA518-2010-4437-8BC3-46E752B7B172}");
    }
}
