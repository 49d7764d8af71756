//! The identity provider says that somebody signed out there: in a frame of its own page it loads this address with the session
//! that ended (OpenID Connect Front-Channel Logout 1.0).
//!
//! A `sid` cannot be guessed, and whoever knows one ends what came of it and no more. Every answer is the same page, so nobody
//! learns whether there was anything to end.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use model::ids::TokenHash;
use model::ports::StoreError;
use model::session::Ended;

use crate::flow::Flow;
use crate::pages;
use crate::params::Params;

/// Longest `sid` that is looked for, in bytes; Entra's are GUIDs.
const LONGEST: usize = 256;

/// May be framed, which is what it is for: there is nothing on it to press.
const POLICY: &str = "default-src 'none'; base-uri 'none'";

pub(crate) async fn get(State(flow): State<Flow>, RawQuery(query): RawQuery) -> Response {
    let carried = flow.clone();
    carried
        .to_the_end(async move {
            match end(&flow, query.unwrap_or_default().as_bytes()).await {
                Ok(()) => page(StatusCode::OK),
                Err(error) => {
                    tracing::error!(%error, "who signed out at the provider could not be signed out here");
                    pages::busy(page(StatusCode::SERVICE_UNAVAILABLE), None)
                }
            }
        })
        .await
}

async fn end(flow: &Flow, query: &[u8]) -> Result<(), StoreError> {
    let Ok(params) = Params::parse(query) else { return Ok(()) };
    let sid = params.get("sid").filter(|sid| !sid.is_empty() && sid.len() <= LONGEST);
    let Some(sid) = sid else { return Ok(()) };
    for session in flow.store.find_sessions_by_upstream(&TokenHash::of(sid)).await? {
        if session.upstream_session.as_ref().is_some_and(|one| one.is_of(params.get("iss"))) {
            flow.end_session(&session.id, Ended::SignedOutUpstream).await?;
        }
    }
    Ok(())
}

fn page(status: StatusCode) -> Response {
    let html = "<!doctype html><title>Signed out</title>".to_owned();
    pages::served(status, HeaderValue::from_static(POLICY), html)
}
