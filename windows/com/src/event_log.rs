//! Entries in Windows' event log. What is written never holds a secret: errors of the plugins do not.
//!
//! A classic source, whose sentences are in the DLL itself: it needs no manifest, and works from the moment of registration. Microsoft,
//! "ReportEventW function (winbase.h)".

use ccg_classes::Class;
use windows::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, RegisterEventSourceW, ReportEventW,
};
use windows_core::{HSTRING, PCWSTR};

/// How bad it is.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Error,
    Information,
}

/// Windows takes 31,839 characters; nobody reads so many.
const LONGEST: usize = 8_000;

/// Writes one entry. That it cannot be written is not worth failing for, and there is nobody else to tell.
pub(crate) fn write(class: &Class, kind: Kind, event: u32, text: &str) {
    let kind = match kind {
        Kind::Error => EVENTLOG_ERROR_TYPE,
        Kind::Information => EVENTLOG_INFORMATION_TYPE,
    };
    let text = HSTRING::from(text.chars().take(LONGEST).collect::<String>());
    // SAFETY: the name is a text that outlives the call.
    let Ok(source) = (unsafe { RegisterEventSourceW(PCWSTR::null(), &HSTRING::from(class.event_source)) }) else {
        return;
    };
    let texts = [PCWSTR(text.as_ptr())];
    // SAFETY: the source is open, and the text outlives the call.
    let _ = unsafe { ReportEventW(source, kind, 1, event, None, 0, Some(&texts), None) };
    // SAFETY: it was opened above and is used no more.
    let _ = unsafe { DeregisterEventSource(source) };
}
