//! How much the internet may ask of us: requests of one source, in all and at a time, sign-ins that begin, registrations. Memory
//! is bounded.
//!
//! Clients that people signed in for have allowances of their own, by the tokens they show and the ids they are known by, so that no
//! stranger uses them up.
//!
//! What clients need to find their way (the well-known documents, our keys) is never limited, and registering never by
//! address alone: the people of one vendor all come from its few addresses.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::ids::TokenHash;
use tokio::time::Instant;

/// Of one source: a vendor's shared egress with many people behind it stays below.
const REQUESTS: Rate = Rate { burst: 600.0, a_second: 20.0 };
/// Of all that have no source, or for which there is no room.
const SHARED: Rate = Rate { burst: 2_400.0, a_second: 80.0 };
/// Of one source: each waits for 15 minutes at most.
const SIGN_INS: Rate = Rate { burst: 60.0, a_second: 60.0 / 900.0 };
/// Of all together, which bounds how many wait at a time.
const ALL_SIGN_INS: Rate = Rate { burst: 1_000.0, a_second: 1_000.0 / 900.0 };
/// Of all clients that are known, on top: strangers take nothing from it.
const KNOWN_SIGN_INS: Rate = Rate { burst: 300.0, a_second: 300.0 / 900.0 };
const ALL_REGISTRATIONS: Rate = Rate { burst: 600.0, a_second: 10.0 };
/// Of one source, once more than half of what all may register is used up: then nobody alone takes what is left. Until then a
/// vendor whose people all come from one address registers as it likes.
const REGISTRATIONS: Rate = Rate { burst: 60.0, a_second: 1.0 };
/// Sources known at a time.
const MOST_SOURCES: usize = 4_096;
/// Tokens that were good, and clients that people signed in for. Only who is let in gets onto these lists.
pub(crate) const MOST_KNOWN: usize = 1_024;
/// Requests under way of one source.
const AT_ONCE: u32 = 64;
/// Of all together: connections are left over for those who show a token, also of the 320 that ngrok's session carries.
const ALL_AT_ONCE: u32 = 256;
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

/// Who asks for what.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask<'a> {
    pub(super) path: &'a str,
    pub(super) source: Option<IpAddr>,
    /// The token it shows where tokens are asked for, good or not.
    pub(super) token: Option<TokenHash>,
    /// The client it says it is.
    pub(super) client: Option<TokenHash>,
}

/// What somebody had too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Of one source, or of one token.
    Requests,
    /// Of all without a source.
    SharedRequests,
    AtOnce,
    /// Of one source.
    SignIns,
    /// Of one client, where there is no source.
    ClientSignIns,
    AllSignIns,
    /// Of one source, while they are scarce.
    Registrations,
    AllRegistrations,
}

/// There were too many of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany {
    pub(super) limit: Limit,
    pub(super) wait: Duration,
}

/// A request under way; it is over when this is dropped.
pub(super) struct Underway {
    limits: Arc<Limits>,
    /// `None` for those who show a good token, whom nothing but the number of connections limits.
    of: Option<Counted>,
}

pub(super) struct Limits {
    begun: Instant,
    state: Mutex<State>,
}

/// Together with whom a request under way is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    Address(IpAddr),
    /// All that have no source.
    Nameless,
}

/// Who has an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    Address(IpAddr),
    /// A client id that nobody is known to have signed in for.
    Client(TokenHash),
}

struct State {
    sources: HashMap<Who, Source>,
    /// Tokens that were good, with what they may still ask.
    tokens: HashMap<TokenHash, Bucket>,
    /// Clients that people signed in for, with the sign-ins that may begin.
    clients: HashMap<TokenHash, Bucket>,
    known_sign_ins: Bucket,
    /// Never longer than there are connections.
    underway: HashMap<Counted, u32>,
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
    /// What there was too much of, and how long to wait.
    pub(super) fn admit(self: &Arc<Self>, ask: &Ask<'_>) -> Result<Underway, TooMany> {
        let now = self.begun.elapsed();
        let of = self.state().admit(ask, now)?;
        Ok(Underway { limits: self.clone(), of })
    }

    /// This token was good just now.
    pub(super) fn proved(&self, token: TokenHash) {
        let now = self.begun.elapsed();
        let state = &mut *self.state();
        remember(&mut state.tokens, token, REQUESTS, now);
    }

    /// This token was not taken, whatever it was before.
    pub(super) fn disproved(&self, token: &TokenHash) {
        self.state().tokens.remove(token);
    }

