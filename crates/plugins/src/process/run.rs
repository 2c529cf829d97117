//! One program, from start to end: bounded in time and in what it says, and nothing of it left behind.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use zeroize::Zeroizing;

use crate::body::MOST_BYTES;

/// More of a program's standard error is thrown away.
const MOST_SAID: usize = 8 << 10;

/// What a program did.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Zeroizing<Vec<u8>>,
}

/// Why a program was not let to its end.
#[derive(Debug)]
pub(super) enum Stopped {
    NotStarted(io::Error),
    Timeout,
    TooMuch,
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::NotStarted(error)
    }
}

/// Starts it, tells it `request`, and hears it out. What it complained of is in `said`, even when it was stopped.
pub(super) fn run(
    command: &mut Command,
    request: &[u8],
    timeout: Duration,
    said: &mut Zeroizing<Vec<u8>>,
) -> Result<Ended, Stopped> {
    let deadline = Instant::now() + timeout;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut running = Running::start(command)?;
    let mut heard = Ears::of(&mut running.child)?;
    let mut told = Mouth::of(&mut running.child, request)?;
    said.reserve_exact(MOST_SAID);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Stopped::Timeout);
        }
        let ended = running.wait_for_something(&heard, &told, left)?;
        told.tell();
        heard.hear(said)?;
        if ended {
            // Once more, for what came between the ears and the end. What it left running in the background is not waited for.
            heard.hear(said)?;
            let status = running.reap()?;
            return Ok(Ended { status, stdout: heard.answer });
        }
    }
}

/// A program in a process group of its own, which is killed when this goes.
struct Running {
    child: Child,
    group: Pid,
    ended: OwnedFd,
    reaped: bool,
}

impl Running {
    fn start(command: &mut Command) -> Result<Self, Stopped> {
        let mut child = command.spawn()?;
        let group = Pid::from_child(&child);
        match pidfd_open(group, PidfdFlags::empty()) {
            Ok(ended) => Ok(Self { child, group, ended, reaped: false }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Stopped::NotStarted(error.into()))
            }
        }
    }

    /// Sleeps until there is something to read, room to write, the program's end, or no time left; says whether it has ended.
    fn wait_for_something(&self, heard: &Ears, told: &Mouth<'_>, left: Duration) -> Result<bool, Stopped> {
        let mut fds = vec![PollFd::new(&self.ended, PollFlags::IN)];
        fds.extend(heard.stdout.iter().chain(&heard.stderr).map(|fd| PollFd::new(fd, PollFlags::IN)));
        fds.extend(told.stdin.iter().map(|fd| PollFd::new(fd, PollFlags::OUT)));
        let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Stopped::NotStarted(error.into())),
        }
        Ok(fds.first().is_some_and(|fd| !fd.revents().is_empty()))
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        self.kill();
        self.reaped = true;
        self.child.wait()
    }

    /// While the program is not reaped, its number is nobody else's.
    fn kill(&self) {
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

/// What the program says.
struct Ears {
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    answer: Zeroizing<Vec<u8>>,
}

impl Ears {
    fn of(child: &mut Child) -> io::Result<Self> {
        let (stdout, stderr) = (child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from));
        for fd in stdout.iter().chain(&stderr) {
            never_wait(fd)?;
        }
        Ok(Self { stdout, stderr, answer: Zeroizing::new(Vec::with_capacity(MOST_BYTES as usize + 1)) })
    }

    /// Takes what is there: all of its answer, the beginning of its complaints.
    fn hear(&mut self, said: &mut Vec<u8>) -> Result<(), Stopped> {
        let mut room = Zeroizing::new([0; 4096]);
        let answer = &mut self.answer;
        take(&mut self.stdout, &mut *room, |bytes| {
            if answer.len() + bytes.len() > MOST_BYTES as usize {
                return Err(Stopped::TooMuch);
            }
            answer.extend_from_slice(bytes);
            Ok(())
        })?;
        take(&mut self.stderr, &mut *room, |bytes| {
            let kept = bytes.len().min(MOST_SAID.saturating_sub(said.len()));
            said.extend_from_slice(bytes.get(..kept).unwrap_or_default());
            Ok(())
        })
    }
}

/// Reads as long as there is something, but not so long that a chatterer keeps us from the clock.
fn take(
    fd: &mut Option<OwnedFd>,
    room: &mut [u8],
    mut heard: impl FnMut(&[u8]) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    for _ in 0..32 {
        let Some(open) = fd else { return Ok(()) };
        match rustix::io::read(open, &mut *room) {
            Ok(0) => *fd = None,
            Ok(n) => heard(room.get(..n).unwrap_or_default())?,
            Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => *fd = None,
        }
    }
    Ok(())
}

/// What the program is told.
struct Mouth<'a> {
    stdin: Option<OwnedFd>,
    untold: &'a [u8],
}

impl<'a> Mouth<'a> {
    fn of(child: &mut Child, request: &'a [u8]) -> io::Result<Self> {
        let stdin = child.stdin.take().map(OwnedFd::from);
        stdin.iter().try_for_each(never_wait)?;
        Ok(Self { stdin, untold: request })
    }

    /// Tells what it takes; when all is told, or it does not listen, closes.
    fn tell(&mut self) {
        while let Some(open) = &self.stdin {
            match rustix::io::write(open, self.untold) {
                Ok(n) if n > 0 && n < self.untold.len() => self.untold = self.untold.get(n..).unwrap_or_default(),
                Err(rustix::io::Errno::AGAIN) => return,
                Err(rustix::io::Errno::INTR) => {}
                _ => self.stdin = None,
            }
        }
    }
}

fn never_wait(fd: &OwnedFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?)
}
