//! A new domain: its naming contexts, well-known containers, built-in groups and accounts.
