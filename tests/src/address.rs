//! Loopback addresses of one's own, for servers that cannot choose a free port themselves.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

/// A loopback address that no other test has: Linux has sixteen million of them.
pub(crate) fn own() -> Ipv4Addr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed) % 32;
    let [_, a, b, c] = std::process::id().to_be_bytes();
    // Process IDs have 22 bits: 127.64.0.0 to 127.127.255.255 is theirs, and its neighbours' are counted through.
    let [_, x, y, z] = ((u32::from(a & 0x3f) << 16 | u32::from(b) << 8 | u32::from(c)) ^ count << 17).to_be_bytes();
    Ipv4Addr::new(127, 64 | x, y, z.clamp(1, 254))
}
