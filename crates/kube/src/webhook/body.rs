//! The body of what may be a review: of the right kind, of a bounded size, in time, and when there is room for it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use hyper::body::Body as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::places::Place;
use super::rooms::{Room, SMALL, What};

/// A review holds an object at most twice, and etcd stores none larger than 1.5 MiB.
const LONGEST: usize = 4 << 20;
/// For it to arrive, and for room.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Who sends is given so long, and more for what has come: so many bytes a second are the least.
const BEGINNING: Duration = Duration::from_secs(2);
const LEAST_SPEED: usize = 64 << 10;
/// Of a body that is refused for its size or because there is no room, so much is read and thrown away: who is still sending would not hear why.
const DRAINED: usize = 16 << 20;

/// A body, its room until it has been read, and whose it is.
pub(super) struct Held {
    pub(super) bytes: Bytes,
    pub(super) room: Room,
    pub(super) place: Arc<Place>,
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
pub(super) async fn json(answer: &serde_json::Value, mut room: Room) -> Response {
    let text = answer.to_string().into_bytes();
    if !room.hold(text.len()).await || !room.send() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let text = Bytes::from_owner(Kept { text, _room: room });
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
        let _ = timeout(PATIENCE, drain(request.into_body().into_data_stream())).await;
        return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    }
    let wanted = size.upper().and_then(|size| usize::try_from(size).ok()).unwrap_or(LONGEST).min(LONGEST);
    let Some(place) = request.extensions().get::<Arc<Place>>().map(Arc::clone) else {
        return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    };
    let mut room = Room::none(&place, What::Body);
    let (version, mut parts) = (request.version(), request.into_body().into_data_stream());
    let code = match collect(&mut parts, wanted, &mut room).await {
        // Nobody takes it away any more.
        Ok(bytes) if room.keep() => return Ok(Held { bytes, room, place }),
        Ok(_) => StatusCode::SERVICE_UNAVAILABLE,
        Err(code) => code,
    };
    drop(room);
    // HTTP/2 has an end of a stream for that.
    if version < Version::HTTP_2 && code != StatusCode::REQUEST_TIMEOUT {
        let _ = timeout(PATIENCE, drain(parts)).await;
    }
    Err(code.into_response())
}

/// All of it. What is small has all its room at once, so that it never has to ask for more; beyond that room grows with what has come and not with
/// what was promised.
async fn collect(parts: &mut BodyDataStream, most: usize, room: &mut Room) -> Result<Bytes, StatusCode> {
    let (mut bytes, mut begun) = (Vec::new(), Instant::now());
    loop {
        let part = tokio::select! {
            part = timeout_at(begun + patience(bytes.len()), parts.next()) => part,
            () = room.is_lost() => return Err(StatusCode::SERVICE_UNAVAILABLE),
        };
        let part = match part {
            Ok(None) => return Ok(bytes.into()),
            Ok(Some(part)) => part.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?,
            Err(_) => return Err(StatusCode::REQUEST_TIMEOUT),
        };
        if part.len() > most.saturating_sub(bytes.len()) {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if bytes.capacity() - bytes.len() < part.len() {
            let doubled = (bytes.len() + bytes.len().max(part.len())).max(SMALL).min(most);
            let waited = Instant::now();
            if !room.hold(doubled).await {
                return Err(StatusCode::SERVICE_UNAVAILABLE);
            }
            // That is not the sender's fault.
            begun += waited.elapsed();
            bytes.reserve_exact(doubled - bytes.len());
        }
        bytes.extend_from_slice(&part);
    }
}

/// For as much as has come, and a little more.
fn patience(come: usize) -> Duration {
    let seconds = u32::try_from(come / LEAST_SPEED).unwrap_or(u32::MAX);
    BEGINNING.saturating_add(Duration::from_secs(1).saturating_mul(seconds)).min(PATIENCE)
}

async fn drain(mut parts: BodyDataStream) {
    let mut read = 0_usize;
    while let Some(Ok(part)) = parts.next().await {
        read = read.saturating_add(part.len());
        if read > DRAINED {
            break;
        }
    }
}
