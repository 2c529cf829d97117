//! The COM side of a CCG plugin: what Windows loads and calls, around a [`plugins::Plugin`] that knows nothing of it.
#![allow(unsafe_code, reason = "COM is called and calls by raw pointers; each use says why it holds")]
