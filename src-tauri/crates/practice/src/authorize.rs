//! `/authorize`: reads a sign-in request and refuses what Entra refuses, as a page or by redirect.
//!
//! Until client and redirect URI are known to belong together, nothing is ever sent to that URI (RFC 6749 section
//! 4.1.2.1). Nothing is stored: a good request travels sealed inside the sign-in page.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::pkce::PkceChallenge;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::apps::App;
use crate::directory::Tenant;
use crate::params::Params;
use crate::refusal::{Refusal, Why};
use crate::scope::{Requested, refuse_resource};
use crate::segment::Segment;
use crate::{Fault, Practice, page, sign_in};

const PROMPTS: &[&str] = &["login", "none", "consent", "select_account", "create"];

/// A request that may be shown to a person. Lives sealed in the sign-in form.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SignInRequest {
    pub(crate) tenant: Tenant,
    pub(crate) client_id: String,
    pub(crate) back: ReturnAddress,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<PkceChallenge>,
    pub(crate) login_hint: Option<String>,
    /// The request carried `claims`: it answers a claims challenge, and the sign-in counts as strong.
    pub(crate) strong: bool,
    pub(crate) at: Timestamp,
}

/// Where the browser goes in the end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReturnAddress {
    pub(crate) redirect_uri: String,
    state: Option<String>,
    mode: ResponseMode,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum ResponseMode {
    Query,
    Fragment,
}

/// How a request ends that never becomes a sign-in page.
enum Stop {
    Page(Why),
    Back(Box<ReturnAddress>, Why),
}

pub(crate) async fn get(
    State(practice): State<Practice>,
    Segment(segment): Segment,
    RawQuery(query): RawQuery,
) -> Response {
    begin(&practice, &segment, query.unwrap_or_default().as_bytes())
}

/// OpenID Connect Core section 3.1.2.1: the same parameters, in the body.
pub(crate) async fn post(
    State(practice): State<Practice>,
    Segment(segment): Segment,
    body: Bytes,
) -> Response {
    begin(&practice, &segment, &body)
}

fn begin(practice: &Practice, segment: &str, raw: &[u8]) -> Response {
    match read(practice, segment, raw) {
        Ok((request, silent)) => match practice.auto_sign_in() {
            Some(person) => sign_in::answer(practice, request, person),
            // prompt=none: without a page nobody can say who they are.
            None if silent => request.back.refuse(request.tenant, Why::NotSignedIn, practice),
            None => sign_in::show(practice, &request),
        },
        Err(Stop::Page(why)) => page::refused_at(practice, segment, why),
        Err(Stop::Back(back, why)) => {
            let refusal = Refusal::at(segment, why, practice);
            back.answer(&refusal)
        }
    }
}

/// The request, and whether it must be answered without a page.
fn read(practice: &Practice, segment: &str, raw: &[u8]) -> Result<(SignInRequest, bool), Stop> {
    let tenant = Tenant::parse(segment).ok_or_else(|| Stop::Page(Why::UnknownTenant(segment.to_owned())))?;
    let params = Params::parse(raw).map_err(Stop::Page)?;
    let app = params.required("client_id").and_then(|id| practice.app(id)).map_err(Stop::Page)?;
    let back = return_address(practice, &app, &params).map_err(Stop::Page)?;
    details(practice, tenant, &app, &params, &back).map_err(|why| Stop::Back(Box::new(back), why))
}

fn return_address(practice: &Practice, app: &App, params: &Params) -> Result<ReturnAddress, Why> {
    let redirect_uri = params.required("redirect_uri")?;
    if practice.has(Fault::WrongRedirectUri) || !practice.is_registered(app, redirect_uri) {
        return Err(Why::RedirectNotRegistered(redirect_uri.to_owned()));
    }
    let mode = match params.get("response_mode") {
        None | Some("query") => ResponseMode::Query,
        Some("fragment") => ResponseMode::Fragment,
        Some(other) => return Err(Why::Unsupported { name: "response_mode", value: other.to_owned() }),
    };
    Ok(ReturnAddress { redirect_uri: redirect_uri.to_owned(), state: params.owned("state"), mode })
}

