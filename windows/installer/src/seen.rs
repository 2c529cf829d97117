//! What is on a machine now.

use crate::caseless::Caseless;
use crate::class::{CLASSES, COM_CLASSES, Class, Registration, interface_key};
use crate::files::{Layout, plugin};
use crate::machine::{Failure, Found, Machine};
use crate::record::Record;
use crate::registry::{Tree, Value};

/// Whose class it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// Nothing serves it.
    Nobody,
    /// This DLL of the installer's does.
    Ours(Caseless),
    /// Something else does.
    Other(String),
}

/// A class, as it is registered.
#[derive(Debug)]
pub struct SeenClass {
    pub class: &'static Class,
    pub registered: Registered,
    pub clsid: Option<Tree>,
    pub appid: Option<Tree>,
    pub ccg: Option<Tree>,
    pub event: Option<Tree>,
    /// The registered DLL, if it is ours.
    pub dll: Found,
    /// The folders above it, as far as they are not folders that only administrators may change.
    pub open: Vec<(Caseless, Found)>,
    /// Below which folders it may be: first where it is to be, then where a run has put it.
    pub roots: Vec<Caseless>,
}

/// The machine.
#[derive(Debug)]
pub struct Seen {
    /// The classes that CCG may activate; none when there is no CCG.
    pub com_classes: Option<Vec<Caseless>>,
    pub interface: Option<Tree>,
    pub record: Record,
    pub classes: Vec<SeenClass>,
}

impl Seen {
    /// Looks.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn look(machine: &dyn Machine, layout: &Layout) -> Result<Self, Failure> {
        let com_classes = machine.key(&COM_CLASSES.into())?;
        let record = Record::read(machine)?;
        let look = |class| SeenClass::look(machine, layout, &record, class);
        Ok(Self {
            com_classes: com_classes.map(|tree| tree.keys.into_keys().collect()),
            interface: machine.key(&interface_key())?,
            classes: CLASSES.iter().map(look).collect::<Result<_, _>>()?,
            record,
        })
    }

    /// One of its classes.
    #[must_use]
    pub fn of(&self, class: &Class) -> Option<&SeenClass> {
        self.classes.iter().find(|seen| seen.class == class)
    }
}

impl SeenClass {
    fn look(machine: &dyn Machine, layout: &Layout, record: &Record, class: &'static Class) -> Result<Self, Failure> {
        let clsid = machine.key(&class.clsid_path())?;
        let mut roots = vec![layout.root(class).clone()];
        roots.extend(record.roots(class).into_iter().filter(|root| root != layout.root(class)));
        let registered = clsid.as_ref().map_or(Registered::Nobody, |tree| whose(tree, class, &roots));
        let (mut dll, mut open) = (Found::Nothing, Vec::new());
        if let Registered::Ours(path) = &registered {
            dll = machine.find(path)?;
            for folder in std::iter::successors(path.parent(), Caseless::parent) {
                let found = machine.find(&folder)?;
                if !matches!(found, Found::Nothing | Found::Folder { open_to: None }) {
                    open.push((folder, found));
                }
            }
        }
        let (appid, ccg) = (machine.key(&class.appid_path())?, machine.key(&class.ccg_path())?);
        let event = machine.key(&class.event_path())?;
        Ok(Self { class, registered, clsid, appid, ccg, event, dll, open, roots })
    }
}

/// A class is ours when its DLL is one in a folder of ours. One that has an application of another's, or another server, is another's.
fn whose(tree: &Tree, class: &Class, roots: &[Caseless]) -> Registered {
    let server = |kind: &str| tree.keys.get(&kind.into());
    let default = |kind: &str| match server(kind)?.values.get(&"".into())? {
        Value::Text(text) if text.is_empty() => None,
        Value::Text(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    if let Some(dll) = default("InprocServer32").map(Caseless::from)
        && roots.iter().any(|root| dll.is_below(&plugin(root, class)))
    {
        return Registered::Ours(dll);
    }
    if let Some(assembly) = server("InprocServer32").and_then(|tree| tree.text("Assembly")) {
        return Registered::Other(format!("the .NET assembly {assembly}"));
    }
    for (kind, what) in [("LocalServer32", "program"), ("InprocServer32", "DLL"), ("TreatAs", "class")] {
        if let Some(server) = default(kind) {
            return Registered::Other(format!("the {what} {server}"));
        }
    }
    match tree.text("AppID").map(Caseless::from) {
        Some(appid) if appid != class.appid_path().name().into() => {
            Registered::Other(format!("the application {appid}"))
        }
        _ => Registered::Nobody,
    }
}
