//! A store that passes everything on, unless it was told to have trouble with a call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use model::client::Client;
use model::consent::Consent;
use model::event::AuthEvent;
use model::grant::Grant;
use model::ids::{ClientId, GrantId, SessionId, TokenHash};
use model::keys::Sealed;
use model::person::PersonId;
use model::ports::{
    AssertionUse, AttemptQuery, ClientQuery, EventQuery, Forget, Reaped, Store, StoreError, Swap,
};
use model::session::{Ended, RefreshToken, RefreshTrouble, Session};
use model::time::Timestamp;
use store::MemoryStore;

/// What goes wrong with the next calls of one name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// It is not done.
    Busy { times: u32 },
    /// It is done, and the answer gets lost.
    Mute { times: u32 },
    /// It is done after a while.
    Slow(Duration),
}

/// One process's handle on a store.
pub(crate) struct TroubledStore {
    inner: Arc<MemoryStore>,
    troubles: Mutex<HashMap<&'static str, Trouble>>,
}

impl TroubledStore {
    pub(crate) fn over(inner: Arc<MemoryStore>) -> Self {
        Self { inner, troubles: Mutex::default() }
    }

    pub(crate) fn has(&self, call: &'static str, trouble: Trouble) {
        self.troubles.lock().unwrap().insert(call, trouble);
    }

    async fn meet<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let lost = || Err(StoreError::Unavailable(format!("{call} meets trouble")));
        match self.next(call) {
            None => work.await,
            Some(Trouble::Busy { .. }) => lost(),
            Some(Trouble::Mute { .. }) => {
                work.await?;
                lost()
            }
            Some(Trouble::Slow(span)) => {
                tokio::time::sleep(span).await;
                work.await
            }
        }
    }

    fn next(&self, call: &'static str) -> Option<Trouble> {
        let mut troubles = self.troubles.lock().unwrap();
        let trouble = troubles.get_mut(call)?;
        if let Trouble::Busy { times } | Trouble::Mute { times } = trouble {
            *times = times.checked_sub(1)?;
        }
        Some(*trouble)
    }
}

macro_rules! passes_on {
    ($($call:ident($($name:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for TroubledStore {
            $(async fn $call(&self, $($name: $type),*) -> Result<$answer, StoreError> {
                self.meet(stringify!($call), self.inner.$call($($name),*)).await
            })*
        }
    };
}

passes_on! {
    lookup_client(id: &ClientId) -> Option<Client>;
    put_client(client: &Client) -> ();
    approve_client(id: &ClientId, now: Timestamp) -> ();
    block_client(id: &ClientId, since: Option<Timestamp>) -> bool;
    list_clients(query: &ClientQuery) -> Vec<Client>;
    add_grant(grant: &Grant) -> ();
    lookup_grant(id: &GrantId) -> Option<Grant>;
    find_grant_by_code(code: &TokenHash) -> Option<Grant>;
    list_pairings(now: Timestamp) -> Vec<Grant>;
    advance_grant(grant: &Grant) -> Swap;
    open_session(grant: &Grant, session: &Session, refresh: &RefreshToken) -> Swap;
    lookup_session(id: &SessionId) -> Option<Session>;
    list_sessions() -> Vec<Session>;
    find_sessions_by_upstream(sid: &TokenHash) -> Vec<Session>;
    touch_session(id: &SessionId, active_at: Timestamp, calls: u64) -> ();
    note_trouble(id: &SessionId, trouble: &RefreshTrouble) -> ();
    find_refresh(hash: &TokenHash) -> Option<RefreshToken>;
    rotate_refresh(old: &TokenHash, answer: &Sealed, new: &RefreshToken, session: &Session, now: Timestamp) -> Swap;
    end_session(id: &SessionId, why: &Ended, now: Timestamp) -> Option<Session>;
    keep_challenge(id: &SessionId, challenge: &Sealed) -> ();
    take_challenge(client: &ClientId, person: &PersonId) -> Option<Session>;
    put_consent(consent: &Consent) -> ();
    find_consent(browser: &TokenHash, client: &ClientId, redirect_uri: &str) -> Option<Consent>;
    forget_consent(browser: &TokenHash, client: &ClientId) -> ();
    use_assertion(used: &AssertionUse) -> Swap;
    append_events(events: &[AuthEvent]) -> Vec<i64>;
    list_events(query: &EventQuery) -> Vec<AuthEvent>;
    list_attempts(query: &AttemptQuery) -> Vec<Vec<AuthEvent>>;
    forget(what: Forget) -> ();
    reap(now: Timestamp) -> Reaped;
    ping() -> ();
}
