//! The identity provider as the authorization server sees it. Nothing here says Entra, so a test can stand in for it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;

use crate::Secret;
use crate::caller::Caller;
use crate::check::{Step, Trial};
use crate::person::Person;
use crate::remedy::Remedy;
use crate::scope::ScopeSet;
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
    /// Scopes to ask for beyond those every token must have. Each is one that the settings name.
    pub more: ScopeSet,
    /// Answers a claims challenge of the provider.
    pub claims: Option<String>,
    /// Whether people are asked who they are although the provider knows.
    pub ask_who: bool,
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
    /// Of the scopes asked for beyond the required ones, those that were granted.
    pub more: ScopeSet,
    pub tokens: UpstreamTokens,
}

/// What the provider's directory says about a person beyond the tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    pub job_title: Option<String>,
    pub office_location: Option<String>,
    /// Why these are missing and what to do about it, if they could not be read.
    pub note: Option<String>,
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
    /// What can be done with one press, the first thing first.
    pub remedies: Vec<Remedy>,
    /// The provider's own trace id, correlation id and time, for a support request.
    pub trace: Option<String>,
    pub effect: Effect,
    /// Claims challenge: what the next authorize request has to carry as `claims`.
    #[serde(skip)]
    pub claims: Option<Challenge>,
    /// Whom it was about, where that is known. For the log; a page says it to whoever reads it.
    #[serde(skip)]
    pub person: Option<Box<Person>>,
}

/// A claims challenge of the provider: what the next authorize request has to carry as `claims` (OpenID Connect Core section
/// 5.5), byte for byte. It says what a policy wants of a person, so it does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge(Box<str>);

impl Challenge {
    /// It becomes part of a URL.
    const LONGEST: usize = 1500;

    /// `None` if it is no JSON object of reasonable length.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_object =
            text.len() <= Self::LONGEST && serde_json::from_str::<Map<String, Value>>(text).is_ok();
        is_object.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(..)")
    }
}

impl Refusal {
    /// What happened, with the number people look up: one sentence, the same wherever it is told.
    pub fn sentence(&self) -> String {
        let what = self.what.trim_end_matches('.');
        match self.code {
            Some(code) => format!("{what} (AADSTS{code})."),
            None => format!("{what}."),
        }
    }

    /// What happened and the next step, where there is one text for both.
    pub fn told(&self) -> String {
        format!("{} {}", self.sentence(), self.hint)
    }

    /// Without what is never stored.
    #[must_use]
    pub fn to_keep(&self) -> Box<Self> {
        Box::new(Self { claims: None, person: None, ..self.clone() })
    }

    /// The person cancelled, or declined what the provider asked them for (65004 at Entra): a decision, not a fault.
    pub fn is_the_persons_own_no(&self) -> bool {
        self.error == "access_denied" && matches!(self.code, None | Some(65004))
    }
}

/// Who can mend what was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Fixer {
    /// Whoever signs in.
    Person,
    AppOwner,
    TenantAdmin,
    /// Whoever runs this server: its settings, its clock.
    Operator,
    /// Wait, or look at the provider's status.
    Nobody,
}

impl Fixer {
    pub const ALL: [Self; 5] =
        [Self::Person, Self::AppOwner, Self::TenantAdmin, Self::Operator, Self::Nobody];

    /// Who can mend it: one sentence, the same wherever it is told.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Person => "Whoever signs in can fix this.",
            Self::AppOwner => "The owner of the app registration can fix this.",
            Self::TenantAdmin => "An administrator of the directory can fix this.",
            Self::Operator => "Whoever runs this server can fix this.",
            Self::Nobody => "Nobody has to fix anything; it should pass.",
        }
    }
}

/// What a refusal means to a running session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Over: disabled, deleted, revoked, expired.
    Ends,
    /// Over: our own rules do not let this person in.
    Barred,
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
    Unavailable {
        detail: String,
        retry_after: Option<Duration>,
        /// What is known of the number that it gave, if it gave one (AADSTS90033, 50196).
        refusal: Option<Box<Refusal>>,
    },
}

impl UpstreamError {
    /// See [`Refusal::is_the_persons_own_no`].
    pub fn is_the_persons_own_no(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_the_persons_own_no())
    }

    /// What is known of what went wrong, if the provider said anything that is known.
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) | Self::Unavailable { refusal: Some(refusal), .. } => Some(refusal),
            Self::Unavailable { refusal: None, .. } => None,
        }
    }
}

/// What to do about an outage that nothing more is known of.
pub const WAIT: &str = "Try again in a moment; if it stays, check the internet connection and the proxy of this computer, and the \
     status of the provider.";

/// The leg to the identity provider.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// Where to send the browser.
    async fn authorize_url(&self, leg: &Leg) -> Result<String, UpstreamError>;

    /// Exchanges the code and verifies what comes back: signature, issuer, audience, nonce, scopes, who may sign in.
    async fn redeem(&self, code: Secret, leg: &Leg) -> Result<SignedIn, UpstreamError>;

    /// Judges a code as [`Self::redeem`] does and tells what was found on the way; the tokens are thrown away.
    async fn try_out(&self, code: Secret, leg: &Leg) -> Trial;

    /// Refreshes and verifies again; `person` is who the session belongs to and must still be, as they were known last, `more`
    /// the scopes it has beyond the required ones.
    async fn refresh(
        &self,
        person: &Person,
        tokens: &UpstreamTokens,
        more: &ScopeSet,
    ) -> Result<SignedIn, UpstreamError>;

    /// Asks the directory about the person the tokens belong to. `None` where there is none to ask.
    async fn profile(&self, _tokens: &UpstreamTokens) -> Option<Profile> {
        None
    }

    /// Where a person whose ID token had these claims ends their sign-in at the provider; `back` with `state` is where it sends
    /// them afterwards, if it does. `None` where there is no such page.
    async fn sign_out_url(&self, _id: &Map<String, Value>, _back: &str, _state: &str) -> Option<String> {
        None
    }

    /// Explains an error the browser brought back (`error`, `error_description` of the callback).
    fn explain(&self, error: &str, description: &str) -> UpstreamError;

    /// Where at the provider our redirect URI has to be registered, if that is what was refused.
    fn redirect_platform(&self, _refusal: &Refusal) -> Option<&'static str> {
        None
    }

    /// Which part of the set-up a refusal is about.
    fn step_of(&self, refusal: Refusal) -> Step {
        Step::failed("sign_in", refusal)
    }
}

/// Profiles for whoever tells a person about themselves.
#[async_trait]
pub trait Profiles: Send + Sync + 'static {
    /// Of the person behind a call. `None` where there is no directory to ask.
    async fn of(&self, caller: &Caller) -> Option<Profile>;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_kept_as_it_came_and_is_an_object_of_reasonable_length() {
        let text = r#"{"access_token":{"nbf":{"value":"1", "essential":true}}}"#;
        let challenge = Challenge::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(challenge.as_str(), text);
        assert!(!format!("{challenge:?}").contains("nbf"), "policies are nobody's business");
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(Challenge::LONGEST));
        for not in ["", "null", "[]", "\"{}\"", "{", "{} {}", long.as_str()] {
            assert_eq!(Challenge::parse(not), None, "{not}");
        }
    }
}
