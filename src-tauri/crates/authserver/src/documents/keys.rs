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
    /// begun to sign with a new one is asked again, at most once a minute, and until then it is told to wait.
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
        if let Some(answer) = self.keys_at_hand(address, &enough) {
            return answer;
        }
        // One asks, the others wait for what it hears.
        let _turn = self.0.key_turns.take(address).await;
        if let Some(answer) = self.keys_at_hand(address, &enough) {
            return answer;
        }
        let known = self.0.key_sets.get(address);
        let asked = self.fetch_keys(client, standing, address).await;
        let now = self.0.clock.now();
        let set = match asked {
            Ok((keys, fresh_for)) => {
                KeySet { keys: Some(Arc::new(keys)), fetched_at: now, fresh_for, asked_at: now, failed: None }
            }
            // Being busy says nothing about this address.
            Err(busy @ DocumentError::Busy { .. }) => return Err(busy),
            Err(error) => {
                // The host alone, as of documents: the rest is what a stranger wrote.
                let url = self.0.fetch.locate(address).ok();
                let host = url.as_ref().and_then(url::Url::host_str).unwrap_or_default();
                tracing::warn!(host, %error, "the keys of a client could not be had");
                KeySet {
                    keys: known.as_ref().and_then(|set| set.keys.clone()),
                    fetched_at: known.as_ref().map_or(now, |set| set.fetched_at),
                    fresh_for: known.as_ref().map_or(Duration::ZERO, |set| set.fresh_for),
                    asked_at: now,
                    failed: Some(error),
                }
            }
        };
        let set = Arc::new(set);
        self.0.key_sets.insert(address.to_owned(), Arc::clone(&set));
        set.answer(now)
    }

    /// What can be answered without asking anybody.
    fn keys_at_hand(
        &self,
        address: &str,
        enough: &impl Fn(&[Value]) -> bool,
    ) -> Option<Result<Arc<Vec<Value>>, DocumentError>> {
        let now = self.0.clock.now();
        let set = self.0.key_sets.get(address)?;
        let will_do = set.keys.as_ref().is_some_and(|keys| enough(keys));
        if will_do && now.since(set.fetched_at) < set.fresh_for {
            return Some(set.answer(now));
        }
        let rest = FAILURE_LIFETIME.checked_sub(now.since(set.asked_at)).filter(|rest| !rest.is_zero())?;
        let wait = set.keys.is_some() && !will_do;
        Some(if wait { Err(DocumentError::Busy { retry_after: rest }) } else { set.answer(now) })
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
