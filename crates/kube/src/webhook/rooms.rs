//! What callers have the webhook keep in memory: bodies that come, and answers that go.
//!
//! Reviews come unauthenticated, so anybody who reaches the port could take all the memory there is for them. Nobody keeps room by having come
//! first: when there is none left, of the address that has most the body gives way that has most, of those that are still coming, for everybody
//! whose address has less; and within one address for everybody who has less, so that a newcomer always gets in. Who has some does not wait for
//! more, or all could wait for each other: only who has none yet waits, and only for reviews that are being answered. These are left alone.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::body::PATIENCE;
use super::places::Place;

/// In kibibytes, what one address may have and what all may have, of what is larger than that; for bodies, and as much again for answers.
struct Share {
    above: usize,
    of_one: usize,
    of_all: usize,
}

/// What is large leaves a quarter to what is not. A usual review has ten or twenty kibibytes.
const SHARES: [Share; 2] = [
    Share { above: SMALL >> 10, of_one: 6 << 10, of_all: 12 << 10 },
    Share { above: 0, of_one: 8 << 10, of_all: 16 << 10 },
];
/// So many bytes are not large.
pub(super) const SMALL: usize = 64 << 10;

/// What room is for. Who waits for room for an answer has a body in hand: were it the same room, bodies could take all of it and none of them
/// ever be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Body,
    Answer,
}

/// All rooms.
#[derive(Clone, Default)]
pub(super) struct Rooms {
    state: Arc<Mutex<State>>,
    freed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    last: u64,
    taken: HashMap<u64, Taken>,
}

struct Taken {
    by: IpAddr,
    what: What,
    kib: usize,
    /// Who is told when it has to be given away: nobody while a review is being answered.
    leave: Option<Arc<Notify>>,
}

/// Room for a body or for an answer, until this is dropped.
pub(super) struct Room {
    place: Arc<Place>,
    number: u64,
    kib: usize,
    lost: Arc<Notify>,
}

/// What came of asking for so much.
#[derive(Debug, PartialEq)]
enum Asked {
    Given,
    /// Reviews have to be answered first.
    Wait,
    /// It has given way, or nobody gives way to it.
    Lost,
}

impl Room {
    /// For a body that comes, or for an answer that is being made.
    pub(super) fn none(place: &Arc<Place>, what: What) -> Self {
        let lost = Arc::new(Notify::new());
        let leave = (what == What::Body).then(|| Arc::clone(&lost));
        let number = place.rooms().state().enter(Taken { by: place.by(), what, kib: 0, leave });
        Self { place: Arc::clone(place), number, kib: 0, lost }
    }

    /// Makes it as large as that. Not, if there is no room: in time, if it had none.
    pub(super) async fn hold(&mut self, bytes: usize) -> bool {
        timeout(PATIENCE, self.change(bytes.div_ceil(1 << 10))).await.unwrap_or(false)
    }

    async fn change(&mut self, kib: usize) -> bool {
        let rooms = self.place.rooms();
        loop {
            let mut freed = pin!(rooms.freed.notified());
            freed.as_mut().enable();
            let asked = rooms.state().ask(self.number, kib);
            match asked {
                Asked::Given => {
                    if kib < self.kib {
                        rooms.freed.notify_waiters();
                    }
                    self.kib = kib;
                    return true;
                }
                Asked::Lost => return false,
                Asked::Wait => freed.await,
            }
        }
    }

    /// Ends when it is somebody else's.
    pub(super) async fn is_lost(&self) {
        self.lost.notified().await;
    }

    /// A body that has come whole: it does not give way any more. False if it has.
    pub(super) fn keep(&self) -> bool {
        self.gives_way(None)
    }

    /// An answer that is made: from now on who reads it has to be fast, or the connection gives way. False if it has.
    pub(super) fn send(&self) -> bool {
        let is_there = self.gives_way(Some(self.place.leave()));
        self.place.rooms().freed.notify_waiters();
        is_there
    }

    fn gives_way(&self, leave: Option<Arc<Notify>>) -> bool {
        self.place.rooms().state().taken.get_mut(&self.number).map(|taken| taken.leave = leave).is_some()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let rooms = self.place.rooms();
        rooms.state().taken.remove(&self.number);
        if self.kib > 0 {
            rooms.freed.notify_waiters();
        }
    }
}

