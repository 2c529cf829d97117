//! A domain controller: LDAP, LDAPS and Kerberos served from a directory.
