//! A machine in memory: it does as it is told, or fails at a chosen step.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use installer::caseless::Caseless;
use installer::class::COM_CLASSES;
use installer::files::sha256;
use installer::machine::{Failure, Found, Machine, Removed};
use installer::registry::{Tree, Value};
use installer::step::Step;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Folder {
        open_to: Option<String>,
    },
    File(Vec<u8>),
    /// One that everybody may change.
    Open(Vec<u8>),
    Link,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub keys: BTreeMap<Caseless, BTreeMap<Caseless, Value>>,
    pub files: BTreeMap<Caseless, Node>,
    pub loaded: Vec<Caseless>,
    pub at_restart: Vec<Caseless>,
    /// A drive that is a folder of another one.
    pub drive: Option<(String, String)>,
    /// How many steps are taken before one fails.
    pub fails_after: Option<usize>,
    /// Whether those after that one fail too: then nothing can be taken back.
    pub for_good: bool,
    pub taken: usize,
}

impl Memory {
    /// A host of containers with nothing on it.
    pub fn fresh() -> Self {
        let mut memory = Self::default();
        for key in KEYS {
            memory.put_key(key, &Tree::default());
        }
        memory.put_file(r"C:\Program Files", Node::Folder { open_to: None });
        memory
    }

    pub fn put_key(&mut self, path: &str, tree: &Tree) {
        let path = Caseless::from(path);
        for above in std::iter::successors(path.parent(), Caseless::parent) {
            self.keys.entry(above).or_default();
        }
        self.keys.insert(path.clone(), tree.values.clone());
        for (name, below) in &tree.keys {
            self.put_key(path.join(name.as_str()).as_str(), below);
        }
    }

    pub fn put_file(&mut self, path: &str, node: Node) {
        let path = Caseless::from(path);
        for above in std::iter::successors(path.parent(), Caseless::parent) {
            self.files.entry(above).or_insert(Node::Folder { open_to: None });
        }
        self.files.insert(path, node);
    }

    /// What is on it, without what is only about failing.
    pub fn state(&self) -> (BTreeMap<Caseless, BTreeMap<Caseless, Value>>, BTreeMap<Caseless, Node>) {
        (self.keys.clone(), self.files.clone())
    }

    /// The path that is meant.
    fn real(&self, path: &Caseless) -> Caseless {
        let drive = self.drive.as_ref().filter(|(drive, _)| path.as_str().starts_with(drive));
        drive.map_or_else(|| path.clone(), |(drive, folder)| path.as_str().replacen(drive, folder, 1).into())
    }

    fn tree(&self, path: &Caseless) -> Option<Tree> {
        let values = self.keys.get(path)?.clone();
        let below = self.keys.keys().filter(|key| key.parent().as_ref() == Some(path));
        let keys = below.filter_map(|key| Some((key.name().into(), self.tree(key)?))).collect();
        Some(Tree { values, keys })
    }

    fn below(&self, path: &Caseless) -> usize {
        self.files.keys().filter(|file| file.is_below(path)).count()
    }

