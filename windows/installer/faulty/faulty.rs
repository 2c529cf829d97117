use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use installer::caseless::Caseless;
use installer::command::Command;
use installer::machine::{Failure, Found, Machine, Removed};
use installer::registry::{KeyPath, Tree};
use installer::step::Step;
use installer::windows::{Computer, run_on};

#[derive(Debug, Parser)]
struct Arguments {
    /// How many steps are taken before one fails.
    #[arg(long, env = "FAULTY_AT", default_value_t = usize::MAX)]
    at: usize,
    /// Ends on the spot when it has taken a key from its owner.
    #[arg(long)]
    die_with_key: bool,
    #[command(subcommand)]
    command: Command,
}

/// This computer, until it fails.
struct Faulty {
    computer: Computer,
    steps_left: Option<usize>,
}

pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut computer = Computer::default();
    if arguments.die_with_key {
        computer.while_taken = Some(|| std::process::exit(99));
    }
    run_on(&mut Faulty { computer, steps_left: Some(arguments.at) }, &arguments.command)
}

impl Machine for Faulty {
    fn take(&mut self, step: &Step) -> Result<(), Failure> {
        match self.steps_left {
            Some(0) => {
                // What is taken back after this succeeds.
                self.steps_left = None;
                return Err(Failure::new(step.to_string(), io::Error::other("this computer is faulty")));
            }
            Some(left) => self.steps_left = Some(left - 1),
            None => {}
        }
        self.computer.take(step)
    }

    fn key(&self, path: &KeyPath) -> Result<Option<Tree>, Failure> {
        self.computer.key(path)
    }

    fn find(&self, path: &Caseless) -> Result<Found, Failure> {
        self.computer.find(path)
    }

    fn list(&self, folder: &Caseless) -> Result<Vec<String>, Failure> {
        self.computer.list(folder)
    }

    fn same(&self, one: &Caseless, other: &Caseless) -> Result<bool, Failure> {
        self.computer.same(one, other)
    }

    fn remove(&mut self, path: &Caseless) -> Result<Removed, Failure> {
        self.computer.remove(path)
    }

    fn remove_at_restart(&mut self, path: &Caseless) -> Result<(), Failure> {
        self.computer.remove_at_restart(path)
    }

    fn pause(&mut self, time: Duration) {
        self.computer.pause(time);
    }

    fn program_files(&self) -> Result<Caseless, Failure> {
        self.computer.program_files()
    }
}
