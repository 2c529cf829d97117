//! Files that nothing needs any more. They are deleted when all else is done, and what a program has loaded later.

use crate::caseless::Caseless;
use crate::class::{CLASSES, Class};
use crate::files::{Layout, version_of};
use crate::machine::{Failure, Found, Machine, Removed};
use crate::plan::{ASIDE, aside};
use crate::step::Step;

/// What is still there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// A program has these loaded.
    pub in_use: Vec<Caseless>,
    /// These did not come from the installer, and stay.
    pub others: Vec<Caseless>,
}

/// Deletes every version of a plugin but that in `keep`.
///
/// # Errors
/// When something cannot be deleted, for another reason than that it is in use.
pub fn old_versions(
    machine: &mut dyn Machine,
    layout: &Layout,
    class: &Class,
    keep: Option<&Caseless>,
) -> Result<Left, Failure> {
    let mut left = Left::default();
    let folder = layout.plugin(class);
    if !matches!(machine.find(&folder)?, Found::Folder { .. }) {
        return Ok(left);
    }
    for name in machine.list(&folder)? {
        let version = folder.join(&name);
        let ours = version_of(&name).is_some() && matches!(machine.find(&version)?, Found::Folder { .. });
        if !ours {
            left.others.push(version);
            continue;
        }
        one_version(machine, class, &version, keep == Some(&version), &mut left)?;
    }
    if keep.is_none() && machine.list(&folder)?.is_empty() {
        machine.remove(&folder)?;
    }
    Ok(left)
}

fn one_version(
    machine: &mut dyn Machine,
    class: &Class,
    version: &Caseless,
    keep: bool,
    left: &mut Left,
) -> Result<(), Failure> {
    for name in machine.list(version)? {
        let file = version.join(&name);
        let (dll, name) = (Caseless::from(class.dll), Caseless::from(name));
        let aside = name.is_aside_of(&dll, ASIDE);
        if keep && name == dll {
            continue;
        }
        if !(aside || name == dll) || !matches!(machine.find(&file)?, Found::File(_)) {
            left.others.push(file);
        } else if machine.remove(&file)? == Removed::InUse {
            left.in_use.push(file);
        }
    }
    if !keep && machine.list(version)?.is_empty() {
        machine.remove(version)?;
    }
    Ok(())
}

/// Has Windows delete these when it starts next, then the folders that they were in, as far as those are empty by then. Each is moved aside
/// first: whoever installs again before that start puts a file there that must stay. Gives the names that they have then.
///
/// # Errors
/// When that cannot be arranged.
pub fn at_restart(machine: &mut dyn Machine, layout: &Layout, files: &[Caseless]) -> Result<Vec<Caseless>, Failure> {
    let mut moved = Vec::new();
    for file in files {
        let is_aside = CLASSES.iter().any(|class| Caseless::from(file.name()).is_aside_of(&class.dll.into(), ASIDE));
        let name = if is_aside { file.clone() } else { aside(machine, file)? };
        if !is_aside {
            machine.take(&Step::Rename { from: file.clone(), to: name.clone() })?;
        }
        machine.remove_at_restart(&name)?;
        moved.push(name);
    }
    let mut folders: Vec<_> = files.iter().filter_map(Caseless::parent).collect();
    folders.extend(files.iter().filter_map(|file| file.parent()?.parent()));
    folders.extend(roots(layout));
    folders.iter().try_for_each(|folder| machine.remove_at_restart(folder))?;
    Ok(moved)
}

/// The root and, where it is `Pando\ccg`, `Pando`.
fn roots(layout: &Layout) -> impl Iterator<Item = Caseless> {
    let above = layout.root.parent().filter(|parent| parent.name().eq_ignore_ascii_case("Pando"));
    std::iter::once(layout.root.clone()).chain(above)
}

/// Deletes the folders above the plugins', as far as nothing is in them.
///
/// # Errors
/// When an empty folder cannot be deleted.
pub fn empty_root(machine: &mut dyn Machine, layout: &Layout) -> Result<(), Failure> {
    for folder in roots(layout) {
        if !matches!(machine.find(&folder)?, Found::Folder { .. }) || !machine.list(&folder)?.is_empty() {
            break;
        }
        machine.remove(&folder)?;
    }
    Ok(())
}
