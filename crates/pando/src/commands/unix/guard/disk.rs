//! Where identities are kept must be in memory.

use std::path::Path;

/// What was on a disk can be read from it later; what was in memory is gone with it.
pub fn warn_of_disk(identities: &Path) {
    const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];
    if rustix::fs::statfs(identities).is_ok_and(|found| !IN_MEMORY.contains(&found.f_type)) {
        let path = identities.display();
        tracing::warn!(%path, "identities are kept on a disk, and may be found there later: choose a folder in memory (tmpfs)");
    }
}
