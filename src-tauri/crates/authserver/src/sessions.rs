//! Live sessions as calls see them: a short memory in front of the store, activity written back now and then,
//! and the one way a session ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::caller::Caller;
use model::event::{About, EventKind};
use model::ids::{SessionId, TokenHash};
use model::ports::StoreError;
use model::session::{Ended, Session};
use model::time::Timestamp;
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
