//! What has to be done to a machine, from what is on it. Pure: it looks through [`Machine`], and changes nothing.
//!
//! Files come first and CCG's own key last: a run that is killed in between leaves nothing that CCG would use, and the next one finishes it.

use std::sync::Arc;

use crate::caseless::Caseless;
use crate::class::{COM_CLASSES, Class, Registration, carries, ccg_tree, event_tree, interface_key, interface_tree};
use crate::files::{Dll, Layout};
use crate::machine::{Failure, Found, Machine};
use crate::registry::turn;
use crate::seen::{Registered, Seen, SeenClass};
use crate::step::Step;

/// Why nothing is done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(
        "this computer has no Container Credential Guard: HKLM\\{COM_CLASSES} is not there (it comes with Windows Server 2019 and later; \
         is this a host of containers?)"
    )]
    NoGuard,
    #[error(
        "the class of {name}, {clsid}, is registered by someone else: {by}. Take that away first, or say --replace to take the class over"
    )]
    Foreign { name: &'static str, clsid: &'static str, by: String },
    #[error("{path} is in the way: it is no {wanted} but something else of that name. Look what it is, and remove it")]
    InTheWay { path: Caseless, wanted: &'static str },
    #[error(
        "{open_to} may put files into {path}, and would be whoever CCG trusts: take that right away, or choose another folder with --dir"
    )]
    Open { path: Caseless, open_to: String },
    #[error(
        "the class of {name}, {clsid}, is registered by someone else, and stays: {by}. Its own uninstaller takes it away (if this installer \
         has put it into a folder of your choice, and its record of that is lost: say that folder with --dir)"
    )]
    NotOurs { name: &'static str, clsid: &'static str, by: String },
    #[error("{0} is not installed: there is nothing to upgrade (use install)")]
    NotInstalled(&'static str),
    #[error(transparent)]
    Unreadable(#[from] Failure),
}

/// A plugin to be installed.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub class: &'static Class,
    pub dll: Dll,
    /// The account that the surrogate runs as; CCG's own if none.
    pub run_as: Option<String>,
}

/// The steps that install or upgrade.
///
/// # Errors
/// See [`Refusal`].
pub fn install(
    machine: &dyn Machine,
    layout: &Layout,
    seen: &Seen,
    wanted: &[Wanted],
    replace: bool,
) -> Result<Vec<Step>, Refusal> {
    if seen.com_classes.is_none() {
        return Err(Refusal::NoGuard);
    }
    let mut steps = Vec::new();
    // First of all: wherever a run is killed, the next one knows where to look.
    let record = wanted
        .iter()
        .filter_map(|one| seen.of(one.class))
        .fold(seen.record.clone(), |record, one| record.with_roots(one.class, &one.roots));
    seen.record.turn(&record, &mut steps);
    for one in wanted {
        let Some(seen) = seen.of(one.class) else { continue };
        if let (Registered::Other(by), false) = (&seen.registered, replace) {
            let (name, clsid) = (one.class.name, one.class.clsid);
            return Err(Refusal::Foreign { name, clsid, by: by.clone() });
        }
        let folder = layout.version(one.class, &one.dll);
        make_folders(machine, &folder, &mut steps)?;
        put_dll(machine, &folder.join(one.class.dll), &one.dll, &mut steps)?;
    }
    for one in wanted {
        let Some(seen) = seen.of(one.class) else { continue };
        register(layout, seen, one, &mut steps);
    }
    if !carries(seen.interface.as_ref()) && !wanted.is_empty() {
        record.turn(&record.clone().with_interface(), &mut steps);
        turn(&interface_key(), seen.interface.as_ref(), Some(&interface_tree()), &mut steps);
    }
    for one in wanted {
        let Some(seen) = seen.of(one.class) else { continue };
        turn(&one.class.ccg_path(), seen.ccg.as_ref(), Some(&ccg_tree()), &mut steps);
    }
    Ok(steps)
}

fn register(layout: &Layout, seen: &SeenClass, wanted: &Wanted, steps: &mut Vec<Step>) {
    let class = wanted.class;
    let dll = layout.version(class, &wanted.dll).join(class.dll);
    turn(&class.event_path(), seen.event.as_ref(), Some(&event_tree(dll.as_str())), steps);
    turn(&class.appid_path(), seen.appid.as_ref(), Some(&class.appid_tree(wanted.run_as.as_deref())), steps);
    turn(&class.clsid_path(), seen.clsid.as_ref(), Some(&class.clsid_tree(dll.as_str())), steps);
}

