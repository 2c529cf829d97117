//! One run at a time.

use std::fs::{File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use windows::Win32::Storage::FileSystem::FILE_FLAG_DELETE_ON_CLOSE;

use crate::busy::is_busy;
use crate::caseless::Caseless;
use crate::machine::Failure;

/// Waits for a run that is under way. The lock is a file that only administrators can make, and that goes with its holder, however that ends.
pub fn take(program_files: &Caseless, patience: Duration) -> Result<File, Failure> {
    let path = program_files.join("pando-ccg-installer.lock");
    let started = Instant::now();
    loop {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).share_mode(0).custom_flags(FILE_FLAG_DELETE_ON_CLOSE.0);
        match options.open(path.as_str()) {
            Err(error) if is_busy(error.raw_os_error(), started.elapsed(), patience) => {
                std::thread::sleep(Duration::from_millis(100));
            }
            opened => {
                let doing = "be the only installer at work (are you an administrator? does another one run?)";
                return opened.map_err(|source| Failure::new(doing, source));
            }
        }
    }
}
