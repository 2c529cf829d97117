//! What the system allows a service.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Each connection is an open file, and what a shell allows is often less than the connections there may be.
pub fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// No image of the memory is written when it crashes: there may be passwords in it.
pub fn leave_no_core() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "the size of core files stays as it is");
    }
}
