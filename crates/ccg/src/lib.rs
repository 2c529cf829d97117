//! The Container Credential Guard: a credential spec in, a gMSA identity out.
//!
//! The guard follows the chain of trust from end to end: it reads the credential spec, has the plugin that the spec names fetch the
//! impersonation account's credentials (or takes the host's own identity), logs on with them, opens an encrypted connection to the domain
//! controller, makes sure that this is the domain the spec means, lets the directory release each gMSA's password, and logs on as the gMSA.
//! Every link authenticates both of its ends and is reported as a [`Link`]; the first that does not hold ends it, and the [`GuardError`]
//! says which one and what to do.
//!
//! In reading order: [`Guard::fetch`]; [`Identity`], what comes of it, and its files; [`Lease`], which keeps them fresh, and [`Leases`], all those of a
//! host; [`Observer`], who is told; [`Link`] and [`Step`]; [`GuardError`] and [`Cause`];
//! [`domain_facts()`], what a directory says about its domain, which also makes new specs.
//!
//! ```no_run
//! use ccg::{Guard, Plugins, plugins::Rkc};
//! # async fn example(domain: client::Domain) -> Result<(), Box<dyn std::error::Error>> {
//! let guard = Guard::new(Plugins::new().with(Rkc::new(Rkc::HOST_DIR)));
//! let identity = guard.fetch_json(&std::fs::read("webapp01.json")?, &domain).await?;
//! let written = identity.write_ccache("/run/webapp01/krb5cc".as_ref())?;
//! for link in identity.links.iter().chain([&written]) {
//!     println!("{link}");
//! }
//! # Ok(()) }
//! ```
//!
//! Follows what Windows' ccg.exe does with HostAccountConfig; MS-ADTS 3.1.1.4.5.39 (msDS-ManagedPassword).

mod domain_facts;
mod error;
mod guard;
mod host;
mod identity;
mod lease;
mod leases;
mod link;
mod observer;
mod root_keys;

pub use domain_facts::{FactsError, domain_facts};
pub use error::{Cause, GuardError};
pub use guard::{Guard, Options};
pub use host::{Asker, HostKeytabs};
pub use identity::{Account, Identity};
pub use lease::{Folder, FolderError, Keytabs, Lease, Means, Member, Owner, Readers, Term};
pub use leases::{
    Added, BadLeaseId, Bring, Credentials, Domains, Holder, LeaseError, LeaseId, Leases, Limits, Peer, Places, Process,
    Request, Standing, Summary, Workload,
};
pub use link::{Link, Step};
pub use observer::{Fetch, Logged, Observer, Occasion};
pub use plugins::{self, Hop, PasswordCredentials, Plugin, PluginError, Registry as Plugins};
