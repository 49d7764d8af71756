//! The store in memory: for tests, and for a server that may forget everything when it stops.
//!
//! Every call takes one lock, which makes every call atomic. Checks come before changes, so a call that fails or
//! loses leaves nothing behind.

mod tables;

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use model::client::Client;
use model::consent::Consent;
use model::event::AuthEvent;
use model::grant::Grant;
use model::ids::{ClientId, GrantId, SessionId, TokenHash};
use model::keys::Sealed;
use model::person::PersonId;
use model::ports::{
    AssertionUse, AttemptQuery, Bounds, ClientQuery, EventQuery, Forget, Reaped, Store, StoreError, Swap,
};
use model::session::{Ended, RefreshToken, RefreshTrouble, RefreshUse, Session};
use model::time::Timestamp;

use crate::fit::fitted;
use crate::pace::{LogPace, Pace};
use crate::rules::{self, Decided};
use tables::Tables;

#[derive(Debug)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
    bounds: Bounds,
    client_pace: Pace,
    grant_pace: Pace,
    consent_pace: Pace,
    log_pace: LogPace,
}

impl MemoryStore {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            tables: Mutex::default(),
            bounds,
            client_pace: Pace::new(bounds.unapproved_clients),
            grant_pace: Pace::new(bounds.open_grants),
            consent_pace: Pace::new(bounds.consents),
            log_pace: LogPace::new(bounds.events),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Store ===

#[async_trait]
impl Store for MemoryStore {
    async fn lookup_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        Ok(self.tables().clients.get(id).cloned())
    }

