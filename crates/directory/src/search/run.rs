//! Doing a search: base, candidates, filter, access, entries, pages.

use ldap::Filter;

use super::emit::Emitter;
use super::filter::{Compiler, Evaluator, Node};
use super::plan::{Candidates, Planner};
use super::{Base, EntrySink, Outcome, Scope, Search, SearchDone};
use crate::access::{self, Reading};
use crate::error::win32;
use crate::object::record::{Flags, Record};
use crate::{Caller, Dnt, Error, Object, Problem, View};

/// How many candidates are looked at between two looks at the clock.
const BETWEEN_CLOCKS: u32 = 256;
const COOKIE_VERSION: u8 = 1;

impl View<'_> {
    /// Finds objects and gives them to `sink`.
    ///
    /// # Errors
    /// When the base does not exist, the cookie is not one of ours, or the store is damaged.
    pub fn search(&self, caller: &Caller, search: &Search<'_>, sink: &mut dyn EntrySink) -> Result<SearchDone, Error> {
        let base = self.base(caller, search)?;
        let filter = compile(&Compiler::new(self), search.filter)?;
        let after = search.page.map_or(Ok(None), |page| read_cookie(page.cookie))?;
        let mut walk = Walk {
            view: self,
            search,
            evaluator: Evaluator { view: self, caller },
            filter,
            base,
            base_context: self.naming_context_of(base)?,
            emitter: Emitter::new(self, caller, search, sink),
            done: SearchDone { outcome: Outcome::Complete, entries: 0, cookie: Vec::new() },
            last: None,
            container: None,
            until: (!search.time_limit.is_zero())
                .then(|| self.inner.environment.clock.now().saturating_add(search.time_limit)),
            until_clock: BETWEEN_CLOCKS,
        };
        walk.run(after)?;
        Ok(walk.done)
    }

    /// Whether an attribute of an object has a value (RFC 4511 4.10). Undefined or unreadable attributes answer `noSuchAttribute`.
    ///
    /// # Errors
    /// When the object or attribute is not there for this caller.
    pub fn compare(&self, caller: &Caller, dn: &ldap::Dn, attribute: &str, value: &[u8]) -> Result<bool, Error> {
        let object = Some(self.require(dn)?).filter(|object| caller.system || access::may_see(caller, object));
        let object = object.ok_or_else(|| Error::no_such_object(None))?;
        let compiler = Compiler::new(self);
        let evaluator = Evaluator { view: self, caller };
        let absent = || Error::no_such_attribute(win32::DS_NO_ATTRIBUTE_OR_VALUE, "the object has no such attribute");
        if evaluator.evaluate(&compiler.present(attribute), &object)? != Some(true) {
            return Err(absent());
        }
        evaluator.evaluate(&compiler.equality(attribute, value)?, &object)?.ok_or_else(absent)
    }

    /// Where the search begins. An object that the caller may not see is not there.
    fn base(&self, caller: &Caller, search: &Search<'_>) -> Result<Dnt, Error> {
        let found = match &search.base {
            Base::Dn(dn) => Some(self.require(dn)?),
            Base::Guid(guid) => self.by_guid(guid)?.map_or(Ok(None), |dnt| self.object(dnt))?,
            Base::Sid(sid) => self.by_sid(sid)?.map_or(Ok(None), |dnt| self.object(dnt))?,
            Base::Object(Dnt::ROOT) => return Ok(Dnt::ROOT),
            Base::Object(dnt) => self.object(*dnt)?,
        };
        let found = found.filter(|object| search.show_deleted || !object.is_deleted());
        match found {
            Some(object) if caller.system || access::may_see(caller, &object) => Ok(object.dnt()),
            _ => Err(Error::no_such_object(None)),
        }
    }
}

