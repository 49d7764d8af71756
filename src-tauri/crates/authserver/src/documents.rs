//! Clients known by a client ID metadata document: the client id is the https URL of a JSON document about the client
//! (draft-ietf-oauth-client-id-metadata-document).
//!
//! Copies and failures are kept in memory only; a replica that has none fetches its own. Whether a client is approved
//! is not known here: whoever asks says so.

mod address;
mod budget;
mod document;
mod error;
mod fetch;
mod freshness;
mod keys;
mod location;
mod pinned;
mod resolve;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use model::client::Client;
use model::ids::ClientId;
use model::ports::Clock;
use model::time::Timestamp;
use moka::sync::Cache;
use url::Url;

use budget::{Asker, Budget};

use crate::turns::Turns;

pub use document::{ClientDocument, DocumentFault};
pub use error::DocumentError;
pub use fetch::{DocumentFetch, FetchError, Fetched, SafeFetch};
pub use freshness::{Freshness, Validators};
pub use location::LocationError;
pub use resolve::{Resolver, SystemResolver};

/// Documents kept, and failures kept; what was used least goes first.
const MAX_KEPT: u64 = 1_000;
/// A failure is not tried again for so long.
const FAILURE_LIFETIME: Duration = Duration::from_mins(1);
/// How long after its last confirmation a copy may stand in while its host does not answer properly.
const STALE_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// What the one who asks knows of a client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Somebody signed in for it once, so it is nobody's invention.
    Approved,
    /// Anybody may have made it up.
    Unproven,
}

/// Resolves client ids that are URLs. A clone is another handle on the same copies.
#[derive(Clone)]
pub struct Documents(Arc<Inner>);

struct Inner {
    fetch: Arc<dyn DocumentFetch>,
    clock: Arc<dyn Clock>,
    budget: Budget,
    copies: Cache<ClientId, Arc<Kept>>,
    /// Ids that led to a good document, whether or not a copy may be kept: part of the budget is theirs.
    known: Cache<ClientId, ()>,
    /// Apart from the copies, so that made-up client ids push out only each other.
    failures: Cache<ClientId, Failure>,
    /// By their address.
    key_sets: Cache<String, Arc<keys::KeySet>>,
    key_turns: Turns,
    flights: Mutex<HashMap<ClientId, Flight>>,
    flown: AtomicU64,
}

/// A document as last confirmed by its publisher.
struct Kept {
    client: Client,
    validators: Validators,
    confirmed_at: Timestamp,
    /// `None` if it may not be kept beyond this answer.
    lifetime: Option<Duration>,
}

#[derive(Clone)]
struct Failure {
    at: Timestamp,
    error: DocumentError,
}

type Answer = Result<Client, DocumentError>;

/// A fetch under way. It is driven by those who wait for it and ends when the last of them is gone.
struct Flight {
    number: u64,
    answer: WeakShared<BoxFuture<'static, Answer>>,
}

/// Takes a flight off the list, however it ends.
struct Landing {
    inner: Arc<Inner>,
    id: ClientId,
    number: u64,
}

// === impl Documents ===

impl Documents {
    pub fn new(fetch: Arc<dyn DocumentFetch>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            fetch,
            budget: Budget::new(Arc::clone(&clock)),
            clock,
            copies: Cache::builder().max_capacity(MAX_KEPT).time_to_live(STALE_LIFETIME).build(),
            known: Cache::builder().max_capacity(MAX_KEPT).time_to_live(STALE_LIFETIME).build(),
            failures: Cache::new(MAX_KEPT),
            key_sets: Cache::builder().max_capacity(MAX_KEPT).time_to_live(STALE_LIFETIME).build(),
            key_turns: Turns::default(),
            flights: Mutex::default(),
            flown: AtomicU64::new(0),
        }))
    }

    /// Whether `id` can name a document at all, as opposed to a registered or configured client.
    pub fn names_document(&self, id: &ClientId) -> bool {
        self.may_be_at(id.as_str())
    }

    /// Whether something could be fetched from this address at all.
    pub(crate) fn may_be_at(&self, address: &str) -> bool {
        self.0.fetch.locate(address).is_ok()
    }

    /// What a copy says that is at hand, fresh or not. Nobody is asked.
    pub(crate) fn at_hand(&self, id: &ClientId) -> Option<Client> {
        self.0.copies.get(id).map(|copy| copy.client.clone())
    }

    /// The client that `id` names, from a copy that still counts or from its publisher.
    ///
    /// # Errors
    /// See [`DocumentError`]; [`DocumentError::is_transient`] tells "not now" from "no".
    pub async fn client(
        &self,
        id: &ClientId,
        standing: Standing,
        now: Timestamp,
    ) -> Result<Client, DocumentError> {
        let url = self.0.fetch.locate(id.as_str())?;
        match self.0.remembered(id, now) {
            Some(answer) => answer,
            None => self.flight(id, standing, url, now).await,
        }
    }

    /// Joins the fetch that is under way for `id`, or starts one.
    fn flight(
        &self,
        id: &ClientId,
        standing: Standing,
        url: Url,
        now: Timestamp,
    ) -> Shared<BoxFuture<'static, Answer>> {
        let mut flights = self.0.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = flights.get(id).and_then(|flight| flight.answer.upgrade()) {
            return running;
        }
        // One that landed since we last looked left its answer behind.
        if let Some(answer) = self.0.remembered(id, now) {
            return std::future::ready(answer).boxed().shared();
        }
        let number = self.0.flown.fetch_add(1, Ordering::Relaxed);
        let landing = Landing { inner: Arc::clone(&self.0), id: id.clone(), number };
        let answer = async move { landing.inner.obtain(&landing.id, standing, &url).await }.boxed().shared();
        if let Some(weak) = answer.downgrade() {
            flights.insert(id.clone(), Flight { number, answer: weak });
        }
        answer
    }
}

