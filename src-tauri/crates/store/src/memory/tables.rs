//! The maps behind the lock, and what touches more than one of them.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

use model::client::Client;
use model::consent::Consent;
use model::event::AuthEvent;
use model::grant::{Grant, Stage};
use model::ids::{AttemptId, ClientId, GrantId, SessionId, TokenHash};
use model::ports::{AssertionUse, AttemptQuery, Bounds, Forget, Reaped, StoreError, Swap};
use model::session::{Ended, RefreshToken, Session};
use model::time::Timestamp;

use crate::rules::{self, Share};

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) clients: HashMap<ClientId, Client>,
    pub(super) grants: HashMap<GrantId, Grant>,
    pub(super) codes: HashMap<TokenHash, GrantId>,
    pub(super) sessions: HashMap<SessionId, Session>,
    pub(super) refresh_tokens: HashMap<TokenHash, RefreshToken>,
    pub(super) consents: HashMap<(TokenHash, ClientId, String), Consent>,
    pub(super) assertions: HashMap<TokenHash, AssertionUse>,
    pub(super) events: VecDeque<AuthEvent>,
    /// Position of the newest event there ever was.
    pub(super) last_seq: i64,
}

/// Two random values met, or one was added twice; a new one will do.
pub(super) fn taken(what: &str) -> StoreError {
    StoreError::Unavailable(format!("this {what} is already there"))
}

// === grants ===

impl Tables {
    pub(super) fn code_is_of_another(&self, grant: &Grant) -> bool {
        grant.code().and_then(|code| self.codes.get(code)).is_some_and(|id| *id != grant.id)
    }

    pub(super) fn may_advance(&self, grant: &Grant) -> Result<Swap, StoreError> {
        let stored = self.grants.get(&grant.id).map(|stored| stored.revision);
        if stored.is_none() || stored != grant.revision.checked_sub(1) {
            return Ok(Swap::Lost);
        }
        if self.code_is_of_another(grant) { Err(taken("code")) } else { Ok(Swap::Done) }
    }

    pub(super) fn store_grant(&mut self, grant: &Grant) {
        if let Some(before) = self.grants.insert(grant.id.clone(), grant.clone()) {
            before.code().map(|code| self.codes.remove(code));
        }
        if let Some(code) = grant.code() {
            self.codes.insert(*code, grant.id.clone());
        }
    }

    /// The oldest nobody signed in for go, but not the one just added; those newest at the identity provider last.
    pub(super) fn evict_grants(&mut self, bound: u32, spare: Option<&GrantId>) -> u64 {
        let unproven: Vec<_> = self.grants.values().filter(|grant| rules::is_unproven(grant)).collect();
        let mut sent: Vec<_> = unproven
            .iter()
            .filter(|grant| matches!(grant.stage, Stage::AtUpstream { .. }))
            .map(|grant| (grant.created_at, &grant.id))
            .collect();
        sent.sort_unstable();
        let last: HashSet<_> = sent.iter().rev().take(rules::spared_at_upstream(bound) as usize).collect();
        let evictable = unproven.iter().filter(|grant| Some(&grant.id) != spare).map(|grant| {
            let age = (grant.created_at, &grant.id);
            ((last.contains(&age), grant.created_at), &grant.id)
        });
        let gone = oldest(evictable, unproven.len().saturating_sub(bound as usize));
        // None of them has a code yet, so none is left behind in `codes`.
        self.grants.retain(|id, _| !gone.contains(id));
        gone.len() as u64
    }

    fn forget_grants(&mut self, now: Timestamp) -> u64 {
        let before = self.grants.len();
        self.grants.retain(|_, grant| now < grant.forgotten_at());
        self.codes.retain(|_, id| self.grants.contains_key(id));
        (before - self.grants.len()) as u64
    }
}

// === clients ===

impl Tables {
    pub(super) fn approve_client(&mut self, id: &ClientId, now: Timestamp) {
        if let Some(client) = self.clients.get_mut(id) {
            *client = rules::approved(client.clone(), now);
        }
    }

    /// The oldest nobody ever approved go, but not the one just put, nor one that is blocked or has an open
    /// grant or a live session.
    pub(super) fn evict_clients(&mut self, bound: u32, spare: Option<&ClientId>) -> u64 {
        let by_grants =
            self.grants.values().filter(|grant| rules::needs_client(grant)).map(|grant| &grant.client);
        let by_sessions =
            self.sessions.values().filter(|session| session.is_live()).map(|session| &session.client);
        let needed: HashSet<_> = by_grants.chain(by_sessions).collect();
        let unapproved: Vec<_> =
            self.clients.values().filter(|client| client.approved_at.is_none()).collect();
        let evictable = unapproved
            .iter()
            .filter(|client| {
                Some(&client.id) != spare && !client.is_blocked() && !needed.contains(&client.id)
            })
            .map(|client| (client.created_at, &client.id));
        let gone = oldest(evictable, unapproved.len().saturating_sub(bound as usize));
        self.clients.retain(|id, _| !gone.contains(id));
        gone.len() as u64
    }
}

/// Ids of the `count` oldest, by age and then by id.
fn oldest<'a, I: Ord + Clone + Hash + 'a>(
    rows: impl Iterator<Item = (impl Ord, &'a I)>,
    count: usize,
) -> HashSet<I> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    rows.into_iter().take(count).map(|(_, id)| id.clone()).collect()
}

// === consents ===

impl Tables {
    /// All live equally long, so the oldest are those that end first.
    pub(super) fn evict_consents(&mut self, bound: u32) -> u64 {
        let beyond = self.consents.len().saturating_sub(bound as usize);
        let rows = self.consents.iter().map(|(key, consent)| (consent.expires_at, key));
        let gone = oldest(rows, beyond);
        self.consents.retain(|key, _| !gone.contains(key));
        gone.len() as u64
    }
}

