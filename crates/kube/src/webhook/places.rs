//! Who may be connected, when not everybody can be.
//!
//! Reviews come unauthenticated, so anybody who reaches the port could take all places and say nothing, or say it slowly, and so keep the API
//! server out. So nobody keeps a place by having come first: a newcomer always gets in, and of the address with most connections the one gives
//! way that has been there longest without a review. Whose review is being answered is left alone: an address that has one at each of its places
//! gets no more of them, and only when all places are busy so do newcomers wait, a few of each address. An API server has sent its review whole
//! milliseconds after it came, and where it shares the port with many, it connects once more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::body::PATIENCE;
use super::rooms::Rooms;

/// Connections of all addresses, and of one.
const MOST: usize = 256;
const MOST_OF_ONE: usize = 64;
/// Those of one address that wait until one of so many reviews has been answered, and with those of all.
const MOST_WAITING_OF_ONE: usize = 4;
pub(super) const MOST_AND_WAITING: usize = MOST + 64;

/// All places.
#[derive(Clone, Default)]
pub(super) struct Places {
    state: Arc<Mutex<State>>,
    freed: Arc<Notify>,
    rooms: Rooms,
}

#[derive(Default)]
struct State {
    /// Grows with each thing that happens.
    turn: u64,
    taken: HashMap<u64, Taken>,
    waiting: HashMap<IpAddr, usize>,
}

struct Taken {
    by: IpAddr,
    /// Since when it has had no review that is being answered.
    since: u64,
    reviews: usize,
    leave: Arc<Notify>,
}

/// Why there is no place: a review is being answered at each that may be taken.
#[derive(Debug, PartialEq)]
enum Busy {
    /// Each that this address may have.
    Own,
    All,
}

/// One of them, until this is dropped, or until it is somebody else's.
pub(super) struct Place {
    number: u64,
    by: IpAddr,
    leave: Arc<Notify>,
    all: Places,
}

/// A newcomer that waits.
struct Waiting<'a>(&'a Places, IpAddr);

/// A review that is being answered.
pub(super) struct Answering(Arc<Place>);

impl Places {
    /// A place for a newcomer from there, as soon as there is one; at once or not at all, if it is for others of its address.
    pub(super) async fn place(&self, by: IpAddr) -> Option<Place> {
        match self.take(by) {
            Ok(place) => return Some(place),
            Err(Busy::Own) => return None,
            Err(Busy::All) => {}
        }
        let _waiting = self.wait(by)?;
        let place = async {
            loop {
                // Before it looks: what is freed in between counts.
                let mut freed = pin!(self.freed.notified());
                freed.as_mut().enable();
                match self.take(by) {
                    Ok(place) => return Some(place),
                    Err(Busy::Own) => return None,
                    Err(Busy::All) => freed.await,
                }
            }
        };
        timeout(PATIENCE, place).await.ok().flatten()
    }

    /// Somebody else's if there is no other.
    fn take(&self, by: IpAddr) -> Result<Place, Busy> {
        let mut state = self.state();
        if state.of(by) >= MOST_OF_ONE {
            state.give_way(Some(by)).ok_or(Busy::Own)?;
        } else if state.taken.len() >= MOST {
            state.give_way(None).ok_or(Busy::All)?;
        }
        let (number, leave) = (state.next(), Arc::new(Notify::new()));
        state.taken.insert(number, Taken { by, since: number, reviews: 0, leave: Arc::clone(&leave) });
        Ok(Place { number, by, leave, all: self.clone() })
    }

    fn wait(&self, by: IpAddr) -> Option<Waiting<'_>> {
        let mut state = self.state();
        let waiting = state.waiting.entry(by).or_default();
        if *waiting >= MOST_WAITING_OF_ONE {
            return None;
        }
        *waiting += 1;
        Some(Waiting(self, by))
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

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        let left = state.waiting.get(&self.1).map_or(0, |waiting| waiting.saturating_sub(1));
        match left {
            0 => state.waiting.remove(&self.1),
            _ => state.waiting.insert(self.1, left),
        };
    }
}

impl Place {
    pub(super) fn by(&self) -> IpAddr {
        self.by
    }

    pub(super) fn rooms(&self) -> &Rooms {
        &self.all.rooms
    }

    /// Has the connection end.
    pub(super) fn leave(&self) -> Arc<Notify> {
        Arc::clone(&self.leave)
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
        self.all.freed.notify_waiters();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.state().taken.remove(&self.number);
        self.all.freed.notify_waiters();
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
            assert!(places.take(at(1 + (turn % 8) as u8)).map(std::mem::forget).is_ok());
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
        assert_eq!(places.take(at(1)).err(), Some(Busy::Own), "each of its reviews is being answered");
        assert!(places.take(at(2)).is_ok());
        drop((busy, reviews));
        assert!(places.take(at(1)).is_ok() && is_lost(&next), "the first that was answered");
        drop(held);
        drop(next);
        assert!(places.state().taken.is_empty());
    }

    /// Of whichever address the place is that is freed, who may take it is told.
    #[tokio::test(start_paused = true)]
    async fn when_all_places_are_busy_a_few_of_each_address_wait_and_each_hears_of_the_place_that_it_may_have() {
        let places = Places::default();
        let all: Vec<_> =
            (0..MOST).map(|turn| Arc::new(places.take(at((turn / MOST_OF_ONE) as u8)).unwrap())).collect();
        let mut reviews: Vec<_> = all.iter().map(Place::answers).collect();
        let begun = tokio::time::Instant::now();
        assert!(places.place(at(0)).await.is_none() && begun.elapsed().is_zero(), "it has its share");
        let wait = |last| {
            let places = places.clone();
            tokio::spawn(async move { places.place(at(last)).await })
        };
        let first: Vec<_> = (0..MOST_WAITING_OF_ONE).map(|_| wait(8)).collect();
        tokio::task::yield_now().await;
        assert!(places.place(at(8)).await.is_none() && begun.elapsed().is_zero(), "as many as may wait");
        let other = wait(9);
        tokio::task::yield_now().await;
        for _ in 0..=MOST_WAITING_OF_ONE {
            drop(reviews.pop());
        }
        let mut taken = vec![other.await.unwrap()];
        for waiting in first {
            taken.push(waiting.await.unwrap());
        }
        assert!(taken.iter().all(Option::is_some) && begun.elapsed().is_zero());
        assert!(places.state().waiting.is_empty());
    }

    /// Who is woken first may be content with a place of its own address.
    #[tokio::test(start_paused = true)]
    async fn a_freed_place_is_taken_by_who_can_take_it() {
        let places = Places::default();
        let by = |turn: usize| at(((turn + 1) / MOST_OF_ONE) as u8);
        let all: Vec<_> = (0..MOST).map(|turn| Arc::new(places.take(by(turn)).unwrap())).collect();
        let mut reviews: Vec<_> = all.iter().map(Place::answers).collect();
        let begun = tokio::time::Instant::now();
        let wait = |last| {
            let places = places.clone();
            tokio::spawn(async move { places.place(at(last)).await })
        };
        let waiting = [wait(0), wait(0), wait(9)];
        tokio::task::yield_now().await;
        for _ in 0..2 {
            drop(reviews.remove(MOST / 2));
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let mut taken = Vec::new();
        for waiting in waiting {
            taken.push(waiting.await.unwrap());
        }
        assert!(taken.iter().all(Option::is_some) && begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    }
}