/// A search on its way.
struct Walk<'w> {
    view: &'w View<'w>,
    search: &'w Search<'w>,
    evaluator: Evaluator<'w>,
    filter: Node<'w>,
    base: Dnt,
    base_context: Option<Dnt>,
    emitter: Emitter<'w>,
    done: SearchDone,
    last: Option<Dnt>,
    /// The container of the last entry, and whether its content may be seen.
    container: Option<(Dnt, bool)>,
    until: Option<dtyp::FileTime>,
    until_clock: u32,
}

impl Walk<'_> {
    /// Looks at the candidates behind the last page, in the order of their tags.
    fn run(&mut self, after: Option<Dnt>) -> Result<(), Error> {
        let planner = Planner { view: self.view, paged: self.search.page.is_some() };
        let candidates = match self.search.scope {
            Scope::Base => Candidates::These(vec![self.base]),
            Scope::One => planner.children(self.base, &self.filter)?,
            Scope::Subtree | Scope::Forest => {
                // A whole naming context is not walked: that is nearly everything.
                let walkable = Some(self.base).filter(|base| *base != Dnt::ROOT && self.base_context != Some(*base));
                planner.subtree(walkable, &self.filter)?
            }
        };
        match candidates {
            Candidates::These(found) => {
                let start = after.map_or(0, |after| found.partition_point(|dnt| *dnt <= after));
                for dnt in found.into_iter().skip(start) {
                    if let Some(record) = self.view.record(dnt)?
                        && !self.candidate(dnt, record)?
                    {
                        break;
                    }
                }
            }
            Candidates::All => self.everything(after)?,
        }
        Ok(())
    }

    fn everything(&mut self, after: Option<Dnt>) -> Result<(), Error> {
        use std::ops::Bound;
        let start = crate::store::number(after.map_or(0, |after| after.0.saturating_add(1)));
        let range = (Bound::Included(start.as_slice()), Bound::Unbounded);
        for item in self.view.tables().objects.range(self.view.txn(), &range)? {
            let (key, bytes) = item?;
            let Some(key) = key.first_chunk::<4>() else { continue };
            if !self.candidate(Dnt(u32::from_ne_bytes(*key)), Record::parse(bytes)?)? {
                break;
            }
        }
        Ok(())
    }

    /// Looks at one candidate; whether to go on.
    fn candidate(&mut self, dnt: Dnt, record: Record<'_>) -> Result<bool, Error> {
        if self.time_is_up() {
            self.done.outcome = Outcome::TimeLimit;
            // This candidate has not been looked at: the next page begins with it.
            self.leave_cookie(Dnt(dnt.0.saturating_sub(1)));
            return Ok(false);
        }
        let flags = record.header().flags;
        if flags.has(Flags::PHANTOM)
            || (flags.has(Flags::DELETED) && !self.search.show_deleted)
            || !self.in_scope(dnt, &record)?
        {
            return Ok(true);
        }
        let object = Object::new(self.view, dnt, record);
        let reading = Reading::of(self.evaluator.caller, &object);
        if self.evaluator.node(&self.filter, &object, &reading)? != Some(true) {
            return Ok(true);
        }
        if dnt != self.base && !self.may_see(&object) {
            return Ok(true);
        }
        if self.is_full(dnt) {
            return Ok(false);
        }
        self.done.entries = self.done.entries.saturating_add(1);
        self.last = Some(dnt);
        if self.emitter.entry(&object, &reading)?.is_break() {
            self.done.outcome = Outcome::Stopped;
            self.leave_cookie(dnt);
            return Ok(false);
        }
        Ok(true)
    }

    /// Whether the caller may see the object: what is beside it in the same container is seen or not seen like it.
    fn may_see(&mut self, object: &Object<'_>) -> bool {
        match self.container {
            Some((parent, seen)) if parent == object.parent() => seen,
            _ => {
                let seen = access::may_see(self.evaluator.caller, object);
                self.container = Some((object.parent(), seen));
                seen
            }
        }
    }

    /// Whether this match is one too many: then there is another page, or the limit is exceeded.
    fn is_full(&mut self, _one_more: Dnt) -> bool {
        let SearchDone { entries, .. } = self.done;
        if self.search.size_limit != 0 && entries >= self.search.size_limit {
            self.done.outcome = Outcome::SizeLimit;
            return true;
        }
        match (self.search.page, self.last) {
            (Some(page), Some(last)) if entries >= page.size => {
                self.done.cookie = write_cookie(last);
                true
            }
            _ => false,
        }
    }

    /// A search with a page that ends early can go on behind `last`.
    fn leave_cookie(&mut self, last: Dnt) {
        if self.search.page.is_some() {
            self.done.cookie = write_cookie(last);
        }
    }

    fn in_scope(&self, dnt: Dnt, record: &Record<'_>) -> Result<bool, Error> {
        let header = record.header();
        let same_context = |context: Option<Dnt>| match header.flags.has(Flags::NC_HEAD) {
            true => Some(dnt) == self.base_context,
            false => context == self.base_context,
        };
        Ok(match self.search.scope {
            Scope::Base => dnt == self.base,
            Scope::One => header.parent == self.base && !header.flags.has(Flags::NC_HEAD),
            Scope::Subtree if dnt == self.base => true,
            Scope::Subtree => {
                let parent = self.view.container(header.parent)?;
                parent.is_within(self.base) && same_context(parent.naming_context)
            }
            Scope::Forest => dnt == self.base || self.view.container(header.parent)?.is_within(self.base),
        })
    }

    fn time_is_up(&mut self) -> bool {
        self.until_clock = self.until_clock.saturating_sub(1);
        if self.until_clock > 0 {
            return false;
        }
        self.until_clock = BETWEEN_CLOCKS;
        self.until.is_some_and(|until| self.view.inner.environment.clock.now() > until)
    }
}

