//! What Windows is asked to do. Each function is one or two calls; nothing is decided here.
#![allow(unsafe_code, reason = "these calls of Windows take raw pointers; each use says why it holds")]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::FromRawHandle;
use std::path::Path;

use dtyp::Sid;
use windows::Win32::Foundation::{
    CloseHandle, ERROR_INSUFFICIENT_BUFFER, ERROR_NOT_ALL_ASSIGNED, GENERIC_WRITE, GetLastError, HANDLE, LUID,
    WIN32_ERROR,
};
use windows::Win32::Security::{
    AdjustTokenPrivileges, DACL_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION, GetFileSecurityW,
    GetTokenInformation, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW, OBJECT_SECURITY_INFORMATION,
    OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, SE_PRIVILEGE_ENABLED,
    SECURITY_ATTRIBUTES, SetFileSecurityW, TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES, TOKEN_QUERY, TOKEN_USER,
    TokenUser,
};
use windows::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_FLAGS_AND_ATTRIBUTES, FILE_SHARE_MODE, MOVEFILE_DELAY_UNTIL_REBOOT,
    MOVEFILE_WRITE_THROUGH, MoveFileExW,
};
use windows::Win32::System::Registry::{
    HKEY, HKEY_LOCAL_MACHINE, KEY_QUERY_VALUE, KEY_WOW64_64KEY, REG_SAM_FLAGS, RegCloseKey, RegDeleteKeyExW,
    RegFlushKey, RegGetKeySecurity, RegOpenKeyExW, RegSetKeySecurity,
};
use windows::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows::core::{Error, HSTRING, PCWSTR, Result};

use crate::rights;

const READ_CONTROL: u32 = 0x0002_0000;
const WRITE_DAC: u32 = 0x0004_0000;
const WRITE_OWNER: u32 = 0x0008_0000;
/// No descriptor is larger.
const LARGEST: u32 = 64 << 10;

fn wide(path: &Path) -> Vec<u16> {
    path.as_os_str().encode_wide().chain([0]).collect()
}

fn attributes(descriptor: &[u8]) -> SECURITY_ATTRIBUTES {
    SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(0),
        lpSecurityDescriptor: descriptor.as_ptr().cast_mut().cast(),
        bInheritHandle: false.into(),
    }
}

/// Makes a folder that has this descriptor from its first moment.
///
/// # Errors
/// The system's, also when something of that name is there.
pub fn create_folder(path: &Path, descriptor: &[u8]) -> io::Result<()> {
    let (name, attributes) = (wide(path), attributes(descriptor));
    // SAFETY: the name ends with NUL, and it and the descriptor outlive the call, which only reads them.
    unsafe { CreateDirectoryW(PCWSTR(name.as_ptr()), Some(&raw const attributes)) }.map_err(plain)
}

/// Makes a new file, to be written, that has this descriptor from its first moment.
///
/// # Errors
/// The system's, also when something of that name is there.
pub fn create_file(path: &Path, descriptor: &[u8]) -> io::Result<File> {
    let (name, attributes) = (wide(path), attributes(descriptor));
    // SAFETY: as for folders.
    let handle = unsafe {
        CreateFileW(
            PCWSTR(name.as_ptr()),
            GENERIC_WRITE.0,
            FILE_SHARE_MODE(0),
            Some(&raw const attributes),
            CREATE_NEW,
            FILE_FLAGS_AND_ATTRIBUTES(0),
            None,
        )
    };
    // SAFETY: the handle is open, and nobody else has it.
    handle.map(|handle| unsafe { File::from_raw_handle(handle.0) }).map_err(plain)
}

/// Gives a file or folder this list of rights, and nothing inherited.
///
/// # Errors
/// The system's.
pub fn set_rights(path: &Path, descriptor: &[u8]) -> io::Result<()> {
    let name = wide(path);
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    let descriptor = PSECURITY_DESCRIPTOR(descriptor.as_ptr().cast_mut().cast());
    // SAFETY: as for folders.
    unsafe { SetFileSecurityW(PCWSTR(name.as_ptr()), what, descriptor) }.ok().map_err(plain)
}

/// The owner and the rights of a file or folder.
///
/// # Errors
/// The system's.
pub fn of_file(path: &Path) -> io::Result<Vec<u8>> {
    let name = wide(path);
    let what = (OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION).0;
    let (mut needed, mut bytes) = (0, vec![0_u8; 1 << 10]);
    loop {
        let length = u32::try_from(bytes.len()).unwrap_or(LARGEST);
        let into = PSECURITY_DESCRIPTOR(bytes.as_mut_ptr().cast());
        // SAFETY: the name ends with NUL; the buffer is as long as is said, and aligned enough: it is copied to bytewise.
        let got = unsafe { GetFileSecurityW(PCWSTR(name.as_ptr()), what, Some(into), length, &raw mut needed) };
        match got.ok() {
            Ok(()) => return Ok(bytes),
            Err(_) if needed > length && needed <= LARGEST => bytes.resize(needed as usize, 0),
            Err(error) => return Err(plain(error)),
        }
    }
}

