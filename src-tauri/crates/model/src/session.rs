//! A client connected as a person: the result of a grant, and the family its refresh tokens belong to.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{AttemptId, ClientId, SessionId, TokenHash};
use crate::keys::Sealed;
use crate::origin::Site;
use crate::person::{Person, PersonId};
use crate::scope::ScopeSet;
use crate::time::Timestamp;
use crate::upstream::{Effect, Refusal};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub attempt: AttemptId,
    pub client: ClientId,
    pub client_name: Option<String>,
    pub person: Person,
    pub scope: ScopeSet,
    /// Audience of its access tokens.
    pub resource: String,
    pub site: Site,
    pub created_at: Timestamp,
    /// Last token issued or refreshed.
    pub refreshed_at: Timestamp,
    /// Last call seen; written back now and then, not on every call.
    pub active_at: Timestamp,
    pub calls: u64,
    pub state: SessionState,
    /// Why the last refresh came to nothing, until one succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<RefreshTrouble>,
    /// [`crate::upstream::UpstreamTokens`] as JSON, sealed; gone when the session ends.
    pub upstream: Option<Sealed>,
    pub upstream_issuer: Option<String>,
    /// The provider's own session that this one came of, where its ID token names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_session: Option<UpstreamSession>,
    /// What the provider wants of the person on top ([`crate::upstream::Challenge`]), sealed, since it refused a refresh for the
    /// want of it; gone with the person's next sign-in by the same client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Sealed>,
}

/// A session at the identity provider, by `iss` and `sid` of its ID token (OpenID Connect Front-Channel Logout 1.0 section 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamSession {
    issuer: String,
    /// Of the `sid`: whoever knows that one can end what came of it.
    sid: TokenHash,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum SessionState {
    Live,
    Ended { at: Timestamp, why: Ended },
}

/// A refresh that came to nothing without ending the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshTrouble {
    pub at: Timestamp,
    /// One sentence.
    pub detail: String,
    /// What the identity provider refused, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Box<Refusal>>,
}

/// Why a session ended. Shown to people and told to the client in `error_description`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Ended {
    /// The client revoked its token (RFC 7009).
    RevokedByClient,
    /// Somebody ended it in the window or the console.
    RevokedByOwner,
    /// The person ended it, on the page of their own sessions.
    RevokedByPerson,
    /// The person signed out at the identity provider.
    SignedOutUpstream,
    /// The authorization code was presented a second time.
    CodeReplayed,
    /// A refresh token was used again after its grace.
    RefreshReused,
    /// The identity provider said no.
    UpstreamRefused { refusal: Box<Refusal> },
    /// The person no longer fits the rules about who may sign in.
    NotAllowed { refusal: Box<Refusal> },
    /// The identity provider wants the person at the keyboard (MFA, conditional access, sign-in frequency).
    SignInNeeded { refusal: Box<Refusal> },
    /// Not refreshed for longer than a refresh token lives.
    Expired,
}

/// A refresh token as stored: its hash, and, once used, for a moment the sealed answer an honest retry gets again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshToken {
    pub hash: TokenHash,
    pub session: SessionId,
    pub issued_at: Timestamp,
    pub used: Option<RefreshUse>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshUse {
    pub at: Timestamp,
    /// The token answer as JSON, sealed under the row of the used token. `None` once [`RefreshToken::GRACE`] is over
    /// or the session ended: then nobody is answered with it again, and it would only be something to steal.
    pub answer: Option<Sealed>,
}

impl UpstreamSession {
    /// `None` where the provider does not name its sessions; Entra does if the registration asks for the claim `sid`.
    pub fn of(id_claims: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| id_claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(Self { issuer: text("iss")?.to_owned(), sid: TokenHash::of(text("sid")?) })
    }

    /// Hash of the `sid`, by which it is looked for.
    pub const fn sid(&self) -> &TokenHash {
        &self.sid
    }

    /// Who names an issuer has to name the right one.
    pub fn is_of(&self, issuer: Option<&str>) -> bool {
        issuer.is_none_or(|issuer| issuer == self.issuer)
    }
}

impl Session {
    /// A session not refreshed for this long is over. Entra's own refresh tokens live 90 days.
    pub const IDLE_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);

    pub const fn is_live(&self) -> bool {
        matches!(self.state, SessionState::Live)
    }

    /// When it ended, if it keeps a challenge for `person`. Of several, the one that ended last counts.
    pub fn challenged_at(&self, person: &PersonId) -> Option<Timestamp> {
        match self.state {
            SessionState::Ended { at, .. } if self.challenge.is_some() && self.person.id == *person => {
                Some(at)
            }
            _ => None,
        }
    }

    pub fn expires_at(&self) -> Timestamp {
        self.refreshed_at.plus(Self::IDLE_LIFETIME)
    }
}

impl RefreshToken {
    /// How long a used token still answers with the same tokens: lost responses, parallel refreshes.
    pub const GRACE: Duration = Duration::from_secs(60);

    pub const fn fresh(hash: TokenHash, session: SessionId, now: Timestamp) -> Self {
        Self { hash, session, issued_at: now, used: None }
    }
}

impl Ended {
    /// What a refused refresh makes of the session; `None` where it goes on.
    pub fn by(refusal: &Refusal) -> Option<Self> {
        let kept = refusal.to_keep();
        match refusal.effect {
            Effect::Ends => Some(Self::UpstreamRefused { refusal: kept }),
            Effect::Barred => Some(Self::NotAllowed { refusal: kept }),
            Effect::SignIn => Some(Self::SignInNeeded { refusal: kept }),
            Effect::SetUp => None,
        }
    }

    /// What was refused, where that is why.
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::UpstreamRefused { refusal }
            | Self::NotAllowed { refusal }
            | Self::SignInNeeded { refusal } => Some(refusal),
            Self::RevokedByClient
            | Self::RevokedByOwner
            | Self::RevokedByPerson
            | Self::SignedOutUpstream
            | Self::CodeReplayed
            | Self::RefreshReused
            | Self::Expired => None,
        }
    }

    /// One sentence for a person: what happened and what to do next.
    pub fn explain(&self) -> String {
        match self {
            Self::RevokedByClient => "the client signed out; connect again to sign in".into(),
            Self::RevokedByOwner => {
                "the owner of this server ended the session; connect again to sign in".into()
            }
            Self::RevokedByPerson => "the person ended the session; connect again to sign in".into(),
            Self::SignedOutUpstream => "the person signed out at Microsoft; connect again to sign in".into(),
            Self::CodeReplayed => {
                "an authorization code was used twice, which can mean it was stolen; connect again to sign in"
                    .into()
            }
            Self::RefreshReused => {
                "a refresh token was used again, which can mean it was stolen; connect again to sign in"
                    .into()
            }
            Self::UpstreamRefused { refusal }
            | Self::NotAllowed { refusal }
            | Self::SignInNeeded { refusal } => refusal.told(),
            Self::Expired => "the session was not used for 90 days; connect again to sign in".into(),
        }
    }
}