/// The folder and those above it, as far as they are not there.
fn make_folders(machine: &dyn Machine, folder: &Caseless, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    let mut path: Vec<_> = std::iter::successors(Some(folder.clone()), Caseless::parent).collect();
    path.reverse();
    for folder in path {
        let make = Step::MakeFolder(folder.clone());
        match machine.find(&folder)? {
            Found::Nothing if steps.contains(&make) => {}
            Found::Nothing => steps.push(make),
            Found::Folder { open_to: None } => {}
            Found::Folder { open_to: Some(open_to) } => return Err(Refusal::Open { path: folder, open_to }),
            Found::File { .. } | Found::Other => return Err(Refusal::InTheWay { path: folder, wanted: "folder" }),
        }
    }
    Ok(())
}

fn put_dll(machine: &dyn Machine, path: &Caseless, dll: &Dll, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    match machine.find(path)? {
        Found::File { sha256, open_to: None } if sha256 == dll.sha256 => return Ok(()),
        // One that is damaged, or that others may change, may be loaded all the same: it is moved aside, and deleted when it can be.
        Found::File { .. } => steps.push(Step::Rename { from: path.clone(), to: aside(machine, path)? }),
        Found::Nothing => {}
        Found::Folder { .. } | Found::Other => return Err(Refusal::InTheWay { path: path.clone(), wanted: "file" }),
    }
    steps.push(Step::WriteFile { path: path.clone(), contents: Arc::clone(&dll.contents) });
    Ok(())
}

/// A name beside a DLL that nothing has.
///
/// # Errors
/// When that cannot be told, or all names are taken.
pub fn aside(machine: &dyn Machine, path: &Caseless) -> Result<Caseless, Failure> {
    const MOST: u32 = 100;
    for number in 1..MOST {
        let name = Caseless::from(format!("{path}.{number}{ASIDE}"));
        if machine.find(&name)? == Found::Nothing {
            return Ok(name);
        }
    }
    let taken = std::io::Error::new(std::io::ErrorKind::AlreadyExists, "all names beside it are taken");
    Err(Failure::new(format!("move {path} aside"), taken))
}

/// How the name of a DLL ends that was moved aside.
pub const ASIDE: &str = ".old";

/// The steps that take the registrations of these classes away. The files go when this is done.
#[must_use]
pub fn uninstall(seen: &Seen, classes: &[&'static Class]) -> Vec<Step> {
    let mut steps = Vec::new();
    let chosen = || seen.classes.iter().filter(|seen| classes.contains(&seen.class));
    let ours = || chosen().filter(|seen| !matches!(seen.registered, Registered::Other(_)));
    for one in ours() {
        turn(&one.class.ccg_path(), one.ccg.as_ref(), None, &mut steps);
    }
    for one in ours() {
        turn(&one.class.clsid_path(), one.clsid.as_ref(), None, &mut steps);
    }
    for one in ours() {
        turn(&one.class.appid_path(), one.appid.as_ref(), None, &mut steps);
        turn(&one.class.event_path(), one.event.as_ref(), None, &mut steps);
    }
    let going: Vec<Caseless> = ours().map(|one| one.class.ccg_path().name().into()).collect();
    let others_stay = seen.com_classes.iter().flatten().any(|name| !going.contains(name));
    let mut rest = seen.classes.iter().filter(|seen| !classes.contains(&seen.class));
    if !rest.any(|seen| matches!(seen.registered, Registered::Ours(_))) {
        forget_interface(seen, others_stay, &mut steps);
    }
    steps
}

/// The proxy goes with our last plugin, if it came with the first, nobody has changed it since, and no other plugin may need it.
fn forget_interface(seen: &Seen, others_stay: bool, steps: &mut Vec<Step>) {
    if !seen.record.has_interface() {
        return;
    }
    if !others_stay && seen.interface.as_ref().is_some_and(|tree| tree.is_part_of(&interface_tree())) {
        turn(&interface_key(), seen.interface.as_ref(), None, steps);
    }
    seen.record.turn(&seen.record.clone().without_interface(), steps);
}
