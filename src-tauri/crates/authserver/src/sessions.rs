//! Live sessions as calls see them: a short memory in front of the store, activity written back now and then,
//! and the one way a session ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::caller::Caller;
use model::event::{About, EventKind};
use model::ids::{ClientId, SessionId, TokenHash};
use model::keys::Place;
use model::person::PersonId;
use model::ports::StoreError;
use model::session::{Ended, Session};
use model::time::Timestamp;
use model::upstream::Challenge;
use moka::sync::Cache;

use crate::flow::Shared;
use crate::turns::{Turn, Turns};

/// How long a checked token is taken on trust before the store is asked again: the longest that another replica's
/// revocation can go unnoticed here. A revocation in this process counts at once.
const TRUST: Duration = Duration::from_secs(15);

pub struct Sessions {
    checked: Cache<TokenHash, Checked>,
    active: Mutex<HashMap<SessionId, Arc<Activity>>>,
    /// One refresh at a time for a session, one callback at a time for a grant.
    turns: Turns,
}

/// A verified token with the session behind it.
#[derive(Clone)]
pub(crate) struct Checked {
    pub(crate) caller: Caller,
    pub(crate) activity: Arc<Activity>,
    pub(crate) at: Timestamp,
}

/// Calls since the last write-back.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    calls: AtomicU64,
    last: AtomicI64,
    greeted: AtomicBool,
    ended: AtomicBool,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            checked: Cache::builder().max_capacity(20_000).time_to_idle(Duration::from_secs(120)).build(),
            active: Mutex::default(),
            turns: Turns::default(),
        }
    }
}

impl Sessions {
    pub(crate) fn recall(&self, token: &TokenHash, now: Timestamp) -> Option<Checked> {
        self.checked.get(token).filter(|checked| {
            !checked.activity.ended.load(Ordering::Acquire)
                && now.since(checked.at) < TRUST
                && now < checked.caller.expires_at
        })
    }

    pub(crate) fn remember(&self, token: TokenHash, checked: Checked) {
        self.checked.insert(token, checked);
    }

    pub(crate) fn activity(&self, session: &SessionId) -> Arc<Activity> {
        let mut active = self.active.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fresh = || Arc::default();
        active.entry(session.clone()).or_insert_with(fresh).clone()
    }

    /// Waits for its turn with what `id` names; the turn ends when it is dropped.
    pub(crate) async fn turn(&self, id: &str) -> Turn<'_> {
        self.turns.take(id).await
    }

    /// Sessions with calls to write back. One that nobody uses any more leaves the list.
    fn busy(&self) -> Vec<(SessionId, Arc<Activity>)> {
        let mut active = self.active.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A remembered token holds its own reference.
        active.retain(|_, activity| {
            Arc::strong_count(activity) > 1 || activity.calls.load(Ordering::Relaxed) > 0
        });
        let busy = active.iter().filter(|(_, activity)| activity.calls.load(Ordering::Relaxed) > 0);
        busy.map(|(id, activity)| (id.clone(), activity.clone())).collect()
    }

    fn forget(&self, session: &SessionId) {
        let mut active = self.active.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(activity) = active.remove(session) {
            activity.ended.store(true, Ordering::Release);
        }
    }
}

impl Activity {
    /// `true` for the first to ask.
    pub(crate) fn greet(&self) -> bool {
        !self.greeted.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn call(&self, now: Timestamp) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.last.fetch_max(now.millis(), Ordering::Relaxed);
    }
}

impl Shared {
    /// Ends a session, in the store and for calls already trusted here. `true` if it was live.
    pub async fn end_session(&self, id: &SessionId, why: Ended) -> Result<bool, StoreError> {
        let was = self.store.end_session(id, &why, self.now()).await?;
        self.sessions.forget(id);
        let Some(session) = was else { return Ok(false) };
        self.event(about_session(&session), EventKind::SessionEnded { ended: why });
        Ok(true)
    }

    /// Keeps what the provider wants of the person on top, for their next sign-in by the same client.
    pub(crate) async fn keep_challenge(&self, id: &SessionId, challenge: &Challenge) {
        let sealed = self.seal(challenge_place(id), challenge.as_str().as_bytes());
        if let Err(error) = self.store.keep_challenge(id, &sealed).await {
            tracing::warn!(%error, "what a refresh lacked could not be kept; the provider will ask again");
        }
    }

    /// What a refused refresh of this person by this client lacked. Nobody is given it again.
    pub(crate) async fn take_challenge(&self, client: &ClientId, person: &PersonId) -> Option<Challenge> {
        match self.store.take_challenge(client, person).await {
            Ok(session) => self.challenge_of(&session?),
            Err(error) => {
                tracing::warn!(%error, "what a refresh lacked could not be looked up; the provider will ask again");
                None
            }
        }
    }

    /// The newest that waits for this person, by whichever client. It stays for the client's own sign-in.
    pub(crate) async fn challenge_that_waits(&self, person: &PersonId) -> Option<Challenge> {
        let sessions = self.store.list_sessions().await.ok()?;
        let waiting = sessions.iter().filter_map(|session| Some((session.challenged_at(person)?, session)));
        let (_, newest) = waiting.max_by_key(|(at, _)| *at)?;
        self.challenge_of(newest)
    }

    fn challenge_of(&self, session: &Session) -> Option<Challenge> {
        let plain = self.open(challenge_place(&session.id), session.challenge.as_ref()?).ok()?;
        Challenge::parse(str::from_utf8(&plain).ok()?)
    }

    /// Writes calls and last activity back to the store. What cannot be written is counted again the next time.
    pub async fn flush_activity(&self) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        for (id, activity) in self.sessions.busy() {
            let calls = activity.calls.swap(0, Ordering::Relaxed);
            let last = Timestamp::from_millis(activity.last.load(Ordering::Relaxed));
            if let Err(error) = self.store.touch_session(&id, last, calls).await {
                activity.calls.fetch_add(calls, Ordering::Relaxed);
                outcome = Err(error);
            }
        }
        outcome
    }
}

fn challenge_place(id: &SessionId) -> Place<'_> {
    Place { table: "sessions", row: id.as_str(), column: "challenge" }
}

/// What an event about a session belongs to.
pub(crate) fn about_session(session: &Session) -> About {
    About {
        attempt: Some(session.attempt.clone()),
        origin: Some(session.site.origin),
        client: Some(session.client.clone()),
        client_name: session.client_name.clone(),
        session: Some(session.id.clone()),
        person: Some(session.person.clone()),
        ..About::default()
    }
}
