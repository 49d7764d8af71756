//! How much the internet may ask of us: requests of one source, sign-ins that begin, registrations. Memory is bounded.
//!
//! What clients need to find their way (the well-known documents, our keys) is never limited, and registering never by
//! address alone: the people of one vendor all come from its few addresses.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;

/// Of one source: a vendor's shared egress with many people behind it stays below.
const REQUESTS: Rate = Rate { burst: 600.0, a_second: 20.0 };
/// Of all that have no source, or for which there is no room.
const SHARED: Rate = Rate { burst: 2_400.0, a_second: 80.0 };
/// Of one source: each waits for 15 minutes at most.
const SIGN_INS: Rate = Rate { burst: 60.0, a_second: 60.0 / 900.0 };
/// Of all together, which bounds how many wait at a time.
const ALL_SIGN_INS: Rate = Rate { burst: 1_000.0, a_second: 1_000.0 / 900.0 };
const ALL_REGISTRATIONS: Rate = Rate { burst: 600.0, a_second: 10.0 };
/// Of one source, once more than half of what all may register is used up: then nobody alone takes what is left. Until then a
/// vendor whose people all come from one address registers as it likes.
const REGISTRATIONS: Rate = Rate { burst: 60.0, a_second: 1.0 };
/// Sources known at a time.
const MOST_SOURCES: usize = 4_096;
const MINUTE: usize = 60;

/// A bucket of tokens that refills.
#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: f64,
    a_second: f64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    requests: Bucket,
    sign_ins: Bucket,
    registrations: Bucket,
}

/// What is asked for, as far as limits care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Unlimited,
    Registration,
    SignIn,
    Other,
}

pub(super) struct Limits {
    begun: Instant,
    state: Mutex<State>,
}

struct State {
    sources: HashMap<IpAddr, Source>,
    shared: Bucket,
    sign_ins: Bucket,
    registrations: Bucket,
    /// Those at rest were dropped then.
    swept_at: Duration,
    /// Per second, with the second it is about.
    turned_away: [(u64, u32); MINUTE],
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { begun: Instant::now(), state: Mutex::new(State::new()) }
    }
}

impl Limits {
    /// # Errors
    /// How long to wait, where there were too many.
    pub(super) fn admit(&self, path: &str, source: Option<IpAddr>) -> Result<(), Duration> {
        let now = self.begun.elapsed();
        self.state().admit(path, source, now)
    }

    /// Requests turned away in the last minute.
    pub(super) fn turned_away(&self) -> u32 {
        let now = self.begun.elapsed();
        self.state().turned_away(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn new() -> Self {
        Self {
            sources: HashMap::new(),
            shared: Bucket::full(SHARED, Duration::ZERO),
            sign_ins: Bucket::full(ALL_SIGN_INS, Duration::ZERO),
            registrations: Bucket::full(ALL_REGISTRATIONS, Duration::ZERO),
            swept_at: Duration::ZERO,
            turned_away: [(0, 0); MINUTE],
        }
    }

    fn admit(&mut self, path: &str, source: Option<IpAddr>, now: Duration) -> Result<(), Duration> {
        let admitted = match Wish::of(path) {
            Wish::Unlimited => return Ok(()),
            Wish::Registration => self.admit_registration(source, now),
            Wish::SignIn => self.admit_sign_in(source, now),
            Wish::Other => self.admit_request(source, now),
        };
        if admitted.is_err() {
            let second = now.as_secs();
            let at = usize::try_from(second).unwrap_or_default() % MINUTE;
            let (known, count) = self.turned_away[at];
            self.turned_away[at] = (second, if known == second { count.saturating_add(1) } else { 1 });
        }
        admitted
    }

    fn admit_request(&mut self, source: Option<IpAddr>, now: Duration) -> Result<(), Duration> {
        match self.known(source, now) {
            Some(source) => source.requests.take(REQUESTS, now),
            None => self.shared.take(SHARED, now),
        }
    }

    /// One that is turned away for its source takes nothing from all.
    fn admit_sign_in(&mut self, source: Option<IpAddr>, now: Duration) -> Result<(), Duration> {
        self.admit_request(source, now)?;
        if let Some(source) = self.known(source, now) {
            source.sign_ins.take(SIGN_INS, now)?;
        }
        self.sign_ins.take(ALL_SIGN_INS, now)
    }

    fn admit_registration(&mut self, source: Option<IpAddr>, now: Duration) -> Result<(), Duration> {
        let scarce = self.registrations.tokens(ALL_REGISTRATIONS, now) < ALL_REGISTRATIONS.burst / 2.0;
        if scarce && let Some(source) = self.known(source, now) {
            source.registrations.take(REGISTRATIONS, now)?;
        }
        self.registrations.take(ALL_REGISTRATIONS, now)
    }

    /// `None` where there is no room: forgetting somebody who is limited would let them begin anew.
    fn known(&mut self, source: Option<IpAddr>, now: Duration) -> Option<&mut Source> {
        let source = source?;
        if self.sources.len() >= MOST_SOURCES && !self.sources.contains_key(&source) {
            if now.saturating_sub(self.swept_at) >= Duration::from_secs(1) {
                self.swept_at = now;
                self.sources.retain(|_, source| !source.is_at_rest(now));
            }
            if self.sources.len() >= MOST_SOURCES {
                return None;
            }
        }
        Some(match self.sources.entry(source) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Source {
                requests: Bucket::full(REQUESTS, now),
                sign_ins: Bucket::full(SIGN_INS, now),
                registrations: Bucket::full(REGISTRATIONS, now),
            }),
        })
    }

