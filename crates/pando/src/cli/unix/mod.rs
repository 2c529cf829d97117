//! The commands that Windows does not have: nodes there have Microsoft's guard, and no domain of ours.

mod controller;
mod credspec;
mod dc;
mod demo;
mod doctor;
mod domain;
mod gmsa;
mod guard;
mod kds;
mod reach;
mod webhook;

use clap::Subcommand;

pub use controller::{Controller, ControllerExamine, ControllerRun};
pub use credspec::CredspecNew;
pub use dc::{Dc, DcRun};
pub use demo::{Demo, DemoPlugin};
pub use doctor::Doctor;
pub use domain::{Domain, DomainCa, DomainRestore, DomainVerify, Provision};
pub use gmsa::{
    EncryptionType, Gmsa, GmsaCreate, GmsaExplain, GmsaList, GmsaName, GmsaReaders, GmsaSet, GmsaShow, GmsaSpn,
    GmsaSpnNames,
};
pub use guard::{
    Guard, GuardAdd, GuardExec, GuardFetch, GuardHook, GuardLeases, GuardPrepare, GuardRelease, GuardRun, GuardSource,
    GuardWays, HookCreate, HookEdit, HookMount, HookRelease,
};
pub use kds::{Kds, KdsCreate, KdsList, KdsRetire};
pub use reach::{Administrator, DomainAddress};
pub use webhook::{Webhook, WebhookRun};

/// The domain, and what is kept in it.
#[derive(Debug, Subcommand)]
pub enum DomainCommand {
    /// Show the whole chain of trust at work on this machine, link by link, then break links on purpose.
    Demo(Demo),
    /// Create a domain.
    #[command(subcommand)]
    Domain(Domain),
    /// Run a domain controller: LDAP, LDAPS and Kerberos.
    #[command(subcommand)]
    Dc(Dc),
    /// Keep the KDS root keys, from which the passwords of gMSAs are derived.
    #[command(subcommand)]
    Kds(Kds),
    /// Keep group managed service accounts, in any Active Directory domain.
    #[command(subcommand)]
    Gmsa(Gmsa),
}

/// What brings a gMSA into containers, and what looks after it.
#[derive(Debug, Subcommand)]
pub enum ContainerCommand {
    /// Let only pods that may use a GMSACredentialSpec have its identity: the admission webhook of Kubernetes.
    #[command(subcommand)]
    Webhook(Webhook),
    /// Say of each GMSACredentialSpec of a Kubernetes cluster how its chain of trust stands.
    #[command(subcommand)]
    Controller(Controller),
    /// Turn a credential spec into the identity of a gMSA: the Container Credential Guard.
    #[command(subcommand)]
    Guard(Guard),
    /// Follow the whole chain from this machine, and say which link fails and what to do.
    Doctor(Doctor),
    /// Run an example application.
    #[command(subcommand)]
    Example(Example),
}

#[derive(Debug, Subcommand)]
pub enum Example {
    /// An internal service that shows and changes rate limits, and logs its users in against the directory.
    RateLimiter(rate_limiter::Args),
}
