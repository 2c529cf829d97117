//! What the plugin on the node finds: `<host_dir>/<namespace>/{port.txt, ssl/{ca,server,client}/…}`, and the same in
//! `<host_dir>/<namespace>/releases/<secret>` for a provider of one Secret.
//!
//! Only the owner enters the folders, and on Windows the account that plugins run as. The authority's key is never among the files, nor is
//! the server's. Today's plugin reads the client's certificate and key from `ssl/client/tls.pfx`, which is there in legacy mode only.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use credspec::{Namespace, SecretName};
use pki::file::{self, Readers};
use pki::{Authority, Identity};

use crate::Error;

/// Locked by the release that is the namespace's provider.
const CLAIM: &str = ".provider";

pub(super) struct Published {
    host_dir: PathBuf,
    namespace: Namespace,
    secret: Option<SecretName>,
    folder: PathBuf,
    legacy: bool,
    claim: Mutex<Claim>,
    /// The certificate that was written for the client.
    client: Mutex<String>,
}

/// Whether this is the provider of a namespace that several releases share.
#[derive(Default)]
struct Claim {
    /// The release's own Secret, if it is one of those.
    of: Option<SecretName>,
    /// While it is open, this release is the namespace's provider.
    file: Option<File>,
}

impl Published {
    pub(super) fn create(
        host_dir: &Path,
        namespace: &Namespace,
        secret: Option<&SecretName>,
        legacy: bool,
    ) -> Result<Self, Error> {
        let mut folder = host_dir.join(namespace.as_str());
        if let Some(secret) = secret {
            folder = folder.join("releases").join(secret.as_str());
        }
        let published = Self {
            host_dir: host_dir.to_owned(),
            namespace: namespace.clone(),
            secret: secret.cloned(),
            folder,
            legacy,
            claim: Mutex::default(),
            client: Mutex::default(),
        };
        published.make_folders()?;
        Ok(published)
    }

    fn make_folders(&self) -> Result<(), Error> {
        if !self.host_dir.is_dir() {
            file::folder(&self.host_dir, Readers::Everyone)?;
        }
        if self.secret.is_some() {
            let shared = self.host_dir.join(self.namespace.as_str());
            for part in [&shared, &shared.join("releases")] {
                shared_folder(part)?;
            }
        }
        for part in ["", "ssl", "ssl/ca", "ssl/server", "ssl/client"] {
            file::folder(&self.folder.join(part), Readers::Plugins)?;
        }
        Ok(())
    }

    /// Whether everything is there that a plugin needs, and the sign whose it is. What is in it is not looked at: it may be a successor's
    /// already.
    pub(super) fn is_whole(&self) -> bool {
        let parts = [("ca", "ca.crt"), ("client", "tls.crt"), ("client", "tls.key")];
        let claim = self.claim.lock().unwrap_or_else(PoisonError::into_inner);
        self.port_file().is_file()
            && parts.iter().all(|(part, name)| self.ssl(part, name).is_file())
            && (!self.legacy || self.ssl("client", "tls.pfx").is_file() || self.is_a_successors())
            && (claim.of.is_none() || self.folder.join(CLAIM).is_file())
    }

    /// Whether somebody else has written the client's certificate since: who is not in legacy mode has taken the other file away.
    fn is_a_successors(&self) -> bool {
        let written = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        file::read(&self.ssl("client", "tls.crt")).is_ok_and(|there| there.as_slice() != written.as_bytes())
    }

    /// The folders again, after somebody has taken them away, and the sign whose they are.
    pub(super) fn make_anew(&self) -> Result<(), Error> {
        self.make_folders()?;
        let mut claim = self.claim.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = claim.of.clone()
            && !self.folder.join(CLAIM).is_file()
        {
            claim.file = self.lock(&secret)?.or(claim.file.take());
        }
        Ok(())
    }

