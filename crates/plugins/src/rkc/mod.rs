//! CCGRKC: the plugin that asks the account provider on the node, which reads a Secret of the cluster.

mod answer;
mod host_files;
mod request;
#[cfg(windows)]
mod rights;

use std::path::PathBuf;
use std::time::Duration;

use credspec::{RKC_CLSID, RkcInput};
use dtyp::{FileTime, Guid};
use pki::Certificate;

use crate::{Hop, PasswordCredentials, Plugin, PluginError};
use host_files::HostFiles;

/// The plugin of Kubernetes clusters.
#[derive(Clone, Debug)]
pub struct Rkc {
    host_dir: PathBuf,
    timeout: Duration,
}

impl Rkc {
    /// Where account providers leave their ports and certificates, unless told otherwise.
    pub const HOST_DIR: &'static str = if cfg!(windows) { r"C:\var\lib\rancher\gmsa" } else { "/var/lib/rancher/gmsa" };

    /// The plugin that looks for account providers in `host_dir`.
    pub fn new(host_dir: impl Into<PathBuf>) -> Self {
        Self { host_dir: host_dir.into(), timeout: Duration::from_secs(5) }
    }

    /// The certificates on this host that a call with `input` stands on: what each is for, and when it ends.
    ///
    /// # Errors
    /// When the provider has left none, or they cannot be read.
    pub fn certificates(&self, input: &str) -> Result<Vec<(String, FileTime)>, PluginError> {
        let input: RkcInput = input.parse()?;
        let files = HostFiles::read(&self.host_dir, &input.namespace, &input.secret)?;
        let client = files.identity.facts().map_err(PluginError::Identity)?;
        let mut all = vec![("the plugin's client certificate".to_owned(), client.not_after)];
        for authority in files.roots.certificates() {
            let authority = Certificate::read(authority).map_err(PluginError::Identity)?;
            all.push(("the provider's certificate authority".to_owned(), authority.not_after));
        }
        Ok(all)
    }

    /// With this much time for a whole call.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Plugin for Rkc {
    fn clsid(&self) -> Guid {
        RKC_CLSID
    }

    fn name(&self) -> &str {
        "rkc"
    }

    fn get_password_credentials(&self, input: &str) -> Result<PasswordCredentials, PluginError> {
        let input: RkcInput = input.parse()?;
        let files = HostFiles::read(&self.host_dir, &input.namespace, &input.secret)?;
        let body = request::get(&files, &input, self.timeout)?;
        let answer = answer::parse(&body)
            .map_err(|what| PluginError::BadAnswer { namespace: input.namespace.clone(), what: what.to_string() })?;
        let client = files.identity.facts().map_err(PluginError::Identity)?;
        Ok(PasswordCredentials {
            domain: answer.domain,
            username: answer.username,
            password: answer.password,
            hop: Hop {
                to: format!("account provider of namespace {} at {}", input.namespace, files.address()),
                how: format!("HTTPS with mutual TLS: the plugin as {client}, the provider by its own pinned CA"),
                authorised_by: format!("a client certificate of the provider's CA opens its secret {}", input.secret),
            },
        })
    }
}
