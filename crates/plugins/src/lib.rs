//! What a CCG plugin does, for any host: rkc (Kubernetes), later akv (Azure Key Vault).
