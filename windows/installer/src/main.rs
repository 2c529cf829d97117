//! `pando-ccg-installer.exe`: the door to the room beside it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use installer::command::{Command, run};

const STORY: &str = "\
A plugin hands the Container Credential Guard of Windows the account by which it may fetch a gMSA's password. Unpack a release into a
folder; as an administrator, in that folder:

  pando-ccg-installer install              all plugins
  pando-ccg-installer install --plugin rkc only that of Kubernetes
  pando-ccg-installer status               what is there, and what is missing or different
  pando-ccg-installer uninstall            away, without a trace

A plugin that someone else has registered (Rancher's, AKS's) is left alone unless --replace says otherwise. An upgrade needs no restart:
each version has a folder of its own, and what still runs keeps the old one until it ends.";

/// Installs the plugins of the Container Credential Guard.
#[derive(Debug, Parser)]
#[command(name = "pando-ccg-installer", version, about, after_help = STORY)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    run(&Arguments::parse().command)
}
