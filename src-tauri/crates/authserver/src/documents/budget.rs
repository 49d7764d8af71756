//! How many documents strangers can make us fetch: 8 at a time, 60 a minute over all of them together, 10 a minute of one
//! host.
//!
//! Anybody may put any https URL into `/authorize`; without this we would be an amplifier. A part is kept for clients whose
//! document we have had before, so that made-up client ids cannot keep them out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::ports::Clock;
use model::time::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Fetches under way at one time.
const AT_ONCE: usize = 8;
/// Of them, for known clients only: a host that answers slowly holds a slot for seconds.
const AT_ONCE_KNOWN: usize = 2;
/// Over all hosts: 60 in a row, then one a second.
const ALL: Pace = Pace { burst: 60, millis: 1_000 };
/// Of the burst, for known clients only.
const BURST_KNOWN: u64 = ALL.burst / 3;
/// Of one host: 10 in a row, then one every six seconds.
const HOST: Pace = Pace { burst: 10, millis: 6_000 };
/// Hosts listed before those whose burst is whole again, which says nothing, are taken off. Between two such moments
/// only as many come as may be fetched.
const HOSTS: usize = 256;
/// When to ask again for want of a slot.
const SLOT_SOON: Duration = Duration::from_secs(5);

/// For whom a document is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A client whose document we have had.
    Known,
    /// An id that may be made up.
    Stranger,
}

/// Nobody waits for a slot; whoever gets none is told when to come back.
pub(super) struct Budget {
    clock: Arc<dyn Clock>,
    slots: Arc<Semaphore>,
    saved: Mutex<Saved>,
}

struct Saved {
    all: Purse,
    hosts: HashMap<String, Purse>,
}

/// How many in a row, and one more for each `millis`.
struct Pace {
    burst: u64,
    millis: u64,
}

/// Time saved up, in milliseconds; a fetch costs [`Pace::millis`].
#[derive(Clone, Copy)]
struct Purse {
    millis: u64,
    at: Timestamp,
}

// === impl Budget ===

impl Budget {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let saved = Saved { all: ALL.whole(clock.now()), hosts: HashMap::new() };
        Self { clock, slots: Arc::new(Semaphore::new(AT_ONCE)), saved: Mutex::new(saved) }
    }

    /// The right to one fetch from `host`, held while it runs; or how long until there may be one.
    pub(super) fn take(&self, host: &str, asker: Asker) -> Result<OwnedSemaphorePermit, Duration> {
        let (kept_slots, kept) = match asker {
            Asker::Known => (0, 0),
            Asker::Stranger => (AT_ONCE_KNOWN, BURST_KNOWN * ALL.millis),
        };
        let mut saved = self.saved();
        if self.slots.available_permits() <= kept_slots {
            return Err(SLOT_SOON);
        }
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| SLOT_SOON)?;
        let now = self.clock.now();
        // The dot at the end of a name is of no account (RFC 1034 section 3.1).
        let host = host.trim_end_matches('.');
        let mut of_host =
            saved.hosts.get(host).map_or_else(|| HOST.whole(now), |purse| HOST.earned(*purse, now));
        let mut of_all = ALL.earned(saved.all, now);
        HOST.pay(&mut of_host, 0)?;
        ALL.pay(&mut of_all, kept)?;
        saved.all = of_all;
        if saved.hosts.len() >= HOSTS {
            saved.hosts.retain(|_, purse| HOST.earned(*purse, now).millis < HOST.whole(now).millis);
        }
        saved.hosts.insert(host.to_owned(), of_host);
        Ok(slot)
    }

    fn saved(&self) -> MutexGuard<'_, Saved> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Pace ===

impl Pace {
    const fn whole(&self, at: Timestamp) -> Purse {
        Purse { millis: self.burst * self.millis, at }
    }

    fn earned(&self, purse: Purse, now: Timestamp) -> Purse {
        let earned = u64::try_from(now.since(purse.at).as_millis()).unwrap_or(u64::MAX);
        Purse { millis: purse.millis.saturating_add(earned).min(self.burst * self.millis), at: now }
    }

