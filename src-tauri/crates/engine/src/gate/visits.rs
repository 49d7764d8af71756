//! What came in from outside, also what was refused: who asked for what, what came of it, and how often.
//!
//! It is for the owner's own window and in memory only. What is alike is one line with a count, so a flood is one line; there are
//! never more than [`MOST_KNOWN`] and [`MOST_OTHERS`] of them, of a few hundred bytes each and less than two kilobytes with the longest
//! ids (600 kB in all). Query strings are never kept, and a path only as far as it can be shown.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use model::caller::{ForeignPage, Recognised};
use model::time::Timestamp;

use super::limits::Limit;

/// Lines of clients that showed a token; strangers do not push them out.
const MOST_KNOWN: usize = 100;
const MOST_OTHERS: usize = 200;
/// Characters of a path or a name.
const LONGEST: usize = 80;

#[derive(Debug, Default)]
pub(super) struct Visits(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    /// The one that was added to last is the last.
    known: VecDeque<Visit>,
    others: VecDeque<Visit>,
    lines: u64,
    changes: u64,
    told: u64,
}

/// Requests that are alike.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) id: u64,
    pub(crate) from: Option<IpAddr>,
    pub(crate) client: Option<Recognised>,
    pub(crate) outcome: Outcome,
    /// Of the last of them.
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) status: u16,
    /// Whether they asked for different things.
    pub(crate) various: bool,
    pub(crate) count: u64,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    /// What makes them alike, where the address counts.
    address: Option<String>,
    change: u64,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Served,
    /// Nothing is served there.
    NoSuchAddress,
    Method,
    NoToken,
    TokenRefused,
    /// The token lacks a scope.
    Scope,
    ForeignPage,
    OtherHost,
    TooLarge,
    /// By what the address itself asks of a request; its reason is in the auth log.
    Refused,
    Limited(Limit),
    /// The server starts, or something it needs does not answer.
    Unavailable,
}

/// A request, as far as it is told.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: &'static str,
    /// Without its query, cut and made safe.
    pub(super) path: String,
    pub(super) from: Option<IpAddr>,
}

// === impl Asked ===

impl Asked {
    pub(super) fn of(method: &Method, path: &str, from: Option<IpAddr>) -> Self {
        let known = [
            Method::GET,
            Method::POST,
            Method::HEAD,
            Method::OPTIONS,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::TRACE,
            Method::CONNECT,
        ];
        let names = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"];
        let at = known.iter().position(|known| known == method);
        Self { method: at.map_or("other", |at| names[at]), path: shown(path), from }
    }
}

/// A stranger's words: printable ASCII only, so that nothing turns a line around or hides in it, and not too many.
fn shown(path: &str) -> String {
    let safe = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    let mut text: String = path.chars().take(LONGEST).map(safe).collect();
    if path.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}

// === impl Outcome ===

impl Outcome {
    pub(super) fn of(response: &Response) -> Self {
        let challenge = response.headers().get(header::WWW_AUTHENTICATE).map(HeaderValue::as_bytes);
        let says =
            |word: &[u8]| challenge.is_some_and(|text| text.windows(word.len()).any(|part| part == word));
        match response.status() {
            StatusCode::NOT_FOUND => Self::NoSuchAddress,
            StatusCode::METHOD_NOT_ALLOWED => Self::Method,
            StatusCode::UNAUTHORIZED if says(b"error=") => Self::TokenRefused,
            StatusCode::UNAUTHORIZED if says(b"resource_metadata=") => Self::NoToken,
            StatusCode::FORBIDDEN if says(b"insufficient_scope") => Self::Scope,
            StatusCode::FORBIDDEN if response.extensions().get::<ForeignPage>().is_some() => {
                Self::ForeignPage
            }
            StatusCode::MISDIRECTED_REQUEST => Self::OtherHost,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            status if status.is_server_error() => Self::Unavailable,
            status if status.is_client_error() => Self::Refused,
            _ => Self::Served,
        }
    }

    /// Whether only addresses that are served can come to it, so that strangers cannot make up more lines.
    const fn has_address(self) -> bool {
        !matches!(self, Self::NoSuchAddress | Self::OtherHost | Self::Limited(_) | Self::Unavailable)
    }
}

// === impl Visits ===

impl Visits {
    pub(super) fn note(
        &self,
        asked: Asked,
        client: Option<Recognised>,
        outcome: Outcome,
        status: StatusCode,
        now: Timestamp,
    ) {
        let mut log = self.lock();
        log.changes += 1;
        let change = log.changes;
        let is_known = client.as_ref().is_some_and(|client| client.by_token);
        let id = client.as_ref().map(|client| client.client.clone());
        let address = (outcome.has_address() && !is_made_up(&asked.path)).then(|| asked.path.clone());
        let (lines, most) =
            if is_known { (&mut log.known, MOST_KNOWN) } else { (&mut log.others, MOST_OTHERS) };
        let alike = |line: &Visit| {
            line.outcome == outcome
                && line.from == asked.from
                && line.address == address
                && line.client.as_ref().map(|client| &client.client) == id.as_ref()
        };
        let found = lines.iter().rposition(alike).and_then(|at| lines.remove(at));
        if found.is_none() && lines.len() >= most {
            lines.pop_front();
        }
        let mut visit = found.unwrap_or_else(|| {
            log.lines += 1;
            Visit {
                id: log.lines,
                from: asked.from,
                client: client.map(|client| Recognised { name: client.name.as_deref().map(cut), ..client }),
                outcome,
                method: asked.method,
                path: asked.path.clone(),
                status: 0,
                various: false,
                count: 0,
                first_at: now,
                last_at: now,
                address,
                change,
            }
        });
        visit.various |= visit.path != asked.path;
        (visit.method, visit.path, visit.status) = (asked.method, asked.path, status.as_u16());
        (visit.count, visit.last_at, visit.change) = (visit.count + 1, now, change);
        if is_known { log.known.push_back(visit) } else { log.others.push_back(visit) }
    }

