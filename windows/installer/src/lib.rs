//! Installs the plugins of the Container Credential Guard on Windows, upgrades them while they are loaded, says exactly what is there, and
//! takes them away without a trace.
//!
//! What a machine must look like is data ([`class`]); what it looks like is read ([`seen`]); the difference becomes steps ([`plan`]), each of
//! which has an opposite ([`step`]), so that a run either reaches its end or leaves everything as it was ([`transaction`]). All of that
//! knows Windows only as a [`machine::Machine`], and is tested without one. [`command`] is the command line of
//! `pando-ccg-installer`.
//!
//! Follows Microsoft's documentation of COM's registry keys (CLSID, AppID, DllSurrogate) and of CCG's plugins (ccgplugins.h).

pub mod busy;
pub mod caseless;
pub mod class;
pub mod cleanup;
pub mod command;
pub mod files;
pub mod loan;
pub mod machine;
pub mod plan;
pub mod print;
pub mod record;
pub mod registry;
pub mod seen;
pub mod status;
pub mod step;
pub mod transaction;
pub mod version;
#[cfg(windows)]
pub mod windows;
pub mod work;
