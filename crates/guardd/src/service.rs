//! Calls by their gRPC paths.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ccg::{Leases, Peer};
use prost::Message;
use tonic::body::Body;
use tonic::transport::server::UdsConnectInfo;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::api::Api;
use crate::door::{CALLS, Crowd, is_own};
use crate::shelf::Shelf;

/// The longest request; sixteen credential specs with a thousand accounts each fit in.
const LONGEST: usize = 4 << 20;

/// Answers calls of both interfaces, from those who may call.
#[derive(Clone)]
pub(crate) struct Service {
    pub leases: Leases,
    pub access: Access,
    /// Who is being answered.
    pub calls: Crowd,
    pub shelf: Shelf,
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Root and the guard's own user.
    Own,
    /// Whoever the socket's permissions let through.
    Socket,
}

impl Access {
    fn admits(self, peer: &Peer) -> bool {
        match self {
            Self::Own => is_own(peer.uid),
            Self::Socket => is_own(peer.uid) || is_somebody(peer.uid),
        }
    }
}

/// The system calls everybody by this number whom it has no number for: users of other namespaces, who must not share their leases.
fn is_somebody(uid: u32) -> bool {
    static NOBODY: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/overflowuid");
        text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(65_534)
    });
    uid != *NOBODY
}

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl tower::Service<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answer {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

/// The API's method, as a function of its own for each request.
macro_rules! method {
    ($leases:expr, $peer:expr, $request:expr, $method:ident) => {
        unary($request, {
            let (leases, peer) = ($leases, $peer);
            move |message| {
                let leases = leases.clone();
                async move { Api { leases: &leases, peer }.$method(message).await }
            }
        })
        .await
    };
}

impl Service {
    async fn answer(self, request: http::Request<Body>) -> http::Response<Body> {
        let peer = match peer(&request, self.access) {
            Ok(peer) => peer,
            Err(status) => return status.into_http(),
        };
        // Until it is answered.
        let place = (!is_own(peer.uid)).then(|| self.calls.enter(peer.uid, CALLS));
        if matches!(place, Some(None)) {
            let text = format!("uid {} has too many calls that are being answered: ask again later", peer.uid);
            return Status::resource_exhausted(text).into_http();
        }
        let leases = Arc::new(self.leases);
        let path = request.uri().path().to_owned();
        match path.as_str() {
            "/credentialsfetcher.CredentialsFetcherService/AddKerberosLease" => method!(leases, peer, request, create),
            "/credentialsfetcher.CredentialsFetcherService/AddNonDomainJoinedKerberosLease" => {
                method!(leases, peer, request, create_with)
            }
            "/credentialsfetcher.CredentialsFetcherService/RenewNonDomainJoinedKerberosLease" => {
                method!(leases, peer, request, renew_with)
            }
            "/credentialsfetcher.CredentialsFetcherService/DeleteKerberosLease" => {
                method!(leases, peer, request, delete)
            }
            "/credentialsfetcher.CredentialsFetcherService/HealthCheck" => method!(leases, peer, request, health),
            "/pando.guard.v1.Leases/Add" => method!(leases, peer, request, add),
            "/pando.guard.v1.Leases/List" => method!(leases, peer, request, list),
            "/pando.guard.v1.Leases/Release" => method!(leases, peer, request, release),
            "/credentialsfetcher.CredentialsFetcherService/AddKerberosArnLease" => {
                let call = |message| {
                    let (leases, shelf) = (leases.clone(), self.shelf.clone());
                    async move { shelf.add(&Api { leases: &leases, peer }, message).await }
                };
                unary(request, call).await
            }
            "/credentialsfetcher.CredentialsFetcherService/RenewKerberosArnLease" => {
                let call = |message| {
                    let (leases, shelf) = (leases.clone(), self.shelf.clone());
                    async move { shelf.renew(&Api { leases: &leases, peer }, message).await }
                };
                unary(request, call).await
            }
            _ => Status::unimplemented("there is no such method").into_http(),
        }
    }
}

/// Who calls, if they may.
pub(crate) fn peer(request: &http::Request<Body>, access: Access) -> Result<Peer, Status> {
    let known = request.extensions().get::<UdsConnectInfo>().and_then(|info| info.peer_cred);
    let known = known.ok_or_else(|| Status::unauthenticated("the system does not say who is calling"))?;
    let peer = Peer { uid: known.uid(), gid: known.gid(), pid: known.pid() };
    if access.admits(&peer) {
        return Ok(peer);
    }
    tracing::warn!(%peer, "a caller was turned away");
    if !is_somebody(peer.uid) {
        return Err(Status::permission_denied(format!(
            "uid {} is whoever has no number of its own on this host: ask as a user that has one",
            peer.uid
        )));
    }
    Err(Status::permission_denied(format!(
        "uid {} may not ask this guard; its administrator can let a group in",
        peer.uid
    )))
}

pub(crate) async fn unary<Q, A, F>(request: http::Request<Body>, call: impl Fn(Q) -> F) -> http::Response<Body>
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
    F: Future<Output = Result<A, Status>>,
{
    let service = tower::service_fn(|request: Request<Q>| {
        let answer = call(request.into_inner());
        async move { answer.await.map(Response::new) }
    });
    tonic::server::Grpc::new(ProstCodec::<A, Q>::default())
        .max_decoding_message_size(LONGEST)
        .unary(service, request)
        .await
}
