//! Security descriptors: what is read is written, and read as the same again.
#![no_main]

use dtyp::SecurityDescriptor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = (dtyp::Sid::from_bytes(bytes), dtyp::Guid::from_bytes(bytes));
    if let Ok(read) = SecurityDescriptor::from_bytes(bytes)
        && let Ok(written) = read.to_bytes()
    {
        let again = SecurityDescriptor::from_bytes(&written).expect("what was written can be read");
        assert_eq!((again.owner, again.group, again.dacl, again.sacl), (read.owner, read.group, read.dacl, read.sacl));
    }
});
