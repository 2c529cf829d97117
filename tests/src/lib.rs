//! Interop with real clients, and the chain end to end.
