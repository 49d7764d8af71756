//! Dynamic client registration (RFC 7591): liberal in what is asked, exact in what is answered.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::ExposeSecret as _;
use model::client::{Client, ClientAuth, ClientKeys, ClientKind, presentable_name};
use model::event::EventKind;
use model::ids::{ClientId, CredentialKind, TokenHash};
use model::ports::StoreError;
use model::redirect::{RedirectError, RedirectRule, RedirectUri};
use model::scope::{Scope, ScopeSet};
use model::{Secret, event::About};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::assertion::usable_keys;
use crate::error;
use crate::flow::{Flow, Shared};
use crate::params::Form;
use crate::site::Here;

/// Longer registrations than any client needs would only fill the store.
const MAX_REDIRECT_BYTES: usize = 8 * 1024;

/// The members we act on. Everything else a client sends is ignored (RFC 7591 section 2).
#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(default)]
    redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    client_name: Option<String>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
    scope: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum RegisterError {
    #[error("the registration is not a JSON object with the members of RFC 7591: {0}")]
    NotMetadata(String),
    #[error("redirect_uris is missing or empty")]
    NoRedirect,
    #[error("more than 20 redirect URIs, or more than 8 KB of them")]
    TooManyRedirects,
    #[error("redirect URI {index} is refused: {why}")]
    BadRedirect { index: usize, why: RedirectError },
    #[error(
        "token_endpoint_auth_method must be none, client_secret_post, client_secret_basic or private_key_jwt"
    )]
    AuthMethod,
    #[error(
        "private_key_jwt needs the client's public keys: either jwks with an RSA or P-256 key, or jwks_uri with the https \
         URL of such a set"
    )]
    Keys,
    #[error("grant_types must include authorization_code, the one this server starts with")]
    GrantTypes,
    #[error("response_types must include code")]
    ResponseTypes,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) async fn post(
    State(flow): State<Flow>,
    Here(site): Here,
    headers: HeaderMap,
    Form(body): Form,
) -> Response {
    let about = flow.attempts.of_request(&site, &headers, true, flow.now(), flow.entropy.as_ref());
    match register(&flow, &about, &body).await {
        Ok((client, secret)) => {
            let destinations = client.redirects.iter().map(destination).collect();
            let about = About { client: Some(client.id.clone()), client_name: client.name.clone(), ..about };
            flow.event(about, EventKind::ClientRegistered { kind: client.kind, destinations });
            answer(&client, secret.as_ref())
        }
        Err(RegisterError::Store(error)) => error::store_failed(&error),
        Err(refused) => {
            let code = refused.code();
            flow.event(
                about,
                EventKind::RegistrationRefused { error: code.into(), reason: refused.to_string() },
            );
            error::json(StatusCode::BAD_REQUEST, code, &refused.to_string())
        }
    }
}

async fn register(
    flow: &Shared,
    about: &About,
    body: &[u8],
) -> Result<(Client, Option<Secret>), RegisterError> {
    let metadata: Metadata =
        serde_json::from_slice(body).map_err(|error| RegisterError::NotMetadata(place(&error)))?;
    let redirects = redirects(&metadata.redirect_uris)?;
    // `authorization_code` and `code` are the defaults (RFC 7591 section 2).
    let lacks = |list: Option<&Vec<String>>, needed: &str| {
        list.is_some_and(|list| !list.is_empty() && !list.iter().any(|one| one == needed))
    };
    if lacks(metadata.grant_types.as_ref(), "authorization_code") {
        return Err(RegisterError::GrantTypes);
    }
    if lacks(metadata.response_types.as_ref(), "code") {
        return Err(RegisterError::ResponseTypes);
    }
    let (auth, secret) = credentials(flow, &metadata)?;
    let mut client = Client {
        id: ClientId::generate(flow.entropy.as_ref()),
        kind: ClientKind::Dynamic,
        name: metadata.client_name.as_deref().and_then(presentable_name),
        uri: metadata.client_uri.as_deref().and_then(web_page),
        logo_uri: metadata.logo_uri.as_deref().and_then(web_page),
        redirects,
        auth,
        scope: flow.granted_scope(metadata.scope.as_deref()),
        created_at: flow.now(),
        approved_at: None,
        attempt: about.attempt.clone(),
        blocked_at: None,
    };
    if flow.policy.client_rules.self_contained_ids {
        client.id = flow.self_contained_id(&client).unwrap_or(client.id);
    }
    flow.store.put_client(&client).await?;
    Ok((client, secret))
}

