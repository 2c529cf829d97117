use crate::Tag;

/// Appends elements to one buffer; [`Writer::nest`] fills a constructed element's length in behind its contents.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    wide: bool,
}

impl Writer {
    /// Shortest lengths, as DER wants (X.690 10.1).
    pub const fn der() -> Self {
        Self { out: Vec::new(), wide: false }
    }

    /// Constructed elements get four length octets, as Active Directory writes them: valid BER, and no byte moves.
    /// Appends behind what `out` already holds.
    pub const fn wide(out: Vec<u8>) -> Self {
        Self { out, wide: true }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// Writes one constructed element whose contents `fill` writes.
    pub fn nest(&mut self, tag: Tag, fill: impl FnOnce(&mut Self)) {
        let start = self.open(tag);
        fill(self);
        self.close(start);
    }

    /// Starts a constructed element: give the mark that comes back to [`Writer::close`].
    #[must_use]
    pub fn open(&mut self, tag: Tag) -> usize {
        self.out.push(tag.0);
        self.out.extend_from_slice(if self.wide { &[0x84, 0, 0, 0, 0] } else { &[0] });
        self.out.len()
    }

    /// Ends the element that `open` started at `start`.
    pub fn close(&mut self, start: usize) {
        let length = self.out.len().saturating_sub(start);
        if self.wide {
            let octets = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
            if let Some(place) = self.out.get_mut(start - 4..start) {
                place.copy_from_slice(&octets);
            }
        } else {
            let (octets, n) = length_octets(length);
            self.out.splice(start - 1..start, octets.into_iter().take(n));
        }
    }

    /// One primitive element.
    pub fn value(&mut self, tag: Tag, value: &[u8]) {
        self.out.push(tag.0);
        let (octets, n) = length_octets(value.len());
        self.out.extend(octets.into_iter().take(n));
        self.out.extend_from_slice(value);
    }

    /// An INTEGER or ENUMERATED in the fewest octets.
    pub fn integer(&mut self, tag: Tag, value: i64) {
        let bytes = value.to_be_bytes();
        let mut skip = 0;
        while skip < 7 {
            let (head, next) = (bytes[skip], bytes[skip + 1]);
            if (head == 0 && next & 0x80 == 0) || (head == 0xff && next & 0x80 != 0) { skip += 1 } else { break }
        }
        self.value(tag, &bytes[skip..]);
    }

    /// A BOOLEAN, DER's way.
    pub fn boolean(&mut self, tag: Tag, value: bool) {
        self.value(tag, &[if value { 0xff } else { 0 }]);
    }

    /// Bytes that are already encoded.
    pub fn raw(&mut self, element: &[u8]) {
        self.out.extend_from_slice(element);
    }
}

/// The shortest length octets, and how many of the array they are.
fn length_octets(length: usize) -> ([u8; 5], usize) {
    let [.., a, b, c, d] = (length as u64).to_be_bytes();
    match length {
        0..=0x7f => ([d, 0, 0, 0, 0], 1),
        0x80..=0xff => ([0x81, d, 0, 0, 0], 2),
        0x100..=0xffff => ([0x82, c, d, 0, 0], 3),
        0x1_0000..=0xff_ffff => ([0x83, b, c, d, 0], 4),
        _ => ([0x84, a, b, c, d], 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reader;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(n in any::<i64>(), s in proptest::collection::vec(any::<u8>(), 0..70_000), wide in any::<bool>()) {
            let mut w = if wide { Writer::wide(Vec::new()) } else { Writer::der() };
            w.nest(Tag::SEQUENCE, |w| {
                w.integer(Tag::INTEGER, n);
                w.nest(Tag::context_constructed(3), |w| w.value(Tag::OCTET_STRING, &s));
            });
            let bytes = w.into_bytes();
            let mut outer = Reader::new(&bytes);
            let mut r = outer.enter(Tag::SEQUENCE).unwrap();
            prop_assert_eq!(r.integer(Tag::INTEGER).unwrap(), n);
            let mut inner = r.enter(Tag::context_constructed(3)).unwrap();
            prop_assert_eq!(inner.value(Tag::OCTET_STRING).unwrap(), &s[..]);
            prop_assert!(r.finish().is_ok() && outer.finish().is_ok());
        }
    }

    #[test]
    fn integers_take_the_fewest_octets() {
        for (n, bytes) in [(0, &[0u8][..]), (127, &[0x7f]), (128, &[0, 0x80]), (-1, &[0xff]), (-129, &[0xff, 0x7f])] {
            let mut w = Writer::der();
            w.integer(Tag::INTEGER, n);
            assert_eq!(&w.into_bytes()[2..], bytes, "{n}");
        }
    }
}
