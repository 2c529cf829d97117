//! Programs that live at another time: libfaketime in front of the C library.

use std::path::{Path, PathBuf};

use dtyp::{FileTime, SystemClock};

use crate::Tool;

/// By how much the clocks of programs are ahead of this machine's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    /// What makes a program see that time. The `faketime` command would do the same, but stay as a process between.
    pub(crate) environment: Vec<(String, String)>,
    /// Where running programs look how far ahead they are.
    hand: Option<PathBuf>,
}

impl Clock {
    /// Ahead by as much as faketime is told: `+31d`.
    pub(crate) fn ahead(by: &str) -> Self {
        let told = Tool::new("faketime").args(["-m", "--exclude-monotonic", "-f", by, "printenv"]).ok();
        let variable = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let is_wanted = |name: &str| ["LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC"].contains(&name);
        let environment: Vec<_> =
            told.stdout.lines().filter_map(variable).filter(|(name, _)| is_wanted(name)).collect();
        assert_eq!(environment.len(), 3, "faketime tells how it does it: {told}");
        Self { environment, hand: None }
    }

    /// One that is set while programs run by it: each time that they ask, they look into this file.
    pub(crate) fn with_hand(file: &Path) -> Self {
        let mut environment = Self::ahead("+0").environment;
        environment.retain(|(name, _)| name != "FAKETIME");
        environment.push(("FAKETIME_TIMESTAMP_FILE".into(), file.display().to_string()));
        environment.push(("FAKETIME_NO_CACHE".into(), "1".into()));
        Self { environment, hand: Some(file.to_owned()) }
    }

    /// Sets it; it goes on from there.
    pub(crate) fn set(&self, to: FileTime) {
        let hand = self.hand.as_ref().expect("it has a hand");
        let ahead = to.unix_seconds() - dtyp::Clock::now(&SystemClock).unix_seconds();
        // In one step: who reads half a number lives in another year.
        let next = hand.with_extension("next");
        std::fs::write(&next, format!("{ahead:+}")).expect("the hand can be written");
        std::fs::rename(next, hand).expect("the hand can be moved");
    }
}
