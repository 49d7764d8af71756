//! How many documents we can be made to fetch: 10 at a time, and in each of two ledgers 60 a minute over all hosts together
//! and 30 a minute of one host. One ledger is for clients somebody has signed in for, the other for all others. Key sets count
//! as documents do; a request that brings neither a code nor a token of the client is a stranger's.
//!
//! Anybody may put any https URL into `/authorize`; without this we would be an amplifier. An id that somebody signed in
//! for cannot be made up, so nothing that strangers ask for is paid by its ledger. Of the other one a part is kept for
//! ids whose document we have had. An id never seen that finds the purse of its host empty is promised one of the next
//! fetches and has it if it comes back: however many ids a stranger makes up, each of them is one among others.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::ids::ClientId;
use model::ports::Clock;
use model::time::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Fetches under way at one time.
const AT_ONCE: usize = 10;
/// Of them, not for ids that may be made up: a host that answers slowly holds a slot for seconds.
const AT_ONCE_MET: usize = 4;
/// Of them, for approved clients only.
const AT_ONCE_APPROVED: usize = 2;
/// Over all hosts: 60 in a row, then one a second.
const ALL: Pace = Pace { burst: 60, millis: 1_000 };
/// Of the burst, for known clients only.
const BURST_KNOWN: u64 = ALL.burst / 3;
/// Of one host: 10 in a row, then one every two seconds.
const HOST: Pace = Pace { burst: 10, millis: 2_000 };
/// Ids of one host with a promise at a time. Fewer than the burst, so that not all of it is ever promised.
const PROMISES: usize = 8;
/// How long a promised fetch is kept for an id that does not come back for it. A person has to press a button.
const KEPT_FOR: Duration = Duration::from_secs(20);
/// Hosts listed before those whose burst is whole again and who promised nothing, which says nothing, are taken off.
/// Between two such moments only as many come as may be fetched.
const HOSTS: usize = 256;
/// When to ask again for want of a slot.
const SLOT_SOON: Duration = Duration::from_secs(5);

/// For whom a document is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A client somebody signed in for.
    Approved,
    /// A client whose document we have had.
    Known,
    /// An id that may be made up.
    Stranger,
}

/// Nobody waits for a slot; whoever gets none is told when to come back.
pub(super) struct Budget {
    clock: Arc<dyn Clock>,
    slots: Arc<Semaphore>,
    ledgers: Mutex<Ledgers>,
}

struct Ledgers {
    approved: Ledger,
    others: Ledger,
}

struct Ledger {
    all: Purse,
    hosts: HashMap<String, OfHost>,
}

struct OfHost {
    purse: Purse,
    /// Oldest first.
    promised: VecDeque<Promise>,
}

/// A fetch that is kept for an id from `due` on.
struct Promise {
    id: ClientId,
    due: Timestamp,
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
        let whole = || Ledger { all: ALL.whole(clock.now()), hosts: HashMap::new() };
        let ledgers = Mutex::new(Ledgers { approved: whole(), others: whole() });
        Self { clock, slots: Arc::new(Semaphore::new(AT_ONCE)), ledgers }
    }

    /// The right to one fetch from `host`, held while it runs; or how long until there may be one.
    pub(super) fn take(
        &self,
        host: &str,
        id: &ClientId,
        asker: Asker,
    ) -> Result<OwnedSemaphorePermit, Duration> {
        let kept_slots = match asker {
            Asker::Approved => 0,
            Asker::Known => AT_ONCE_APPROVED,
            Asker::Stranger => AT_ONCE_MET,
        };
        let mut ledgers = self.ledgers();
        if self.slots.available_permits() <= kept_slots {
            return Err(SLOT_SOON);
        }
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| SLOT_SOON)?;
        let now = self.clock.now();
        // The dot at the end of a name is of no account (RFC 1034 section 3.1).
        let host = host.trim_end_matches('.');
        match asker {
            Asker::Approved => ledgers.approved.pay(host, id, 0, now),
            Asker::Known => ledgers.others.pay(host, id, 0, now),
            Asker::Stranger => ledgers.others.pay(host, id, BURST_KNOWN, now),
        }?;
        Ok(slot)
    }

    fn ledgers(&self) -> MutexGuard<'_, Ledgers> {
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ledger ===

impl Ledger {
    /// Being refused costs nothing; what the purse of the host lacks is promised to the id, if there is room.
    fn pay(&mut self, host: &str, id: &ClientId, kept: u64, now: Timestamp) -> Result<(), Duration> {
        if self.hosts.len() >= HOSTS {
            self.hosts.retain(|_, of_host| of_host.says_something(now));
        }
        let mut of_all = ALL.earned(self.all, now);
        ALL.pay(&mut of_all, kept)?;
        self.hosts.entry(host.to_owned()).or_insert_with(|| OfHost::whole(now)).pay(id, now)?;
        self.all = of_all;
        Ok(())
    }
}

// === impl OfHost ===

impl OfHost {
    fn whole(now: Timestamp) -> Self {
        Self { purse: HOST.whole(now), promised: VecDeque::new() }
    }

    fn pay(&mut self, id: &ClientId, now: Timestamp) -> Result<(), Duration> {
        self.promised.retain(|promise| now < promise.due.plus(KEPT_FOR));
        let place = self.promised.iter().position(|promise| promise.id == *id);
        // Whoever was promised one earlier comes first.
        let before = place.unwrap_or(self.promised.len()) as u64;
        self.purse = HOST.earned(self.purse, now);
        let paid = HOST.pay(&mut self.purse, before);
        match (paid, place) {
            (Ok(()), Some(place)) => drop(self.promised.remove(place)),
            (Err(wait), None) if self.promised.len() < PROMISES => {
                self.promised.push_back(Promise { id: id.clone(), due: now.plus(wait) });
            }
            _ => {}
        }
        paid
    }

    fn says_something(&self, now: Timestamp) -> bool {
        HOST.earned(self.purse, now).millis < HOST.whole(now).millis
            || self.promised.iter().any(|promise| now < promise.due.plus(KEPT_FOR))
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

    /// Takes the price of a fetch out of `purse` if that of `kept` more stays in it; or how long until it would.
    fn pay(&self, purse: &mut Purse, kept: u64) -> Result<(), Duration> {
        let needed = self.millis * (1 + kept);
        if purse.millis < needed {
            return Err(Duration::from_millis(needed - purse.millis));
        }
        purse.millis -= self.millis;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
