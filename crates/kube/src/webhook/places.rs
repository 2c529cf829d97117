//! Who may be connected, when not everybody can be.
//!
//! Reviews come unauthenticated, so anybody who reaches the port could take all places and say nothing, or say it slowly, and so keep the API
//! server out. So nobody keeps a place by having come first: a newcomer always gets in, and of the address with most connections the one gives
//! way that has been there longest without a review. Whose review is being answered is left alone. An API server has sent its review whole
//! milliseconds after it came, and where it shares the port with many, it connects once more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::timeout;

use super::body::PATIENCE;
use super::rooms::What;

/// Connections of all addresses, and of one.
const MOST: usize = 256;
const MOST_OF_ONE: usize = 64;
/// With those that wait until one of so many reviews has been answered.
pub(super) const MOST_AND_WAITING: usize = MOST + 64;

/// All places.
#[derive(Clone, Default)]
pub(super) struct Places {
    state: Arc<Mutex<State>>,
    freed: Arc<Notify>,
    room_freed: Arc<Notify>,
}

#[derive(Default)]
pub(super) struct State {
    /// Grows with each thing that happens.
    turn: u64,
    pub(super) taken: HashMap<u64, Taken>,
}

pub(super) struct Taken {
    pub(super) by: IpAddr,
    /// Since when it has had no review that is being answered.
    since: u64,
    pub(super) reviews: usize,
    /// Kibibytes.
    pub(super) room: HashMap<What, usize>,
    pub(super) leave: Arc<Notify>,
}

/// One of them, until this is dropped, or until it is somebody else's.
pub(super) struct Place {
    number: u64,
    leave: Arc<Notify>,
    all: Places,
}

/// A review that is being answered.
pub(super) struct Answering(Arc<Place>);

impl Places {
    /// A place for a newcomer from there, as soon as there is one.
    pub(super) async fn place(&self, by: IpAddr) -> Option<Place> {
        let place = async {
            loop {
                match self.take(by) {
                    Some(place) => return place,
                    None => self.freed.notified().await,
                }
            }
        };
        timeout(PATIENCE, place).await.ok()
    }

    /// Somebody else's if there is no other. None if a review is being answered at each.
    fn take(&self, by: IpAddr) -> Option<Place> {
        let mut state = self.state();
        let own = state.of(by);
        if own >= MOST_OF_ONE {
            state.give_way(Some(by))?;
        } else if state.taken.len() >= MOST {
            state.give_way(None)?;
        }
        let (number, leave) = (state.next(), Arc::new(Notify::new()));
        let taken = Taken { by, since: number, reviews: 0, room: HashMap::new(), leave: Arc::clone(&leave) };
        state.taken.insert(number, taken);
        Some(Place { number, leave, all: self.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.turn = self.turn.wrapping_add(1);
        self.turn
    }

    fn of(&self, by: IpAddr) -> usize {
        self.taken.values().filter(|taken| taken.by == by).count()
    }

    /// Frees a place of this address, or of the one with most that has one to give.
    fn give_way(&mut self, of: Option<IpAddr>) -> Option<()> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for taken in self.taken.values() {
            let count = counts.entry(taken.by).or_default();
            *count = count.saturating_add(1);
        }
        let may = |taken: &Taken| taken.reviews == 0 && of.is_none_or(|of| of == taken.by);
        let idle = self.taken.iter().filter(|(_, taken)| may(taken));
        let first = |taken: &Taken| (std::cmp::Reverse(counts.get(&taken.by).copied()), taken.since);
        let number = *idle.min_by_key(|(_, taken)| first(taken))?.0;
        self.taken.remove(&number)?.leave.notify_one();
        Some(())
    }
}

impl Taken {
    pub(super) fn has(&self, what: What) -> usize {
        self.room.get(&what).copied().unwrap_or_default()
    }
}

impl Place {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.all.state()
    }

    /// Ends when somebody has given room back, or may have to.
    pub(super) fn room_freed(&self) -> Notified<'_> {
        self.all.room_freed.notified()
    }

    pub(super) fn tell_of_room(&self) {
        self.all.room_freed.notify_waiters();
    }

    /// Ends when the place is somebody else's.
    pub(super) async fn is_lost(&self) {
        self.leave.notified().await;
    }

    /// Keeps it until the review is answered. It is asked for when the review has come whole.
    pub(super) fn answers(self: &Arc<Self>) -> Answering {
        self.reviews(1);
        Answering(Arc::clone(self))
    }

    fn reviews(&self, more: isize) {
        let mut state = self.all.state();
        let turn = state.next();
        // Somebody else's already: the connection ends.
        if let Some(taken) = state.taken.get_mut(&self.number) {
            taken.reviews = taken.reviews.saturating_add_signed(more);
            taken.since = turn;
        }
        drop(state);
        self.all.freed.notify_one();
        self.tell_of_room();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.state().taken.remove(&self.number);
        self.all.freed.notify_one();
        self.tell_of_room();
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.reviews(-1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn at(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn is_lost(place: &Place) -> bool {
        place.is_lost().now_or_never().is_some()
    }

    #[test]
    fn a_newcomer_takes_the_oldest_place_of_the_address_with_most_that_has_no_review() {
        let places = Places::default();
        let api_server = places.take(at(0)).unwrap();
        let others: Vec<_> =
            (0..MOST - 1).map(|turn| Arc::new(places.take(at(1 + (turn % 8) as u8)).unwrap())).collect();
        // The first address has the oldest ones, and one review.
        let review = others[0].answers();
        let newcomer = places.take(at(9)).unwrap();
        assert!(is_lost(&others[1]) && !is_lost(&others[0]) && !is_lost(&api_server) && !is_lost(&newcomer));
        drop(review);
        assert_eq!(places.state().taken.len(), MOST);
        // However many come, who has one connection keeps it.
        for turn in 0..4 * MOST {
            assert!(places.take(at(1 + (turn % 8) as u8)).map(std::mem::forget).is_some());
        }
        assert!(!is_lost(&api_server) && !is_lost(&newcomer));
        assert!(places.state().taken.len() <= MOST);
    }

    #[test]
    fn one_address_has_its_share_and_its_newest() {
        let places = Places::default();
        let held: Vec<_> = (0..MOST_OF_ONE).map(|_| Arc::new(places.take(at(1)).unwrap())).collect();
        let reviews: Vec<_> = held.iter().skip(1).map(Place::answers).collect();
        let next = Arc::new(places.take(at(1)).unwrap());
        assert!(is_lost(&held[0]) && !is_lost(&held[1]));
        let busy = next.answers();
        assert!(places.take(at(1)).is_none() && places.take(at(2)).is_some(), "each of its reviews is being answered");
        drop((busy, reviews));
        assert!(places.take(at(1)).is_some() && is_lost(&next), "the first that was answered");
        drop(held);
        drop(next);
        assert!(places.state().taken.is_empty());
    }
}
