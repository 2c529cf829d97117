//! One connection: bytes in, bytes out, and what to do between. RFC 4511 5, RFC 4513 3 to 5.
//!
//! A [`Session`] knows no socket. Its shell puts what arrives into [`Session::space`], calls [`Session::advance`] until it wants more,
//! and sends [`Session::output`]. Whatever can be answered at once is answered within `advance`, so that pipelined requests are
//! answered in one write; updates are handed out as [`Then::Submit`], and nothing but another update overtakes one.

use std::sync::Arc;

use directory::Caller;
use dtyp::Random;
use kerberos::gss::sasl::{Layer, SecurityLayer};
use ldap::message::{Message, Request};
use ldap::response::{self, Kind, Outcome};
use ldap::{DecodeError, ResultCode, oid};

use super::controls::Controls;
use super::inbox::Inbox;
use super::logon::Principal;
use super::page::Cookies;
use super::refusal::Refusal;
use super::sasl::Negotiation;
use super::search::{LastBase, LongSearch};
use super::server::Server;
use super::update::{Finished, Submit};

/// So much is put together before it is sent.
const SEND_AT: usize = 256 << 10;
/// So much may arrive while a long request is worked on.
const AHEAD: usize = 64 << 10;
/// What an output buffer may keep.
const KEPT: usize = 64 << 10;

/// What the shell does next.
pub(crate) enum Then {
    /// Send what there is and receive more; an update that ends meanwhile goes to [`Session::finished`].
    Receive,
    /// Send what there is, then advance.
    Send,
    /// Hand this to the directory, then advance; its end goes to [`Session::finished`].
    Submit(Box<Submit>),
    /// Wait for the end of an update, then advance.
    Await,
    /// Send what there is, go on with this search on another thread, and give it to [`Session::searched`].
    Search(Box<LongSearch>),
    /// Send what there is, start TLS, and say so to [`Session::started_tls`].
    StartTls,
    /// Send what there is and close.
    Close,
}

/// What handling one message led to.
pub(super) enum Handled {
    /// It is answered.
    Done,
    /// It has to wait until updates have ended.
    Later,
    /// The shell has something to do.
    Then(Then),
}

/// What is beneath a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    /// TLS.
    pub(crate) tls: bool,
    /// The other end is this machine.
    pub(crate) loopback: bool,
}

/// Who is at the other end.
pub(super) struct Bound {
    pub(super) caller: Caller,
    pub(super) principal: Principal,
}

/// One connection.
pub(crate) struct Session {
    pub(super) server: Arc<Server>,
    pub(super) channel: Channel,
    pub(super) bound: Option<Bound>,
    pub(super) negotiation: Option<Negotiation>,
    pub(super) layer: Option<SecurityLayer>,
    /// As it came from the socket.
    received: Inbox,
    /// As it came out of the security layer, when there is one.
    opened: Inbox,
    /// Answers as they are written.
    pub(super) answers: Vec<u8>,
    /// Answers as they are sent: sealed, when there is a security layer.
    outgoing: Vec<u8>,
    pub(super) cookies: Cookies,
    pub(super) last_base: LastBase,
    /// How many updates are under way.
    updates: usize,
    /// How many bytes have been handed over since there were none.
    handed_over: usize,
    closing: bool,
}

impl Session {
    pub(crate) fn new(server: Arc<Server>, channel: Channel) -> Self {
        Self {
            server,
            channel,
            bound: None,
            negotiation: None,
            layer: None,
            received: Inbox::default(),
            opened: Inbox::default(),
            answers: Vec::new(),
            outgoing: Vec::new(),
            cookies: Cookies::default(),
            last_base: LastBase::default(),
            updates: 0,
            handed_over: 0,
            closing: false,
        }
    }

    /// Where the shell puts what arrives.
    pub(crate) fn space(&mut self) -> &mut Vec<u8> {
        self.received.space()
    }

    /// What is to be sent. Call [`Session::sent`] when it is.
    pub(crate) fn output(&mut self) -> &[u8] {
        self.protect();
        &self.outgoing
    }

