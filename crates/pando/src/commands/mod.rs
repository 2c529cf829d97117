//! What each subcommand does.

mod account_provider;
#[cfg(unix)]
mod administrator;
#[cfg(unix)]
mod controller;
mod credspec;
#[cfg(unix)]
mod dc;
#[cfg(unix)]
mod domain;
#[cfg(unix)]
mod gmsa;
#[cfg(unix)]
mod guard;
#[cfg(unix)]
mod kds;
#[cfg(unix)]
mod limits;
mod plugin;
#[cfg(unix)]
mod webhook;

use crate::cli::{AccountProvider, Command, Credspec, Plugin};
#[cfg(unix)]
use crate::cli::{Controller, Dc, Domain, Example, Guard, Webhook};
use crate::terminal;
#[cfg(unix)]
pub use guard::Source;
use std::path::Path;
use std::process::ExitCode;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind};

/// Runs a subcommand to its end.
pub fn run(command: Command) -> ExitCode {
    match command {
        #[cfg(unix)]
        Command::Demo(args) => in_runtime("taking the tour", crate::demo::run(args)),
        #[cfg(unix)]
        Command::Domain(Domain::Provision(args)) => match domain::provision(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => terminal::fail("creating the domain", &*error),
        },
        #[cfg(unix)]
        Command::Domain(Domain::Restore(args)) => match domain::restore(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => terminal::fail("restoring the directory", &*error),
        },
        #[cfg(unix)]
        Command::Domain(Domain::VerifyBackup(args)) => match domain::verify(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => terminal::fail("verifying the backup", &*error),
        },
        #[cfg(unix)]
        Command::Dc(Dc::Run(args)) => in_runtime("running the domain controller", dc::run(args)),
        #[cfg(unix)]
        Command::Kds(command) => in_runtime("keeping KDS root keys", kds::run(command)),
        #[cfg(unix)]
        Command::Gmsa(command) => in_runtime("keeping gMSAs", gmsa::run(command)),
        #[cfg(unix)]
        Command::Credspec(Credspec::New(args)) => in_runtime("writing the credential spec", credspec::new(args)),
        Command::Credspec(Credspec::Check(args)) => credspec::check(&args),
        Command::Credspec(Credspec::Show(args)) => ended("showing the credential spec", credspec::show(&args)),
        Command::Credspec(Credspec::Convert(args)) => ended("converting the credential spec", credspec::convert(&args)),
        Command::AccountProvider(AccountProvider::Run(args)) => {
            in_runtime("running the account provider", account_provider::run(args))
        }
        Command::Plugin(Plugin::Here(command)) => installer::command::run(&command),
        Command::Plugin(Plugin::Withdraw(args)) => in_runtime("withdrawing the plugins", plugin::withdraw_all(args)),
        #[cfg(unix)]
        Command::Webhook(Webhook::Run(args)) => in_runtime("running the webhook", webhook::run(args)),
        #[cfg(unix)]
        Command::Controller(Controller::Run(args)) => in_runtime("running the controller", controller::run(args)),
        #[cfg(unix)]
        Command::Controller(Controller::Examine(args)) => {
            in_runtime("examining the account", controller::examine(args))
        }
        #[cfg(unix)]
        Command::Guard(Guard::Fetch(args)) => in_runtime("fetching the identity", guard::fetch(args)),
        #[cfg(unix)]
        Command::Guard(Guard::Exec(args)) => in_runtime("running a program with the identity", guard::exec(args)),
        #[cfg(unix)]
        Command::Guard(Guard::Prepare(args)) => ended("preparing the guard's folder", guard::prepare(&args)),
        #[cfg(unix)]
        Command::Guard(Guard::Run(args)) => in_runtime("running the guard", guard::run(args)),
        #[cfg(unix)]
        Command::Guard(Guard::Add(args)) => in_runtime("asking the guard for a lease", guard::add(args)),
        #[cfg(unix)]
        Command::Guard(Guard::Leases(args)) => in_runtime("listing the leases", guard::list(args)),
        #[cfg(unix)]
        Command::Guard(Guard::Hook(hook)) => in_runtime("giving the container its identity", guard::hook(hook)),
        #[cfg(unix)]
        Command::Guard(Guard::Release(args)) => in_runtime("releasing the lease", guard::release(args)),
        #[cfg(unix)]
        Command::Doctor(args) => in_runtime("examining the chain", crate::doctor::run(args)),
        #[cfg(unix)]
        Command::Example(Example::RateLimiter(args)) => in_runtime("running the rate limiter", async {
            let stop = stopped();
            let config = args.config().map_err(Failed::from)?;
            let ready = args.ready_file.clone();
            let running = rate_limiter::start(&config).await?;
            announce(ready.as_deref(), &serde_json::json!({ "http": running.address().to_string() }))?;
            stop.await;
            running.stop().await?;
            Ok(ExitCode::SUCCESS)
        }),
    }
}

