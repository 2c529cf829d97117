//! Searches. RFC 4511 4.5; MS-ADTS 3.1.1.3.1.3.
//!
//! Most are answered at once, on the connection's own task. One that takes longer, or finds more than a client may have waiting for it,
//! goes on in slices on another thread: between two slices what was found is sent, and no snapshot is held.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use directory::{Base, Caller, Dnt, EntrySink, Outcome, Page, Scope, Search as Query};
use dtyp::FileTime;
use ldap::control::{self, Control, PagedResults};
use ldap::message::{self, Message, Request, Search};
use ldap::response::{self, Entry, Kind};
use ldap::{DnOrId, ResultCode};

use super::controls::Controls;
use super::refusal::Refusal;
use super::server::Server;
use super::session::{Handled, Session, Then};

/// How long a search may keep the connection's task.
const FIRST_SLICE: Duration = Duration::from_millis(20);
/// A request of more bytes is no quick search: its filter is long, and is worked on elsewhere from the beginning.
const LARGE: usize = 16 << 10;
/// How long a slice on another thread may take.
const SLICE: Duration = Duration::from_millis(200);
/// So much found, and it is sent before there is more.
const FOUND_AT_ONCE: usize = 1 << 20;

/// Where a search stands.
struct Progress {
    /// Behind which object it goes on; empty at the beginning.
    place: Vec<u8>,
    /// How many entries it may still give.
    left: u32,
    /// When its time is over.
    until: FileTime,
}

/// Where a slice led.
enum Slice {
    /// There is more to do.
    More,
    /// It is over, and how.
    Done(ResultCode),
}

/// A search that goes on on another thread.
pub(crate) struct LongSearch {
    server: Arc<Server>,
    caller: Caller,
    /// The whole request.
    message: Vec<u8>,
    progress: Progress,
    found: Vec<u8>,
    ended: Option<Result<ResultCode, Refusal>>,
}

/// The base of the last search: usually the next one's too.
#[derive(Default)]
pub(crate) struct LastBase(Option<(String, DnOrId)>);

impl LastBase {
    fn parse(&mut self, text: &str) -> Result<&DnOrId, Refusal> {
        if self.0.as_ref().is_none_or(|(last, _)| last != text) {
            self.0 = Some((text.to_owned(), text.parse().map_err(Refusal::bad_name)?));
        }
        self.0.as_ref().map(|(_, base)| base).ok_or_else(Refusal::no_such_object)
    }
}

impl Session {
    pub(super) fn search(&mut self, id: i32, search: &Search<'_>, controls: &Controls<'_>, bytes: &[u8]) -> Handled {
        if search.base.is_empty() && search.scope == message::Scope::Base {
            let result = self.root_dse(id, search);
            return self.answer(id, Kind::SearchDone, result);
        }
        if let Some(result) = self.subschema(id, search) {
            return self.answer(id, Kind::SearchDone, result);
        }
        match self.begin(id, search, controls, bytes.len() > LARGE) {
            Ok((progress, Slice::Done(code))) => self.search_done(id, search, controls, code, &progress.place),
            Ok((progress, Slice::More)) => {
                let Ok(caller) = self.caller().cloned() else { return Handled::Done };
                let server = Arc::clone(&self.server);
                let (message, found) = (bytes.to_vec(), Vec::new());
                let long = LongSearch { server, caller, message, progress, found, ended: None };
                Handled::Then(Then::Search(Box::new(long)))
            }
            Err(refusal) => self.answer(id, Kind::SearchDone, Err(refusal)),
        }
    }

    /// The first slice, here and now, unless the request is a large one.
    fn begin(
        &mut self,
        id: i32,
        search: &Search<'_>,
        controls: &Controls<'_>,
        large: bool,
    ) -> Result<(Progress, Slice), Refusal> {
        let Some(bound) = &self.bound else { return Err(Refusal::not_bound()) };
        let limits = &self.server.limits;
        let mut progress = Progress {
            place: Vec::new(),
            left: limits.max_page_size,
            until: self.server.directory.environment().clock.now().saturating_add(match search.time_limit {
                0 => limits.max_query_duration,
                seconds => limits.max_query_duration.min(Duration::from_secs(seconds.into())),
            }),
        };
        if search.size_limit != 0 {
            progress.left = progress.left.min(search.size_limit);
        }
        if let Some(page) = controls.page {
            if page.size == 0 {
                return Ok((progress, Slice::Done(ResultCode::SUCCESS)));
            }
            progress.left = progress.left.min(page.size);
            if !page.cookie.is_empty() {
                let place = self.cookies.open(page.cookie, search).ok_or_else(Refusal::malformed_control)?;
                progress.place = place.to_vec();
            }
        }
        let base = self.last_base.parse(search.base)?;
        if large {
            return Ok((progress, Slice::More));
        }
        let run = Run { server: &self.server, caller: &bound.caller, id, search, controls, base };
        let slice = run.slice(&mut progress, &mut self.answers, FIRST_SLICE)?;
        Ok((progress, slice))
    }

