//! Identities for Linux pods: a CSI driver for ephemeral volumes that are written into the pod.
//!
//! Kubelet asks for the volume before the pod's containers start ([`Sockets`]). The driver has the API server vouch for the pod by the pod's
//! own token and say whether its service account may use the credential spec ([`Cluster`]), makes a lease, and mounts the lease's folder,
//! read-only, where kubelet wants it ([`Driver`]). The lease ends with the volume.
//!
//! CSI specification 1: "Identity Service RPC", "Node Service RPC"; Kubernetes: ephemeral inline volumes, plugin registration.

mod cluster;
mod driver;
mod leftovers;
mod message;
mod record;
mod request;
mod service;
mod target;
mod view;

pub use cluster::{Cluster, Refusal, SpecAnswer};
pub use driver::{DRIVER, Driver, DriverError, Settings};
pub use service::Sockets;
