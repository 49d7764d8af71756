//! Which requests belong to one try to connect.
//!
//! Discovery and the challenge come before anybody has a name, so they are tied together by origin and user agent, and
//! to the sign-in that follows by the client's registration or by being the latest. One program may ask under two user agents
//! (mcp-remote does), and many look without a token before they use the one they have. A wrong guess only misfiles a line in the
//! log; nothing is decided by it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use model::client::Client;
use model::event::About;
use model::ids::AttemptId;
use model::origin::{Origin, Site};
use model::ports::Entropy;
use model::time::Timestamp;
use moka::sync::Cache;

/// How long a registration or a discovery waits for the sign-in it leads to.
const LEADS_ON: Duration = Duration::from_secs(10 * 60);

/// What begins this soon after another on this computer is the same program under another name.
const AT_ONCE: Duration = Duration::from_secs(2);

/// How long a look without a token waits for the call that follows it.
const LOOKS: Duration = Duration::from_secs(60);

pub(crate) struct Attempts {
    by_agent: Cache<(Origin, String), AttemptId>,
    claimed: Cache<AttemptId, ()>,
    latest: Mutex<Option<(Origin, AttemptId, Timestamp)>>,
    /// When no look is fresh any more, in milliseconds: calls are many, looks are few.
    looks_until: AtomicI64,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            by_agent: Cache::builder().max_capacity(2_000).time_to_idle(LEADS_ON).build(),
            claimed: Cache::builder().max_capacity(2_000).time_to_live(2 * LEADS_ON).build(),
            latest: Mutex::new(None),
            looks_until: AtomicI64::new(i64::MIN),
        }
    }
}

impl Attempts {
    /// The attempt of a request that carries no name yet. One that `begins` (a challenge, a registration) does not join
    /// an attempt whose sign-in is under way or over: somebody tries again.
    pub(crate) fn of_request(
        &self,
        site: &Site,
        headers: &HeaderMap,
        begins: bool,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> About {
        let agent = user_agent(headers);
        let key = (site.origin, agent.clone().unwrap_or_default());
        let used_up = |attempt: AttemptId| self.claimed.contains_key(&attempt);
        if begins && self.by_agent.get(&key).is_some_and(used_up) {
            self.by_agent.invalidate(&key);
        }
        let attempt = self
            .by_agent
            .get_with(key, || self.at_once(site, now).unwrap_or_else(|| AttemptId::generate(entropy)));
        self.looks_until.store(now.plus(LOOKS).millis(), Ordering::Relaxed);
        if let Ok(mut latest) = self.latest.lock() {
            *latest = Some((site.origin, attempt.clone(), now));
        }
        About { attempt: Some(attempt), origin: Some(site.origin), user_agent: agent, ..About::default() }
    }

    /// The attempt that began a moment ago on this computer, whose sign-in has not begun.
    fn at_once(&self, site: &Site, now: Timestamp) -> Option<AttemptId> {
        self.lately(site, now, AT_ONCE)
            .filter(|attempt| site.origin == Origin::Local && !self.claimed.contains_key(attempt))
    }

    fn lately(&self, site: &Site, now: Timestamp, within: Duration) -> Option<AttemptId> {
        let latest = self.latest.lock().ok()?;
        let (_, attempt, _) =
            latest.as_ref().filter(|(origin, _, at)| *origin == site.origin && now.since(*at) < within)?;
        Some(attempt.clone())
    }

    /// The attempt of whoever calls with a good token now and asked without one a moment ago. It is over with that, by whichever
    /// name and for whichever sign-in. On this computer only: outside, programs of many people share a name, and a stranger who
    /// asks under it would get a line in the name of whoever calls next.
    pub(crate) fn went_on(&self, site: &Site, headers: &HeaderMap, now: Timestamp) -> Option<AttemptId> {
        if site.origin != Origin::Local || now.millis() >= self.looks_until.load(Ordering::Relaxed) {
            return None;
        }
        let key = (site.origin, user_agent(headers).filter(|agent| !agent.is_empty())?);
        let attempt = self.by_agent.remove(&key)?;
        self.claimed.entry(attempt.clone()).or_insert(()).is_fresh().then_some(attempt)
    }

    /// Of a browser that was sent here with a request that cannot be served: an attempt by itself. Browsers all look alike, so
    /// the next one is another try, of another client perhaps.
    pub(crate) fn by_itself(site: &Site, headers: &HeaderMap, entropy: &dyn Entropy) -> About {
        let attempt = Some(AttemptId::generate(entropy));
        About { attempt, origin: Some(site.origin), user_agent: user_agent(headers), ..About::default() }
    }

    /// The attempt a sign-in belongs to: its client's fresh registration, else the latest discovery, else a new one.
    pub(crate) fn of_sign_in(
        &self,
        client: &Client,
        site: &Site,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> AttemptId {
        let registered = client.attempt.clone().filter(|_| now.since(client.created_at) < LEADS_ON);
        let discovered = || self.lately(site, now, LEADS_ON);
        let unclaimed = |attempt: &AttemptId| !self.claimed.contains_key(attempt);
        let attempt = registered
            .filter(unclaimed)
            .or_else(|| discovered().filter(unclaimed))
            .unwrap_or_else(|| AttemptId::generate(entropy));
        self.claimed.insert(attempt.clone(), ());
        attempt
    }

    /// The client has its tokens; what it does next without them is another attempt.
    pub(crate) fn concluded(&self, site: &Site, headers: &HeaderMap) {
        self.by_agent.invalidate(&(site.origin, user_agent(headers).unwrap_or_default()));
    }
}

/// `User-Agent`, printable and cut to 200 characters.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().filter(|c| !c.is_control()).take(200).collect())
}

#[cfg(test)]
mod tests {
    use model::origin::{BaseUrl, Origins};
    use model::testing::SeededEntropy;

