//! The budget by a clock that moves when told.

use model::testing::ManualClock;

use super::Asker::{Approved, Known, Stranger};
use super::*;

fn budget() -> (Budget, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000)));
    (Budget::new(clock.clone()), clock)
}

fn id(name: &str) -> ClientId {
    ClientId::parse(&format!("https://client.example/{name}")).unwrap()
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// How many of so many in a row there are, each from a host of its own.
fn granted(budget: &Budget, tries: usize, asker: Asker) -> usize {
    (0..tries).filter(|n| budget.take(&format!("{n}.example"), &id("x"), asker).is_ok()).count()
}

/// How many of so many in a row there are from one host, each with an id of its own.
fn granted_of(budget: &Budget, host: &str, tries: usize, asker: Asker) -> usize {
    (0..tries).filter(|n| budget.take(host, &id(&n.to_string()), asker).is_ok()).count()
}

#[test]
fn sixty_a_minute_and_then_one_a_second() {
    for asker in [Known, Approved] {
        let (budget, clock) = budget();
        assert_eq!(granted(&budget, 60, asker), 60);
        assert_eq!(budget.take("a.example", &id("x"), asker).err(), Some(secs(1)));
        clock.advance(Duration::from_millis(999));
        assert!(budget.take("a.example", &id("x"), asker).is_err());
        clock.advance(Duration::from_millis(1));
        assert!(budget.take("a.example", &id("x"), asker).is_ok());
        assert!(budget.take("b.example", &id("x"), asker).is_err());
    }
}

#[test]
fn made_up_ids_leave_a_third_to_clients_we_have_met() {
    let (budget, clock) = budget();
    assert_eq!(granted(&budget, 200, Stranger), 40);
    assert_eq!(budget.take("a.example", &id("x"), Stranger).err(), Some(secs(1)));
    assert_eq!(granted(&budget, 200, Known), 20);
    clock.advance(secs(20));
    assert!(budget.take("b.example", &id("x"), Stranger).is_err(), "the third is filled up first");
    clock.advance(secs(1));
    assert!(budget.take("b.example", &id("x"), Stranger).is_ok());
}

#[test]
fn nobody_takes_from_clients_that_somebody_signed_in_for() {
    let (budget, _) = budget();
    granted(&budget, 200, Stranger);
    granted(&budget, 200, Known);
    assert_eq!(granted(&budget, 200, Approved), 60, "over all");
    for flood in [Stranger, Known] {
        let (budget, _) = self::budget();
        assert_eq!(granted_of(&budget, "claude.example", 200, flood), 10);
        assert_eq!(granted_of(&budget, "claude.example", 200, Approved), 10, "of their own host");
    }
}

#[test]
fn one_host_gets_ten_in_a_row_and_leaves_the_rest_to_others() {
    let (budget, clock) = budget();
    assert_eq!(granted_of(&budget, "victim.example", 200, Stranger), 10);
    for host in ["victim.example", "victim.example."] {
        for asker in [Stranger, Known] {
            assert!(budget.take(host, &id("one more"), asker).is_err(), "{host}");
        }
    }
    assert_eq!(granted(&budget, 200, Stranger), 30, "being refused cost nothing");
    clock.advance(secs(120));
    assert_eq!(granted_of(&budget, "victim.example", 50, Known), 10);
}

#[test]
fn one_host_gets_thirty_a_minute_however_many_ids_there_are() {
    let (budget, clock) = budget();
    let mut granted = granted_of(&budget, "victim.example", 20, Stranger);
    for second in 0..60 {
        clock.advance(secs(1));
        let fresh = |n| id(&format!("{second}-{n}"));
        granted += (0..20).filter(|n| budget.take("victim.example", &fresh(*n), Stranger).is_ok()).count();
    }
    assert!((20..=40).contains(&granted), "{granted}");
}

#[test]
fn an_id_never_seen_has_its_turn_although_strangers_ask_all_the_time() {
    let (budget, clock) = budget();
    assert_eq!(granted_of(&budget, "claude.example", 10, Stranger), 10);
    let claude = id("real");
    let mut wait = budget.take("claude.example", &claude, Stranger).unwrap_err();
    let mut waited = Duration::ZERO;
    for stranger in 0.. {
        // A stranger is there before it with another id, each time.
        clock.advance(wait);
        waited += wait;
        let _ = budget.take("claude.example", &id(&stranger.to_string()), Stranger);
        match budget.take("claude.example", &claude, Stranger) {
            Ok(_) => break,
            Err(longer) => wait = longer,
        }
        assert!(waited < secs(10), "{waited:?}");
    }
    assert_eq!(waited, secs(2), "the next fetch was promised to it");
}

#[test]
fn promises_are_kept_in_order_once_each_and_not_for_ever() {
    let (budget, clock) = budget();
    assert_eq!(granted_of(&budget, "a.example", 10, Stranger), 10);
    let take = |name: &str| budget.take("a.example", &id(name), Stranger);
    assert_eq!(take("first").err(), Some(secs(2)));
    assert_eq!(take("second").err(), Some(secs(4)));
    assert_eq!(take("first").err(), Some(secs(2)), "asking again changes nothing");
    clock.advance(secs(2));
    assert_eq!(take("second").err(), Some(secs(2)));
    assert!(take("first").is_ok());
    assert!(take("first").is_err(), "one fetch for one promise");
    clock.advance(secs(2));
    assert!(take("third").is_err());
    // Neither comes back: what was kept for them is anybody's.
    clock.advance(KEPT_FOR + secs(20));
    assert_eq!((0..20).filter(|n| take(&format!("new {n}")).is_ok()).count(), 10);
}

#[test]
fn only_a_few_have_a_promise_so_some_of_the_burst_is_left() {
    let (budget, clock) = budget();
    granted_of(&budget, "a.example", 500, Stranger);
    assert_eq!(budget.ledgers().others.hosts["a.example"].promised.len(), PROMISES);
    clock.advance(secs(2 * (PROMISES as u64 + 1)));
    assert!(budget.take("a.example", &id("new"), Stranger).is_ok());
}

#[test]
fn the_list_of_hosts_stays_short_and_forgets_nobody_who_must_wait() {
    let (budget, clock) = budget();
    for n in 0..2_000 {
        clock.advance(secs(1));
        assert!(budget.take(&format!("{n}.example"), &id("x"), Known).is_ok());
        let _ = budget.take("victim.example", &id("x"), Known);
    }
    assert!(budget.ledgers().others.hosts.len() <= HOSTS);
    assert!(granted_of(&budget, "victim.example", 50, Known) < 2);
}

#[test]
fn hosts_that_are_refused_for_want_of_the_common_purse_are_not_listed() {
    let (budget, _) = budget();
    granted(&budget, 5_000, Stranger);
    assert_eq!(budget.ledgers().others.hosts.len(), 40);
}

#[test]
fn a_quiet_day_saves_up_no_more_than_one_burst() {
    let (budget, clock) = budget();
    clock.advance(Duration::from_hours(24));
    assert_eq!(granted(&budget, 200, Known), 60);
}

#[test]
fn one_too_many_at_the_same_time_is_turned_away_without_costing_pace() {
    for (asker, at_once) in [(Approved, 10), (Known, 8), (Stranger, 6)] {
        let (budget, _) = budget();
        let take = |n: usize| budget.take(&format!("{n}.example"), &id("x"), asker);
        let mut held: Vec<_> = (0..at_once).map(|n| take(n).unwrap()).collect();
        for _ in 0..100 {
            assert_eq!(take(99).err(), Some(SLOT_SOON));
        }
        held.pop();
        assert!(take(99).is_ok());
    }
}

#[test]
fn slow_hosts_of_strangers_leave_slots_to_clients_we_have_met() {
    let (budget, _) = budget();
    let take = |n: usize, asker| budget.take(&format!("{n}.example"), &id("x"), asker);
    let _strangers: Vec<_> = (0..6).map(|n| take(n, Stranger).unwrap()).collect();
    assert!(take(6, Stranger).is_err());
    let _known = [6, 7].map(|n| take(n, Known).unwrap());
    assert!(take(8, Known).is_err());
    let _approved = [8, 9].map(|n| take(n, Approved).unwrap());
    assert!(take(10, Approved).is_err());
}

#[test]
fn a_clock_set_back_grants_nothing() {
    let (budget, _) = budget();
    assert_eq!(granted(&budget, 200, Known), 60);
    // As if it had been later when the last was granted.
    budget.ledgers().others.all.at = Timestamp::from_secs(5_000);
    assert_eq!(granted(&budget, 200, Known), 0);
}
