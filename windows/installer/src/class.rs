//! The classes that can be installed, and what the registry must say about each.
//!
//! `ICcgDomainAuthCredentials` is activated out of process: the DLL is hosted by a surrogate (`DllSurrogate`), calls cross by the proxy of the
//! interface, and CCG activates only classes that stand below its own key `COMClasses`.

use ccg_classes::{ALL, INTERFACE_NAME, PERMISSIONS, PROXY_STUB};
pub use ccg_classes::{COM_CLASSES, Class};
use dtyp::{Sid, sddl};

use crate::registry::{KeyPath, Tree, Value};

/// The classes that can be installed.
pub static CLASSES: [Class; 2] = ALL;

/// What the registry must say about a class, and who runs it.
pub trait Registration {
    /// The key of the class itself.
    fn clsid_path(&self) -> KeyPath;
    /// The key of the application that starts it.
    fn appid_path(&self) -> KeyPath;
    /// The key by which CCG may activate it.
    fn ccg_path(&self) -> KeyPath;
    /// The key by which the event log finds the texts of its events.
    fn event_path(&self) -> KeyPath;
    /// What must be in [`clsid_path`](Self::clsid_path), and nothing else.
    fn clsid_tree(&self, dll: &str) -> Tree;
    /// What must be in [`appid_path`](Self::appid_path), and nothing else.
    fn appid_tree(&self, run_as: Option<&str>) -> Tree;
}

impl Registration for Class {
    fn clsid_path(&self) -> KeyPath {
        self.class_key().into()
    }

    fn appid_path(&self) -> KeyPath {
        self.application_key().into()
    }

    fn ccg_path(&self) -> KeyPath {
        self.guard_key().into()
    }

    fn event_path(&self) -> KeyPath {
        self.event_source_key().into()
    }

    fn clsid_tree(&self, dll: &str) -> Tree {
        let server = Tree::default().with_text("", dll).with_text("ThreadingModel", "Both");
        let class = Tree::default().with_text("", self.title).with_text("AppID", self.app_id);
        class.with_key("InprocServer32", server)
    }

    fn appid_tree(&self, run_as: Option<&str>) -> Tree {
        let callers = Value::Binary(callers());
        let tree = Tree::default().with_text("", self.title).with_text("DllSurrogate", "");
        let tree = tree.with("AccessPermission", callers.clone()).with("LaunchPermission", callers);
        run_as.into_iter().fold(tree, |tree, account| tree.with_text("RunAs", account))
    }
}

/// What must be in the key by which CCG may activate a class, and nothing else.
#[must_use]
pub fn ccg_tree() -> Tree {
    Tree::default().with_text("", "")
}

/// What must be in the key of a source of events, and nothing else: where the texts are, and that there are errors, warnings and information.
#[must_use]
pub fn event_tree(dll: &str) -> Tree {
    Tree::default().with_text("EventMessageFile", dll).with("TypesSupported", Value::Number(7))
}

/// The key of the interface's proxy, which several plugins share.
#[must_use]
pub fn interface_key() -> KeyPath {
    ccg_classes::interface_key().into()
}

/// What is put there where nothing is.
#[must_use]
pub fn interface_tree() -> Tree {
    Tree::default()
        .with_text("", INTERFACE_NAME)
        .with_key("ProxyStubClsid32", Tree::default().with_text("", PROXY_STUB))
}

/// Whether calls of the interface reach another process. By whose proxy is not looked at: one that somebody else has registered is left alone.
#[must_use]
pub fn carries(interface: Option<&Tree>) -> bool {
    let proxy = interface.and_then(|tree| tree.keys.get(&"ProxyStubClsid32".into()));
    proxy.and_then(|proxy| proxy.text("")).is_some_and(|class| !class.is_empty())
}

/// Empty, which lets nobody in, should the constant ever not be one: a test holds it to what it means.
fn callers() -> Vec<u8> {
    // No domain's names are in it.
    let domain = Sid::SYSTEM;
    sddl::parse(PERMISSIONS, &domain, &domain).and_then(|descriptor| descriptor.to_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_system_and_services_may_launch_and_call() {
        let descriptor = dtyp::SecurityDescriptor::from_bytes(&callers()).unwrap();
        let trustees = descriptor.dacl.unwrap().aces;
        let allowed: Vec<_> = trustees.iter().map(|ace| (ace.trustee.to_string(), ace.mask.0)).collect();
        assert_eq!(allowed, [("S-1-5-18".to_owned(), 0xb), ("S-1-5-6".to_owned(), 0xb)]);
        // COM refuses descriptors without an owner and a group.
        let owner = Some(Sid::BUILTIN_ADMINISTRATORS);
        assert_eq!((descriptor.owner, descriptor.group), (owner, owner));
    }

    #[test]
    fn what_the_registry_must_say_about_a_class() {
        let rkc = Class::named("rkc").unwrap();
        let dll = r"C:\Program Files\Pando\ccg\rkc\0.1.0-0123456789abcdef\CCGRKC.dll";
        let tree = rkc.clsid_tree(dll);
        assert_eq!(tree.text("AppID"), Some(rkc.appid_path().name()));
        let server = &tree.keys[&"inprocserver32".into()];
        assert_eq!((server.text(""), server.text("threadingmodel")), (Some(dll), Some("Both")));
        let surrogate = rkc.appid_tree(rkc.run_as);
        assert_eq!(surrogate.text("DllSurrogate"), Some(""));
        assert_eq!(surrogate.text("RunAs"), Some(r"NT AUTHORITY\NetworkService"));
        assert_eq!(ccg_classes::AKV.appid_tree(None).text("RunAs"), None);
    }
}
