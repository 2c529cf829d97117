//! The body of what may be a review: of the right kind, of a bounded size, in time, and when there is room for it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use hyper::body::Body as _;
use tokio::time::timeout;

use super::peers::{Peer, Room};

/// A review holds an object at most twice, and etcd stores none larger than 1.5 MiB.
const LONGEST: usize = 4 << 20;
/// For it to arrive, and before that for room.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Of a body that is refused for its size, so much is read and thrown away: who is still sending would not hear why.
const DRAINED: usize = 16 << 20;

/// A body, its room until it has been read, and whose it is.
pub(super) struct Held {
    pub(super) bytes: Bytes,
    pub(super) room: Room,
    pub(super) peer: Arc<Peer>,
}

/// What is sent, and its room until that is done: who reads slowly, or not at all, has no more than its share kept for it.
struct Kept {
    text: Vec<u8>,
    _room: Room,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

/// An answer in JSON that keeps its room until it is sent.
pub(super) fn json(answer: &serde_json::Value, room: Room) -> Response {
    let text = Bytes::from_owner(Kept { text: answer.to_string().into_bytes(), _room: room });
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

/// Reads it. Anything else is refused before it is read.
pub(super) async fn read(request: Request) -> Result<Held, Response> {
    if request.method() != Method::POST {
        return Err(StatusCode::METHOD_NOT_ALLOWED.into_response());
    }
    if request.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
    }
    let size = request.body().size_hint();
    if size.lower() > LONGEST as u64 {
        let _ = timeout(PATIENCE, drain(request.into_body())).await;
        return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    }
    let wanted = size.upper().and_then(|size| usize::try_from(size).ok()).unwrap_or(LONGEST).min(LONGEST);
    let Some(peer) = request.extensions().get::<Arc<Peer>>().map(Arc::clone) else {
        return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    };
    let room = in_time(peer.room_for_body(wanted)).await?;
    match timeout(PATIENCE, collect(request.into_body(), wanted)).await {
        Ok(Some(bytes)) => Ok(Held { bytes, room, peer }),
        Ok(None) => Err(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT.into_response()),
    }
}

/// Room, if there is some in time.
pub(super) async fn in_time(room: impl Future<Output = Option<Room>>) -> Result<Room, Response> {
    match timeout(PATIENCE, room).await {
        Ok(Some(room)) => Ok(room),
        _ => Err(StatusCode::SERVICE_UNAVAILABLE.into_response()),
    }
}

/// All of it, in memory that grows with what has come and not with what was promised.
async fn collect(body: axum::body::Body, most: usize) -> Option<Bytes> {
    let (mut parts, mut bytes) = (body.into_data_stream(), Vec::new());
    while let Some(part) = parts.next().await {
        let part = part.ok()?;
        if part.len() > most.saturating_sub(bytes.len()) {
            return None;
        }
        if bytes.capacity() - bytes.len() < part.len() {
            let doubled = bytes.len().max(part.len()).max(4 << 10);
            bytes.reserve_exact(doubled.min(most - bytes.len()));
        }
        bytes.extend_from_slice(&part);
    }
    Some(bytes.into())
}

async fn drain(body: axum::body::Body) {
    let (mut parts, mut read) = (body.into_data_stream(), 0_usize);
    while let Some(Ok(part)) = parts.next().await {
        read = read.saturating_add(part.len());
        if read > DRAINED {
            break;
        }
    }
}
