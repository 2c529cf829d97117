//! A PAC and every buffer in it.
#![no_main]

use kerberos::pac::Pac;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(pac) = Pac::decode(bytes) {
        let _ = (pac.logon_info(), pac.client_info(), pac.upn_dns_info(), pac.attributes(), pac.requestor());
        for kind in pac.kinds() {
            assert!(pac.buffer(kind).is_some());
        }
    }
});
