//! The bearer check in front of `/mcp` (RFC 6750), and the challenge that starts a sign-in (RFC 9728 section 5.1).
//!
//! It comes before any look at method or body: an unauthenticated request is 401 whatever else it is.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use model::caller::{Caller, CallerFacts, Recognised};
use model::event::{About, EventKind};
use model::ids::TokenHash;
use model::origin::Site;
use model::ports::StoreError;
use model::scope::ScopeSet;
use model::session::SessionState;
use model::time::Timestamp;

use crate::access_token::BadToken;
use crate::flow::{Flow, about_caller};
use crate::sessions::Checked;
use crate::{cors, error, look, site};

/// Why a request does not get through.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("missing access token")]
    NoToken,
    #[error("{0}")]
    Bad(#[from] BadToken),
    #[error("{0}")]
    Ended(String),
    #[error("the access token lacks a scope this server requires")]
    Scope,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Everything between the listener and the MCP endpoint: our name, the page that calls, the token.
pub(crate) async fn gate(State(flow): State<Flow>, mut request: Request, next: Next) -> Response {
    let Some(site) = site::of(&flow, &request) else { return site::misdirected() };
    let origin = request.headers().get(header::ORIGIN).cloned();
    if origin.as_ref().is_some_and(|origin| !site::may_call_mcp(&flow.policy, origin)) {
        return site::foreign_origin();
    }
    if *request.method() == Method::OPTIONS {
        return cors::preflight(request.headers());
    }
    let mut response = match caller(&flow, site, request.headers()).await {
        Ok(checked) => {
            let now = flow.now();
            checked.activity.call(now);
            if let Some(attempt) = flow.attempts.went_on(site, request.headers(), now) {
                let about = About { attempt: Some(attempt), session: None, ..about_caller(&checked.caller) };
                flow.event(about, EventKind::WentOn);
            }
            request.extensions_mut().insert(checked.caller.clone());
            let mut response = next.run(request).await;
            response.extensions_mut().insert(Recognised {
                client: checked.caller.client.clone(),
                name: checked.caller.client_name.clone(),
                approved: true,
                by_token: true,
            });
            // The only reason the endpoint has for it (RFC 6750 section 3.1).
            if response.status() == StatusCode::FORBIDDEN {
                let reason = "the token lacks a scope that the tool requires".to_owned();
                flow.event(about_caller(&checked.caller), EventKind::Challenged { reason });
            }
            response
        }
        Err(refused) => refuse(&flow, site, &request, &refused),
    };
    cors::expose(&mut response, origin);
    response
}

fn refuse(flow: &Flow, site: &Site, request: &Request, refused: &Refused) -> Response {
    if let Refused::Store(error) = refused {
        return error::store_failed(error);
    }
    // We show no token when we look at ourselves.
    let ours = matches!(refused, Refused::NoToken)
        && look::is_ours(flow, request.method(), request.uri(), request.extensions());
    if !ours {
        let (now, entropy) = (flow.now(), flow.entropy.as_ref());
        let about = flow.attempts.of_request(site, request.headers(), true, now, entropy);
        flow.event(about, EventKind::Challenged { reason: refused.to_string() });
    }
    challenge(refused, site, request.uri().path().ends_with('/'), &flow.policy.scopes)
}

async fn caller(flow: &Flow, site: &Site, headers: &HeaderMap) -> Result<Checked, Refused> {
    let token = bearer(headers).ok_or(Refused::NoToken)?;
    let (hash, now) = (TokenHash::of(token), flow.now());
    let checked = match flow.sessions.recall(&hash, now) {
        Some(checked) => checked,
        None => look_up(flow, token, hash, now).await?,
    };
    // The three loopback spellings are one place; local and public are two.
    if checked.caller.site.origin != site.origin {
        return Err(BadToken::OtherAudience.into());
    }
    if !checked.caller.scope.contains_all(&flow.policy.scopes) {
        return Err(Refused::Scope);
    }
    Ok(checked)
}

/// The slow way: signature, session, memory.
async fn look_up(flow: &Flow, token: &str, hash: TokenHash, now: Timestamp) -> Result<Checked, Refused> {
    let claims = flow.mint.check(token, now)?;
    // Taken before the read: a session that ends meanwhile marks this very activity as ended.
    let activity = flow.sessions.activity(&claims.sid);
    let session = flow.store.lookup_session(&claims.sid).await?.ok_or(BadToken::NotOurs)?;
    if let SessionState::Ended { why, .. } = &session.state {
        return Err(Refused::Ended(why.explain()));
    }
    if session.client != claims.client_id
        || session.resource != claims.aud
        || session.site.issuer() != claims.iss
        || !flow.policy.origins.is_our_resource(&claims.aud, session.site.origin)
    {
        return Err(BadToken::OtherAudience.into());
    }
    let first = session.calls == 0 && activity.greet();
    let caller = Caller(Arc::new(CallerFacts {
        session: session.id,
        attempt: session.attempt,
        client: session.client,
        client_name: session.client_name,
        person: session.person,
        scope: ScopeSet::parse_lenient(&claims.scope),
        upstream_issuer: session.upstream_issuer,
        expires_at: Timestamp::from_secs(claims.exp),
        site: session.site,
    }));
    if first {
        flow.event(about_caller(&caller), EventKind::FirstCall);
    }
    let checked = Checked { caller, activity, at: now };
    flow.sessions.remember(hash, checked.clone());
    Ok(checked)
}

/// The token of `Authorization: Bearer`, its scheme in any case (RFC 9110 section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// 401 with the way to sign in, or 403 when only a scope is missing. The word "Unauthorized" in the body is what
/// MCP Inspector before 0.17.5 looks for.
fn challenge(refused: &Refused, site: &Site, slash: bool, scopes: &ScopeSet) -> Response {
    let metadata = metadata_url(site, slash);
    let (status, error, description) = match refused {
        Refused::Scope => (StatusCode::FORBIDDEN, "insufficient_scope", refused.to_string()),
        _ => (StatusCode::UNAUTHORIZED, "invalid_token", format!("Unauthorized: {refused}")),
    };
    let detail = match refused {
        // No token is not an error (RFC 6750 section 3.1).
        Refused::NoToken => String::new(),
        _ => format!(", error=\"{error}\", error_description=\"{}\"", quotable(&refused.to_string())),
    };
    let mut response = error::json(status, error, &description);
    let value = format!("Bearer resource_metadata=\"{metadata}\", scope=\"{scopes}\"{detail}");
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// Where the metadata of the MCP URL is (RFC 9728 section 3.1), for the spelling with a trailing slash too.
pub(crate) fn metadata_url(site: &Site, slash: bool) -> String {
    let tail = if slash { "/" } else { "" };
    site.base.join(&format!("/.well-known/oauth-protected-resource/mcp{tail}"))
}

/// Characters `error_description` may have in a header (RFC 6750 section 3).
fn quotable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}
