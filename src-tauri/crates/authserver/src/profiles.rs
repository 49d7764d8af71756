//! What the directory says about whoever calls, asked once in a while for each session.

use std::time::Duration;

use async_trait::async_trait;
use model::caller::Caller;
use model::ids::SessionId;
use model::time::Timestamp;
use model::upstream::{Profile, Profiles};
use moka::sync::Cache;

use crate::flow::{Flow, Shared};

/// How long a profile is shown before it is asked for again.
const FRESH: Duration = Duration::from_secs(3600);
/// The same for the news that it could not be read.
const TROUBLED: Duration = Duration::from_secs(120);

/// The latest answers, bounded.
pub(crate) struct Known(Cache<SessionId, (Timestamp, Profile)>);

impl Default for Known {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(5_000).time_to_idle(FRESH).build())
    }
}

impl Known {
    fn get(&self, session: &SessionId, now: Timestamp) -> Option<Profile> {
        let (at, profile) = self.0.get(session)?;
        let lasts = if profile.note.is_some() { TROUBLED } else { FRESH };
        (now.since(at) < lasts).then_some(profile)
    }
}

#[async_trait]
impl Profiles for Flow {
    async fn of(&self, caller: &Caller) -> Option<Profile> {
        let session = &caller.session;
        if let Some(profile) = self.profiles.get(session, self.now()) {
            return Some(profile);
        }
        // Of two calls at once the second waits for the first one's answer.
        let _turn = self.sessions.turn(&format!("profile {session}")).await;
        if let Some(profile) = self.profiles.get(session, self.now()) {
            return Some(profile);
        }
        let profile = self.ask(session).await?;
        self.profiles.0.insert(session.clone(), (self.now(), profile.clone()));
        Some(profile)
    }
}

impl Shared {
    async fn ask(&self, id: &SessionId) -> Option<Profile> {
        let stored = match self.store.lookup_session(id).await {
            Ok(stored) => stored?,
            Err(error) => {
                tracing::warn!(%error, "the session of a call could not be read for its profile");
                return None;
            }
        };
        let tokens = self.open_upstream(Self::session_place(id), stored.upstream.as_ref()?)?;
        self.upstream.profile(&tokens).await
    }
}
