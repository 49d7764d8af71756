//! Who may use the console: whoever opened a one-time link, which only somebody who reads our output has.
//!
//! Links and what they buy are kept as hashes, in memory: a restart asks everybody to come in again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::ids::{CredentialKind, TokenHash};
use model::ports::{Clock, Entropy};
use model::time::Timestamp;
use model::{ExposeSecret as _, Secret};

/// How long a link can be opened.
const LINK_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// A browser that shows itself less often has to come in again.
const IDLE_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// Browsers that are in at one time, and links that are out. Beyond it the oldest go.
const MOST: usize = 16;

/// The doorkeeper's list.
pub(super) struct Access {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    links: VecDeque<Link>,
    admitted: VecDeque<Admitted>,
}

struct Admitted {
    credential: TokenHash,
    good_until: Timestamp,
}

struct Link {
    token: TokenHash,
    good_until: Timestamp,
}

// === impl Access ===

impl Access {
    pub(super) fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, held: Mutex::default() }
    }

    /// A token that lets one browser in, once.
    pub(super) fn invite(&self) -> Secret {
        let (token, hash) = self.mint();
        let good_until = self.clock.now().plus(LINK_LIFETIME);
        push(&mut self.held().links, Link { token: hash, good_until });
        token
    }

    /// Takes a link's token and gives what the browser shows from then on. `None` if the token was used before, is too
    /// old, or never was one.
    pub(super) fn admit(&self, link: &str) -> Option<Secret> {
        if !CredentialKind::Console.looks_right(link) {
            return None;
        }
        let now = self.clock.now();
        let (credential, hash) = self.mint();
        let mut held = self.held();
        held.links.retain(|link| now < link.good_until);
        let at = held.links.iter().position(|held| held.token.matches(link))?;
        held.links.remove(at);
        push(&mut held.admitted, Admitted { credential: hash, good_until: now.plus(IDLE_LIFETIME) });
        Some(credential)
    }

    /// Whether `credential` is one of a browser that is in; if so, it stays in for another while.
    pub(super) fn knows(&self, credential: &str) -> bool {
        if !CredentialKind::Console.looks_right(credential) {
            return false;
        }
        let now = self.clock.now();
        let mut held = self.held();
        held.admitted.retain(|admitted| now < admitted.good_until);
        let known = held.admitted.iter_mut().find(|admitted| admitted.credential.matches(credential));
        known.map(|admitted| admitted.good_until = now.plus(IDLE_LIFETIME)).is_some()
    }

    fn mint(&self) -> (Secret, TokenHash) {
        let token = CredentialKind::Console.mint(self.entropy.as_ref());
        let hash = TokenHash::of(token.expose_secret());
        (token, hash)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() >= MOST {
        list.pop_front();
    }
    list.push_back(item);
}

#[cfg(test)]
mod tests {
    use model::testing::{ManualClock, SeededEntropy};

    use super::*;

    fn access() -> (Arc<ManualClock>, Access) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000)));
        (clock.clone(), Access::new(clock, Arc::new(SeededEntropy::new(5))))
    }

    fn comes_in(access: &Access) -> Secret {
        access.admit(access.invite().expose_secret()).expect("a fresh link is good")
    }

    #[test]
    fn a_link_is_good_for_ten_minutes_and_not_a_moment_longer() {
        let (clock, access) = access();
        let (in_time, late) = (access.invite(), access.invite());
        clock.advance(Duration::from_millis(10 * 60 * 1000 - 1));
        assert!(access.admit(in_time.expose_secret()).is_some());
        clock.advance(Duration::from_millis(1));
        assert!(access.admit(late.expose_secret()).is_none());
    }

    #[test]
    fn a_link_is_no_credential_and_a_credential_is_no_link_although_they_look_alike() {
        let (_, access) = access();
        let link = access.invite();
        assert!(!access.knows(link.expose_secret()));
        let credential = access.admit(link.expose_secret()).unwrap();
        assert!(access.knows(credential.expose_secret()));
        assert!(!access.knows(link.expose_secret()));
        assert!(access.admit(credential.expose_secret()).is_none());
    }

    #[test]
    fn a_browser_stays_in_as_long_as_it_shows_itself_within_twelve_hours() {
        let (clock, access) = access();
        let (busy, idle) = (comes_in(&access), comes_in(&access));
        for _ in 0..3 {
            clock.advance(Duration::from_hours(11));
            assert!(access.knows(busy.expose_secret()));
        }
        assert!(!access.knows(idle.expose_secret()));
        clock.advance(IDLE_LIFETIME);
        assert!(!access.knows(busy.expose_secret()));
        assert!(!access.knows(busy.expose_secret()), "and asking does not let it back in");
    }

    #[test]
    fn the_seventeenth_browser_puts_out_the_first_so_memory_stays_bounded() {
        let (_, access) = access();
        let all: Vec<Secret> = (0..=MOST).map(|_| comes_in(&access)).collect();
        let known: Vec<bool> = all.iter().map(|one| access.knows(one.expose_secret())).collect();
        assert!(!known[0]);
        assert!(known[1..].iter().all(|known| *known));
    }

    #[test]
    fn unopened_links_are_bounded_and_the_newest_stay_good() {
        let (_, access) = access();
        let all: Vec<Secret> = (0..=MOST).map(|_| access.invite()).collect();
        assert!(access.admit(all[0].expose_secret()).is_none());
        assert!(access.admit(all[MOST].expose_secret()).is_some());
    }
}
