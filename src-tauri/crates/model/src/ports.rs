//! What is handed in: time, randomness, storage, the event log.
//!
//! Storage verbs: `lookup` by id, `find_by` something else, `add`, `advance` and `rotate` (compare and swap), `end`.
//! Whatever must happen once is one call here, and atomic.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::client::Client;
use crate::consent::Consent;
use crate::event::AuthEvent;
use crate::grant::Grant;
use crate::ids::{AttemptId, ClientId, GrantId, SessionId, TokenHash};
use crate::keys::Sealed;
use crate::person::PersonId;
use crate::session::{Ended, RefreshToken, RefreshTrouble, Session};
use crate::time::Timestamp;

pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// Waiting, where something is tried again later.
#[async_trait]
pub trait Pause: Send + Sync + 'static {
    async fn pause(&self, span: Duration);
}

pub trait Entropy: Send + Sync + 'static {
    /// Fills the buffer with bytes nobody can predict.
    fn fill(&self, into: &mut [u8]);
}

/// Where events go. Never blocks and never fails towards the caller.
pub trait EventSink: Send + Sync + 'static {
    fn record(&self, event: AuthEvent);
}

/// Why the store did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Busy, locked or unreachable: trying again may work (503).
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A row that does not read back: changed by hand, or written by a newer version.
    #[error("a stored {what} does not read back: {detail}")]
    Corrupt { what: &'static str, detail: String },
}

/// Outcome of a compare and swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Swap {
    Done,
    /// Somebody else was first; read again.
    Lost,
}

/// How far the parts that strangers can fill may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Registered clients nobody ever approved. Beyond it the oldest go.
    pub unapproved_clients: u32,
    /// Grants nobody has signed in for: awaiting consent, at the identity provider, or closed. Beyond it the oldest
    /// go.
    pub open_grants: u32,
    /// Approvals that browsers remember. Beyond it the oldest go.
    pub consents: u32,
    /// Rows of the auth log. Half of them are for events that name neither a session nor a person, which strangers
    /// can cause; in each half the oldest go.
    pub events: u32,
    /// How long the auth log is kept, in days.
    pub event_days: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            unapproved_clients: 20_000,
            open_grants: 20_000,
            consents: 10_000,
            events: 200_000,
            event_days: 30,
        }
    }
}

/// One use of a client assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssertionUse {
    /// Names the assertion among all of all clients.
    pub id: TokenHash,
    /// The whole request it came with.
    pub request: TokenHash,
    pub at: Timestamp,
    /// From when on it could not be used anyway.
    pub until: Timestamp,
}

impl AssertionUse {
    /// Whether this is the request of `before` once more, soon enough to be an honest one.
    pub fn repeats(&self, before: &Self) -> bool {
        self.request == before.request && self.at.since(before.at) <= RefreshToken::GRACE
    }
}

/// What [`Store::reap`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reaped {
    pub clients: u64,
    pub grants: u64,
    pub sessions: u64,
    pub refresh_tokens: u64,
    pub consents: u64,
    pub assertions: u64,
    pub events: u64,
}

/// Which clients to list: those somebody approved first, the latest approval first, then the others, newest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientQuery {
    /// Leaves out those nobody ever approved.
    pub approved_only: bool,
    /// At most so many; 0 means 100, more than 1000 means 1000.
    pub limit: u32,
}

/// Which part of the auth log to read, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    pub attempt: Option<AttemptId>,
    pub session: Option<SessionId>,
    /// Only events with a smaller `seq`.
    pub before: Option<i64>,
    /// At most so many; 0 means 100, more than 1000 means 1000.
    pub limit: u32,
}

/// Which attempts to read: the named ones, or those whose last event is newest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptQuery {
    /// Only these, if any are named.
    pub only: Vec<AttemptId>,
    /// Only attempts whose last event has a smaller `seq`.
    pub before: Option<i64>,
    /// At most so many; 0 means 100, more than 1000 means 1000.
    pub limit: u32,
}

/// What the owner wants gone. None of it touches the master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget {
    /// The auth log.
    Events,
    /// Sessions, their refresh tokens, and the sign-ins under way that would become sessions.
    Sessions,
    /// Registered clients and known documents with all they have: sessions, what was approved for them, sign-ins under
    /// way. Blocked ones stay blocked.
    Clients,
    Everything,
}

