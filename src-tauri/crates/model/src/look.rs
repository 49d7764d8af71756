//! Looking at ourselves from outside: whoever has the master key asks with a ticket, and only who has it too can answer.
//!
//! A ticket carries its time and a MAC, so every process of this installation can make and answer one, and nobody else can have
//! answered what a ticket asks for. Whoever is on the way sees it, so it is good for nothing but what one look asks for, and each
//! of that for a few times: who answers counts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

use crate::ids::TokenHash;
use crate::keys::{MasterKey, Purpose};
use crate::ports::Entropy;
use crate::time::Timestamp;

/// Where a ticket is answered.
pub const PATH: &str = "/.well-known/just-mcp-oauth-proxy";
/// Between the two pieces of the answer that comes in pieces.
pub const PAUSE: Duration = Duration::from_millis(500);
/// What the second piece says.
pub const END: &str = "end";
/// How long a ticket is answered, and how far the clocks of two replicas may be apart.
const LIFETIME: Duration = Duration::from_secs(60);
const PARAMETER: &str = "look=";
/// Of each thing that one look asks for: what is on the way may send a request again that it got no answer to.
const USES: u8 = 2;

/// What one look asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The answer that comes in pieces.
    Pieces,
    Resource,
    Server,
    /// A call without a token.
    Challenge,
    /// As a browser.
    Page,
}

/// Extension of a request that is one of our own look.
#[derive(Debug, Clone, Copy)]
pub struct OurLook;

/// Makes tickets, knows them again, and answers them.
pub struct Looks {
    key: hmac::Key,
    /// What was asked for by the tickets that are fresh. Nobody but this installation makes one, so strangers add nothing.
    used: Mutex<HashMap<TokenHash, Used>>,
}

/// What one ticket was shown for.
struct Used {
    made: Timestamp,
    times: [u8; Question::ALL.len()],
}

/// A query that is a ticket of ours.
struct Ticket<'a> {
    made: Timestamp,
    mac: &'a str,
}

// === impl Question ===

impl Question {
    pub const ALL: [Self; 5] = [Self::Pieces, Self::Resource, Self::Server, Self::Challenge, Self::Page];

    pub const fn method(self) -> &'static str {
        match self {
            Self::Pieces | Self::Challenge => "POST",
            Self::Resource | Self::Server | Self::Page => "GET",
        }
    }

    pub const fn path(self) -> &'static str {
        match self {
            Self::Pieces | Self::Page => PATH,
            Self::Resource => "/.well-known/oauth-protected-resource/mcp",
            Self::Server => "/.well-known/oauth-authorization-server",
            Self::Challenge => "/mcp",
        }
    }
}

// === impl Looks ===

impl Looks {
    pub fn new(master: &MasterKey) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::Looks).as_ref());
        Self { key, used: Mutex::default() }
    }

    /// The query of a request that only this installation can make, fresh for every look.
    pub fn ticket(&self, entropy: &dyn Entropy, now: Timestamp) -> String {
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce);
        let plain = format!("{}.{}", now.millis(), B64.encode(nonce));
        format!("{PARAMETER}{plain}.{}", self.mac("ticket", &plain))
    }

    /// Whether a request is one of a look of ours: what a look asks for, with a ticket that is not too old and was not shown for it
    /// too often. Counts, so it is asked once of each request.
    pub fn admits(&self, method: &str, path: &str, query: Option<&str>, now: Timestamp) -> bool {
        let asked = Question::ALL.iter().position(|asked| asked.method() == method && asked.path() == path);
        let Some(at) = asked else { return false };
        let Some(ticket) = query.and_then(|query| self.ticket_in(query, now)) else { return false };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, used| is_fresh(used.made, now));
        let used = used
            .entry(TokenHash::of(ticket.mac))
            .or_insert(Used { made: ticket.made, times: [0; Question::ALL.len()] });
        let times = &mut used.times[at];
        let is_left = *times < USES;
        *times += u8::from(is_left);
        is_left
    }

    fn ticket_in<'a>(&self, query: &'a str, now: Timestamp) -> Option<Ticket<'a>> {
        let (plain, mac) = query.strip_prefix(PARAMETER)?.rsplit_once('.')?;
        let made = Timestamp::from_millis(plain.split_once('.')?.0.parse().ok()?);
        let is_ours = is_fresh(made, now) && TokenHash::of(self.mac("ticket", plain)).matches(mac);
        is_ours.then_some(Ticket { made, mac })
    }

    /// What nobody else can answer to this ticket.
    pub fn proof(&self, ticket: &str) -> String {
        self.mac("proof", ticket)
    }

    fn mac(&self, what: &str, of: &str) -> String {
        B64.encode(hmac::sign(&self.key, format!("{what} {of}").as_bytes()))
    }
}

