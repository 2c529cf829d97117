//! Searches: what is asked, and where the results go.
//!
//! MS-ADTS 3.1.1.3.1.3 (LDAP search), 3.1.1.3.4.1 (its controls), 3.1.1.3.4.6 (limits); RFC 4511 4.5.1.

#[cfg(test)]
mod agreement;
mod chain;
mod computed;
mod emit;
pub(crate) mod filter;
mod plan;
mod run;
mod select;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::time::Duration;

use dtyp::{Guid, Sid};
use ldap::{Dn, Filter};

use crate::Dnt;

/// Where a search begins.
#[derive(Clone, Copy, Debug)]
pub enum Base<'a> {
    /// By name.
    Dn(&'a Dn),
    /// By `<GUID=…>`.
    Guid(Guid),
    /// By `<SID=…>`.
    Sid(Sid),
    /// By tag, for callers inside.
    Object(Dnt),
}

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The base alone.
    Base,
    /// Its children.
    One,
    /// It and everything beneath it, within its naming context.
    Subtree,
    /// Its subtree over all naming contexts (global catalogue, phantom root).
    Forest,
}

/// How names are to be extended with GUID and SID. MS-ADTS 3.1.1.3.4.1.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedDn {
    /// Flag 0: hexadecimal.
    Hex,
    /// Flag 1: the usual texts.
    Text,
}

/// Which part of the results.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// How many entries.
    pub size: u32,
    /// What the previous page returned; empty for the first.
    pub cookie: &'a [u8],
}

/// A search.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Where it begins.
    pub base: Base<'a>,
    /// How far it goes.
    pub scope: Scope,
    /// Which objects.
    pub filter: &'a Filter<'a>,
    /// Which attributes, as the client named them: empty or `*` for all but constructed ones, `1.1` for none, `+` for operational ones.
    pub attributes: &'a [&'a str],
    /// Names of attributes without their values.
    pub types_only: bool,
    /// The most entries; 0 for no limit.
    pub size_limit: u32,
    /// The longest it may take; zero for no limit.
    pub time_limit: Duration,
    /// A page of the results.
    pub page: Option<Page<'a>>,
    /// Tombstones too. Control 1.2.840.113556.1.4.417.
    pub show_deleted: bool,
    /// Names with GUID and SID. Control 1.2.840.113556.1.4.529.
    pub extended_dn: Option<ExtendedDn>,
    /// Which parts of descriptors. Control 1.2.840.113556.1.4.801; all when not given, but then the audit list only to those who may.
    pub sd_flags: Option<u32>,
    /// How many values of an attribute at once; more only by `;range=`. 0 for no limit.
    pub value_range: u32,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was found (or the page was filled).
    Complete,
    /// There is more than the size limit.
    SizeLimit,
    /// It took longer than the time limit.
    TimeLimit,
    /// The sink wanted no more.
    Stopped,
}

/// What a search says at its end.
#[derive(Clone, Debug)]
pub struct SearchDone {
    /// How it ended.
    pub outcome: Outcome,
    /// How many entries were given.
    pub entries: u32,
    /// With this the next page begins; empty when there is none. Only for searches with a page; there one is left also when the search
    /// was stopped or ran out of time.
    pub cookie: Vec<u8>,
}

/// Takes a search's results as they are found: straight into a socket's buffer.
///
/// For each entry: [`begin`](Self::begin), then for each attribute [`attribute`](Self::attribute) and its [`value`](Self::value)s, then
/// [`end`](Self::end). An attribute without values only comes when types alone were asked for.
pub trait EntrySink {
    /// An entry begins.
    fn begin(&mut self, dn: &str);
    /// An attribute begins, under the name to send (with `;range=` where due).
    fn attribute(&mut self, name: &str);
    /// One value of it.
    fn value(&mut self, value: &[u8]);
    /// The entry is complete; whether to go on.
    fn end(&mut self) -> ControlFlow<()>;
}

impl<'a> Search<'a> {
    /// A search with no limits and no controls.
    #[must_use]
    pub fn new(base: Base<'a>, scope: Scope, filter: &'a Filter<'a>, attributes: &'a [&'a str]) -> Self {
        Self {
            base,
            scope,
            filter,
            attributes,
            types_only: false,
            size_limit: 0,
            time_limit: Duration::ZERO,
            page: None,
            show_deleted: false,
            extended_dn: None,
            sd_flags: None,
            value_range: 0,
        }
    }
}
