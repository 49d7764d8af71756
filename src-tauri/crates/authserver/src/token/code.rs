//! A code for tokens (RFC 6749 section 4.1.3). Single use is the store's compare and swap, not a check here.

use model::ExposeSecret as _;
use model::event::{About, EventKind};
use model::grant::{Grant, Stage};
use model::ids::{ClientId, CredentialKind, SessionId, TokenHash};
use model::origin::Site;
use model::ports::Swap;
use model::session::{Ended, RefreshToken, Session, SessionState, UpstreamSession};
use model::time::Timestamp;
use model::upstream::UpstreamTokens;

use super::{TokenError, Tokens, check_issuer, check_resource};
use crate::flow::{Flow, Shared, about_grant};
use crate::params::Params;
use crate::sessions::about_session;

pub(super) async fn redeem(
    flow: &Flow,
    site: &Site,
    client: &ClientId,
    params: &Params,
) -> Result<Tokens, TokenError> {
    let code = params.get("code").ok_or(TokenError::Missing("code"))?;
    if !CredentialKind::Code.looks_right(code) {
        return Err(TokenError::UnknownCode);
    }
    let grant = flow.store.find_grant_by_code(&TokenHash::of(code)).await?.ok_or(TokenError::UnknownCode)?;
    let proven = check_issuer(flow, site, &grant.site).and_then(|()| prove(flow, &grant, client, params));
    if let Stage::Exchanged { exchanged_at, ref session, .. } = grant.stage {
        return Err(replayed(flow, &grant, session, exchanged_at, proven.is_ok()).await);
    }
    proven?;
    if grant.is_expired(flow.now()) {
        return Err(TokenError::CodeExpired);
    }
    open_session(flow, grant).await
}

/// Client, redirect URI, PKCE and resource as the authorization request had them.
fn prove(flow: &Shared, grant: &Grant, client: &ClientId, params: &Params) -> Result<(), TokenError> {
    if grant.client != *client {
        let grant = Some(grant.id.clone());
        return Err(TokenError::WrongClient { presenter: client.clone(), grant, session: None });
    }
    let redirect = params.get("redirect_uri");
    // What was not sent to /authorize need not be repeated; what was, must be (RFC 6749 section 4.1.3).
    if redirect.is_none() && grant.redirect_uri_given
        || redirect.is_some_and(|uri| uri != grant.redirect_uri.as_str())
    {
        return Err(TokenError::RedirectMismatch);
    }
    let verifier = params.get("code_verifier").ok_or(TokenError::Missing("code_verifier"))?;
    if !grant.challenge.is_met_by(verifier) {
        return Err(TokenError::PkceMismatch);
    }
    check_resource(flow, params, grant.site.origin)
}

/// A second use (RFC 6749 section 4.1.2). Some clients post the same request twice; with full proof and at once it is only
/// refused. Anything else revokes what the first use bought.
async fn replayed(
    flow: &Flow,
    grant: &Grant,
    session: &SessionId,
    first_use: Timestamp,
    proven: bool,
) -> TokenError {
    let honest_retry = proven && flow.now().since(first_use) < RefreshToken::GRACE;
    if !honest_retry {
        let about = About { session: Some(session.clone()), ..about_grant(grant) };
        flow.event(about, EventKind::CodeReplayed);
        if let Err(error) = flow.end_session(session, Ended::CodeReplayed).await {
            return error.into();
        }
    }
    TokenError::Replayed(grant.id.clone())
}

async fn open_session(flow: &Flow, grant: Grant) -> Result<Tokens, TokenError> {
    let now = flow.now();
    let Stage::Approved { ref person, ref upstream, ref upstream_issuer, .. } = grant.stage else {
        return Err(TokenError::UnknownCode);
    };
    let id = SessionId::generate(flow.entropy.as_ref());
    // Sealed values are bound to their row, so the tokens move by opening and sealing again.
    let plain = flow.open(Shared::grant_place(&grant.id), upstream).map_err(|_| TokenError::Sealed)?;
    let tokens = UpstreamTokens::from_plain_json(&plain);
    let client_name = flow.client(&grant.client).await.ok().and_then(|client| client.name);
    let session = Session {
        upstream: Some(flow.seal(Shared::session_place(&id), &plain)),
        upstream_issuer: upstream_issuer.clone(),
        upstream_session: tokens.and_then(|tokens| UpstreamSession::of(&tokens.id_claims)),
        attempt: grant.attempt.clone(),
        client: grant.client.clone(),
        client_name,
        person: person.clone(),
        scope: grant.scope.clone(),
        resource: grant.resource.clone(),
        site: grant.site.clone(),
        created_at: now,
        refreshed_at: now,
        active_at: now,
        calls: 0,
        state: SessionState::Live,
        trouble: None,
        challenge: None,
        id,
    };
    let refresh_token = CredentialKind::Refresh.mint(flow.entropy.as_ref());
    let refresh = RefreshToken::fresh(TokenHash::of(refresh_token.expose_secret()), session.id.clone(), now);
    let grant_id = grant.id.clone();
    let exchanged = grant.exchanged(session.id.clone(), now).map_err(|_| TokenError::UnknownCode)?;
    if flow.store.open_session(&exchanged, &session, &refresh).await? == Swap::Lost {
        return Err(TokenError::Replayed(grant_id));
    }
    flow.event(about_session(&session), EventKind::TokenIssued);
    let minted = flow.mint.mint(&session, &session.scope, now, flow.entropy.as_ref());
    Ok(Tokens {
        access_token: minted.token.expose_secret().to_owned(),
        refresh_token: refresh_token.expose_secret().to_owned(),
        expires_at: minted.expires_at,
        scope: session.scope.to_string(),
    })
}
