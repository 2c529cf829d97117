//! Who comes in, and how many of each: one user's connections and calls must not keep the others out.
//!
//! The system's limit of open files is for the whole process. Whoever may use the socket could use it up, so each user has a share; root
//! and the guard's own user are not counted. When it is used up all the same, the guard waits until there is room, and goes on.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::Sleep;
use tokio_stream::Stream;
use tonic::transport::server::{Connected, UdsConnectInfo};

/// The most connections of one user, and of all users.
const CONNECTIONS: Share = Share { own: 32, all: 512 };
/// The most calls that are being answered: each may be as long as a request can be.
pub(crate) const CALLS: Share = Share { own: 16, all: 128 };
/// How long to wait when there is no room for one more open file.
const PAUSE: Duration = Duration::from_millis(50);

/// How many of something there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// For one user.
    pub own: usize,
    /// For all users together.
    pub all: usize,
}

/// How many of something each user has.
#[derive(Clone, Default)]
pub(crate) struct Crowd(Arc<Mutex<BTreeMap<u32, usize>>>);

/// One of them, until it is dropped.
pub(crate) struct Place {
    crowd: Crowd,
    uid: u32,
}

impl Crowd {
    /// Takes a place for a user, if its share and everybody's leave one.
    pub fn enter(&self, uid: u32, share: Share) -> Option<Place> {
        let mut there = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = there.get(&uid).copied().unwrap_or(0);
        if own >= share.own || there.values().sum::<usize>() >= share.all {
            return None;
        }
        there.insert(uid, own + 1);
        Some(Place { crowd: self.clone(), uid })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut there = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = there.remove(&self.uid).unwrap_or(0).saturating_sub(1);
        if left > 0 {
            there.insert(self.uid, left);
        }
    }
}

/// Root and the guard's own user.
pub(crate) fn is_own(uid: u32) -> bool {
    uid == 0 || uid == ccg::Owner::this_process().uid
}

/// The connections that come in. It never ends: what the system cannot give now, it can give later.
pub(crate) struct Door {
    listener: UnixListener,
    crowd: Crowd,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Door {
    pub fn new(listener: UnixListener) -> Self {
        Self { listener, crowd: Crowd::default(), pause: None }
    }

    /// Nobody whom the system does not name; and no more of a user than its share.
    fn admit(&self, stream: UnixStream) -> Option<Guest> {
        let uid = stream.peer_cred().ok()?.uid();
        if is_own(uid) {
            return Some(Guest { stream, _place: None });
        }
        let place = self.crowd.enter(uid, CONNECTIONS);
        if place.is_none() {
            tracing::warn!(uid, "this user has too many connections; one more is closed");
        }
        place.map(|place| Guest { stream, _place: Some(place) })
    }
}

impl Stream for Door {
    type Item = io::Result<Guest>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Guest>>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.listener.poll_accept(cx)) {
                Ok((stream, _)) => {
                    if let Some(guest) = self.admit(stream) {
                        return Poll::Ready(Some(Ok(guest)));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be taken now");
                    self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
                }
            }
        }
    }
}

/// A connection, which counts until it is closed.
pub(crate) struct Guest {
    stream: UnixStream,
    _place: Option<Place>,
}

impl Connected for Guest {
    type ConnectInfo = UdsConnectInfo;

    fn connect_info(&self) -> UdsConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_takes_its_share_and_no_more_and_leaves_the_others_theirs() {
        let crowd = Crowd::default();
        let share = Share { own: 2, all: 3 };
        let (one, two) = (crowd.enter(1, share).unwrap(), crowd.enter(1, share).unwrap());
        assert!(crowd.enter(1, share).is_none());
        let other = crowd.enter(2, share).unwrap();
        assert!(crowd.enter(3, share).is_none(), "all together have no more than this");
        drop(one);
        assert!(crowd.enter(3, share).is_some());
        drop((two, other));
        assert!(crowd.0.lock().unwrap().is_empty(), "nothing is kept of those who are gone");
    }
}