    fn turned_away(&self, now: Duration) -> u32 {
        let since = (now.as_secs() + 1).saturating_sub(MINUTE as u64);
        self.turned_away.iter().filter(|(second, _)| *second >= since).map(|(_, count)| count).sum()
    }
}

impl Source {
    /// It says nothing that a new one would not.
    fn is_at_rest(&self, now: Duration) -> bool {
        self.requests.is_full(REQUESTS, now)
            && self.sign_ins.is_full(SIGN_INS, now)
            && self.registrations.is_full(REGISTRATIONS, now)
    }
}

impl Bucket {
    const fn full(rate: Rate, now: Duration) -> Self {
        Self { tokens: rate.burst, at: now }
    }

    fn tokens(&self, rate: Rate, now: Duration) -> f64 {
        let refilled = now.saturating_sub(self.at).as_secs_f64() * rate.a_second;
        (self.tokens + refilled).min(rate.burst)
    }

    fn is_full(&self, rate: Rate, now: Duration) -> bool {
        self.tokens(rate, now) >= rate.burst
    }

    fn take(&mut self, rate: Rate, now: Duration) -> Result<(), Duration> {
        (self.tokens, self.at) = (self.tokens(rate, now), now);
        if self.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.tokens) / rate.a_second));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

impl Wish {
    fn of(path: &str) -> Self {
        match path {
            "/jwks" | "/healthz" | "/readyz" => Self::Unlimited,
            "/register" | "/oauth/register" => Self::Registration,
            "/authorize" | "/oauth/authorize" => Self::SignIn,
            _ if path.contains("/.well-known/") => Self::Unlimited,
            _ => Self::Other,
        }
    }
}

/// Who asks, by the header that the tunnel's provider writes: the last entry is the one it added. Of IPv6 the network, which is
/// what one visitor has.
pub(super) fn source(headers: &HeaderMap, name: &str) -> Option<IpAddr> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let address: IpAddr = line.rsplit(',').next()?.trim().parse().ok()?;
    Some(match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    })
}

