//! [`Entra`]: the parts put together behind [`Upstream`].
//!
//! Order matters in one place: nothing is believed before its signature is checked, and nobody is a person before
//! every rule is met.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::access::Access;
use model::check::{Step, Trial};
use model::person::Person;
use model::ports::{Clock, Entropy};
use model::scope::ScopeSet;
use model::settings::{Credential, EntraSettings};
use model::time::Timestamp;
use model::upstream::{Leg, Profile, Refusal, SignedIn, Upstream, UpstreamError, UpstreamTokens};
use model::{ExposeSecret as _, Secret};
use url::Url;

use crate::access::Door;
use crate::check;
use crate::credential::{Credentials, Making, is_about_the_credential};
use crate::discovery::{Discovery, Layout, Metadata};
use crate::fault::{Barred, Fault, Trouble, Which};
use crate::http::unavailable;
use crate::identity::ManagedIdentity;
use crate::keys::{Keys, Source};
use crate::person::{customer, is_still_guest, person, roles};
use crate::refusal::Refusals;
use crate::rules::{Claims, Provider, Rules, agree, granted, seconds, text};
use crate::wire::{Grant, Tokens, Wire};
use crate::{profile, scopes};

/// How long an access token lives if nobody says.
const USUAL_LIFETIME: Duration = Duration::from_secs(3600);

/// Microsoft Entra ID, or the OpenID Connect server that the settings name.
///
/// A server without an API of ours is one with an empty `identifier_uri`: scopes go out as they are, the access
/// token may be opaque, and the ID token alone says who signed in.
pub struct Entra {
    settings: EntraSettings,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    discovery: Discovery,
    keys: Keys,
    access: Access,
    credentials: Credentials,
}

/// What is known of a sign-in before the answer is read.
#[derive(Clone, Copy)]
enum Before<'a> {
    /// A code was redeemed; the ID token must carry this nonce.
    Nonce(&'a str),
    /// Tokens were refreshed; what they do not bring stays as it was.
    Tokens(&'a UpstreamTokens, &'a Person),
}

/// What the tokens say, once every rule is met.
struct Verified {
    person: Person,
    id: Claims,
    /// Whether the ID token is that of an earlier sign-in or refresh.
    is_old: bool,
    /// Empty if the access token is opaque, or not the provider's.
    access: Claims,
}

impl Entra {
    /// `http` comes from [`http_client_for`](crate::http_client_for): time limits and no redirects are relied upon.
    pub fn new(
        settings: EntraSettings,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let credentials = Credentials::new(settings.credential.clone());
        let (discovery, keys) = (Discovery::new(), Keys::new());
        let access = Access::default();
        Self { settings, http, clock, entropy, discovery, keys, access, credentials }
    }

    /// Lets in only whom these rules let in, and asks them as these rules say.
    #[must_use]
    pub fn admitting(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Another that knows the same and nothing yet of what this one found out, and lets in whom these rules let in.
    #[must_use]
    pub fn anew(&self, access: Access) -> Self {
        let Self { settings, http, clock, entropy, .. } = self;
        Self::new(settings.clone(), http.clone(), clock.clone(), entropy.clone()).admitting(access)
    }

    /// Asks for the token of the managed identity at `address` instead of Azure's own. For tests.
    #[must_use]
    pub fn with_identity_endpoint(mut self, address: Url) -> Self {
        self.credentials.identity = ManagedIdentity::at(address);
        self
    }

    /// Whether the first secret or certificate was refused and another one works.
    pub fn has_fallen_back(&self) -> bool {
        self.credentials.first() != 0
    }

    pub(crate) const fn settings(&self) -> &EntraSettings {
        &self.settings
    }

    pub(crate) fn refusals(&self) -> Refusals<'_> {
        let authority = self.settings.authority.host_str().unwrap_or_default();
        Refusals { client_id: &self.settings.client_id, authority }
    }

