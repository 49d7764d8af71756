//! What both backends decide alike: how long rows are kept, and what a write changes of a row.
//!
//! No storage and no clock here; see [`model::ports::Store`] for the promises these keep.

use std::cmp::Ordering;
use std::time::Duration;

use model::client::Client;
use model::event::AuthEvent;
use model::grant::{Grant, Stage};
use model::keys::Sealed;
use model::ports::{Bounds, Forget};
use model::session::{Ended, RefreshToken, RefreshTrouble, RefreshUse, Session, SessionState};
use model::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long an ended session stays to be looked at.
const ENDED_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a used refresh token is recognised when somebody presents it again.
const USED_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How many rows to list when asked for `limit`.
pub(crate) fn page_size(limit: u32) -> usize {
    match limit {
        0 => 100,
        limit => limit.min(1000) as usize,
    }
}

/// Which of events, sessions and clients go.
pub(crate) const fn forgotten(what: Forget) -> (bool, bool, bool) {
    match what {
        Forget::Events => (true, false, false),
        Forget::Sessions => (false, true, false),
        Forget::Clients => (false, true, true),
        Forget::Everything => (true, true, true),
    }
}

// === clients ===

/// What people decided about a client outlives the replacement of its metadata: a document fetched anew, by a request
/// that read the row before, must not make the client evictable again, nor let it in again.
pub(crate) fn keeping_decisions(client: &Client, decided: Decided) -> Client {
    Client {
        approved_at: client.approved_at.max(decided.approved_at),
        blocked_at: decided.blocked_at,
        ..client.clone()
    }
}

pub(crate) fn approved(client: Client, now: Timestamp) -> Client {
    Client { approved_at: client.approved_at.max(Some(now)), ..client }
}

/// What people decided about a client that is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decided {
    pub(crate) approved_at: Option<Timestamp>,
    pub(crate) blocked_at: Option<Timestamp>,
}

/// Those approved first, the latest approval first, then the newest.
pub(crate) fn in_listing_order(a: &Client, b: &Client) -> Ordering {
    let rank = |client: &Client| (client.approved_at, client.created_at);
    rank(b).cmp(&rank(a)).then_with(|| b.id.cmp(&a.id))
}

// === grants ===

/// Rows of [`model::ports::Store::list_pairings`].
pub(crate) const MOST_PAIRINGS: usize = 200;

pub(crate) const fn stage_name(stage: &Stage) -> &'static str {
    match stage {
        Stage::AwaitingConsent => "awaiting_consent",
        Stage::AtUpstream { .. } => "at_upstream",
        Stage::Approved { .. } => "approved",
        Stage::Exchanged { .. } => "exchanged",
        Stage::Closed { .. } => "closed",
    }
}

/// Whether it counts towards [`Bounds::open_grants`] and may be evicted: no sign-in was needed to bring it there.
pub(crate) const fn is_unproven(grant: &Grant) -> bool {
    matches!(grant.stage, Stage::AwaitingConsent | Stage::AtUpstream { .. } | Stage::Closed { .. })
}

/// How many of those at the identity provider, the newest, are evicted only after all others.
pub(crate) const fn spared_at_upstream(open_grants: u32) -> u32 {
    open_grants / 2
}

/// Whether its client is still needed: to be shown, to be sent back to, or to exchange the code.
pub(crate) const fn needs_client(grant: &Grant) -> bool {
    !matches!(grant.stage, Stage::Exchanged { .. } | Stage::Closed { .. })
}

// === sessions ===

pub(crate) const fn state_name(session: &Session) -> &'static str {
    match session.state {
        SessionState::Live => "live",
        SessionState::Ended { .. } => "ended",
    }
}

/// When a live session is over, and when the row of an ended one may go.
pub(crate) fn session_until(session: &Session) -> Timestamp {
    match &session.state {
        SessionState::Live => session.expires_at(),
        SessionState::Ended { at, .. } => at.plus(ENDED_KEPT),
    }
}

/// The tokens of an ended session stay as long as it does: whoever presents one is told why it ended.
pub(crate) fn refresh_until(token: &RefreshToken, session: &Session) -> Timestamp {
    match &token.used {
        _ if !session.is_live() => session_until(session),
        None => token.issued_at.plus(Session::IDLE_LIFETIME),
        Some(RefreshUse { at, .. }) => at.plus(USED_KEPT),
    }
}

/// Tokens used then or before no longer answer.
pub(crate) fn unanswered_from(now: Timestamp) -> Timestamp {
    now.minus(RefreshToken::GRACE)
}

/// Whether `old` may be exchanged: never used before, and of the very session, which still lives.
pub(crate) fn may_rotate(old: &RefreshToken, stored: &Session, given: &Session) -> bool {
    old.used.is_none() && stored.is_live() && stored.id == given.id && old.session == stored.id
}

/// `stored` with what a refresh changes. Calls counted meanwhile stay counted.
pub(crate) fn refreshed(stored: Session, by: &Session) -> Session {
    Session {
        person: by.person.clone(),
        scope: by.scope.clone(),
        refreshed_at: by.refreshed_at,
        upstream: by.upstream.clone(),
        upstream_issuer: by.upstream_issuer.clone(),
        trouble: None,
        challenge: None,
        ..stored
    }
}

pub(crate) fn challenged(stored: Session, challenge: &Sealed) -> Session {
    Session { challenge: Some(challenge.clone()), ..stored }
}

pub(crate) fn unchallenged(stored: Session) -> Session {
    Session { challenge: None, ..stored }
}

pub(crate) fn troubled(stored: Session, trouble: &RefreshTrouble) -> Session {
    Session { trouble: Some(trouble.clone()), ..stored }
}

pub(crate) fn touched(stored: Session, active_at: Timestamp, calls: u64) -> Session {
    Session {
        active_at: stored.active_at.max(active_at),
        calls: stored.calls.saturating_add(calls),
        ..stored
    }
}

pub(crate) fn ended(stored: Session, why: &Ended, now: Timestamp) -> Session {
    Session { state: SessionState::Ended { at: now, why: why.clone() }, upstream: None, ..stored }
}

// === the auth log ===

/// Whose events they are, each with a part of the log that the other cannot fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    Strangers,
    People,
}

impl Share {
    pub(crate) const ALL: [Self; 2] = [Self::Strangers, Self::People];

    pub(crate) const fn of(event: &AuthEvent) -> Self {
        if event.about.session.is_none() && event.about.person.is_none() {
            Self::Strangers
        } else {
            Self::People
        }
    }

    /// Its part of [`Bounds::events`].
    pub(crate) const fn bound(self, events: u32) -> u32 {
        match self {
            Self::Strangers => events / 2,
            Self::People => events - events / 2,
        }
    }
}

/// Events before this are no longer kept.
pub(crate) fn events_kept_from(bounds: &Bounds, now: Timestamp) -> Timestamp {
    now.minus(DAY.saturating_mul(bounds.event_days))
}

/// The store numbers events; what the caller put there is not kept.
pub(crate) fn numbered(event: AuthEvent, seq: i64) -> AuthEvent {
    AuthEvent { seq, ..event }
}
