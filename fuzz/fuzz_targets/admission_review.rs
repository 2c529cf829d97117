//! The API server's questions: whatever comes is a review of a pod, or refused.
#![no_main]

use pando_kube::webhook::Review;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(review) = Review::parse(bytes.to_vec()) {
        let _ = (review.pod(), review.old_pod());
    }
});
