//! What every request passes before a route sees it: our name, our own pages, somebody who came in by a link.
//!
//! Any page in any browser on this computer can send requests here, and a page on the internet can point its name at
//! this address (DNS rebinding); so the name comes first and the person last.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use model::origin::{Ingress, Site};
use serde::Serialize;

use super::{Console, link_token, pages};

/// Why a request gets no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the console does not answer for that host name")]
    Misdirected,
    #[error("pages of another origin may not use the console")]
    ForeignPage,
    #[error("the console does not know you")]
    Stranger,
    #[error("the body of a command is sent as `application/json`")]
    NotJson,
}

#[derive(Serialize)]
struct Told {
    code: &'static str,
    message: String,
    hint: &'static str,
}

/// Lets a request through or answers it, and marks every answer as nobody's to keep.
pub(super) async fn guard(State(console): State<Console>, request: Request, next: Next) -> Response {
    let reads_pages = reads_pages(request.headers());
    let mut response = match judge(&console, &request) {
        Ok(()) => next.run(request).await,
        Err(Refused::Stranger) if reads_pages => pages::stranger(),
        Err(refused) => refused.into_answer(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: under it browsers write `Origin: null` on posts of our own pages.
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ] {
        // Files of pages, which are no secret, say how long they are good, and pages what they may load.
        if !matches!(name, header::CACHE_CONTROL | header::CONTENT_SECURITY_POLICY)
            || !headers.contains_key(header::CONTENT_SECURITY_POLICY)
        {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// A browser that goes somewhere, not a script that asks for something.
fn reads_pages(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn judge(console: &Console, request: &Request) -> Result<(), Refused> {
    let headers = request.headers();
    let ingress = request.extensions().get().copied().unwrap_or(Ingress::ThisComputer);
    let site = host(request)
        .and_then(|host| console.0.origins.resolve(host, ingress))
        .ok_or(Refused::Misdirected)?;
    if !is_own_page(site, headers) {
        return Err(Refused::ForeignPage);
    }
    if !opens_link(request)
        && !credentials(headers, &console.0.cookie).any(|credential| console.0.access.knows(credential))
    {
        return Err(Refused::Stranger);
    }
    // A page elsewhere can post a form or plain text without asking first, but not JSON.
    if request.method() == Method::POST && !is_json(headers) {
        return Err(Refused::NotJson);
    }
    Ok(())
}

/// The one request that needs no credential: it comes to get one.
fn opens_link(request: &Request) -> bool {
    request.method() == Method::GET && request.uri().path() == "/" && link_token(request.uri()).is_some()
}

/// The name the request was sent to; `None` if there is none, or more than one to choose from.
fn host(request: &Request) -> Option<&str> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// Programs send neither header. A page on another port of this computer is `same-site`, and would send our cookie.
fn is_own_page(site: &Site, headers: &HeaderMap) -> bool {
    let own_origin = headers.get_all(header::ORIGIN).iter().all(|origin| origin == site.base.as_str());
    let mut from = headers.get_all("sec-fetch-site").iter();
    own_origin && from.all(|from| from == "same-origin" || from == "none")
}

/// What the request shows of itself: `Authorization: Bearer`, and every cookie of ours.
fn credentials<'a>(headers: &'a HeaderMap, ours: &'a str) -> impl Iterator<Item = &'a str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, credential) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim())
    });
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(move |(name, value)| (name == ours).then_some(value));
    bearer.into_iter().chain(cookies)
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

// === impl Refused ===

impl Refused {
    fn into_answer(self) -> Response {
        let (status, code, hint) = match self {
            // RFC 9110 section 15.5.20
            Self::Misdirected => (
                StatusCode::MISDIRECTED_REQUEST,
                "misdirected_request",
                "use the address the server printed when it started",
            ),
            Self::ForeignPage => (
                StatusCode::FORBIDDEN,
                "forbidden_origin",
                "type or paste the address into the browser instead of following a link from another page",
            ),
            Self::Stranger => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "open the console link the server printed when it started; restart the server for a new one",
            ),
            Self::NotJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "add the header `content-type: application/json`",
            ),
        };
        let mut response = (status, Json(Told { code, message: self.to_string(), hint })).into_response();
        if self == Self::Stranger {
            // RFC 9110 section 11.6.1: a 401 names how to come in.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
