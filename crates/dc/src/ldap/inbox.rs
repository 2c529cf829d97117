//! Bytes that arrived, of which some have been read.

use zeroize::Zeroize;

/// What a buffer may keep when it is empty; more is given back, so that idle connections cost little.
const KEPT: usize = 64 << 10;
/// How much is asked of the operating system at once.
const CHUNK: usize = 8 << 10;

/// A buffer that is filled at its end and read from its start.
#[derive(Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
}

impl Inbox {
    /// What has not been read.
    pub(crate) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Counts bytes as read; wiped when there may be a password among them.
    pub(crate) fn consume(&mut self, count: usize, wipe: bool) {
        let end = self.start.saturating_add(count).min(self.bytes.len());
        if wipe && let Some(read) = self.bytes.get_mut(self.start..end) {
            read.zeroize();
        }
        self.start = end;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
            if self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
        }
    }

    /// Where more is to be put: behind what is there, with room.
    pub(crate) fn space(&mut self) -> &mut Vec<u8> {
        if self.start > 0 && self.bytes.capacity().saturating_sub(self.bytes.len()) < CHUNK {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        if self.bytes.capacity().saturating_sub(self.bytes.len()) < CHUNK / 2 {
            self.bytes.reserve(CHUNK);
        }
        &mut self.bytes
    }

    /// Puts bytes behind what is there.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.space().extend_from_slice(bytes);
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_in_order() {
        let mut inbox = Inbox::default();
        inbox.extend(b"abc");
        inbox.consume(1, false);
        inbox.extend(b"def");
        assert_eq!(inbox.unread(), b"bcdef");
        inbox.consume(99, true);
        assert_eq!(inbox.unread(), b"");
    }

    #[test]
    fn what_held_a_password_is_wiped() {
        let mut inbox = Inbox::default();
        inbox.extend(b"secret, rest");
        inbox.consume(6, true);
        assert!(!inbox.bytes.starts_with(b"secret"));
        assert_eq!(inbox.unread(), b", rest");
    }
}
