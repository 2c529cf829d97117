//! What is on a machine now.

use crate::caseless::Caseless;
use crate::class::{CLASSES, COM_CLASSES, Class, Registration, interface_key};
use crate::files::Layout;
use crate::machine::{Failure, Found, Machine};
use crate::registry::{Tree, Value};

/// What the installer keeps about itself: whether the interface's proxy was registered by it.
pub const RECORD: &str = r"SOFTWARE\Pando";

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
    /// The names in the plugin's folder.
    pub versions: Vec<String>,
}

/// The machine.
#[derive(Debug)]
pub struct Seen {
    /// The classes that CCG may activate; none when there is no CCG.
    pub com_classes: Option<Vec<Caseless>>,
    pub interface: Option<Tree>,
    pub record: Option<Tree>,
    pub classes: Vec<SeenClass>,
}

impl Seen {
    /// Looks.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn look(machine: &dyn Machine, layout: &Layout) -> Result<Self, Failure> {
        let com_classes = machine.key(&COM_CLASSES.into())?;
        Ok(Self {
            com_classes: com_classes.map(|tree| tree.keys.into_keys().collect()),
            interface: machine.key(&interface_key())?,
            record: machine.key(&RECORD.into())?,
            classes: CLASSES.iter().map(|class| SeenClass::look(machine, layout, class)).collect::<Result<_, _>>()?,
        })
    }
}

impl SeenClass {
    fn look(machine: &dyn Machine, layout: &Layout, class: &'static Class) -> Result<Self, Failure> {
        let clsid = machine.key(&class.clsid_path())?;
        let folder = layout.plugin(class);
        let registered = clsid.as_ref().map_or(Registered::Nobody, |tree| whose(tree, class, &folder));
        let dll = if let Registered::Ours(dll) = &registered { machine.find(dll)? } else { Found::Nothing };
        // Names behind a link are not ours.
        let versions = match machine.find(&folder)? {
            Found::Folder { .. } => machine.list(&folder)?,
            _ => Vec::new(),
        };
        let (appid, ccg) = (machine.key(&class.appid_path())?, machine.key(&class.ccg_path())?);
        let event = machine.key(&class.event_path())?;
        Ok(Self { class, registered, clsid, appid, ccg, event, dll, versions })
    }
}

/// A class is ours when its DLL is one in our folder. One that has an application of another's, or another server, is another's.
fn whose(tree: &Tree, class: &Class, folder: &Caseless) -> Registered {
    let server = |kind: &str| tree.keys.get(&kind.into());
    let default = |kind: &str| match server(kind)?.values.get(&"".into())? {
        Value::Text(text) if text.is_empty() => None,
        Value::Text(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    if let Some(dll) = default("InprocServer32").map(Caseless::from)
        && dll.is_below(folder)
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
