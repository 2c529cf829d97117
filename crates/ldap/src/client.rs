//! The client's side: requests written, answers read. RFC 4511 4.

use crate::message::{Change, Scope};
use crate::{Control, DecodeError, Filter, ResultCode, text};
use asn1::{Reader, Tag, Writer};

/// A search to send.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Where it starts.
    pub base: &'a str,
    /// How far it goes.
    pub scope: Scope,
    /// The most entries; 0 for no limit.
    pub size_limit: u32,
    /// The most seconds; 0 for no limit.
    pub time_limit: u32,
    /// Which objects.
    pub filter: &'a Filter<'a>,
    /// Which attributes.
    pub attributes: &'a [&'a str],
}

/// What can be asked of a server.
#[derive(Clone, Copy)]
pub enum Request<'a> {
    /// A simple bind.
    BindSimple {
        /// Who.
        name: &'a str,
        /// The password.
        password: &'a [u8],
    },
    /// A step of a SASL bind.
    BindSasl {
        /// Such as GSSAPI.
        mechanism: &'a str,
        /// This step's token.
        credentials: Option<&'a [u8]>,
    },
    /// Goodbye.
    Unbind,
    /// Find objects.
    Search(Search<'a>),
    /// Change an object: kind, attribute, values.
    Modify(&'a str, &'a [(Change, &'a str, &'a [Vec<u8>])]),
    /// Create an object.
    Add(&'a str, &'a [(&'a str, &'a [Vec<u8>])]),
    /// Delete an object.
    Delete(&'a str),
    /// Rename or move an object.
    ModifyDn(crate::message::ModifyDn<'a>),
    /// Whether an object has a value: object, attribute, value.
    Compare(&'a str, &'a str, &'a [u8]),
    /// Never mind.
    Abandon(i32),
    /// An operation with an OID and perhaps a value.
    Extended(&'a str, Option<&'a [u8]>),
}

/// Writes a request.
#[must_use]
pub fn encode(id: i32, request: &Request<'_>, controls: &[Control<'_>]) -> Vec<u8> {
    let mut w = Writer::der();
    w.nest(Tag::SEQUENCE, |w| {
        w.integer(Tag::INTEGER, i64::from(id));
        operation(w, request);
        if !controls.is_empty() {
            w.nest(Tag::context_constructed(0), |w| controls.iter().for_each(|control| control.encode(w)));
        }
    });
    w.into_bytes()
}

fn operation(w: &mut Writer, request: &Request<'_>) {
    let string = |w: &mut Writer, text: &str| w.value(Tag::OCTET_STRING, text.as_bytes());
    let app = Tag::application_constructed;
    match request {
        Request::BindSimple { name, password } => bind(w, name, |w| w.value(Tag::context(0), password)),
        Request::BindSasl { mechanism, credentials } => bind(w, "", |w| {
            w.nest(Tag::context_constructed(3), |w| {
                string(w, mechanism);
                credentials.iter().for_each(|token| w.value(Tag::OCTET_STRING, token));
            });
        }),
        Request::Unbind => w.value(Tag::application(2), &[]),
        Request::Search(search) => w.nest(app(3), |w| search.write(w)),
        Request::Modify(object, changes) => w.nest(app(6), |w| {
            string(w, object);
            w.nest(Tag::SEQUENCE, |w| {
                for (change, name, values) in *changes {
                    w.nest(Tag::SEQUENCE, |w| {
                        w.integer(Tag::ENUMERATED, *change as i64);
                        attribute(w, name, values);
                    });
                }
            });
        }),
        Request::Add(object, attributes) => w.nest(app(8), |w| {
            string(w, object);
            w.nest(Tag::SEQUENCE, |w| attributes.iter().for_each(|(name, values)| attribute(w, name, values)));
        }),
        Request::Delete(object) => w.value(Tag::application(10), object.as_bytes()),
        Request::ModifyDn(rename) => w.nest(app(12), |w| {
            string(w, rename.object);
            string(w, rename.new_rdn);
            w.boolean(Tag::BOOLEAN, rename.delete_old_rdn);
            rename.new_superior.iter().for_each(|dn| w.value(Tag::context(0), dn.as_bytes()));
        }),
        Request::Compare(object, name, value) => w.nest(app(14), |w| {
            string(w, object);
            w.nest(Tag::SEQUENCE, |w| {
                string(w, name);
                w.value(Tag::OCTET_STRING, value);
            });
        }),
        Request::Abandon(id) => w.integer(Tag::application(16), i64::from(*id)),
        Request::Extended(oid, value) => w.nest(app(23), |w| {
            w.value(Tag::context(0), oid.as_bytes());
            value.iter().for_each(|value| w.value(Tag::context(1), value));
        }),
    }
}

fn bind(w: &mut Writer, name: &str, authentication: impl FnOnce(&mut Writer)) {
    w.nest(Tag::application_constructed(0), |w| {
        w.integer(Tag::INTEGER, 3);
        w.value(Tag::OCTET_STRING, name.as_bytes());
        authentication(w);
    });
}

fn attribute(w: &mut Writer, name: &str, values: &[Vec<u8>]) {
    w.nest(Tag::SEQUENCE, |w| {
        w.value(Tag::OCTET_STRING, name.as_bytes());
        w.nest(Tag::SET, |w| values.iter().for_each(|value| w.value(Tag::OCTET_STRING, value)));
    });
}

impl Search<'_> {
    fn write(&self, w: &mut Writer) {
        w.value(Tag::OCTET_STRING, self.base.as_bytes());
        w.integer(Tag::ENUMERATED, self.scope as i64);
        w.integer(Tag::ENUMERATED, 0);
        w.integer(Tag::INTEGER, i64::from(self.size_limit));
        w.integer(Tag::INTEGER, i64::from(self.time_limit));
        w.boolean(Tag::BOOLEAN, false);
        self.filter.encode(w);
        w.nest(Tag::SEQUENCE, |w| {
            self.attributes.iter().for_each(|name| w.value(Tag::OCTET_STRING, name.as_bytes()));
        });
    }
}

/// A message from a server, borrowed from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Which request it answers; 0 for a notification.
    pub id: i32,
    /// What it says.
    pub response: Response<'a>,
    /// Its controls.
    pub controls: Vec<Control<'a>>,
}

