//! What the account provider of a namespace left on the node: its port, its CA, and the plugin's certificate and key.

use std::io::Read;
use std::path::Path;

use credspec::{Namespace, SecretName};
use pki::{Identity, Roots};

use crate::PluginError;

/// The files of one namespace, read at one moment.
pub(super) struct HostFiles {
    pub(super) namespace: Namespace,
    pub(super) port: u16,
    pub(super) roots: Roots,
    pub(super) identity: Identity,
}

impl HostFiles {
    /// Reads `<host_dir>/<namespace>/releases/<secret>/…` where a provider of that one Secret is, otherwise the namespace's
    /// `<host_dir>/<namespace>/…`. Both names are single plain folder names, so this leads nowhere else.
    pub(super) fn read(host_dir: &Path, namespace: &Namespace, secret: &SecretName) -> Result<Self, PluginError> {
        let whole = host_dir.join(namespace.as_str());
        let own = whole.join("releases").join(secret.as_str());
        let folder = if own.join("port.txt").exists() { own } else { whole };
        #[cfg(windows)]
        super::rights::check(host_dir, &folder)?;
        let port = port(&folder.join("port.txt"), namespace)?;
        let roots = Roots::load(&folder.join("ssl/ca/ca.crt")).map_err(PluginError::Identity)?;
        let identity = matching_identity(&folder.join("ssl/client")).map_err(PluginError::Identity)?;
        Ok(Self { namespace: namespace.clone(), port, roots, identity })
    }

    pub(super) fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }
}

/// The provider replaces the key, then the certificate: who reads in between gets two that do not belong together, and reads again.
fn matching_identity(folder: &Path) -> Result<Identity, pki::Error> {
    const TRIES: usize = 5;
    let (chain, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    let mut last = None;
    for _ in 0..TRIES {
        let identity = Identity::load(&chain, &key)?;
        match identity.check() {
            Ok(()) => return Ok(identity),
            Err(mismatch) => last = Some(mismatch),
        }
        std::thread::yield_now();
    }
    Err(last.unwrap_or_else(|| pki::Error::Mismatch(String::new())))
}

/// A port in decimal digits, and nothing else: it becomes part of an address.
fn port(path: &Path, namespace: &Namespace) -> Result<u16, PluginError> {
    let bad = |what| PluginError::BadPort { path: path.to_owned(), what };
    let file = match pki::file::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(PluginError::NoProvider { namespace: namespace.clone(), path: path.to_owned() });
        }
        Err(source) => return Err(PluginError::Identity(pki::Error::Read { path: path.to_owned(), source })),
    };
    let mut text = Vec::with_capacity(16);
    let read = file.take(16).read_to_end(&mut text);
    read.map_err(|source| PluginError::Identity(pki::Error::Read { path: path.to_owned(), source }))?;
    // Some editors and `echo` end a file with a line break.
    let text = text.trim_ascii_end();
    if text.is_empty() || text.len() > 5 || !text.iter().all(u8::is_ascii_digit) {
        return Err(bad("it is not one to five digits"));
    }
    let text = std::str::from_utf8(text).unwrap_or_default();
    text.parse().ok().filter(|port| *port != 0).ok_or_else(|| bad("it is not between 1 and 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_digits_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("port.txt");
        let namespace = "ns".parse().unwrap();
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            port(&path, &namespace)
        };
        assert_eq!(read("40123").unwrap(), 40123);
        assert_eq!(read("40123\r\n").unwrap(), 40123);
        for text in [
            "",
            "\n",
            "0",
            "65536",
            "99999",
            "+80",
            "-1",
            " 80",
            "80@evil.example",
            "80/x",
            "8 0",
            "0x50",
            "1".repeat(100).as_str(),
            "٣",
        ] {
            assert!(matches!(read(text), Err(PluginError::BadPort { .. })), "{text:?}");
        }
    }

    #[test]
    fn a_namespace_that_nobody_serves_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let result = HostFiles::read(dir.path(), &"ns".parse().unwrap(), &"s".parse().unwrap());
        assert!(matches!(result, Err(PluginError::NoProvider { .. })));
    }
}
