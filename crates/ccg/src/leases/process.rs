//! The process that a lease is for: the first of a container, as a rule. When it ends, the lease does, whoever else forgot to say so.
//!
//! Numbers of processes come back, so one is known by when it started too; and they mean something in their own namespace only.
//! proc_pid_stat(5), pid_namespaces(7), kill(2).

use std::io::{Error, ErrorKind, Read, Result};

use rustix::io::Errno;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

/// A process of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it started, in the system's ticks since the machine did.
    pub started: u64,
    /// In which namespace that is its number.
    pub namespace: u64,
}

/// What is known of the process that has a number now.
struct Found {
    started: u64,
    /// It has ended, and nobody has asked how yet.
    is_over: bool,
}

impl Process {
    /// The one that has this number now.
    ///
    /// # Errors
    /// When there is none, or it cannot be seen from here.
    pub fn of(pid: i32) -> Result<Self> {
        Ok(Self { pid, started: find(pid)?.started, namespace: namespace()? })
    }

    /// Whether it runs, and is seen from here.
    pub(super) fn is_seen(&self) -> bool {
        self.is_in_reach() && find(self.pid).is_ok_and(|found| found.started == self.started && !found.is_over)
    }

    fn is_in_reach(&self) -> bool {
        namespace().is_ok_and(|own| own == self.namespace)
    }

    /// Whether it has ended for certain. A process that cannot be seen may run all the same.
    pub(super) fn has_ended(&self) -> bool {
        if !self.is_in_reach() {
            return false;
        }
        match find(self.pid) {
            Ok(found) => found.started != self.started || found.is_over,
            Err(_) => number(self.pid).is_ok_and(|pid| rustix::process::test_kill_process(pid) == Err(Errno::SRCH)),
        }
    }
}

fn number(pid: i32) -> Result<Pid> {
    let pid = if pid > 0 { Pid::from_raw(pid) } else { None };
    pid.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "this is no process's number"))
}

/// The namespace of this process's own number.
fn namespace() -> Result<u64> {
    Ok(std::os::unix::fs::MetadataExt::ino(&std::fs::metadata("/proc/self/ns/pid")?))
}

fn find(pid: i32) -> Result<Found> {
    const LONGEST: u64 = 4096;
    let mut text = Vec::new();
    let file = std::fs::File::open(format!("/proc/{}/stat", number(pid)?.as_raw_pid()))?;
    // A process that ends meanwhile is an error of reading.
    file.take(LONGEST).read_to_end(&mut text)?;
    parse(&String::from_utf8_lossy(&text))
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, "this is no process's state"))
}

/// The second field is the program's name in brackets, and may hold anything, brackets too.
fn parse(stat: &str) -> Option<Found> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let is_over = matches!(fields.next()?, "Z" | "X" | "x");
    let started = fields.nth(18)?.parse().ok()?;
    Some(Found { started, is_over })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_cannot_name_itself_into_another_state() {
        let fields = (0..18).map(|number| format!(" {number}")).collect::<String>();
        let found = parse(&format!("7 (x) Z 1 ) S{fields} 4711 0 0")).unwrap();
        assert!(!found.is_over && found.started == 4711);
        assert!(parse(&format!("7 (x) Z{fields} 4711 0 0")).unwrap().is_over);
        for bad in ["", "7 (x)", "7 (x) S", "7 (x) S 1 2", "x) S"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_process_is_itself_until_it_ends_and_not_whoever_has_its_number_then() {
        let own = Process::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.is_seen() && !own.has_ended());
        let another = Process { started: own.started + 1, ..own };
        assert!(another.has_ended() && !another.is_seen());
        let elsewhere = Process { namespace: own.namespace + 1, ..another };
        assert!(!elsewhere.has_ended() && !elsewhere.is_seen());

        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let process = Process::of(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(process.is_seen() && !process.has_ended());
        drop(child.stdin.take());
        while !process.has_ended() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(process.has_ended() && !process.is_seen());
        for nobody in [0, -1, i32::MIN] {
            assert!(Process::of(nobody).is_err());
            let nobody = Process { pid: nobody, ..own };
            assert!(!nobody.has_ended() && !nobody.is_seen());
        }
    }
}
