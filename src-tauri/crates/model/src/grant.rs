//! The authorization grant: one sign-in from `/authorize` to `/token`.
//!
//! This file knows no clock and no storage; callers pass `now` and persist what they get back.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, ClientId, GrantId, SessionId, TokenHash};
use crate::keys::Sealed;
use crate::origin::Site;
use crate::person::Person;
use crate::pkce::PkceChallenge;
use crate::redirect::RedirectUri;
use crate::scope::ScopeSet;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: GrantId,
    /// Counts changes. The store replaces a grant only if its revision is the one before (compare and swap).
    pub revision: u32,
    pub attempt: AttemptId,
    pub client: ClientId,
    /// Where the client will be sent.
    pub redirect_uri: RedirectUri,
    /// Whether the client named it, so that `/token` must repeat it (RFC 6749 section 4.1.3).
    pub redirect_uri_given: bool,
    pub scope: ScopeSet,
    /// Claims challenge of the identity provider that its sign-in has to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
    /// The provider's code that was answered with it. Whoever brings the same once more is told the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenged_by: Option<TokenHash>,
    /// The client's `state`, returned byte for byte.
    pub state: Option<String>,
    pub challenge: PkceChallenge,
    /// Audience of the token to come: our MCP URL as the client wrote it.
    pub resource: String,
    /// Our identity as the client typed it; `iss` of the answer.
    pub site: Site,
    pub created_at: Timestamp,
    pub stage: Stage,
    /// Consent pages rendered for this grant, newest last.
    pub renders: Vec<Render>,
    /// Set where the page asks for the code that only the owner of this server can see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairing: Option<Pairing>,
}

/// How far the question for the owner's code is. The code itself is computed from the grant and `browser`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairing {
    /// When it was first asked for; another browser gets no more time.
    pub asked_at: Timestamp,
    /// Codes that were typed, the right one too.
    pub tries: u8,
    /// Cookie of the page that asks. Whoever is asked in another browser is asked for another code.
    pub browser: TokenHash,
    /// The right code came from this browser.
    pub given: bool,
    /// The form and the wrong code that were counted last: whoever sends the same again is not counted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<TokenHash>,
    /// Where on the internet it was asked for, as our tunnel's provider says; so that the owner can tell people apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpAddr>,
}

/// One rendering of the consent page: the form and the browser it was shown in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Render {
    /// The CSRF token in the form.
    pub form: TokenHash,
    /// The cookie set with the page.
    pub browser: TokenHash,
}

/// Where a grant stands. Each stage holds exactly what is true at that stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Stage {
    AwaitingConsent,
    AtUpstream {
        sent_at: Timestamp,
        /// Cookie of the browser that approved; the callback must come from it.
        browser: TokenHash,
        /// Cookie of a browser that is not to be asked again, once it is known that somebody could sign in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remember: Option<TokenHash>,
    },
    Approved {
        approved_at: Timestamp,
        /// Cookie of the browser that approved. Whoever else was shown the page is not told the code.
        browser: TokenHash,
        code: TokenHash,
        person: Person,
        /// [`crate::upstream::UpstreamTokens`] as JSON, sealed.
        upstream: Sealed,
        upstream_issuer: Option<String>,
    },
    Exchanged {
        exchanged_at: Timestamp,
        code: TokenHash,
        session: SessionId,
    },
    Closed {
        closed_at: Timestamp,
        why: Closed,
    },
}

/// Why a grant ended without tokens. Shown to people and written to the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    Declined,
    UpstreamRefused,
    NotAllowed,
    /// The owner's code was typed wrong too often.
    NotPaired,
}

/// A transition from a stage that does not lead there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a grant cannot go there from its present stage")]
pub struct InvalidTransition;

// === impl Pairing ===

impl Pairing {
    /// Whether it is too late to type the code, or it was typed too often.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.tries >= Grant::PAIRING_TRIES || now >= self.asked_at.plus(Grant::PAIRING_LIFETIME)
    }
}

// === impl Grant ===

