//! What browser clients need (Fetch standard, CORS): every header they ask for, and sight of the ones they must act on.
//!
//! No endpoint here looks at cookies, so credentials are never allowed and any origin may be echoed.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

const EXPOSED: HeaderValue =
    HeaderValue::from_static("mcp-session-id, mcp-protocol-version, www-authenticate, retry-after");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
const VARY: HeaderValue = HeaderValue::from_static("origin");
const ASKED_HEADERS: &str = "access-control-request-headers";
const ASKED_PRIVATE: &str = "access-control-request-private-network";

/// For endpoints that any page may call.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    if *request.method() == Method::OPTIONS {
        return preflight(request.headers());
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    expose(&mut response, origin);
    response
}

/// Answers `OPTIONS` before anybody asks for a token.
pub(crate) fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    expose(&mut response, asked.get(header::ORIGIN).cloned());
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    headers.append(header::VARY, HeaderValue::from_static(ASKED_HEADERS));
    // `*` would not cover `Authorization`.
    if let Some(wanted) = asked.get(ASKED_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    if asked.contains_key(ASKED_PRIVATE) {
        headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
    }
    response
}

/// On the real answer, whatever its status.
pub(crate) fn expose(response: &mut Response, origin: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(header::VARY, VARY);
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
