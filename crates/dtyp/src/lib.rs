//! Windows data types: SID, GUID, FILETIME, security descriptors, SDDL and the access check.