    pub(crate) async fn metadata(&self) -> Result<Arc<Metadata>, UpstreamError> {
        self.discovery.metadata(&self.settings, &self.http, &*self.clock, self.refusals()).await
    }

    pub(crate) fn wire<'a>(&'a self, metadata: &'a Metadata) -> Wire<'a> {
        Wire { settings: &self.settings, metadata, http: &self.http, refusals: self.refusals() }
    }

    fn source<'a>(&'a self, metadata: &'a Metadata) -> Source<'a> {
        let rs256_only = matches!(Provider::of(&self.settings, metadata), Provider::Entra | Provider::B2c);
        Source { jwks_uri: &metadata.jwks_uri, http: &self.http, clock: &*self.clock, rs256_only }
    }

    /// Whether groups decide who may come in while Graph cannot be asked for those that a token does not list, for want of a
    /// credential. Where there is no Graph to ask, a credential would not help.
    pub(crate) fn needs_groups_in_tokens(&self, metadata: &Metadata) -> bool {
        !self.access.groups.is_empty()
            && matches!(self.settings.credential, Credential::None)
            && Provider::of(&self.settings, metadata) == Provider::Entra
    }

    pub(crate) const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) const fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Tokens for `grant`, by one credential after the other until one is not refused.
    pub(crate) async fn tokens(
        &self,
        metadata: &Metadata,
        grant: Grant<'_>,
    ) -> Result<Tokens, UpstreamError> {
        let mut refused = None;
        for which in self.credentials.order() {
            let answer = self.tokens_by(which, metadata, grant).await;
            match answer {
                Err(UpstreamError::Refused(refusal)) if is_about_the_credential(&refusal) => {
                    refused.get_or_insert(refusal);
                }
                // It says nothing about the credential.
                Err(UpstreamError::Unavailable { .. }) => return answer,
                _ => {
                    self.credentials.worked(which);
                    return answer;
                }
            }
        }
        Err(refused.map_or_else(|| unavailable("the app has no credential"), UpstreamError::Refused))
    }

    /// By one credential only.
    pub(crate) async fn tokens_by(
        &self,
        which: usize,
        metadata: &Metadata,
        grant: Grant<'_>,
    ) -> Result<Tokens, UpstreamError> {
        let making = Making {
            client_id: &self.settings.client_id,
            token_endpoint: metadata.token_endpoint.as_str(),
            clock: &*self.clock,
            entropy: &*self.entropy,
            refusals: self.refusals(),
        };
        let proof = self.credentials.proof(which, making).await?;
        self.wire(metadata).tokens(grant, &proof).await
    }

    pub(crate) async fn prepare(&self, metadata: &Metadata) -> Result<(), UpstreamError> {
        self.keys.prepare(self.source(metadata)).await
    }

    pub(crate) fn rules<'a>(&'a self, metadata: &'a Metadata) -> Rules<'a> {
        Rules { settings: &self.settings, metadata, now: self.clock.now() }
    }

    /// Whether the provider signed the token; nothing else about it.
    pub(crate) async fn signed(&self, metadata: &Metadata, token: &str, which: Which) -> Result<(), Trouble> {
        self.signed_claims(metadata, token, which).await.map(drop)
    }

    /// What a token says that the provider signed; nothing of it is judged.
    pub(crate) async fn signed_claims(
        &self,
        metadata: &Metadata,
        token: &str,
        which: Which,
    ) -> Result<Claims, Trouble> {
        self.keys.claims(token, which, self.source(metadata)).await
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    async fn accept(
        &self,
        metadata: &Metadata,
        tokens: Tokens,
        before: Before<'_>,
        more: &ScopeSet,
    ) -> Result<SignedIn, UpstreamError> {
        let verified = self.verify(metadata, &tokens, before).await.map_err(|trouble| self.told(trouble))?;
        let person = verified.person.clone();
        self.admit(metadata, &verified, &tokens.access).await.map_err(|trouble| {
            match self.told(trouble) {
                UpstreamError::Refused(refusal) => UpstreamError::Refused(Box::new(Refusal {
                    person: Some(Box::new(person.clone())),
                    ..*refusal
                })),
                error @ UpstreamError::Unavailable { .. } => error,
            }
        })?;
        let issuer = text(&verified.access, "iss").or_else(|| text(&verified.id, "iss")).map(str::to_owned);
        let more = self.granted(metadata, more, &verified, &tokens);
        Ok(SignedIn { person, issuer, more, tokens: self.to_keep(tokens, verified, before) })
    }

    /// A code can be spent once, so what its answer needs is fetched before.
    async fn spend(&self, code: Secret, leg: &Leg) -> Result<(Arc<Metadata>, Tokens), UpstreamError> {
        let metadata = self.metadata().await?;
        self.keys.prepare(self.source(&metadata)).await?;
        let tokens = self.tokens(&metadata, Grant::Code(&code, leg)).await?;
        Ok((metadata, tokens))
    }

    /// A sign-in judged like any other, with what its access token has.
    async fn tried(&self, code: Secret, leg: &Leg, steps: &mut Vec<Step>) -> Result<Person, UpstreamError> {
        let (metadata, tokens) = self.spend(code, leg).await?;
        steps.push(check::passed("consent", "the consent to this app's permissions is there".to_owned()));
        if metadata.layout == Layout::Entra {
            steps.push(check::passed("platform", "the redirect URI is on the right platform".to_owned()));
        }
        // Without an API of ours, the access token is not ours to read.
        if Provider::of(&self.settings, &metadata) != Provider::SignInOnly {
            steps.push(check::passed("api", "the API is there".to_owned()));
            let token = tokens.access.expose_secret();
            if let Ok(claims) = self.signed_claims(&metadata, token, Which::Access).await {
                steps.extend(self.compare(&claims).await);
            }
        }
        let signed_in = self.accept(&metadata, tokens, Before::Nonce(&leg.nonce), &leg.more).await?;
        Ok(signed_in.person)
    }

    /// What the verdict adds to what was found.
    fn conclude(&self, verdict: &Result<Person, UpstreamError>, steps: &mut Vec<Step>) {
        match verdict {
            Ok(_) => steps.push(check::passed("sign_in", "whoever signed in may come in".to_owned())),
            // One of the steps may have said so already.
            Err(UpstreamError::Refused(refusal)) if steps.iter().any(|step| step.what == refusal.what) => {}
            Err(UpstreamError::Refused(refusal)) => steps.push(self.step_of((**refusal).clone())),
            Err(error) => steps.push(check::told("sign_in", error.clone())),
        }
    }

    /// Whether who signed in may come in.
    async fn admit(&self, metadata: &Metadata, verified: &Verified, token: &Secret) -> Result<(), Trouble> {
        let Verified { person, id, access: claims, is_old } = verified;
        let door = Door { access: &self.access, entra: self, metadata, person, id, claims };
        if !is_old || !self.access.has_lists() {
            return door.admit(token).await;
        }
        // What the old ID token said may not be so any more: only what came just now lets anybody in.
        let none = Claims::new();
        let door = Door { id: &none, ..door };
        door.admit(token).await.map_err(|trouble| match trouble {
            // Why the groups cannot be asked is told as it is: a set-up fault ends no session.
            Trouble::Fault(Fault::Barred(
                Barred::NotListed { .. } | Barred::GroupsUntold | Barred::GroupsUnaskable,
            )) => Fault::OldIdToken.into(),
            trouble => trouble,
        })
    }

    fn granted(
        &self,
        metadata: &Metadata,
        more: &ScopeSet,
        verified: &Verified,
        tokens: &Tokens,
    ) -> ScopeSet {
        match (Provider::of(&self.settings, metadata), &tokens.scope) {
            // Silence means all that was asked for (RFC 6749 section 5.1).
            (Provider::SignInOnly, None) => more.clone(),
            (Provider::SignInOnly, Some(granted)) => {
                scopes::among(&self.settings, more, &granted.iter().map(String::as_str).collect::<Vec<_>>())
            }
            _ => scopes::among(&self.settings, more, &granted(&verified.access)),
        }
    }

    async fn verify(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        before: Before<'_>,
    ) -> Result<Verified, Trouble> {
        let provider = Provider::of(&self.settings, metadata);
        let source = self.source(metadata);
        let rules = self.rules(metadata);
        let id = self.verify_id(rules, source, tokens, before).await?;
        let is_old = tokens.id.is_none();
        let token = tokens.access.expose_secret();
        if provider == Provider::SignInOnly {
            rules.check_answered(tokens.scope.as_deref())?;
            // Shown if it happens to be readable, and never asked anything.
            let access = self.keys.claims_at_hand(token, source).await;
            let access = access.filter(|claims| rules.check_origin(claims, Which::Access).is_ok());
            let person = who(rules, &id, &Claims::new())?;
            return Ok(Verified { person, id, is_old, access: access.unwrap_or_default() });
        }
        let access = self.keys.claims(token, Which::Access, source).await?;
        rules.check_access(&access)?;
        agree(&id, &access)?;
        let mut person = who(rules, &id, &access)?;
        if let (true, Before::Tokens(_, was)) = (is_old, before) {
            person.guest = is_still_guest(&access, was.guest, &metadata.issuer);
        }
        // What the old ID token said of roles may not be so any more.
        if is_old {
            person.roles = roles(&access).unwrap_or_default();
            if !rules.counts_roles_of(&person.id.tenant) {
                person.roles.clear();
            }
        }
        Ok(Verified { person, id, is_old, access })
    }

    async fn verify_id(
        &self,
        rules: Rules<'_>,
        source: Source<'_>,
        tokens: &Tokens,
        before: Before<'_>,
    ) -> Result<Claims, Trouble> {
        match (&tokens.id, before) {
            (Some(token), before) => {
                let claims = self.keys.claims(token.expose_secret(), Which::Id, source).await?;
                let nonce = match before {
                    Before::Nonce(nonce) => Some(nonce),
                    Before::Tokens(..) => None,
                };
                rules.check_id(&claims, nonce)?;
                Ok(claims)
            }
            // OpenID Connect Core section 12.2: a refresh may come without one.
            (None, Before::Tokens(old, _)) if !old.id_claims.is_empty() => {
                rules.check_tenant(&old.id_claims)?;
                Ok(old.id_claims.clone())
            }
            (None, _) => Err(Fault::NoIdToken.into()),
        }
    }

    fn to_keep(&self, tokens: Tokens, verified: Verified, before: Before<'_>) -> UpstreamTokens {
        let now = self.clock.now();
        let refresh_token = match before {
            // RFC 6749 section 6: no new one means the old one stays good.
            Before::Tokens(old, _) => tokens.refresh.or_else(|| old.refresh_token.clone()),
            Before::Nonce(_) => tokens.refresh,
        };
        let access_expires_at = seconds(&verified.access, "exp")
            .map_or_else(|| now.plus(tokens.expires_in.unwrap_or(USUAL_LIFETIME)), Timestamp::from_secs);
        UpstreamTokens {
            refresh_token,
            access_token: tokens.access,
            access_expires_at,
            id_claims: verified.id,
            access_claims: verified.access,
        }
    }

    fn told(&self, trouble: Trouble) -> UpstreamError {
        match trouble {
            Trouble::Upstream(error) => error,
            Trouble::Fault(fault) => {
                tracing::warn!(upstream.fault = fault.name(), "refused what the identity provider sent");
                self.refusals().of_fault(&fault)
            }
        }
    }
}

