//! What the plugin on the node finds: `<host_dir>/<namespace>/{port.txt, ssl/{ca,server,client}/…}`, and the same in
//! `<host_dir>/<namespace>/releases/<secret>` for a provider of one Secret.
//!
//! Only the owner enters the folders, and on Windows the account that plugins run as. The authority's key is never among the files, nor is
//! the server's. Today's plugin reads the client's certificate and key from `ssl/client/tls.pfx`, which is there in legacy mode only.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use credspec::{Namespace, SecretName};
use pki::file::{self, Readers};
use pki::{Authority, Identity};

use crate::Error;

/// Locked by the release that is the namespace's provider.
const CLAIM: &str = ".provider";

pub(super) struct Published {
    folder: PathBuf,
    legacy: bool,
    /// While it is open, this release is the namespace's provider.
    claim: Option<File>,
}

impl Published {
    pub(super) fn create(
        host_dir: &Path,
        namespace: &Namespace,
        secret: Option<&SecretName>,
        legacy: bool,
    ) -> Result<Self, Error> {
        if !host_dir.is_dir() {
            file::folder(host_dir, Readers::Everyone)?;
        }
        let mut folder = host_dir.join(namespace.as_str());
        if let Some(secret) = secret {
            for part in [&folder, &folder.join("releases")] {
                shared_folder(part)?;
            }
            folder = folder.join("releases").join(secret.as_str());
        }
        for part in ["", "ssl", "ssl/ca", "ssl/server", "ssl/client"] {
            file::folder(&folder.join(part), Readers::Plugins)?;
        }
        Ok(Self { folder, legacy, claim: None })
    }

    /// As the namespace's, for a provider of one Secret; nothing when another release is that already. Today's plugin finds one only, and two
    /// would take each other's port away.
    pub(super) fn claim(mut self, secret: &SecretName) -> Result<Option<Self>, Error> {
        let path = self.folder.join(CLAIM);
        let failed = |source| pki::Error::Write { path: path.clone(), source };
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).and_then(|()| file.write_all(secret.as_str().as_bytes())).map_err(failed)?;
                self.claim = Some(file);
                Ok(Some(self))
            }
            Err(TryLockError::WouldBlock) => {
                let other =
                    file::read(&path).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
                // Its own predecessor, which is about to end.
                if other == secret.as_str() {
                    return Ok(Some(self));
                }
                tracing::error!(
                    other,
                    folder = %self.folder.display(),
                    "another release is this namespace's provider (--for-namespace) already, so today's plugin finds that one and not this"
                );
                Ok(None)
            }
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
