//! The OAuth 2.1 authorization server that MCP clients see, and the bearer check in front of the MCP endpoint.
//!
//! It knows the identity provider only as [`model::upstream::Upstream`] and storage only as [`model::ports::Store`].
//! Every request is answered as the origin it was typed as (`site`); what belongs to one flow is in [`flow::Flow`].

mod access_token;
mod assertion;
mod attempts;
mod authorize;
mod bearer;
mod callback;
mod client_auth;
mod clients;
mod consent;
mod cookies;
mod cors;
pub mod documents;
mod error;
pub mod flow;
mod front_channel;
mod look;
mod metadata;
mod my_sessions;
mod pages;
mod pairing;
mod params;
mod profiles;
mod register;
mod remedies;
mod revoke;
mod routes;
pub mod sessions;
mod site;
mod test_sign_in;
mod token;
mod turns;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};

pub use flow::{Flow, Parts, Policy};
pub use pairing::{Guesses, MOST_WRONG as MOST_WRONG_CODES, Pairing, Waiting};
pub use routes::{private_paths, public_paths};
pub use test_sign_in::{LIFETIME as TEST_SIGN_IN_LIFETIME, TestSignIn};

/// How long an access token of ours lives.
pub const ACCESS_TOKEN_LIFETIME: std::time::Duration = access_token::Mint::LIFETIME;

/// The whole public surface: the authorization server with `mcp` behind its bearer check.
///
/// A request's listener is told apart by a [`model::origin::Ingress`] extension; without one it is the main listener.
pub fn router(flow: &Flow, mcp: Router) -> Router {
    let oauth = routes::routed(routes::oauth())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(64 * 1024))
        .layer(from_fn(cors::layer));

    let pages = routes::routed(routes::pages())
        .route(&flow.policy.callback_path, routes::callback())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(64 * 1024));

    Router::new()
        .merge(oauth)
        .merge(pages)
        .merge(routes::kept(flow))
        .with_state(flow.clone())
        .fallback(not_found)
        .layer(from_fn_with_state(flow.clone(), site::resolve))
        // One gate of its own: calls are what this server does most.
        .merge(mcp.layer(from_fn_with_state(flow.clone(), bearer::gate)))
}

async fn ready(axum::extract::State(flow): axum::extract::State<Flow>) -> Response {
    match flow.store.ping().await {
        Ok(()) => "ready".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], "the store does not answer")
                .into_response()
        }
    }
}

async fn not_found() -> Response {
    error::json(StatusCode::NOT_FOUND, "not_found", "nothing is served here; the MCP endpoint is /mcp")
}

async fn not_the_endpoint() -> Response {
    error::json(StatusCode::NOT_FOUND, "not_found", "this is not the MCP endpoint; add /mcp to the URL")
}

async fn method_not_allowed() -> Response {
    error::json(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this address does not take that method",
    )
}