fn details(
    practice: &Practice,
    tenant: Tenant,
    app: &App,
    params: &Params,
    back: &ReturnAddress,
) -> Result<(SignInRequest, bool), Why> {
    match params.required("response_type")? {
        "code" => {}
        other => return Err(Why::ResponseType(other.to_owned())),
    }
    let scope = params.required("scope")?;
    refuse_resource(params, app)?;
    Requested::parse(scope, practice.base(), app)?.check_sign_in()?;
    let silent = silent(params)?;
    let request = SignInRequest {
        tenant,
        client_id: app.client_id.to_string(),
        back: back.clone(),
        scope: scope.to_owned(),
        nonce: params.owned("nonce"),
        challenge: challenge(params)?,
        login_hint: params.owned("login_hint"),
        strong: params.get("claims").is_some(),
        at: practice.now(),
    };
    Ok((request, silent))
}

fn silent(params: &Params) -> Result<bool, Why> {
    match params.get("prompt") {
        None => Ok(false),
        Some(prompt) if PROMPTS.contains(&prompt) => Ok(prompt == "none"),
        Some(other) => Err(Why::Unsupported { name: "prompt", value: other.to_owned() }),
    }
}

/// A confidential client may leave PKCE out; `plain`, which is what no method means, is refused.
fn challenge(params: &Params) -> Result<Option<PkceChallenge>, Why> {
    let Some(challenge) = params.get("code_challenge") else { return Ok(None) };
    if params.get("code_challenge_method") != Some("S256") {
        return Err(Why::ChallengeMethod);
    }
    PkceChallenge::parse(challenge).map(Some).ok_or(Why::ChallengeMalformed)
}

// === impl ReturnAddress ===

impl ReturnAddress {
    /// Where it leads, for people: never the whole URI, which may be long.
    pub(crate) fn host(&self) -> String {
        Url::parse(&self.redirect_uri)
            .ok()
            .and_then(|url| {
                let host = url.host_str()?;
                Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
            })
            .unwrap_or_else(|| self.redirect_uri.clone())
    }

    /// An error response (RFC 6749 section 4.1.2.1) in Entra's words.
    pub(crate) fn refuse(&self, tenant: Tenant, why: Why, practice: &Practice) -> Response {
        self.answer(&Refusal::at(tenant.segment(), why, practice))
    }

    fn answer(&self, refusal: &Refusal) -> Response {
        let description = refusal.description();
        let mut pairs = vec![("error", refusal.oauth_error()), ("error_description", description.as_str())];
        let uri = refusal.error_uri();
        if !refusal.b2c {
            if refusal.why == Why::Declined {
                pairs.push(("error_subcode", "cancel"));
            }
            pairs.push(("error_uri", uri.as_str()));
        }
        self.lead(&pairs)
    }

    /// Sends the browser back with `pairs` and the state it came with.
    pub(crate) fn lead(&self, pairs: &[(&str, &str)]) -> Response {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all = pairs.iter().copied().chain(state);
        let Ok(mut url) = Url::parse(&self.redirect_uri) else {
            // Registered, but no URL: somebody typed nonsense into the registration.
            return (StatusCode::INTERNAL_SERVER_ERROR, "The registered redirect URI is not a URL.")
                .into_response();
        };
        match self.mode {
            ResponseMode::Query => {
                url.query_pairs_mut().extend_pairs(all);
            }
            ResponseMode::Fragment => {
                let fragment = form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
                url.set_fragment(Some(&fragment));
            }
        }
        let location =
            HeaderValue::from_str(url.as_str()).expect("a parsed URL is ASCII without line breaks");
        let no_store = HeaderValue::from_static("no-store");
        let no_referrer = HeaderValue::from_static("no-referrer");
        let headers = [
            (header::LOCATION, location),
            (header::CACHE_CONTROL, no_store),
            (header::REFERRER_POLICY, no_referrer),
        ];
        (StatusCode::FOUND, headers).into_response()
    }
}
