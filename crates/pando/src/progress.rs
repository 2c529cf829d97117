//! Says what is being done when it takes longer than a second.

use crate::terminal;
use std::{
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    time::Duration,
};

/// Work under way; dropping it ends the reports.
#[derive(Debug)]
pub struct Progress {
    _alive: Sender<()>,
}

/// Starts reporting `what` to standard error, first after one second and then every two.
pub fn start(what: impl Into<String>) -> Progress {
    let (alive, ended) = channel();
    let what = what.into();
    std::thread::spawn(move || {
        let mut seconds = 1;
        while ended.recv_timeout(Duration::from_secs(if seconds == 1 { 1 } else { 2 }))
            == Err(RecvTimeoutError::Timeout)
        {
            terminal::note(format_args!("... {what} ({seconds} s)"));
            seconds += 2;
        }
    });
    Progress { _alive: alive }
}
