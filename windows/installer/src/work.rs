//! The commands, done on a machine.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::caseless::Caseless;
use crate::class::Class;
use crate::cleanup::{self, Left};
use crate::command::{Install, Kept, StatusArgs, Uninstall, Which};
use crate::files::{Dll, Layout, SourceError};
use crate::machine::{Failure, Machine};
use crate::plan::{self, Refusal, Wanted};
use crate::seen::Seen;
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
    /// Files that a program has loaded; they go at the next run, or when the computer starts next.
    pub in_use: Vec<String>,
    /// Files and folders that did not come from the installer, and stay.
    pub not_ours: Vec<String>,
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
        return Err(Refusal::NotInstalled("no plugin").into());
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
    let mut left = Left::default();
    for one in wanted {
        let keep = layout.version(one.class, &one.dll);
        let old = cleanup::old_versions(machine, layout, one.class, Some(&keep)).map_err(Error::Cleanup)?;
        left.in_use.extend(old.in_use);
        left.others.extend(old.others);
    }
    let classes: Vec<_> = wanted.iter().map(|one| one.class).collect();
    report(machine, layout, &classes, !steps.is_empty(), &left)
}

/// Takes plugins away.
///
/// # Errors
/// See [`Error`].
pub fn uninstall(machine: &mut dyn Machine, args: &Uninstall) -> Result<Report, Error> {
    let until = Instant::now() + Duration::from_secs(args.timeout);
    let layout = layout(machine, &args.which)?;
    uninstall_these(machine, &layout, &args.which.classes(), &|| Instant::now() < until)
}

/// Takes these away, in one transaction, and then deletes their files.
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
    let left = delete_files(machine, layout, classes, in_time).map_err(Error::Cleanup)?;
    report(machine, layout, classes, !steps.is_empty(), &left)
}

/// A surrogate ends some minutes after its last call, so files in use are tried again for as long as there is time.
fn delete_files(
    machine: &mut dyn Machine,
    layout: &Layout,
    classes: &[&'static Class],
    in_time: &dyn Fn() -> bool,
) -> Result<Left, Failure> {
    loop {
        let mut left = Left::default();
        for class in classes {
            let files = cleanup::old_versions(machine, layout, class, None)?;
            left.in_use.extend(files.in_use);
            left.others.extend(files.others);
        }
        cleanup::empty_root(machine, layout)?;
        if left.in_use.is_empty() {
            return Ok(left);
        }
        if !in_time() {
            left.in_use = cleanup::at_restart(machine, layout, &left.in_use)?;
            return Ok(left);
        }
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
    let as_expected = report.plugins.iter().all(|plugin| match args.expect {
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
        in_use: texts(&left.in_use),
        not_ours: texts(&left.others),
    })
}

fn layout(machine: &dyn Machine, which: &Which) -> Result<Layout, Error> {
    Ok(match &which.dir {
        Some(dir) => Layout { root: dir.as_str().into() },
        None => Layout::below(&machine.program_files()?),
    })
}
