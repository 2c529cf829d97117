//! What the demo has on stage: a folder, the processes that run, and where they answer.

use std::path::{Path, PathBuf};

use client::ldap::{Connection, Limits, Transport};
use client::tls::Trust;
use client::{Domain, Endpoint};
use pki::file::{self, Readers};
use serde::Deserialize;
use tokio::runtime::Handle;

use super::azure::Azure;
use super::people::{self, Passwords};
use super::process::Service;
use super::report::Link;
use crate::cli::DemoPlugin;
use crate::commands::Failed;

/// Where the domain controller says that it answers.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Controller {
    pub ldap: String,
    pub ldaps: String,
    pub kerberos: String,
    /// The certificate authority that its TLS certificate hangs from.
    pub ca: PathBuf,
}

/// Everything that one station leaves for the next. Dropping it stops the processes, then removes the folder if it was made for this run.
pub struct Stage {
    pub passwords: Passwords,
    pub controller: Controller,
    /// What the guard reported, for the station after the plugin's.
    pub from_guard: Vec<Link>,
    /// The emulated Azure, when the plugin is the one that asks it.
    pub azure: Option<Azure>,
    /// Where the example answers.
    pub site: String,
    services: Vec<Service>,
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Stage {
    /// Makes the folder: this one, which must be empty, or a temporary one.
    pub fn set(dir: Option<&Path>, plugin: DemoPlugin) -> Result<Self, Failed> {
        let temporary = match dir {
            None => {
                let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o700);
                Some(tempfile::Builder::new().prefix("pando-demo-").permissions(owner_only).tempdir()?)
            }
            Some(dir) => {
                file::private_folder(dir)?;
                if std::fs::read_dir(dir)?.next().is_some() {
                    return Err(format!("{} is not empty: name a folder that is, or none", dir.display()).into());
                }
                None
            }
        };
        let folder = temporary.as_ref().map(|folder| folder.path()).or(dir).unwrap_or(Path::new(".")).canonicalize()?;
        Ok(Self {
            passwords: Passwords::new(),
            controller: Controller::default(),
            from_guard: Vec::new(),
            azure: (plugin == DemoPlugin::Akv).then(Azure::start).transpose()?,
            site: String::new(),
            services: Vec::new(),
            folder,
            _temporary: temporary,
        })
    }

    /// Which plugin the credential specs name.
    pub fn plugin(&self) -> DemoPlugin {
        if self.azure.is_some() { DemoPlugin::Akv } else { DemoPlugin::Rkc }
    }

    /// Where the guard's plugin finds whom it asks: the account provider's folder, or the file that declares the vault.
    pub fn source(&self) -> String {
        self.text(if self.azure.is_some() { "plugins.toml" } else { "host" })
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The same as text, for a command line.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file that only its owner reads.
    pub fn write_secret(&self, name: &str, contents: &str) -> Result<String, Failed> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            file::private_folder(folder)?;
        }
        file::write(&path, contents.as_bytes(), Readers::Owner)?;
        Ok(self.text(name))
    }

    /// Keeps a process until the end.
    pub fn keep(&mut self, service: Service) {
        self.services.push(service);
    }

    /// The domain, as a client is told where it is.
    pub fn domain(&self) -> Result<Domain, Failed> {
        people::domain(&self.controller.kerberos, &self.controller.ldap)
    }

    /// The administrator's connection over LDAPS.
    pub async fn administrator(&self) -> Result<Connection, Failed> {
        let server = Endpoint::parse(&self.controller.ldaps, Endpoint::LDAPS)?;
        let transport = Transport::Tls(Trust::pem_file(&self.controller.ca)?);
        let mut connection = Connection::connect(&server, &transport, &Limits::default()).await?;
        let name = format!("Administrator@{}", people::DOMAIN);
        connection.bind_simple(&name, &self.passwords.of("Administrator").into()).await?;
        Ok(connection)
    }
}

/// Waits for a client's work on the thread of the tour.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    Handle::current().block_on(work)
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The last that was started goes first: nobody misses a server.
        while self.services.pop().is_some() {}
    }
}