/// Everything that outlives a request. Lookups return what is there, expired or not: whether it still counts is
/// the caller's decision, made with the caller's clock.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // --- clients ---
    async fn lookup_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError>;
    /// Adds or replaces; what was approved or blocked stays so. Beyond [`Bounds::unapproved_clients`] the oldest clients go that were never approved and have
    /// neither an open grant nor a live session.
    async fn put_client(&self, client: &Client) -> Result<(), StoreError>;
    /// Notes that somebody approved the client, which keeps it for good.
    async fn approve_client(&self, id: &ClientId, now: Timestamp) -> Result<(), StoreError>;
    /// Blocks the client, or no longer (`None`). `false` if there is no such client.
    async fn block_client(&self, id: &ClientId, since: Option<Timestamp>) -> Result<bool, StoreError>;
    async fn list_clients(&self, query: &ClientQuery) -> Result<Vec<Client>, StoreError>;

    // --- grants ---
    /// Beyond [`Bounds::open_grants`] the oldest grants go that need no sign-in to reach their stage. Last of them go
    /// those newest at the identity provider, up to half of the bound: asking for pages does not throw out people who
    /// are signing in, and pretending to sign in does not take the pages from everybody. Grants approved or exchanged
    /// stay.
    async fn add_grant(&self, grant: &Grant) -> Result<(), StoreError>;
    async fn lookup_grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError>;
    async fn find_grant_by_code(&self, code: &TokenHash) -> Result<Option<Grant>, StoreError>;
    /// Replaces the stored grant if its revision is `grant.revision - 1`.
    async fn advance_grant(&self, grant: &Grant) -> Result<Swap, StoreError>;

    /// Those whose code ([`Grant::code_awaited_until`]) can still be typed at `now`, the one asked for last first; at most 200.
    async fn list_pairings(&self, now: Timestamp) -> Result<Vec<Grant>, StoreError>;

    // --- sessions and their refresh tokens ---
    /// One transaction: advances the grant, approves its client, adds the session and its first refresh token. `Lost` also
    /// if the client is blocked.
    async fn open_session(
        &self,
        grant: &Grant,
        session: &Session,
        refresh: &RefreshToken,
    ) -> Result<Swap, StoreError>;
    async fn lookup_session(&self, id: &SessionId) -> Result<Option<Session>, StoreError>;
    async fn list_sessions(&self) -> Result<Vec<Session>, StoreError>;
    /// Live sessions that came of the provider's session with this `sid`, newest first. Anybody may ask, so one that is not
    /// there costs no more the more sessions there are.
    async fn find_sessions_by_upstream(&self, sid: &TokenHash) -> Result<Vec<Session>, StoreError>;
    /// Adds calls and moves `active_at` forward; a session that is gone is ignored.
    async fn touch_session(&self, id: &SessionId, active_at: Timestamp, calls: u64)
    -> Result<(), StoreError>;
    /// Notes that a refresh came to nothing; the next that succeeds takes the note away. A session that is gone or ended
    /// is ignored.
    async fn note_trouble(&self, id: &SessionId, trouble: &RefreshTrouble) -> Result<(), StoreError>;
    /// Also one that was used, or whose session ended, as long as it is kept; the session tells why it ended.
    async fn find_refresh(&self, hash: &TokenHash) -> Result<Option<RefreshToken>, StoreError>;
    /// One transaction: marks `old` used with the sealed `answer`, adds `new`, and writes back what a refresh changes
    /// of the session (`person`, `scope`, `refreshed_at`, `upstream`, `upstream_issuer`). `Lost` if `old` was already
    /// used or the session is no longer live; then nothing changed. Answers of the session past
    /// [`RefreshToken::GRACE`] are forgotten on the way.
    async fn rotate_refresh(
        &self,
        old: &TokenHash,
        answer: &Sealed,
        new: &RefreshToken,
        session: &Session,
        now: Timestamp,
    ) -> Result<Swap, StoreError>;
    /// Ends a live session: drops its upstream tokens and the answers of used refresh tokens. The row and the hashes of
    /// its refresh tokens stay for 30 days, so that whoever comes back can be told why. Returns the session as it was
    /// if it was live, `None` otherwise.
    async fn end_session(
        &self,
        id: &SessionId,
        why: &Ended,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Keeps what a refused refresh of a live session lacked. A session that is gone or ended is ignored.
    async fn keep_challenge(&self, id: &SessionId, challenge: &Sealed) -> Result<(), StoreError>;
    /// The session of this client and person that ended last of those that keep a challenge, as it was; from then on none of
    /// them keeps one.
    async fn take_challenge(
        &self,
        client: &ClientId,
        person: &PersonId,
    ) -> Result<Option<Session>, StoreError>;

    // --- remembered consents ---
    /// Adds or replaces. Beyond [`Bounds::consents`] the oldest go, give or take a hundredth.
    async fn put_consent(&self, consent: &Consent) -> Result<(), StoreError>;
    async fn find_consent(
        &self,
        browser: &TokenHash,
        client: &ClientId,
        redirect_uri: &str,
    ) -> Result<Option<Consent>, StoreError>;
    /// Forgets every approval of `client` that `browser` gave.
    async fn forget_consent(&self, browser: &TokenHash, client: &ClientId) -> Result<(), StoreError>;

    // --- client assertions ---
    /// Notes that an assertion was used (`jti`, RFC 7523 section 3), for as long as it could be used again. `Lost` if it
    /// was used before, except by the very same request within [`RefreshToken::GRACE`]: a client repeats one whose answer
    /// got lost.
    async fn use_assertion(&self, used: &AssertionUse) -> Result<Swap, StoreError>;

    // --- the auth log ---
    /// Cuts the log to [`Bounds::events`], give or take a hundredth. An event longer than 4 KiB as JSON is stored with
    /// its texts and lists cut short. Answers the positions they got, in their order.
    async fn append_events(&self, events: &[AuthEvent]) -> Result<Vec<i64>, StoreError>;
    async fn list_events(&self, query: &EventQuery) -> Result<Vec<AuthEvent>, StoreError>;
    /// For each attempt, the newest first, the first and the last event of every kind it has, oldest first: so much as it
    /// takes to tell how it went, however long it has been refreshing.
    async fn list_attempts(&self, query: &AttemptQuery) -> Result<Vec<Vec<AuthEvent>>, StoreError>;

    // --- upkeep ---
    /// All of it or nothing.
    async fn forget(&self, what: Forget) -> Result<(), StoreError>;
    /// Deletes what has expired and what is beyond the bounds, and forgets the answers of refresh tokens past
    /// [`RefreshToken::GRACE`]. A session not refreshed in time ends; ended sessions and their refresh tokens are kept
    /// for 30 days.
    async fn reap(&self, now: Timestamp) -> Result<Reaped, StoreError>;
    /// Whether the store answers (readiness).
    async fn ping(&self) -> Result<(), StoreError>;
}