// === impl Inner ===

impl Inner {
    /// What can be answered without asking anybody.
    fn remembered(&self, id: &ClientId, now: Timestamp) -> Option<Answer> {
        let copy = self.copies.get(id);
        if let Some(copy) = copy.as_ref().filter(|copy| copy.is_fresh(now)) {
            return Some(Ok(copy.client.clone()));
        }
        let failure = self.failures.get(id).filter(|failure| failure.counts(now))?;
        Some(stand_in(id, copy.as_deref(), failure.error, now).ok_or(failure.error))
    }

    async fn obtain(&self, id: &ClientId, standing: Standing, url: &Url) -> Answer {
        let known = self.copies.get(id);
        let outcome = self.ask(id, standing, url, known.as_deref()).await;
        match outcome {
            Ok(copy) => Ok(self.keep(id, copy)),
            Err(error) => {
                let now = self.clock.now();
                self.note(id, error, now);
                let client = stand_in(id, known.as_deref(), error, now).ok_or(error)?;
                let host = url.host_str().unwrap_or_default();
                tracing::warn!(host, %error, "a client metadata document could not be had; what is known of it is used");
                Ok(client)
            }
        }
    }

    /// Asks the publisher, who may confirm the copy we have.
    async fn ask(
        &self,
        id: &ClientId,
        standing: Standing,
        url: &Url,
        known: Option<&Kept>,
    ) -> Result<Kept, DocumentError> {
        let asker = match standing {
            Standing::Approved => Asker::Approved,
            Standing::Unproven if self.known.contains_key(id) => Asker::Known,
            Standing::Unproven => Asker::Stranger,
        };
        let host = url.host_str().unwrap_or_default();
        let _slot =
            self.budget.take(host, id, asker).map_err(|retry_after| DocumentError::Busy { retry_after })?;
        let fetched = self.fetch.fetch(url, known.map(|copy| &copy.validators)).await?;
        let confirmed_at = self.clock.now();
        match (fetched, known) {
            (Fetched::Document { body, validators, freshness }, _) => {
                let created_at = known.map_or(confirmed_at, |copy| copy.client.created_at);
                let client = ClientDocument::parse(id, &body)?.into_client(created_at);
                Ok(Kept { client, validators, confirmed_at, lifetime: freshness.lifetime() })
            }
            (Fetched::Unchanged { validators, freshness }, Some(copy)) => {
                // A 304 that repeats neither keeps what the document came with (RFC 9111 section 4.3.4).
                let validators = if validators.is_empty() { copy.validators.clone() } else { validators };
                let lifetime =
                    if freshness == Freshness::Unstated { copy.lifetime } else { freshness.lifetime() };
                Ok(Kept { client: copy.client.clone(), validators, confirmed_at, lifetime })
            }
            // Unasked for: there is no copy it could be about.
            (Fetched::Unchanged { .. }, None) => Err(FetchError::Status(304).into()),
        }
    }

    fn keep(&self, id: &ClientId, copy: Kept) -> Client {
        let client = copy.client.clone();
        self.failures.invalidate(id);
        self.known.insert(id.clone(), ());
        if copy.lifetime.is_some() {
            self.copies.insert(id.clone(), Arc::new(copy));
        } else {
            self.copies.invalidate(id);
        }
        client
    }

    fn note(&self, id: &ClientId, error: DocumentError, at: Timestamp) {
        if error.is_definite() {
            self.copies.invalidate(id);
            self.known.invalidate(id);
        }
        // Being busy says nothing about this document.
        if !matches!(error, DocumentError::Busy { .. }) {
            self.failures.insert(id.clone(), Failure { at, error });
        }
    }
}

/// An earlier copy, or what this program was built with, while the publisher says nothing definite.
fn stand_in(id: &ClientId, copy: Option<&Kept>, error: DocumentError, now: Timestamp) -> Option<Client> {
    copy.and_then(|copy| copy.stand_in(error, now))
        .or_else(|| (!error.is_definite()).then(|| pinned::client(id, now)).flatten())
}

// === impl Kept ===

impl Kept {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.lifetime.is_some_and(|lifetime| now.since(self.confirmed_at) < lifetime)
    }

    /// The client as last confirmed, if that is good enough while `error` keeps us from asking again.
    fn stand_in(&self, error: DocumentError, now: Timestamp) -> Option<Client> {
        let counts = !error.is_definite() && now.since(self.confirmed_at) < STALE_LIFETIME;
        counts.then(|| self.client.clone())
    }
}

// === impl Failure ===

impl Failure {
    fn counts(&self, now: Timestamp) -> bool {
        now.since(self.at) < FAILURE_LIFETIME
    }
}

// === impl Landing ===

impl Drop for Landing {
    fn drop(&mut self) {
        let mut flights = self.inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // A flight given up by everybody may already have been followed by another.
        if flights.get(&self.id).is_some_and(|flight| flight.number == self.number) {
            flights.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests;
