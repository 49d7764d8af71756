//! When to look whether a table has outgrown its bound.
//!
//! Counting rows on every insert would make a flood of registrations quadratic. Looking once every hundredth of
//! the bound costs about a hundred rows per insert and lets a table exceed its bound by one percent at most.

use std::sync::atomic::{AtomicU32, Ordering};

use model::event::AuthEvent;

use crate::rules::Share;

#[derive(Debug)]
pub(crate) struct Pace {
    every: u32,
    since: AtomicU32,
}

/// One pace for each share of the auth log.
#[derive(Debug)]
pub(crate) struct LogPace([(Share, Pace); 2]);

impl Pace {
    /// The first insert looks at once: the bound may be lower than it was in the run before.
    pub(crate) fn new(bound: u32) -> Self {
        let every = (bound / 100).max(1);
        Self { every, since: AtomicU32::new(every - 1) }
    }

    /// Counts one insert; true if it is the one that has to look.
    pub(crate) fn due(&self) -> bool {
        self.due_after(1)
    }

    fn due_after(&self, inserts: u32) -> bool {
        let due = self.since.fetch_add(inserts, Ordering::Relaxed).saturating_add(inserts) >= self.every;
        if due {
            self.since.store(0, Ordering::Relaxed);
        }
        due
    }
}

impl LogPace {
    pub(crate) fn new(bound: u32) -> Self {
        Self(Share::ALL.map(|share| (share, Pace::new(share.bound(bound)))))
    }

    /// Counts what was appended; the shares that have to be looked at.
    pub(crate) fn due(&self, events: &[AuthEvent]) -> impl Iterator<Item = Share> {
        self.0.iter().filter_map(|(share, pace)| {
            let added = events.iter().filter(|event| Share::of(event) == *share).count();
            (added > 0 && pace.due_after(u32::try_from(added).unwrap_or(u32::MAX))).then_some(*share)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_bound_is_looked_at_every_time_and_a_large_one_every_hundredth() {
        let small = Pace::new(3);
        assert!((0..10).all(|_| small.due()));
        let large = Pace::new(20_000);
        assert_eq!((0..1000).filter(|_| large.due()).count(), 5);
    }
}
