//! The auth log: everything that happens on the way to a connected client, told to the owner of the machine.
//!
//! Events carry people's names and are never written to the process log.

use serde::{Deserialize, Serialize};

use crate::client::ClientKind;
use crate::ids::{AttemptId, ClientId, GrantId, SessionId};
use crate::origin::Origin;
use crate::person::Person;
use crate::session::Ended;
use crate::time::Timestamp;
use crate::upstream::{Refusal, UpstreamError};

/// One step of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthEvent {
    /// Position in the log, given by the store; 0 before.
    #[serde(default)]
    pub seq: i64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub about: About,
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What an event belongs to, as far as it is known at that step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// `User-Agent` of the request, cut to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// What happened. Stored by name; a new kind never changes an old row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventKind {
    /// A well-known document was read.
    MetadataRead {
        document: String,
    },
    /// `/mcp` answered 401 and said where to sign in.
    Challenged {
        reason: String,
    },
    ClientRegistered {
        kind: ClientKind,
        destinations: Vec<String>,
    },
    RegistrationRefused {
        error: String,
        reason: String,
    },
    AuthorizeStarted {
        scope: String,
    },
    AuthorizeRefused {
        error: String,
        reason: String,
    },
    ConsentShown,
    /// The page asks for the code that the owner of this server sees.
    PairingAsked,
    /// A wrong code was typed; so many more may be.
    PairingFailed {
        left: u8,
    },
    /// A remembered approval answered instead of the page.
    ConsentRemembered,
    ConsentApproved {
        remembered: bool,
    },
    ConsentDeclined,
    ConsentRefused {
        reason: String,
    },
    SentToUpstream,
    UpstreamRefused {
        refusal: Refusal,
    },
    UpstreamUnavailable {
        detail: String,
        /// What is known of the number that it gave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refusal: Option<Box<Refusal>>,
    },
    /// The person cancelled on a page of the provider, or declined what it asked them for.
    SignInCancelled,
    /// The person is known and may come in; the client gets its code.
    SignedIn,
    CallbackRefused {
        reason: String,
    },
    TokenIssued,
    TokenRefused {
        error: String,
        reason: String,
    },
    /// A code came a second time; what it had bought is revoked.
    CodeReplayed,
    /// The first call with an access token of this session.
    FirstCall,
    /// A client that was told where to sign in went on with a token that it has.
    WentOn,
    Refreshed,
    /// A used refresh token came again within its grace and got the same answer.
    RefreshRepeated,
    SessionEnded {
        ended: Ended,
    },
    /// The owner of this server tries out how a sign-in goes; no client is behind it.
    TestSignInStarted,
    TestSignInPassed,
    /// By the person, or because another one began.
    TestSignInCancelled,
    /// Somebody sees which sessions are theirs.
    OwnSessionsOpened,
    /// They signed out of that page.
    OwnSessionsClosed,
}

/// The ten steps of an attempt, as a person follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Discovery,
    Challenge,
    Registration,
    Authorize,
    Consent,
    Upstream,
    Callback,
    Token,
    FirstCall,
    Refresh,
}

impl EventKind {
    /// What the identity provider refused or did not answer, as the log has it.
    pub fn of_upstream(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::Refused(refusal) => Self::UpstreamRefused { refusal: (**refusal).clone() },
            UpstreamError::Unavailable { detail, refusal, .. } => {
                Self::UpstreamUnavailable { detail: detail.clone(), refusal: refusal.clone() }
            }
        }
    }

    pub const fn step(&self) -> Step {
        match self {
            Self::MetadataRead { .. } => Step::Discovery,
            Self::Challenged { .. } => Step::Challenge,
            Self::ClientRegistered { .. } | Self::RegistrationRefused { .. } => Step::Registration,
            Self::AuthorizeStarted { .. } | Self::AuthorizeRefused { .. } | Self::TestSignInStarted => {
                Step::Authorize
            }
            Self::ConsentShown
            | Self::PairingAsked
            | Self::PairingFailed { .. }
            | Self::ConsentRemembered
            | Self::ConsentApproved { .. }
            | Self::ConsentDeclined
            | Self::ConsentRefused { .. } => Step::Consent,
            Self::SentToUpstream | Self::UpstreamRefused { .. } | Self::UpstreamUnavailable { .. } => {
                Step::Upstream
            }
            Self::SignedIn
            | Self::SignInCancelled
            | Self::CallbackRefused { .. }
            | Self::TestSignInPassed
            | Self::TestSignInCancelled
            | Self::OwnSessionsOpened
            | Self::OwnSessionsClosed => Step::Callback,
            Self::TokenIssued | Self::TokenRefused { .. } | Self::CodeReplayed => Step::Token,
            Self::FirstCall | Self::WentOn => Step::FirstCall,
            Self::Refreshed | Self::RefreshRepeated | Self::SessionEnded { .. } => Step::Refresh,
        }
    }

    /// The name it is stored under.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MetadataRead { .. } => "metadata_read",
            Self::Challenged { .. } => "challenged",
            Self::ClientRegistered { .. } => "client_registered",
            Self::RegistrationRefused { .. } => "registration_refused",
            Self::AuthorizeStarted { .. } => "authorize_started",
            Self::AuthorizeRefused { .. } => "authorize_refused",
            Self::ConsentShown => "consent_shown",
            Self::PairingAsked => "pairing_asked",
            Self::PairingFailed { .. } => "pairing_failed",
            Self::ConsentRemembered => "consent_remembered",
            Self::ConsentApproved { .. } => "consent_approved",
            Self::ConsentDeclined => "consent_declined",
            Self::ConsentRefused { .. } => "consent_refused",
            Self::SentToUpstream => "sent_to_upstream",
            Self::UpstreamRefused { .. } => "upstream_refused",
            Self::UpstreamUnavailable { .. } => "upstream_unavailable",
            Self::SignInCancelled => "sign_in_cancelled",
            Self::SignedIn => "signed_in",
            Self::CallbackRefused { .. } => "callback_refused",
            Self::TokenIssued => "token_issued",
            Self::TokenRefused { .. } => "token_refused",
            Self::CodeReplayed => "code_replayed",
            Self::FirstCall => "first_call",
            Self::WentOn => "went_on",
            Self::Refreshed => "refreshed",
            Self::RefreshRepeated => "refresh_repeated",
            Self::SessionEnded { .. } => "session_ended",
            Self::TestSignInStarted => "test_sign_in_started",
            Self::TestSignInPassed => "test_sign_in_passed",
            Self::TestSignInCancelled => "test_sign_in_cancelled",
            Self::OwnSessionsOpened => "own_sessions_opened",
            Self::OwnSessionsClosed => "own_sessions_closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_name_is_the_serialised_tag() {
        for kind in [
            EventKind::ConsentShown,
            EventKind::MetadataRead { document: "x".into() },
            EventKind::SessionEnded { ended: Ended::Expired },
        ] {
            assert_eq!(serde_json::to_value(&kind).unwrap()["event"], kind.name());
        }
    }

    #[test]
    fn an_event_survives_json() {
        let event = AuthEvent {
            seq: 7,
            at: Timestamp::from_secs(1),
            about: About { origin: Some(Origin::Local), ..About::default() },
            kind: EventKind::TokenRefused { error: "invalid_grant".into(), reason: "expired".into() },
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<AuthEvent>(&json).unwrap(), event);
    }
}
