//! Which requests belong to one try to connect.
//!
//! Discovery and the challenge come before anybody has a name, so they are tied together by origin and user agent, and
//! to the sign-in that follows by the client's registration or by being the latest. A wrong guess only misfiles a line
//! in the log; nothing is decided by it.

use std::sync::Mutex;
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

pub(crate) struct Attempts {
    by_agent: Cache<(Origin, String), AttemptId>,
    claimed: Cache<AttemptId, ()>,
    latest: Mutex<Option<(Origin, AttemptId, Timestamp)>>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            by_agent: Cache::builder().max_capacity(2_000).time_to_idle(LEADS_ON).build(),
            claimed: Cache::builder().max_capacity(2_000).time_to_live(2 * LEADS_ON).build(),
            latest: Mutex::new(None),
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
        let attempt = self.by_agent.get_with(key, || AttemptId::generate(entropy));
        if let Ok(mut latest) = self.latest.lock() {
            *latest = Some((site.origin, attempt.clone(), now));
        }
        About { attempt: Some(attempt), origin: Some(site.origin), user_agent: agent, ..About::default() }
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
        let discovered = || {
            let latest = self.latest.lock().ok()?;
            latest
                .as_ref()
                .filter(|(origin, _, at)| *origin == site.origin && now.since(*at) < LEADS_ON)
                .map(|(_, attempt, _)| attempt.clone())
        };
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
