//! A domain's client: DC location, Kerberos, sealed LDAP and the retrieval of gMSA passwords.
