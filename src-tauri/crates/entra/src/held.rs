//! A public document, fetched rarely and used often: one fetch at a time, and the old copy while a new one fails.
//!
//! How long a copy is fresh is the caller's business, and so is what a document means.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::ports::Clock;
use model::time::Timestamp;
use model::upstream::UpstreamError;

/// After a failed fetch the next is not tried before this has passed; until then the failure is the answer.
const RETRY_EVERY: Duration = Duration::from_secs(5);

pub(crate) struct Held<T> {
    state: Mutex<State<T>>,
    /// Held by whoever fetches.
    flight: tokio::sync::Mutex<()>,
}

struct State<T> {
    copy: Option<(Arc<T>, Timestamp)>,
    failure: Option<(UpstreamError, Timestamp)>,
}

impl<T> Held<T> {
    pub(crate) const fn nothing() -> Self {
        let state = State { copy: None, failure: None };
        Self { state: Mutex::new(state), flight: tokio::sync::Mutex::const_new(()) }
    }

    /// The copy at hand if it is younger than `fresh_for`, or a fetched one, or, if that fails, the old one.
    pub(crate) async fn get(
        &self,
        clock: &dyn Clock,
        fresh_for: Duration,
        fetch: impl Future<Output = Result<T, UpstreamError>> + Send,
    ) -> Result<Arc<T>, UpstreamError> {
        if let Some(answer) = self.at_hand(clock.now(), fresh_for) {
            return answer;
        }
        let _turn = match (self.flight.try_lock(), self.copy()) {
            (Ok(turn), _) => turn,
            // An old copy now is better than a new one in fifteen seconds.
            (Err(_), Some(copy)) => return Ok(copy),
            (Err(_), None) => self.flight.lock().await,
        };
        // Whoever waited for its turn finds what the one before fetched.
        if let Some(answer) = self.at_hand(clock.now(), fresh_for) {
            return answer;
        }
        let fetched = fetch.await;
        self.note(fetched, clock.now())
    }

    /// Fetches although a copy is fresh, unless somebody has replaced `seen` meanwhile. A failure is returned, and
    /// the copy stays.
    pub(crate) async fn renew(
        &self,
        clock: &dyn Clock,
        seen: &Arc<T>,
        fetch: impl Future<Output = Result<T, UpstreamError>> + Send,
    ) -> Result<Arc<T>, UpstreamError> {
        let _turn = self.flight.lock().await;
        if let Some(copy) = self.copy().filter(|copy| !Arc::ptr_eq(copy, seen)) {
            return Ok(copy);
        }
        let fetched = fetch.await?;
        self.note(Ok(fetched), clock.now())
    }

    fn copy(&self) -> Option<Arc<T>> {
        self.state().copy.as_ref().map(|(copy, _)| Arc::clone(copy))
    }

    fn at_hand(&self, now: Timestamp, fresh_for: Duration) -> Option<Result<Arc<T>, UpstreamError>> {
        let state = self.state();
        let lately_failed = state.failure.as_ref().filter(|(_, at)| now.since(*at) < RETRY_EVERY);
        match (&state.copy, lately_failed) {
            (Some((copy, at)), failed) if failed.is_some() || now.since(*at) < fresh_for => {
                Some(Ok(Arc::clone(copy)))
            }
            (None, Some((failure, _))) => Some(Err(failure.clone())),
            _ => None,
        }
    }

    fn note(&self, fetched: Result<T, UpstreamError>, now: Timestamp) -> Result<Arc<T>, UpstreamError> {
        let mut state = self.state();
        match fetched {
            Ok(value) => {
                let copy = Arc::new(value);
                *state = State { copy: Some((Arc::clone(&copy), now)), failure: None };
                Ok(copy)
            }
            Err(failure) => {
                tracing::warn!(
                    stale = state.copy.is_some(),
                    "could not fetch a document of the identity provider"
                );
                state.failure = Some((failure.clone(), now));
                state.copy.as_ref().map(|(copy, _)| Arc::clone(copy)).ok_or(failure)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use model::testing::ManualClock;

    use super::*;
    use crate::http::unavailable;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[tokio::test]
    async fn many_who_ask_at_once_cause_one_fetch() {
        let (held, clock, fetches) =
            (Held::nothing(), ManualClock::at(Timestamp::from_secs(0)), AtomicUsize::new(0));
        let ask = || {
            held.get(&clock, DAY, async {
                tokio::task::yield_now().await;
                Ok(fetches.fetch_add(1, Ordering::SeqCst))
            })
        };
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert_eq!((*a.unwrap(), *b.unwrap(), *c.unwrap()), (0, 0, 0));
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_answers_for_five_seconds_and_is_then_tried_again() {
        let (held, clock) = (Held::nothing(), ManualClock::at(Timestamp::from_secs(0)));
        assert!(held.get(&clock, DAY, async { Err::<i32, _>(unavailable("down")) }).await.is_err());
        clock.advance(Duration::from_millis(4999));
        assert!(held.get(&clock, DAY, async { Ok(1) }).await.is_err(), "too early to try again");
        clock.advance(Duration::from_millis(1));
        assert_eq!(*held.get(&clock, DAY, async { Ok(2) }).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn an_old_copy_outlives_a_failing_fetch() {
        let (held, clock) = (Held::nothing(), ManualClock::at(Timestamp::from_secs(0)));
        held.get(&clock, DAY, async { Ok(1) }).await.unwrap();
        clock.advance(DAY);
        assert_eq!(*held.get(&clock, DAY, async { Err(unavailable("down")) }).await.unwrap(), 1);
        clock.advance(RETRY_EVERY);
        assert_eq!(*held.get(&clock, DAY, async { Ok(2) }).await.unwrap(), 2);
    }
}
