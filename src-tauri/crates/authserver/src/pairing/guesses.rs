//! How many wrong codes may be typed from outside, all sign-ins together; and what else strangers get wrong as often as they like.
//!
//! Each sign-in has five tries, and a stranger can begin as many as they like. So there is one budget for them all: once it is
//! used up no code is looked at that comes by the public address, until an hour has passed or the owner says go on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::time::Timestamp;

/// Of a million codes: whoever guesses at this pace needs two years for an even chance, and is seen from the first hour on.
pub const MOST_WRONG: usize = 30;
const WITHIN: Duration = Duration::from_secs(3_600);

/// Those of pairing codes outlive runs of the server, so that none of them begins anew. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Guesses {
    most: usize,
    within: Duration,
    wrong: Arc<Mutex<VecDeque<Timestamp>>>,
}

/// One about to be looked at. Counted as wrong unless it turns out not to be.
#[must_use]
pub(crate) struct Guess<'a> {
    guesses: &'a Guesses,
    at: Timestamp,
}

// === impl Guesses ===

impl Default for Guesses {
    /// Those of pairing codes.
    fn default() -> Self {
        Self::of(MOST_WRONG, WITHIN)
    }
}

impl Guesses {
    pub(crate) fn of(most: usize, within: Duration) -> Self {
        Self { most, within, wrong: Arc::default() }
    }

    /// Until when nothing is looked at; `None` if it is.
    pub fn used_up_until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut wrong = self.lock();
        while wrong.front().is_some_and(|first| now >= first.plus(self.within)) {
            wrong.pop_front();
        }
        (wrong.len() >= self.most).then(|| wrong.front().map_or(now, |first| first.plus(self.within)))
    }

    /// The owner knows of it and lets new clients go on.
    pub fn forget(&self) {
        self.lock().clear();
    }

    /// Counts one before it is looked at, however many come at once.
    ///
    /// # Errors
    /// The budget is used up until then.
    pub(crate) fn count(&self, now: Timestamp) -> Result<Guess<'_>, Timestamp> {
        if let Some(until) = self.used_up_until(now) {
            return Err(until);
        }
        let mut wrong = self.lock();
        // Another may have taken the last one meanwhile.
        if wrong.len() >= self.most {
            return Err(now.plus(self.within));
        }
        wrong.push_back(now);
        Ok(Guess { guesses: self, at: now })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Timestamp>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Guess ===

impl Guess<'_> {
    /// It was right, or nobody said that it was wrong.
    pub(crate) fn costs_nothing(self) {
        let mut wrong = self.guesses.lock();
        if let Some(at) = wrong.iter().rposition(|wrong| *wrong == self.at) {
            wrong.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_ones_run_out_and_right_ones_cost_nothing() {
        let (guesses, now) = (Guesses::default(), Timestamp::from_secs(1_000));
        for n in 0..MOST_WRONG {
            guesses.count(now).ok().unwrap().costs_nothing();
            let _ = guesses.count(now.plus(Duration::from_secs(n as u64))).ok().unwrap();
        }
        let last = now.plus(Duration::from_secs(MOST_WRONG as u64));
        assert_eq!(guesses.count(last).err(), Some(now.plus(WITHIN)));
        assert_eq!(guesses.wrong.lock().unwrap().len(), MOST_WRONG, "and no more are kept");

        let hour = now.plus(WITHIN);
        assert_eq!(guesses.used_up_until(hour), None, "the first of them is an hour old");
        let _ = guesses.count(hour).ok().unwrap();
        assert!(guesses.used_up_until(hour).is_some());
        guesses.forget();
        assert_eq!(guesses.used_up_until(hour), None);
    }
}
