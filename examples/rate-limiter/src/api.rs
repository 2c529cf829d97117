//! The JSON interface, for programs. A token in the Authorization header, which no browser sends by itself, stands for the session.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::site::{Password, retry_after, status};
use crate::{App, Refusal};

type Shared = State<Arc<App>>;

/// As JSON: `{"error": "…"}`.
struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        // The library's text may quote the body; that it is wrong is enough to say.
        let what = match rejection {
            JsonRejection::MissingJsonContentType(_) => "The content type must be application/json.",
            JsonRejection::BytesRejection(_) => "The body is too large or was cut short.",
            _ => "The body is not the JSON object that is expected here.",
        };
        Self(Refusal::BadRequest(what.to_owned()))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = status(&self.0);
        let mut response = (status, Json(json!({ "error": self.0.to_string() }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        retry_after(response, &self.0)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    username: String,
    password: Password,
}

pub(crate) async fn login(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Result<Json<Credentials>, JsonRejection>,
) -> Response {
    let answer = async {
        let Json(credentials) = body?;
        let (token, session) = app.login(peer.ip(), &credentials.username, &credentials.password.0).await?;
        let user = &session.user;
        let groups: Vec<_> = user.groups.iter().map(|group| &group.name).collect();
        let may_change = app.may_change(user);
        Ok::<_, Refused>(Json(json!({
            "token": token, "user": user.sam, "display_name": user.display_name, "dn": user.dn, "groups": groups, "may_change": may_change,
        })))
    };
    answer.await.into_response()
}

pub(crate) async fn limits(State(app): Shared, headers: HeaderMap) -> Response {
    let answer = async {
        let session = app.session(bearer(&headers)?).await?;
        let (limits, may_change) = (app.limits(), app.may_change(&session.user));
        Ok::<_, Refused>(Json(json!({ "limits": limits, "may_change": may_change, "user": session.user.sam })))
    };
    answer.await.into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    name: String,
    per_minute: u32,
}

pub(crate) async fn change(
    State(app): Shared,
    headers: HeaderMap,
    body: Result<Json<Change>, JsonRejection>,
) -> Response {
    let answer = async {
        let token = bearer(&headers)?;
        let Json(change) = body?;
        app.change(token, &change.name, change.per_minute).await?;
        Ok::<_, Refused>(Json(json!({ "name": change.name, "per_minute": change.per_minute })))
    };
    answer.await.into_response()
}

pub(crate) async fn logout(State(app): Shared, headers: HeaderMap) -> Response {
    match bearer(&headers) {
        Ok(token) => {
            app.logout(token);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

/// RFC 6750 2.1.
fn bearer(headers: &HeaderMap) -> Result<&str, Refused> {
    let value =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '));
    let token = value.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer")).map(|(_, token)| token.trim());
    token.ok_or(Refused(Refusal::NotLoggedIn))
}
