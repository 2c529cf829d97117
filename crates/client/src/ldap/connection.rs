//! The socket, its security, and the request and answer over it.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use ::ldap::client::{self, Message, Outcome, Request, Response};
use ::ldap::{Control, ResultCode, oid};

use super::Error;
use super::wire::{Wire, WireError};
use crate::Endpoint;
use crate::tls::Trust;

/// What lies beneath LDAP.
#[derive(Clone, Debug)]
pub enum Transport {
    /// TCP. A GSSAPI bind can still seal it.
    Plain,
    /// TCP, then TLS by the StartTLS operation (RFC 4511 4.14).
    StartTls(Trust),
    /// TLS from the first byte (LDAPS).
    Tls(Trust),
}

/// What a server may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For connecting, TLS included.
    pub connect: Duration,
    /// For one operation, until its last message.
    pub operation: Duration,
    /// The longest message, in bytes.
    pub message: usize,
    /// The most entries one search may bring.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            operation: Duration::from_secs(30),
            message: 16 << 20,
            entries: 100_000,
        }
    }
}

/// An LDAP connection: one operation at a time.
pub struct Connection {
    server: Endpoint,
    pub(super) wire: Wire,
    pub(super) limits: Limits,
    last_id: i32,
    /// False while an operation is under way: one that was dropped half-way leaves answers behind that nobody waits for.
    alive: bool,
}

/// How an operation ended, and the controls of its last message.
pub(super) struct Ended {
    pub(super) code: ResultCode,
    pub(super) diagnostic: String,
    /// A bind's credentials, an extended operation's value.
    pub(super) value: Option<Vec<u8>>,
    /// The cookie of a paged search that is not at its end.
    pub(super) cookie: Option<Vec<u8>>,
}

impl Connection {
    /// Connects to `server`.
    ///
    /// # Errors
    /// [`Error::Connect`] or [`Error::Tls`], with the server's name.
    pub async fn connect(server: &Endpoint, transport: &Transport, limits: &Limits) -> Result<Self, Error> {
        let by = Instant::now() + limits.connect;
        let late = || Error::Timeout { server: server.to_string(), operation: "the connection" };
        let wire = timeout_at(by, Wire::connect(&server.host, server.port, limits.message))
            .await
            .map_err(|_| late())?
            .map_err(|source| Error::Connect { server: server.to_string(), source })?;
        let mut connection = Self { server: server.clone(), wire, limits: limits.clone(), last_id: 0, alive: true };
        match transport {
            Transport::Plain => {}
            Transport::Tls(trust) => timeout_at(by, connection.tls(trust)).await.map_err(|_| late())??,
            Transport::StartTls(trust) => {
                connection.extended("StartTLS", oid::START_TLS, None).await?;
                timeout_at(by, connection.tls(trust)).await.map_err(|_| late())??;
            }
        }
        Ok(connection)
    }

    async fn tls(&mut self, trust: &Trust) -> Result<(), Error> {
        let started = self.wire.start_tls(trust, &self.server.host).await;
        started.map_err(|source| Error::Tls { server: self.server.to_string(), source })
    }

