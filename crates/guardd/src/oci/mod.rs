//! What a container runtime's hooks do.
//!
//! A container that is annotated with [`CREDSPEC`] gets a lease when it is created ([`Container::request`]), finds it mounted read-only on
//! [`INSIDE`] ([`Container::mount`]), and its lease ends with it. [`edit`] adds the hooks to a container's configuration, and the
//! environment by which Kerberos programs find the identity.
//!
//! OCI runtime specification: "State", "POSIX-platform Hooks", "User", "User namespace mappings".

mod config;
mod mount;

use std::path::{Path, PathBuf};

use ccg::LeaseId;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::message::own;
use config::Config;
pub use config::{Hooks, LONGEST_CONFIG, edit};

/// The annotation that names the credential spec: the name of a file in the folder of credential specs.
pub const CREDSPEC: &str = "dev.pando.credspec";
/// The annotation that asks for a keytab too: `true`.
pub const KEYTAB: &str = "dev.pando.keytab";
/// The annotation with further names for the keytab, separated by commas: `HTTP/webapp01.contoso.com`.
pub const SERVICE_PRINCIPALS: &str = "dev.pando.service-principals";
/// Where the container finds its identity: a folder for each account.
pub const INSIDE: &str = "/run/pando";

/// A state longer than this is none.
pub const LONGEST_STATE: u64 = 1 << 20;

/// Why a hook failed, which keeps the container from starting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// What the runtime said is no container's state.
    #[error("what the runtime wrote to standard input is no container's state: {0}")]
    State(serde_json::Error),
    /// The container's configuration cannot be used.
    #[error("the container's configuration {path}: {what}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The annotation does not name a credential spec.
    #[error("the annotation {CREDSPEC} must be the name of a file in {folder}, and it is {name:?}: {what}")]
    Spec {
        /// Where credential specs are.
        folder: PathBuf,
        /// What the annotation says.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// The user in the container is nobody outside of it.
    #[error(
        "the container's {kind} {inside} has no counterpart on the host in the {kind}Mappings of its configuration"
    )]
    Unmapped {
        /// `uid` or `gid`.
        kind: &'static str,
        /// The number in the container.
        inside: u32,
    },
    /// The identity cannot be mounted.
    #[error("{doing} {path}: {source}")]
    Mount {
        /// What was done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A container, as the runtime tells its hooks of it.
#[derive(Debug, Deserialize)]
pub struct Container {
    id: String,
    bundle: PathBuf,
    /// Its first process.
    #[serde(default)]
    pid: Option<i32>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

impl Container {
    /// Reads the state that a runtime gives its hooks.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(state: &[u8]) -> Result<Self, HookError> {
        serde_json::from_slice(state).map_err(HookError::State)
    }

    /// Whether it is to have an identity.
    #[must_use]
    pub fn is_annotated(&self) -> bool {
        self.annotations.contains_key(CREDSPEC)
    }

    /// The name of its lease, which every hook of the container arrives at.
    #[must_use]
    pub fn lease_id(&self) -> LeaseId {
        let mut name = Sha256::new();
        name.update(b"pando.guard.oci\0");
        name.update(self.id.as_bytes());
        name.update(b"\0");
        name.update(self.bundle.as_os_str().as_encoded_bytes());
        LeaseId::of_bytes(name.finalize().into())
    }

    /// What to ask the guard for.
    ///
    /// # Errors
    /// When the annotations or the configuration do not say.
    pub fn request(&self, specs: &Path) -> Result<own::AddRequest, HookError> {
        let (uid, gid) = Config::read(&self.bundle)?.user()?;
        let principals = self.annotations.get(SERVICE_PRINCIPALS).map(String::as_str).unwrap_or_default();
        Ok(own::AddRequest {
            credspecs: vec![self.spec(specs)?],
            lease_id: self.lease_id().to_string(),
            owner: Some(own::Owner { uid, gid }),
            keytab: self.annotations.get(KEYTAB).is_some_and(|value| value == "true"),
            service_principals: principals
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            process: self.process(),
        })
    }

    /// Its end is the lease's too, when the runtime cannot say that it has ended.
    fn process(&self) -> Option<own::Process> {
        let process = ccg::Process::of(self.pid?).inspect_err(|error| {
            tracing::warn!(pid = self.pid, %error, "the container's first process is not seen from here");
        });
        process.ok().map(own::Process::from)
    }

    fn spec(&self, folder: &Path) -> Result<String, HookError> {
        let name = self.annotations.get(CREDSPEC).map(String::as_str).unwrap_or_default();
        read_spec(folder, name)
    }

    /// Mounts the lease's folder into the container's file system. Called by the runtime in the container's own mount namespace, before
    /// that becomes its root.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn mount(&self, krb: &Path) -> Result<(), HookError> {
        let root = Config::read(&self.bundle)?.root(&self.bundle);
        mount::bind(&krb.join(self.lease_id().as_str()), &root, INSIDE)
    }
}

/// Who may write the folder may name identities; who may only annotate containers can choose among them.
fn read_spec(folder: &Path, name: &str) -> Result<String, HookError> {
    let bad =
        |what: String| HookError::Spec { folder: folder.to_owned(), name: name.chars().take(128).collect(), what };
    let plain = name.strip_prefix("file://").unwrap_or(name);
    if plain.is_empty() || plain.starts_with('.') || plain.contains(['/', '\\', '\0']) {
        return Err(bad("it may not lead elsewhere".to_owned()));
    }
    let path = folder.join(plain);
    let length = std::fs::metadata(&path).map_err(|error| bad(error.to_string()))?.len();
    if length > LONGEST_STATE {
        return Err(bad("the file is too large for a credential spec".to_owned()));
    }
    std::fs::read_to_string(&path).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(annotations: &str) -> Container {
        let text = format!(
            r#"{{"ociVersion":"1.0.2","id":"web","status":"creating","pid":7,"bundle":"/b","annotations":{annotations}}}"#
        );
        Container::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_container_without_the_annotation_is_left_alone() {
        assert!(!state("{}").is_annotated());
        assert!(state(r#"{"dev.pando.credspec":"webapp01.json"}"#).is_annotated());
        assert!(Container::parse(b"{}").is_err() && Container::parse(b"").is_err());
    }

    #[test]
    fn each_container_has_its_own_lease_and_always_the_same() {
        let (one, two) = (state("{}"), Container { id: "web2".into(), ..state("{}") });
        assert_eq!(one.lease_id(), state("{}").lease_id());
        assert_ne!(one.lease_id(), two.lease_id());
        assert_ne!(one.lease_id(), Container { bundle: "/c".into(), ..state("{}") }.lease_id());
    }

    #[test]
    fn the_annotation_chooses_a_file_of_the_folder_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let specs = folder.path().join("specs");
        std::fs::create_dir(&specs).unwrap();
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        std::fs::write(specs.join("webapp01.json"), "{}").unwrap();
        assert_eq!(read_spec(&specs, "webapp01.json").unwrap(), "{}");
        assert_eq!(read_spec(&specs, "file://webapp01.json").unwrap(), "{}");
        for bad in ["", ".", "..", "../secret", "file://../secret", "/etc/passwd", "a\\b", "missing.json", "raw://{}"] {
            assert!(matches!(read_spec(&specs, bad), Err(HookError::Spec { .. })), "{bad}");
        }
    }
}
