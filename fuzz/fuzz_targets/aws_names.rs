//! The names of things in AWS: whatever is one can be asked for, and leads to no other host, bucket or object.
#![no_main]

use credspec::AwsInput;
use credspec::aws::{Place, Region, SecretArn, SpecArn};

fn is_plain(region: &Region) -> bool {
    region.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(secret) = text.parse::<SecretArn>() {
        assert!(is_plain(secret.region()) && secret.as_str() == text && secret.is(text));
    }
    if let Ok(input) = text.parse::<AwsInput>() {
        assert!(text.contains(input.secret.as_str()) || text.starts_with('{') || text.contains('\\'));
    }
    if let Ok(spec) = text.parse::<SpecArn>() {
        match spec.place() {
            Place::Parameter { region } => assert!(is_plain(region)),
            Place::Object { bucket, key, .. } => {
                assert!(!bucket.contains(['/', ':']) && !key.split('/').any(|part| matches!(part, "" | "." | "..")));
            }
        }
    }
});
