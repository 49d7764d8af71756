//! The identity provider as the authorization server sees it. Nothing here says Entra, so a test can stand in for it.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Secret;
use crate::person::{Person, PersonId};
use crate::time::Timestamp;

/// What of one sign-in travels to the identity provider and back. All of it is ours, none of it the client's.
#[derive(Debug)]
pub struct Leg {
    /// Our callback, as the app registration lists it.
    pub redirect_uri: String,
    pub state: String,
    pub nonce: String,
    /// Our PKCE verifier.
    pub verifier: Secret,
}

/// The provider's tokens, kept to be replayed and shown, never handed to a client.
#[derive(Debug, Clone)]
pub struct UpstreamTokens {
    pub refresh_token: Option<Secret>,
    pub access_token: Secret,
    pub access_expires_at: Timestamp,
    pub id_claims: Map<String, Value>,
    pub access_claims: Map<String, Value>,
}

/// A verified sign-in or refresh.
#[derive(Debug)]
pub struct SignedIn {
    pub person: Person,
    /// `iss` of the verified token.
    pub issuer: Option<String>,
    pub tokens: UpstreamTokens,
}

/// What the provider, or our own rules about its answer, refused, ready to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// AADSTS number, if there is one.
    pub code: Option<u32>,
    /// OAuth error code as received, or ours (`access_denied`) for what we refused ourselves.
    pub error: String,
    /// What happened: one sentence.
    pub what: String,
    /// Who can fix it.
    pub fixer: Fixer,
    /// The next step: one sentence.
    pub hint: String,
    /// Where to take that step, or read more.
    pub link: Option<String>,
    /// The provider's own trace id, correlation id and time, for a support request.
    pub trace: Option<String>,
    pub effect: Effect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fixer {
    Person,
    AppOwner,
    TenantAdmin,
    /// Whoever runs this server: its settings, its clock.
    Operator,
    /// Wait, or look at the provider's status.
    Nobody,
}

/// What a refusal means to a running session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Over: disabled, deleted, revoked, expired.
    Ends,
    /// The person must sign in again.
    SignIn,
    /// The set-up is wrong (secret expired, scope missing): nobody can sign in until it is mended, and nobody is
    /// signed out because of it.
    SetUp,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum UpstreamError {
    /// The provider answered, and the answer is no.
    #[error("the identity provider refused: {}", .0.what)]
    Refused(Box<Refusal>),
    /// No usable answer: unreachable, overloaded, broken. Nobody is signed out because of it.
    #[error("the identity provider is not available: {detail}")]
    Unavailable { detail: String, retry_after: Option<Duration> },
}

/// The leg to the identity provider.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// Where to send the browser.
    async fn authorize_url(&self, leg: &Leg) -> Result<String, UpstreamError>;

    /// Exchanges the code and verifies what comes back: signature, issuer, audience, nonce, scopes, who may sign in.
    async fn redeem(&self, code: Secret, leg: &Leg) -> Result<SignedIn, UpstreamError>;

    /// Refreshes and verifies again; `person` is who the session belongs to and must still be.
    async fn refresh(&self, person: &PersonId, tokens: &UpstreamTokens) -> Result<SignedIn, UpstreamError>;

    /// Explains an error the browser brought back (`error`, `error_description` of the callback).
    fn explain(&self, error: &str, description: &str) -> Refusal;
}

#[derive(Serialize, Deserialize)]
struct Wire {
    refresh_token: Option<String>,
    access_token: String,
    access_expires_at: Timestamp,
    id_claims: Map<String, Value>,
    access_claims: Map<String, Value>,
}

impl UpstreamTokens {
    /// Plain JSON, to be sealed at once.
    pub fn to_plain_json(&self) -> zeroize::Zeroizing<Vec<u8>> {
        let wire = Wire {
            refresh_token: self.refresh_token.as_ref().map(|t| t.expose_secret().to_owned()),
            access_token: self.access_token.expose_secret().to_owned(),
            access_expires_at: self.access_expires_at,
            id_claims: self.id_claims.clone(),
            access_claims: self.access_claims.clone(),
        };
        zeroize::Zeroizing::new(serde_json::to_vec(&wire).expect("strings and JSON values serialise"))
    }

    pub fn from_plain_json(bytes: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            refresh_token: wire.refresh_token.map(Secret::from),
            access_token: Secret::from(wire.access_token),
            access_expires_at: wire.access_expires_at,
            id_claims: wire.id_claims,
            access_claims: wire.access_claims,
        })
    }
}
