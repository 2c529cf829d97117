//! The machine that this runs on. Everything it is told to do has been decided before; it only does it.

mod files;
mod keys;
mod lent;
mod lock;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use crate::caseless::Caseless;
use crate::command::{Command, Keep, Kept, Uninstall};
use crate::machine::{Failure, Found, Machine, Removed};
use crate::print::table;
use crate::registry::{KeyPath, Tree};
use crate::step::Step;
use crate::work::{self, Error, Report};

/// This computer.
#[derive(Debug, Default)]
pub struct Computer {
    /// What happens while a key is taken, before anything is done to it: nothing, but for tests.
    pub while_taken: Option<fn()>,
    /// Whose the keys were that a run has deleted: one that is taken back gives them back too.
    deleted: BTreeMap<KeyPath, Vec<u8>>,
}

impl Computer {
    fn take_key(&mut self, step: &Step) -> Result<(), Failure> {
        let failed = |source| Failure::new(step.to_string(), source);
        match step {
            Step::DeleteKey(path) => {
                let rights = protect::system::of_key(path.as_str()).map_err(failed)?;
                keys::take(step, self.while_taken)?;
                self.deleted.insert(path.clone(), rights);
                Ok(())
            }
            Step::CreateKey(path) => {
                keys::take(step, self.while_taken)?;
                let rights = self.deleted.remove(path);
                rights
                    .map_or(Ok(()), |rights| protect::system::set_rights_of_key(path.as_str(), &rights))
                    .map_err(failed)
            }
            _ => keys::take(step, self.while_taken),
        }
    }
}

impl Machine for Computer {
    fn key(&self, path: &KeyPath) -> Result<Option<Tree>, Failure> {
        keys::read(path)
    }

    fn find(&self, path: &Caseless) -> Result<Found, Failure> {
        files::find(path)
    }

    fn list(&self, folder: &Caseless) -> Result<Vec<String>, Failure> {
        files::list(folder)
    }

    fn same(&self, one: &Caseless, other: &Caseless) -> Result<bool, Failure> {
        files::same(one, other)
    }

    fn take(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::CreateKey(_) | Step::DeleteKey(_) | Step::SetValue { .. } => self.take_key(step),
            _ => files::take(step),
        }
    }

    fn remove(&mut self, path: &Caseless) -> Result<Removed, Failure> {
        files::remove(path)
    }

    fn remove_at_restart(&mut self, path: &Caseless) -> Result<(), Failure> {
        files::remove_at_restart(path)
    }

    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn program_files(&self) -> Result<Caseless, Failure> {
        keys::program_files()
    }
}

/// Runs a command on this computer.
pub fn run(command: &Command) -> ExitCode {
    run_on(&mut Computer::default(), command)
}

/// Runs a command on a machine that is this computer, or is in front of it.
pub fn run_on(machine: &mut dyn Machine, command: &Command) -> ExitCode {
    let (json, done) = match command {
        Command::Install(args) => (args.which.json, install(machine, args, false)),
        Command::Upgrade(args) => (args.which.json, install(machine, args, true)),
        Command::Uninstall(args) => (args.which.json, uninstall(machine, args)),
        Command::Keep(args) => keep(machine, args),
        Command::Status(args) => (args.which.json, work::status(machine, args)),
    };
    match done {
        Ok((report, as_expected)) => {
            say(&report, json);
            ExitCode::from(if as_expected { 0 } else { NOT_AS_EXPECTED })
        }
        Err(error) => {
            complain(&error);
            ExitCode::from(error.code())
        }
    }
}

/// The exit code of `status` when it is not as it should be.
const NOT_AS_EXPECTED: u8 = 5;

type Done = Result<(Report, bool), Error>;

fn install(machine: &mut dyn Machine, args: &crate::command::Install, only_upgrade: bool) -> Done {
    let _lock = lock::take(&machine.program_files()?, Duration::from_secs(args.timeout))?;
    lent::give_back()?;
    let program = std::env::current_exe().map_err(|source| Failure::new("tell where this program is", source))?;
    let own_folder = program.parent().unwrap_or(&program);
    Ok((work::install(machine, args, own_folder, only_upgrade)?, true))
}

fn uninstall(machine: &mut dyn Machine, args: &Uninstall) -> Done {
    let _lock = lock::take(&machine.program_files()?, Duration::from_secs(args.timeout))?;
    lent::give_back()?;
    Ok((work::uninstall(machine, args)?, true))
}

/// Ends only when it is stopped: whoever started it starts it again otherwise, for the same error.
fn keep(machine: &mut dyn Machine, args: &Keep) -> ! {
    let mut last = String::new();
    loop {
        let done = match args.state {
            Kept::Installed => install(machine, &args.install, false),
            Kept::Absent => {
                uninstall(machine, &Uninstall { which: args.install.which.clone(), timeout: args.install.timeout })
            }
        };
        // What was said already is not said every minute.
        match done {
            Ok((report, _)) if report.changed || last.is_empty() => {
                say(&report, args.install.which.json);
                "done".clone_into(&mut last);
            }
            Ok(_) => "done".clone_into(&mut last),
            Err(error) if error.to_string() != last => {
                complain(&error);
                last = error.to_string();
            }
            Err(_) => {}
        }
        machine.pause(Duration::from_secs(args.every));
    }
}

fn say(report: &Report, json: bool) {
    let text = if json { serde_json::to_string_pretty(report).unwrap_or_default() } else { table(report) };
    // Who has closed standard output does not want to know.
    let _ = writeln!(io::stdout(), "{text}");
}

fn complain(error: &Error) {
    let _ = writeln!(io::stderr(), "pando: {error}");
}
