//! Texts in a JSON object that may be secrets: each is unescaped straight into memory that is wiped.
//!
//! A JSON library unescapes a text in memory of its own, and a password with a quote or a backslash in it would stay behind there. RFC 8259.

use std::fmt;

use secrecy::SecretString;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// What an object says under a name.
#[derive(Debug, Default)]
pub(crate) enum Text {
    /// Nothing.
    #[default]
    Absent,
    /// One text.
    Given(SecretString),
    /// A value more than once: whoever reads the first and whoever reads the last see different things.
    Twice,
    /// A number, a list, null.
    Other,
}

/// The body is no JSON object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAnObject;

/// The texts under `names`, which are in lower case and match whatever the case is in `body`. Everything else in it is passed over.
pub(crate) fn read<const N: usize>(body: &[u8], names: [&'static str; N]) -> Result<[Text; N], NotAnObject> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let texts = Names(names).deserialize(&mut deserializer).map_err(|_| NotAnObject)?;
    deserializer.end().map_err(|_| NotAnObject)?;
    Ok(texts)
}

struct Names<const N: usize>([&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Names<N> {
    type Value = [Text; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<[Text; N], D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Names<N> {
    type Value = [Text; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<[Text; N], A::Error> {
        let mut texts = std::array::from_fn(|_| Text::Absent);
        while let Some(key) = map.next_key::<String>()? {
            let mut places = self.0.iter().zip(&mut texts);
            let Some((_, place)) = places.find(|(name, _)| key.eq_ignore_ascii_case(name)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let raw = map.next_value::<&RawValue>()?.get();
            *place = match place {
                Text::Absent if raw.starts_with('"') => {
                    Text::Given(unescape(raw).ok_or_else(|| A::Error::custom("a broken text"))?)
                }
                Text::Absent => Text::Other,
                _ => Text::Twice,
            };
        }
        Ok(texts)
    }
}

/// A JSON text with its quotes, without what stands for something else in it. RFC 8259 7.
fn unescape(raw: &str) -> Option<SecretString> {
    let mut rest = raw.strip_prefix('"')?.strip_suffix('"')?;
    // It only gets shorter, so this never moves.
    let mut text = Zeroizing::new(String::with_capacity(rest.len()));
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let kind = escape.chars().next()?;
        rest = escape.get(kind.len_utf8()..)?;
        let character = match kind {
            '"' | '\\' | '/' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => utf16(&mut rest)?,
            _ => return None,
        };
        text.push(character);
    }
    text.push_str(rest);
    Some(SecretString::from(text.as_str()))
}

/// One character beyond `\u`, which may be written as a pair of surrogates.
fn utf16(rest: &mut &str) -> Option<char> {
    let first = unit(rest)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(u32::from(first));
    }
    *rest = rest.strip_prefix("\\u")?;
    char::decode_utf16([first, unit(rest)?]).next()?.ok()
}

fn unit(rest: &mut &str) -> Option<u16> {
    let (digits, beyond) = rest.split_at_checked(4)?;
    *rest = beyond;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    fn one(body: &str) -> Result<Text, NotAnObject> {
        read(body.as_bytes(), ["a"]).map(|[a]| a)
    }

    #[test]
    fn texts_are_found_whatever_the_case_and_the_company() {
        let [b, a] = read(br#" {"x":[{"a":1}],"A":"\ud83d\ude00\u00e4\\\/\"\n","B":""} "#, ["b", "a"]).unwrap();
        assert!(matches!(b, Text::Given(text) if text.expose_secret().is_empty()));
        assert!(matches!(a, Text::Given(text) if text.expose_secret() == "😀ä\\/\"\n"));
    }

    #[test]
    fn what_is_no_text_or_there_twice_is_told_apart() {
        assert!(matches!(one("{}"), Ok(Text::Absent)));
        assert!(matches!(one(r#"{"a":1}"#), Ok(Text::Other)));
        assert!(matches!(one(r#"{"a":null}"#), Ok(Text::Other)));
        assert!(matches!(one(r#"{"a":"1","A":"2"}"#), Ok(Text::Twice)));
        assert!(matches!(one(r#"{"a":1,"A":"2"}"#), Ok(Text::Twice)));
        for body in [
            "",
            "[]",
            "\"a\"",
            "{",
            r#"{"a":"1"} x"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\udc00x"}"#,
            r#"{"a":"\q"}"#,
            r#"{"a":"\ud800\u0041"}"#,
        ] {
            assert!(one(body).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_another_library_reads_it(text in any::<String>(), ascii in any::<bool>()) {
            let mut body = serde_json::json!({ "a": text }).to_string();
            if ascii {
                let escaped = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04X}")).collect::<String>();
                body = body.chars().map(|c| if c.is_ascii() { c.to_string() } else { escaped(c) }).collect();
            }
            let Ok(Text::Given(read)) = one(&body) else { panic!("{body}") };
            prop_assert_eq!(read.expose_secret(), text);
        }

        #[test]
        fn what_another_library_reads_is_read_the_same_and_nothing_else_is(inner in "(\\\\[ud\"\\\\/nx]|\\\\u[dD][89a-fA-F][0-9a-f]{2}|[a0 ä\"]){0,6}") {
            let body = format!("{{\"a\":\"{inner}\"}}");
            let theirs = serde_json::from_str::<std::collections::BTreeMap<String, String>>(&body);
            match (one(&body), theirs) {
                (Ok(Text::Given(ours)), Ok(theirs)) => prop_assert_eq!(ours.expose_secret(), theirs.get("a").unwrap()),
                (Err(_), Err(_)) => {}
                (ours, theirs) => prop_assert!(false, "{}: {:?} {:?}", body, ours, theirs),
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, ["a"]);
        }
    }
}