/// Behind which object the next page begins. Nothing is kept for it: the next page seeks.
fn write_cookie(last: Dnt) -> Vec<u8> {
    let mut cookie = vec![COOKIE_VERSION];
    cookie.extend_from_slice(&last.to_bytes());
    cookie
}

fn read_cookie(cookie: &[u8]) -> Result<Option<Dnt>, Error> {
    match cookie {
        [] => Ok(None),
        [COOKIE_VERSION, rest @ ..] if rest.len() == 4 => Ok(Dnt::from_bytes(rest)),
        _ => Err(Error::new(
            ldap::ResultCode::UNWILLING_TO_PERFORM,
            win32::DS_UNWILLING_TO_PERFORM,
            Problem::Service(5003, "WILL_NOT_PERFORM"),
            "the cookie is not from a page of this directory",
        )),
    }
}

/// A filter as the directory understands it.
pub(crate) fn compile<'f>(compiler: &Compiler<'f>, filter: &'f Filter<'f>) -> Result<Node<'f>, Error> {
    Ok(match filter {
        Filter::And(all) => Node::And(all.iter().map(|part| compile(compiler, part)).collect::<Result<_, _>>()?),
        Filter::Or(any) => Node::Or(any.iter().map(|part| compile(compiler, part)).collect::<Result<_, _>>()?),
        Filter::Not(inner) => Node::Not(Box::new(compile(compiler, inner)?)),
        Filter::Equality(attribute, value) | Filter::Approximate(attribute, value) => {
            compiler.equality(attribute, value)?
        }
        Filter::Substrings(attribute, parts) => {
            compiler.substrings(attribute, parts.initial, parts.any.iter().copied(), parts.last)
        }
        Filter::GreaterOrEqual(attribute, value) => compiler.ordering(attribute, value, true),
        Filter::LessOrEqual(attribute, value) => compiler.ordering(attribute, value, false),
        Filter::Present(attribute) => compiler.present(attribute),
        Filter::Extensible(rule) => compiler.extensible(rule.rule, rule.attribute, rule.value)?,
    })
}
