//! The authorization endpoint (RFC 6749 section 4.1.1 with PKCE, RFC 8707, RFC 9207).
//!
//! Nothing a client sends here goes on to the identity provider. An error goes to the client only when client and
//! redirect URI are known good; otherwise the person reads it.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use model::caller::Recognised;
use model::client::{Client, ClientKind};
use model::event::{About, EventKind};
use model::grant::{Grant, Stage};
use model::ids::{ClientId, GrantId};
use model::origin::Site;
use model::pkce::PkceChallenge;
use model::ports::StoreError;
use model::redirect::{RedirectRule, RedirectUri};

use crate::attempts::{Attempts, user_agent};
use crate::clients::UnknownClient;
use crate::flow::{Flow, about_grant};
use crate::pages::{self, Fact, Refusal};
use crate::params::{Form, ParamError, Params};
use crate::remedies;
use crate::site::Here;

/// What keeps a sign-in from starting.
#[derive(Debug, thiserror::Error)]
enum AuthorizeError {
    #[error("the request cannot be read: {0}")]
    Params(#[from] ParamError),
    #[error("the request names no client (client_id)")]
    NoClient,
    #[error("{0}")]
    Client(#[source] UnknownClient),
    #[error("the redirect URI is not one this client registered")]
    Redirect {
        /// As the request had it; none where it had to and did not.
        asked: Option<String>,
        registered: Vec<RedirectRule>,
    },
    #[error("the owner of this server does not let clients be answered at {0}")]
    Destination(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{}", .1.description())]
    ToClient(Box<Return>, Fault),
}

/// Where an error may be sent once client and redirect URI are known good.
#[derive(Debug)]
struct Return {
    client: Client,
    redirect_uri: RedirectUri,
    state: Option<String>,
}

/// What is wrong with an otherwise well-addressed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ResponseType,
    RequestObject,
    ResponseMode,
    NoPkce,
    PlainPkce,
    ForeignResource,
    State,
}

/// Redirect URIs of a client that a page shows.
const MOST_SHOWN: usize = 5;

/// Longest `state` that is kept and given back, in bytes; clients that put a whole page's worth into it do with half of that.
const LONGEST_STATE: usize = 4096;

pub(crate) async fn get(
    flow: State<Flow>,
    here: Here,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    authorize(flow, here, &headers, query.unwrap_or_default().as_bytes()).await
}

pub(crate) async fn post(flow: State<Flow>, here: Here, headers: HeaderMap, Form(body): Form) -> Response {
    authorize(flow, here, &headers, &body).await
}

async fn authorize(
    State(flow): State<Flow>,
    Here(site): Here,
    headers: &HeaderMap,
    encoded: &[u8],
) -> Response {
    match start(&flow, &site, encoded).await {
        Ok((grant, client)) => {
            let about = About {
                client_name: client.name.clone(),
                user_agent: user_agent(headers),
                ..about_grant(&grant)
            };
            if client.kind == ClientKind::Document {
                let destinations = vec![grant.redirect_uri.destination()];
                flow.event(about.clone(), EventKind::ClientRegistered { kind: client.kind, destinations });
            }
            flow.event(about, EventKind::AuthorizeStarted { scope: grant.scope.to_string() });
            let consent = flow.sign_in_site(&site).base.join(&format!("/consent?grant={}", grant.id));
            let mut response = Redirect::to(&consent).into_response();
            response.extensions_mut().insert(Recognised {
                approved: client.kind == ClientKind::Static || client.approved_at.is_some(),
                client: client.id,
                name: client.name,
                by_token: false,
            });
            response
        }
        Err(refused) => refuse(&flow, &site, headers, encoded, &refused),
    }
}

async fn start(flow: &Flow, site: &Site, encoded: &[u8]) -> Result<(Grant, Client), AuthorizeError> {
    let params = Params::parse(encoded)?;
    let id = params.get("client_id").and_then(ClientId::parse).ok_or(AuthorizeError::NoClient)?;
    let client = flow.client(&id).await.map_err(|unknown| match unknown {
        UnknownClient::Store(error) => AuthorizeError::Store(error),
        unknown => AuthorizeError::Client(unknown),
    })?;
    let given = params.get("redirect_uri");
    let redirect_uri = match given {
        Some(text) => RedirectUri::parse(text).ok().filter(|uri| client.allows_redirect(uri)),
        None => client.only_redirect().cloned(),
    }
    .ok_or_else(|| AuthorizeError::Redirect {
        asked: given.map(str::to_owned),
        registered: client.redirects.clone(),
    })?;
    if let Some(host) = flow.refused_destination(&client, &redirect_uri) {
        return Err(AuthorizeError::Destination(host.to_owned()));
    }
    let state = params.get("state").filter(|state| is_state(state)).map(str::to_owned);

    let checked = check(flow, site, &params);
    let (challenge, resource) = checked.map_err(|fault| {
        let back =
            Return { client: client.clone(), redirect_uri: redirect_uri.clone(), state: state.clone() };
        AuthorizeError::ToClient(Box::new(back), fault)
    })?;

    let now = flow.now();
    let grant = Grant {
        id: GrantId::generate(flow.entropy.as_ref()),
        revision: 0,
        attempt: flow.attempts.of_sign_in(&client, site, now, flow.entropy.as_ref()),
        client: client.id.clone(),
        redirect_uri,
        redirect_uri_given: given.is_some(),
        scope: flow.granted_scope(params.get("scope")),
        // Who it will be is not known yet, and a challenge is one person's: the callback asks for what is wanted.
        claims: None,
        challenged_by: None,
        state,
        challenge,
        resource,
        site: site.clone(),
        created_at: now,
        stage: Stage::AwaitingConsent,
        renders: Vec::new(),
        pairing: None,
    };
    flow.store.add_grant(&grant).await?;
    Ok((grant, client))
}

/// What RFC 6749, OAuth 2.1 and RFC 8707 ask of the request itself. Unknown parameters are ignored.
fn check(flow: &Flow, site: &Site, params: &Params) -> Result<(PkceChallenge, String), Fault> {
    if params.get("response_type") != Some("code") {
        return Err(Fault::ResponseType);
    }
    if params.get("request").is_some() || params.get("request_uri").is_some() {
        return Err(Fault::RequestObject);
    }
    if params.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(Fault::ResponseMode);
    }
    if params.get("state").is_some_and(|state| !is_state(state)) {
        return Err(Fault::State);
    }
    let challenge = params.get("code_challenge").ok_or(Fault::NoPkce)?;
    // Absent means `plain` (RFC 7636 section 4.3), which protects nothing.
    if params.get("code_challenge_method") != Some("S256") {
        return Err(Fault::PlainPkce);
    }
    let challenge = PkceChallenge::parse(challenge).ok_or(Fault::PlainPkce)?;
    let mut resource = site.mcp_url();
    for asked in params.all("resource") {
        if !flow.policy.origins.is_our_resource(asked, site.origin) {
            return Err(Fault::ForeignResource);
        }
        if asked.ends_with("/mcp") || asked.ends_with("/mcp/") {
            asked.clone_into(&mut resource);
        }
    }
    Ok((challenge, resource))
}

/// RFC 6749 appendix A.5. Anything else would grow on its way through JSON and back.
fn is_state(state: &str) -> bool {
    state.len() <= LONGEST_STATE && state.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

fn refuse(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    encoded: &[u8],
    refused: &AuthorizeError,
) -> Response {
    let about = Attempts::by_itself(site, headers, flow.entropy.as_ref());
    let event = |about: About, error: &str| {
        flow.event(about, EventKind::AuthorizeRefused { error: error.into(), reason: refused.to_string() });
    };
    match refused {
        AuthorizeError::ToClient(back, fault) => {
            let about = About {
                client: Some(back.client.id.clone()),
                client_name: back.client.name.clone(),
                ..about
            };
            event(about, fault.code());
            let answer =
                ClientAnswer { redirect_uri: &back.redirect_uri, state: back.state.as_deref(), site };
            if back.is_trusted() {
                return answer.error(fault.code(), fault.description());
            }
            let page = Refusal {
                title: "The client's request cannot be served",
                what: &pages::sentence(fault.description()),
                hint: "Nothing was sent anywhere. You can go back to the client if you have just connected it yourself.",
                back: Some(&answer.error_url(fault.code(), fault.description())),
                ..Refusal::default()
            };
            pages::refusal(flow, StatusCode::BAD_REQUEST, &page)
        }
        AuthorizeError::Store(store) => pages::trouble(flow, store),
        AuthorizeError::Params(_) | AuthorizeError::NoClient => {
            event(about, "invalid_request");
            let hint = "Start again from your client; if this page comes back, update the client.";
            page(flow, StatusCode::BAD_REQUEST, "This sign-in link is not complete", refused, hint)
        }
        AuthorizeError::Client(UnknownClient::Document(document)) if document.is_transient() => {
            event(about, "temporarily_unavailable");
            let hint = "Wait a moment, then start again from your client.";
            let title = "The client could not be identified just now";
            pages::busy(page(flow, StatusCode::SERVICE_UNAVAILABLE, title, refused, hint), None)
        }
        AuthorizeError::Client(UnknownClient::Blocked) => {
            event(about, "invalid_client");
            let hint = "Nothing was sent anywhere. If you know this client, ask the owner of this server to unblock it under \
                        Sessions, then start again from the client.";
            page(flow, StatusCode::FORBIDDEN, "This client is blocked", refused, hint)
        }
        AuthorizeError::Client(UnknownClient::Host(_)) | AuthorizeError::Destination(_) => {
            event(about, "invalid_client");
            let hint = "Nothing was sent anywhere. If you trust that host, ask the owner of this server to allow it in the \
                        settings, under Clients, then start again from the client.";
            page(flow, StatusCode::FORBIDDEN, "Clients of this host are not taken here", refused, hint)
        }
        AuthorizeError::Client(_) => {
            event(about, "invalid_client");
            let params = Params::parse(encoded).unwrap_or_default();
            let hint = remedies::of(params.get("redirect_uri"));
            page(flow, StatusCode::BAD_REQUEST, "This server does not know the client", refused, hint)
        }
        AuthorizeError::Redirect { asked, registered } => {
            event(about, "invalid_redirect_uri");
            let asked = asked.as_deref().map(|uri| Fact::Value(pages::quoted(uri)));
            let asked = asked.unwrap_or_else(|| Fact::Said("no address, and it has several".to_owned()));
            let shown = registered.iter().take(MOST_SHOWN);
            let shown = shown.map(|rule| Fact::Value(pages::quoted(&rule.to_string())));
            let more = registered.len().saturating_sub(MOST_SHOWN);
            let more = (more > 0).then(|| Fact::Said(format!("{more} more")));
            let page = Refusal {
                title: "The client asked to be answered somewhere it never registered",
                what: &pages::sentence(&refused.to_string()),
                hint: "To protect you, nothing was sent there. Remove the server in your client and add it again, so that \
                       it registers anew.",
                facts: std::iter::once(("The client asked for", asked))
                    .chain(shown.chain(more).map(|uri| ("It registered", uri)))
                    .collect(),
                ..Refusal::default()
            };
            pages::refusal(flow, StatusCode::BAD_REQUEST, &page)
        }
    }
}

fn page(flow: &Flow, status: StatusCode, title: &str, refused: &AuthorizeError, hint: &str) -> Response {
    pages::refusal(
        flow,
        status,
        &Refusal { title, what: &pages::sentence(&refused.to_string()), hint, ..Refusal::default() },
    )
}

impl Return {
    /// Whether a browser may be sent there without anybody having looked: this computer, or a client somebody approved or
    /// configured. Anybody can register and anybody can publish, so anything else would make us an open redirector
    /// (RFC 9700 section 4.11.2).
    fn is_trusted(&self) -> bool {
        self.redirect_uri.is_loopback()
            || self.client.kind == ClientKind::Static
            || self.client.approved_at.is_some()
    }
}

/// How the outcome of a sign-in is brought to the client.
pub(crate) struct ClientAnswer<'a> {
    pub(crate) redirect_uri: &'a RedirectUri,
    pub(crate) state: Option<&'a str>,
    pub(crate) site: &'a Site,
}

impl<'a> ClientAnswer<'a> {
    pub(crate) fn of(grant: &'a Grant) -> Self {
        Self { redirect_uri: &grant.redirect_uri, state: grant.state.as_deref(), site: &grant.site }
    }

