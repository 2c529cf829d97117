//! One HTTPS request to the account provider: this machine only, one CA, one certificate, bounded in time and size.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use credspec::RkcInput;
use rustls::AlertDescription;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, config::Config};
use zeroize::Zeroizing;

use super::host_files::HostFiles;
use crate::PluginError;
use crate::body::{self, MOST_BYTES, ReadError};

/// Asks for the secret of `input`, and returns the body of a successful answer.
pub(super) fn get(files: &HostFiles, input: &RkcInput, timeout: Duration) -> Result<Zeroizing<Vec<u8>>, PluginError> {
    let agent = Agent::with_parts(config(files, timeout)?, DefaultConnector::default(), Loopback { port: files.port });
    let url = format!("https://localhost:{}/provider", files.port);
    let failed = |error| explain(files, timeout, error);
    let mut response = agent.get(url).header("object", input.secret.as_str()).call().map_err(failed)?;
    match response.status().as_u16() {
        200 => {}
        404 => return Err(PluginError::NoSecret { namespace: input.namespace.clone(), secret: input.secret.clone() }),
        status => return Err(PluginError::Refused { namespace: input.namespace.clone(), status }),
    }
    body::read(response.body_mut().as_reader()).map_err(|error| match error {
        ReadError::TooLarge => bad_answer(files, format!("it has more than {MOST_BYTES} bytes")),
        ReadError::Io(error) => failed(error.into()),
    })
}

/// No proxy, no redirect, no connection kept: one question to one peer.
fn config(files: &HostFiles, timeout: Duration) -> Result<Config, PluginError> {
    Ok(Agent::config_builder()
        .https_only(true)
        .proxy(None)
        .max_redirects(0)
        .max_idle_connections(0)
        .http_status_as_error(false)
        .max_response_header_size(16 << 10)
        .user_agent("pando-ccg-rkc")
        .timeout_global(Some(timeout))
        .tls_config(tls(files)?)
        .build())
}

/// The HTTP library builds the same configuration as [`pki::client_config`], whose checks are made first: it would panic on a bad one.
fn tls(files: &HostFiles) -> Result<TlsConfig, PluginError> {
    pki::client_config(&files.roots, Some(&files.identity)).map_err(PluginError::Identity)?;
    let owned = |der: &[u8]| Certificate::from_der(der).to_owned();
    let roots: Vec<_> = files.roots.certificates().iter().map(|der| owned(der)).collect();
    let chain: Vec<_> = files.identity.chain().iter().map(|der| owned(der)).collect();
    let no_key =
        |_| PluginError::Identity(pki::Error::Pem { what: "the plugin's key".to_owned(), expected: "private key" });
    let key = PrivateKey::from_pem(files.identity.key_pem().as_bytes()).map_err(no_key)?;
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .client_cert(Some(ClientCert::new_with_certs(&chain, key)))
        .unversioned_rustls_crypto_provider(pki::provider())
        .build())
}

/// `localhost` is this machine, whatever the system's resolver thinks.
#[derive(Debug)]
struct Loopback {
    port: u16,
}

impl Resolver for Loopback {
    fn resolve(&self, _: &ureq::http::Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        addresses.push(SocketAddr::from((Ipv6Addr::LOCALHOST, self.port)));
        Ok(addresses)
    }
}

/// Who is to blame, in words that say what to do.
fn explain(files: &HostFiles, timeout: Duration, error: ureq::Error) -> PluginError {
    let (namespace, address) = (files.namespace.clone(), files.address());
    if let Some(tls) = tls_cause(&error) {
        return match tls {
            rustls::Error::AlertReceived(alert) if is_about_a_certificate(*alert) => {
                PluginError::CertificateRefused { namespace, what: format!("{alert:?}") }
            }
            other => PluginError::NotTheProvider { namespace, address, what: other.to_string() },
        };
    }
    match error {
        ureq::Error::Timeout(_) => PluginError::Timeout { namespace, seconds: timeout.as_secs() },
        ureq::Error::Io(e) if matches!(e.kind(), std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock) => {
            PluginError::Timeout { namespace, seconds: timeout.as_secs() }
        }
        ureq::Error::Io(e) => PluginError::Unreachable { namespace, address, what: e.to_string() },
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => {
            PluginError::Unreachable { namespace, address, what: error.to_string() }
        }
        other => PluginError::BadAnswer { namespace, what: other.to_string() },
    }
}

/// RFC 8446 6.2: what a server says that does not take the plugin's certificate.
fn is_about_a_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
            | A::CertificateRequired
            | A::DecryptError
    )
}

fn bad_answer(files: &HostFiles, what: String) -> PluginError {
    PluginError::BadAnswer { namespace: files.namespace.clone(), what }
}

/// TLS errors come bare, or wrapped in an I/O error when they show while reading.
fn tls_cause(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(tls) => Some(tls),
        ureq::Error::Io(io) => io.get_ref().and_then(|inner| inner.downcast_ref()),
        _ => None,
    }
}
