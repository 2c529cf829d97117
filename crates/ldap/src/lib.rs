//! LDAPv3 without I/O: BER, messages, filters, distinguished names, controls and LDIF.
