//! Microsoft Graph on behalf of the person who signed in: their profile, and which of some groups they are in.
//!
//! Needs an API of ours and a cloud that has a Graph. A token for it is asked for each time and never kept.

use ::http::{HeaderMap, Method, StatusCode, header};
use model::upstream::{Challenge, Effect, Fixer, Refusal, UpstreamError};
use model::{ExposeSecret as _, Secret};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::discovery::Metadata;
use crate::http::{Answer, send, unavailable};
use crate::rules::Provider;
use crate::upstream::Entra;
use crate::wire::Grant;

/// The one delegated permission needed: it reads the person's own profile and memberships.
const PERMISSION: &str = crate::registration::PROFILE_SCOPE;
/// How a refusal for want of a permission is called.
pub(crate) const DENIED: &str = "access_denied";
/// `checkMemberGroups` takes no more.
const MOST_GROUPS: usize = 20;

/// What to do about a permission that is missing.
pub(crate) const GRANT_IT: &str = "Add the delegated Microsoft Graph permission `User.Read` under App registrations > your app > API \
     permissions and press Grant admin consent there";

/// Graph, and a token for it.
pub(crate) struct Graph<'a> {
    http: &'a reqwest::Client,
    base: &'a Url,
    token: Secret,
}

/// What of the profile is used; null where the directory has nothing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Me {
    pub(crate) job_title: Option<String>,
    pub(crate) office_location: Option<String>,
}

#[derive(Deserialize)]
struct Groups {
    value: Vec<String>,
}

/// Where Graph is for this provider; none where it would not take a token of ours.
pub(crate) fn address<'a>(entra: &Entra, metadata: &'a Metadata) -> Option<&'a Url> {
    // Azure AD B2C has no on-behalf-of flow.
    metadata.graph.as_ref().filter(|_| Provider::of(entra.settings(), metadata) == Provider::Entra)
}

impl<'a> Graph<'a> {
    /// Exchanges the access token issued to us for one to Graph. Missing consent is AADSTS65001.
    pub(crate) async fn on_behalf_of(
        entra: &'a Entra,
        metadata: &Metadata,
        base: &'a Url,
        assertion: &Secret,
    ) -> Result<Self, UpstreamError> {
        let scope = format!("{}/{PERMISSION}", base.as_str().trim_end_matches('/'));
        let tokens = entra.tokens(metadata, Grant::OnBehalfOf(assertion, &scope)).await?;
        Ok(Self { http: entra.http(), base, token: tokens.access })
    }

    pub(crate) async fn me(&self) -> Result<Me, UpstreamError> {
        let mut url = self.url("me");
        url.query_pairs_mut().append_pair("$select", "jobTitle,officeLocation");
        self.ask(self.http.request(Method::GET, url)).await
    }

    /// Whether the person is in one of the groups, directly or by way of another.
    pub(crate) async fn is_in_one_of(&self, groups: &[String]) -> Result<bool, UpstreamError> {
        for some in groups.chunks(MOST_GROUPS) {
            let request = self
                .http
                .request(Method::POST, self.url("me/checkMemberGroups"))
                .header(header::CONTENT_TYPE, "application/json")
                .body(json!({ "groupIds": some }).to_string());
            let found: Groups = self.ask(request).await?;
            if found.value.iter().any(|one| some.iter().any(|asked| asked.eq_ignore_ascii_case(one))) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, UpstreamError> {
        let request = built(request.bearer_auth(self.token.expose_secret()))?;
        let answer = send(self.http, request).await?;
        if answer.status != StatusCode::OK {
            return Err(no(&answer));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| unavailable("Microsoft Graph answered with something that cannot be read"))
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1.0").extend(path.split('/'));
        }
        url
    }
}

fn built(request: reqwest::RequestBuilder) -> Result<reqwest::Request, UpstreamError> {
    request.build().map_err(|_| unavailable("a request to it could not be written"))
}

/// Graph's own no. With a claims challenge (continuous access evaluation) the person has to sign in again.
fn no(answer: &Answer) -> UpstreamError {
    let claims = challenged(&answer.headers);
    let status = answer.status;
    let (what, fixer, hint, effect) = match (&claims, status) {
        (Some(_), _) => (
            "Microsoft Graph wants the person to sign in again.".to_owned(),
            Fixer::Person,
            "Connect again and sign in.".to_owned(),
            Effect::SignIn,
        ),
        (None, StatusCode::FORBIDDEN) => (
            "Microsoft Graph does not let this app read what it needs of the person.".to_owned(),
            Fixer::TenantAdmin,
            format!("{GRANT_IT}, then connect again."),
            Effect::SetUp,
        ),
        // What may be otherwise in a minute is no answer at all, so this is for good.
        (None, _) => {
            let code = code(answer);
            (
                format!("Microsoft Graph refused the request ({status}, {code})."),
                Fixer::Operator,
                format!(
                    "Look up `{code}` among the error codes of Microsoft Graph, mend it, then connect again."
                ),
                Effect::SetUp,
            )
        }
    };
    let error = match (&claims, status) {
        (Some(_), _) => "insufficient_claims",
        (None, StatusCode::FORBIDDEN) => DENIED,
        (None, _) => "invalid_request",
    };
    UpstreamError::Refused(Box::new(Refusal {
        code: None,
        error: error.into(),
        what,
        fixer,
        hint,
        remedies: Vec::new(),
        trace: None,
        effect,
        claims,
        person: None,
    }))
}

/// Graph's `error.code`, which is a word.
fn code(answer: &Answer) -> String {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body["error"]["code"].as_str().unwrap_or_default();
    let word: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
    if word.is_empty() { "no code".to_owned() } else { word }
}

/// `claims` of a challenge, which Graph writes in base64.
fn challenged(headers: &HeaderMap) -> Option<Challenge> {
    let challenge = headers.get(header::WWW_AUTHENTICATE)?.to_str().ok()?;
    let (_, rest) = challenge.split_once("claims=\"")?;
    crate::refusal::claims_of_challenge(rest.split('"').next()?)
}
