//! The OAuth leg: where the browser goes, and the token requests. What comes back is not trusted here.
//!
//! `resource`, and anything a client of ours said never get in: the parameters are written down below.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use ::http::{StatusCode, header};
use model::access::{Access, Prompt};
use model::scope::ScopeSet;
use model::settings::EntraSettings;
use model::upstream::{Leg, UpstreamError};
use model::{ExposeSecret as _, Secret};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RefreshToken, RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse,
    TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::form_urlencoded::Serializer;

use crate::credential::Proof;
use crate::discovery::Metadata;
use crate::http::{Answer, exchange, unavailable};
use crate::refusal::Refusals;
use crate::rules::Provider;
use crate::scopes;

/// What the token endpoint gave, unverified.
pub(crate) struct Tokens {
    pub(crate) access: Secret,
    pub(crate) id: Option<Secret>,
    pub(crate) refresh: Option<Secret>,
    pub(crate) expires_in: Option<Duration>,
    /// Granted scopes, if the provider says; otherwise those asked for (RFC 6749 section 5.1).
    pub(crate) scope: Option<Vec<String>>,
}

/// One provider, as far as requests go.
#[derive(Clone, Copy)]
pub(crate) struct Wire<'a> {
    pub(crate) settings: &'a EntraSettings,
    pub(crate) metadata: &'a Metadata,
    pub(crate) http: &'a reqwest::Client,
    pub(crate) refusals: Refusals<'a>,
}

/// A token request, whichever credential goes with it.
#[derive(Clone, Copy)]
pub(crate) enum Grant<'a> {
    Code(&'a Secret, &'a Leg),
    /// With the scopes beyond the required ones.
    Refresh(&'a Secret, &'a ScopeSet),
    /// An access token issued to us, and the scope of another API.
    OnBehalfOf(&'a Secret, &'a str),
}

/// RFC 7523 section 2.1, with Microsoft's addition for a middle tier.
const ON_BEHALF_OF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

type OAuth = Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

type Posted = Pin<Box<dyn Future<Output = Result<HttpResponse, Failed>> + Send>>;

/// Why a token request brought no tokens.
#[derive(thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Unavailable(#[from] UpstreamError),
    #[error("an error status")]
    Answered(Answer),
}

type TokenAnswer = StandardTokenResponse<IdTokenField, BasicTokenType>;

/// `id_token` (OpenID Connect Core section 3.1.3.3), kept from printing itself.
#[derive(Default, Deserialize, Serialize)]
struct IdTokenField {
    #[serde(default, skip_serializing)]
    id_token: Option<String>,
}

