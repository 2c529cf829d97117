//! Who may read and write files, folders and registry keys on Windows.
//!
//! What is right is decided here as data ([`rights`]), on any system, and tested there. `system` is the little that asks Windows to do it,
//! and the only unsafe code of it; it is there on Windows only. Not for anything that is inherited and need not be said: what has no
//! secret takes the rights of its folder.
//!
//! Follows MS-DTYP 2.4.6 (security descriptors) and Microsoft's documentation of access rights to files and keys.

pub mod rights;
#[cfg(windows)]
pub mod system;