fn ended(doing: &str, result: Result<ExitCode, Failed>) -> ExitCode {
    result.unwrap_or_else(|error| terminal::fail(doing, &*error))
}

/// Whatever ended a command; its causes are printed.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

fn in_runtime(doing: &str, work: impl Future<Output = Result<ExitCode, Failed>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Failed::from).and_then(|runtime| runtime.block_on(work)) {
        Ok(code) => code,
        Err(error) => terminal::fail(doing, &*error),
    }
}

/// Says that a service answers, and where: into a file at once and whole, or to standard output for `-`.
pub fn announce(place: Option<&Path>, ready: &serde_json::Value) -> std::io::Result<()> {
    match place {
        None => Ok(()),
        Some(place) if place == Path::new("-") => {
            terminal::say(ready);
            Ok(())
        }
        Some(place) => {
            let unfinished = place.with_extension("unfinished");
            std::fs::write(&unfinished, ready.to_string())?;
            std::fs::rename(unfinished, place)
        }
    }
}

/// The first line of a file that holds a password.
#[cfg(unix)]
pub fn password_of(path: &Path) -> Result<secrecy::SecretString, Failed> {
    const LONGEST: u64 = 64 * 1024;
    let unreadable = |error| format!("the password file {} cannot be read: {error}", path.display());
    if std::fs::metadata(path).map_err(unreadable)?.len() > LONGEST {
        return Err(format!("{} is too large for a password file", path.display()).into());
    }
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(secrecy::SecretString::from(password)),
        _ => Err(format!("the first line of {} is empty; write the password there", path.display()).into()),
    }
}

/// Ctrl-C, or the signal by which service managers stop programs. They are listened for from the call on, not from the first wait.
#[cfg(unix)]
pub fn stopped() -> impl Future<Output = ()> {
    let listen = |kind| tokio::signal::unix::signal(kind).ok();
    let (terminate, interrupt) = (listen(SignalKind::terminate()), listen(SignalKind::interrupt()));
    async {
        tokio::select! {
            () = heard(terminate) => {}
            () = heard(interrupt) => {}
        }
    }
}

#[cfg(unix)]
async fn heard(signal: Option<Signal>) {
    match signal {
        Some(mut signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Ctrl-C, or what Windows tells programs when a console is closed, and when a computer or a container is shut down.
#[cfg(windows)]
pub fn stopped() -> impl Future<Output = ()> {
    use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_shutdown};
    let (interrupt, close, shutdown) = (ctrl_c(), ctrl_close(), ctrl_shutdown());
    async {
        // What cannot be listened for does not come.
        tokio::select! {
            Some(()) = async { interrupt.ok()?.recv().await } => {}
            Some(()) = async { close.ok()?.recv().await } => {}
            Some(()) = async { shutdown.ok()?.recv().await } => {}
            else => std::future::pending().await,
        }
    }
}
