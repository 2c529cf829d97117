//! The two messages. RFC 4178 4.2; MS-SPNG 2.2.1 (NegTokenInit2, whose hints a client must ignore).

use asn1::{Reader, Tag, Writer};

use crate::gss::{GssError, SPNEGO};

/// More mechanisms than any list has.
const MOST_MECHANISMS: usize = 64;

const INIT: Tag = Tag::context_constructed(0);
const RESPONSE: Tag = Tag::context_constructed(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    AcceptCompleted = 0,
    AcceptIncomplete = 1,
    Reject = 2,
    RequestMic = 3,
}

/// NegTokenInit.
pub(super) struct InitMessage<'a> {
    /// The DER of the list: what signatures are made over.
    pub(super) list: &'a [u8],
    pub(super) mechanisms: Vec<&'a [u8]>,
    pub(super) token: Option<&'a [u8]>,
    pub(super) mic: Option<&'a [u8]>,
}

impl<'a> InitMessage<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, GssError> {
        let mut r = Reader::new(bytes).enter(Tag::application_constructed(0))?;
        if r.value(Tag::OID)? != SPNEGO {
            return Err(GssError::Mechanism);
        }
        let mut r = r.enter(INIT)?.enter(Tag::SEQUENCE)?;
        let mut message = Self { list: &[], mechanisms: Vec::new(), token: None, mic: None };
        while let Some(tag) = r.peek() {
            let value = r.any()?.value;
            match tag.number() {
                0 => {
                    message.list = value;
                    message.mechanisms = mechanisms(value)?;
                }
                2 => message.token = Some(Reader::new(value).value(Tag::OCTET_STRING)?),
                // [3] is the signature in RFC 4178 and the hints in NegTokenInit2, where the signature is [4].
                3 | 4 if Reader::new(value).peek() == Some(Tag::OCTET_STRING) => {
                    message.mic = Some(Reader::new(value).value(Tag::OCTET_STRING)?);
                }
                _ => {}
            }
        }
        Ok(message)
    }
}

/// The object identifiers in the DER of a list.
pub(super) fn mechanisms(list: &[u8]) -> Result<Vec<&[u8]>, GssError> {
    let mut r = Reader::new(list).enter(Tag::SEQUENCE)?;
    let mut found = Vec::new();
    while !r.is_empty() {
        if found.len() == MOST_MECHANISMS {
            return Err(GssError::Malformed("the list of mechanisms is too long"));
        }
        found.push(r.value(Tag::OID)?);
    }
    Ok(found)
}

pub(super) fn list_of(mechanisms: &[&[u8]]) -> Vec<u8> {
    let mut w = Writer::der();
    w.nest(Tag::SEQUENCE, |w| mechanisms.iter().for_each(|oid| w.value(Tag::OID, oid)));
    w.into_bytes()
}

pub(super) fn init_message(list: &[u8], token: &[u8]) -> Vec<u8> {
    framed(|w| {
        w.nest(Tag::context_constructed(0), |w| w.raw(list));
        w.nest(Tag::context_constructed(2), |w| w.value(Tag::OCTET_STRING, token));
    })
}

/// What a server may send first, to say which mechanisms it speaks (NegTokenInit2 without hints).
#[must_use]
pub fn wrapped_list(mechanisms: &[&[u8]]) -> Vec<u8> {
    framed(|w| w.nest(Tag::context_constructed(0), |w| w.raw(&list_of(mechanisms))))
}

fn framed(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::der();
    w.nest(Tag::application_constructed(0), |w| {
        w.value(Tag::OID, SPNEGO);
        w.nest(INIT, |w| w.nest(Tag::SEQUENCE, fill));
    });
    w.into_bytes()
}

/// NegTokenResp.
pub(super) struct Response<'a> {
    pub(super) state: Option<State>,
    pub(super) mechanism: Option<&'a [u8]>,
    pub(super) token: Option<&'a [u8]>,
    pub(super) mic: Option<&'a [u8]>,
}

impl<'a> Response<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, GssError> {
        let mut r = Reader::new(bytes).enter(RESPONSE)?.enter(Tag::SEQUENCE)?;
        let mut message = Self { state: None, mechanism: None, token: None, mic: None };
        while let Some(tag) = r.peek() {
            let mut value = Reader::new(r.any()?.value);
            match tag.number() {
                0 => {
                    message.state = Some(match value.integer(Tag::ENUMERATED)? {
                        0 => State::AcceptCompleted,
                        1 => State::AcceptIncomplete,
                        3 => State::RequestMic,
                        _ => State::Reject,
                    });
                }
                1 => message.mechanism = Some(value.value(Tag::OID)?),
                2 => message.token = Some(value.value(Tag::OCTET_STRING)?),
                3 => message.mic = Some(value.value(Tag::OCTET_STRING)?),
                _ => {}
            }
        }
        Ok(message)
    }

    pub(super) fn encode(state: State, mechanism: Option<&[u8]>, token: Option<&[u8]>, mic: Option<&[u8]>) -> Vec<u8> {
        let mut w = Writer::der();
        w.nest(RESPONSE, |w| {
            w.nest(Tag::SEQUENCE, |w| {
                w.nest(Tag::context_constructed(0), |w| w.integer(Tag::ENUMERATED, state as i64));
                let fields = [(1, Tag::OID, mechanism), (2, Tag::OCTET_STRING, token), (3, Tag::OCTET_STRING, mic)];
                for (number, tag, value) in fields {
                    if let Some(value) = value {
                        w.nest(Tag::context_constructed(number), |w| w.value(tag, value));
                    }
                }
            });
        });
        w.into_bytes()
    }

    pub(super) fn completed(mechanism: Option<&[u8]>, token: Option<&[u8]>, mic: Option<&[u8]>) -> Vec<u8> {
        Self::encode(State::AcceptCompleted, mechanism, token, mic)
    }
}
