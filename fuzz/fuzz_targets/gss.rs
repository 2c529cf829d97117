//! GSS-API tokens at an acceptor, bare and negotiated, and wrapped messages.
#![no_main]

use dtyp::{FileTime, SeededRandom};
use kerberos::crypto::{Etype, Key};
use kerberos::gss::{self, AcceptOptions, ReplayCache};
use kerberos::spnego::Acceptor;

libfuzzer_sys::fuzz_target!(|tokens: (Vec<u8>, Vec<u8>)| {
    let random = SeededRandom::new(1);
    let replay = ReplayCache::new(16);
    let key = Key::random(Etype::Aes256, &random);
    let options = AcceptOptions {
        keys: &|_, _, _, _| vec![key.clone()],
        replay: &replay,
        bindings: None,
        require_bindings: false,
        now: FileTime(133_000_000_000_000_000),
        random: &random,
    };
    let _ = gss::mechanism(&tokens.0);
    let _ = gss::accept(&tokens.0, &options);
    let mut acceptor = Acceptor::new();
    if acceptor.step(&tokens.0, |inner| gss::accept(inner, &options)).is_ok() {
        let _ = acceptor.step(&tokens.1, |inner| gss::accept(inner, &options));
    }
});
