//! `pando guard prepare`: what needs more rights than the guard itself has.

use std::process::ExitCode;

use guardd::Room;

use crate::cli::GuardPrepare;
use crate::commands::Failed;
use crate::terminal;

pub fn prepare(args: &GuardPrepare) -> Result<ExitCode, Failed> {
    let folder = args.krb_dir.clone().unwrap_or_else(|| args.run_dir.join("krb"));
    let path = folder.display();
    let made = guardd::make_room(&folder, u64::from(args.size) << 20);
    match made.map_err(|error| format!("no file system of {} MiB can be mounted on {path}: {error}", args.size))? {
        Room::Made => terminal::note(format_args!("identities in {path} have a file system of {} MiB", args.size)),
        Room::Kept => terminal::note(format_args!("the file system of {path} has {} MiB", args.size)),
        Room::InUse => terminal::note(format_args!(
            "the file system of {path} keeps the size that it has: more than {} MiB of it, or more of its files, are in use. \
             Release leases, or ask for more",
            args.size
        )),
        Room::Occupied => terminal::note(format_args!(
            "{path} stays on the file system that it is on: there are leases in it. Release them, or start the machine anew"
        )),
    }
    Ok(ExitCode::SUCCESS)
}
