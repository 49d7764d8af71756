//! The token endpoint (RFC 6749 section 3.2): one answer type, one enum of refusals.

mod code;
mod refresh;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::event::{About, EventKind};
use model::ids::{ClientId, CredentialKind, GrantId, SessionId, TokenHash};
use model::origin::Site;
use model::ports::StoreError;
use model::session::Ended;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client_auth::{ClientAuthError, used_basic};
use crate::error;
use crate::flow::{Flow, Shared, about_grant};
use crate::params::{Form, ParamError, Params};
use crate::sessions::about_session;
use crate::site::Here;

/// When to ask again for a client's keys.
const KEYS_SOON: Duration = Duration::from_mins(1);

/// What a grant buys. Kept sealed beside a used refresh token, so that an honest retry gets the very same.
#[derive(Serialize, Deserialize)]
pub(crate) struct Tokens {
    access_token: String,
    refresh_token: String,
    expires_at: Timestamp,
    scope: String,
}

/// Why no tokens are issued. The match in [`TokenError::answer`] decides what the client is told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the body must be application/x-www-form-urlencoded")]
    NotForm,
    #[error("the request cannot be read: {0}")]
    Params(#[from] ParamError),
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    #[error("grant_type must be authorization_code or refresh_token")]
    GrantType,
    #[error(transparent)]
    Client(#[from] ClientAuthError),
    #[error("the authorization code is unknown or was already used")]
    UnknownCode,
    #[error("the authorization code was already used")]
    Replayed(GrantId),
    #[error("the authorization code has expired; it is good for five minutes")]
    CodeExpired,
    #[error("the code or token was issued to another client")]
    WrongClient { presenter: ClientId, grant: Option<GrantId>, session: Option<SessionId> },
    #[error("redirect_uri is not the one of the authorization request")]
    RedirectMismatch,
    #[error("code_verifier does not match the code_challenge of the authorization request")]
    PkceMismatch,
    #[error("resource is not the URL of this MCP server")]
    ForeignResource,
    #[error("the refresh token is unknown or its session has ended; sign in again")]
    UnknownRefresh,
    #[error("the refresh token was used before; the session was ended to be safe, sign in again")]
    Reused(SessionId),
    #[error("{}", .0.explain())]
    Ended(Ended),
    /// The identity provider or our own set-up keeps us from refreshing now; the token stays good.
    #[error("{detail}")]
    NotNow { detail: String, retry_after_secs: u64 },
    #[error("it was issued at {0}, another address of this server; sign in again at this one")]
    OtherIssuer(String),
    #[error("a stored token does not open with this installation's master key")]
    Sealed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) async fn post(
    State(flow): State<Flow>,
    Here(site): Here,
    headers: HeaderMap,
    Form(body): Form,
) -> Response {
    let params = match read(&headers, &body) {
        Ok(params) => params,
        Err(refused) => return tell(&flow, About::default(), &site, &headers, &refused),
    };
    let carried = flow.clone();
    carried
        .to_the_end(async move {
            match issue(&flow, &site, &headers, &params).await {
                Ok(tokens) => {
                    flow.attempts.concluded(&site, &headers);
                    tokens.answer(flow.now())
                }
                Err(refused) => {
                    let about = known(&flow, &params).await;
                    tell(&flow, about, &site, &headers, &refused)
                }
            }
        })
        .await
}

/// What a refused request belongs to, as far as its code or token tells: whoever has neither is nobody we know.
async fn known(flow: &Flow, params: &Params) -> About {
    let code = params.get("code").filter(|code| CredentialKind::Code.looks_right(code));
    let refresh = params.get("refresh_token").filter(|token| CredentialKind::Refresh.looks_right(token));
    let about = match (code, refresh) {
        (Some(code), _) => flow
            .store
            .find_grant_by_code(&TokenHash::of(code))
            .await
            .ok()
            .flatten()
            .map(|grant| about_grant(&grant)),
        (None, Some(token)) => about_refresh(flow, token).await,
        (None, None) => None,
    };
    about.unwrap_or_default()
}

async fn about_refresh(flow: &Flow, token: &str) -> Option<About> {
    let refresh = flow.store.find_refresh(&TokenHash::of(token)).await.ok()??;
    let session = flow.store.lookup_session(&refresh.session).await.ok()??;
    Some(about_session(&session))
}

/// To the client, and to the log unless what happened is there already.
fn tell(flow: &Flow, known: About, site: &Site, headers: &HeaderMap, refused: &TokenError) -> Response {
    if !matches!(refused, TokenError::Store(_) | TokenError::NotNow { .. }) {
        let about = refused.about(About { origin: Some(site.origin), ..known });
        flow.event(
            about,
            EventKind::TokenRefused { error: refused.code().into(), reason: refused.to_string() },
        );
    }
    refused.answer(headers)
}

/// A form, and only a form: a JSON body would be read as one odd parameter.
pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Params, TokenError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // MCP Inspector 1.0 names JSON and the form in one header when it refreshes, and sends a form.
    let mut kinds = kind.split(',').map(|one| one.split(';').next().unwrap_or_default().trim());
    if !kinds.any(|one| one.eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
        return Err(TokenError::NotForm);
    }
    Ok(Params::parse(body)?)
}

