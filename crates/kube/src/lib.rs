//! The Kubernetes side: the account provider.
