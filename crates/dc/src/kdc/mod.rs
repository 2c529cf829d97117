//! The key distribution centre.
