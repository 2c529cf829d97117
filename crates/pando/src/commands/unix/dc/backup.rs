//! Copies of the directory at intervals, of which the newest are kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use directory::Directory;
use dtyp::{Clock, FileTime};

use super::health::Health;
use crate::commands::Failed;

/// After a copy that failed.
const RETRY: Duration = Duration::from_secs(60);
const PREFIX: &str = "directory-";
const SUFFIX: &str = ".mdb";

/// Where copies go, and how many stay.
pub struct Backups {
    pub folder: PathBuf,
    pub every: Duration,
    pub keep: usize,
}

impl Backups {
    /// Makes copies for ever; the first one is due when the newest that is there is old enough.
    pub async fn keep_making(self, directory: Directory, health: Arc<Health>) {
        let (backups, clock) = (Arc::new(self), Arc::clone(&directory.environment().clock));
        let mut wait = backups.first(clock.now());
        loop {
            tokio::time::sleep(wait).await;
            let (own, from) = (Arc::clone(&backups), directory.clone());
            let made = tokio::task::spawn_blocking(move || own.make(&from)).await;
            let made = made.map_err(Failed::from).and_then(|made| made);
            health.backed_up(made.is_ok(), clock.now());
            wait = match made {
                Ok(path) => {
                    tracing::info!(path = %path.display(), "the directory is backed up");
                    backups.every
                }
                Err(error) => {
                    tracing::error!(%error, "the directory could not be backed up; trying again");
                    RETRY.min(backups.every)
                }
            };
        }
    }

    fn first(&self, now: FileTime) -> Duration {
        let newest = list(&self.folder).ok().and_then(|all| all.into_iter().next_back());
        let made =
            newest.and_then(|path| std::fs::metadata(path).ok()?.modified().ok()).map(FileTime::from_system_time);
        made.map_or(Duration::ZERO, |made| self.every.saturating_sub(now.since(made)))
    }

    /// One more copy, then the oldest go.
    fn make(&self, directory: &Directory) -> Result<PathBuf, Failed> {
        let now = directory.environment().clock.now().generalized();
        let path = self.folder.join(format!("{PREFIX}{}{SUFFIX}", now.trim_end_matches(".0Z").trim_end_matches('Z')));
        directory.back_up(&path)?;
        let all = list(&self.folder)?;
        for old in all.iter().take(all.len().saturating_sub(self.keep.max(1))) {
            std::fs::remove_file(old).map_err(|error| format!("{} cannot be removed: {error}", old.display()))?;
        }
        Ok(path)
    }
}

/// The copies in a folder, oldest first: their names are their times.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    let unreadable = |error| format!("the folder {} cannot be read: {error}", folder.display());
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}
