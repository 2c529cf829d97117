//! What one caller may have kept in memory, so that it leaves enough for the others.
//!
//! Reviews come unauthenticated, so anybody who reaches the port could take all the memory that bodies may take. The API servers have
//! addresses of their own, and nobody else's share counts against theirs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bodies of one address, and of all, in kibibytes, and as much again for answers. A usual review has ten or twenty.
const MOST_KIB: usize = 8 << 10;
const MOST_KIB_OF_ALL: usize = 16 << 10;
/// When there are more addresses than that, those that are gone are forgotten.
const MANY: usize = 256;

/// All callers.
pub(super) struct Peers {
    bodies: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    known: Mutex<HashMap<IpAddr, Weak<Peer>>>,
}

/// One of them, by its address.
pub(super) struct Peer {
    bodies: Share,
    answers: Share,
}

/// Kibibytes of one caller's, out of those of all.
struct Share {
    own: Arc<Semaphore>,
    of_all: Arc<Semaphore>,
}

/// Room for a body or for an answer, until this is dropped.
pub(super) struct Room(
    #[allow(dead_code, reason = "held")] OwnedSemaphorePermit,
    #[allow(dead_code, reason = "held")] OwnedSemaphorePermit,
);

impl Default for Peers {
    fn default() -> Self {
        let of_all = || Arc::new(Semaphore::new(MOST_KIB_OF_ALL));
        Self { bodies: of_all(), answers: of_all(), known: Mutex::default() }
    }
}

impl Peers {
    /// The caller at this address.
    pub(super) fn at(&self, address: IpAddr) -> Arc<Peer> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = known.get(&address).and_then(Weak::upgrade) {
            return peer;
        }
        if known.len() >= MANY {
            known.retain(|_, peer| peer.strong_count() > 0);
        }
        let peer = Arc::new(Peer { bodies: Share::of(&self.bodies), answers: Share::of(&self.answers) });
        known.insert(address, Arc::downgrade(&peer));
        peer
    }
}

impl Peer {
    /// Waits for room for a body of so many bytes.
    pub(super) async fn room_for_body(&self, bytes: usize) -> Option<Room> {
        self.bodies.room(bytes).await
    }

    /// Waits for room for an answer of so many bytes. Who waits for it has a body in hand: were it the same room, bodies could take all of it
    /// and none of them ever be answered.
    pub(super) async fn room_for_answer(&self, bytes: usize) -> Option<Room> {
        self.answers.room(bytes).await
    }
}

impl Share {
    fn of(all: &Arc<Semaphore>) -> Self {
        Self { own: Arc::new(Semaphore::new(MOST_KIB)), of_all: Arc::clone(all) }
    }

    async fn room(&self, bytes: usize) -> Option<Room> {
        let kib = u32::try_from(bytes.div_ceil(1 << 10)).ok()?;
        let own = Arc::clone(&self.own).acquire_many_owned(kib).await.ok()?;
        let of_all = Arc::clone(&self.of_all).acquire_many_owned(kib).await.ok()?;
        Some(Room(own, of_all))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn at(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[tokio::test]
    async fn one_address_leaves_room_for_others() {
        let peers = Peers::default();
        let (greedy, other) = (peers.at(at(1)), peers.at(at(2)));
        let first = greedy.room_for_body(MOST_KIB << 10).await;
        assert!(first.is_some() && greedy.room_for_body(1).now_or_never().is_none());
        let second = other.room_for_body(MOST_KIB << 10).await;
        assert!(second.is_some() && peers.at(at(3)).room_for_body(1).now_or_never().is_none());
        drop(first);
        assert!(
            greedy.room_for_body(1).now_or_never().is_some()
                && peers.at(at(3)).room_for_body(1).now_or_never().is_some()
        );
    }

    #[tokio::test]
    async fn who_has_sent_all_that_it_may_can_be_answered() {
        let peers = Peers::default();
        let bodies =
            [peers.at(at(1)).room_for_body(MOST_KIB << 10).await, peers.at(at(2)).room_for_body(MOST_KIB << 10).await];
        assert!(bodies.iter().all(Option::is_some));
        assert!(peers.at(at(1)).room_for_answer(MOST_KIB << 10).now_or_never().is_some());
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let peers = Peers::default();
        let kept = peers.at([172, 16, 0, 1].into());
        for number in 0..10_000_u32 {
            peers.at(number.to_be_bytes().into());
        }
        assert!(peers.known.lock().unwrap().len() <= MANY);
        assert!(Arc::ptr_eq(&peers.at([172, 16, 0, 1].into()), &kept));
    }
}