impl Wire<'_> {
    /// The authorization request. The verifier of `leg` has 43 to 128 characters (RFC 7636 section 4.1), or `oauth2`
    /// panics; it is ours, made from entropy.
    pub(crate) fn authorize_url(self, leg: &Leg, access: &Access) -> Result<String, UpstreamError> {
        let verifier = PkceCodeVerifier::new(leg.verifier.expose_secret().to_owned());
        let oauth = self.oauth();
        let mut request = oauth
            .authorize_url(|| CsrfToken::new(leg.state.clone()))
            .add_scopes(scopes::for_authorize(self.settings, &leg.more).into_iter().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .set_redirect_uri(Cow::Owned(self.redirect_uri(leg)?))
            .add_extra_param("nonce", &leg.nonce);
        let prompt = match access.prompt {
            // Azure AD B2C knows no other.
            Prompt::AsNeeded if leg.ask_who && self.settings.policy().is_some() => Some("login"),
            Prompt::AsNeeded if leg.ask_who => Some("select_account"),
            Prompt::AsNeeded => None,
            Prompt::SelectAccount => Some("select_account"),
            Prompt::Login => Some("login"),
        };
        // Whoever is asked which account they mean may mean another one.
        let login_hint =
            access.login_hint.as_deref().filter(|_| prompt != Some("select_account") && !leg.ask_who);
        let ours = [
            ("prompt", prompt),
            ("login_hint", login_hint),
            ("domain_hint", access.domain_hint.as_deref()),
            ("claims", leg.claims.as_deref()),
        ];
        for (name, value) in ours {
            if let Some(value) = value {
                request = request.add_extra_param(name, value);
            }
        }
        Ok(request.url().0.into())
    }

    /// Asks for tokens; `proof` says who asks.
    pub(crate) async fn tokens(self, grant: Grant<'_>, proof: &Proof) -> Result<Tokens, UpstreamError> {
        match grant {
            Grant::Code(code, leg) => self.redeem(code, leg, proof).await,
            Grant::Refresh(refresh_token, more) => self.refresh(refresh_token, more, proof).await,
            Grant::OnBehalfOf(assertion, scope) => self.on_behalf_of(assertion, scope, proof).await,
        }
    }

    /// Redeems a code. Entra wants the scopes again, or answers AADSTS900144 or 70011.
    async fn redeem(self, code: &Secret, leg: &Leg, proof: &Proof) -> Result<Tokens, UpstreamError> {
        let (oauth, redirect_uri) = (self.oauth(), self.redirect_uri(leg)?);
        let post = transport(self.http);
        let mut request = oauth
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(leg.verifier.expose_secret().to_owned()))
            .set_redirect_uri(Cow::Owned(redirect_uri))
            .add_extra_param("scope", scopes::for_tokens(self.settings, &leg.more).join(" "));
        for (name, value) in proof.params() {
            request = request.add_extra_param(name, value);
        }
        Tokens::of(request.request_async(&post).await, self.refusals)
    }

    /// Entra wants the scopes again (AADSTS90009). Other servers refuse one they left out before, such as `offline_access`, and
    /// take silence for the same as ever (RFC 6749 section 6), `more` with them.
    async fn refresh(
        self,
        refresh_token: &Secret,
        more: &ScopeSet,
        proof: &Proof,
    ) -> Result<Tokens, UpstreamError> {
        let (oauth, token) = (self.oauth(), RefreshToken::new(refresh_token.expose_secret().to_owned()));
        let post = transport(self.http);
        let mut request = oauth.exchange_refresh_token(&token);
        if matches!(Provider::of(self.settings, self.metadata), Provider::Entra | Provider::B2c) {
            request = request.add_scopes(scopes::for_tokens(self.settings, more).into_iter().map(Scope::new));
        }
        for (name, value) in proof.params() {
            request = request.add_extra_param(name, value);
        }
        Tokens::of(request.request_async(&post).await, self.refusals)
    }

    /// A token for another API, for the person the assertion is of. `oauth2` knows no such grant.
    async fn on_behalf_of(
        self,
        assertion: &Secret,
        scope: &str,
        proof: &Proof,
    ) -> Result<Tokens, UpstreamError> {
        let form = [
            ("grant_type", ON_BEHALF_OF),
            ("client_id", self.settings.client_id.as_str()),
            ("assertion", assertion.expose_secret()),
            ("scope", scope),
            ("requested_token_use", "on_behalf_of"),
        ];
        let body = Serializer::new(String::new()).extend_pairs(form).extend_pairs(proof.params()).finish();
        let request = self
            .http
            .post(self.metadata.token_endpoint.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
            .build()
            .map_err(|_| unavailable("its token endpoint is no URL"))?;
        let answer = exchange(self.http, request).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusals.of_answer(&answer));
        }
        serde_json::from_slice::<TokenAnswer>(&answer.body).map(Tokens::from).map_err(|_| no_tokens())
    }

    /// Without a secret of its own, which would keep `client_id` out of the body: what proves the app is added to each
    /// request.
    fn oauth(self) -> OAuth {
        Client::new(ClientId::new(self.settings.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(self.metadata.authorization_endpoint.clone()))
            .set_token_uri(TokenUrl::from_url(self.metadata.token_endpoint.clone()))
            .set_auth_type(AuthType::RequestBody)
    }

    fn redirect_uri(self, leg: &Leg) -> Result<RedirectUrl, UpstreamError> {
        RedirectUrl::new(leg.redirect_uri.clone()).map_err(|_| {
            self.refusals.of_settings(
                "The redirect URI of this server is not a URL.".into(),
                "Check public URL and callback path in the settings.",
            )
        })
    }
}

/// What `oauth2` sends requests through. Only a 200 goes on to be read as tokens; every other answer is kept whole,
/// because what it means is in its status and headers too.
fn transport(http: &reqwest::Client) -> impl Fn(HttpRequest) -> Posted {
    let http = http.clone();
    move |request| {
        let http = http.clone();
        Box::pin(async move {
            let request = reqwest::Request::try_from(request)
                .map_err(|_| unavailable("its token endpoint is no URL"))?;
            let answer = exchange(&http, request).await?;
            if answer.status != StatusCode::OK {
                return Err(Failed::Answered(answer));
            }
            let mut response = HttpResponse::new(answer.body);
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}

impl Tokens {
    fn of(
        answer: Result<TokenAnswer, RequestTokenError<Failed, BasicErrorResponse>>,
        refusals: Refusals<'_>,
    ) -> Result<Self, UpstreamError> {
        let answer = answer.map_err(|error| match error {
            RequestTokenError::Request(Failed::Unavailable(error)) => error,
            RequestTokenError::Request(Failed::Answered(answer)) => refusals.of_answer(&answer),
            // These carry the body, which may hold tokens: not a word of it.
            RequestTokenError::ServerResponse(_)
            | RequestTokenError::Parse(..)
            | RequestTokenError::Other(_) => no_tokens(),
        })?;
        Ok(Self::from(answer))
    }
}

fn no_tokens() -> UpstreamError {
    unavailable("it answered a token request with something that is no token answer")
}

impl From<TokenAnswer> for Tokens {
    fn from(answer: TokenAnswer) -> Self {
        let id = answer.extra_fields().id_token.clone().map(Secret::from);
        Self {
            access: Secret::from(answer.access_token().secret().clone()),
            id,
            refresh: answer.refresh_token().map(|token| Secret::from(token.secret().clone())),
            expires_in: answer.expires_in(),
            scope: answer.scopes().map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect()),
        }
    }
}

impl fmt::Debug for IdTokenField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokenField").finish_non_exhaustive()
    }
}

/// The body of an answer is nobody's business.
impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ExtraTokenFields for IdTokenField {}
