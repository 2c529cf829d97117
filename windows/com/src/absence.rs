//! That a key or value of the registry is not there.

/// Whether an error says so, and nothing else.
pub(crate) fn is_absence(error: &windows_core::Error) -> bool {
    const FILE_NOT_FOUND: i32 = 0x8007_0002_u32.cast_signed();
    error.code().0 == FILE_NOT_FOUND
}
