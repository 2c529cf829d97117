//! What the outside tests stand on: a real `pando` process for each test, and real clients pointed at it.
//!
//! In reading order: [`Domain`], a domain of one's own with the people of the story in it; [`Tool`], a program run
//! against it, whose [`Finished`] is asserted on; [`chain`],
//! the links between a container and its domain; [`azure`] and [`aws`], clouds to keep its secret in, and [`OpenBao`], a server to keep it in; [`Cluster`], a Kubernetes API server, and [`Node`], a node of it; [`wire`], a client that writes raw LDAP, for tests that need to know exactly
//! what was acknowledged or to send what no client would.
//!
//! A domain is provisioned once for each build of the binary and copied for each test, so that every test has its own
//! data and ports, and leaves nothing behind.
//!
//! A missing client fails its test: `cargo xtask test` installs them.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "only tests use this; failing is its job")]

mod address;
pub mod aws;
pub mod azure;
mod binary;
mod cache;
pub mod chain;
mod clock;
mod cluster;
mod dns;
mod domain;
mod guard;
mod node;
mod openbao;
mod people;
pub mod python;
mod samba;
mod template;
mod tool;
mod wine;
pub mod wire;

pub use binary::pando;
pub use cluster::{Cluster, Front, Mood, StatusService, WebhookService, Workload, gmsa_credential_spec};
pub use dns::DnsServer;
pub use domain::{Domain, Ports, Transport};
pub use guard::GuardService;
pub use node::{Container, KubePod, Node};
pub use openbao::OpenBao;
pub use people::{ADMIN_PASSWORD, ALICE_PASSWORD, BASE, BOB_PASSWORD, GUARD_PASSWORD, MALLORY_PASSWORD, unicode_pwd};
pub use samba::{FABRIKAM, FABRIKAM_DC, Samba};
pub use tool::{Finished, Tool};
pub use wine::{Held, Wine, windows_program};
