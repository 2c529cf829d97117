//! The body of an answer, bounded.

use std::io::Read;

use zeroize::Zeroizing;

/// Credentials are a few hundred bytes; this leaves room for long passwords and for what a store says besides.
pub(crate) const MOST_BYTES: u64 = 64 << 10;

#[derive(Debug)]
pub(crate) enum ReadError {
    TooLarge,
    Io(std::io::Error),
}

/// Reads into memory that does not move while it grows, and is wiped afterwards.
pub(crate) fn read(mut body: impl Read) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES as usize + 1));
    body.by_ref().take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > MOST_BYTES { Err(ReadError::TooLarge) } else { Ok(bytes) }
}
