//! What this process holds, before and after: a plugin that leaks does it in the guard's process.

use serde_json::{Value, json};
use windows::Win32::Foundation::CloseHandle;
use windows::Win32::System::ProcessStatus::{GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows::Win32::System::Threading::{CreateEventW, GetCurrentProcess, GetProcessHandleCount};

#[derive(Clone, Copy, Default)]
pub struct Holdings {
    handles: u32,
    /// Committed memory.
    bytes: usize,
}

impl Holdings {
    pub fn now() -> Self {
        let (mut handles, mut memory) = (0, PROCESS_MEMORY_COUNTERS::default());
        let size = u32::try_from(size_of_val(&memory)).unwrap_or_default();
        // SAFETY: the handle stands for this process and needs no closing.
        let this = unsafe { GetCurrentProcess() };
        // SAFETY: the counter may be written.
        let _ = unsafe { GetProcessHandleCount(this, &raw mut handles) };
        if handles == 0 {
            handles = next_handle();
        }
        // SAFETY: there is room for as many bytes as is said.
        let _ = unsafe { GetProcessMemoryInfo(this, &raw mut memory, size) };
        Self { handles, bytes: memory.PagefileUsage }
    }

    pub fn json(self) -> Value {
        json!({ "handles": self.handles, "kilobytes": self.bytes >> 10 })
    }
}

/// Wine does not count handles, but gives the lowest number that is free: it grows when handles are kept.
fn next_handle() -> u32 {
    // SAFETY: it has no name and no attributes.
    let Ok(event) = (unsafe { CreateEventW(None, true, false, None) }) else { return 0 };
    let number = u32::try_from(event.0.addr() / 4).unwrap_or(u32::MAX);
    // SAFETY: it was made above and is used no more.
    let _ = unsafe { CloseHandle(event) };
    number
}
