//! The built-in certificate authority and the TLS configurations that use it.
