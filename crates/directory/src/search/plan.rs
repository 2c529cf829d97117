//! Which objects a search has to look at: the smallest set that an index, the tree or the filter itself gives.

use super::filter::{Leaf, Node, Test};
use crate::index::{self, Key, PARENT, Span};
use crate::matching::{self, Kind};
use crate::{Dnt, Error, View};

/// The objects to look at, in the order of their tags.
pub(crate) enum Candidates {
    /// These.
    These(Vec<Dnt>),
    /// All there are.
    All,
}

/// A way to find candidates, and how many it gives (counted no further than it needed to be).
struct Way {
    found: Found,
    count: usize,
}

enum Found {
    /// Found already; sorted.
    Already(Vec<Dnt>),
    /// To be read from the index when this way is taken.
    Later(Vec<Span>),
}

/// A way that gives more than this is not counted to its end.
const COUNTED: usize = 2048;
/// A way that gives no more than this is good enough: the others are not looked at.
const GOOD_ENOUGH: usize = 4;

/// With pages, a way of more than this is not read anew for every page: going through the objects themselves can begin anywhere.
const READ_FOR_A_PAGE: usize = 65_536;

/// Plans searches of a snapshot.
#[derive(Clone, Copy)]
pub(crate) struct Planner<'p> {
    pub(crate) view: &'p View<'p>,
    pub(crate) paged: bool,
}