    /// The output was sent.
    pub(crate) fn sent(&mut self) {
        self.outgoing.clear();
        if self.outgoing.capacity() > KEPT {
            self.outgoing = Vec::new();
        }
    }

    /// Whether somebody has bound.
    pub(crate) fn is_bound(&self) -> bool {
        self.bound.is_some()
    }

    /// Whether a part of a message has arrived, and its end has not.
    pub(crate) fn is_within_message(&self) -> bool {
        !self.received.unread().is_empty() || !self.opened.unread().is_empty()
    }

    /// Whether updates are under way.
    pub(crate) fn has_updates(&self) -> bool {
        self.updates > 0
    }

    /// Answers what has arrived, up to the next thing that the shell must do.
    pub(crate) fn advance(&mut self) -> Then {
        loop {
            if self.closing {
                return Then::Close;
            }
            if self.answers.len() + self.outgoing.len() >= SEND_AT {
                return Then::Send;
            }
            let layered = self.layer.is_some();
            let inbox = if layered { &mut self.opened } else { &mut self.received };
            let limit = match self.bound {
                Some(_) => self.server.limits.max_receive,
                None => self.server.limits.max_receive_unbound,
            };
            let length = match ldap::frame(inbox.unread(), limit) {
                Ok(Some(length)) if length <= inbox.unread().len() => length,
                Ok(_) if layered => match self.open_frame() {
                    Ok(true) => continue,
                    Ok(false) => return Then::Receive,
                    Err(then) => return then,
                },
                Ok(_) => return Then::Receive,
                Err(error) => return self.malformed(&error),
            };
            // The message borrows the buffer while the session changes.
            let mut inbox = std::mem::take(inbox);
            self.end_frame();
            let (handled, secret) = self.handle(inbox.unread().get(..length).unwrap_or_default());
            if !matches!(handled, Handled::Later) {
                inbox.consume(length, secret);
            }
            self.put_back(inbox, layered);
            match handled {
                Handled::Done => {}
                Handled::Later => return Then::Await,
                Handled::Then(then) => return then,
            }
        }
    }

    fn put_back(&mut self, inbox: Inbox, layered: bool) {
        if !layered {
            self.received = inbox;
        } else if self.layer.is_some() {
            self.opened = inbox;
        } else if !inbox.unread().is_empty() {
            // A client that drops its layer waits for the answer before it says more.
            self.closing = true;
        }
    }

    /// Whether more may be received while a request is still being worked on.
    pub(crate) fn has_room(&self) -> bool {
        self.received.unread().len() + self.opened.unread().len() < AHEAD
    }

    /// Whether what arrived meanwhile says that the answer to a request is not wanted any more.
    pub(super) fn is_abandoned(&mut self, id: i32) -> bool {
        while self.layer.is_some() && matches!(self.open_frame(), Ok(true)) {}
        let mut unread = if self.layer.is_some() { self.opened.unread() } else { self.received.unread() };
        while let Ok(Some(length)) = ldap::frame(unread, AHEAD)
            && let Some((message, rest)) = unread.split_at_checked(length)
        {
            match Message::decode(message).map(|message| message.request) {
                Ok(Request::Abandon(abandoned)) if abandoned == id => return true,
                Ok(Request::Unbind) => return true,
                _ => unread = rest,
            }
        }
        false
    }

    /// Takes one frame out of the security layer; whether there was a whole one.
    fn open_frame(&mut self) -> Result<bool, Then> {
        let Some(layer) = self.layer.as_mut() else { return Ok(false) };
        let unread = self.received.unread();
        let frame = match layer.frame(unread) {
            Ok(Some(length)) => unread.get(..length),
            Ok(None) => None,
            Err(error) => return Err(self.layer_broken(&error)),
        };
        let Some(frame) = frame else { return Ok(false) };
        let length = frame.len();
        match layer.open(frame) {
            Ok(message) => {
                let message = zeroize::Zeroizing::new(message);
                self.opened.extend(&message);
                self.received.consume(length, false);
                Ok(true)
            }
            Err(error) => Err(self.layer_broken(&error)),
        }
    }

    fn layer_broken(&mut self, error: &kerberos::gss::GssError) -> Then {
        tracing::info!(%error, "a connection's security layer is broken");
        self.closing = true;
        Then::Close
    }

