//! What a request asks for, and the answer's form. Pure: it sees a method, a path and a header.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use credspec::SecretName;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};
use secrecy::ExposeSecret;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{Outcome, Secret};

/// The header that names the secret.
const OBJECT: &str = "object";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Question {
    Secret(SecretName),
    /// No answer but this one.
    Refusal(Outcome),
}

/// Reads a request's head.
pub(super) fn question(method: &Method, path: &str, headers: &HeaderMap) -> Question {
    if method != Method::GET || path != "/provider" {
        return Question::Refusal(Outcome::NoSuchPage);
    }
    let Some(name) = headers.get(OBJECT).filter(|name| !name.is_empty()) else {
        return Question::Refusal(Outcome::NoName);
    };
    match name.to_str().ok().and_then(|name| name.parse().ok()) {
        Some(name) => Question::Secret(name),
        None => Question::Refusal(Outcome::BadName),
    }
}

/// The answer that refuses. Whether a secret is missing, incomplete or unreadable, peers see the same.
pub(super) fn refuse(outcome: &Outcome) -> Response<Reply> {
    match outcome {
        Outcome::NoSuchPage => reply(StatusCode::NOT_FOUND, "text/plain", Bytes::from_static(b"404 page not found")),
        Outcome::NoName => empty(StatusCode::BAD_REQUEST),
        _ => empty(StatusCode::NOT_FOUND),
    }
}

/// The answer with a secret. Its text is wiped once it is sent.
pub(super) fn give(secret: &Secret) -> Response<Reply> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Credentials<'a> {
        username: &'a str,
        password: &'a str,
        domain_name: &'a str,
    }
    let password = secret.password.expose_secret();
    let credentials = Credentials { username: &secret.username, password, domain_name: &secret.domain_name };
    // Room for the worst escaping at once: a vector that grows leaves copies behind.
    let room = 64 + 6 * (secret.username.len() + password.len() + secret.domain_name.len());
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    match serde_json::to_writer(&mut *text, &credentials) {
        Ok(()) => reply(StatusCode::OK, "application/json; charset=utf-8", Bytes::from_owner(Wiped(text))),
        Err(_) => empty(StatusCode::NOT_FOUND),
    }
}

fn empty(status: StatusCode) -> Response<Reply> {
    let mut response = Response::new(Reply(None));
    *response.status_mut() = status;
    response
}

fn reply(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Reply> {
    let mut response = Response::new(Reply(Some(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A body in one piece, or none.
pub(super) struct Reply(Option<Bytes>);

impl Body for Reply {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.take().map(|body| Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |body| body.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, path: &str, object: Option<&[u8]>) -> Question {
        let mut headers = HeaderMap::new();
        if let Some(object) = object {
            headers.insert(OBJECT, HeaderValue::from_bytes(object).unwrap());
        }
        question(&method, path, &headers)
    }

    #[test]
    fn a_get_of_the_one_page_with_a_name_asks_for_a_secret() {
        assert_eq!(
            asked(Method::GET, "/provider", Some(b"ccg-reader")),
            Question::Secret("ccg-reader".parse().unwrap())
        );
    }

    #[test]
    fn everything_else_is_refused_as_the_original_does() {
        let status = |question| match question {
            Question::Refusal(outcome) => refuse(&outcome).status().as_u16(),
            Question::Secret(_) => 200,
        };
        assert_eq!(status(asked(Method::GET, "/provider", None)), 400);
        assert_eq!(status(asked(Method::GET, "/provider", Some(b""))), 400);
        for object in [&b"../x"[..], b"a/b", b"a\\b", b"..", b".", b"A", b"a b", b"\xff", b"a:b", b"%2e"] {
            assert_eq!(asked(Method::GET, "/provider", Some(object)), Question::Refusal(Outcome::BadName));
            assert_eq!(status(asked(Method::GET, "/provider", Some(object))), 404);
        }
        for (method, path) in [
            (Method::POST, "/provider"),
            (Method::HEAD, "/provider"),
            (Method::GET, "/"),
            (Method::GET, "/provider/"),
            (Method::GET, "/Provider"),
            (Method::GET, "/provider/ccg-reader"),
        ] {
            assert_eq!(asked(method, path, Some(b"ccg-reader")), Question::Refusal(Outcome::NoSuchPage));
        }
    }

    #[test]
    fn the_body_has_the_originals_form() {
        let secret =
            Secret {
                username: "u".into(), password: "p\"<ä".into(), domain_name: "contoso.com".into(), changed: None
            };
        let response = give(&secret);
        assert_eq!(response.status(), 200);
        let body = response.into_body().0.unwrap();
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"username":"u","password":"p\"<ä","domainName":"contoso.com"}"#
        );
        let response = refuse(&Outcome::NoSuchPage);
        assert_eq!(response.into_body().0.unwrap(), "404 page not found");
        assert!(refuse(&Outcome::NotFound).into_body().0.is_none());
    }
}