    /// Takes a search back from its thread; gives it back when there is more to do.
    pub(crate) fn searched(&mut self, mut long: Box<LongSearch>) -> Option<Box<LongSearch>> {
        // It was decoded before.
        let Ok(Message { id, request, controls }) = Message::decode(&long.message) else { return None };
        if self.is_abandoned(id) {
            return None;
        }
        self.answers.append(&mut long.found);
        let Some(result) = long.ended.take() else { return Some(long) };
        let Request::Search(search) = &request else { return None };
        match (result, Controls::read(&controls, &request)) {
            (Ok(code), Ok(controls)) => self.search_done(id, search, &controls, code, &long.progress.place),
            (Err(refusal), _) | (_, Err(refusal)) => self.answer(id, Kind::SearchDone, Err(refusal)),
        };
        None
    }

    fn search_done(
        &mut self,
        id: i32,
        search: &Search<'_>,
        controls: &Controls<'_>,
        code: ResultCode,
        place: &[u8],
    ) -> Handled {
        let Some(page) = controls.page else {
            // What did not fit one answer is lost to somebody who does not ask for pages.
            let code =
                if code == ResultCode::SUCCESS && !place.is_empty() { ResultCode::SIZE_LIMIT_EXCEEDED } else { code };
            return self.answer(id, Kind::SearchDone, Ok(code));
        };
        let ends_at_limit = search.size_limit != 0 && search.size_limit < page.size && !place.is_empty();
        let code = if ends_at_limit { ResultCode::SIZE_LIMIT_EXCEEDED } else { code };
        let cookie = match place {
            [] => Vec::new(),
            _ if ends_at_limit => Vec::new(),
            place => self.cookies.make(place, search, &*self.server.directory.environment().random),
        };
        let value = PagedResults { size: 0, cookie: &cookie }.encode();
        let control = Control { oid: control::PAGED_RESULTS, critical: false, value: Some(&value) };
        response::result(&mut self.answers, id, Kind::SearchDone, &response::Outcome::new(code, ""), &[control]);
        Handled::Done
    }

    /// MS-ADTS 3.1.1.3.2: anybody may read it.
    fn root_dse(&mut self, id: i32, search: &Search<'_>) -> Result<ResultCode, Refusal> {
        let server = &self.server;
        if server.root_dse.matches(&search.filter) {
            let now = server.directory.environment().clock.now().generalized();
            let usn = server.directory.read()?.highest_usn()?.0.to_string();
            let fresh = [("currentTime", now), ("highestCommittedUSN", usn)];
            server.root_dse.write(&mut self.answers, id, search, &fresh);
        }
        Ok(ResultCode::SUCCESS)
    }

    /// The subschema is no object of the directory; `None` when something else is searched.
    fn subschema(&mut self, id: i32, search: &Search<'_>) -> Option<Result<ResultCode, Refusal>> {
        const AGGREGATE: &str = "CN=Aggregate,";
        let own = search.base.get(..AGGREGATE.len()).is_some_and(|start| start.eq_ignore_ascii_case(AGGREGATE));
        if !own
            || search.scope == message::Scope::One
            || !search.base.eq_ignore_ascii_case(&self.server.facts.subschema())
        {
            return None;
        }
        if self.bound.is_none() {
            return Some(Err(Refusal::not_bound()));
        }
        let entry = self.server.subschema();
        if entry.matches(&search.filter) {
            entry.write(&mut self.answers, id, search, &[]);
        }
        Some(Ok(ResultCode::SUCCESS))
    }
}

