//! The negotiation around Kerberos: RFC 4178 as Windows speaks it (MS-SPNG). Kerberos is the only mechanism that is ever agreed on.
//!
//! [`Acceptor`] and [`Initiator`] only carry the mechanism's tokens and see that nobody tampered with the list of mechanisms
//! (`mechListMIC`, RFC 4178 5); the mechanism itself is [`crate::gss`]'s.

mod message;

use message::{InitMessage, Response, State, init_message, list_of};

use crate::gss::{self, Context, GssError};

pub use message::wrapped_list as mechanism_list;

/// What to do after a step.
#[derive(Debug)]
pub enum Step<T> {
    /// Send this and wait for an answer.
    Continue(Vec<u8>),
    /// The negotiation is over; send this last token, if there is one.
    Done {
        /// The token for the peer; SASL sends it with the success.
        reply: Option<Vec<u8>>,
        /// What the mechanism gave.
        result: T,
    },
}

/// What the mechanism gave to the acceptor for one token.
pub trait Accepted {
    /// The mechanism's answer for the initiator.
    fn reply(&self) -> Option<&[u8]>;
    /// The context, for signing the list of mechanisms.
    fn context(&mut self) -> &mut Context;
}

/// The accepting side of one negotiation.
#[derive(Debug)]
pub struct Acceptor<T> {
    state: AcceptorState<T>,
}

#[derive(Debug)]
enum AcceptorState<T> {
    Start,
    /// Kerberos was chosen but not what the initiator would have liked best: it now sends its first Kerberos token.
    Asked {
        list: Vec<u8>,
    },
    /// The mechanism is done, the initiator's signature over the list is due.
    Mic {
        list: Vec<u8>,
        result: T,
    },
    Over,
}

impl<T: Accepted> Default for Acceptor<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Accepted> Acceptor<T> {
    /// Waits for the first token.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: AcceptorState::Start }
    }

    /// Takes one token. A token of bare Kerberos, without any negotiation around it, is taken too, as Windows does.
    ///
    /// # Errors
    /// The mechanism's, or that the token is malformed or offers nothing we speak. The negotiation is then over.
    pub fn step(
        &mut self,
        token: &[u8],
        accept: impl FnOnce(&[u8]) -> Result<T, GssError>,
    ) -> Result<Step<T>, GssError> {
        match std::mem::replace(&mut self.state, AcceptorState::Over) {
            AcceptorState::Start => match gss::mechanism(token) {
                Some(gss::SPNEGO) => self.first(token, accept),
                _ => {
                    let result = accept(token)?;
                    Ok(Step::Done { reply: result.reply().map(<[u8]>::to_vec), result })
                }
            },
            AcceptorState::Asked { list } => {
                let response = Response::decode(token)?;
                let inner = response.token.ok_or(GssError::Malformed("the negotiation carries no token"))?;
                let result = accept(inner)?;
                self.answer(list, gss::KERBEROS, result, response.mic, true)
            }
            AcceptorState::Mic { list, mut result } => {
                let response = Response::decode(token)?;
                let mic = response.mic.ok_or(GssError::Integrity)?;
                result.context().verify_mic(&list, mic)?;
                Ok(Step::Done { reply: Some(Response::completed(None, None, None)), result })
            }
            AcceptorState::Over => Err(GssError::Malformed("the negotiation is over")),
        }
    }

    fn first(&mut self, token: &[u8], accept: impl FnOnce(&[u8]) -> Result<T, GssError>) -> Result<Step<T>, GssError> {
        let init = InitMessage::decode(token)?;
        let best = init.mechanisms.first().copied().unwrap_or_default();
        let chosen = init.mechanisms.iter().copied().find(|oid| is_kerberos(oid)).ok_or(GssError::Mechanism)?;
        match init.token {
            Some(inner) if is_kerberos(best) => {
                let result = accept(inner)?;
                self.answer(init.list.to_vec(), chosen, result, init.mic, false)
            }
            _ => {
                // Nothing to start with, or a guess that was wrong: ask for Kerberos, and for proof of the list when it was not the favourite.
                let state = if is_kerberos(best) { State::AcceptIncomplete } else { State::RequestMic };
                self.state = AcceptorState::Asked { list: init.list.to_vec() };
                Ok(Step::Continue(Response::encode(state, Some(chosen), None, None)))
            }
        }
    }

    /// The mechanism is content: verify and give signatures over the list where RFC 4178 5 asks for them.
    fn answer(
        &mut self,
        list: Vec<u8>,
        chosen: &[u8],
        mut result: T,
        mic: Option<&[u8]>,
        asked: bool,
    ) -> Result<Step<T>, GssError> {
        let inner = result.reply().map(<[u8]>::to_vec);
        let chosen = (!asked).then_some(chosen);
        if let Some(mic) = mic {
            result.context().verify_mic(&list, mic)?;
            let own = result.context().mic(&list);
            return Ok(Step::Done { reply: Some(Response::completed(chosen, inner.as_deref(), Some(&own))), result });
        }
        if !asked || is_kerberos_first(&list) {
            return Ok(Step::Done { reply: Some(Response::completed(chosen, inner.as_deref(), None)), result });
        }
        let own = result.context().mic(&list);
        self.state = AcceptorState::Mic { list, result };
        Ok(Step::Continue(Response::encode(State::AcceptIncomplete, None, inner.as_deref(), Some(&own))))
    }
}

fn is_kerberos(oid: &[u8]) -> bool {
    oid == gss::KERBEROS || oid == gss::MS_KERBEROS
}

fn is_kerberos_first(list: &[u8]) -> bool {
    message::mechanisms(list).is_ok_and(|list| list.first().is_some_and(|oid| is_kerberos(oid)))
}

/// The initiating side of one negotiation that offers Kerberos only.
#[derive(Debug)]
pub struct Initiator {
    list: Vec<u8>,
}

impl Initiator {
    /// The first token, around the mechanism's first token.
    #[must_use]
    pub fn start(token: &[u8]) -> (Self, Vec<u8>) {
        let list = list_of(&[gss::KERBEROS, gss::MS_KERBEROS]);
        let first = init_message(&list, token);
        (Self { list }, first)
    }

    /// Takes the acceptor's answer: gives the mechanism's token to `finish`, and checks the signature over the list when there is one.
    ///
    /// # Errors
    /// That the acceptor refused or chose something else, or what `finish` says.
    pub fn finish(
        self,
        token: &[u8],
        finish: impl FnOnce(Option<&[u8]>) -> Result<Context, GssError>,
    ) -> Result<(Context, Option<Vec<u8>>), GssError> {
        let response = Response::decode(token)?;
        if response.state == Some(State::Reject) || response.mechanism.is_some_and(|oid| !is_kerberos(oid)) {
            return Err(GssError::Mechanism);
        }
        let mut context = finish(response.token)?;
        if let Some(mic) = response.mic {
            context.verify_mic(&self.list, mic)?;
        }
        let wanted = response.state == Some(State::RequestMic)
            || (response.state == Some(State::AcceptIncomplete) && response.mic.is_some());
        let answer =
            wanted.then(|| Response::encode(State::AcceptCompleted, None, None, Some(&context.mic(&self.list))));
        Ok((context, answer))
    }
}

#[cfg(test)]
mod tests;
