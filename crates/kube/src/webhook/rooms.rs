//! What callers have the webhook keep in memory: bodies that come, and answers that go.
//!
//! Reviews come unauthenticated, so anybody who reaches the port could take all the memory there is for them. Room is taken for what is there
//! and not for what was promised. Nobody keeps it by having come first, either: when there is none left, of the address that has most the
//! connection gives way that has most, for everybody whose address has less. Whose review is being answered is left alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use tokio::time::timeout;

use super::body::PATIENCE;
use super::places::{Place, State};

/// Bodies of one address, and of all, in kibibytes, and as much again for answers. A usual review has ten or twenty.
const MOST_KIB: usize = 8 << 10;
const MOST_KIB_OF_ALL: usize = 16 << 10;

/// What room is for. Who waits for room for an answer has a body in hand: were it the same room, bodies could take all of it and none of them
/// ever be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    Body,
    Answer,
}

/// Room for a body or for an answer, until this is dropped.
pub(super) struct Room {
    place: Arc<Place>,
    what: What,
    kib: usize,
}

/// What came of asking for more.
enum Asked {
    Given,
    /// Somebody else has to give some back first.
    Wait,
    /// The connection has given way.
    Lost,
}

impl Room {
    pub(super) fn none(place: &Arc<Place>, what: What) -> Self {
        Self { place: Arc::clone(place), what, kib: 0 }
    }

    /// Makes it as large as that. Not, if there is no room in time.
    pub(super) async fn hold(&mut self, bytes: usize) -> bool {
        let kib = bytes.div_ceil(1 << 10);
        if kib <= self.kib {
            self.give_back(self.kib - kib);
            return true;
        }
        timeout(PATIENCE, self.grow(kib - self.kib)).await.unwrap_or(false)
    }

    async fn grow(&mut self, more: usize) -> bool {
        loop {
            let mut freed = pin!(self.place.room_freed());
            freed.as_mut().enable();
            let asked = self.place.state().ask(self.place.number(), self.what, more);
            match asked {
                Asked::Given => {
                    self.kib += more;
                    return true;
                }
                Asked::Lost => return false,
                Asked::Wait => freed.await,
            }
        }
    }

    fn give_back(&mut self, kib: usize) {
        self.kib -= kib;
        self.place.state().give_back(self.place.number(), self.what, kib);
        self.place.tell_of_room();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.give_back(self.kib);
    }
}

impl State {
    fn ask(&mut self, number: u64, what: What, more: usize) -> Asked {
        let Some(by) = self.taken.get(&number).map(|taken| taken.by) else { return Asked::Lost };
        loop {
            let of = self.room(what);
            let own = of.get(&by).copied().unwrap_or_default().saturating_add(more);
            if own > MOST_KIB {
                return Asked::Wait;
            }
            if of.values().sum::<usize>().saturating_add(more) <= MOST_KIB_OF_ALL {
                let Some(taken) = self.taken.get_mut(&number) else { return Asked::Lost };
                let kib = taken.room.entry(what).or_default();
                *kib = kib.saturating_add(more);
                return Asked::Given;
            }
            if self.give_way_for(own, what, &of).is_none() {
                return Asked::Wait;
            }
        }
    }

    /// Takes the place of who has most, of the address that has most and more than that.
    fn give_way_for(&mut self, own: usize, what: What, of: &HashMap<IpAddr, usize>) -> Option<()> {
        let most = |by: &IpAddr| of.get(by).copied().unwrap_or_default();
        let may =
            self.taken.iter().filter(|(_, taken)| taken.reviews == 0 && taken.has(what) > 0 && most(&taken.by) > own);
        let number = *may.max_by_key(|(_, taken)| (most(&taken.by), taken.has(what)))?.0;
        self.taken.remove(&number)?.leave.notify_one();
        Some(())
    }

    /// What each address has.
    fn room(&self, what: What) -> HashMap<IpAddr, usize> {
        let mut of: HashMap<IpAddr, usize> = HashMap::new();
        for taken in self.taken.values() {
            let kib = of.entry(taken.by).or_default();
            *kib = kib.saturating_add(taken.has(what));
        }
        of
    }

    fn give_back(&mut self, number: u64, what: What, kib: usize) {
        // Of a connection that has given way it is somebody else's already.
        if let Some(had) = self.taken.get_mut(&number).and_then(|taken| taken.room.get_mut(&what)) {
            *had = had.saturating_sub(kib);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::places::Places;
    use super::*;

    async fn place(places: &Places, last: u8) -> Arc<Place> {
        Arc::new(places.place([10, 0, 0, last].into()).await.unwrap())
    }

    async fn held(place: &Arc<Place>, what: What, kib: usize) -> Room {
        let mut room = Room::none(place, what);
        assert!(room.hold(kib << 10).now_or_never().unwrap());
        room
    }

    fn is_lost(place: &Place) -> bool {
        place.is_lost().now_or_never().is_some()
    }

    #[tokio::test]
    async fn who_has_most_gives_way_to_who_has_less_and_nobody_else_does() {
        let places = Places::default();
        let greedy = [place(&places, 1).await, place(&places, 1).await, place(&places, 2).await];
        let mut rooms = Vec::new();
        for (place, kib) in greedy.iter().zip([3 << 10, 5 << 10, 7 << 10]) {
            rooms.push(held(place, What::Body, kib).await);
        }
        let modest = place(&places, 3).await;
        rooms.push(held(&modest, What::Body, 1 << 10).await);
        assert!(greedy.iter().all(|place| !is_lost(place)), "there was room until now");
        let newcomer = place(&places, 4).await;
        rooms.push(held(&newcomer, What::Body, 20).await);
        assert!(is_lost(&greedy[1]) && !is_lost(&greedy[0]) && !is_lost(&greedy[2]) && !is_lost(&modest));
        assert!(!rooms[1].hold(6 << 20).now_or_never().unwrap(), "it has given way");
        // What it gives back when it ends, somebody else has by now.
        drop(rooms.remove(1));
        let more = held(&newcomer, What::Body, (5 << 10) - 20).await;
        drop(more);
        assert!(greedy.iter().all(|place| !is_lost(place)));
    }

    #[tokio::test(start_paused = true)]
    async fn whose_review_is_being_answered_gives_way_to_nobody() {
        let places = Places::default();
        let busy = [place(&places, 1).await, place(&places, 2).await];
        let _rooms = [held(&busy[0], What::Body, MOST_KIB).await, held(&busy[1], What::Body, MOST_KIB).await];
        let answering = [busy[0].answers(), busy[1].answers()];
        let newcomer = place(&places, 3).await;
        let mut room = Room::none(&newcomer, What::Body);
        assert!(!room.hold(1).await);
        // Bodies are not in the way of answers.
        let _answer = held(&busy[0], What::Answer, MOST_KIB).await;
        drop(answering);
        assert!(room.hold(1).await && is_lost(&busy[0]) != is_lost(&busy[1]));
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_no_more_than_its_share_and_waits_for_itself() {
        let places = Places::default();
        let own = [place(&places, 1).await, place(&places, 1).await];
        let mut first = held(&own[0], What::Body, MOST_KIB).await;
        let mut second = Room::none(&own[1], What::Body);
        assert!(!second.hold(1).await && !is_lost(&own[0]));
        let (waiting, ()) =
            tokio::join!(second.hold(1 << 10), async { assert!(first.hold((MOST_KIB - 1) << 10).await) });
        assert!(waiting);
    }
}
