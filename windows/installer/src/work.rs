//! The commands, done on a machine.

use std::path::Path;
use std::time::{Duration, Instant};

use semver::Version;
use serde::Serialize;

use crate::caseless::Caseless;
use crate::class::{CLASSES, Class};
use crate::cleanup::{self, Left};
use crate::command::{Install, Kept, StatusArgs, Uninstall, Which};
use crate::files::{Dll, Layout, SourceError, plugin, version_of};
use crate::machine::{Failure, Machine};
use crate::plan::{self, Refusal, Wanted};
use crate::record::Record;
use crate::seen::{Registered, Seen};
use crate::status::{State, Status};
use crate::transaction::{self, Undone};

/// Why a command did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Undone(#[from] Undone),
    #[error("{0}; everything else is done")]
    Cleanup(Failure),
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Error {
    /// The program's exit code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Refused(Refusal::Unreadable(_)) | Self::Source(_) | Self::Failed(_) => 1,
            Self::Undone(Undone::RolledBack { .. }) => 1,
            Self::Refused(_) => 3,
            Self::Undone(Undone::Stuck { .. }) | Self::Cleanup(_) => 4,
        }
    }
}

/// What was done, and how it is now.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether anything was changed.
    pub changed: bool,
    pub plugins: Vec<Status>,
    /// Plugins that are of an older version now than before.
    pub downgraded: Vec<Downgrade>,
    /// Keys that a run that was killed has taken from their owner; the next one gives them back.
    pub taken: Vec<String>,
    /// Files that a program has loaded; they go at the next run, or when the computer starts next.
    pub in_use: Vec<String>,
    /// Files and folders that did not come from the installer, and stay.
    pub not_ours: Vec<String>,
}

/// A plugin that is of an older version now.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Downgrade {
    pub plugin: &'static str,
    pub from: String,
    pub to: String,
}

impl Downgrade {
    fn by(wanted: &Wanted, seen: &Seen) -> Option<Self> {
        let Registered::Ours(dll) = &seen.of(wanted.class)?.registered else { return None };
        let from = Version::parse(version_of(dll.parent()?.name())?).ok()?;
        let to = wanted.dll.version.as_ref().filter(|to| **to < from)?;
        Some(Self { plugin: wanted.class.name, from: from.to_string(), to: to.to_string() })
    }
}

/// Installs or, with `only_upgrade`, refuses where nothing is installed.
///
/// # Errors
/// See [`Error`].
pub fn install(
    machine: &mut dyn Machine,
    args: &Install,
    own_folder: &Path,
    only_upgrade: bool,
) -> Result<Report, Error> {
    let until = Instant::now() + Duration::from_secs(args.timeout);
    let layout = layout(machine, &args.which)?;
    let seen = Seen::look(machine, &layout)?;
    let folder = args.from.as_deref().unwrap_or(own_folder);
    let mut wanted = Vec::new();
    for class in args.which.classes() {
        let there = seen.classes.iter().any(|one| one.class == class && Status::of(&seen, one).dll.is_some());
        match (only_upgrade, there, args.which.plugin.is_empty()) {
            // Named, or all: of all, those that are there.
            (true, false, false) => return Err(Refusal::NotInstalled(class.name).into()),
            (true, false, true) => {}
            _ => wanted.push(Wanted { class, dll: Dll::read(folder, class)?, run_as: args.run_as(class) }),
        }
    }
    if wanted.is_empty() {
        return Err(Refusal::NotInstalled("each of the plugins").into());
    }
    install_these(machine, &layout, &seen, &wanted, args.replace, &|| Instant::now() < until)
}

/// Installs these, in one transaction, and deletes older versions.
///
/// # Errors
/// See [`Error`].
pub fn install_these(
    machine: &mut dyn Machine,
    layout: &Layout,
    seen: &Seen,
    wanted: &[Wanted],
    replace: bool,
    in_time: &dyn Fn() -> bool,
) -> Result<Report, Error> {
    let steps = plan::install(machine, layout, seen, wanted, replace)?;
    transaction::run(machine, &steps, in_time)?;
    let left = clean(machine, layout, seen, wanted).map_err(Error::Cleanup)?;
    let classes: Vec<_> = wanted.iter().map(|one| one.class).collect();
    let downgraded = wanted.iter().filter_map(|one| Downgrade::by(one, seen)).collect();
    Ok(Report { downgraded, ..report(machine, layout, &classes, !steps.is_empty(), &left)? })
}

/// What is installed stays, and what is loaded; all else of these plugins goes, from wherever they have been.
fn clean(machine: &mut dyn Machine, layout: &Layout, seen: &Seen, wanted: &[Wanted]) -> Result<Left, Failure> {
    let mut left = Left::default();
    for one in wanted {
        let keep = layout.version(one.class, &one.dll);
        for root in roots(seen, one.class) {
            cleanup::old_versions(machine, &plugin(root, one.class), one.class, Some(&keep), &mut left)?;
            if root != layout.root(one.class) {
                cleanup::empty_root(machine, root)?;
            }
        }
    }
    let stays = |class: &Class, root: &Caseless| root == layout.root(class) || lies_in(&left.in_use, root, class);
    forget(machine, wanted.iter().map(|one| one.class), &stays)?;
    Ok(left)
}

fn roots<'a>(seen: &'a Seen, class: &Class) -> impl Iterator<Item = &'a Caseless> + use<'a> {
    seen.of(class).into_iter().flat_map(|seen| &seen.roots)
}

fn lies_in(files: &[Caseless], root: &Caseless, class: &Class) -> bool {
    files.iter().any(|file| file.is_below(&plugin(root, class)))
}