    /// Takes the price of a fetch out of `purse` if `kept` stays in it; or how long until it would.
    fn pay(&self, purse: &mut Purse, kept: u64) -> Result<(), Duration> {
        let needed = self.millis + kept;
        if purse.millis < needed {
            return Err(Duration::from_millis(needed - purse.millis));
        }
        purse.millis -= self.millis;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::testing::ManualClock;

    use super::Asker::{Known, Stranger};
    use super::*;

    fn budget() -> (Budget, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000)));
        (Budget::new(clock.clone()), clock)
    }

    /// How many of so many in a row there are, each from a host of its own.
    fn granted(budget: &Budget, tries: usize, asker: Asker) -> usize {
        (0..tries).filter(|n| budget.take(&format!("{n}.example"), asker).is_ok()).count()
    }

    #[test]
    fn sixty_a_minute_and_then_one_a_second() {
        let (budget, clock) = budget();
        assert_eq!(granted(&budget, 60, Known), 60);
        assert_eq!(budget.take("a.example", Known).err(), Some(Duration::from_secs(1)));
        clock.advance(Duration::from_millis(1500));
        assert!(budget.take("b.example", Known).is_ok());
        assert_eq!(budget.take("c.example", Known).err(), Some(Duration::from_millis(500)));
    }

    #[test]
    fn made_up_ids_leave_a_third_to_clients_we_have_met() {
        let (budget, clock) = budget();
        assert_eq!(granted(&budget, 200, Stranger), 40);
        assert_eq!(budget.take("a.example", Stranger).err(), Some(Duration::from_secs(1)));
        assert_eq!(granted(&budget, 200, Known), 20);
        clock.advance(Duration::from_secs(20));
        assert!(budget.take("b.example", Stranger).is_err(), "the third is filled up first");
        clock.advance(Duration::from_secs(1));
        assert!(budget.take("b.example", Stranger).is_ok());
    }

    #[test]
    fn one_host_gets_ten_a_minute_whoever_asks_and_leaves_the_rest_to_others() {
        let (budget, clock) = budget();
        for n in 0..10 {
            assert!(budget.take("victim.example", Stranger).is_ok(), "{n}");
        }
        for host in ["victim.example", "victim.example."] {
            for asker in [Stranger, Known] {
                assert_eq!(budget.take(host, asker).err(), Some(Duration::from_secs(6)), "{host}");
            }
        }
        assert_eq!(granted(&budget, 200, Stranger), 30, "being refused cost nothing");
        clock.advance(Duration::from_secs(60));
        assert_eq!((0..50).filter(|_| budget.take("victim.example", Known).is_ok()).count(), 10);
    }

    #[test]
    fn the_list_of_hosts_stays_short_and_forgets_nobody_who_must_wait() {
        let (budget, clock) = budget();
        for n in 0..2_000 {
            clock.advance(Duration::from_secs(1));
            assert!(budget.take(&format!("{n}.example"), Known).is_ok());
            let _ = budget.take("victim.example", Known);
        }
        assert!(budget.saved().hosts.len() <= HOSTS);
        assert!((0..50).filter(|_| budget.take("victim.example", Known).is_ok()).count() < 2);
    }

    #[test]
    fn a_quiet_day_saves_up_no_more_than_one_burst() {
        let (budget, clock) = budget();
        clock.advance(Duration::from_hours(24));
        assert_eq!(granted(&budget, 200, Known), 60);
    }

    #[test]
    fn one_too_many_at_the_same_time_is_turned_away_without_costing_pace() {
        for (asker, at_once) in [(Known, 8), (Stranger, 6)] {
            let (budget, _) = budget();
            let mut held: Vec<_> =
                (0..at_once).map(|n| budget.take(&format!("{n}.example"), asker).unwrap()).collect();
            for _ in 0..100 {
                assert_eq!(budget.take("a.example", asker).err(), Some(SLOT_SOON));
            }
            held.pop();
            assert!(budget.take("a.example", asker).is_ok());
        }
    }

    #[test]
    fn slow_hosts_of_strangers_leave_slots_to_clients_we_have_met() {
        let (budget, _) = budget();
        let _held: Vec<_> = (0..6).map(|n| budget.take(&format!("{n}.example"), Stranger).unwrap()).collect();
        assert!(budget.take("a.example", Stranger).is_err());
        let _known = [0, 1].map(|_| budget.take("b.example", Known).unwrap());
        assert!(budget.take("b.example", Known).is_err());
    }

    #[test]
    fn a_clock_set_back_grants_nothing() {
        let (budget, _) = budget();
        budget.saved().all.at = Timestamp::from_secs(5_000);
        assert_eq!(granted(&budget, 200, Known), 60);
    }
}
