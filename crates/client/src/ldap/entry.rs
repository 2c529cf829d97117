//! What is asked for and what comes back.

/// How far below its base a search looks. RFC 4511 4.5.1.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The base itself.
    Base,
    /// The base's children.
    OneLevel,
    /// The base and everything below it.
    #[default]
    Subtree,
}

/// A search.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Where it starts.
    pub base: String,
    /// How far it goes.
    pub scope: Scope,
    /// RFC 4515 text. Values from outside go through [`escape`](Search::escape) first.
    pub filter: String,
    /// Which attributes come back; none means all.
    pub attributes: Vec<String>,
    /// Entries a page (RFC 2696); 0 asks for no pages.
    pub page_size: u32,
    /// The most entries the server is to send; 0 leaves it to the server.
    pub size_limit: u32,
}

impl Search {
    /// A search of the whole subtree.
    #[must_use]
    pub fn subtree(base: &str, filter: &str, attributes: &[&str]) -> Self {
        Self {
            base: base.to_owned(),
            scope: Scope::Subtree,
            filter: filter.to_owned(),
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
            ..Self::default()
        }
    }

    /// In pages of this many entries.
    #[must_use]
    pub fn paged(mut self, entries: u32) -> Self {
        self.page_size = entries;
        self
    }

    /// Makes a value from outside safe to stand in a filter. RFC 4515 3.
    #[must_use]
    pub fn escape(value: &[u8]) -> String {
        let mut text = String::with_capacity(value.len());
        for byte in value {
            if byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'_' | b'.' | b'@' | b'$' | b'=' | b',') {
                text.push(char::from(*byte));
            } else {
                text.push_str(&format!("\\{byte:02x}"));
            }
        }
        text
    }
}

/// An object as a search brought it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The distinguished name.
    pub dn: String,
    /// The attributes, in the server's order and spelling.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// The values of an attribute; the name's case does not matter.
    #[must_use]
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or(&[], |(_, values)| values.as_slice())
    }

    /// The first value.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.values(name).first().map(Vec::as_slice)
    }

    /// The first value, when it is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.first(name).and_then(|value| std::str::from_utf8(value).ok())
    }
}

impl Entry {
    /// Takes an attribute's values out: for secrets, whose bytes the caller erases.
    pub fn take(&mut self, name: &str) -> Vec<Vec<u8>> {
        match self.attributes.iter().position(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some(at) => self.attributes.remove(at).1,
            None => Vec::new(),
        }
    }
}

/// What a modification does to the attribute. RFC 4511 4.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds these values.
    Add,
    /// Deletes these values, or all of them when none is given.
    Delete,
    /// Leaves only these values.
    Replace,
}

/// One change to one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modification {
    /// What is done.
    pub change: Change,
    /// To which attribute.
    pub attribute: String,
    /// With which values.
    pub values: Vec<Vec<u8>>,
}

impl Modification {
    /// Leaves `attribute` with only this value.
    #[must_use]
    pub fn replace(attribute: &str, value: impl Into<Vec<u8>>) -> Self {
        Self { change: Change::Replace, attribute: attribute.to_owned(), values: vec![value.into()] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::ldap::{Filter, FilterBuf};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_escaped_value_stands_for_itself_and_nothing_else(value in proptest::collection::vec(any::<u8>(), 1..40)) {
            let text = format!("(cn={})", Search::escape(&value));
            let parsed: FilterBuf = text.parse().unwrap();
            prop_assert!(matches!(parsed.as_filter(), Filter::Equality("cn", v) if v == value), "{}", text);
        }
    }

    #[test]
    fn attributes_are_found_whatever_their_case_and_taken_once() {
        let mut entry = Entry { dn: "CN=a".into(), attributes: vec![("objectSid".into(), vec![vec![1], vec![2]])] };
        assert_eq!(entry.values("OBJECTSID").len(), 2);
        assert_eq!(entry.text("cn"), None);
        assert_eq!(entry.take("objectsid").len(), 2);
        assert!(entry.first("objectSid").is_none());
    }
}