    async fn put_client(&self, client: &Client) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let kept = match tables.clients.get(&client.id) {
            Some(&Client { approved_at, blocked_at, .. }) => {
                rules::keeping_decisions(client, Decided { approved_at, blocked_at })
            }
            None => client.clone(),
        };
        tables.clients.insert(client.id.clone(), kept);
        if self.client_pace.due() {
            tables.evict_clients(self.bounds.unapproved_clients, Some(&client.id));
        }
        Ok(())
    }

    async fn approve_client(&self, id: &ClientId, now: Timestamp) -> Result<(), StoreError> {
        self.tables().approve_client(id, now);
        Ok(())
    }

    async fn block_client(&self, id: &ClientId, since: Option<Timestamp>) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(client) = tables.clients.get_mut(id) else { return Ok(false) };
        client.blocked_at = since;
        Ok(true)
    }

    async fn list_clients(&self, query: &ClientQuery) -> Result<Vec<Client>, StoreError> {
        let tables = self.tables();
        let asked = |client: &&Client| !query.approved_only || client.approved_at.is_some();
        let mut clients: Vec<_> = tables.clients.values().filter(asked).collect();
        clients.sort_by(|a, b| rules::in_listing_order(a, b));
        Ok(clients.into_iter().take(rules::page_size(query.limit)).cloned().collect())
    }

    async fn add_grant(&self, grant: &Grant) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let taken = tables.grants.contains_key(&grant.id);
        if taken || tables.code_is_of_another(grant) {
            return Err(tables::taken("grant"));
        }
        tables.store_grant(grant);
        if self.grant_pace.due() {
            tables.evict_grants(self.bounds.open_grants, Some(&grant.id));
        }
        Ok(())
    }

    async fn lookup_grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        Ok(self.tables().grants.get(id).cloned())
    }

    async fn find_grant_by_code(&self, code: &TokenHash) -> Result<Option<Grant>, StoreError> {
        let tables = self.tables();
        Ok(tables.codes.get(code).and_then(|id| tables.grants.get(id)).cloned())
    }

    async fn advance_grant(&self, grant: &Grant) -> Result<Swap, StoreError> {
        let mut tables = self.tables();
        let swap = tables.may_advance(grant)?;
        if swap == Swap::Done {
            tables.store_grant(grant);
        }
        Ok(swap)
    }

    async fn list_pairings(&self, now: Timestamp) -> Result<Vec<Grant>, StoreError> {
        let tables = self.tables();
        let mut waiting: Vec<_> = tables
            .grants
            .values()
            .filter_map(|grant| Some((grant.code_awaited_until().filter(|until| now < *until)?, grant)))
            .collect();
        waiting.sort_by(|(a, first), (b, second)| b.cmp(a).then_with(|| second.id.cmp(&first.id)));
        Ok(waiting.into_iter().take(rules::MOST_PAIRINGS).map(|(_, grant)| grant.clone()).collect())
    }

    async fn open_session(
        &self,
        grant: &Grant,
        session: &Session,
        refresh: &RefreshToken,
    ) -> Result<Swap, StoreError> {
        let mut tables = self.tables();
        let swap = tables.may_advance(grant)?;
        let blocked = tables.clients.get(&session.client).is_some_and(Client::is_blocked);
        if swap == Swap::Lost || blocked {
            return Ok(Swap::Lost);
        }
        if tables.sessions.contains_key(&session.id) || tables.refresh_tokens.contains_key(&refresh.hash) {
            return Err(tables::taken("session"));
        }
        tables.store_grant(grant);
        tables.approve_client(&session.client, session.created_at);
        tables.sessions.insert(session.id.clone(), session.clone());
        tables.refresh_tokens.insert(refresh.hash, refresh.clone());
        Ok(swap)
    }

    async fn lookup_session(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.tables().sessions.get(id).cloned())
    }

    async fn list_sessions(&self) -> Result<Vec<Session>, StoreError> {
        let mut sessions: Vec<_> = self.tables().sessions.values().cloned().collect();
        sessions.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(sessions)
    }

    async fn find_sessions_by_upstream(&self, sid: &TokenHash) -> Result<Vec<Session>, StoreError> {
        let tables = self.tables();
        let came_of_it = |session: &&Session| {
            session.is_live() && session.upstream_session.as_ref().is_some_and(|one| one.sid() == sid)
        };
        let mut sessions: Vec<_> = tables.sessions.values().filter(came_of_it).cloned().collect();
        sessions.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(sessions)
    }

    async fn touch_session(
        &self,
        id: &SessionId,
        active_at: Timestamp,
        calls: u64,
    ) -> Result<(), StoreError> {
        if let Some(session) = self.tables().sessions.get_mut(id) {
            *session = rules::touched(session.clone(), active_at, calls);
        }
        Ok(())
    }

    async fn note_trouble(&self, id: &SessionId, trouble: &RefreshTrouble) -> Result<(), StoreError> {
        if let Some(session) = self.tables().sessions.get_mut(id).filter(|session| session.is_live()) {
            *session = rules::troubled(session.clone(), trouble);
        }
        Ok(())
    }

    async fn find_refresh(&self, hash: &TokenHash) -> Result<Option<RefreshToken>, StoreError> {
        Ok(self.tables().refresh_tokens.get(hash).cloned())
    }

    async fn rotate_refresh(
        &self,
        old: &TokenHash,
        answer: &Sealed,
        new: &RefreshToken,
        session: &Session,
        now: Timestamp,
    ) -> Result<Swap, StoreError> {
        let mut tables = self.tables();
        let Some(old) = tables.refresh_tokens.get(old).cloned() else { return Ok(Swap::Lost) };
        let stored = tables.sessions.get(&old.session).cloned();
        let Some(stored) = stored.filter(|stored| rules::may_rotate(&old, stored, session)) else {
            return Ok(Swap::Lost);
        };
        if tables.refresh_tokens.contains_key(&new.hash) {
            return Err(tables::taken("refresh token"));
        }
        tables.forget_answers(now, Some(&stored.id));
        let used = RefreshToken { used: Some(RefreshUse { at: now, answer: Some(answer.clone()) }), ..old };
        tables.refresh_tokens.insert(used.hash, used);
        tables.refresh_tokens.insert(new.hash, new.clone());
        tables.sessions.insert(stored.id.clone(), rules::refreshed(stored, session));
        Ok(Swap::Done)
    }

    async fn end_session(
        &self,
        id: &SessionId,
        why: &Ended,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut tables = self.tables();
        let live = tables.sessions.get(id).filter(|session| session.is_live()).cloned();
        if live.is_some() {
            tables.end_session(id, why, now);
        }
        Ok(live)
    }

    async fn keep_challenge(&self, id: &SessionId, challenge: &Sealed) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if let Some(session) = tables.sessions.get_mut(id).filter(|session| session.is_live()) {
            *session = rules::challenged(session.clone(), challenge);
        }
        Ok(())
    }

    async fn take_challenge(
        &self,
        client: &ClientId,
        person: &PersonId,
    ) -> Result<Option<Session>, StoreError> {
        let mut tables = self.tables();
        let mut newest: Option<(Timestamp, Session)> = None;
        for session in tables.sessions.values_mut() {
            if session.client != *client {
                continue;
            }
            let Some(at) = session.challenged_at(person) else { continue };
            if newest.as_ref().is_none_or(|(before, _)| *before <= at) {
                newest = Some((at, session.clone()));
            }
            *session = rules::unchallenged(session.clone());
        }
        Ok(newest.map(|(_, session)| session))
    }

    async fn put_consent(&self, consent: &Consent) -> Result<(), StoreError> {
        let key = (consent.browser, consent.client.clone(), consent.redirect_uri.clone());
        let mut tables = self.tables();
        tables.consents.insert(key, consent.clone());
        if self.consent_pace.due() {
            tables.evict_consents(self.bounds.consents);
        }
        Ok(())
    }

    async fn find_consent(
        &self,
        browser: &TokenHash,
        client: &ClientId,
        redirect_uri: &str,
    ) -> Result<Option<Consent>, StoreError> {
        let key = (*browser, client.clone(), redirect_uri.to_owned());
        Ok(self.tables().consents.get(&key).cloned())
    }

    async fn forget_consent(&self, browser: &TokenHash, client: &ClientId) -> Result<(), StoreError> {
        self.tables().consents.retain(|(by, of, _), _| by != browser || of != client);
        Ok(())
    }

    async fn use_assertion(&self, used: &AssertionUse) -> Result<Swap, StoreError> {
        let mut tables = self.tables();
        if let Some(before) = tables.assertions.get(&used.id) {
            return Ok(if used.repeats(before) { Swap::Done } else { Swap::Lost });
        }
        tables.assertions.insert(used.id, *used);
        Ok(Swap::Done)
    }

    async fn append_events(&self, events: &[AuthEvent]) -> Result<Vec<i64>, StoreError> {
        let mut tables = self.tables();
        let first = tables.last_seq + 1;
        for event in events {
            tables.last_seq += 1;
            let numbered = rules::numbered(fitted(event).into_owned(), tables.last_seq);
            tables.events.push_back(numbered);
        }
        for share in self.log_pace.due(events) {
            tables.cut_events(share, self.bounds.events);
        }
        Ok((first..=tables.last_seq).collect())
    }

    async fn list_events(&self, query: &EventQuery) -> Result<Vec<AuthEvent>, StoreError> {
        let about = |event: &&AuthEvent| {
            query.before.is_none_or(|before| event.seq < before)
                && (query.attempt.is_none() || event.about.attempt == query.attempt)
                && (query.session.is_none() || event.about.session == query.session)
        };
        let tables = self.tables();
        Ok(tables.events.iter().rev().filter(about).take(rules::page_size(query.limit)).cloned().collect())
    }

    async fn list_attempts(&self, query: &AttemptQuery) -> Result<Vec<Vec<AuthEvent>>, StoreError> {
        Ok(self.tables().attempts(query))
    }

    async fn forget(&self, what: Forget) -> Result<(), StoreError> {
        self.tables().forget(what);
        Ok(())
    }

    async fn reap(&self, now: Timestamp) -> Result<Reaped, StoreError> {
        Ok(self.tables().reap(&self.bounds, now))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
