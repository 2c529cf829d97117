//! Asking a guard over its socket.

use std::path::{Path, PathBuf};

use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use crate::message::own;

/// Ten thousand leases, each with what is wrong with it.
const LONGEST_ANSWER: usize = 64 << 20;

/// A connection to a guard.
pub struct Caller {
    channel: Channel,
}

/// Why the guard gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// Nobody answers.
    #[error("no guard answers at {path}: {source} (does `pando guard run` run, and may this user use its socket?)")]
    Connect {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: tonic::transport::Error,
    },
    /// It refused.
    #[error("the guard refused: {}", .0.message())]
    Refused(Box<tonic::Status>),
}

impl Caller {
    /// Connects.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn connect(path: &Path) -> Result<Self, CallError> {
        let socket = path.to_owned();
        let connector = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://guard").connect_with_connector(connector).await;
        Ok(Self { channel: channel.map_err(|source| CallError::Connect { path: path.to_owned(), source })? })
    }

    /// Makes a lease.
    ///
    /// # Errors
    /// When the guard refuses.
    pub async fn add(&self, request: own::AddRequest) -> Result<own::AddResponse, CallError> {
        self.call("/pando.guard.v1.Leases/Add", request).await
    }

    /// The leases there are.
    ///
    /// # Errors
    /// When the guard refuses.
    pub async fn list(&self) -> Result<Vec<own::Lease>, CallError> {
        let answer: own::ListResponse = self.call("/pando.guard.v1.Leases/List", own::ListRequest {}).await?;
        Ok(answer.leases)
    }

    /// Ends a lease.
    ///
    /// # Errors
    /// When the guard refuses.
    pub async fn release(&self, lease_id: &str) -> Result<(), CallError> {
        let request = own::ReleaseRequest { lease_id: lease_id.to_owned() };
        self.call::<_, own::ReleaseResponse>("/pando.guard.v1.Leases/Release", request).await.map(drop)
    }

    async fn call<Q, A>(&self, path: &'static str, request: Q) -> Result<A, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let refused = |status| CallError::Refused(Box::new(status));
        let mut grpc = tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(LONGEST_ANSWER);
        grpc.ready().await.map_err(|error| refused(tonic::Status::unavailable(error.to_string())))?;
        let path = PathAndQuery::from_static(path);
        let answer = grpc.unary(tonic::Request::new(request), path, ProstCodec::<Q, A>::default()).await;
        answer.map(tonic::Response::into_inner).map_err(refused)
    }
}
