//! Which attributes a search wants. RFC 4511 4.5.1.8, MS-ADTS 3.1.1.3.1.3.2 (range retrieval).

use std::collections::HashSet;

use schema::{Attribute, Schema};

/// The attributes of every entry.
pub(crate) struct Selection<'s> {
    /// Everything stored, and links.
    pub(crate) all: bool,
    /// These, by name.
    pub(crate) named: Vec<Wanted<'s>>,
}

/// An attribute that was named.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'s> {
    pub(crate) attribute: &'s Attribute,
    pub(crate) range: Option<Range>,
}

/// `;range=low-high`, both counted from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) low: usize,
    /// None for `*`.
    pub(crate) high: Option<usize>,
}

impl<'s> Selection<'s> {
    /// What the client named. Names that are no attributes are passed over, and so is an attribute named before: otherwise an entry
    /// would be as large as a client likes (RFC 4511 4.5.1.8 asks clients not to).
    pub(crate) fn new(schema: &'s Schema, names: &[&str]) -> Self {
        let mut selection = Self { all: names.is_empty(), named: Vec::with_capacity(names.len()) };
        let mut seen = HashSet::new();
        for name in names {
            match *name {
                "*" => selection.all = true,
                // Active Directory has no operational attributes in the sense of RFC 4512: it computes what is asked for by name.
                "1.1" | "+" => {}
                name => {
                    let wanted = wanted(schema, name).filter(|wanted| seen.insert(wanted.attribute.id));
                    selection.named.extend(wanted);
                }
            }
        }
        selection
    }

    /// Whether an attribute will come by name, so that `*` need not give it again.
    pub(crate) fn names(&self, attribute: &Attribute) -> bool {
        self.named.iter().any(|wanted| wanted.attribute.id == attribute.id)
    }
}

fn wanted<'s>(schema: &'s Schema, name: &str) -> Option<Wanted<'s>> {
    let Some((plain, options)) = name.split_once(';') else {
        return schema.attribute(name).map(|attribute| Wanted { attribute, range: None });
    };
    let range = options.split(';').find_map(range);
    schema.attribute(plain).map(|attribute| Wanted { attribute, range })
}

fn range(option: &str) -> Option<Range> {
    let (key, value) = option.split_once('=')?;
    let (low, high) = value.split_once('-')?;
    let high = if high == "*" { None } else { Some(high.parse().ok()?) };
    key.eq_ignore_ascii_case("range").then_some(Range { low: low.parse().ok()?, high })
}

/// Which values of an attribute an answer carries, and the name it carries them under.
pub(crate) struct Window {
    pub(crate) low: usize,
    /// How many at most.
    pub(crate) most: usize,
    asked: bool,
}

impl Window {
    /// The values asked for, but no more than `limit` (0: no limit) at once.
    pub(crate) fn new(range: Option<Range>, limit: usize) -> Self {
        let limit = if limit == 0 { usize::MAX } else { limit };
        let (low, asked_for) = match range {
            None => (0, usize::MAX),
            Some(Range { low, high: None }) => (low, usize::MAX),
            Some(Range { low, high: Some(high) }) => (low, high.saturating_sub(low).saturating_add(1)),
        };
        Self { low, most: asked_for.min(limit), asked: range.is_some() }
    }

    /// The name to send: with the range when one was asked for, or when there are more values than sent.
    pub(crate) fn name(&self, attribute: &str, sent: usize, more: bool, out: &mut String) {
        use std::fmt::Write;
        out.clear();
        out.push_str(attribute);
        if !self.asked && !more {
            return;
        }
        let last = self.low.saturating_add(sent).saturating_sub(1);
        // Writing to a string cannot fail.
        let _ = match more {
            true => write!(out, ";range={}-{last}", self.low),
            false => write!(out, ";range={}-*", self.low),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(range("range=0-1499"), Some(Range { low: 0, high: Some(1499) }));
        assert_eq!(range("Range=1500-*"), Some(Range { low: 1500, high: None }));
        assert_eq!(range("binary"), None);
        assert_eq!(range("range=x-*"), None);
    }

    #[test]
    fn an_answer_says_which_values_it_carries() {
        let mut name = String::new();
        Window::new(None, 1500).name("member", 3, false, &mut name);
        assert_eq!(name, "member");
        Window::new(None, 1500).name("member", 1500, true, &mut name);
        assert_eq!(name, "member;range=0-1499");
        Window::new(Some(Range { low: 1500, high: None }), 1500).name("member", 20, false, &mut name);
        assert_eq!(name, "member;range=1500-*");
        assert_eq!(Window::new(Some(Range { low: 5, high: Some(9) }), 1500).most, 5);
    }
}