impl Grant {
    /// From `/authorize` until the browser is back from the identity provider.
    pub const SIGN_IN_LIFETIME: Duration = Duration::from_secs(15 * 60);
    /// Lifetime of an authorization code; RFC 6749 section 4.1.2 recommends ten minutes at most.
    pub const CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);
    /// How long a spent grant is kept, to recognise a replayed code or a stale page.
    pub const MEMORY: Duration = Duration::from_secs(60 * 60);
    /// How long the owner's code is good, and how often it may be typed.
    pub const PAIRING_LIFETIME: Duration = Duration::from_secs(5 * 60);
    pub const PAIRING_TRIES: u8 = 5;
    const MAX_RENDERS: usize = 10;

    /// When the present stage can no longer be left.
    pub fn expires_at(&self) -> Timestamp {
        match &self.stage {
            Stage::AwaitingConsent | Stage::AtUpstream { .. } => self.created_at.plus(Self::SIGN_IN_LIFETIME),
            Stage::Approved { approved_at, .. } => approved_at.plus(Self::CODE_LIFETIME),
            Stage::Exchanged { exchanged_at: at, .. } | Stage::Closed { closed_at: at, .. } => {
                at.plus(Self::MEMORY)
            }
        }
    }

    /// When the row may be deleted.
    pub fn forgotten_at(&self) -> Timestamp {
        match &self.stage {
            Stage::Exchanged { .. } | Stage::Closed { .. } => self.expires_at(),
            _ => self.expires_at().plus(Self::MEMORY),
        }
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at()
    }

    /// The code's hash, once there is one.
    pub const fn code(&self) -> Option<&TokenHash> {
        match &self.stage {
            Stage::Approved { code, .. } | Stage::Exchanged { code, .. } => Some(code),
            _ => None,
        }
    }

    pub fn shown(mut self, render: Render) -> Result<Self, InvalidTransition> {
        let (Stage::AwaitingConsent | Stage::AtUpstream { .. }) = self.stage else {
            return Err(InvalidTransition);
        };
        self.renders.push(render);
        let excess = self.renders.len().saturating_sub(Self::MAX_RENDERS);
        self.renders.drain(..excess);
        Ok(self.bumped())
    }

    /// Part of the same step as [`Self::shown`]: the page that sets this cookie asks for the owner's code.
    #[must_use]
    pub fn asking_for_code(mut self, browser: TokenHash, from: Option<IpAddr>, now: Timestamp) -> Self {
        let (asked_at, tries) = self.pairing.map_or((now, 0), |pairing| (pairing.asked_at, pairing.tries));
        self.pairing = Some(Pairing { asked_at, tries, browser, given: false, wrong: None, from });
        self
    }

    /// Part of the same step as [`Self::shown`]: no code is needed any more.
    #[must_use]
    pub fn not_asking_for_code(self) -> Self {
        Self { pairing: None, ..self }
    }

    /// Counts a code before it is looked at, so that however many come at once no more than
    /// [`Self::PAIRING_TRIES`] are.
    pub fn code_tried(mut self, attempt: TokenHash) -> Result<Self, InvalidTransition> {
        let pairing = self.pairing.as_mut().ok_or(InvalidTransition)?;
        if pairing.given || pairing.tries >= Self::PAIRING_TRIES {
            return Err(InvalidTransition);
        }
        pairing.tries += 1;
        pairing.wrong = Some(attempt);
        Ok(self.bumped())
    }

    /// The right code came from the page with this cookie.
    pub fn code_given(mut self, browser: TokenHash) -> Result<Self, InvalidTransition> {
        let pairing =
            self.pairing.as_mut().filter(|pairing| pairing.browser == browser).ok_or(InvalidTransition)?;
        pairing.given = true;
        Ok(self.bumped())
    }

    /// Until when somebody can type the owner's code, if one is waited for.
    pub fn code_awaited_until(&self) -> Option<Timestamp> {
        let open = matches!(self.stage, Stage::AwaitingConsent | Stage::AtUpstream { .. });
        let pairing = self.pairing.as_ref().filter(|pairing| open && !pairing.given)?;
        (pairing.tries < Self::PAIRING_TRIES).then(|| pairing.asked_at.plus(Self::PAIRING_LIFETIME))
    }

    /// Approving twice is harmless: the browser that approved last is the one the callback must come from.
    pub fn sent_upstream(mut self, browser: TokenHash, now: Timestamp) -> Result<Self, InvalidTransition> {
        let (Stage::AwaitingConsent | Stage::AtUpstream { .. }) = self.stage else {
            return Err(InvalidTransition);
        };
        self.stage = Stage::AtUpstream { sent_at: now, browser, remember: None };
        Ok(self.bumped())
    }

    /// Part of the same step as [`Self::sent_upstream`]: the approval is to be remembered for the browser that carries
    /// this cookie.
    pub fn remembering(mut self, cookie: TokenHash) -> Result<Self, InvalidTransition> {
        let Stage::AtUpstream { remember, .. } = &mut self.stage else { return Err(InvalidTransition) };
        *remember = Some(cookie);
        Ok(self)
    }

    /// The identity provider asks for more than it did at first, once.
    pub fn challenged(mut self, claims: &str, code: TokenHash) -> Result<Self, InvalidTransition> {
        let (Stage::AtUpstream { .. }, None) = (&self.stage, &self.claims) else {
            return Err(InvalidTransition);
        };
        self.claims = Some(claims.to_owned());
        self.challenged_by = Some(code);
        Ok(self.bumped())
    }

    pub fn approved(
        mut self,
        code: TokenHash,
        person: Person,
        upstream: Sealed,
        upstream_issuer: Option<String>,
        now: Timestamp,
    ) -> Result<Self, InvalidTransition> {
        let Stage::AtUpstream { browser, .. } = self.stage else { return Err(InvalidTransition) };
        self.stage = Stage::Approved { approved_at: now, browser, code, person, upstream, upstream_issuer };
        self.renders.clear();
        self.claims = None;
        Ok(self.bumped())
    }

    pub fn exchanged(mut self, session: SessionId, now: Timestamp) -> Result<Self, InvalidTransition> {
        let Stage::Approved { code, .. } = self.stage else { return Err(InvalidTransition) };
        self.stage = Stage::Exchanged { exchanged_at: now, code, session };
        self.renders.clear();
        Ok(self.bumped())
    }

    pub fn closed(mut self, why: Closed, now: Timestamp) -> Result<Self, InvalidTransition> {
        let (Stage::AwaitingConsent | Stage::AtUpstream { .. }) = self.stage else {
            return Err(InvalidTransition);
        };
        self.stage = Stage::Closed { closed_at: now, why };
        self.renders.clear();
        self.claims = None;
        Ok(self.bumped())
    }

    const fn bumped(mut self) -> Self {
        self.revision += 1;
        self
    }
}