/// Attributes and their values.
pub type Attributes<'a> = Vec<(&'a str, Vec<&'a [u8]>)>;

/// What a server can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response<'a> {
    /// An object found.
    Entry {
        /// Its name.
        dn: &'a str,
        /// Its attributes and their values.
        attributes: Attributes<'a>,
    },
    /// Other servers a search could go on at.
    Reference(Vec<&'a str>),
    /// A bind's end, or its next step.
    Bind(Outcome<'a>, Option<&'a [u8]>),
    /// The end of another operation.
    Done(Outcome<'a>),
    /// The end of an extended operation: its result, name and value.
    Extended(Outcome<'a>, Option<&'a str>, Option<&'a [u8]>),
    /// RFC 4511 4.13.
    Intermediate,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The result.
    pub code: ResultCode,
    /// The nearest object above one that does not exist.
    pub matched: &'a str,
    /// What the server says about it.
    pub diagnostic: &'a str,
}

impl<'a> Message<'a> {
    /// Reads one message: exactly the bytes [`crate::frame`] measured.
    ///
    /// # Errors
    /// When the bytes break a rule of RFC 4511.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut outer = Reader::new(bytes);
        let mut inner = outer.enter(Tag::SEQUENCE)?;
        outer.finish()?;
        let id = i32::try_from(inner.integer(Tag::INTEGER)?).map_err(|_| DecodeError::OutOfRange("the message ID"))?;
        let response = Response::decode(&mut inner)?;
        let controls = match inner.enter_optional(Tag::context_constructed(0))? {
            Some(controls) => Control::decode_all(controls)?,
            None => Vec::new(),
        };
        inner.finish()?;
        Ok(Self { id, response, controls })
    }
}

impl<'a> Response<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let element = reader.any()?;
        let mut inner = Reader::new(element.value);
        Ok(match element.tag.0 {
            0x61 => {
                let outcome = Outcome::decode(&mut inner)?;
                Self::Bind(outcome, inner.optional(Tag::context(7))?)
            }
            0x64 => {
                let dn = text(inner.value(Tag::OCTET_STRING)?)?;
                Self::Entry { dn, attributes: attributes(inner.enter(Tag::SEQUENCE)?)? }
            }
            0x73 => {
                let mut urls = Vec::new();
                while !inner.is_empty() {
                    urls.push(text(inner.value(Tag::OCTET_STRING)?)?);
                }
                Self::Reference(urls)
            }
            0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f => Self::Done(Outcome::decode(&mut inner)?),
            0x78 => {
                let outcome = Outcome::decode(&mut inner)?;
                let name = inner.optional(Tag::context(10))?.map(text).transpose()?;
                Self::Extended(outcome, name, inner.optional(Tag::context(11))?)
            }
            0x79 => Self::Intermediate,
            other => return Err(DecodeError::UnknownOperation(other)),
        })
    }
}

fn attributes(mut list: Reader<'_>) -> Result<Attributes<'_>, DecodeError> {
    let mut all = Vec::new();
    while !list.is_empty() {
        let mut inner = list.enter(Tag::SEQUENCE)?;
        let name = text(inner.value(Tag::OCTET_STRING)?)?;
        let mut set = inner.enter(Tag::SET)?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.value(Tag::OCTET_STRING)?);
        }
        all.push((name, values));
    }
    Ok(all)
}

