//! Revocation (RFC 7009): either token ends the whole session, here and for every call already trusted.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use model::ids::{ClientId, CredentialKind, SessionId, TokenHash};
use model::origin::Site;
use model::session::Ended;

use crate::flow::Flow;
use crate::params::Form;
use crate::site::Here;
use crate::token::{TokenError, read};

pub(crate) async fn post(
    State(flow): State<Flow>,
    Here(site): Here,
    headers: HeaderMap,
    Form(body): Form,
) -> Response {
    let carried = flow.clone();
    carried
        .to_the_end(async move {
            match revoke(&flow, &site, &headers, &body).await {
                Ok(()) => StatusCode::OK.into_response(),
                Err(refused) => refused.answer(&headers),
            }
        })
        .await
}

/// An unknown token is fine (section 2.2); somebody else's is left alone.
async fn revoke(flow: &Flow, site: &Site, headers: &HeaderMap, body: &[u8]) -> Result<(), TokenError> {
    let params = read(headers, body)?;
    let client = flow.authenticate(site, headers, &params).await?;
    let token = params.get("token").ok_or(TokenError::Missing("token"))?;
    if let Some(session) = session_of(flow, token, &client).await? {
        flow.end_session(&session, Ended::RevokedByClient).await?;
    }
    Ok(())
}

async fn session_of(flow: &Flow, token: &str, client: &ClientId) -> Result<Option<SessionId>, TokenError> {
    let id = if CredentialKind::Refresh.looks_right(token) {
        flow.store.find_refresh(&TokenHash::of(token)).await?.map(|refresh| refresh.session)
    } else {
        flow.mint.check(token, flow.now()).ok().map(|claims| claims.sid)
    };
    let Some(id) = id else { return Ok(None) };
    Ok(flow
        .store
        .lookup_session(&id)
        .await?
        .filter(|session| session.client == *client)
        .map(|session| session.id))
}
