//! Active Directory's schema: attributes, classes, syntaxes and the subschema LDAP clients read.
