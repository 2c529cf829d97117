//! The guard as a service of a host: leases for whoever may use its socket.
//!
//! [`ccg`] turns credential specs into identities and keeps them fresh; this room lets others ask for that. Over a Unix socket it speaks
//! gRPC: the interface of credentials-fetcher, so that what is made for that works unchanged, and its own, which can also say for which
//! user an identity is. The system vouches for who calls. Root may ask for anybody; others get identities for themselves only, and see
//! only their own leases.
//!
//! In reading order: [`bind`] and [`serve`], the socket; [`message`], what is said over it (`proto/` has it as protocol buffers);
//! [`Caller`], the other end; [`Watch`] with [`AuditFile`] and [`Metrics`]; [`oci`], what a container runtime's hooks do; [`csi`], what kubelet asks for pods.
//!
//! Follows gRPC over HTTP/2; the interface of AWS credentials-fetcher; the OCI runtime specification (hooks, state); CSI 1.

mod api;
mod audit;
mod caller;
pub mod csi;
mod door;
pub mod message;
mod metrics;
pub mod oci;
mod room;
mod scrape;
mod service;
mod shelf;
mod socket;
mod status;
mod watch;

pub use audit::AuditFile;
pub use caller::{CallError, Caller};
pub use ccg::Workload;
pub use metrics::Metrics;
pub use room::{Room, make_room};
pub use scrape::Scrape;
pub use service::Access;
pub use socket::{SocketError, bind, serve};
pub use tonic::Code;
pub use watch::Watch;