    /// RFC 6749 section 4.1.2.1, with `iss` (RFC 9207).
    pub(crate) fn error_url(&self, code: &str, description: &str) -> String {
        self.url(&[("error", code), ("error_description", description)])
    }

    pub(crate) fn error(&self, code: &str, description: &str) -> Response {
        pages::to_client(&self.error_url(code, description))
    }

    /// RFC 6749 section 4.1.2, with `iss` (RFC 9207).
    pub(crate) fn code(&self, code: &str) -> Response {
        pages::to_client(&self.url(&[("code", code)]))
    }

    fn url(&self, params: &[(&str, &str)]) -> String {
        let tail = self.state.map(|state| ("state", state)).into_iter().chain([("iss", self.site.issuer())]);
        self.redirect_uri.with_params(params.iter().copied().chain(tail))
    }
}

impl Fault {
    const fn code(self) -> &'static str {
        match self {
            Self::ResponseType => "unsupported_response_type",
            Self::RequestObject => "request_not_supported",
            Self::ResponseMode | Self::NoPkce | Self::PlainPkce | Self::State => "invalid_request",
            Self::ForeignResource => "invalid_target",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::ResponseType => "response_type must be code",
            Self::RequestObject => "request objects are not supported; send plain parameters",
            Self::ResponseMode => "response_mode must be query",
            Self::NoPkce => "code_challenge is missing; PKCE is required",
            Self::PlainPkce => "code_challenge must be a SHA-256 with code_challenge_method=S256",
            Self::State => "state must be at most 4096 printable ASCII characters",
            Self::ForeignResource => "resource is not the URL of this MCP server",
        }
    }
}

