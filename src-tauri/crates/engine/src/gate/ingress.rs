//! The way of one request from the tunnel to what runs: who asks, whether there is room, what came of it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};
use model::caller::Recognised;
use model::ids::TokenHash;
use model::origin::{Ingress, Visitor};
use tower::ServiceExt as _;

use super::limits::{self, Ask, Limits, Underway};
use super::visits::{Asked, Outcome, Visits};
use super::{Door, read};
use crate::engine::Engine;

/// Whoever is served through the tunnel is served here.
#[derive(Clone)]
pub(super) struct Entrance {
    pub(super) engine: Engine,
    pub(super) door: Door,
    pub(super) limits: Arc<Limits>,
    pub(super) visits: Arc<Visits>,
    /// The header in which the provider names the visitor.
    pub(super) visitor: Option<&'static str>,
}

/// An answer whose request is under way until the last of it is sent.
struct Sent {
    body: Body,
    _underway: Underway,
}

// === impl Entrance ===

impl Entrance {
    /// Everything that comes in here comes from outside.
    pub(super) async fn answer(self, mut request: Request) -> Result<Response, Infallible> {
        let app = read(&self.door.0.app).clone();
        let source = self.visitor.and_then(|name| limits::source(request.headers(), name));
        let asked = Asked::of(request.method(), request.uri().path(), source);
        let token = token(request.headers());
        let ask = Ask { path: request.uri().path(), source, token, client: client(&request) };
        let underway = match self.limits.admit(&ask) {
            Ok(underway) => underway,
            Err(told) => {
                let response = limits::too_many(told);
                self.note(asked, &response, Outcome::Limited(told.limit));
                return Ok(response);
            }
        };
        request.extensions_mut().insert(Ingress::Tunnel);
        if let Some(source) = source {
            request.extensions_mut().insert(Visitor(source));
        }
        let response = match app {
            Some(app) => app.oneshot(request).await?,
            None => between_runs(),
        };
        if let Some(client) = response.extensions().get::<Recognised>() {
            if let (true, Some(token)) = (client.by_token, token) {
                self.limits.proved(token);
            }
            if client.approved {
                self.limits.know(TokenHash::of(client.client.as_str()));
            }
        }
        self.note(asked, &response, Outcome::of(&response));
        Ok(response.map(|body| Body::new(Sent { body, _underway: underway })))
    }

    fn note(&self, asked: Asked, response: &Response, outcome: Outcome) {
        let client = response.extensions().get::<Recognised>().cloned();
        self.visits.note(asked, client, outcome, response.status(), self.engine.now());
    }
}

fn token(headers: &HeaderMap) -> Option<TokenHash> {
    let value = headers.get(header::AUTHORIZATION)?;
    Some(TokenHash::of(value.to_str().ok()?))
}

/// The client that a sign-in says it is for.
fn client(request: &Request) -> Option<TokenHash> {
    let pairs = url::form_urlencoded::parse(request.uri().query()?.as_bytes());
    let (_, id) = pairs.into_iter().find(|(name, _)| name == "client_id")?;
    Some(TokenHash::of(id.as_ref()))
}

/// Clients keep their tokens on a 503.
fn between_runs() -> Response {
    let headers = [(header::RETRY_AFTER, "2"), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, "the server is starting; try again in a moment")
        .into_response()
}

// === impl Sent ===

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
