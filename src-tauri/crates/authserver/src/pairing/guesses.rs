//! How many wrong codes may be typed from outside, all sign-ins together; and what else strangers get wrong as often as they like.
//!
//! Each sign-in has five tries, and a stranger can begin as many as they like. So there is one budget of short codes for them all: once
//! it is used up only long ones are looked at that come by the public address, until the first is a day old or the owner says
//! go on. Where the tunnel's provider says who asks, one source alone cannot use it up.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::time::Timestamp;

/// Of a million codes; what that comes to is said at the top of `pairing`.
pub const MOST_WRONG: usize = 30;
/// Of one source that is known: two sign-ins with all their tries.
const MOST_OF_ONE: usize = 10;
const WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// Further ahead than those that count at the same moment can be: the clock was set back, and who knows how long ago it was.
const AHEAD: Duration = Duration::from_secs(60);

/// Those of pairing codes outlive runs of the server, so that none of them begins anew. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Guesses {
    most: usize,
    within: Duration,
    wrong: Arc<Mutex<VecDeque<Wrong>>>,
}

/// When, and where from if that is known.
type Wrong = (Timestamp, Option<IpAddr>);

/// One about to be looked at. Counted as wrong unless it turns out not to be.
#[must_use]
pub(crate) struct Guess<'a> {
    guesses: &'a Guesses,
    wrong: Wrong,
}

/// Nothing is looked at until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsedUp {
    pub(crate) until: Timestamp,
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

    /// Until when none from there is looked at; `None` if it is.
    pub fn used_up_until(&self, now: Timestamp, from: Option<IpAddr>) -> Option<Timestamp> {
        self.used_up_by(&self.recent(now), from)
    }

    /// The owner knows of it and lets new clients go on.
    pub fn forget(&self) {
        self.lock().clear();
    }

    /// Counts one before it is looked at, however many come at once.
    ///
    /// # Errors
    /// The budget is used up until then.
    pub(crate) fn count(&self, now: Timestamp, from: Option<IpAddr>) -> Result<Guess<'_>, UsedUp> {
        let mut wrong = self.recent(now);
        if let Some(until) = self.used_up_by(&wrong, from) {
            return Err(UsedUp { until });
        }
        wrong.push_back((now, from));
        Ok(Guess { guesses: self, wrong: (now, from) })
    }

    fn used_up_by(&self, wrong: &VecDeque<Wrong>, from: Option<IpAddr>) -> Option<Timestamp> {
        let is_theirs = |of: Option<IpAddr>| from.is_some() && of == from;
        until(wrong, self.most, self.within, |_| true)
            .or_else(|| until(wrong, MOST_OF_ONE, self.within, is_theirs))
    }

    /// Those that count now.
    fn recent(&self, now: Timestamp) -> MutexGuard<'_, VecDeque<Wrong>> {
        let mut wrong = self.lock();
        wrong.retain(|(at, _)| *at <= now.plus(AHEAD) && now < at.plus(self.within));
        wrong
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Wrong>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When there is room again, if there are already so many of them.
fn until(
    wrong: &VecDeque<Wrong>,
    most: usize,
    within: Duration,
    of: impl Fn(Option<IpAddr>) -> bool,
) -> Option<Timestamp> {
    let mut ours = wrong.iter().filter(|(_, from)| of(*from)).map(|(at, _)| *at);
    let first = ours.next()?;
    (ours.count() + 1 >= most).then(|| first.plus(within))
}

// === impl Guess ===

impl Guess<'_> {
    /// It was right, or nobody said that it was wrong.
    pub(crate) fn costs_nothing(self) {
        let mut wrong = self.guesses.lock();
        if let Some(at) = wrong.iter().rposition(|wrong| *wrong == self.wrong) {
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
            guesses.count(now, None).ok().unwrap().costs_nothing();
            let _ = guesses.count(now.plus(Duration::from_secs(n as u64)), None).ok().unwrap();
        }
        let last = now.plus(Duration::from_secs(MOST_WRONG as u64));
        assert_eq!(guesses.count(last, None).err(), Some(UsedUp { until: now.plus(WITHIN) }));
        assert_eq!(guesses.wrong.lock().unwrap().len(), MOST_WRONG, "and no more are kept");

        let day = now.plus(WITHIN);
        assert_eq!(guesses.used_up_until(day, None), None, "the first of them is a day old");
        let _ = guesses.count(day, None).ok().unwrap();
        assert!(guesses.used_up_until(day, None).is_some());
        guesses.forget();
        assert_eq!(guesses.used_up_until(day, None), None);
    }

    #[test]
    fn one_source_uses_up_what_is_its_own_and_others_go_on() {
        let (guesses, now) = (Guesses::default(), Timestamp::from_secs(1_000));
        let from = |n: u8| Some(IpAddr::from([203, 0, 113, n]));
        for _ in 0..MOST_OF_ONE {
            let _ = guesses.count(now, from(1)).ok().unwrap();
        }
        guesses.count(now, from(2)).ok().unwrap().costs_nothing();
        assert!(guesses.count(now, from(1)).is_err(), "the right one of another gave it nothing back");
        assert_eq!(guesses.used_up_until(now, from(1)), Some(now.plus(WITHIN)));
        assert_eq!((guesses.used_up_until(now, from(2)), guesses.used_up_until(now, None)), (None, None));
        let nameless = (0..100).filter(|_| guesses.count(now, None).is_ok()).count();
        assert_eq!(nameless, MOST_WRONG - MOST_OF_ONE, "all together have what they had");
        assert!(guesses.used_up_until(now, from(2)).is_some());
    }

    /// The even chance that the module speaks of.
    #[test]
    fn guessing_at_the_pace_that_is_allowed_takes_a_lifetime() {
        let days = WITHIN.as_secs_f64() / 86_400.0;
        let years =
            std::f64::consts::LN_2 * 1e6 / f64::from(u32::try_from(MOST_WRONG).unwrap()) * days / 365.25;
        assert!((60.0..70.0).contains(&years), "{years}");
        let long = std::f64::consts::LN_2 * 1e12 / 100.0 / 86_400.0 / 365.25;
        assert!((215.0..225.0).contains(&long), "{long}");
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out_for_longer() {
        let (guesses, now) = (Guesses::default(), Timestamp::from_secs(1_000_000));
        while guesses.count(now, None).is_ok() {}
        let a_moment = now.minus(Duration::from_millis(5));
        assert!(guesses.count(a_moment, None).is_err(), "whoever reads the clock a little earlier");
        assert_eq!(guesses.used_up_until(now.minus(Duration::from_secs(86_400)), None), None);
    }
}