impl Rooms {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, taken: Taken) -> u64 {
        self.last = self.last.wrapping_add(1);
        self.taken.insert(self.last, taken);
        self.last
    }

    fn ask(&mut self, number: u64, kib: usize) -> Asked {
        let Some(has) = self.taken.get(&number).map(|taken| taken.kib) else { return Asked::Lost };
        for share in SHARES.iter().filter(|share| kib > has && kib > share.above) {
            while let Err(fattest) = self.room_for(number, kib, share) {
                let Some(fattest) = fattest else { return if has == 0 { Asked::Wait } else { Asked::Lost } };
                if let Some(leave) = self.taken.remove(&fattest).and_then(|taken| taken.leave) {
                    leave.notify_one();
                }
            }
        }
        if let Some(taken) = self.taken.get_mut(&number) {
            taken.kib = kib;
        }
        Asked::Given
    }

    /// Whether there is so much of the share. If not, who gives way.
    fn room_for(&self, number: u64, kib: usize, share: &Share) -> Result<(), Option<u64>> {
        let Some(asker) = self.taken.get(&number) else { return Err(None) };
        let counts = |taken: &Taken| taken.what == asker.what && taken.kib > share.above;
        let others = || self.taken.iter().filter(|(other, taken)| **other != number && counts(taken));
        let mut of = HashMap::from([(asker.by, kib)]);
        for (_, taken) in others() {
            let all = of.entry(taken.by).or_default();
            *all = all.saturating_add(taken.kib);
        }
        let most = |by: IpAddr| of.get(&by).copied().unwrap_or_default();
        let is_too_much = most(asker.by) > share.of_one;
        if !is_too_much && of.values().sum::<usize>() <= share.of_all {
            return Ok(());
        }
        let may = |taken: &Taken| match taken.by == asker.by {
            // An answer would take its whole connection with it.
            true => taken.what == What::Body && taken.kib >= asker.kib,
            false => !is_too_much && most(taken.by) > most(asker.by),
        };
        let coming = others().filter(|(_, taken)| taken.leave.is_some() && may(taken));
        Err(coming.max_by_key(|(other, taken)| (most(taken.by), taken.kib, Reverse(**other))).map(|(other, _)| *other))
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

    fn is_lost(room: &Room) -> bool {
        !room.place.rooms().state().taken.contains_key(&room.number)
    }

    #[tokio::test]
    async fn who_has_most_gives_way_to_who_has_less_and_nobody_else_does() {
        let places = Places::default();
        let at = [place(&places, 1).await, place(&places, 2).await, place(&places, 3).await, place(&places, 4).await];
        let mut rooms = Vec::new();
        for (place, kib) in [(&at[0], 2 << 10), (&at[0], 3 << 10), (&at[1], 4 << 10), (&at[2], 3 << 10)] {
            rooms.push(held(place, What::Body, kib).await);
        }
        assert!(!rooms.iter().any(is_lost), "there was room until now");
        let newcomer = held(&at[3], What::Body, 1 << 10).await;
        assert!(is_lost(&rooms[1]) && rooms[1].is_lost().now_or_never().is_some());
        assert!(!rooms[1].hold(6 << 20).await && !rooms[1].keep(), "it has given way");
        // What it gives back when it ends, somebody else has by now.
        drop(rooms.remove(1));
        let more = held(&at[3], What::Body, 2 << 10).await;
        assert!(![&newcomer, &more].into_iter().chain(&rooms).any(is_lost));
        assert!(at[0].is_lost().now_or_never().is_none(), "its connection may have others");
    }

    /// Whatever else their connection does.
    #[tokio::test]
    async fn bodies_that_come_give_way_beside_a_review_that_is_being_answered() {
        let places = Places::default();
        let busy = [place(&places, 1).await, place(&places, 2).await];
        let _answering = [busy[0].answers(), busy[1].answers()];
        let mut rooms = Vec::new();
        for turn in 0..256 {
            rooms.push(held(&busy[turn % 2], What::Body, SMALL >> 10).await);
        }
        assert!(!rooms.iter().any(is_lost), "there was room until now");
        let newcomer = place(&places, 3).await;
        let _usual = held(&newcomer, What::Body, 20).await;
        assert_eq!(rooms.iter().filter(|room| is_lost(room)).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_come_whole_gives_way_to_nobody_and_leaves_room_for_small_ones() {
        let places = Places::default();
        let busy = [place(&places, 1).await, place(&places, 2).await];
        let mut whole = Vec::new();
        for place in &busy {
            whole.push(held(place, What::Body, 6 << 10).await);
        }
        assert!(whole.iter().all(Room::keep));
        let newcomer = place(&places, 3).await;
        let mut large = Room::none(&newcomer, What::Body);
        assert!(!large.hold(SMALL + 1).await && !whole.iter().any(is_lost));
        for place in busy.iter().cycle().take(64) {
            let small = held(place, What::Body, SMALL >> 10).await;
            assert!(small.keep());
            whole.push(small);
        }
        let mut small = Room::none(&newcomer, What::Body);
        assert!(!small.hold(1).await && !whole.iter().any(is_lost));
        // Bodies are not in the way of answers.
        let _answer = held(&busy[0], What::Answer, 6 << 10).await;
        let (waited, ()) = tokio::join!(small.hold(1), async { drop(whole.pop()) });
        assert!(waited);
    }

    #[tokio::test]
    async fn within_one_address_nobody_waits_who_has_some_and_who_has_most_gives_way() {
        let places = Places::default();
        let place = place(&places, 1).await;
        let mut rooms = Vec::new();
        for _ in 0..3 {
            rooms.push(held(&place, What::Body, 2 << 10).await);
        }
        let _usual = held(&place, What::Body, 20).await;
        let mut small = held(&place, What::Body, 64).await;
        assert!(rooms[2].hold(3 << 20).now_or_never().unwrap() && is_lost(&rooms[0]) && !is_lost(&rooms[1]));
        assert!(!rooms[2].hold(5 << 20).now_or_never().unwrap() && !is_lost(&rooms[1]), "none of the others has more");
        assert!(small.hold(2 << 20).now_or_never().unwrap() && is_lost(&rooms[2]) && !is_lost(&rooms[1]));
    }

    /// Whoever else has a review there: an answer cannot be taken out of its connection.
    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_takes_its_connection_with_it() {
        let places = Places::default();
        let slow = [place(&places, 1).await, place(&places, 2).await];
        let _answering = [slow[0].answers(), slow[1].answers()];
        let answers = [held(&slow[0], What::Answer, 6 << 10).await, held(&slow[1], What::Answer, 6 << 10).await];
        let newcomer = place(&places, 3).await;
        let mut next = Room::none(&newcomer, What::Answer);
        assert!(!next.hold(1 << 20).await, "they are being made");
        assert!(answers.iter().all(Room::send));
        assert!(next.hold(1 << 20).now_or_never().unwrap());
        let lost = slow.iter().filter(|place| place.is_lost().now_or_never().is_some()).count();
        assert_eq!(lost, 1);
    }
}