    fn key_step(&mut self, step: &Step) -> Result<(), &'static str> {
        match step {
            Step::CreateKey(key) => {
                let parent = key.parent().ok_or("no parent")?;
                if !self.keys.contains_key(&parent) {
                    return Err("no parent key");
                }
                self.keys.insert(key.clone(), BTreeMap::new()).map_or(Ok(()), |_| Err("it is there"))
            }
            Step::DeleteKey(key) => {
                if self.keys.keys().any(|other| other.is_below(key)) {
                    return Err("it has keys");
                }
                match self.keys.remove(key) {
                    Some(values) if values.is_empty() => Ok(()),
                    _ => Err("it is not there, or has values"),
                }
            }
            Step::SetValue { key, name, before, after } => {
                let values = self.keys.get_mut(key).ok_or("no such key")?;
                if values.get(name) != before.as_ref() {
                    return Err("it is not what it was");
                }
                match after {
                    Some(after) => values.insert(name.clone(), after.clone()),
                    None => values.remove(name),
                };
                Ok(())
            }
            _ => self.file_step(step),
        }
    }

    fn file_step(&mut self, step: &Step) -> Result<(), &'static str> {
        let step = &match step.clone() {
            Step::MakeFolder(path) => Step::MakeFolder(self.real(&path)),
            Step::RemoveFolder(path) => Step::RemoveFolder(self.real(&path)),
            Step::WriteFile { path, contents } => Step::WriteFile { path: self.real(&path), contents },
            Step::RemoveFile { path, contents } => Step::RemoveFile { path: self.real(&path), contents },
            Step::Rename { from, to } => Step::Rename { from: self.real(&from), to: self.real(&to) },
            other => other,
        };
        let there = |path: &Caseless| self.files.contains_key(path);
        let in_folder = |path: &Caseless| {
            path.parent().is_none_or(|parent| matches!(self.files.get(&parent), Some(Node::Folder { .. })))
        };
        match step {
            Step::MakeFolder(path) if in_folder(path) && !there(path) => {
                self.files.insert(path.clone(), Node::Folder { open_to: None });
            }
            Step::RemoveFolder(path) if there(path) && self.below(path) == 0 => {
                self.files.remove(path);
            }
            Step::WriteFile { path, contents } if in_folder(path) && !there(path) => {
                self.files.insert(path.clone(), Node::File(contents.to_vec()));
            }
            Step::RemoveFile { path, contents } => match self.files.remove(path) {
                Some(Node::File(is)) if is == **contents => {}
                _ => return Err("not the file that was written"),
            },
            Step::Rename { from, to } if there(from) && !there(to) && in_folder(to) => {
                if let Some(node) = self.files.remove(from) {
                    self.files.insert(to.clone(), node);
                }
            }
            _ => return Err("that cannot be done"),
        }
        Ok(())
    }
}

impl Machine for Memory {
    fn key(&self, path: &Caseless) -> Result<Option<Tree>, Failure> {
        Ok(self.tree(path))
    }

    fn find(&self, path: &Caseless) -> Result<Found, Failure> {
        Ok(match self.files.get(&self.real(path)) {
            None => Found::Nothing,
            Some(Node::Folder { open_to }) => Found::Folder { open_to: open_to.clone() },
            Some(Node::File(contents)) => Found::File { sha256: sha256(contents), open_to: None },
            Some(Node::Open(contents)) => {
                Found::File { sha256: sha256(contents), open_to: Some("everybody".to_owned()) }
            }
            Some(Node::Link) => Found::Other,
        })
    }

    fn list(&self, folder: &Caseless) -> Result<Vec<String>, Failure> {
        let folder = self.real(folder);
        let inside = self.files.keys().filter(|file| file.parent().as_ref() == Some(&folder));
        Ok(inside.map(|file| file.name().to_owned()).collect())
    }

    fn same(&self, one: &Caseless, other: &Caseless) -> Result<bool, Failure> {
        Ok(self.real(one) == self.real(other))
    }

    fn take(&mut self, step: &Step) -> Result<(), Failure> {
        let turn = self.taken;
        self.taken += 1;
        let fails = self.fails_after.is_some_and(|after| turn == after || (self.for_good && turn > after));
        let result = if fails { Err("told to fail") } else { self.key_step(step) };
        result.map_err(|why| Failure::new(step.to_string(), io::Error::other(why)))
    }

    fn remove(&mut self, path: &Caseless) -> Result<Removed, Failure> {
        let path = &self.real(path);
        if self.loaded.contains(path) {
            return Ok(Removed::InUse);
        }
        assert_eq!(self.below(path), 0, "{path} is not empty");
        self.files.remove(path).map(|_| Removed::Gone).ok_or_else(|| Failure::new("remove", io::Error::other("gone")))
    }

    fn remove_at_restart(&mut self, path: &Caseless) -> Result<(), Failure> {
        self.at_restart.push(path.clone());
        Ok(())
    }

    fn pause(&mut self, _: Duration) {
        // Time passes, and programs end.
        self.loaded.pop();
    }

    fn program_files(&self) -> Result<Caseless, Failure> {
        Ok(r"C:\Program Files".into())
    }
}

/// Keys that every host of containers has.
const KEYS: [&str; 5] = [
    COM_CLASSES,
    r"SOFTWARE\Classes\CLSID",
    r"SOFTWARE\Classes\AppID",
    r"SOFTWARE\Classes\Interface",
    r"SYSTEM\CurrentControlSet\Services\EventLog\Application",
];
