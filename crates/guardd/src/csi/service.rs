//! Calls of kubelet by their gRPC paths: the driver's, and those by which it gets to know the driver.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::net::UnixListener;
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;

use super::driver::{DRIVER, Driver};
use super::message::{
    BoolValue, NodeGetCapabilitiesResponse, NodeGetInfoResponse, NodeServiceCapability, Nothing, PluginInfo,
    PluginVersion, ProbeResponse, RegistrationStatus, Rpc,
};
use crate::door::Door;
use crate::service::{Access, peer, unary};
use crate::{SocketError, bind};

/// Where kubelet finds the driver.
pub struct Sockets {
    driver: UnixListener,
    registration: Option<UnixListener>,
    endpoint: String,
    files: Vec<PathBuf>,
}

impl Sockets {
    /// Makes them, for root and the guard's own user only. `endpoint` is the driver's socket as kubelet sees it.
    ///
    /// # Errors
    /// When one cannot be made.
    pub async fn bind(driver: &Path, registration: Option<&Path>, endpoint: &Path) -> Result<Self, SocketError> {
        let mut files = vec![driver.to_owned()];
        if let Some(folder) = driver.parent() {
            let failed = |source| SocketError::Bind { path: driver.to_owned(), source };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let listener = bind(driver, None).await?;
        let registration = match registration {
            Some(path) => {
                files.push(path.to_owned());
                Some(bind(path, None).await?)
            }
            None => None,
        };
        Ok(Self { driver: listener, registration, endpoint: endpoint.display().to_string(), files })
    }

    /// Answers until `stop` is true or gone, and removes the sockets, by which kubelet notices.
    ///
    /// # Errors
    /// When serving fails.
    pub async fn serve(self, driver: Arc<Driver>, stop: watch::Receiver<bool>) -> Result<(), SocketError> {
        let Self { driver: listener, registration, endpoint, files } = self;
        let _files = Removed(files);
        let serve = |listener, service| {
            let door = Door::new(listener);
            tonic::transport::Server::builder().serve_with_incoming_shutdown(service, door, stopped(stop.clone()))
        };
        let node = serve(listener, Service::Driver(driver));
        match registration {
            Some(registration) => {
                let registration = serve(registration, Service::Registration(endpoint.into()));
                tokio::try_join!(node, registration)?;
            }
            None => node.await?,
        }
        Ok(())
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // It is gone when nobody is left to say so.
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Removed(Vec<PathBuf>);

impl Drop for Removed {
    fn drop(&mut self) {
        for file in &self.0 {
            let _ = std::fs::remove_file(file);
        }
    }
}

#[derive(Clone)]
enum Service {
    Driver(Arc<Driver>),
    Registration(Arc<str>),
}

impl tower::Service<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            if let Err(status) = peer(&request, Access::Own) {
                return Ok(status.into_http());
            }
            Ok(match service {
                Self::Driver(driver) => answer(driver, request).await,
                Self::Registration(endpoint) => register(&endpoint, request).await,
            })
        })
    }
}

async fn answer(driver: Arc<Driver>, request: http::Request<Body>) -> http::Response<Body> {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/csi.v1.Identity/GetPluginInfo" => {
            let version = PluginVersion { name: DRIVER.into(), vendor_version: env!("CARGO_PKG_VERSION").into() };
            say(request, version).await
        }
        "/csi.v1.Identity/GetPluginCapabilities" => say(request, Nothing {}).await,
        "/csi.v1.Identity/Probe" => say(request, ProbeResponse { ready: Some(BoolValue { value: true }) }).await,
        "/csi.v1.Node/NodeGetCapabilities" => {
            let group = NodeServiceCapability { rpc: Some(Rpc { kind: Rpc::VOLUME_MOUNT_GROUP }) };
            say(request, NodeGetCapabilitiesResponse { capabilities: vec![group] }).await
        }
        "/csi.v1.Node/NodeGetInfo" => say(request, NodeGetInfoResponse { node_id: driver.node.clone() }).await,
        "/csi.v1.Node/NodePublishVolume" => {
            let publish = |message| {
                let driver = driver.clone();
                async move { driver.publish(message).await.map(|()| Nothing {}) }
            };
            unary(request, publish).await
        }
        "/csi.v1.Node/NodeUnpublishVolume" => {
            let unpublish = |message| {
                let driver = driver.clone();
                async move { driver.unpublish(message).await.map(|()| Nothing {}) }
            };
            unary(request, unpublish).await
        }
        _ => Status::unimplemented("this driver makes ephemeral volumes of a node, and has no such method").into_http(),
    }
}

async fn register(endpoint: &str, request: http::Request<Body>) -> http::Response<Body> {
    match request.uri().path() {
        "/pluginregistration.Registration/GetInfo" => {
            let info = PluginInfo {
                kind: "CSIPlugin".into(),
                name: DRIVER.into(),
                endpoint: endpoint.into(),
                supported_versions: vec!["1.0.0".into()],
            };
            say(request, info).await
        }
        "/pluginregistration.Registration/NotifyRegistrationStatus" => {
            unary(request, |status: RegistrationStatus| async move {
                match status.plugin_registered {
                    true => tracing::info!("kubelet has registered the driver {DRIVER}"),
                    false => tracing::error!(error = status.error, "kubelet has not registered the driver {DRIVER}"),
                }
                Ok(Nothing {})
            })
            .await
        }
        _ => Status::unimplemented("there is no such method").into_http(),
    }
}

/// The same answer whatever was asked.
async fn say<A: prost::Message + Default + Clone + 'static>(
    request: http::Request<Body>,
    answer: A,
) -> http::Response<Body> {
    unary(request, |_: Nothing| std::future::ready(Ok(answer.clone()))).await
}
