//! `pando guard exec`: a program with an identity that is kept fresh until it ends.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ccg::{Folder, Keytabs, Lease, Logged, Member, Owner, Peer};
use dtyp::SystemClock;
use tokio::process::{Child, Command};

use super::disk::warn_of_disk;
use super::scratch::Scratch;
use super::source::Source;
use crate::cli::GuardExec;
use crate::commands::{Failed, stopped};
use crate::{progress, terminal};

/// Runs the program; its exit code becomes ours.
pub async fn exec(args: GuardExec) -> Result<ExitCode, Failed> {
    let Source { spec, domain, guard } = Source::read(&args.source)?;
    let parent = args.run_dir.clone().unwrap_or_else(memory);
    let folder =
        Scratch::make(&parent).map_err(|error| format!("no folder can be made in {}: {error}", parent.display()))?;
    warn_of_disk(folder.path());
    let place = Folder::new(folder.path().join("identity"), Owner::this_process());
    let identity = place.account(spec.domain_join_config.machine_account_name.as_str());
    let keytabs = Keytabs { wanted: true, ..Keytabs::default() };
    let mut lease = Lease::new("exec", Peer::this_process(), guard, vec![Member { spec, domain }], keytabs, place);
    {
        let _progress = progress::start(format!("fetching the identity of {}", args.source.credspec.display()));
        lease.begin(None, &Logged).await.map_err(|error| {
            let fix = error.fix().map(|fix| format!(". {fix}")).unwrap_or_default();
            format!("{}{fix}", terminal::chain(&error))
        })?;
    }
    // Before the program starts: whoever sees it run may stop us at once, and must not leave it behind.
    let stop = stopped();
    folder.share()?;
    let mut child = start(&args, &identity)?;
    let status = tokio::select! {
        status = child.wait() => status?,
        never = lease.keep(&SystemClock, &Logged) => match never {},
        () = stop => end(&mut child).await?,
    };
    // A program that a signal ended has no exit code; shells say 128 and the signal's number.
    let code =
        status.code().unwrap_or_else(|| 128 + std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

fn start(args: &GuardExec, identity: &Path) -> Result<Child, Failed> {
    let (program, arguments) = args.command.split_first().ok_or("no program is named")?;
    let mut command = Command::new(program);
    command.args(arguments).env("KRB5CCNAME", name(&identity.join(Folder::CCACHE)));
    command.env("KRB5_KTNAME", name(&identity.join(Folder::KEYTAB)));
    let started = command.kill_on_drop(true).spawn();
    started.map_err(|error| format!("{} cannot be started: {error}", program.to_string_lossy()).into())
}

/// As MIT Kerberos names files.
fn name(path: &Path) -> String {
    format!("FILE:{}", path.display())
}

/// Passes on that it is time to end, and waits.
async fn end(child: &mut Child) -> Result<std::process::ExitStatus, Failed> {
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
        // It fails only when the program has ended already.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
    Ok(child.wait().await?)
}

/// A folder in memory, if the machine has one: what is kept there never reaches a disk.
fn memory() -> PathBuf {
    let places = [std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), Some(PathBuf::from("/dev/shm"))];
    places.into_iter().flatten().find(|place| place.is_dir()).unwrap_or_else(std::env::temp_dir)
}
