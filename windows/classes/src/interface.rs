//! The interface that the guard calls, as Windows declares it: for who implements it, and for who calls.
//!
//! Microsoft, "ICcgDomainAuthCredentials (ccgplugins.h)".

#![allow(non_snake_case, reason = "methods have the names that Windows gave them")]
#![allow(unsafe_code, reason = "COM calls by raw pointers")]

use windows_core::{GUID, HRESULT, IUnknown, IUnknown_Vtbl, PCWSTR, PWSTR, interface};

/// The callee allocates the three texts by COM's allocator, and the caller frees them.
#[interface("6ecda518-2010-4437-8bc3-46e752b7b172")]
pub unsafe trait ICcgDomainAuthCredentials: IUnknown {
    /// The account of a plugin input: its domain, its name and its password, or three null pointers.
    pub unsafe fn GetPasswordCredentials(
        &self,
        input: PCWSTR,
        domain: *mut PWSTR,
        username: *mut PWSTR,
        password: *mut PWSTR,
    ) -> HRESULT;
}

/// A class as it is written in credential specs and in the registry, with or without its braces.
#[must_use]
pub fn class_id(text: &str) -> Option<GUID> {
    let digits: String = text.chars().filter(|c| !matches!(c, '{' | '}' | '-')).collect();
    let is_one = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_one.then(|| u128::from_str_radix(&digits, 16).ok().map(GUID::from_u128)).flatten()
}