fn redirects(uris: &[String]) -> Result<Vec<RedirectRule>, RegisterError> {
    match uris.len() {
        0 => return Err(RegisterError::NoRedirect),
        1..=20 => {}
        _ => return Err(RegisterError::TooManyRedirects),
    }
    if uris.iter().map(String::len).sum::<usize>() > MAX_REDIRECT_BYTES {
        return Err(RegisterError::TooManyRedirects);
    }
    let parse = |(at, uri): (usize, &String)| {
        RedirectUri::parse(uri)
            .map(RedirectRule::Exact)
            .map_err(|why| RegisterError::BadRedirect { index: at + 1, why })
    };
    uris.iter().enumerate().map(parse).collect()
}

/// No method named means `client_secret_basic` (RFC 7591 section 2), and such clients do need their secret.
fn credentials(flow: &Shared, metadata: &Metadata) -> Result<(ClientAuth, Option<Secret>), RegisterError> {
    let auth = match metadata.token_endpoint_auth_method.as_deref() {
        Some("none") => return Ok((ClientAuth::None, None)),
        Some("private_key_jwt") => return Ok((ClientAuth::PrivateKeyJwt(keys(flow, metadata)?), None)),
        Some("client_secret_post") => ClientAuth::ClientSecretPost,
        Some("client_secret_basic") | None => ClientAuth::ClientSecretBasic,
        Some(_) => return Err(RegisterError::AuthMethod),
    };
    let secret = CredentialKind::ClientSecret.mint(flow.entropy.as_ref());
    Ok((auth(TokenHash::of(secret.expose_secret())), Some(secret)))
}

/// Both at once is ambiguous (RFC 7591 section 2).
fn keys(flow: &Shared, metadata: &Metadata) -> Result<ClientKeys, RegisterError> {
    match (&metadata.jwks, metadata.jwks_uri.as_deref()) {
        (Some(set), None) => {
            let keys = usable_keys(set).ok_or(RegisterError::Keys)?;
            Ok(ClientKeys::Jwks(json!({ "keys": keys })))
        }
        (None, Some(address))
            if address.len() <= RedirectUri::MAX_LEN && flow.documents.may_be_at(address) =>
        {
            Ok(ClientKeys::JwksUri(address.to_owned()))
        }
        _ => Err(RegisterError::Keys),
    }
}

fn answer(client: &Client, secret: Option<&Secret>) -> Response {
    let mut body = json!({
        "client_id": client.id,
        "client_id_issued_at": client.created_at.secs(),
        "redirect_uris": client.redirects,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": client.auth.method(),
        "scope": client.scope.to_string(),
    });
    // Absent, never null: three clients refuse nulls.
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[name] = value;
        }
    };
    put("client_name", client.name.clone().map(Value::from));
    put("client_uri", client.uri.clone().map(Value::from));
    put("logo_uri", client.logo_uri.clone().map(Value::from));
    let (jwks, jwks_uri) = match &client.auth {
        ClientAuth::PrivateKeyJwt(ClientKeys::Jwks(set)) => (Some(set.clone()), None),
        ClientAuth::PrivateKeyJwt(ClientKeys::JwksUri(address)) => {
            (None, Some(Value::from(address.as_str())))
        }
        _ => (None, None),
    };
    put("jwks", jwks);
    put("jwks_uri", jwks_uri);
    put("client_secret", secret.map(|s| s.expose_secret().into()));
    put("client_secret_expires_at", secret.map(|_| 0.into()));
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn destination(rule: &RedirectRule) -> String {
    match rule {
        RedirectRule::Exact(uri) => uri.destination(),
        RedirectRule::Segment(prefix) => prefix.clone(),
    }
}

/// Where and how the body is wrong, without repeating what a stranger wrote.
fn place(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "a member has the wrong type",
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not well-formed",
    };
    format!("{kind} at line {}, column {}", error.line(), error.column())
}

fn web_page(text: &str) -> Option<String> {
    let fits =
        text.len() <= 2000 && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    fits.then(|| text.to_owned())
}

impl RegisterError {
    /// RFC 7591 section 3.2.2.
    const fn code(&self) -> &'static str {
        match self {
            Self::NoRedirect | Self::TooManyRedirects | Self::BadRedirect { .. } => "invalid_redirect_uri",
            Self::NotMetadata(_) | Self::AuthMethod | Self::Keys | Self::GrantTypes | Self::ResponseTypes => {
                "invalid_client_metadata"
            }
            Self::Store(_) => "server_error",
        }
    }
}

impl Shared {
    /// What a client gets: the scopes that every call needs, whatever it asks, since a token with fewer would open nothing,
    /// and of those that only some tools need, what it asks for. `offline_access` is granted to whoever wants to see it; refresh tokens are issued either way.
    pub(crate) fn granted_scope(&self, asked: Option<&str>) -> ScopeSet {
        let asked = ScopeSet::parse_lenient(asked.unwrap_or_default());
        let offline = Scope::parse("offline_access").filter(|scope| asked.contains(scope.as_str()));
        let more = self.more_of(&asked);
        self.policy.scopes.iter().chain(more.iter()).cloned().chain(offline).collect()
    }
}
