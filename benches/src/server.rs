//! The servers, each with its own temporary folder and ports, unprivileged and quiet.

mod guard;
mod krb5kdc;
mod pando;
mod slapd;
mod webhook;

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub use guard::Guard;
pub use krb5kdc::Krb5Kdc;
pub use pando::{ADMIN_PASSWORD, AccountProvider, Pando, pando_binary};
pub use slapd::Slapd;
pub use webhook::Webhook;

use crate::{BenchError, while_doing};

/// A process that ends when this does.
pub struct Running(Child);

impl Running {
    fn spawn(command: &mut Command) -> Result<Self, BenchError> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        child.map(Self).map_err(while_doing(format!("starting {name}")))
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until `ready` says what it is waited for; fails when the process ends first or a minute passes.
    fn until<T>(&mut self, server: &'static str, mut ready: impl FnMut() -> Option<T>) -> Result<T, BenchError> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            let ended = self.0.try_wait().map_err(while_doing("asking after a server"))?;
            if ended.is_some() || Instant::now() > deadline {
                return Err(BenchError::NotReady { server, said: format!("it ended with {ended:?}") });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago, for servers that cannot choose one themselves.
fn free_address() -> Result<SocketAddr, BenchError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(while_doing("looking for a free port"))?;
    listener.local_addr().map_err(while_doing("looking for a free port"))
}

/// Programs in the system folders that a plain user's PATH lacks.
fn system_command(program: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = format!("{path}:/usr/sbin:/sbin");
    let found = std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file());
    let mut command = Command::new(found.unwrap_or_else(|| program.into()));
    command.env("PATH", folders);
    command
}
