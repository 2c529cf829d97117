//! What the installer remembers from run to run: where it has put each plugin, and whether the interface's proxy came with it. It is in the
//! registry, where only administrators write, beside what operators set for the plugins, which is not touched.

use crate::caseless::Caseless;
use crate::class::{Class, interface_key};
use crate::files::whole;
use crate::machine::{Failure, Machine};
use crate::registry::{Tree, Value, turn};
use crate::step::Step;

/// Where that is. It goes when nothing is in it any more.
pub const RECORD: &str = r"SOFTWARE\Pando";
/// The key in it that is the installer's.
const OURS: &str = "CCG";
/// The interface whose proxy the installer has registered.
const INTERFACE: &str = "Interface";
/// Below it: keys that are somebody else's, each with a descriptor of whose, while they are taken.
pub const LENT: &str = r"SOFTWARE\Pando\CCG\Taken";
/// Between folders: no name of one has it.
const BETWEEN: char = '|';

/// The record, as it stands in the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record(Option<Tree>);

impl Record {
    /// As it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(machine: &dyn Machine) -> Result<Self, Failure> {
        machine.key(&RECORD.into()).map(Self)
    }

    /// Below which folders a plugin is: first the one in which it was installed last, then earlier ones from which not all is gone. What is no
    /// whole path is none of ours.
    #[must_use]
    pub fn roots(&self, class: &Class) -> Vec<Caseless> {
        let listed = self.ours().and_then(|ours| ours.text(&folders_of(class))).unwrap_or_default();
        listed.split(BETWEEN).filter_map(|path| whole(path).ok()).map(Caseless::from).collect()
    }

    /// With these; without any, the plugin is forgotten.
    #[must_use]
    pub fn with_roots(self, class: &Class, roots: &[Caseless]) -> Self {
        let listed: Vec<_> = roots.iter().map(Caseless::as_str).collect();
        let listed = (!listed.is_empty()).then(|| listed.join(&BETWEEN.to_string()));
        self.with(&folders_of(class), listed)
    }

    /// The keys that a run that was killed has not given back to their owner.
    #[must_use]
    pub fn taken(&self) -> Vec<Caseless> {
        let taken = self.ours().and_then(|ours| ours.keys.get(&Caseless::from(LENT).name().into()));
        taken.into_iter().flat_map(|notes| notes.values.keys().cloned()).collect()
    }

    /// Whether the interface's proxy came with the installer.
    #[must_use]
    pub fn has_interface(&self) -> bool {
        self.ours().and_then(|ours| ours.text(INTERFACE)).is_some()
    }

    /// It came.
    #[must_use]
    pub fn with_interface(self) -> Self {
        self.with(INTERFACE, Some(interface_key().name().to_owned()))
    }

    /// It went, or is somebody else's by now.
    #[must_use]
    pub fn without_interface(self) -> Self {
        self.with(INTERFACE, None)
    }

    /// The steps from this to another.
    pub fn turn(&self, after: &Self, steps: &mut Vec<Step>) {
        turn(&RECORD.into(), self.0.as_ref(), after.0.as_ref(), steps);
    }

    fn ours(&self) -> Option<&Tree> {
        self.0.as_ref()?.keys.get(&OURS.into())
    }

    fn with(self, name: &str, text: Option<String>) -> Self {
        let mut record = self.0.unwrap_or_default();
        let ours = record.keys.entry(OURS.into()).or_default();
        match text {
            Some(text) => ours.values.insert(name.into(), Value::Text(text)),
            None => ours.values.remove(&name.into()),
        };
        if ours.is_empty() {
            record.keys.remove(&OURS.into());
        }
        Self((!record.is_empty()).then_some(record))
    }
}

fn folders_of(class: &Class) -> String {
    format!("Folders of {}", class.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::CLASSES;

    #[test]
    fn what_was_recorded_is_read_and_goes_without_a_trace() {
        let [rkc, akv] = &CLASSES;
        let roots = [r"D:\Pando\ccg", r"C:\Program Files\Pando\ccg"].map(Caseless::from);
        let record = Record::default().with_roots(rkc, &roots).with_interface();
        assert_eq!((record.roots(rkc), record.roots(akv), record.has_interface()), (roots.to_vec(), vec![], true));
        assert_eq!(record.without_interface().with_roots(rkc, &[]), Record::default());
        // What operators have set for the plugins is not ours.
        let theirs = Tree::default().with_key("CCG", Tree::default().with_key("akv", Tree::default()));
        let record = Record(Some(theirs.clone())).with_interface();
        assert_eq!(record.without_interface(), Record(Some(theirs)));
        // Nobody is led to a folder that has no whole path.
        let partial = Tree::default().with_text("Folders of rkc", r"plug|D:\x\..\y|D:\z");
        assert_eq!(Record(Some(Tree::default().with_key("CCG", partial))).roots(rkc), [Caseless::from(r"D:\z")]);
    }
}