/// The person that verified tokens speak of, with the app roles that count.
fn who(rules: Rules<'_>, id: &Claims, access: &Claims) -> Result<Person, Fault> {
    let issuer = &rules.metadata.issuer;
    let mut person = match rules.settings.policy() {
        Some(_) => customer(id, access, issuer).ok_or(Fault::NoCustomer)?,
        None => person(id, access, issuer).ok_or(Fault::Missing(Which::Id, "sub"))?,
    };
    if !rules.counts_roles_of(&person.id.tenant) {
        person.roles.clear();
    }
    Ok(person)
}

#[async_trait]
impl Upstream for Entra {
    async fn authorize_url(&self, leg: &Leg) -> Result<String, UpstreamError> {
        let metadata = self.metadata().await?;
        self.wire(&metadata).authorize_url(leg, &self.access)
    }

    async fn redeem(&self, code: Secret, leg: &Leg) -> Result<SignedIn, UpstreamError> {
        let (metadata, tokens) = self.spend(code, leg).await?;
        self.accept(&metadata, tokens, Before::Nonce(&leg.nonce), &leg.more).await
    }

    async fn try_out(&self, code: Secret, leg: &Leg) -> Trial {
        let mut steps = Vec::new();
        let verdict = self.tried(code, leg, &mut steps).await;
        self.conclude(&verdict, &mut steps);
        Trial { verdict, steps }
    }

