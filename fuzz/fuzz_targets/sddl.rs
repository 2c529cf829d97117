//! SDDL, SIDs, GUIDs and times as text: what parses prints, and what was printed parses to the same.
#![no_main]

use dtyp::{FileTime, Guid, Sid, sddl};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = FileTime::parse_generalized(text);
    if let Ok(sid) = text.parse::<Sid>() {
        assert_eq!(sid.to_string().parse::<Sid>().ok(), Some(sid));
    }
    if let Ok(guid) = text.parse::<Guid>() {
        assert_eq!(guid.to_string().parse::<Guid>().ok(), Some(guid));
    }
    let domain: Sid = "S-1-5-21-1-2-3".parse().expect("a SID");
    if let Ok(descriptor) = sddl::parse(text, &domain, &domain) {
        let printed = sddl::print(&descriptor, &domain, &domain);
        let again = sddl::parse(&printed, &domain, &domain).expect("what was printed can be parsed");
        assert_eq!(sddl::print(&again, &domain, &domain), printed);
    }
});
