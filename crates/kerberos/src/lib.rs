//! Kerberos V5 without I/O: messages, cryptography, PAC, GSS-API, SPNEGO, keytab and credential cache.
