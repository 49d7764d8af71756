//! How many wrong codes may be typed from outside, all sign-ins together.
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

/// Outlives runs of the server, so that none of them begins anew. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Guesses(Arc<Mutex<VecDeque<Timestamp>>>);

/// A code about to be looked at. Counted as wrong unless it turns out to be right.
#[must_use]
pub(crate) struct Guess<'a> {
    guesses: &'a Guesses,
    at: Timestamp,
}

// === impl Guesses ===

impl Guesses {
    /// Until when nobody from outside may type a code; `None` if they may.
    pub fn used_up_until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut wrong = self.lock();
        while wrong.front().is_some_and(|first| now >= first.plus(WITHIN)) {
            wrong.pop_front();
        }
        (wrong.len() >= MOST_WRONG).then(|| wrong.front().map_or(now, |first| first.plus(WITHIN)))
    }

    /// The owner knows of it and lets new clients go on.
    pub fn forget(&self) {
        self.lock().clear();
    }

    /// Counts a code before it is looked at, however many come at once.
    ///
    /// # Errors
    /// The budget is used up until then.
    pub(crate) fn count(&self, now: Timestamp) -> Result<Guess<'_>, Timestamp> {
        if let Some(until) = self.used_up_until(now) {
            return Err(until);
        }
        let mut wrong = self.lock();
        // Another may have taken the last one meanwhile.
        if wrong.len() >= MOST_WRONG {
            return Err(now.plus(WITHIN));
        }
        wrong.push_back(now);
        Ok(Guess { guesses: self, at: now })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Guess ===

impl Guess<'_> {
    pub(crate) fn was_right(self) {
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
            guesses.count(now).ok().unwrap().was_right();
            let _ = guesses.count(now.plus(Duration::from_secs(n as u64))).ok().unwrap();
        }
        let last = now.plus(Duration::from_secs(MOST_WRONG as u64));
        assert_eq!(guesses.count(last).err(), Some(now.plus(WITHIN)));
        assert_eq!(guesses.0.lock().unwrap().len(), MOST_WRONG, "and no more are kept");

        let hour = now.plus(WITHIN);
        assert_eq!(guesses.used_up_until(hour), None, "the first of them is an hour old");
        let _ = guesses.count(hour).ok().unwrap();
        assert!(guesses.used_up_until(hour).is_some());
        guesses.forget();
        assert_eq!(guesses.used_up_until(hour), None);
    }
}