    /// Connects to the first of `servers` that answers.
    ///
    /// # Errors
    /// The last server's error; [`Error::NoServer`] when there is none.
    pub async fn connect_any(servers: &[Endpoint], transport: &Transport, limits: &Limits) -> Result<Self, Error> {
        let mut last = Error::NoServer;
        for server in servers {
            match Self::connect(server, transport, limits).await {
                Ok(connection) => return Ok(connection),
                Err(error) => {
                    tracing::debug!(%error, "an LDAP server is not there");
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// The server this is a connection to.
    #[must_use]
    pub const fn server(&self) -> &Endpoint {
        &self.server
    }

    /// Whether what is sent is encrypted, by TLS or by the SASL layer.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.wire.is_sealed()
    }

    /// Whether the connection can still be used: false after any error below LDAP.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.alive
    }

    /// Says goodbye and closes.
    pub async fn unbind(mut self) {
        let goodbye = client::encode(self.next_id(), &Request::Unbind, &[]);
        let _ = timeout(self.limits.connect, async {
            let _ = self.wire.send(&goodbye).await;
            self.wire.close().await;
        })
        .await;
    }

    fn next_id(&mut self) -> i32 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }

    /// Sends a request and reads its answers, up to the last; `found` gets what comes before that.
    pub(super) async fn operate(
        &mut self,
        operation: &'static str,
        request: &Request<'_>,
        controls: &[Control<'_>],
        found: impl FnMut(Response<'_>) -> Result<(), Error>,
    ) -> Result<Ended, Error> {
        if !self.alive {
            return Err(self.broken(operation, std::io::ErrorKind::NotConnected.into()));
        }
        let id = self.next_id();
        // Passwords are among what is sent and received.
        let message = Zeroizing::new(client::encode(id, request, controls));
        self.alive = false;
        let server = self.server.to_string();
        let deadline = self.limits.operation;
        let ended = match timeout(deadline, self.converse(operation, id, &message, found)).await {
            Ok(ended) => ended?,
            Err(_) => return Err(Error::Timeout { server, operation }),
        };
        self.alive = true;
        Ok(ended)
    }

    async fn converse(
        &mut self,
        operation: &'static str,
        id: i32,
        message: &[u8],
        mut found: impl FnMut(Response<'_>) -> Result<(), Error>,
    ) -> Result<Ended, Error> {
        if let Err(source) = self.wire.send(message).await {
            return Err(self.broken(operation, source));
        }
        loop {
            let bytes = Zeroizing::new(self.wire.receive().await.map_err(|error| self.error_of(operation, error))?);
            let message = Message::decode(&bytes).map_err(|error| self.protocol(operation, error.to_string()))?;
            if message.id == 0 {
                return Err(self.notice(operation, &message.response));
            }
            if message.id != id {
                return Err(self.protocol(operation, "it answers a request that was not made".to_owned()));
            }
            let cookie = cookie(&message.controls).map_err(|error| self.protocol(operation, error))?;
            let ended = |outcome: &Outcome<'_>, value: Option<&[u8]>| Ended {
                code: outcome.code,
                diagnostic: outcome.diagnostic.trim_end_matches('\0').to_owned(),
                value: value.map(<[u8]>::to_vec),
                cookie,
            };
            match &message.response {
                Response::Bind(outcome, value) | Response::Extended(outcome, _, value) => {
                    return Ok(ended(outcome, *value));
                }
                Response::Done(outcome) => return Ok(ended(outcome, None)),
                _ => found(message.response)?,
            }
        }
    }

    /// A notice of disconnection, or something else that nobody asked for.
    fn notice(&self, operation: &'static str, response: &Response<'_>) -> Error {
        match response {
            Response::Extended(outcome, _, _) => Error::Closed {
                server: self.server.to_string(),
                operation,
                notice: format!(": {} {}", outcome.code, outcome.diagnostic.trim_end_matches('\0')),
            },
            _ => self.protocol(operation, "it notifies of something unknown".to_owned()),
        }
    }

    fn error_of(&self, operation: &'static str, error: WireError) -> Error {
        let server = self.server.to_string();
        match error {
            WireError::Io(source) => self.broken(operation, source),
            WireError::Closed => Error::Closed { server, operation, notice: String::new() },
            WireError::TooLarge => Error::TooLarge { server, operation, limit: self.limits.message },
            WireError::Protocol(what) => self.protocol(operation, what),
            WireError::Layer(what) => Error::Sasl { server, what },
        }
    }

    pub(super) fn protocol(&self, operation: &'static str, what: String) -> Error {
        Error::Protocol { server: self.server.to_string(), operation, what }
    }

    fn broken(&self, operation: &'static str, source: std::io::Error) -> Error {
        Error::Broken { server: self.server.to_string(), operation, source }
    }

    pub(super) fn refused(&self, operation: &'static str, ended: &Ended) -> Error {
        let colon = if ended.diagnostic.is_empty() { "" } else { ": " };
        Error::Refused {
            server: self.server.to_string(),
            operation,
            code: ended.code.0,
            diagnostic: format!("{colon}{}", ended.diagnostic),
        }
    }

    /// An operation without entries that succeeds or is refused.
    pub(super) async fn simple(&mut self, operation: &'static str, request: &Request<'_>) -> Result<Ended, Error> {
        let ended = self.operate(operation, request, &[], |_| Ok(())).await?;
        if ended.code == ResultCode::SUCCESS { Ok(ended) } else { Err(self.refused(operation, &ended)) }
    }

    /// An extended operation (RFC 4511 4.12): its value.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's text, or an error of the connection.
    pub async fn extended(
        &mut self,
        name: &'static str,
        oid: &str,
        value: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.simple(name, &Request::Extended(oid, value)).await?.value)
    }
}

/// The cookie of a paged search (RFC 2696), if there are more pages.
fn cookie(controls: &[Control<'_>]) -> Result<Option<Vec<u8>>, String> {
    let Some(control) = controls.iter().find(|control| control.oid == ::ldap::control::PAGED_RESULTS) else {
        return Ok(None);
    };
    let page = control.paged_results().map_err(|error| error.to_string())?;
    Ok((!page.cookie.is_empty()).then(|| page.cookie.to_vec()))
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.server)
            .field("sealed", &self.is_sealed())
            .finish_non_exhaustive()
    }
}
