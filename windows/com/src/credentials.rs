//! `ICcgDomainAuthCredentials`: the one method that the Container Credential Guard calls, from several threads at once.
//!
//! Microsoft, "ICcgDomainAuthCredentials::GetPasswordCredentials method (ccgplugins.h)".

use std::panic::{AssertUnwindSafe, catch_unwind};

use ccg_classes::{ICcgDomainAuthCredentials, ICcgDomainAuthCredentials_Impl};
use plugins::{PasswordCredentials, PluginError};
use secrecy::ExposeSecret;
use windows::Win32::Foundation::{E_INVALIDARG, E_OUTOFMEMORY, E_POINTER, E_UNEXPECTED, ERROR_INVALID_STATE, S_OK};
use windows_core::{HRESULT, PCWSTR, PWSTR, implement};
use zeroize::Zeroizing;

use crate::event_log::{self, Kind};
use crate::module::{self, Alive};
use crate::out_text::OutText;
use crate::{Server, Settings};

/// More than any input has: what is longer is not read.
const LONGEST_INPUT: usize = 16 << 10;

#[implement(ICcgDomainAuthCredentials)]
pub(crate) struct Credentials {
    server: &'static Server,
    _alive: Alive,
}

impl Credentials {
    pub(crate) fn new(server: &'static Server) -> Self {
        Self { server, _alive: Alive::new() }
    }
}

impl ICcgDomainAuthCredentials_Impl for Credentials_Impl {
    unsafe fn GetPasswordCredentials(
        &self,
        input: PCWSTR,
        domain: *mut PWSTR,
        username: *mut PWSTR,
        password: *mut PWSTR,
    ) -> HRESULT {
        let places = [domain, username, password];
        // Those that are there are emptied even when another is not: no caller may free what it happened to have in them.
        for place in places.into_iter().filter(|place| !place.is_null()) {
            // SAFETY: it is not null, and the caller gives room for a pointer there.
            unsafe { place.write(PWSTR::null()) };
        }
        if places.iter().any(|place| place.is_null()) {
            return E_POINTER;
        }
        module::stay();
        // SAFETY: the caller passes a text that ends, or null.
        let Some(input) = (unsafe { read(input) }) else {
            return refuse(self.server, E_INVALIDARG, "the plugin input is missing, longer than any, or not a text");
        };
        match catch_unwind(AssertUnwindSafe(|| answer(self.server, &input))) {
            Ok(Ok(texts)) => {
                for (place, text) in places.into_iter().zip(texts) {
                    // SAFETY: none is null. From here on the text belongs to the caller.
                    unsafe { place.write(text.into_raw()) };
                }
                S_OK
            }
            Ok(Err(hresult)) => hresult,
            Err(_) => refuse(self.server, E_UNEXPECTED, "the plugin has a fault in its program; please report it"),
        }
    }
}

/// The domain, the user name and the password for an input; or what to return, of which the event log then tells more.
fn answer(server: &Server, input: &str) -> Result<[OutText; 3], HRESULT> {
    let settings = Settings::of(&server.class);
    let plugin = settings.as_ref().map_err(ToString::to_string);
    let plugin = plugin.and_then(|settings| (server.plugin)(settings).map_err(|error| error.to_string()));
    let plugin = plugin.map_err(|what| refuse(server, HRESULT::from_win32(ERROR_INVALID_STATE.0), &what))?;
    let log_calls = settings.is_ok_and(|settings| settings.log_calls());
    if let Some(event) = server.call_event.filter(|_| log_calls) {
        // Not the input itself: people have put passwords there.
        let told = format!("with a PluginInput of {} characters", input.chars().count());
        event_log::write(&server.class, Kind::Information, event, &told);
    }
    let credentials = plugin.get_password_credentials(input).map_err(|error| failed(server, &error))?;
    let texts = texts(&credentials).ok_or_else(|| refuse(server, E_OUTOFMEMORY, "there is no memory left"))?;
    if log_calls {
        let PasswordCredentials { domain, username, hop, .. } = &credentials;
        let told =
            format!("{domain}\\{username}\n\nFrom: {}\nHow: {}\nBy right of: {}", hop.to, hop.how, hop.authorised_by);
        event_log::write(&server.class, Kind::Information, server.success_event, &told);
    }
    Ok(texts)
}

fn texts(credentials: &PasswordCredentials) -> Option<[OutText; 3]> {
    let of = |text: &str| OutText::new(text);
    Some([of(&credentials.domain)?, of(&credentials.username)?, of(credentials.password.expose_secret())?])
}

fn failed(server: &Server, error: &PluginError) -> HRESULT {
    let codes = error.windows_codes();
    event_log::write(&server.class, Kind::Error, codes.event, &error.to_string());
    HRESULT(codes.hresult)
}

fn refuse(server: &Server, hresult: HRESULT, what: &str) -> HRESULT {
    event_log::write(&server.class, Kind::Error, server.fault_event, what);
    hresult
}

/// People have put passwords into inputs, so it is wiped like one.
///
/// # Safety
/// `text` is null, or ends with a zero.
unsafe fn read(text: PCWSTR) -> Option<Zeroizing<String>> {
    if text.is_null() {
        return None;
    }
    // SAFETY: it is read no further than to its end, or to the limit where that comes first.
    let length = (0..=LONGEST_INPUT).find(|at| unsafe { text.0.add(*at).read() } == 0)?;
    // SAFETY: so many units were just read.
    let units = unsafe { std::slice::from_raw_parts(text.0, length) };
    String::from_utf16(units).ok().map(Zeroizing::new)
}