// === sessions ===

impl Tables {
    pub(super) fn end_session(&mut self, id: &SessionId, why: &Ended, now: Timestamp) {
        if let Some(session) = self.sessions.get_mut(id) {
            *session = rules::ended(session.clone(), why, now);
        }
        let tokens = self.refresh_tokens.values_mut().filter(|token| token.session == *id);
        tokens.filter_map(|token| token.used.as_mut()).for_each(|used| used.answer = None);
    }

    /// Of one session, or of all.
    pub(super) fn forget_answers(&mut self, now: Timestamp, session: Option<&SessionId>) {
        let tokens = self.refresh_tokens.values_mut();
        tokens
            .filter(|token| session.is_none_or(|id| token.session == *id))
            .filter_map(|token| token.used.as_mut())
            .filter(|used| used.at <= rules::unanswered_from(now))
            .for_each(|used| used.answer = None);
    }

    /// Ends what was not refreshed in time.
    fn end_expired(&mut self, now: Timestamp) {
        let over = |session: &Session| rules::session_until(session) <= now;
        let expired: Vec<_> =
            self.sessions.values().filter(|session| session.is_live() && over(session)).collect();
        for id in expired.into_iter().map(|session| session.id.clone()).collect::<Vec<_>>() {
            self.end_session(&id, &Ended::Expired, now);
        }
    }

    fn forget_refresh_tokens(&mut self, now: Timestamp) -> u64 {
        let (before, sessions) = (self.refresh_tokens.len(), &self.sessions);
        self.refresh_tokens.retain(|_, token| {
            sessions.get(&token.session).is_some_and(|session| now < rules::refresh_until(token, session))
        });
        (before - self.refresh_tokens.len()) as u64
    }

    fn forget_sessions(&mut self, now: Timestamp) -> u64 {
        let before = self.sessions.len();
        self.sessions.retain(|_, session| session.is_live() || now < rules::session_until(session));
        (before - self.sessions.len()) as u64
    }
}

// === events and upkeep ===

impl Tables {
    pub(super) fn cut_events(&mut self, share: Share, bound: u32) -> u64 {
        let there = self.events.iter().filter(|event| Share::of(event) == share).count();
        let beyond = there.saturating_sub(share.bound(bound) as usize);
        let mut left = beyond;
        self.events.retain(|event| {
            let goes = left > 0 && Share::of(event) == share;
            left -= usize::from(goes);
            !goes
        });
        beyond as u64
    }

    pub(super) fn attempts(&self, query: &AttemptQuery) -> Vec<Vec<AuthEvent>> {
        let mut found: HashMap<&AttemptId, Vec<&AuthEvent>> = HashMap::new();
        for event in &self.events {
            if let Some(attempt) = &event.about.attempt {
                found.entry(attempt).or_default().push(event);
            }
        }
        found.retain(|attempt, events| {
            (query.only.is_empty() || query.only.contains(attempt))
                && query.before.is_none_or(|before| events.last().is_some_and(|last| last.seq < before))
        });
        let mut attempts: Vec<_> = found.into_values().collect();
        attempts.sort_by_key(|events| Reverse(events.last().map(|last| last.seq)));
        let attempts = attempts.into_iter().take(rules::page_size(query.limit));
        attempts.map(|events| firsts_and_lasts(&events)).collect()
    }

    pub(super) fn forget(&mut self, what: Forget) {
        let (events, sessions, clients) = rules::forgotten(what);
        if events {
            self.events.clear();
        }
        if sessions {
            self.refresh_tokens.clear();
            self.sessions.clear();
        }
        if clients {
            let all = what == Forget::Everything;
            self.clients.retain(|_, client| client.is_blocked() && !all);
            self.consents.clear();
        }
        if sessions || clients {
            self.grants.clear();
            self.codes.clear();
        }
    }

    pub(super) fn reap(&mut self, bounds: &Bounds, now: Timestamp) -> Reaped {
        let grants = self.forget_grants(now) + self.evict_grants(bounds.open_grants, None);
        let clients = self.evict_clients(bounds.unapproved_clients, None);
        self.forget_answers(now, None);
        self.end_expired(now);
        let refresh_tokens = self.forget_refresh_tokens(now);
        let sessions = self.forget_sessions(now);
        let consents = self.consents.len();
        self.consents.retain(|_, consent| now < consent.expires_at);
        let consents = (consents - self.consents.len()) as u64 + self.evict_consents(bounds.consents);
        let assertions = self.assertions.len();
        self.assertions.retain(|_, used| now < used.until);
        let assertions = (assertions - self.assertions.len()) as u64;
        let kept_from = rules::events_kept_from(bounds, now);
        let events = self.events.len();
        self.events.retain(|event| event.at >= kept_from);
        let old = (events - self.events.len()) as u64;
        let events = old + Share::ALL.map(|share| self.cut_events(share, bounds.events)).iter().sum::<u64>();
        Reaped { clients, grants, sessions, refresh_tokens, consents, assertions, events }
    }
}

/// The first and the last event of each kind.
fn firsts_and_lasts(events: &[&AuthEvent]) -> Vec<AuthEvent> {
    let mut ends: HashMap<&str, (i64, i64)> = HashMap::new();
    for event in events {
        ends.entry(event.kind.name()).or_insert((event.seq, event.seq)).1 = event.seq;
    }
    let is_end = |event: &&&AuthEvent| {
        ends.get(event.kind.name()).is_some_and(|&(first, last)| event.seq == first || event.seq == last)
    };
    events.iter().filter(is_end).map(|&event| event.clone()).collect()
}
