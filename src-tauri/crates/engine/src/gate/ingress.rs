//! The way of one request from the tunnel to what runs: who asks, whether there is room, what came of it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};
use model::caller::Recognised;
use model::ids::TokenHash;
use model::look::OurLook;
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
    /// `None` for our own look.
    _underway: Option<Underway>,
}

// === impl Entrance ===

impl Entrance {
    /// Everything that comes in here comes from outside.
    pub(super) async fn answer(self, mut request: Request) -> Result<Response, Infallible> {
        let app = read(&self.door.0.app).clone();
        let source = self.visitor.and_then(|name| limits::source(request.headers(), name));
        let asked = Asked::of(request.method(), request.uri().path(), source);
        let token = token(&request);
        let ours = self.is_our_look(&request);
        let ask = Ask { path: request.uri().path(), source, token, client: client(&request) };
        let underway = match (!ours).then(|| self.limits.admit(&ask)).transpose() {
            Ok(underway) => underway,
            Err(told) => {
                let response = limits::too_many(told);
                self.note(asked, &response, Outcome::Limited(told.limit));
                return Ok(response);
            }
        };
        request.extensions_mut().insert(Ingress::Tunnel);
        if ours {
            request.extensions_mut().insert(OurLook);
        }
        if let Some(source) = source {
            request.extensions_mut().insert(Visitor(source));
        }
        let response = match app {
            Some(app) => app.oneshot(request).await?,
            None => between_runs(),
        };
        self.learn(token, &response);
        if !ours {
            self.note(asked, &response, Outcome::of(&response));
        }
        Ok(response.map(|body| Body::new(Sent { body, _underway: underway })))
    }

    /// A flood must not make the address look as if nobody got through, and whoever looks is no visitor. A ticket that somebody on the
    /// way shows again is good for nothing more, and we show no token.
    fn is_our_look(&self, request: &Request) -> bool {
        let (method, uri) = (request.method().as_str(), request.uri());
        !request.headers().contains_key(header::AUTHORIZATION)
            && self.engine.live().is_some_and(|live| {
                live.flow.looks().admits(method, uri.path(), uri.query(), self.engine.now())
            })
    }

    /// Who was let in stands apart from strangers from now on, and whose token was not taken no longer does.
    fn learn(&self, token: Option<TokenHash>, response: &Response) {
        let client = response.extensions().get::<Recognised>();
        match token {
            Some(token) if client.is_some_and(|client| client.by_token) => self.limits.proved(token),
            // Nobody looked at it where something does not answer.
            Some(token) if !response.status().is_server_error() => self.limits.disproved(&token),
            _ => {}
        }
        if let Some(client) = client.filter(|client| client.approved) {
            self.limits.know(TokenHash::of(client.client.as_str()));
        }
    }

    fn note(&self, asked: Asked, response: &Response, outcome: Outcome) {
        let client = response.extensions().get::<Recognised>().cloned();
        self.visits.note(asked, client, outcome, response.status(), self.engine.now());
    }
}

/// Only where it is checked: elsewhere one that was good once would go on to count. Its scheme may be spelled in many ways.
fn token(request: &Request) -> Option<TokenHash> {
    let asks_for_it = matches!(request.uri().path(), "/mcp" | "/mcp/");
    let value = request.headers().get(header::AUTHORIZATION).filter(|_| asks_for_it)?;
    let (_, token) = value.to_str().ok()?.split_once(' ')?;
    Some(TokenHash::of(token.trim()))
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

#[cfg(test)]
mod tests;
