//! Any tree of BER elements: walked without a panic, and what the writer wrote back reads the same.
#![no_main]

use asn1::{Reader, Writer};

fn walk(bytes: &[u8], depth: usize) {
    let mut reader = Reader::new(bytes);
    while let Ok(element) = reader.any() {
        let mut writer = Writer::der();
        writer.value(element.tag, element.value);
        let again = Reader::new(writer.as_bytes()).any().expect("what was written can be read");
        assert_eq!((again.tag, again.value), (element.tag, element.value));
        if element.tag.is_constructed() && depth < 64 {
            walk(element.value, depth + 1);
        }
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = asn1::frame(bytes, 1 << 20);
    walk(bytes, 0);
    for tag in [asn1::Tag::INTEGER, asn1::Tag::BOOLEAN, asn1::Tag::ENUMERATED] {
        let _ = Reader::new(bytes).integer(tag);
        let _ = Reader::new(bytes).boolean(tag);
    }
});
