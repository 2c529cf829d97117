//! The socket, which the guard makes or the service manager hands over.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ccg::Leases;
use ccg::plugins::Aws;
use rustix::fs::Gid;
use tokio::net::UnixListener;

use crate::door::{Crowd, Door};
use crate::service::{Access, Service};
use crate::shelf::Shelf;

/// Why the guard does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The socket cannot be made.
    #[error("the socket {path} cannot be made: {source}")]
    Bind {
        /// Its file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another guard is there.
    #[error("another guard answers at {0}: stop it first, or choose another socket")]
    InUse(PathBuf),
    /// Something else is there.
    #[error("{0} is there and is no socket: choose another path")]
    Occupied(PathBuf),
    /// Serving ended.
    #[error("serving ended: {0}")]
    Serve(#[from] tonic::transport::Error),
}

/// Makes the socket: for the guard's own user, or for a group too.
///
/// # Errors
/// When it cannot be made.
pub async fn bind(path: &Path, group: Option<u32>) -> Result<UnixListener, SocketError> {
    clear(path).await?;
    let at = |source| SocketError::Bind { path: path.to_owned(), source };
    // From the first moment on it is closed to others.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let listener = UnixListener::bind(path).map_err(at)?;
    let mode = if group.is_some() { 0o660 } else { 0o600 };
    // First the group, then its right: in no moment can another group come in.
    if let Some(group) = group {
        let chown = rustix::fs::chownat(
            rustix::fs::CWD,
            path,
            None,
            Some(Gid::from_raw(group)),
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        );
        chown.map_err(|errno| at(errno.into()))?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(at)?;
    Ok(listener)
}

/// Removes the socket of a guard that is gone.
async fn clear(path: &Path) -> Result<(), SocketError> {
    match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(there) if !there.file_type().is_socket() => Err(SocketError::Occupied(path.to_owned())),
        Ok(_) => match tokio::net::UnixStream::connect(path).await {
            Ok(_) => Err(SocketError::InUse(path.to_owned())),
            Err(_) => std::fs::remove_file(path).map_err(|source| SocketError::Bind { path: path.to_owned(), source }),
        },
    }
}

/// Answers until `stop`; calls that are being answered then are still finished. AWS is asked, with the keys that callers bring, as `aws` says.
///
/// # Errors
/// When serving fails.
pub async fn serve(
    listener: UnixListener,
    leases: Leases,
    access: Access,
    aws: Aws,
    stop: impl Future<Output = ()>,
) -> Result<(), SocketError> {
    let service = Service { leases, access, calls: Crowd::default(), shelf: Shelf::new(aws) };
    tonic::transport::Server::builder().serve_with_incoming_shutdown(service, Door::new(listener), stop).await?;
    Ok(())
}
