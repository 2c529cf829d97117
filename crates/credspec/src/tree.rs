//! A JSON document as a tree, of bounded size and depth, that remembers keys which stood there twice.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::SpecError;

/// The most bytes that are read.
pub(crate) const MOST_BYTES: usize = 64 << 10;
/// The most values a document may have.
const MOST_VALUES: usize = 2_000;
/// A credential spec has four levels.
const DEEPEST: usize = 16;

/// A JSON value. Objects keep their order, and duplicates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool,
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// In the words of people who write JSON.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Parses a whole document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, SpecError> {
    if bytes.len() > MOST_BYTES {
        return Err(SpecError::TooLarge { size: bytes.len(), limit: MOST_BYTES });
    }
    let text = text(bytes)?;
    let budget = Budget::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let node = Seed { budget: &budget, depth: 0 }.deserialize(&mut json).and_then(|node| json.end().map(|()| node));
    node.map_err(|error| budget.spent().unwrap_or_else(|| syntax(&error)))
}

/// Builds the tree from any serde format.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
    let budget = Budget::new();
    Seed { budget: &budget, depth: 0 }.deserialize(deserializer)
}

/// Windows editors put a byte order mark in front, and PowerShell's redirection writes UTF-16.
fn text(bytes: &[u8]) -> Result<&str, SpecError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(SpecError::Encoding("it is UTF-16"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|_| SpecError::Encoding("some of its bytes are no characters"))
}

fn syntax(error: &serde_json::Error) -> SpecError {
    let full = error.to_string();
    // The position is told apart from the message.
    let what = full.split(" at line ").next().unwrap_or_default().to_owned();
    SpecError::Syntax { line: error.line(), column: error.column(), what }
}

/// How much may still be read, and what ran out.
struct Budget {
    values: Cell<usize>,
    ran_out: Cell<Option<(&'static str, usize)>>,
}

impl Budget {
    const fn new() -> Self {
        Self { values: Cell::new(MOST_VALUES), ran_out: Cell::new(None) }
    }

    fn spent(&self) -> Option<SpecError> {
        self.ran_out.get().map(|(what, limit)| SpecError::TooMuch { what, limit })
    }

    fn take<E: serde::de::Error>(&self) -> Result<(), E> {
        match self.values.get().checked_sub(1) {
            Some(left) => {
                self.values.set(left);
                Ok(())
            }
            None => Err(self.run_out("values", MOST_VALUES)),
        }
    }

    fn deeper<E: serde::de::Error>(&self, depth: usize) -> Result<usize, E> {
        if depth >= DEEPEST { Err(self.run_out("levels", DEEPEST)) } else { Ok(depth + 1) }
    }

    fn run_out<E: serde::de::Error>(&self, what: &'static str, limit: usize) -> E {
        self.ran_out.set(Some((what, limit)));
        E::custom(format!("more {what} than the {limit} that are read"))
    }
}

#[derive(Clone, Copy)]
struct Seed<'b> {
    budget: &'b Budget,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.budget.take().map_err(|e: serde::de::value::Error| D::Error::custom(e))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let inner = Seed { depth: self.budget.deeper(self.depth)?, ..self };
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let inner = Seed { depth: self.budget.deeper(self.depth)?, ..self };
        let mut object = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            object.push((key, entries.next_value_seed(inner)?));
        }
        Ok(Node::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_of_two_equal_keys_are_kept() {
        let Node::Object(entries) = parse(br#"{"a":1,"a":null}"#).unwrap() else { panic!() };
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn depth_number_and_size_have_limits() {
        let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
        assert_eq!(parse(deep.as_bytes()), Err(SpecError::TooMuch { what: "levels", limit: 16 }));
        let deeper = "[".repeat(60_000);
        assert!(parse(deeper.as_bytes()).is_err());
        let many = format!("[{}1]", "1,".repeat(2_000));
        assert_eq!(parse(many.as_bytes()), Err(SpecError::TooMuch { what: "values", limit: 2_000 }));
        assert!(matches!(parse(&vec![b' '; MOST_BYTES + 1]), Err(SpecError::TooLarge { .. })));
    }

    #[test]
    fn what_windows_editors_write_is_read_or_explained() {
        assert_eq!(parse(b"\xef\xbb\xbfnull"), Ok(Node::Null));
        assert_eq!(parse(b"\xff\xfe{\0}\0"), Err(SpecError::Encoding("it is UTF-16")));
        assert!(matches!(parse(b"\"\xe9\""), Err(SpecError::Encoding(_))));
    }

    #[test]
    fn an_error_of_syntax_says_where() {
        assert!(matches!(parse(b"{\n  \"a\": }"), Err(SpecError::Syntax { line: 2, column: 8, .. })));
        assert!(matches!(parse(b"{} x"), Err(SpecError::Syntax { .. })));
        assert!(matches!(parse(b""), Err(SpecError::Syntax { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&bytes);
        }
    }
}
