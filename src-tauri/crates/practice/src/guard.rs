//! What stands in front of the routes: the names it answers to, and the faults that hit every machine endpoint.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};

use crate::claims::SKEW;
use crate::graph::GraphError;
use crate::refusal::{Refusal, Why};
use crate::{Fault, Practice};

/// Longer than any client of ours waits.
const SLOW: Duration = Duration::from_secs(40);

/// A page on the internet whose name was pointed at this computer (DNS rebinding) sends its own name as `Host`.
/// Any port is fine: the engine and tests choose it.
pub(crate) async fn loopback_names_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let authority = host.or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str));
    if authority.is_some_and(is_loopback) {
        return next.run(request).await;
    }
    let text =
        "The practice tenant answers only to localhost, 127.0.0.1 and [::1]. Open it under one of these.\n";
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
}

/// Answers carry the tenant's own time, which may be wrong.
pub(crate) async fn dated(State(practice): State<Practice>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let skew = if practice.has(Fault::ClockSkew) { SKEW } else { 0 };
    let second = jiff::Timestamp::from_second(practice.now().secs() + skew).unwrap_or_default();
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&second);
    if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// The faults that do not depend on what was asked.
pub(crate) async fn outages(State(practice): State<Practice>, request: Request, next: Next) -> Response {
    let active = practice.active();
    if active.contains(&Fault::Slow) {
        tokio::time::sleep(SLOW).await;
    }
    let is_graph = request.uri().path().starts_with("/graph/");
    if is_graph && active.contains(&Fault::Throttled) {
        return GraphError::Throttled.into_answer(&practice);
    }
    if is_graph && active.contains(&Fault::ServerError) {
        return GraphError::Outage.into_answer(&practice);
    }
    if active.contains(&Fault::Throttled) {
        return Refusal::of(Why::Throttled, &practice).into_json();
    }
    if active.contains(&Fault::ServerError) {
        return Refusal::of(Why::Transient, &practice).into_json();
    }
    if active.contains(&Fault::Garbage) {
        let page =
            "<!doctype html><title>Web filter</title><p>Please accept the terms of use of this network.</p>";
        return Html(page).into_response();
    }
    next.run(request).await
}

fn is_loopback(authority: &str) -> bool {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => authority,
    };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_three_loopback_names_pass_whatever_the_port() {
        for good in ["localhost", "LOCALHOST:4243", "127.0.0.1:1", "[::1]", "[::1]:65535"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in
            ["", "localhost.evil.example", "127.0.0.1.nip.io:4243", "evil:localhost", "[::2]:1", "10.0.0.1"]
        {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