/// Clients keep their tokens on a 429.
pub(super) fn too_many(wait: Duration) -> Response {
    let told = serde_json::json!({
        "error": "temporarily_unavailable",
        "error_description": "too many requests came from there; wait a moment, then try again",
    });
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(told)).into_response();
    for (name, value) in [
        (header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ] {
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    #[expect(clippy::unnecessary_wraps, reason = "a source is one that may be missing")]
    fn v4(n: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(std::net::Ipv4Addr::from_bits(n)))
    }

    /// How many of `n` get in.
    fn of(state: &mut State, n: u32, path: &str, from: impl Fn(u32) -> Option<IpAddr>, now: Duration) -> u32 {
        (0..n).map(|n| u32::from(state.admit(path, from(n), now).is_ok())).sum()
    }

    #[test]
    fn one_source_runs_out_and_others_do_not_notice() {
        let mut state = State::new();
        assert_eq!(of(&mut state, 1_000, "/mcp", |_| v4(1), NOW), 600);
        let wait = state.admit("/mcp", v4(1), NOW).unwrap_err();
        assert!(wait <= Duration::from_millis(50), "{wait:?}");
        assert!(state.admit("/mcp", v4(2), NOW).is_ok());
        assert_eq!(of(&mut state, 100, "/mcp", |_| v4(1), NOW + Duration::from_secs(2)), 40, "it refills");
        assert_eq!(state.turned_away(NOW + Duration::from_secs(2)), 401 + 60);
        assert_eq!(state.turned_away(NOW + Duration::from_secs(90)), 0, "that was more than a minute ago");
    }

    #[test]
    fn documents_are_never_limited_and_registering_not_by_address() {
        let mut state = State::new();
        assert_eq!(of(&mut state, 1_000, "/mcp", |_| v4(1), NOW), 600);
        for path in
            ["/.well-known/oauth-protected-resource/mcp", "/.well-known/openid-configuration", "/jwks"]
        {
            assert_eq!(of(&mut state, 10_000, path, |_| v4(1), NOW), 10_000, "{path}");
        }
        assert!(state.admit("/register", v4(1), NOW).is_ok(), "although its address has run out");
        assert_eq!(of(&mut state, 1_000, "/register", v4, NOW), 599, "all together");
    }

    #[test]
    fn nobody_alone_takes_the_last_registrations() {
        let mut state = State::new();
        let taken = of(&mut state, 2_000, "/register", |_| v4(1), NOW);
        assert_eq!(taken, 361, "half of all and one, and then its own share");
        assert!(state.admit("/register", v4(2), NOW).is_ok(), "others go on");
    }

    #[test]
    fn sign_ins_that_wait_are_bounded_of_one_source_and_of_all() {
        let mut state = State::new();
        assert_eq!(of(&mut state, 500, "/authorize", |_| v4(1), NOW), 60);
        assert!(state.admit("/token", v4(1), NOW).is_ok(), "what is under way goes on");
        let others = of(&mut state, 2_000, "/authorize", |n| v4(n + 2), NOW);
        assert_eq!(others, 940, "those turned away took nothing");
    }

    #[test]
    fn however_many_sources_there_are_memory_is_bounded_and_nobody_begins_anew() {
        let mut state = State::new();
        assert_eq!(of(&mut state, 600, "/mcp", |_| v4(0), NOW), 600);
        let admitted = of(&mut state, 100_000, "/mcp", v4, NOW);
        assert_eq!(state.sources.len(), MOST_SOURCES);
        assert!(admitted <= 4_096 + 2_400, "{admitted}: the others share");
        assert!(state.admit("/mcp", v4(0), NOW).is_err(), "who was limited still is");
        let later = NOW + Duration::from_secs(3_600);
        assert!(state.admit("/mcp", v4(200_000), later).is_ok());
        assert_eq!(state.sources.len(), 1, "those at rest are forgotten");
    }

    #[test]
    fn the_source_is_what_the_provider_wrote() {
        let headers = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
            }
            headers
        };
        let said = |lines: &[&str]| source(&headers(lines), "x-forwarded-for").map(|ip| ip.to_string());
        let own_word = said(&["6.6.6.6, 203.0.113.9"]);
        assert_eq!(own_word.as_deref(), Some("203.0.113.9"), "the first is the visitor's own word");
        assert_eq!(said(&["6.6.6.6", "203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(said(&["2001:db8:1:2:3:4:5:6"]).as_deref(), Some("2001:db8:1:2::"));
        assert_eq!(said(&["::ffff:203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(said(&["nobody"]), None);
        assert_eq!(
            source(&headers(&["203.0.113.9"]), "cf-connecting-ip"),
            None,
            "another header says nothing"
        );
    }
}