#[cfg(test)]
mod tests {
    use model::client::ClientAuth;
    use model::redirect::RedirectRule;
    use model::scope::ScopeSet;
    use model::time::Timestamp;

    use super::*;

    fn is_trusted(kind: ClientKind, id: &str, redirect: &str, approved: bool) -> bool {
        let now = Timestamp::from_secs(1);
        let client = Client {
            id: ClientId::parse(id).unwrap(),
            kind,
            name: None,
            uri: None,
            logo_uri: None,
            redirects: vec![RedirectRule::parse(redirect).unwrap()],
            auth: ClientAuth::None,
            scope: ScopeSet::default(),
            created_at: now,
            approved_at: approved.then_some(now),
            attempt: None,
            blocked_at: None,
        };
        Return { client, redirect_uri: RedirectUri::parse(redirect).unwrap(), state: None }.is_trusted()
    }

    #[test]
    fn a_published_client_is_trusted_with_this_computer_only_until_somebody_approved_it() {
        let id = "https://client.example/oauth/client.json";
        for (redirect, at_first) in [
            ("https://client.example/callback", false),
            ("http://127.0.0.1:5000/callback", true),
            ("https://victim.example/callback", false),
            ("https://sub.client.example/callback", false),
            ("https://client.example.evil.example/callback", false),
            ("some-app://client.example/callback", false),
        ] {
            assert_eq!(is_trusted(ClientKind::Document, id, redirect, false), at_first, "{redirect}");
            assert!(is_trusted(ClientKind::Document, id, redirect, true), "{redirect}");
        }
    }

    #[test]
    fn a_registered_client_is_trusted_once_approved_and_a_configured_one_always() {
        let redirect = "https://client.example/callback";
        assert!(!is_trusted(ClientKind::Dynamic, "client_a", redirect, false));
        assert!(is_trusted(ClientKind::Dynamic, "client_a", redirect, true));
        assert!(is_trusted(ClientKind::Static, "configured", redirect, false));
    }
}