    /// People signed in for this client.
    pub(super) fn know(&self, client: TokenHash) {
        let now = self.begun.elapsed();
        let state = &mut *self.state();
        remember(&mut state.clients, client, SIGN_INS, now);
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
            tokens: HashMap::new(),
            clients: HashMap::new(),
            known_sign_ins: Bucket::full(KNOWN_SIGN_INS, Duration::ZERO),
            underway: HashMap::new(),
            shared: Bucket::full(SHARED, Duration::ZERO),
            sign_ins: Bucket::full(ALL_SIGN_INS, Duration::ZERO),
            registrations: Bucket::full(ALL_REGISTRATIONS, Duration::ZERO),
            swept_at: Duration::ZERO,
            turned_away: [(0, 0); MINUTE],
        }
    }

    /// Answers whom the request is counted for while it is under way.
    fn admit(&mut self, ask: &Ask<'_>, now: Duration) -> Result<Option<Counted>, TooMany> {
        let admitted = self.admit_underway(ask, now);
        if admitted.is_err() {
            let second = now.as_secs();
            let at = usize::try_from(second).unwrap_or_default() % MINUTE;
            let (known, count) = self.turned_away[at];
            self.turned_away[at] = (second, if known == second { count.saturating_add(1) } else { 1 });
        }
        admitted
    }

    fn admit_underway(&mut self, ask: &Ask<'_>, now: Duration) -> Result<Option<Counted>, TooMany> {
        let of =
            (!self.shows_good_token(ask)).then(|| ask.source.map_or(Counted::Nameless, Counted::Address));
        if let Some(counted) = of {
            let of_it = self.underway.get(&counted).copied().unwrap_or_default();
            let alone = counted != Counted::Nameless && of_it >= AT_ONCE;
            if alone || self.underway.values().sum::<u32>() >= ALL_AT_ONCE {
                return Err(TooMany { limit: Limit::AtOnce, wait: Duration::from_secs(1) });
            }
        }
        match Wish::of(ask.path) {
            Wish::Unlimited => {}
            Wish::Registration => self.admit_registration(ask.source, now)?,
            Wish::SignIn => self.admit_sign_in(ask, now)?,
            Wish::Other => self.admit_request(ask, now)?,
        }
        if let Some(counted) = of {
            *self.underway.entry(counted).or_default() += 1;
        }
        Ok(of)
    }

    fn shows_good_token(&self, ask: &Ask<'_>) -> bool {
        ask.token.is_some_and(|token| self.tokens.contains_key(&token))
    }

    fn admit_request(&mut self, ask: &Ask<'_>, now: Duration) -> Result<(), TooMany> {
        if let Some(bucket) = ask.token.and_then(|token| self.tokens.get_mut(&token)) {
            return bucket.take(REQUESTS, now, Limit::Requests);
        }
        match self.known(ask.source.map(Who::Address), now) {
            Some(source) => source.requests.take(REQUESTS, now, Limit::Requests),
            None => self.shared.take(SHARED, now, Limit::SharedRequests),
        }
    }

    /// One that is turned away for its source takes nothing from all. A client that is known has an allowance of its own; whoever
    /// uses that up by its name is one stranger more.
    fn admit_sign_in(&mut self, ask: &Ask<'_>, now: Duration) -> Result<(), TooMany> {
        if let Some(own) = ask.client.and_then(|client| self.clients.get_mut(&client))
            && own.take(SIGN_INS, now, Limit::ClientSignIns).is_ok()
            && self.known_sign_ins.take(KNOWN_SIGN_INS, now, Limit::AllSignIns).is_ok()
        {
            return Ok(());
        }
        self.admit_request(ask, now)?;
        let (who, limit) = match ask.source {
            Some(address) => (Some(Who::Address(address)), Limit::SignIns),
            None => (ask.client.map(Who::Client), Limit::ClientSignIns),
        };
        if let Some(source) = self.known(who, now) {
            source.sign_ins.take(SIGN_INS, now, limit)?;
        }
        self.sign_ins.take(ALL_SIGN_INS, now, Limit::AllSignIns)
    }

    fn admit_registration(&mut self, source: Option<IpAddr>, now: Duration) -> Result<(), TooMany> {
        let scarce = self.registrations.tokens(ALL_REGISTRATIONS, now) < ALL_REGISTRATIONS.burst / 2.0;
        if scarce && let Some(source) = self.known(source.map(Who::Address), now) {
            source.registrations.take(REGISTRATIONS, now, Limit::Registrations)?;
        }
        self.registrations.take(ALL_REGISTRATIONS, now, Limit::AllRegistrations)
    }

    /// `None` where there is no room: forgetting somebody who is limited would let them begin anew.
    fn known(&mut self, source: Option<Who>, now: Duration) -> Option<&mut Source> {
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

    fn take(&mut self, rate: Rate, now: Duration, limit: Limit) -> Result<(), TooMany> {
        (self.tokens, self.at) = (self.tokens(rate, now), now);
        if self.tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - self.tokens) / rate.a_second);
            return Err(TooMany { limit, wait });
        }
        self.tokens -= 1.0;
        Ok(())
    }
}

