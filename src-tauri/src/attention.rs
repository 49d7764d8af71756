//! What waits for the person to look at it: refused sign-ins, and sessions that must sign in again.
//!
//! Kept in memory and bounded: the auth log has it all.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::Value;

const MOST: usize = 99;

/// What of a row of the auth log matters outside of the window.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Happened {
    pub(crate) event: String,
    pub(crate) attempt: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) client_name: Option<String>,
    pub(crate) session: Option<String>,
    #[serde(default)]
    pub(crate) details: Value,
    /// What a notice says of it; it names no person.
    pub(crate) notice: Option<Told>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Told {
    pub(crate) title: String,
    pub(crate) text: String,
}

/// Oldest first.
#[derive(Debug, Default)]
pub(crate) struct Attention(VecDeque<Waiting>);

#[derive(Debug, PartialEq, Eq)]
struct Waiting {
    what: What,
    client: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    SignInAgain { session: String },
    Refused { attempt: String },
}

// === impl Happened ===

impl Happened {
    /// The session that ended because its person must sign in again.
    pub(crate) fn needs_sign_in(&self) -> Option<&str> {
        let needed = self.event == "session_ended" && says(&self.details, "sign_in_needed");
        self.session.as_deref().filter(|_| needed)
    }

    fn refused(&self) -> Option<&str> {
        // Only what comes after somebody approved on our page: nobody can call for attention from afar.
        let refused = matches!(self.event.as_str(), "upstream_refused" | "callback_refused");
        // A test sign-in has no client, and its owner is looking at it.
        self.attempt.as_deref().filter(|_| refused && self.client.is_some())
    }
}

// === impl Attention ===

impl Attention {
    pub(crate) fn note(&mut self, happened: &Happened) {
        let what = match (happened.needs_sign_in(), happened.refused()) {
            (Some(session), _) => What::SignInAgain { session: session.to_owned() },
            (None, Some(attempt)) => What::Refused { attempt: attempt.to_owned() },
            (None, None) => return self.settle(happened),
        };
        let waiting = Waiting { what, client: happened.client.clone() };
        if self.0.iter().any(|known| known.what == waiting.what) {
            return;
        }
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(waiting);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Where in the window the newest is, with the buttons that mend it.
    pub(crate) fn page(&self) -> Option<String> {
        self.0.back().map(|waiting| waiting.what.page())
    }

    /// Where the newest session is that must sign in again.
    pub(crate) fn sign_in_page(&self) -> Option<String> {
        let newest = self.0.iter().rev().find(|waiting| matches!(waiting.what, What::SignInAgain { .. }));
        newest.map(|waiting| waiting.what.page())
    }

    /// The person has looked.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// A client that got its tokens needs nothing any more.
    fn settle(&mut self, happened: &Happened) {
        if happened.event == "token_issued" && happened.client.is_some() {
            self.0.retain(|waiting| waiting.client != happened.client);
        }
    }
}

// === impl What ===

impl What {
    fn page(&self) -> String {
        let (page, name, id) = match self {
            Self::SignInAgain { session } => ("#/sessions", "session", session),
            Self::Refused { attempt } => ("#/log", "attempt", attempt),
        };
        // A window that is there is led by a script: nothing but a plain word may get into it.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if id.bytes().all(plain) { format!("{page}?{name}={id}") } else { page.to_owned() }
    }
}

/// The reason is a text or an object with one; a reader of either stays right if the form changes.
fn says(details: &Value, word: &str) -> bool {
    match details {
        Value::String(text) => text == word,
        Value::Object(members) => members.iter().any(|(name, value)| name == word || says(value, word)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn happened(value: Value) -> Happened {
        serde_json::from_value(value).unwrap()
    }

    fn refused(attempt: &str, client: &str) -> Happened {
        happened(json!({"event": "upstream_refused", "attempt": attempt, "client": client}))
    }

    #[test]
    fn an_attempt_waits_once_until_its_client_is_connected_or_somebody_looked() {
        let mut attention = Attention::default();
        attention.note(&refused("a", "x"));
        attention.note(&refused("a", "x"));
        attention.note(&refused("b", "y"));
        assert_eq!((attention.len(), attention.page().as_deref()), (2, Some("#/log?attempt=b")));
        attention.note(&happened(json!({"event": "token_issued", "client": "x"})));
        assert_eq!(attention.len(), 1);
        attention.clear();
        assert_eq!((attention.len(), attention.page()), (0, None));
    }

    #[test]
    fn a_test_sign_in_that_is_refused_waits_for_nobody() {
        let mut attention = Attention::default();
        attention.note(&happened(json!({"event": "upstream_refused", "attempt": "a", "client": null})));
        assert_eq!(attention.len(), 0);
    }

    #[test]
    fn only_a_session_that_needs_sign_in_waits() {
        let mut attention = Attention::default();
        let ended = |ended: Value| {
            happened(json!({"event": "session_ended", "session": "s", "details": {"ended": ended}}))
        };
        attention.note(&ended(json!("revoked_by_owner")));
        assert_eq!(attention.len(), 0);
        attention.note(&ended(json!({"is": "sign_in_needed", "code": 50173})));
        assert_eq!((attention.len(), attention.page().as_deref()), (1, Some("#/sessions?session=s")));
        attention.note(&refused("a", "x"));
        assert_eq!(attention.page().as_deref(), Some("#/log?attempt=a"));
        assert_eq!(attention.sign_in_page().as_deref(), Some("#/sessions?session=s"));
    }

    #[test]
    fn what_is_no_plain_word_leads_to_the_page_only() {
        let mut attention = Attention::default();
        attention.note(&refused("a'; alert(1); '", "x"));
        assert_eq!(attention.page().as_deref(), Some("#/log"));
    }

    #[test]
    fn strangers_cannot_make_it_grow() {
        let mut attention = Attention::default();
        for n in 0..1000 {
            attention.note(&refused(&n.to_string(), "x"));
        }
        assert_eq!(attention.len(), MOST);
    }
}