impl Planner<'_> {
    /// The children of `base` that may match.
    pub(crate) fn children(&self, base: Dnt, filter: &Node<'_>) -> Result<Candidates, Error> {
        let by_filter = self.node(filter, COUNTED)?;
        if let Some(Way { count: 0..=GOOD_ENOUGH, .. }) = by_filter {
            return self.take(by_filter);
        }
        let limit = by_filter.as_ref().map_or(COUNTED, |way| way.count);
        let children = self.span(Span::Exactly(Key::new(PARENT, &base.to_bytes())), limit)?;
        match by_filter {
            Some(way) if way.count < children.count => self.take(Some(way)),
            _ => self.take(Some(children)),
        }
    }

    /// The objects beneath `base` (all, when that is given) that may match.
    pub(crate) fn subtree(&self, base: Option<Dnt>, filter: &Node<'_>) -> Result<Candidates, Error> {
        let by_filter = self.node(filter, COUNTED)?;
        let count = by_filter.as_ref().map_or(usize::MAX, |way| way.count);
        if count < COUNTED {
            return self.take(by_filter);
        }
        match base.map(|base| self.walk(base)).transpose()?.flatten() {
            Some(found) => Ok(Candidates::These(found)),
            None => self.take(by_filter),
        }
    }

    /// Everything beneath `base`, unless that is much.
    fn walk(&self, base: Dnt) -> Result<Option<Vec<Dnt>>, Error> {
        let mut found = vec![base];
        let mut next = 0;
        while let Some(parent) = found.get(next).copied() {
            next += 1;
            let span = Span::Exactly(Key::new(PARENT, &parent.to_bytes()));
            self.view.index().each(self.view.txn(), &span, |dnt| {
                found.push(dnt);
                found.len() <= COUNTED
            })?;
            if found.len() > COUNTED {
                return Ok(None);
            }
        }
        found.sort_unstable();
        Ok(Some(found))
    }

    /// Reads what is to be read of a way.
    fn take(&self, way: Option<Way>) -> Result<Candidates, Error> {
        let Some(Way { found, .. }) = way else { return Ok(Candidates::All) };
        match found {
            Found::Already(found) => Ok(Candidates::These(found)),
            Found::Later(spans) => {
                let most = if self.paged { READ_FOR_A_PAGE } else { usize::MAX };
                let mut found = Vec::new();
                for span in spans {
                    self.view.index().each(self.view.txn(), &span, |dnt| {
                        found.push(dnt);
                        found.len() <= most
                    })?;
                }
                if found.len() > most {
                    return Ok(Candidates::All);
                }
                found.sort_unstable();
                found.dedup();
                Ok(Candidates::These(found))
            }
        }
    }

    /// How a filter's matches are found, if it can be done; a way of more than `limit` is of no use.
    fn node(&self, node: &Node<'_>, limit: usize) -> Result<Option<Way>, Error> {
        match node {
            Node::Leaf(leaf) => self.leaf(leaf, limit),
            Node::And(all) => self.and(all, limit),
            Node::Or(any) => self.or(any, limit),
            // Neither true nor false finds nothing.
            Node::Undefined => Ok(Some(Way { found: Found::Already(Vec::new()), count: 0 })),
            Node::Not(_) => Ok(None),
        }
    }

    /// The best of its parts, the most selective kinds first.
    fn and(&self, all: &[Node<'_>], limit: usize) -> Result<Option<Way>, Error> {
        let mut best: Option<Way> = None;
        for rank in 0..RANKS {
            for node in all.iter().filter(|node| self.rank(node) == rank) {
                let limit = best.as_ref().map_or(limit, |best| best.count);
                if limit <= GOOD_ENOUGH && best.is_some() {
                    return Ok(best);
                }
                let way = self.node(node, limit)?;
                if let Some(way) = way
                    && best.as_ref().is_none_or(|best| way.count < best.count)
                {
                    best = Some(way);
                }
            }
        }
        Ok(best)
    }

    /// All of its parts together, when each can be found.
    fn or(&self, any: &[Node<'_>], limit: usize) -> Result<Option<Way>, Error> {
        let mut found = Vec::new();
        let mut later = Vec::new();
        let mut count = 0_usize;
        for node in any {
            let Some(way) = self.node(node, limit)? else { return Ok(None) };
            count = count.saturating_add(way.count);
            match way.found {
                Found::Already(mut more) => found.append(&mut more),
                Found::Later(mut spans) => later.append(&mut spans),
            }
        }
        if later.is_empty() {
            found.sort_unstable();
            found.dedup();
            return Ok(Some(Way { count: found.len(), found: Found::Already(found) }));
        }
        // Rare: small parts beside large ones. Read the large ones now, to have one list.
        let Candidates::These(mut rest) = self.take(Some(Way { found: Found::Later(later), count }))? else {
            return Ok(None);
        };
        found.append(&mut rest);
        found.sort_unstable();
        found.dedup();
        Ok(Some(Way { count: found.len(), found: Found::Already(found) }))
    }

    fn leaf(&self, leaf: &Leaf<'_>, limit: usize) -> Result<Option<Way>, Error> {
        let attribute = leaf.attribute;
        match &leaf.test {
            Test::Nothing => return Ok(Some(already(Vec::new()))),
            Test::Is(dnt) => return Ok(Some(already(vec![*dnt]))),
            Test::OneOf(found) => return Ok(Some(already(found.clone()))),
            Test::Names(target, _) if attribute.link_id.is_some() => return self.linked(leaf, *target, limit),
            _ => {}
        }
        if !self.view.inner.catalogue.is_indexed(attribute) {
            return Ok(None);
        }
        let span = match &leaf.test {
            Test::Equal(value) => index::key_of(attribute.id, leaf.kind, value).map(Span::Exactly),
            Test::Names(target, data) => match matching::has_data(attribute) {
                None => Some(Span::Exactly(Key::new(attribute.id, &target.to_bytes()))),
                Some(_) if data.is_empty() => Some(Span::Beginning(Key::prefix(attribute.id, &target.to_bytes()))),
                Some(_) => Some(Span::Exactly(Key::new(attribute.id, &matching::name_value(*target, data)))),
            },
            Test::AtLeast(value) => index::start_of(attribute.id, leaf.kind, value).map(Span::From),
            Test::AtMost(value) => index::key_of(attribute.id, leaf.kind, value).map(Span::UpTo),
            Test::Parts { initial: Some(initial), .. } => Some(beginning(leaf, initial)),
            Test::Present if self.is_everywhere(attribute.id) => None,
            Test::Present => Some(Span::Beginning(Key::prefix(attribute.id, &[]))),
            _ => None,
        };
        span.map(|span| self.span(span, limit)).transpose()
    }

    /// The objects at the other end of a link.
    fn linked(&self, leaf: &Leaf<'_>, target: Dnt, limit: usize) -> Result<Option<Way>, Error> {
        let (table, txn) = (self.view.link_table(), self.view.txn());
        let mut found = Vec::new();
        match leaf.attribute.link_id {
            Some(link) if link % 2 == 0 => table.each_back(txn, target, leaf.attribute.id, |dnt| {
                found.push(dnt);
                found.len() <= limit
            })?,
            Some(link) => {
                let Some(forward) = self.view.inner.catalogue.forward_of(link) else { return Ok(None) };
                table.each(txn, target, forward, |link| {
                    found.push(link.dnt);
                    found.len() <= limit
                })?;
            }
            None => return Ok(None),
        }
        if found.len() > limit && limit < COUNTED {
            // Something better is known already.
            return Ok(None);
        }
        if found.len() > limit {
            return Ok(Some(already(self.all_linked(leaf, target)?)));
        }
        Ok(Some(already(found)))
    }

    fn all_linked(&self, leaf: &Leaf<'_>, target: Dnt) -> Result<Vec<Dnt>, Error> {
        let (table, txn) = (self.view.link_table(), self.view.txn());
        let mut found = Vec::new();
        let mut take = |dnt| {
            found.push(dnt);
            true
        };
        match leaf.attribute.link_id {
            Some(link) if link % 2 == 0 => table.each_back(txn, target, leaf.attribute.id, take)?,
            Some(link) => {
                if let Some(forward) = self.view.inner.catalogue.forward_of(link) {
                    table.each(txn, target, forward, |link| take(link.dnt))?;
                }
            }
            None => {}
        }
        found.dedup();
        Ok(found)
    }

    /// A way through the index: read at once when it gives no more than `limit`.
    fn span(&self, span: Span, limit: usize) -> Result<Way, Error> {
        let mut found = Vec::new();
        self.view.index().each(self.view.txn(), &span, |dnt| {
            found.push(dnt);
            found.len() <= limit
        })?;
        if found.len() > limit {
            return Ok(Way { count: found.len(), found: Found::Later(vec![span]) });
        }
        if !matches!(span, Span::Exactly(_)) {
            found.sort_unstable();
            found.dedup();
        }
        Ok(already(found))
    }

    /// Whether every object has the attribute, so that its index would find everything, several times.
    fn is_everywhere(&self, id: schema::AttrId) -> bool {
        let known = &self.view.inner.catalogue.known;
        [known.object_class, known.object_category, known.object_guid, known.name, known.usn_changed, known.usn_created]
            .contains(&id)
    }

    /// How few a condition usually finds, for its kind: what to try first.
    fn rank(&self, node: &Node<'_>) -> u8 {
        let Node::Leaf(leaf) = node else { return 4 };
        let known = &self.view.inner.catalogue.known;
        let id = leaf.attribute.id;
        match &leaf.test {
            Test::Nothing | Test::Is(_) => 0,
            Test::Equal(_) if id == known.object_class => 6,
            Test::Equal(_) => 1,
            Test::Names(..) if id == known.object_category => 6,
            Test::OneOf(_) => 2,
            Test::Names(..) => 2,
            Test::Parts { .. } => 3,
            Test::AtLeast(_) | Test::AtMost(_) => 5,
            Test::Present => 7,
            Test::AllBits(_) | Test::AnyBits(_) => 7,
        }
    }
}

const RANKS: u8 = 8;

fn already(found: Vec<Dnt>) -> Way {
    Way { count: found.len(), found: Found::Already(found) }
}

/// The keys of values with this beginning.
fn beginning(leaf: &Leaf<'_>, initial: &[u8]) -> Span {
    let mut ordered = Vec::with_capacity(initial.len());
    match leaf.kind {
        Kind::Text | Kind::Oid => matching::fold(initial, &mut ordered),
        _ => ordered.extend_from_slice(initial),
    }
    Span::Beginning(Key::prefix(leaf.attribute.id, &ordered))
}
