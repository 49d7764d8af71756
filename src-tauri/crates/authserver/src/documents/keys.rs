//! Public keys of clients that sign assertions, from the `jwks_uri` they name: fetched like documents, within the same
//! budget, and kept as long as their host says.

use std::sync::Arc;
use std::time::Duration;

use model::ids::ClientId;
use model::time::Timestamp;
use serde_json::Value;

use super::budget::Asker;
use super::fetch::FetchError;
use super::{DocumentError, Documents, FAILURE_LIFETIME, Fetched, STALE_LIFETIME, Standing};
use crate::assertion::usable_keys;

/// What is known of one address.
pub(super) struct KeySet {
    /// `None` if it never answered properly.
    keys: Option<Arc<Vec<Value>>>,
    fetched_at: Timestamp,
    fresh_for: Duration,
    /// The last time it was asked, and whether that came to nothing.
    asked_at: Timestamp,
    failed: Option<DocumentError>,
}

impl Documents {
    /// The keys that `client` publishes at `address`. `enough` says whether keys at hand will do: a client that has just
    /// begun to sign with a new one is asked again, at most once a minute.
    ///
    /// # Errors
    /// There are none at hand, and none to be had.
    pub(crate) async fn keys(
        &self,
        client: &ClientId,
        standing: Standing,
        address: &str,
        enough: impl Fn(&[Value]) -> bool,
    ) -> Result<Arc<Vec<Value>>, DocumentError> {
        let now = self.0.clock.now();
        let known = self.0.key_sets.get(address);
        if let Some(set) = &known
            && (set.is_fresh(now, enough) || now.since(set.asked_at) < FAILURE_LIFETIME)
        {
            return set.answer(now);
        }
        let asked = self.fetch_keys(client, standing, address).await;
        let now = self.0.clock.now();
        let set = match asked {
            Ok((keys, fresh_for)) => {
                KeySet { keys: Some(Arc::new(keys)), fetched_at: now, fresh_for, asked_at: now, failed: None }
            }
            // Being busy says nothing about this address.
            Err(DocumentError::Busy { retry_after }) => {
                let busy = DocumentError::Busy { retry_after };
                return known.map_or(Err(busy), |set| set.answer(now));
            }
            Err(error) => KeySet {
                keys: known.as_ref().and_then(|set| set.keys.clone()),
                fetched_at: known.as_ref().map_or(now, |set| set.fetched_at),
                fresh_for: known.as_ref().map_or(Duration::ZERO, |set| set.fresh_for),
                asked_at: now,
                failed: Some(error),
            },
        };
        let set = Arc::new(set);
        self.0.key_sets.insert(address.to_owned(), Arc::clone(&set));
        set.answer(now)
    }

    async fn fetch_keys(
        &self,
        client: &ClientId,
        standing: Standing,
        address: &str,
    ) -> Result<(Vec<Value>, Duration), DocumentError> {
        let url = self.0.fetch.locate(address)?;
        let asker = match standing {
            Standing::Approved => Asker::Approved,
            Standing::Unproven => Asker::Stranger,
        };
        let host = url.host_str().unwrap_or_default();
        let taken = self.0.budget.take(host, client, asker);
        let _slot = taken.map_err(|retry_after| DocumentError::Busy { retry_after })?;
        match self.0.fetch.fetch(&url, None).await? {
            Fetched::Document { body, freshness, .. } => {
                let set: Value = serde_json::from_slice(&body).map_err(|_| FetchError::ContentType)?;
                let keys = usable_keys(&set).ok_or(FetchError::ContentType)?;
                Ok((keys, freshness.lifetime().unwrap_or_default()))
            }
            // Unasked for: there is no copy it could be about.
            Fetched::Unchanged { .. } => Err(FetchError::Status(304).into()),
        }
    }
}

impl KeySet {
    fn is_fresh(&self, now: Timestamp, enough: impl Fn(&[Value]) -> bool) -> bool {
        now.since(self.fetched_at) < self.fresh_for && self.keys.as_ref().is_some_and(|keys| enough(keys))
    }

    /// What there is, unless it is too old to be relied upon.
    fn answer(&self, now: Timestamp) -> Result<Arc<Vec<Value>>, DocumentError> {
        match (&self.keys, self.failed) {
            (Some(keys), _) if now.since(self.fetched_at) < STALE_LIFETIME => Ok(Arc::clone(keys)),
            (_, Some(error)) => Err(error),
            (_, None) => Err(FetchError::TimedOut.into()),
        }
    }
}

#[cfg(test)]
mod tests;