    async fn refresh(
        &self,
        person: &Person,
        tokens: &UpstreamTokens,
        more: &ScopeSet,
    ) -> Result<SignedIn, UpstreamError> {
        let Some(refresh_token) = &tokens.refresh_token else {
            return Err(self.told(Fault::NoRefreshToken.into()));
        };
        let metadata = self.metadata().await?;
        self.keys.prepare(self.source(&metadata)).await?;
        let fresh = self.tokens(&metadata, Grant::Refresh(refresh_token, more)).await?;
        let signed_in = self.accept(&metadata, fresh, Before::Tokens(tokens, person), more).await?;
        if signed_in.person.id != person.id {
            return Err(self.told(Fault::AnotherPerson.into()));
        }
        Ok(signed_in)
    }

    async fn profile(&self, tokens: &UpstreamTokens) -> Option<Profile> {
        let metadata = self.metadata().await.ok()?;
        profile::ask(self, &metadata, tokens).await
    }

    async fn sign_out_url(&self, id: &Claims, back: &str, state: &str) -> Option<String> {
        let metadata = self.metadata().await.ok()?;
        let mut url = metadata.end_session_endpoint.clone()?;
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", &self.settings.client_id);
        // Entra takes any registered redirect URI; elsewhere such addresses are registered apart, and others are an error.
        if metadata.layout == Layout::Entra {
            query.append_pair("post_logout_redirect_uri", back).append_pair("state", state);
        }
        // At Entra an opaque value, where the registration asks for it; elsewhere it may be a user name, which has no place in an address.
        let is_opaque = |hint: &&str| !hint.contains('@');
        if metadata.layout == Layout::Entra
            && self.settings.policy().is_none()
            && let Some(hint) = text(id, "login_hint").filter(is_opaque)
        {
            query.append_pair("logout_hint", hint);
        }
        drop(query);
        Some(url.into())
    }

    fn explain(&self, error: &str, description: &str) -> UpstreamError {
        self.refusals().of_callback(error, description)
    }

    fn redirect_platform(&self, refusal: &Refusal) -> Option<&'static str> {
        // Not registered, none registered at all, or registered as that of a page in the browser.
        match (refusal.code?, &self.settings.credential) {
            (50_011 | 500_113 | 9_002_327, Credential::None) => Some("Mobile and desktop applications"),
            (50_011 | 500_113 | 9_002_327, _) => Some("Web"),
            _ => None,
        }
    }

    fn step_of(&self, refusal: Refusal) -> Step {
        check::refused(refusal)
    }
}
