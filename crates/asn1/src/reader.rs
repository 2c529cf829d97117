use crate::{Error, Tag};

/// One element: its tag, its contents, and the bytes of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The identifier octet.
    pub tag: Tag,
    /// The contents octets.
    pub value: &'a [u8],
    /// The whole element, header included.
    pub raw: &'a [u8],
}

/// Walks a run of elements that lie behind one another.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from the start.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether every element has been taken.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes not yet taken.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next element's tag, without taking it.
    pub fn peek(&self) -> Option<Tag> {
        self.rest.first().map(|b| Tag(*b))
    }

    /// Takes the next element, whatever it is.
    pub fn any(&mut self) -> Result<Tlv<'a>, Error> {
        let (header, length) = header(self.rest)?.ok_or(Error::Truncated)?;
        let end = header.checked_add(length).ok_or(Error::LengthTooLarge)?;
        let raw = self.rest.get(..end).ok_or(Error::Truncated)?;
        let value = raw.get(header..).ok_or(Error::Truncated)?;
        let tag = self.peek().ok_or(Error::Truncated)?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(Tlv { tag, value, raw })
    }

    /// Takes the next element's contents; it must have this tag.
    pub fn value(&mut self, tag: Tag) -> Result<&'a [u8], Error> {
        match self.peek() {
            Some(found) if found == tag => Ok(self.any()?.value),
            Some(found) => Err(Error::UnexpectedTag { expected: tag.0, found: found.0 }),
            None => Err(Error::Truncated),
        }
    }

    /// Takes the next element's contents if it has this tag.
    pub fn optional(&mut self, tag: Tag) -> Result<Option<&'a [u8]>, Error> {
        if self.peek() == Some(tag) { self.value(tag).map(Some) } else { Ok(None) }
    }

    /// Takes the next element, which must have this tag, and walks its contents.
    pub fn enter(&mut self, tag: Tag) -> Result<Reader<'a>, Error> {
        self.value(tag).map(Reader::new)
    }

    /// As [`Reader::enter`], when the element is there.
    pub fn enter_optional(&mut self, tag: Tag) -> Result<Option<Reader<'a>>, Error> {
        Ok(self.optional(tag)?.map(Reader::new))
    }

    /// Takes an INTEGER or ENUMERATED of at most eight octets.
    pub fn integer(&mut self, tag: Tag) -> Result<i64, Error> {
        integer(self.value(tag)?)
    }

    /// Takes a BOOLEAN: BER's any non-zero octet is true (X.690 8.2.2).
    pub fn boolean(&mut self, tag: Tag) -> Result<bool, Error> {
        match self.value(tag)? {
            [b] => Ok(*b != 0),
            _ => Err(Error::BadInteger),
        }
    }

    /// Says that nothing may be left.
    pub fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::TrailingBytes) }
    }
}

/// Decodes the contents of an INTEGER (X.690 8.3) that fits an `i64`.
pub(crate) fn integer(value: &[u8]) -> Result<i64, Error> {
    let first = *value.first().ok_or(Error::BadInteger)?;
    if value.len() > 8 {
        return Err(Error::BadInteger);
    }
    let sign = if first & 0x80 != 0 { -1i64 } else { 0 };
    Ok(value.iter().fold(sign, |n, b| (n << 8) | i64::from(*b)))
}

/// How many bytes the first element of a stream takes, header included; `None` while the header is not there yet.
///
/// An element longer than `limit` is an error at once, before its bytes arrive.
pub fn frame(bytes: &[u8], limit: usize) -> Result<Option<usize>, Error> {
    let Some((header, length)) = header(bytes)? else { return Ok(None) };
    match header.checked_add(length) {
        Some(total) if total <= limit => Ok(Some(total)),
        _ => Err(Error::LengthTooLarge),
    }
}

/// The sizes of the header and of the contents; `None` when the header itself is cut short.
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, Error> {
    let Some(tag) = bytes.first() else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(Error::LongTag);
    }
    let Some(first) = bytes.get(1) else { return Ok(None) };
    match *first {
        short @ 0..=0x7f => Ok(Some((2, usize::from(short)))),
        0x80 => Err(Error::Indefinite),
        long => {
            let octets = usize::from(long & 0x7f);
            if octets > 4 {
                return Err(Error::LengthTooLarge);
            }
            let Some(length) = bytes.get(2..2 + octets) else { return Ok(None) };
            let length = length.iter().fold(0usize, |n, b| (n << 8) | usize::from(*b));
            Ok(Some((2 + octets, length)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_lengths_of_windows_clients_are_read() {
        let mut r = Reader::new(&[0x04, 0x84, 0, 0, 0, 2, b'h', b'i']);
        assert_eq!(r.value(Tag::OCTET_STRING), Ok(&b"hi"[..]));
    }

    #[test]
    fn a_length_beyond_the_bytes_is_an_error_not_a_panic() {
        assert_eq!(Reader::new(&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff]).any(), Err(Error::Truncated));
        assert_eq!(Reader::new(&[0x04, 0x80]).any(), Err(Error::Indefinite));
        assert_eq!(Reader::new(&[0x1f, 0x80]).any(), Err(Error::LongTag));
    }

    #[test]
    fn an_oversized_frame_is_refused_before_it_arrives() {
        assert_eq!(frame(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff], 1 << 20), Err(Error::LengthTooLarge));
        assert_eq!(frame(&[0x30, 0x82, 0x01], 1 << 20), Ok(None));
        assert_eq!(frame(&[0x30, 0x05], 1 << 20), Ok(Some(7)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut r = Reader::new(&bytes);
            while r.any().is_ok() {}
        }
    }
}
