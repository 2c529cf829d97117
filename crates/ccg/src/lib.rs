//! The Container Credential Guard: a credential spec in, a gMSA identity out.