/// The user that this process runs as.
///
/// # Errors
/// The system's.
pub fn me() -> io::Result<Sid> {
    let token = Token::open().map_err(plain)?;
    // Words, so that the structure in it is aligned.
    let mut buffer = [0_u64; 64];
    let (into, size, mut used) = (buffer.as_mut_ptr().cast::<c_void>(), size_of_val(&buffer), 0);
    let size = u32::try_from(size).unwrap_or(0);
    // SAFETY: the buffer is as long as is said.
    unsafe { GetTokenInformation(token.0, TokenUser, Some(into), size, &raw mut used) }.map_err(plain)?;
    // SAFETY: the call has filled the buffer with this structure, whose pointer leads into the same buffer.
    let sid = unsafe { (*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid };
    let start = sid.0.addr().wrapping_sub(buffer.as_ptr().addr());
    let bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let bytes = bytes.get(start..).unwrap_or_default();
    Sid::split_from(bytes).map(|(sid, _)| sid).map_err(io::Error::other)
}

/// Renames a file; what has the new name already is not replaced.
///
/// # Errors
/// The system's.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (wide(from), wide(to));
    // SAFETY: both names end with NUL, and outlive the call.
    unsafe { MoveFileExW(PCWSTR(from.as_ptr()), PCWSTR(to.as_ptr()), MOVEFILE_WRITE_THROUGH) }.map_err(plain)
}

/// Has a file or an empty folder deleted when the computer starts next.
///
/// # Errors
/// The system's.
pub fn remove_at_restart(path: &Path) -> io::Result<()> {
    let name = wide(path);
    // SAFETY: the name ends with NUL, and outlives the call.
    unsafe { MoveFileExW(PCWSTR(name.as_ptr()), PCWSTR::null(), MOVEFILE_DELAY_UNTIL_REBOOT) }.map_err(plain)
}

/// Deletes a key of `HKEY_LOCAL_MACHINE` that has no keys in it.
///
/// # Errors
/// The system's.
pub fn delete_key(path: &str) -> Result<()> {
    let name = HSTRING::from(path);
    // SAFETY: the name outlives the call.
    unsafe { RegDeleteKeyExW(HKEY_LOCAL_MACHINE, &name, KEY_WOW64_64KEY.0, None) }.ok()
}

/// The owner and the rights of a key of `HKEY_LOCAL_MACHINE`.
///
/// # Errors
/// The system's.
pub fn of_key(path: &str) -> io::Result<Vec<u8>> {
    Open::key(path, READ_CONTROL)?.security()
}

/// What came of a key that was lent.
pub struct Lent<T> {
    /// What was done to it meanwhile.
    pub acted: io::Result<T>,
    /// Whether it is as it was.
    pub given_back: io::Result<()>,
}

/// Does something to a key of `HKEY_LOCAL_MACHINE` that administrators do not own: takes it, gives them a right, acts, and gives it the owner
/// and the rights that it had `before`, whether acting succeeded or not.
///
/// # Errors
/// The system's, when it cannot be taken: then nothing has been done.
pub fn with_right<T>(
    path: &str,
    right: u32,
    before: &[u8],
    act: impl FnOnce() -> io::Result<T>,
) -> io::Result<Lent<T>> {
    let _privileges = Privileges::enable(&["SeTakeOwnershipPrivilege", "SeRestorePrivilege"])?;
    let owner = Open::key(path, WRITE_OWNER)?;
    let (open, back) = (rights::opened(before, right), rights::given_back(before));
    let (open, back) = (open.map_err(io::Error::other)?, back.map_err(io::Error::other)?);
    owner.set(OWNER_SECURITY_INFORMATION, &open)?;
    // Its owner may change its rights.
    let (acted, list_is_back) = match Open::key(path, WRITE_DAC) {
        Ok(list) => {
            let acted = list.set(DACL_SECURITY_INFORMATION, &open).and_then(|()| act());
            (acted, rights::is_given_back(path, list.set(DACL_SECURITY_INFORMATION, &back)))
        }
        Err(error) => (Err(error), Ok(())),
    };
    let whose = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION;
    let owner_is_back = rights::is_given_back(path, owner.set(whose, &back));
    Ok(Lent { acted, given_back: owner_is_back.and(list_is_back) })
}

/// Gives a key of `HKEY_LOCAL_MACHINE` this owner and these rights, if it has others.
///
/// # Errors
/// The system's.
pub fn set_rights_of_key(path: &str, descriptor: &[u8]) -> io::Result<()> {
    if of_key(path)? == descriptor {
        return Ok(());
    }
    with_right(path, 0, descriptor, || Ok(()))?.given_back
}