    /// Handles one message; and whether there may be a password in it.
    fn handle(&mut self, bytes: &[u8]) -> (Handled, bool) {
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => return (Handled::Then(self.malformed(&error)), true),
        };
        let secret = matches!(message.request, Request::Bind(_) | Request::Modify { .. } | Request::Add { .. });
        (self.request(&message, bytes), secret)
    }

    fn request(&mut self, message: &Message<'_>, bytes: &[u8]) -> Handled {
        let Message { id, request, .. } = message;
        match request {
            Request::Unbind => {
                self.closing = true;
                return Handled::Then(Then::Close);
            }
            // What is answered at once cannot be abandoned, and what is being written is not.
            Request::Abandon(_) => return Handled::Done,
            _ => {}
        }
        let many = self.updates >= self.server.limits.max_updates
            // What waits for the writer lies in memory: not more of it than one request may bring.
            || self.handed_over.saturating_add(bytes.len()) > self.server.limits.max_receive;
        if self.updates > 0 && (!is_update(request) || many) {
            return Handled::Later;
        }
        let controls = match Controls::read(&message.controls, request) {
            Ok(controls) => controls,
            Err(refusal) => return self.refuse(*id, request, &refusal),
        };
        match request {
            Request::Bind(bind) => self.bind(*id, bind),
            Request::Extended { oid, .. } => self.extended(*id, oid),
            Request::Search(search) => self.search(*id, search, &controls, bytes),
            Request::Compare { object, attribute, value } => {
                let compared = self.compare(object, attribute, value);
                self.answer(*id, Kind::Compare, compared)
            }
            _ => match self.submit(*id, request, &controls) {
                Ok(submit) => {
                    self.updates += 1;
                    self.handed_over = self.handed_over.saturating_add(bytes.len());
                    Handled::Then(Then::Submit(submit))
                }
                Err(refusal) => self.refuse(*id, request, &refusal),
            },
        }
    }

    /// Takes the end of an update.
    pub(crate) fn finished(&mut self, finished: Finished) {
        self.end_frame();
        self.updates = self.updates.saturating_sub(1);
        if self.updates == 0 {
            self.handed_over = 0;
        }
        let result = finished.result.map(|_| ResultCode::SUCCESS).map_err(Refusal::from);
        self.answer(finished.id, finished.kind, result);
    }

    /// Answers with a result.
    pub(super) fn answer(&mut self, id: i32, kind: Kind, result: Result<ResultCode, Refusal>) -> Handled {
        match result {
            Ok(code) => response::result(&mut self.answers, id, kind, &Outcome::new(code, ""), &[]),
            Err(refusal) => response::result(&mut self.answers, id, kind, &refusal.outcome(), &[]),
        }
        Handled::Done
    }

    /// Answers any kind of request with why it is not done.
    fn refuse(&mut self, id: i32, request: &Request<'_>, refusal: &Refusal) -> Handled {
        let outcome = refusal.outcome();
        let kind = match request {
            Request::Bind(_) => {
                response::bind(&mut self.answers, id, &outcome, None);
                return Handled::Done;
            }
            Request::Extended { .. } => {
                response::extended(&mut self.answers, id, &outcome, None, None);
                return Handled::Done;
            }
            Request::Unbind | Request::Abandon(_) => return Handled::Done,
            Request::Search(_) => Kind::SearchDone,
            Request::Modify { .. } => Kind::Modify,
            Request::Add { .. } => Kind::Add,
            Request::Delete(_) => Kind::Delete,
            Request::ModifyDn(_) => Kind::ModifyDn,
            Request::Compare { .. } => Kind::Compare,
        };
        response::result(&mut self.answers, id, kind, &outcome, &[]);
        Handled::Done
    }

    fn extended(&mut self, id: i32, oid: &str) -> Handled {
        match oid {
            oid::WHO_AM_I => {
                let name = self.bound.as_ref().map(|bound| format!("u:{}", bound.principal.name)).unwrap_or_default();
                response::extended(&mut self.answers, id, &Outcome::SUCCESS, None, Some(name.as_bytes()));
                Handled::Done
            }
            oid::START_TLS => self.start_tls(id),
            _ => {
                let text = "0000203D: LdapErr: DSID-0C090E5D, comment: Unknown extended request OID, data 0, v4563";
                let outcome = Outcome::new(ResultCode::PROTOCOL_ERROR, text);
                response::extended(&mut self.answers, id, &outcome, None, None);
                Handled::Done
            }
        }
    }

    /// RFC 4511 4.14; RFC 4513 3.1.
    fn start_tls(&mut self, id: i32) -> Handled {
        let name = Some(oid::START_TLS);
        let refusal = if self.channel.tls || self.layer.is_some() || self.negotiation.is_some() {
            let text =
                "00002020: LdapErr: DSID-0C090F4B, comment: TLS or a security layer is active already, data 0, v4563";
            Some(Outcome::new(ResultCode::OPERATIONS_ERROR, text))
        } else if !self.server.tls {
            let text = "00000000: LdapErr: DSID-0C090F78, comment: Error initializing SSL/TLS, data 0, v4563";
            Some(Outcome::new(ResultCode::UNAVAILABLE, text))
        } else {
            None
        };
        if let Some(outcome) = refusal {
            response::extended(&mut self.answers, id, &outcome, name, None);
            return Handled::Done;
        }
        response::extended(&mut self.answers, id, &Outcome::SUCCESS, name, None);
        Handled::Then(Then::StartTls)
    }

    /// TLS runs now. Whoever had bound before may have been put there by somebody between: nobody has.
    ///
    /// What came before TLS must not be taken for what comes over it: then this returns false, and the connection is to be closed.
    pub(crate) fn started_tls(&mut self) -> bool {
        self.channel.tls = true;
        self.bound = None;
        self.received.unread().is_empty()
    }

    /// The bytes are no message of LDAP's. RFC 4511 4.1.1: say so and close.
    fn malformed(&mut self, error: &DecodeError) -> Then {
        tracing::debug!(%error, "a malformed message");
        let text =
            format!("00000057: LdapErr: DSID-0C0C0095, comment: Error decoding ldap message: {error}, data 0, v4563");
        self.disconnect(&Outcome::new(ResultCode::PROTOCOL_ERROR, &text))
    }

    /// Says goodbye. RFC 4511 4.4.1.
    pub(crate) fn disconnect(&mut self, outcome: &Outcome<'_>) -> Then {
        response::notice_of_disconnection(&mut self.answers, outcome);
        self.closing = true;
        Then::Close
    }

    /// What the next request is answered with goes into a frame of its own: there are clients that take all messages of a frame for answers
    /// to one request.
    fn end_frame(&mut self) {
        if self.layer.is_some() && !self.answers.is_empty() {
            self.protect();
        }
    }

    /// Puts what was answered behind what is to be sent, through the security layer that holds now.
    pub(super) fn protect(&mut self) {
        match &mut self.layer {
            Some(layer) if layer.layer() != Layer::None => {
                if !self.answers.is_empty() {
                    let random: &dyn Random = &*self.server.directory.environment().random;
                    layer.seal_into(&self.answers, &mut self.outgoing, random);
                }
            }
            _ if self.outgoing.is_empty() => {
                std::mem::swap(&mut self.answers, &mut self.outgoing);
                return;
            }
            _ => self.outgoing.extend_from_slice(&self.answers),
        }
        self.answers.clear();
        if self.answers.capacity() > KEPT {
            self.answers = Vec::new();
        }
    }

    /// Who asks, or that nobody has bound.
    pub(super) fn caller(&self) -> Result<&Caller, Refusal> {
        self.bound.as_ref().map(|bound| &bound.caller).ok_or(Refusal::not_bound())
    }

    /// Whether nobody between can read what is sent.
    pub(super) fn is_sealed(&self) -> bool {
        self.channel.tls || self.layer.as_ref().is_some_and(|layer| layer.layer() == Layer::Confidentiality)
    }
}

fn is_update(request: &Request<'_>) -> bool {
    matches!(request, Request::Modify { .. } | Request::Add { .. } | Request::Delete(_) | Request::ModifyDn(_))
}