    /// All lines, the latest first.
    pub(super) fn all(&self) -> Vec<Visit> {
        self.since(0)
    }

    /// The lines that changed since this was asked before, the latest first.
    pub(super) fn news(&self) -> Vec<Visit> {
        let told = {
            let mut log = self.lock();
            let changes = log.changes;
            std::mem::replace(&mut log.told, changes)
        };
        self.since(told)
    }

    pub(super) fn forget(&self) {
        let mut log = self.lock();
        log.known.clear();
        log.others.clear();
    }

    fn since(&self, change: u64) -> Vec<Visit> {
        let log = self.lock();
        let lines = log.known.iter().chain(&log.others).filter(|line| line.change > change);
        let mut lines: Vec<Visit> = lines.cloned().collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.change));
        lines
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Any name there is answered, some methods of it with more than 404: it must not be a way to make lines.
fn is_made_up(path: &str) -> bool {
    static DOCUMENTS: LazyLock<BTreeSet<&'static str>> =
        LazyLock::new(|| authserver::public_paths().collect());
    path.starts_with("/.well-known/") && !DOCUMENTS.contains(path)
}

fn cut(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use model::ids::ClientId;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "a source is one that may be missing")]
    fn ip(n: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(std::net::Ipv4Addr::from_bits(n)))
    }

    fn at(n: u32) -> Timestamp {
        Timestamp::from_secs(i64::from(n))
    }

    fn asks(visits: &Visits, path: &str, from: Option<IpAddr>, outcome: Outcome, now: u32) {
        let asked = Asked::of(&Method::GET, path, from);
        visits.note(asked, None, outcome, StatusCode::NOT_FOUND, at(now));
    }

    fn client(name: &str, by_token: bool) -> Recognised {
        Recognised {
            client: ClientId::parse(name).unwrap(),
            name: Some(name.to_owned()),
            approved: true,
            by_token,
        }
    }

    #[test]
    fn a_flood_is_one_line_with_a_count_and_the_last_of_its_paths() {
        let visits = Visits::default();
        for n in 0..10_000 {
            asks(&visits, &format!("/made-up/{n}"), ip(1), Outcome::NoSuchAddress, n);
            asks(&visits, &format!("/{n}"), ip(1), Outcome::Limited(Limit::Requests), n);
        }
        let lines = visits.all();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[1].count, lines[1].path.as_str(), lines[1].various),
            (10_000, "/made-up/9999", true)
        );
        assert_eq!((lines[1].first_at, lines[1].last_at), (at(0), at(9_999)));
    }

    #[test]
    fn however_many_strangers_come_lines_are_bounded_and_those_with_a_token_stay() {
        let visits = Visits::default();
        let asked = || Asked::of(&Method::POST, "/mcp", ip(7));
        visits.note(asked(), Some(client("claude", true)), Outcome::Served, StatusCode::OK, at(0));
        for n in 0..5_000 {
            asks(&visits, "/mcp", ip(n), Outcome::NoToken, n);
        }
        visits.note(asked(), Some(client("claude", true)), Outcome::Served, StatusCode::OK, at(9));
        let lines = visits.all();
        assert_eq!(lines.len(), MOST_OTHERS + 1);
        assert_eq!((lines[0].count, lines[0].last_at), (2, at(9)));
        assert_eq!(lines[1].from, ip(4_999), "of strangers the latest");
    }

    #[test]
    fn who_asks_for_what_and_what_came_of_it_are_lines_of_their_own() {
        let visits = Visits::default();
        asks(&visits, "/token", ip(1), Outcome::Refused, 1);
        asks(&visits, "/token", ip(2), Outcome::Refused, 1);
        asks(&visits, "/token", ip(1), Outcome::Served, 1);
        asks(&visits, "/revoke", ip(1), Outcome::Served, 1);
        asks(&visits, "/revoke", None, Outcome::Served, 1);
        let named = Asked::of(&Method::GET, "/authorize", None);
        visits.note(named, Some(client("somebody", false)), Outcome::Served, StatusCode::SEE_OTHER, at(1));
        assert_eq!(visits.all().len(), 6);
    }

    #[test]
    fn only_what_changed_is_told_again() {
        let visits = Visits::default();
        asks(&visits, "/a", ip(1), Outcome::NoSuchAddress, 1);
        asks(&visits, "/a", ip(2), Outcome::NoSuchAddress, 1);
        assert_eq!(visits.news().len(), 2);
        assert!(visits.news().is_empty());
        asks(&visits, "/a", ip(1), Outcome::NoSuchAddress, 2);
        let news = visits.news();
        assert_eq!((news.len(), news[0].count), (1, 2));
        visits.forget();
        assert!(visits.all().is_empty());
    }

    #[test]
    fn a_strangers_words_are_cut_and_made_safe() {
        let path = format!("/\u{202e}<b>{}\n\u{1b}[31m", "x".repeat(500));
        let asked = Asked::of(&Method::from_bytes(b"HACK").unwrap(), &path, None);
        assert_eq!(asked.method, "other");
        assert_eq!(asked.path.chars().count(), LONGEST + 1);
        assert!(asked.path.starts_with("/?<b>xxx") && asked.path.ends_with("x…"), "{}", asked.path);
    }
}