/// One more that is known. Where there is no room the one longest at rest makes it; without any, the new one stays among strangers.
fn remember(known: &mut HashMap<TokenHash, Bucket>, one: TokenHash, rate: Rate, now: Duration) {
    if known.contains_key(&one) {
        return;
    }
    if known.len() >= MOST_KNOWN {
        let at_rest = known.iter().filter(|(_, bucket)| bucket.is_full(rate, now));
        if let Some(one) = at_rest.min_by_key(|(_, bucket)| bucket.at).map(|(one, _)| *one) {
            known.remove(&one);
        }
    }
    if known.len() < MOST_KNOWN {
        known.insert(one, Bucket::full(rate, now));
    }
}

// === impl Underway ===

impl Drop for Underway {
    fn drop(&mut self) {
        let Some(counted) = self.of else { return };
        let mut state = self.limits.state();
        if let Entry::Occupied(mut count) = state.underway.entry(counted) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Wish {
    fn of(path: &str) -> Self {
        match path {
            "/jwks" | "/healthz" | "/readyz" => Self::Unlimited,
            "/register" | "/oauth/register" => Self::Registration,
            "/authorize" | "/oauth/authorize" | "/my-sessions/sign-in" => Self::SignIn,
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
pub(super) fn too_many(TooMany { wait, limit }: TooMany) -> Response {
    let why = match limit {
        Limit::Requests => "too many requests came from there; wait a moment, then try again",
        Limit::SharedRequests => "too many requests come in at present; wait a moment, then try again",
        Limit::AtOnce => "too many requests are under way; wait until some are answered, then try again",
        Limit::SignIns | Limit::ClientSignIns | Limit::AllSignIns => {
            "too many sign-ins were begun; wait a moment, then start again"
        }
        Limit::Registrations | Limit::AllRegistrations => {
            "too many clients registered; wait a moment, then connect again"
        }
    };
    let told = serde_json::json!({ "error": "temporarily_unavailable", "error_description": why });
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(told)).into_response();
    for (name, value) in [
        (header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ] {
        response.headers_mut().insert(name, value);
    }
    // A connection that stayed open would be one of those that are left over for others, and counted nowhere.
    if limit == Limit::AtOnce {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
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

    /// One request, over at once.
    fn admits(state: &mut State, path: &str, source: Option<IpAddr>, now: Duration) -> Result<(), TooMany> {
        ended(state, &Ask { path, source, ..Ask::default() }, now)
    }

    fn ended(state: &mut State, ask: &Ask<'_>, now: Duration) -> Result<(), TooMany> {
        let of = state.admit(ask, now)?;
        if let Some(counted) = of {
            state.underway.remove(&counted);
        }
        Ok(())
    }

    /// How many of `n` get in.
    fn of(state: &mut State, n: u32, path: &str, from: impl Fn(u32) -> Option<IpAddr>, now: Duration) -> u32 {
        (0..n).map(|n| u32::from(admits(state, path, from(n), now).is_ok())).sum()
    }

    #[test]
    fn one_source_runs_out_and_others_do_not_notice() {
        let mut state = State::new();
        assert_eq!(of(&mut state, 1_000, "/mcp", |_| v4(1), NOW), 600);
        let TooMany { wait, limit } = admits(&mut state, "/mcp", v4(1), NOW).unwrap_err();
        assert_eq!(limit, Limit::Requests);
        assert!(wait <= Duration::from_millis(50), "{wait:?}");
        assert!(admits(&mut state, "/mcp", v4(2), NOW).is_ok());
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
        assert!(admits(&mut state, "/register", v4(1), NOW).is_ok(), "although its address has run out");
        assert_eq!(of(&mut state, 1_000, "/register", v4, NOW), 599, "all together");
    }

    #[test]
    fn nobody_alone_takes_the_last_registrations() {
        let mut state = State::new();
        let taken = of(&mut state, 2_000, "/register", |_| v4(1), NOW);
        assert_eq!(taken, 361, "half of all and one, and then its own share");
        assert!(admits(&mut state, "/register", v4(2), NOW).is_ok(), "others go on");
    }

    #[test]
    fn sign_ins_that_wait_are_bounded_of_one_source_and_of_all() {
        let mut state = State::new();
        let clients = of(&mut state, 30, "/authorize", |_| v4(1), NOW);
        let people = of(&mut state, 500, "/my-sessions/sign-in", |_| v4(1), NOW);
        assert_eq!((clients, people), (30, 30), "whoever asks for it");
        assert!(admits(&mut state, "/token", v4(1), NOW).is_ok(), "what is under way goes on");
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
        assert!(admits(&mut state, "/mcp", v4(0), NOW).is_err(), "who was limited still is");
        let later = NOW + Duration::from_secs(3_600);
        assert!(admits(&mut state, "/mcp", v4(200_000), later).is_ok());
        assert_eq!(state.sources.len(), 1, "those at rest are forgotten");
    }

    #[test]
    fn where_no_source_is_known_strangers_do_not_use_up_what_known_clients_have() {
        let mut state = State::new();
        let id = |n: u32| Some(TokenHash::of(format!("client {n}")));
        let begins = |state: &mut State, client| {
            ended(state, &Ask { path: "/authorize", client, ..Ask::default() }, NOW)
        };
        remember(&mut state.clients, id(0).unwrap(), SIGN_INS, NOW);
        let of_one = (0..500).filter(|_| begins(&mut state, id(1)).is_ok()).count();
        assert_eq!(of_one, 60, "one id is one source");
        let of_many = (2..5_000).filter(|n| begins(&mut state, id(*n)).is_ok()).count();
        assert_eq!(of_many, 940, "and all together have what they had");
        let told = begins(&mut state, id(6_000)).unwrap_err();
        assert!(matches!(told.limit, Limit::AllSignIns | Limit::SharedRequests), "{told:?}");
        assert_eq!(
            (0..60).filter(|_| begins(&mut state, id(0)).is_ok()).count(),
            60,
            "the known one goes on"
        );
        assert!(begins(&mut state, id(0)).is_err(), "by its name alone nobody has more than that");
    }

    #[test]
    fn a_good_token_has_an_allowance_of_its_own() {
        let mut state = State::new();
        let token = TokenHash::of("token");
        assert_eq!(of(&mut state, 5_000, "/mcp", |_| None, NOW), 2_400);
        let ask = Ask { path: "/mcp", token: Some(token), ..Ask::default() };
        assert_eq!(
            ended(&mut state, &ask, NOW).unwrap_err().limit,
            Limit::SharedRequests,
            "nobody knows it yet"
        );
        remember(&mut state.tokens, token, REQUESTS, NOW);
        assert_eq!((0..1_000).filter(|_| ended(&mut state, &ask, NOW).is_ok()).count(), 600);
        let bound = u32::try_from(MOST_KNOWN).unwrap() * 2;
        for n in 0..bound {
            remember(&mut state.tokens, TokenHash::of(n.to_string()), REQUESTS, NOW);
        }
        assert!(state.tokens.len() <= MOST_KNOWN);
        assert!(state.tokens.contains_key(&token), "those in use stay");
        assert!(state.tokens.contains_key(&TokenHash::of((bound - 1).to_string())), "and the latest");
        assert_eq!(state.tokens.len(), MOST_KNOWN, "one more makes one go, not all");
    }

    #[test]
    fn who_finds_no_place_keeps_none() {
        let closes = |limit| {
            let told = too_many(TooMany { limit, wait: Duration::ZERO });
            told.headers().get(header::CONNECTION).is_some_and(|word| word == "close")
        };
        assert!(closes(Limit::AtOnce), "its connection would be one of those for who shows a token");
        assert!(!closes(Limit::Requests), "who is counted may go on where it is");
    }

    #[test]
    fn one_source_has_so_many_requests_under_way_and_leaves_connections_to_others() {
        let limits = Arc::new(Limits::default());
        let ask = |source| Ask { path: "/jwks", source, ..Ask::default() };
        let held: Vec<_> = (0..100).filter_map(|_| limits.admit(&ask(v4(1))).ok()).collect();
        assert_eq!(held.len(), 64);
        assert_eq!(limits.admit(&ask(v4(1))).err().map(|told| told.limit), Some(Limit::AtOnce));
        assert!(limits.admit(&ask(v4(2))).is_ok());
        let nameless: Vec<_> = (0..500).filter_map(|_| limits.admit(&ask(None)).ok()).collect();
        assert_eq!(held.len() + nameless.len(), 256);
        assert!(limits.admit(&ask(v4(3))).is_err(), "nor do many sources have more together");
        let token = TokenHash::of("token");
        limits.proved(token);
        assert!(limits.admit(&Ask { token: Some(token), ..ask(None) }).is_ok(), "a known client has room");
        drop((held, nameless));
        assert!(limits.admit(&ask(v4(1))).is_ok());
        assert!(limits.state().underway.is_empty(), "and nothing is kept of those that are over");
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
