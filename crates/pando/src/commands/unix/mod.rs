//! The commands that Windows does not have.

mod administrator;
mod controller;
pub mod credspec;
mod dc;
mod domain;
mod gmsa;
mod guard;
mod kds;
mod limits;
mod password;
mod webhook;

use std::process::ExitCode;

use super::{Failed, announce, ended, in_runtime, stopped};
use crate::cli::{ContainerCommand, Controller, Dc, Domain, DomainCommand, Example, Guard, Webhook};

pub use guard::Source;

/// The domain, and what is kept in it.
pub fn keep(command: DomainCommand) -> ExitCode {
    match command {
        DomainCommand::Demo(args) => in_runtime("taking the tour", crate::demo::run(args)),
        DomainCommand::Domain(Domain::Provision(args)) => ended("creating the domain", domain::provision(&args)),
        DomainCommand::Domain(Domain::Ca(args)) => ended("reading the authority's certificate", domain::ca(&args)),
        DomainCommand::Domain(Domain::Restore(args)) => ended("restoring the directory", domain::restore(&args)),
        DomainCommand::Domain(Domain::VerifyBackup(args)) => ended("verifying the backup", domain::verify(&args)),
        DomainCommand::Dc(Dc::Run(args)) => in_runtime("running the domain controller", dc::run(args)),
        DomainCommand::Kds(command) => in_runtime("keeping KDS root keys", kds::run(command)),
        DomainCommand::Gmsa(command) => in_runtime("keeping gMSAs", gmsa::run(command)),
    }
}

/// What brings a gMSA into containers, and what looks after it.
pub fn carry(command: ContainerCommand) -> ExitCode {
    match command {
        ContainerCommand::Webhook(Webhook::Run(args)) => in_runtime("running the webhook", webhook::run(args)),
        ContainerCommand::Controller(Controller::Run(args)) => {
            in_runtime("running the controller", controller::run(args))
        }
        ContainerCommand::Controller(Controller::Examine(args)) => {
            in_runtime("examining the account", controller::examine(args))
        }
        ContainerCommand::Guard(Guard::Fetch(args)) => in_runtime("fetching the identity", guard::fetch(args)),
        ContainerCommand::Guard(Guard::Exec(args)) => {
            in_runtime("running a program with the identity", guard::exec(args))
        }
        ContainerCommand::Guard(Guard::Prepare(args)) => ended("preparing the guard's folder", guard::prepare(&args)),
        ContainerCommand::Guard(Guard::Run(args)) => in_runtime("running the guard", guard::run(args)),
        ContainerCommand::Guard(Guard::Add(args)) => in_runtime("asking the guard for a lease", guard::add(args)),
        ContainerCommand::Guard(Guard::Leases(args)) => in_runtime("listing the leases", guard::list(args)),
        ContainerCommand::Guard(Guard::Hook(hook)) => {
            in_runtime("giving the container its identity", guard::hook(hook))
        }
        ContainerCommand::Guard(Guard::Release(args)) => in_runtime("releasing the lease", guard::release(args)),
        ContainerCommand::Doctor(args) => in_runtime("examining the chain", crate::doctor::run(args)),
        ContainerCommand::Example(Example::RateLimiter(args)) => in_runtime("running the rate limiter", example(args)),
    }
}

async fn example(args: rate_limiter::Args) -> Result<ExitCode, Failed> {
    let stop = stopped();
    let config = args.config().map_err(Failed::from)?;
    let ready = args.ready_file.clone();
    let running = rate_limiter::start(&config).await?;
    announce(ready.as_deref(), &serde_json::json!({ "http": running.address().to_string() }))?;
    stop.await;
    running.stop().await?;
    Ok(ExitCode::SUCCESS)
}
