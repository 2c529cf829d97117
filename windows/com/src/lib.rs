//! The COM side of a CCG plugin: what Windows loads and calls, around a `plugins::Plugin` that knows nothing of it.
//!
//! A DLL is a `Server` and `server!`, which exports the four functions that COM and `regsvr32` look for. In reading order: `entry` (those
//! functions), `class_factory`, `credentials` (the one method that the guard calls), `out_text` (what it is answered with), `event_log`, `registration` (which a `journal` takes back), `Settings` (what the operator decides), `wiping_allocator`.
//!
//! Three rules hold everywhere here. *Nothing unwinds into COM*: each function that COM calls catches panics and answers `E_UNEXPECTED`, so a
//! fault costs one call and not the process, which also serves other containers. *Nothing is kept between calls* but the number of objects that
//! are alive. *Secrets are wiped*: the DLL's allocator overwrites whatever it frees, so buffers of the libraries in it are covered too.
//!
//! Microsoft, "ICcgDomainAuthCredentials", "Implementing IClassFactory", "DLL surrogates".
#![cfg_attr(windows, allow(non_snake_case, reason = "methods have the names that Windows gave them"))]
#![allow(unsafe_code, reason = "COM calls and is called by raw pointers; each use says why it holds")]

#[cfg(windows)]
mod absence;
#[cfg(windows)]
mod class_factory;
#[cfg(windows)]
mod credentials;
#[cfg(windows)]
pub mod entry;
#[cfg(windows)]
mod event_log;
#[cfg(windows)]
mod journal;
#[cfg(windows)]
mod module;
#[cfg(windows)]
mod out_text;
#[cfg(windows)]
mod registration;
#[cfg(windows)]
mod server;
#[cfg(windows)]
mod settings;
#[cfg(windows)]
mod wiping_allocator;

#[cfg(windows)]
pub use server::{Server, inform};
#[cfg(windows)]
pub use settings::{Settings, SettingsError};
