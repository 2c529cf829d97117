//! Security descriptors: what is read is written, and what was written reads and writes as the same again.
#![no_main]

use dtyp::SecurityDescriptor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = (dtyp::Sid::from_bytes(bytes), dtyp::Guid::from_bytes(bytes));
    if let Ok(read) = SecurityDescriptor::from_bytes(bytes)
        && let Ok(written) = read.to_bytes()
    {
        // Writing rounds what follows a SID in an entry up to four bytes; from then on nothing changes.
        let again = SecurityDescriptor::from_bytes(&written).expect("what was written can be read");
        assert_eq!((again.owner, again.group), (read.owner, read.group));
        assert_eq!(again.to_bytes().ok(), Some(written));
    }
});