/// Folders in which nothing is any more are not remembered.
fn forget<'a>(
    machine: &mut dyn Machine,
    classes: impl Iterator<Item = &'a Class>,
    stays: &dyn Fn(&Class, &Caseless) -> bool,
) -> Result<(), Failure> {
    let record = Record::read(machine)?;
    let after = classes.fold(record.clone(), |after, class| {
        let roots: Vec<_> = record.roots(class).into_iter().filter(|root| stays(class, root)).collect();
        after.with_roots(class, &roots)
    });
    let mut steps = Vec::new();
    record.turn(&after, &mut steps);
    steps.iter().try_for_each(|step| machine.take(step))
}

/// Takes plugins away.
///
/// # Errors
/// See [`Error`].
pub fn uninstall(machine: &mut dyn Machine, args: &Uninstall) -> Result<Report, Error> {
    let until = Instant::now() + Duration::from_secs(args.timeout);
    let layout = layout(machine, &args.which)?;
    let classes = args.which.classes();
    if !args.which.plugin.is_empty() {
        let seen = Seen::look(machine, &layout)?;
        classes.iter().try_for_each(|class| not_ours(&seen, class).map_or(Ok(()), Err))?;
    }
    uninstall_these(machine, &layout, &classes, &|| Instant::now() < until)
}

/// That someone else has a class, if so.
fn not_ours(seen: &Seen, class: &Class) -> Option<Refusal> {
    match &seen.of(class)?.registered {
        Registered::Other(by) => Some(Refusal::NotOurs { name: class.name, clsid: class.clsid, by: by.clone() }),
        _ => None,
    }
}

/// Takes these away, in one transaction, and then deletes their files. Someone else's stay; where there is nothing else, that is said.
///
/// # Errors
/// See [`Error`].
pub fn uninstall_these(
    machine: &mut dyn Machine,
    layout: &Layout,
    classes: &[&'static Class],
    in_time: &dyn Fn() -> bool,
) -> Result<Report, Error> {
    let seen = Seen::look(machine, layout)?;
    let steps = plan::uninstall(&seen, classes);
    transaction::run(machine, &steps, in_time)?;
    let left = delete_files(machine, &seen, classes, in_time).map_err(Error::Cleanup)?;
    forget(machine, classes.iter().copied(), &|_, _| false).map_err(Error::Cleanup)?;
    if steps.is_empty() && left.gone == 0 && left.in_use.is_empty() {
        classes.iter().try_for_each(|class| not_ours(&seen, class).map_or(Ok(()), Err))?;
    }
    report(machine, layout, classes, !steps.is_empty(), &left)
}

/// A surrogate ends some minutes after its last call, so files in use are tried again for as long as there is time.
fn delete_files(
    machine: &mut dyn Machine,
    seen: &Seen,
    classes: &[&'static Class],
    in_time: &dyn Fn() -> bool,
) -> Result<Left, Failure> {
    let mut gone = 0;
    loop {
        let mut left = Left { gone, ..Left::default() };
        for class in classes {
            for root in roots(seen, class) {
                cleanup::old_versions(machine, &plugin(root, class), class, None, &mut left)?;
            }
        }
        for root in classes.iter().flat_map(|class| roots(seen, class)) {
            cleanup::empty_root(machine, root)?;
        }
        if left.in_use.is_empty() {
            return Ok(left);
        }
        if !in_time() {
            let roots: Vec<_> = classes.iter().flat_map(|class| roots(seen, class)).cloned().collect();
            left.in_use = cleanup::at_restart(machine, &roots, &left.in_use)?;
            return Ok(left);
        }
        gone = left.gone;
        machine.pause(Duration::from_millis(250));
    }
}

/// What is there.
///
/// # Errors
/// See [`Error`].
pub fn status(machine: &dyn Machine, args: &StatusArgs) -> Result<(Report, bool), Error> {
    let layout = layout(machine, &args.which)?;
    let report = report(machine, &layout, &args.which.classes(), false, &Left::default())?;
    let as_expected = report.taken.is_empty()
        && report.plugins.iter().all(|plugin| match args.expect {
            Kept::Installed => plugin.state == State::Installed,
            Kept::Absent => matches!(plugin.state, State::Absent | State::SomeoneElses),
        });
    Ok((report, as_expected))
}

fn report(
    machine: &dyn Machine,
    layout: &Layout,
    classes: &[&'static Class],
    changed: bool,
    left: &Left,
) -> Result<Report, Error> {
    let seen = Seen::look(machine, layout)?;
    let chosen = seen.classes.iter().filter(|one| classes.contains(&one.class));
    let texts = |paths: &[Caseless]| paths.iter().map(ToString::to_string).collect();
    Ok(Report {
        changed,
        plugins: chosen.map(|one| Status::of(&seen, one)).collect(),
        downgraded: Vec::new(),
        taken: texts(&seen.record.taken()),
        in_use: texts(&left.in_use),
        not_ours: texts(&left.others),
    })
}

/// Where plugins are to be: where the command line says, or where a run has put them, or where they are usually.
fn layout(machine: &dyn Machine, which: &Which) -> Result<Layout, Error> {
    if let Some(dir) = &which.dir {
        return Ok(Layout::at(dir.as_str().into()));
    }
    let record = Record::read(machine)?;
    let usual = Layout::below(&machine.program_files()?);
    Ok(CLASSES.iter().fold(usual, |layout, class| match record.roots(class).into_iter().next() {
        Some(root) => layout.with(class, root),
        None => layout,
    }))
}
