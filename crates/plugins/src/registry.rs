//! Plugins by the class that credential specs name.

use std::sync::Arc;

use dtyp::Guid;

use crate::Plugin;

/// The plugins that a guard may call. What is not in here is not called, whatever a credential spec says.
#[derive(Clone, Default)]
pub struct Registry {
    plugins: Vec<Arc<dyn Plugin>>,
}

impl Registry {
    /// No plugins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this plugin too, in the place of an earlier one of the same class.
    #[must_use]
    pub fn with(mut self, plugin: impl Plugin + 'static) -> Self {
        self.plugins.retain(|p| p.clsid() != plugin.clsid());
        self.plugins.push(Arc::new(plugin));
        self
    }

    /// The plugin of a class.
    #[must_use]
    pub fn get(&self, clsid: Guid) -> Option<Arc<dyn Plugin>> {
        self.plugins.iter().find(|p| p.clsid() == clsid).cloned()
    }

    /// All of them, in the order of registration.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Plugin> {
        self.plugins.iter().map(AsRef::as_ref)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|p| format!("{} {}", p.name(), p.clsid()))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rkc;

    #[test]
    fn a_plugin_is_found_by_its_class_and_only_by_it() {
        let registry = Registry::new().with(Rkc::new("a")).with(Rkc::new("b"));
        assert_eq!(registry.iter().count(), 1);
        let clsid = "{e4781092-f116-4b79-b55e-28eb6a224e26}".parse().unwrap();
        assert_eq!(registry.get(clsid).unwrap().name(), "rkc");
        assert!(registry.get(Guid::NIL).is_none());
    }
}