async fn issue(flow: &Flow, site: &Site, headers: &HeaderMap, params: &Params) -> Result<Tokens, TokenError> {
    let grant_type = params.get("grant_type").ok_or(TokenError::Missing("grant_type"))?;
    let client = flow.authenticate(site, headers, params).await?;
    match grant_type {
        "authorization_code" => code::redeem(flow, site, &client, params).await,
        "refresh_token" => refresh::refresh(flow, site, &client, params).await,
        _ => Err(TokenError::GrantType),
    }
}

// === impl Tokens ===

impl Tokens {
    /// RFC 6749 section 5.1. `expires_in` is a number; one client refuses a string.
    fn answer(&self, now: Timestamp) -> Response {
        let body = json!({
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_at.since(now).as_secs(),
            "refresh_token": self.refresh_token,
            "scope": self.scope,
        });
        let mut response = Json(body).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        response
    }
}

// === impl TokenError ===

impl TokenError {
    /// RFC 6749 section 5.2, RFC 8707 section 2.
    const fn code(&self) -> &'static str {
        match self {
            Self::NotForm | Self::Params(_) | Self::Missing(_) => "invalid_request",
            Self::GrantType => "unsupported_grant_type",
            Self::Client(ClientAuthError::Store(_)) | Self::Store(_) => "server_error",
            Self::Client(ClientAuthError::KeysNotNow | ClientAuthError::DocumentNotNow) | Self::NotNow { .. } => {
                "temporarily_unavailable"
            },
            Self::Client(_) => "invalid_client",
            Self::UnknownCode
            | Self::Replayed(_)
            | Self::CodeExpired
            | Self::WrongClient { .. }
            | Self::RedirectMismatch
            | Self::PkceMismatch
            | Self::UnknownRefresh
            | Self::Reused(_)
            | Self::Ended(_)
            | Self::OtherIssuer(_)
            // The key is gone for good, so is the session: only a new sign-in helps.
            | Self::Sealed => "invalid_grant",
            Self::ForeignResource => "invalid_target",
        }
    }

    pub(crate) fn answer(&self, headers: &HeaderMap) -> Response {
        match self {
            Self::Store(store) | Self::Client(ClientAuthError::Store(store)) => error::store_failed(store),
            Self::Client(ClientAuthError::KeysNotNow | ClientAuthError::DocumentNotNow) => {
                error::unavailable(&self.to_string(), KEYS_SOON.as_secs())
            }
            Self::NotNow { detail, retry_after_secs } => error::unavailable(detail, *retry_after_secs),
            Self::Client(_) => {
                let mut response = error::json(StatusCode::UNAUTHORIZED, self.code(), &self.to_string());
                if used_basic(headers) {
                    let realm = HeaderValue::from_static("Basic realm=\"token\"");
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
                }
                response
            }
            _ => error::json(StatusCode::BAD_REQUEST, self.code(), &self.to_string()),
        }
    }

    fn about(&self, known: About) -> About {
        match self {
            Self::Replayed(grant) => About { grant: Some(grant.clone()), ..known },
            Self::Reused(session) => About { session: Some(session.clone()), ..known },
            // Not the client it was issued to.
            Self::WrongClient { presenter, grant, session } => About {
                client: Some(presenter.clone()),
                client_name: None,
                grant: grant.clone(),
                session: session.clone(),
                ..known
            },
            _ => known,
        }
    }
}

/// Checks `resource` of a token request (RFC 8707 section 2.2): absent, or ours.
fn check_resource(flow: &Shared, params: &Params, origin: model::origin::Origin) -> Result<(), TokenError> {
    let ours = params.all("resource").all(|resource| flow.policy.origins.is_our_resource(resource, origin));
    ours.then_some(()).ok_or(TokenError::ForeignResource)
}

/// What one issuer gave is not answered by another: an address that was ours before is not the one asked at, nor is the other
/// of our two origins. The three loopback spellings are one.
fn check_issuer(flow: &Shared, asked: &Site, issued: &Site) -> Result<(), TokenError> {
    let ours = asked.origin == issued.origin && flow.policy.origins.sites(issued.origin).contains(issued);
    ours.then_some(()).ok_or_else(|| TokenError::OtherIssuer(issued.issuer().to_owned()))
}
