//! One HTTP request to a store of secrets: no proxy, no redirect, no cookie, no connection kept; bounded in time and size.

use std::time::Duration;

use pki::Roots;
use ureq::http::{HeaderValue, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, RequestBuilder};
use zeroize::Zeroizing;

use crate::body::{self, MOST_BYTES, ReadError};

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// RFC 9110 10.2.3, in seconds; the services here do not send dates.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Its certificate does not show that it is the server that was meant. Nothing of the question was sent.
    Untrusted(String),
    /// TLS failed otherwise, before the question was sent or after.
    Tls(String),
    /// Nobody there.
    Unreachable(String),
    /// Not in time.
    Timeout,
    /// An answer that is not HTTP, or too large.
    Unusable(String),
}

/// Asks servers whose certificates come from `roots`.
fn https(roots: &Roots) -> Result<Agent, pki::Error> {
    // The HTTP library builds the same configuration, and would panic on a bad one.
    pki::client_config(roots, None)?;
    let roots: Vec<_> = roots.certificates().iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(pki::provider())
        .build();
    Ok(agent(Some(tls)))
}

/// Asks servers whose certificates come from `roots`; without any, those that this computer trusts.
pub(crate) fn https_trusting(roots: Option<&Roots>) -> Result<Agent, pki::Error> {
    roots.map_or_else(https_as_this_computer_trusts, https)
}

/// Whose certificates [`https_trusting`] takes, in words.
pub(crate) const fn trusted(roots: Option<&Roots>) -> &'static str {
    if roots.is_some() { "the operator named for it" } else { "this computer trusts" }
}

/// Asks servers whose certificates this computer trusts.
#[cfg(not(windows))]
fn https_as_this_computer_trusts() -> Result<Agent, pki::Error> {
    https(&Roots::system()?)
}

/// Asks servers whose certificates this computer trusts. Windows has no complete list of authorities: it fetches one when a certificate of
/// its is met for the first time, so Windows itself is asked about the certificate.
#[cfg(windows)]
#[allow(clippy::unnecessary_wraps, reason = "other systems have a list, which may be missing")]
fn https_as_this_computer_trusts() -> Result<Agent, pki::Error> {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(pki::provider())
        .build();
    Ok(agent(Some(tls)))
}

/// Asks a server on this machine or beside it, in the clear.
pub(crate) fn plain() -> Agent {
    agent(None)
}

fn agent(tls: Option<TlsConfig>) -> Agent {
    let config = Agent::config_builder()
        .https_only(tls.is_some())
        .proxy(None)
        .max_redirects(0)
        .max_idle_connections(0)
        .http_status_as_error(false)
        .max_response_header_size(16 << 10)
        .user_agent("pando-ccg-plugin");
    Agent::new_with_config(match tls {
        Some(tls) => config.tls_config(tls).build(),
        None => config.build(),
    })
}

/// What goes with a question. What is secret in it is marked so, and does not print.
pub(crate) type Header = (&'static str, HeaderValue);

/// `GET`, within `timeout` from the name's resolution to the body's last byte.
pub(crate) fn get(agent: &Agent, url: &str, headers: &[Header], timeout: Duration) -> Result<Reply, Failure> {
    let request = with(agent.get(url), headers);
    read(request.config().timeout_global(Some(timeout)).build().call())
}

/// `POST`, within the same time.
pub(crate) fn post(
    agent: &Agent,
    url: &str,
    headers: &[Header],
    body: &[u8],
    timeout: Duration,
) -> Result<Reply, Failure> {
    let request = with(agent.post(url), headers);
    read(request.config().timeout_global(Some(timeout)).build().send(body))
}

/// `PUT` of nothing, within the same time.
pub(crate) fn put(agent: &Agent, url: &str, headers: &[Header], timeout: Duration) -> Result<Reply, Failure> {
    let request = with(agent.put(url), headers);
    read(request.config().timeout_global(Some(timeout)).build().send_empty())
}

/// A header with a secret in it; none when no header can hold that.
pub(crate) fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn with<B>(request: RequestBuilder<B>, headers: &[Header]) -> RequestBuilder<B> {
    let accepting = request.header("accept", "application/json");
    headers.iter().fold(accepting, |request, (name, value)| request.header(*name, value.clone()))
}

fn read(response: Result<Response<Body>, Error>) -> Result<Reply, Failure> {
    let mut response = response.map_err(explain)?;
    let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = body::read(response.body_mut().as_reader()).map_err(|error| match error {
        ReadError::TooLarge => Failure::Unusable(format!("it has more than {MOST_BYTES} bytes")),
        ReadError::Io(error) => explain(error.into()),
    })?;
    Ok(Reply { status: response.status().as_u16(), retry_after: seconds.map(Duration::from_secs), body })
}

fn explain(error: Error) -> Failure {
    if let Some(tls) = tls_cause(&error) {
        return match tls {
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
                Failure::Untrusted(tls.to_string())
            }
            other => Failure::Tls(format!("TLS: {other}")),
        };
    }
    match error {
        Error::Timeout(_) => Failure::Timeout,
        Error::Io(e) if matches!(e.kind(), std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock) => {
            Failure::Timeout
        }
        Error::Io(e) => Failure::Unreachable(e.to_string()),
        Error::ConnectionFailed | Error::HostNotFound => Failure::Unreachable(error.to_string()),
        other => Failure::Unusable(other.to_string()),
    }
}

/// TLS errors come bare, or wrapped in an I/O error when they show while reading.
fn tls_cause(error: &Error) -> Option<&rustls::Error> {
    match error {
        Error::Rustls(tls) => Some(tls),
        Error::Io(io) => io.get_ref().and_then(|inner| inner.downcast_ref()),
        _ => None,
    }
}