fn is_fresh(made: Timestamp, now: Timestamp) -> bool {
    now.since(made) <= LIFETIME && made.since(now) <= LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    fn looks(seed: u64) -> Looks {
        Looks::new(&MasterKey::generate(&SeededEntropy::new(seed)))
    }

    /// As the page of a look, of which this is the first.
    fn is_ours(seed: u64, query: Option<&str>, now: Timestamp) -> bool {
        looks(seed).admits("GET", PATH, query, now)
    }

    #[test]
    fn a_ticket_is_ours_for_a_minute_and_nobody_elses() {
        let (entropy, now) = (SeededEntropy::new(2), Timestamp::from_secs(1_790_000_000));
        let ticket = looks(1).ticket(&entropy, now);
        assert_ne!(ticket, looks(1).ticket(&entropy, now), "no two are alike");
        for (at, expected) in [
            (now, true),
            (now.plus(LIFETIME), true),
            (now.minus(LIFETIME), true),
            (now.plus(LIFETIME + Duration::from_millis(1)), false),
            (now.minus(LIFETIME + Duration::from_millis(1)), false),
        ] {
            assert_eq!(is_ours(1, Some(&ticket), at), expected, "{at:?}");
        }
        assert!(!is_ours(3, Some(&ticket), now), "another installation's");
        for bad in
            ["", "look=", "look=.", "look=1.x.y", "look=-.x", "other=1", &ticket[5..], &format!("{ticket}x")]
        {
            assert!(!is_ours(1, Some(bad), now), "{bad}");
        }
        assert!(!is_ours(1, None, now));
        let later = ticket.replacen("1790", "1791", 1);
        assert!(
            !is_ours(1, Some(&later), now.plus(Duration::from_secs(1_000_000))),
            "its time is part of it"
        );
    }

    #[test]
    fn a_ticket_is_good_for_what_one_look_asks_for_and_each_of_it_twice() {
        let (ours, entropy, now) = (looks(1), SeededEntropy::new(2), Timestamp::from_secs(1_790_000_000));
        let ticket = ours.ticket(&entropy, now);
        let admits = |method: &str, path: &str| ours.admits(method, path, Some(&ticket), now);
        for (method, path) in [
            ("POST", "/register"),
            ("GET", "/authorize"),
            ("GET", "/mcp"),
            ("DELETE", "/mcp"),
            ("POST", "/mcp/"),
            ("HEAD", PATH),
            ("GET", "/.well-known/oauth-authorization-server/mcp"),
        ] {
            assert!(!admits(method, path), "{method} {path}");
        }
        for question in Question::ALL {
            let times = (0..10).filter(|_| admits(question.method(), question.path())).count();
            assert_eq!(times, usize::from(USES), "{question:?}");
        }
        let next = ours.ticket(&entropy, now);
        assert!(ours.admits("GET", PATH, Some(&next), now), "the next look is not the poorer for it");
        let later = now.plus(LIFETIME).plus(Duration::from_secs(1));
        let last = ours.ticket(&entropy, later);
        assert!(ours.admits("GET", PATH, Some(&last), later));
        assert_eq!(ours.used.lock().unwrap().len(), 1, "and nothing is kept of those that are over");
    }

    #[test]
    fn a_proof_needs_the_key_and_is_no_ticket() {
        let (ours, entropy, now) = (looks(1), SeededEntropy::new(2), Timestamp::from_secs(1_790_000_000));
        let ticket = ours.ticket(&entropy, now);
        assert_eq!(
            ours.proof(&ticket),
            looks(1).proof(&ticket),
            "every process of an installation says the same"
        );
        assert_ne!(ours.proof(&ticket), looks(3).proof(&ticket));
        assert!(!ticket.contains(&ours.proof(&ticket)));
    }
}