impl<'a> Outcome<'a> {
    fn decode(inner: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let code = u32::try_from(inner.integer(Tag::ENUMERATED)?).map_err(|_| DecodeError::OutOfRange("the result"))?;
        let matched = text(inner.value(Tag::OCTET_STRING)?)?;
        let diagnostic = text(inner.value(Tag::OCTET_STRING)?)?;
        // Referrals to other servers are not followed.
        inner.optional(Tag::context_constructed(3))?;
        Ok(Self { code: ResultCode(code), matched, diagnostic })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message;
    use crate::response::{self, Kind};
    use crate::{FilterBuf, control};
    use proptest::prelude::*;

    #[test]
    fn a_search_reads_back_on_the_server() {
        let filter: FilterBuf =
            "(&(objectGUID=\\00\\ff)(!(cn=a*b*c))(memberOf:1.2.840.113556.1.4.1941:=CN=x))".parse().unwrap();
        let filter = filter.as_filter();
        let search = Search {
            base: "DC=a",
            scope: Scope::Subtree,
            size_limit: 7,
            time_limit: 9,
            filter: &filter,
            attributes: &["cn", "*"],
        };
        let page = control::PagedResults { size: 10, cookie: b"x" }.encode();
        let controls = [Control { oid: control::PAGED_RESULTS, critical: true, value: Some(&page) }];
        let bytes = encode(5, &Request::Search(search), &controls);
        let read = message::Message::decode(&bytes).unwrap();
        let message::Request::Search(found) = read.request else { panic!() };
        assert_eq!((found.base, found.scope, found.size_limit, found.time_limit), ("DC=a", Scope::Subtree, 7, 9));
        assert_eq!((&found.filter, found.attributes.as_slice()), (&filter, &["cn", "*"][..]));
        assert_eq!(read.controls[0].paged_results().unwrap().size, 10);
        assert_eq!(crate::frame(&bytes, 1 << 20), Ok(Some(bytes.len())));
    }

    #[test]
    fn writes_read_back_on_the_server() {
        let values = vec![b"a".to_vec(), vec![0, 255]];
        let bytes =
            encode(1, &Request::Modify("CN=x", &[(Change::Replace, "cn", &values), (Change::Delete, "sn", &[])]), &[]);
        let message::Request::Modify { object, changes } = message::Message::decode(&bytes).unwrap().request else {
            panic!()
        };
        assert_eq!(
            (object, changes.len(), changes[0].change, changes[0].attribute.values.len()),
            ("CN=x", 2, Change::Replace, 2)
        );
        let bytes = encode(1, &Request::Abandon(77), &[]);
        assert_eq!(message::Message::decode(&bytes).unwrap().request, message::Request::Abandon(77));
        let bytes = encode(1, &Request::BindSimple { name: "a", password: b"geheim" }, &[]);
        assert!(!format!("{:?}", message::Message::decode(&bytes).unwrap()).contains("geheim"));
    }

    #[test]
    fn entries_and_results_read_back_on_the_client() {
        let mut entry = response::Entry::begin(Vec::new(), 3, "CN=x");
        entry.attribute("cn");
        entry.value(b"x");
        entry.value(b"y");
        entry.attribute("empty");
        let mut out = entry.end();
        let split = out.len();
        response::result(&mut out, 3, Kind::SearchDone, &response::Outcome::new(ResultCode::BUSY, "later"), &[]);
        let Response::Entry { dn, attributes } = Message::decode(&out[..split]).unwrap().response else { panic!() };
        assert_eq!((dn, attributes), ("CN=x", vec![("cn", vec![&b"x"[..], b"y"]), ("empty", vec![])]));
        let Response::Done(outcome) = Message::decode(&out[split..]).unwrap().response else { panic!() };
        assert_eq!((outcome.code, outcome.diagnostic), (ResultCode::BUSY, "later"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = message::Message::decode(&bytes);
            let _ = Message::decode(&bytes);
        }

        #[test]
        fn a_damaged_message_is_read_or_refused(at in any::<usize>(), with in any::<u8>(), cut in any::<usize>()) {
            let filter: FilterBuf = "(|(a=b)(c=*d*))".parse().unwrap();
            let filter = filter.as_filter();
            let search = Search { base: "DC=a", scope: Scope::Base, size_limit: 0, time_limit: 0, filter: &filter, attributes: &["cn"] };
            let mut bytes = encode(5, &Request::Search(search), &[]);
            let n = bytes.len();
            bytes[at % n] = with;
            let _ = message::Message::decode(&bytes);
            let _ = message::Message::decode(&bytes[..cut % n]);
        }
    }
}
