//! Files that nothing needs any more. They are deleted when all else is done, and what a program has loaded later.

use crate::caseless::Caseless;
use crate::class::{CLASSES, Class};
use crate::files::version_of;
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
    /// How many went.
    pub gone: usize,
}

/// Deletes every version of a plugin in its folder but that in `keep`, and tells in `left` what became of them.
///
/// # Errors
/// When something cannot be deleted, for another reason than that it is in use.
pub fn old_versions(
    machine: &mut dyn Machine,
    folder: &Caseless,
    class: &Class,
    keep: Option<&Caseless>,
    left: &mut Left,
) -> Result<(), Failure> {
    // What is behind a link is not ours.
    if !matches!(machine.find(folder)?, Found::Folder { .. }) {
        return Ok(());
    }
    for name in machine.list(folder)? {
        let version = folder.join(&name);
        let ours = version_of(&name).is_some() && matches!(machine.find(&version)?, Found::Folder { .. });
        if !ours {
            left.others.push(version);
            continue;
        }
        let keep = keep.is_some_and(|keep| *keep == version) || is_the_same(machine, keep, &version)?;
        one_version(machine, class, &version, keep, left)?;
    }
    if keep.is_none_or(|keep| !keep.is_below(folder)) && machine.list(folder)?.is_empty() {
        machine.remove(folder)?;
    }
    Ok(())
}

/// A drive's letter, or a short name, may make another path of the same folder.
fn is_the_same(machine: &dyn Machine, keep: Option<&Caseless>, version: &Caseless) -> Result<bool, Failure> {
    match keep.filter(|keep| Caseless::from(keep.name()) == version.name().into()) {
        Some(keep) => machine.same(keep, version),
        None => Ok(false),
    }
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
        if !(aside || name == dll) || !matches!(machine.find(&file)?, Found::File { .. }) {
            left.others.push(file);
        } else if machine.remove(&file)? == Removed::InUse {
            left.in_use.push(file);
        } else {
            left.gone += 1;
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
pub fn at_restart(machine: &mut dyn Machine, roots: &[Caseless], files: &[Caseless]) -> Result<Vec<Caseless>, Failure> {
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
    folders.extend(roots.iter().flat_map(with_pando));
    folders.iter().try_for_each(|folder| machine.remove_at_restart(folder))?;
    Ok(moved)
}

/// The root and, where it is `Pando\ccg`, `Pando`.
fn with_pando(root: &Caseless) -> impl Iterator<Item = Caseless> + use<> {
    let above = root.parent().filter(|parent| parent.name().eq_ignore_ascii_case("Pando"));
    std::iter::once(root.clone()).chain(above)
}

/// Deletes the folder above the plugins', and the one above that, as far as nothing is in them.
///
/// # Errors
/// When an empty folder cannot be deleted.
pub fn empty_root(machine: &mut dyn Machine, root: &Caseless) -> Result<(), Failure> {
    for folder in with_pando(root) {
        if !matches!(machine.find(&folder)?, Found::Folder { .. }) || !machine.list(&folder)?.is_empty() {
            break;
        }
        machine.remove(&folder)?;
    }
    Ok(())
}
