//! The built-in certificate authority and the TLS configurations that use it.
//!
//! Each link of the chain that Pando serves over TLS has an authority of its own, and trusts that one only: no machine store, no public
//! roots ([`Roots::system`] is for a cloud's servers, which have theirs from them).
//! This room issues short-lived certificates for one purpose each (a server's cannot act as a client, nor the other way round), keeps
//! them in files that only their owner reads, and builds `rustls` configurations, always on `ring`, that pin one authority. It opens no
//! socket and keeps no clock: the time comes in.
//!
//! In reading order: [`Authority`] issues an [`Identity`]; [`Roots`] is whom a peer trusts; [`server_config`] and [`client_config`] make the
//! two ends; [`Rotating`] lets a server change its certificate while it runs; [`Certificate`] is what can be read of one; [`mod@file`] writes.
//!
//! ```
//! use dtyp::SystemClock;
//! use pki::{Authority, ClientAuth, Purpose, Rotating, Validity};
//! # let dir = tempfile::tempdir()?;
//! let authority = Authority::load_or_create(dir.path(), "account provider", Validity::YEARS_10, &SystemClock)?;
//! let server = authority.issue(&Purpose::server(["localhost", "127.0.0.1"]), Validity::DAY, &SystemClock)?;
//! let client = authority.issue(&Purpose::client("ccg-plugin"), Validity::DAY, &SystemClock)?;
//! let accepting = pki::server_config(&Rotating::new(&server)?, ClientAuth::Required(&authority.roots()))?;
//! let connecting = pki::client_config(&authority.roots(), Some(&client))?;
//! # let _ = (accepting, connecting);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Specifications: RFC 5280 (certificates), RFC 7468 (their text), RFC 7292 (PKCS #12), RFC 8446 and 5246 (TLS).

mod authority;
mod certificate;
mod error;
pub mod file;
mod identity;
mod pkcs12;
mod rotating;
mod system_roots;
mod tls;

pub use authority::{Authority, Purpose, Scope, Validity};
pub use certificate::Certificate;
pub use error::Error;
pub use identity::Identity;
pub use rotating::Rotating;
pub use tls::{ClientAuth, Roots, client_config, provider, server_config};