    use super::*;

    struct Log {
        attempts: Attempts,
        entropy: SeededEntropy,
        local: Site,
        public: Site,
    }

    impl Log {
        fn new() -> Self {
            let origins = Origins::new(4242, BaseUrl::parse("https://demo.example").ok());
            Self {
                attempts: Attempts::default(),
                entropy: SeededEntropy::new(1),
                local: origins.local(),
                public: origins.public().unwrap(),
            }
        }

        /// Asks without a token.
        fn looks(&self, site: &Site, agent: &'static str, at: i64) -> AttemptId {
            let about = self.attempts.of_request(
                site,
                &headers(agent),
                true,
                Timestamp::from_secs(at),
                &self.entropy,
            );
            about.attempt.unwrap()
        }

        /// Calls with one.
        fn calls(&self, agent: &'static str, at: i64) -> Option<AttemptId> {
            self.calls_at(&self.local, agent, at)
        }

        fn calls_at(&self, site: &Site, agent: &'static str, at: i64) -> Option<AttemptId> {
            self.attempts.went_on(site, &headers(agent), Timestamp::from_secs(at))
        }
    }

    fn headers(agent: &'static str) -> HeaderMap {
        [(header::USER_AGENT, agent.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_program_that_asks_under_two_names_at_once_is_one_attempt_on_this_computer() {
        let log = Log::new();
        let first = log.looks(&log.local, "undici", 0);
        assert_eq!(log.looks(&log.local, "node", 1), first);
        assert_eq!(log.looks(&log.local, "undici", 30), first);
        assert_ne!(log.looks(&log.local, "Editor/1.0", 40), first, "that is another one");
        let outside = log.looks(&log.public, "Claude-User", 50);
        assert_ne!(log.looks(&log.public, "openai-mcp", 50), outside, "anybody can come from there");
    }

    #[test]
    fn who_looks_without_a_token_and_calls_with_one_went_on_once() {
        let log = Log::new();
        let looked = log.looks(&log.local, "undici", 0);
        assert_eq!(log.calls("Editor/1.0", 1), None, "that is somebody else");
        assert_eq!(log.calls("undici", 1), Some(looked.clone()));
        assert_eq!(log.calls("undici", 2), None);
        assert_ne!(log.looks(&log.local, "undici", 10), looked, "the next look is another attempt");
        assert_eq!(log.calls("undici", 70), None, "that comes too late to belong to it");
    }

    #[test]
    fn who_looked_under_two_names_went_on_once_and_it_is_over_for_others() {
        let log = Log::new();
        let looked = log.looks(&log.local, "undici", 0);
        assert_eq!(log.looks(&log.local, "node", 1), looked);
        assert_eq!(log.calls("node", 2), Some(looked.clone()));
        assert_ne!(log.looks(&log.local, "Editor/1.0", 2), looked, "nobody joins what is over");
        assert_eq!(log.calls("undici", 3), None, "it was one attempt");
    }

    #[test]
    fn a_stranger_with_the_name_of_anothers_program_gets_no_line_in_that_persons_name() {
        let log = Log::new();
        log.looks(&log.public, "Claude-User", 0);
        assert_eq!(log.calls_at(&log.public, "Claude-User", 1), None);
    }
}
