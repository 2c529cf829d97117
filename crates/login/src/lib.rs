//! Logging users in for applications: DN resolution, then bind.