impl LongSearch {
    /// One slice, on another thread.
    pub(crate) fn run(&mut self) {
        let Ok(Message { id, request, controls }) = Message::decode(&self.message) else { return };
        let Request::Search(search) = &request else { return };
        let sliced = Controls::read(&controls, &request).and_then(|controls| {
            let base = search.base.parse().map_err(Refusal::bad_name)?;
            let run = Run { server: &self.server, caller: &self.caller, id, search, controls: &controls, base: &base };
            run.slice(&mut self.progress, &mut self.found, SLICE)
        });
        self.ended = match sliced {
            Ok(Slice::More) => None,
            Ok(Slice::Done(code)) => Some(Ok(code)),
            Err(refusal) => Some(Err(refusal)),
        };
    }
}

/// A search with all that it needs.
struct Run<'r> {
    server: &'r Server,
    caller: &'r Caller,
    id: i32,
    search: &'r Search<'r>,
    controls: &'r Controls<'r>,
    base: &'r DnOrId,
}

impl Run<'_> {
    fn slice(&self, progress: &mut Progress, out: &mut Vec<u8>, slice: Duration) -> Result<Slice, Refusal> {
        let Self { search, controls, .. } = self;
        let limits = &self.server.limits;
        let phantom = search.base.is_empty() && controls.phantom_root;
        let query = Query {
            page: Some(Page { size: progress.left, cookie: &progress.place }),
            time_limit: slice,
            types_only: search.types_only,
            show_deleted: controls.show_deleted,
            extended_dn: controls.extended_dn,
            sd_flags: controls.sd_flags,
            value_range: limits.max_value_range,
            ..Query::new(self.base(phantom), self.scope(), &search.filter, &search.attributes)
        };
        let view = self.server.directory.read()?;
        let mut sink = Sink { out, id: self.id, entry: None, begun_at: 0, full_at: 0 };
        sink.full_at = sink.out.len().saturating_add(FOUND_AT_ONCE);
        let done = match view.search(self.caller, &query, &mut sink) {
            Ok(done) => done,
            Err(error) => {
                sink.take_back();
                return Err(error.into());
            }
        };
        drop(view);
        progress.left = progress.left.saturating_sub(done.entries);
        progress.place = done.cookie;
        let stopped = matches!(done.outcome, Outcome::Stopped | Outcome::TimeLimit);
        if !stopped || progress.place.is_empty() || progress.left == 0 {
            return Ok(Slice::Done(ResultCode::SUCCESS));
        }
        if done.outcome == Outcome::TimeLimit && self.server.directory.environment().clock.now() >= progress.until {
            progress.place.clear();
            return Ok(Slice::Done(ResultCode::TIME_LIMIT_EXCEEDED));
        }
        Ok(Slice::More)
    }

    fn base(&self, phantom: bool) -> Base<'_> {
        match self.base {
            _ if phantom => Base::Object(Dnt::ROOT),
            DnOrId::Dn(dn) => Base::Dn(dn),
            DnOrId::Guid(guid) => Base::Guid(*guid),
            DnOrId::Sid(sid) => Base::Sid(*sid),
        }
    }

    fn scope(&self) -> Scope {
        match self.search.scope {
            message::Scope::Base => Scope::Base,
            message::Scope::One => Scope::One,
            message::Scope::Subtree if self.controls.phantom_root => Scope::Forest,
            message::Scope::Subtree => Scope::Subtree,
        }
    }
}

/// Writes what is found where it is sent from.
struct Sink<'s> {
    out: &'s mut Vec<u8>,
    id: i32,
    entry: Option<Entry>,
    begun_at: usize,
    full_at: usize,
}

impl Sink<'_> {
    /// An entry that could not be finished was never begun.
    fn take_back(&mut self) {
        if let Some(entry) = self.entry.take() {
            *self.out = entry.end();
            self.out.truncate(self.begun_at);
        }
    }
}

impl EntrySink for Sink<'_> {
    fn begin(&mut self, dn: &str) {
        self.begun_at = self.out.len();
        self.entry = Some(Entry::begin(std::mem::take(self.out), self.id, dn));
    }

    fn attribute(&mut self, name: &str) {
        if let Some(entry) = &mut self.entry {
            entry.attribute(name);
        }
    }

    fn value(&mut self, value: &[u8]) {
        if let Some(entry) = &mut self.entry {
            entry.value(value);
        }
    }

    fn end(&mut self) -> ControlFlow<()> {
        if let Some(entry) = self.entry.take() {
            *self.out = entry.end();
        }
        if self.out.len() >= self.full_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