/// Has what was written to a key of `HKEY_LOCAL_MACHINE` on disk.
///
/// # Errors
/// The system's.
pub fn flush_key(path: &str) -> io::Result<()> {
    let key = Open::key(path, KEY_QUERY_VALUE.0)?;
    // SAFETY: the key is open.
    unsafe { RegFlushKey(key.0) }.ok().map_err(plain)
}

/// An open key.
struct Open(HKEY);

impl Open {
    fn key(path: &str, access: u32) -> io::Result<Self> {
        let (name, mut key) = (HSTRING::from(path), HKEY::default());
        let access = REG_SAM_FLAGS(access | KEY_WOW64_64KEY.0);
        // SAFETY: the name and the place for the handle outlive the call.
        unsafe { RegOpenKeyExW(HKEY_LOCAL_MACHINE, &name, None, access, &raw mut key) }.ok().map_err(plain)?;
        Ok(Self(key))
    }

    fn security(&self) -> io::Result<Vec<u8>> {
        let what = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
        let mut bytes = vec![0_u8; 1 << 10];
        loop {
            let mut length = u32::try_from(bytes.len()).unwrap_or(LARGEST);
            let into = PSECURITY_DESCRIPTOR(bytes.as_mut_ptr().cast());
            // SAFETY: the key is open; the buffer is as long as is said, and copied to bytewise.
            match unsafe { RegGetKeySecurity(self.0, what, Some(into), &raw mut length) } {
                WIN32_ERROR(0) => {
                    bytes.truncate(length as usize);
                    return Ok(bytes);
                }
                ERROR_INSUFFICIENT_BUFFER if length as usize > bytes.len() && length <= LARGEST => {
                    bytes.resize(length as usize, 0);
                }
                error => return Err(plain(error.into())),
            }
        }
    }

    fn set(&self, what: OBJECT_SECURITY_INFORMATION, descriptor: &[u8]) -> io::Result<()> {
        let descriptor = PSECURITY_DESCRIPTOR(descriptor.as_ptr().cast_mut().cast());
        // SAFETY: the key is open; the descriptor is self-relative and outlives the call, which only reads it.
        unsafe { RegSetKeySecurity(self.0, what, descriptor) }.ok().map_err(plain)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: it is open, and closed once. That it cannot be closed changes nothing for anyone.
        let _ = unsafe { RegCloseKey(self.0) };
    }
}

/// This process' token.
struct Token(HANDLE);

impl Token {
    fn open() -> Result<Self> {
        let mut token = HANDLE::default();
        // SAFETY: the place for the handle outlives the call; the process' own handle needs no closing.
        unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES, &raw mut token) }?;
        Ok(Self(token))
    }

    fn set(&self, privilege: LUID, on: bool) -> io::Result<()> {
        let attributes = if on { SE_PRIVILEGE_ENABLED } else { Default::default() };
        let one = LUID_AND_ATTRIBUTES { Luid: privilege, Attributes: attributes };
        let state = TOKEN_PRIVILEGES { PrivilegeCount: 1, Privileges: [one] };
        // SAFETY: the structure outlives the call, which only reads it.
        unsafe { AdjustTokenPrivileges(self.0, false, Some(&raw const state), 0, None, None) }.map_err(plain)?;
        // It succeeds as well when there is nothing to switch on.
        // SAFETY: reads a number of this thread's.
        if unsafe { GetLastError() } == ERROR_NOT_ALL_ASSIGNED {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "only an administrator may take ownership of keys",
            ));
        }
        Ok(())
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: it is open, and closed once.
        let _ = unsafe { CloseHandle(self.0) };
    }
}

/// Privileges that are on until this is dropped.
struct Privileges {
    token: Token,
    on: Vec<LUID>,
}

impl Privileges {
    fn enable(names: &[&str]) -> io::Result<Self> {
        let mut all = Self { token: Token::open().map_err(plain)?, on: Vec::new() };
        for name in names {
            let (name, mut privilege) = (HSTRING::from(*name), LUID::default());
            // SAFETY: the name and the place for the number outlive the call.
            unsafe { LookupPrivilegeValueW(PCWSTR::null(), &name, &raw mut privilege) }.map_err(plain)?;
            all.token.set(privilege, true)?;
            all.on.push(privilege);
        }
        Ok(all)
    }
}

impl Drop for Privileges {
    fn drop(&mut self) {
        for privilege in &self.on {
            // One that stays on gives this process nothing that it could not switch on again.
            let _ = self.token.set(*privilege, false);
        }
    }
}

/// With the number that Windows' own tools show.
fn plain(error: Error) -> io::Error {
    const WIN32: u32 = 0x8007;
    let code = error.code().0.cast_unsigned();
    if code >> 16 == WIN32 {
        io::Error::from_raw_os_error((code & 0xFFFF).cast_signed())
    } else {
        io::Error::other(error)
    }
}
