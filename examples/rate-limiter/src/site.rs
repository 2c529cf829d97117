//! The pages' side: forms, cookies, redirects.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CONTENT_TYPE, COOKIE, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use secrecy::SecretString;
use serde::Deserialize;

use crate::session::same;
use crate::{App, Refusal, pages};

/// The session's token.
const SESSION: &str = "session";
/// The login form's secret, before there is a session.
const LOGIN: &str = "login";

type Shared = State<Arc<App>>;

pub(crate) async fn home(State(app): Shared, headers: HeaderMap) -> Response {
    let Some(token) = cookie(&headers, SESSION) else { return Redirect::to("/login").into_response() };
    match app.session(token).await {
        Ok(session) => {
            let may_change = app.may_change(&session.user);
            Html(pages::limits(&session, &app.limits(), may_change, &app.admin_group)).into_response()
        }
        Err(Refusal::NotLoggedIn) => with_cookie(&app, Redirect::to("/login").into_response(), SESSION, None),
        Err(refusal) => refused(&refusal),
    }
}

pub(crate) async fn login_form(State(app): Shared) -> Response {
    login_page(&app, StatusCode::OK, None)
}

/// A fresh form, with its secret in the page and in a cookie: only a form of ours brings the same twice.
fn login_page(app: &App, status: StatusCode, wrong: Option<&Refusal>) -> Response {
    let csrf = app.token();
    let page = (status, Html(pages::login(&csrf, wrong.map(ToString::to_string).as_deref()))).into_response();
    with_cookie(app, page, LOGIN, Some(&csrf))
}

#[derive(Deserialize)]
pub(crate) struct LoginForm {
    csrf: String,
    username: String,
    password: Password,
}

/// A password in a form or in JSON; it does not print and is wiped.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(crate) struct Password(pub(crate) SecretString);

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

pub(crate) async fn login(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Response {
    if !cookie(&headers, LOGIN).is_some_and(|secret| !secret.is_empty() && same(secret, &form.csrf)) {
        return login_page(&app, StatusCode::FORBIDDEN, Some(&Refusal::ForgedForm));
    }
    match app.login(peer.ip(), &form.username, &form.password.0).await {
        Ok((token, _)) => {
            // A session from before, if any, is not carried over.
            if let Some(old) = cookie(&headers, SESSION) {
                app.logout(old);
            }
            let response = with_cookie(&app, Redirect::to("/").into_response(), LOGIN, None);
            with_cookie(&app, response, SESSION, Some(&token))
        }
        Err(refusal) => retry_after(login_page(&app, status(&refusal), Some(&refusal)), &refusal),
    }
}

#[derive(Deserialize)]
pub(crate) struct LimitForm {
    csrf: String,
    name: String,
    per_minute: u32,
}

pub(crate) async fn change(State(app): Shared, headers: HeaderMap, Form(form): Form<LimitForm>) -> Response {
    let result = match genuine(&app, &headers, &form.csrf).await {
        Ok(token) => app.change(token, &form.name, form.per_minute).await,
        Err(refusal) => Err(refusal),
    };
    match result {
        Ok(()) => Redirect::to("/").into_response(),
        Err(Refusal::NotLoggedIn) => with_cookie(&app, Redirect::to("/login").into_response(), SESSION, None),
        Err(refusal) => refused(&refusal),
    }
}

#[derive(Deserialize)]
pub(crate) struct LogoutForm {
    csrf: String,
}

pub(crate) async fn logout(State(app): Shared, headers: HeaderMap, Form(form): Form<LogoutForm>) -> Response {
    match genuine(&app, &headers, &form.csrf).await {
        Ok(token) => app.logout(token),
        Err(Refusal::ForgedForm) => return refused(&Refusal::ForgedForm),
        // There is nothing to end.
        Err(_) => {}
    }
    with_cookie(&app, Redirect::to("/login").into_response(), SESSION, None)
}

/// The session's token, when the form carries the session's own secret.
async fn genuine<'h>(app: &App, headers: &'h HeaderMap, csrf: &str) -> Result<&'h str, Refusal> {
    let token = cookie(headers, SESSION).ok_or(Refusal::NotLoggedIn)?;
    let session = app.session(token).await?;
    if same(&session.csrf, csrf) { Ok(token) } else { Err(Refusal::ForgedForm) }
}

pub(crate) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], pages::STYLE).into_response()
}

fn refused(refusal: &Refusal) -> Response {
    retry_after((status(refusal), Html(pages::refusal(&refusal.to_string()))).into_response(), refusal)
}

/// The one place where refusals become HTTP statuses.
pub(crate) const fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::WrongCredentials | Refusal::NotLoggedIn => StatusCode::UNAUTHORIZED,
        Refusal::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::NotAllowed(_) | Refusal::ForgedForm => StatusCode::FORBIDDEN,
        Refusal::BadRequest(_) => StatusCode::BAD_REQUEST,
        Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

pub(crate) fn retry_after(mut response: Response, refusal: &Refusal) -> Response {
    if let Refusal::TooManyAttempts(wait) = refusal {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    }
    response
}

/// The value of a cookie. RFC 6265 4.2.
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(n, _)| *n == name).map(|(_, value)| value)
}

/// Sets a cookie that scripts cannot read and other sites cannot send, or takes it away.
fn with_cookie(app: &App, mut response: Response, name: &str, value: Option<&str>) -> Response {
    let age = if value.is_some() { "" } else { "; Max-Age=0" };
    let secure = if app.behind_tls { "; Secure" } else { "" };
    let cookie = format!("{name}={}; Path=/; HttpOnly; SameSite=Strict{age}{secure}", value.unwrap_or_default());
    // Tokens are hexadecimal.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
