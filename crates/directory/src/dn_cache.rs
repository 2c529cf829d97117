//! The names of containers, remembered: every entry needs the name of its parent, and most parents have many children.
//!
//! A name is right for a snapshot when no rename was committed between the one it was made from and that snapshot. So names carry the
//! *era* they were made in: the snapshot of the last rename or deletion. A snapshot older than the current era does without the cache.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::Dnt;

/// An object as a parent: its name and what is above it.
#[derive(Debug)]
pub(crate) struct Container {
    /// Its name; empty for the root.
    pub(crate) dn: Box<str>,
    /// It and everything above it, up to the root.
    pub(crate) ancestors: Box<[Dnt]>,
    /// The head of the naming context it is in; itself, when it is one.
    pub(crate) naming_context: Option<Dnt>,
}

impl Container {
    /// Whether it is `base` or beneath it.
    #[inline]
    pub(crate) fn is_within(&self, base: Dnt) -> bool {
        self.ancestors.contains(&base)
    }
}

const SHARDS: usize = 16;
/// Above this many names a shard starts anew: about 60 MB in all at worst.
const MOST_IN_SHARD: usize = 16_384;

type Tags = HashMap<Box<[u8]>, (u64, Dnt)>;
type Names = HashMap<u32, (u64, Arc<Container>), BuildHasherDefault<Spread>>;

/// The cache.
pub(crate) struct DnCache {
    shards: [RwLock<Names>; SHARDS],
    /// The other way round: the tags of containers, by their folded names.
    tags: RwLock<Tags>,
    era: AtomicU64,
}

impl DnCache {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::new(Names::default())),
            tags: RwLock::new(HashMap::new()),
            era: AtomicU64::new(0),
        }
    }

    /// The era a snapshot belongs to, when it may use the cache. To be asked *after* the snapshot is taken.
    pub(crate) fn era_of(&self, snapshot: u64) -> Option<u64> {
        let era = self.era.load(Ordering::SeqCst);
        (snapshot >= era).then_some(era)
    }

    /// Snapshots from this one on have other names. To be called *before* the change of names is committed.
    pub(crate) fn begin_era(&self, snapshot: u64) {
        self.era.fetch_max(snapshot, Ordering::SeqCst);
    }

    pub(crate) fn get(&self, era: u64, dnt: Dnt) -> Option<Arc<Container>> {
        let names = self.shard(dnt)?.read().unwrap_or_else(PoisonError::into_inner);
        names.get(&dnt.0).filter(|(made_in, _)| *made_in == era).map(|(_, container)| Arc::clone(container))
    }

    pub(crate) fn put(&self, era: u64, dnt: Dnt, container: &Arc<Container>) {
        let Some(shard) = self.shard(dnt) else { return };
        let mut names = shard.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MOST_IN_SHARD {
            names.clear();
        }
        names.insert(dnt.0, (era, Arc::clone(container)));
    }

    /// The container of this folded name. It may be newer than the caller's snapshot.
    pub(crate) fn tag(&self, era: u64, name: &[u8]) -> Option<Dnt> {
        let tags = self.tags.read().unwrap_or_else(PoisonError::into_inner);
        tags.get(name).filter(|(made_in, _)| *made_in == era).map(|(_, dnt)| *dnt)
    }

    pub(crate) fn put_tag(&self, era: u64, name: &[u8], dnt: Dnt) {
        let mut tags = self.tags.write().unwrap_or_else(PoisonError::into_inner);
        if tags.len() >= MOST_IN_SHARD {
            tags.clear();
        }
        tags.insert(name.into(), (era, dnt));
    }

    fn shard(&self, dnt: Dnt) -> Option<&RwLock<Names>> {
        self.shards.get(dnt.0 as usize % SHARDS)
    }
}

/// A hash for tags, which nobody outside can choose.
#[derive(Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(dn: &str) -> Arc<Container> {
        Arc::new(Container { dn: dn.into(), ancestors: Box::new([Dnt(2), Dnt::ROOT]), naming_context: None })
    }

    #[test]
    fn a_name_made_before_a_rename_is_not_given_to_snapshots_after_it() {
        let cache = DnCache::new();
        let before = cache.era_of(4).unwrap();
        cache.put(before, Dnt(2), &named("OU=old"));
        assert_eq!(&*cache.get(before, Dnt(2)).unwrap().dn, "OU=old");
        cache.begin_era(5);
        assert_eq!(cache.era_of(4), None, "an old snapshot does without");
        let after = cache.era_of(5).unwrap();
        assert!(cache.get(after, Dnt(2)).is_none());
    }

    #[test]
    fn the_cache_stays_bounded() {
        let cache = DnCache::new();
        for dnt in 0..(SHARDS * MOST_IN_SHARD * 2) as u32 {
            cache.put(0, Dnt(dnt), &named("OU=x"));
        }
        let held: usize = cache.shards.iter().map(|shard| shard.read().unwrap().len()).sum();
        assert!(held <= SHARDS * MOST_IN_SHARD);
    }
}
