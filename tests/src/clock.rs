//! Programs that live at another time: libfaketime in front of the C library.

use crate::Tool;

/// By how much the clocks of programs are ahead of this machine's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    /// What makes a program see that time. The `faketime` command would do the same, but stay as a process between.
    pub(crate) environment: Vec<(String, String)>,
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
        Self { environment }
    }
}
