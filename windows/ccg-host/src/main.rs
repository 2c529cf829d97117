//! Calls a CCG plugin as Windows' Container Credential Guard does.

fn main() {}