    /// As the namespace's, for a provider of one Secret; nothing when another release is that already. Today's plugin finds one only, and two
    /// would take each other's port away.
    pub(super) fn claim(self, secret: &SecretName) -> Result<Option<Self>, Error> {
        let file = self.lock(secret)?;
        if file.is_none() {
            let path = self.folder.join(CLAIM);
            let other = file::read(&path).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
            // Its own predecessor is about to end.
            if other != secret.as_str() {
                tracing::error!(
                    other,
                    folder = %self.folder.display(),
                    "another release is this namespace's provider (--for-namespace) already, so today's plugin finds that one and not this"
                );
                return Ok(None);
            }
        }
        *self.claim.lock().unwrap_or_else(PoisonError::into_inner) = Claim { of: Some(secret.clone()), file };
        Ok(Some(self))
    }

    /// Nothing when somebody else has it.
    fn lock(&self, secret: &SecretName) -> Result<Option<File>, Error> {
        let path = self.folder.join(CLAIM);
        let failed = |source| pki::Error::Write { path: path.clone(), source };
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).and_then(|()| file.write_all(secret.as_str().as_bytes())).map_err(failed)?;
                Ok(Some(file))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source).into()),
        }
    }

    /// Refuses a state folder inside the published one.
    pub(super) fn must_not_hold(&self, state: &Path) -> Result<(), Error> {
        file::private_folder(state)?;
        let real =
            |path: &Path| path.canonicalize().map_err(|source| pki::Error::Read { path: path.to_owned(), source });
        if real(state)?.starts_with(real(&self.folder)?) {
            return Err(Error::StateIsPublished { state: state.to_owned(), published: self.folder.clone() });
        }
        Ok(())
    }

    /// The CA first: who trusts the new one can still use the old client certificate, which it issued too.
    pub(super) fn write_certificates(
        &self,
        authority: &Authority,
        server: &Identity,
        client: &Identity,
    ) -> Result<(), Error> {
        let ca = authority.certificate_pem().as_bytes();
        for part in ["ca", "server", "client"] {
            file::write(&self.ssl(part, "ca.crt"), ca, Readers::Everyone)?;
        }
        file::write(&self.ssl("ca", "tls.crt"), ca, Readers::Everyone)?;
        file::write(&self.ssl("server", "tls.crt"), server.chain_pem().as_bytes(), Readers::Everyone)?;
        client.store_for(&self.ssl("client", "tls.crt"), &self.ssl("client", "tls.key"), Readers::Plugins)?;
        client.chain_pem().clone_into(&mut self.client.lock().unwrap_or_else(PoisonError::into_inner));
        self.write_pfx(client)
    }

    /// One of another time would be of another authority, or in the way of who does not want it any more.
    fn write_pfx(&self, client: &Identity) -> Result<(), Error> {
        let path = self.ssl("client", "tls.pfx");
        if self.legacy {
            return Ok(file::write(&path, &client.pkcs12_without_password()?, Readers::Plugins)?);
        }
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(pki::Error::Write { path, source }.into())
            }
            _ => Ok(()),
        }
    }

    /// Unless there is one: a successor's, perhaps.
    pub(super) fn write_missing_port(&self, port: u16) -> Result<(), Error> {
        if self.port_file().is_file() { Ok(()) } else { self.write_port(port) }
    }

    pub(super) fn write_port(&self, port: u16) -> Result<(), Error> {
        Ok(file::write(&self.port_file(), port.to_string().as_bytes(), Readers::Everyone)?)
    }

    /// Takes the port file away, unless a successor has already written its own.
    pub(super) fn remove_port(&self, port: u16) -> Result<(), Error> {
        let path = self.port_file();
        match file::read(&path) {
            Ok(text) if text.as_slice() == port.to_string().as_bytes() => {
                fs::remove_file(&path).map_err(|source| pki::Error::Write { path, source })?;
            }
            _ => {}
        }
        Ok(())
    }

    fn port_file(&self) -> PathBuf {
        self.folder.join("port.txt")
    }

    fn ssl(&self, part: &str, name: &str) -> PathBuf {
        self.folder.join("ssl").join(part).join(name)
    }
}

/// A folder above a release's, where other releases have theirs. In a container that sees its own release's alone it is part of the container,
/// which cannot be written: there is nothing to close then.
fn shared_folder(path: &Path) -> Result<(), Error> {
    match file::folder(path, Readers::Plugins) {
        Err(pki::Error::Write { source, .. }) if source.kind() == ErrorKind::ReadOnlyFilesystem && path.is_dir() => {
            Ok(())
        }
        made => Ok(made?),
    }
}
