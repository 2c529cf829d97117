//! Answers, appended to a connection's send buffer. RFC 4511 4.
//!
//! Constructed elements get long lengths, as Active Directory sends them: an entry is written in one pass, value by value,
//! from wherever its bytes lie.

use crate::{Control, ResultCode, oid};
use asn1::{Tag, Writer};

/// What kind of request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The end of a search.
    SearchDone,
    /// A modify.
    Modify,
    /// An add.
    Add,
    /// A delete.
    Delete,
    /// A rename.
    ModifyDn,
    /// A compare.
    Compare,
}

impl Kind {
    const fn tag(self) -> Tag {
        Tag::application_constructed(match self {
            Self::SearchDone => 5,
            Self::Modify => 7,
            Self::Add => 9,
            Self::Delete => 11,
            Self::ModifyDn => 13,
            Self::Compare => 15,
        })
    }
}

/// How an operation ended. RFC 4511 4.1.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The result.
    pub code: ResultCode,
    /// The nearest object above one that does not exist.
    pub matched: &'a str,
    /// What an administrator reads.
    pub diagnostic: &'a str,
}

impl Outcome<'static> {
    /// It went well.
    pub const SUCCESS: Self = Self { code: ResultCode::SUCCESS, matched: "", diagnostic: "" };
}

impl<'a> Outcome<'a> {
    /// It ended so, and this is why.
    #[must_use]
    pub const fn new(code: ResultCode, diagnostic: &'a str) -> Self {
        Self { code, matched: "", diagnostic }
    }

    fn write(&self, w: &mut Writer) {
        w.integer(Tag::ENUMERATED, i64::from(self.code.0));
        w.value(Tag::OCTET_STRING, self.matched.as_bytes());
        w.value(Tag::OCTET_STRING, self.diagnostic.as_bytes());
    }
}

fn message(out: &mut Vec<u8>, id: i32, controls: &[Control<'_>], operation: impl FnOnce(&mut Writer)) {
    let mut w = Writer::wide(std::mem::take(out));
    w.nest(Tag::SEQUENCE, |w| {
        w.integer(Tag::INTEGER, i64::from(id));
        operation(w);
        if !controls.is_empty() {
            w.nest(Tag::context_constructed(0), |w| controls.iter().for_each(|control| control.encode(w)));
        }
    });
    *out = w.into_bytes();
}

/// Appends the answer to a request.
pub fn result(out: &mut Vec<u8>, id: i32, kind: Kind, outcome: &Outcome<'_>, controls: &[Control<'_>]) {
    message(out, id, controls, |w| w.nest(kind.tag(), |w| outcome.write(w)));
}

/// Appends the answer to a bind. RFC 4511 4.2.2.
pub fn bind(out: &mut Vec<u8>, id: i32, outcome: &Outcome<'_>, server_credentials: Option<&[u8]>) {
    message(out, id, &[], |w| {
        w.nest(Tag::application_constructed(1), |w| {
            outcome.write(w);
            server_credentials.iter().for_each(|token| w.value(Tag::context(7), token));
        });
    });
}

/// Appends the answer to an extended operation. RFC 4511 4.12.
pub fn extended(out: &mut Vec<u8>, id: i32, outcome: &Outcome<'_>, name: Option<&str>, value: Option<&[u8]>) {
    message(out, id, &[], |w| {
        w.nest(Tag::application_constructed(24), |w| {
            outcome.write(w);
            name.iter().for_each(|name| w.value(Tag::context(10), name.as_bytes()));
            value.iter().for_each(|value| w.value(Tag::context(11), value));
        });
    });
}

/// Appends the notice that the connection is about to be closed. RFC 4511 4.4.1.
pub fn notice_of_disconnection(out: &mut Vec<u8>, outcome: &Outcome<'_>) {
    extended(out, 0, outcome, Some(oid::NOTICE_OF_DISCONNECTION), None);
}

/// Appends a reference to where a search could go on. RFC 4511 4.5.3.
pub fn reference(out: &mut Vec<u8>, id: i32, url: &str) {
    message(out, id, &[], |w| w.nest(Tag::application_constructed(19), |w| w.value(Tag::OCTET_STRING, url.as_bytes())));
}

/// An entry under way: begin, then for each attribute its name and its values, then end.
#[derive(Debug)]
pub struct Entry {
    w: Writer,
    message: usize,
    operation: usize,
    list: usize,
    attribute: Option<(usize, usize)>,
}

impl Entry {
    /// Begins an entry behind what `out` holds; the buffer comes back from [`Entry::end`].
    #[must_use]
    pub fn begin(out: Vec<u8>, id: i32, dn: &str) -> Self {
        let mut w = Writer::wide(out);
        let message = w.open(Tag::SEQUENCE);
        w.integer(Tag::INTEGER, i64::from(id));
        let operation = w.open(Tag::application_constructed(4));
        w.value(Tag::OCTET_STRING, dn.as_bytes());
        let list = w.open(Tag::SEQUENCE);
        Self { w, message, operation, list, attribute: None }
    }

    /// Begins an attribute.
    pub fn attribute(&mut self, name: &str) {
        self.end_attribute();
        let sequence = self.w.open(Tag::SEQUENCE);
        self.w.value(Tag::OCTET_STRING, name.as_bytes());
        self.attribute = Some((sequence, self.w.open(Tag::SET)));
    }

    /// Writes a value of it.
    pub fn value(&mut self, value: &[u8]) {
        self.w.value(Tag::OCTET_STRING, value);
    }

    fn end_attribute(&mut self) {
        if let Some((sequence, set)) = self.attribute.take() {
            self.w.close(set);
            self.w.close(sequence);
        }
    }

    /// Ends the entry and gives the buffer back.
    #[must_use]
    pub fn end(mut self) -> Vec<u8> {
        self.end_attribute();
        self.w.close(self.list);
        self.w.close(self.operation);
        self.w.close(self.message);
        self.w.into_bytes()
    }
}
