//! The part of NDR (C706 chapter 14, transfer syntax 2.0, little endian) that a PAC needs, in the envelope of type serialization
//! version 1 (MS-RPCE 2.2.6).
//!
//! Counts are believed only as far as bytes are there for them.

use super::PacError;

const SERIALIZED: [u8; 8] = [1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc];
/// The first referent identifier that Windows gives; the next ones follow in steps of four.
const FIRST_REFERENT: u32 = 0x0002_0000;

pub(super) struct NdrWriter {
    out: Vec<u8>,
    referent: u32,
}

impl NdrWriter {
    pub(super) const fn new() -> Self {
        Self { out: Vec::new(), referent: FIRST_REFERENT }
    }

    pub(super) fn align(&mut self, to: usize) {
        self.out.resize(self.out.len().next_multiple_of(to), 0);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.align(2);
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes(&value.to_le_bytes());
    }

    /// A FILETIME: two words, so aligned to four only.
    pub(super) fn time(&mut self, ticks: u64) {
        self.align(4);
        self.bytes(&ticks.to_le_bytes());
    }

    /// A unique pointer; what it points to comes later, in the order of the pointers.
    pub(super) fn pointer(&mut self, present: bool) {
        let referent = if present { self.referent } else { 0 };
        self.u32(referent);
        if present {
            self.referent = self.referent.wrapping_add(4);
        }
    }

    /// The contents in the envelope: common header, private header, padded to eight.
    pub(super) fn serialized(mut self) -> Vec<u8> {
        self.align(8);
        let mut whole = Vec::with_capacity(16 + self.out.len());
        whole.extend_from_slice(&SERIALIZED);
        whole.extend_from_slice(&u32::try_from(self.out.len()).unwrap_or(u32::MAX).to_le_bytes());
        whole.extend_from_slice(&[0; 4]);
        whole.extend_from_slice(&self.out);
        whole
    }
}

pub(super) struct NdrReader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> NdrReader<'a> {
    /// Takes the envelope off.
    pub(super) fn serialized(bytes: &'a [u8]) -> Result<Self, PacError> {
        let (head, rest) = bytes.split_first_chunk::<8>().ok_or(PacError::Truncated)?;
        if head[..4] != SERIALIZED[..4] {
            return Err(PacError::Malformed("the type serialization header is not version 1, little endian"));
        }
        let (private, body) = rest.split_first_chunk::<8>().ok_or(PacError::Truncated)?;
        let [a, b, c, d, ..] = *private;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).map_err(|_| PacError::Truncated)?;
        let all = body.get(..length).ok_or(PacError::Truncated)?;
        Ok(Self { all, at: 0 })
    }

    pub(super) fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], PacError> {
        let end = self.at.checked_add(count).ok_or(PacError::Truncated)?;
        let bytes = self.all.get(self.at..end).ok_or(PacError::Truncated)?;
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PacError> {
        self.bytes(N)?.try_into().map_err(|_| PacError::Truncated)
    }

    pub(super) fn u16(&mut self) -> Result<u16, PacError> {
        self.align(2);
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, PacError> {
        self.align(4);
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn time(&mut self) -> Result<u64, PacError> {
        self.align(4);
        self.array().map(u64::from_le_bytes)
    }

    /// Whether a unique pointer points to something.
    pub(super) fn pointer(&mut self) -> Result<bool, PacError> {
        Ok(self.u32()? != 0)
    }

    /// A count of elements that take at least `size` bytes each: no more than what is left can hold.
    pub(super) fn count(&mut self, size: usize) -> Result<usize, PacError> {
        let count = usize::try_from(self.u32()?).map_err(|_| PacError::Truncated)?;
        let left = self.all.len().saturating_sub(self.at);
        if count.checked_mul(size).is_none_or(|needed| needed > left) {
            return Err(PacError::Truncated);
        }
        Ok(count)
    }
}
