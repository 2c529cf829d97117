//! Sockets, TLS and time around the state machines.

mod connection;
mod listener;
mod stream;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use directory::Directory;
use tokio::sync::watch;

use crate::kdc;
use crate::ldap::{Facts, Server};
use crate::{Config, Error, Running};

/// Told to everything that runs: when it changes, stop.
pub(crate) type Shutdown = watch::Receiver<bool>;

/// Becomes true when everything has stopped.
#[derive(Debug)]
pub(crate) struct Stopped(watch::Sender<bool>);

impl Stopped {
    /// Waits until everybody who was to be told has gone.
    pub(crate) async fn wait(&self) {
        self.0.closed().await;
    }
}

pub(crate) async fn start(
    directory: Directory,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Running, Error> {
    let facts = Arc::new(Facts::gather(&directory)?);
    if !config.ldaps.is_empty() && config.tls.is_none() {
        return Err(Error::NoCertificate);
    }
    let tcp = |what| move |address| listener::bind(address).map_err(|source| Error::Listen { what, address, source });
    let ldap = bind_all(&config.ldap, tcp("LDAP"))?;
    let ldaps = bind_all(&config.ldaps, tcp("LDAPS"))?;
    let kerberos = bind_all(&config.kerberos, kdc::listen::Bound::bind)?;
    let (sender, told) = watch::channel(false);
    let addresses = |sockets: &[tokio::net::TcpListener]| -> Vec<SocketAddr> {
        sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    };
    let running = Running {
        ldap: addresses(&ldap),
        ldaps: addresses(&ldaps),
        kerberos: kerberos.iter().map(|bound| bound.address).collect(),
        stopped: Stopped(sender.clone()),
    };
    if !kerberos.is_empty() {
        let principals = kdc::DirectoryPrincipals::new(directory.clone(), &facts)?;
        let kdc = Arc::new(kdc::Kdc::new(Box::new(principals), kdc::Policy::default()));
        for bound in kerberos {
            bound.serve(&kdc, directory.environment(), &told)?;
        }
    }
    let logon = crate::ldap::accounts(&directory, &facts);
    let server = Arc::new(Server::new(directory, logon, facts, &config));
    let listeners = listener::Listeners::new(server, config.tls.clone(), config.limits);
    ldap.into_iter().for_each(|socket| listeners.serve(socket, false, told.clone()));
    ldaps.into_iter().for_each(|socket| listeners.serve(socket, true, told.clone()));
    drop(told);
    tokio::spawn(async move {
        shutdown.await;
        tracing::info!("stopping");
        // Nobody listens any more when this fails.
        let _ = sender.send(true);
    });
    Ok(running)
}

/// Where the system has no IPv6, `[::]` beside other addresses is nothing to listen on, and no error.
fn bind_all<T>(addresses: &[SocketAddr], bind: impl Fn(SocketAddr) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    let (mut bound, mut absent) = (Vec::new(), None);
    for address in addresses {
        match bind(*address) {
            Ok(one) => bound.push(one),
            Err(error) if is_absent(*address, &error) => {
                tracing::info!(%address, "this machine has no IPv6");
                absent = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match absent {
        Some(error) if bound.is_empty() => Err(error),
        _ => Ok(bound),
    }
}

fn is_absent(address: SocketAddr, error: &Error) -> bool {
    let Error::Listen { source, .. } = error else { return false };
    let has_no_address = source.kind() == std::io::ErrorKind::AddrNotAvailable;
    let has_no_family = source.raw_os_error() == Some(NO_SUCH_FAMILY);
    address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && (has_no_address || has_no_family)
}

/// `EAFNOSUPPORT`, and `WSAEAFNOSUPPORT`.
const NO_SUCH_FAMILY: i32 = if cfg!(windows) {
    10_047
} else if cfg!(target_os = "linux") {
    97
} else {
    47
};
