//! Credential caches: what decodes encodes, and decodes again.
#![no_main]

use kerberos::ccache::Ccache;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(ccache) = Ccache::decode(bytes) {
        assert!(Ccache::decode(&ccache.encode()).is_ok());
    }
});
