//! A guard with the whole chain around it: domain controller, gMSA, account provider, credential spec.

use std::path::PathBuf;
use std::process::Command;

use super::{ADMIN_PASSWORD, AccountProvider, Pando, Running, pando_binary};
use crate::process::{Meter, run};
use crate::{BenchError, while_doing};

/// A running `pando guard run`.
pub struct Guard {
    meter: Meter,
    spec: String,
    folder: PathBuf,
    _process: Running,
    _provider: AccountProvider,
    _pando: Pando,
}

impl Guard {
    /// A guard that may get the identity of one gMSA.
    pub fn start() -> Result<Self, BenchError> {
        let (pando, provider) = (Pando::empty()?, AccountProvider::start_with("Administrator", ADMIN_PASSWORD)?);
        run(pando.administer(["kds", "create"]).arg("--immediately"))?;
        run(pando.administer(["gmsa", "create"]).args(["webapp01", "--allow", "Administrator"]))?;
        let mut new = pando.administer(["credspec", "new"]);
        let spec =
            run(new.args(["--account", "webapp01", "--plugin", "rkc", "--plugin-input", AccountProvider::INPUT]))?;
        let folder = pando.path("guard");
        std::fs::create_dir_all(&folder).map_err(while_doing("making the guard's folder"))?;
        let mut serve = Command::new(pando_binary());
        serve.args(["guard", "run", "--domain", &pando.place()]).arg("--run-dir").arg(folder.join("run"));
        let ready = folder.join("ready.json");
        serve.arg("--host-dir").arg(provider.host_dir()).arg("--ready-file").arg(&ready);
        let mut process = Running::spawn(&mut serve)?;
        process.until("guard", || ready.exists().then_some(()))?;
        let meter = Meter::new("guard", process.id());
        Ok(Self { meter, spec, folder, _process: process, _provider: provider, _pando: pando })
    }

    /// What a lease is asked for with.
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("run/guard.sock")
    }

    /// Its process.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}
