//! A text that is given away: UTF-16 with a zero at its end, in memory of COM's, which the caller frees.

use std::ffi::c_void;
use std::mem::ManuallyDrop;

use windows::Win32::System::Com::{CoTaskMemAlloc, CoTaskMemFree};
use windows_core::PWSTR;

/// Wiped and freed unless it is given away.
pub(crate) struct OutText {
    start: *mut u16,
    units: usize,
}

impl OutText {
    /// `None` when there is no memory. The text is encoded straight into its place, so that there is no second copy to wipe.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let units = text.encode_utf16().count() + 1;
        let bytes = units.checked_mul(2)?;
        // SAFETY: any size may be asked for.
        let start = unsafe { CoTaskMemAlloc(bytes) }.cast::<u16>();
        if start.is_null() {
            return None;
        }
        for (at, unit) in text.encode_utf16().chain([0]).enumerate() {
            // SAFETY: there are as many units as were counted above, and room for them.
            unsafe { start.add(at).write(unit) };
        }
        Some(Self { start, units })
    }

    /// The caller's from here on.
    pub(crate) fn into_raw(self) -> PWSTR {
        PWSTR(ManuallyDrop::new(self).start)
    }
}

impl Drop for OutText {
    fn drop(&mut self) {
        for at in 0..self.units {
            // SAFETY: it is in the memory that was allocated; volatile, because nobody reads it any more.
            unsafe { self.start.add(at).write_volatile(0) };
        }
        // SAFETY: it came from this allocator and was not given away.
        unsafe { CoTaskMemFree(Some(self.start.cast::<c_void>().cast_const())) };
    }
}
