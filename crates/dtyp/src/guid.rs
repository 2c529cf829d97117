//! GUIDs, in the order of bytes they have on the wire.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Random};

/// A globally unique identifier. MS-DTYP 2.3.4.2: sixteen bytes, the first three fields little-endian.
///
/// The order of two GUIDs is the order of their wire bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid(pub [u8; 16]);

/// Where the byte at each place of the text is found on the wire.
const WIRE_ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

impl Guid {
    /// All zeros.
    pub const NIL: Self = Self([0; 16]);

    /// The GUID whose text is the number written in hexadecimal: `Guid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff)`.
    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        let b = value.to_be_bytes();
        Self([b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]])
    }

    /// A fresh one. RFC 4122 4.4 (version 4).
    #[must_use]
    pub fn random(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        bytes[7] = (bytes[7] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// The GUID in sixteen wire bytes, or nothing when they are not sixteen.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The wire bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The text in braces, as COM and the registry write it: `{00112233-4455-…}`.
    #[must_use]
    pub fn braced(&self) -> String {
        format!("{{{self}}}")
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; 36];
        let mut at = 0;
        for (place, wire) in WIRE_ORDER.into_iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                text[at] = b'-';
                at += 1;
            }
            let byte = self.0[wire];
            text[at] = hex_digit(byte >> 4);
            text[at + 1] = hex_digit(byte & 0xf);
            at += 2;
        }
        f.pad(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

const fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

impl FromStr for Guid {
    type Err = Error;

    /// The canonical text in either case, with or without braces.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::GuidText(text.chars().take(64).collect());
        let bare = match text.strip_prefix('{') {
            Some(rest) => rest.strip_suffix('}').ok_or_else(wrong)?,
            None => text,
        };
        let bytes = bare.as_bytes();
        if bytes.len() != 36 {
            return Err(wrong());
        }
        let mut guid = [0; 16];
        let mut digits = bytes.iter().enumerate().filter(|(at, _)| !matches!(at, 8 | 13 | 18 | 23));
        if [8, 13, 18, 23].into_iter().any(|at| bytes.get(at) != Some(&b'-')) {
            return Err(wrong());
        }
        for wire in WIRE_ORDER {
            let mut digit = || {
                let (_, byte) = digits.next()?;
                char::from(*byte).to_digit(16)
            };
            let (Some(high), Some(low)) = (digit(), digit()) else { return Err(wrong()) };
            guid[wire] = u8::try_from(high << 4 | low).map_err(|_| wrong())?;
        }
        Ok(Self(guid))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SeededRandom;

    #[test]
    fn the_first_three_fields_are_little_endian_on_the_wire() {
        let guid: Guid = "00112233-4455-6677-8899-AABBCCDDEEFF".parse().unwrap();
        assert_eq!(hex::encode(guid.0), "33221100554477668899aabbccddeeff");
        assert_eq!(guid.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(guid, Guid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff));
    }

    #[test]
    fn braces_come_in_pairs() {
        let guid = Guid::from_u128(7);
        assert_eq!(guid.braced().parse(), Ok(guid));
        assert!("{00112233-4455-6677-8899-aabbccddeeff".parse::<Guid>().is_err());
        assert!("00112233-4455-6677-8899-aabbccddeeff}".parse::<Guid>().is_err());
    }

    #[test]
    fn what_is_not_a_guid_is_refused() {
        for text in [
            "",
            "{}",
            "00112233445566778899aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddeefg",
            "0011223-34455-6677-8899-aabbccddeeff",
        ] {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_random_guid_says_that_it_is_random() {
        let text = Guid::random(&SeededRandom::new(1)).to_string();
        assert_eq!(&text[14..15], "4");
        assert!("89ab".contains(&text[19..20]));
    }

    proptest! {
        #[test]
        fn text_and_bytes_are_the_same_guid(bytes: [u8; 16]) {
            let guid = Guid(bytes);
            prop_assert_eq!(guid.to_string().parse::<Guid>().unwrap(), guid);
            prop_assert_eq!(guid.braced().to_uppercase().parse::<Guid>().unwrap(), guid);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,50}") {
            let _ = text.parse::<Guid>();
        }
    }
}
