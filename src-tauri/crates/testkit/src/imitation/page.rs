//! What a browser does between a page and a server of another origin (Fetch standard, "CORS protocol"): it asks before
//! requests a form could not send, and hides what the server does not show.

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName};

use super::{Headers, Imitation};
use crate::client::{Answer, answer};

/// Response headers every page may read (Fetch standard, "CORS-safelisted response-header name").
const ALWAYS_SEEN: [&str; 7] = [
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

impl Imitation {
    /// Asks for permission where the browser would.
    pub(super) async fn preflight(&self, origin: &str, method: &Method, url: &str, headers: Headers<'_>) {
        let mut asked: Vec<String> = headers
            .iter()
            .filter(|(name, value)| !is_simple(name, value))
            .map(|(name, _)| (*name).to_owned())
            .collect();
        if asked.is_empty() && [Method::GET, Method::HEAD, Method::POST].contains(method) {
            return;
        }
        asked.sort();
        let asked_line = asked.join(",");
        let mut request = self
            .http
            .request(Method::OPTIONS, url)
            .header("origin", origin)
            .header("access-control-request-method", method.as_str());
        if !asked.is_empty() {
            request = request.header("access-control-request-headers", &asked_line);
        }
        let allowed = answer(request).await;
        self.needs(
            (200..300).contains(&allowed.status),
            format_args!(
                "the preflight of {method} {url} was answered with {}: Failed to fetch",
                allowed.status
            ),
        );
        self.needs(
            [origin, "*"].contains(&allowed.header("access-control-allow-origin")),
            format_args!("the preflight of {method} {url} allows no page of {origin}: Failed to fetch"),
        );
        let granted = allowed.header("access-control-allow-headers").to_lowercase();
        let missing: Vec<_> =
            asked.iter().filter(|name| !granted.split(',').any(|one| one.trim() == name.as_str())).collect();
        self.needs(
            missing.is_empty(),
            format_args!(
                "the preflight of {method} {url} does not allow the headers {missing:?}: Failed to fetch"
            ),
        );
    }

    /// The answer as the page sees it.
    pub(super) fn as_seen_by(&self, origin: &str, url: &str, answer: Answer) -> Answer {
        self.needs(
            [origin, "*"].contains(&answer.header("access-control-allow-origin")),
            format_args!(
                "the answer of {url} ({}) is hidden from pages of {origin}: Failed to fetch",
                answer.status
            ),
        );
        let exposed = answer.header("access-control-expose-headers").to_lowercase();
        let seen = |name: &HeaderName| {
            ALWAYS_SEEN.contains(&name.as_str()) || exposed.split(',').any(|one| one.trim() == name.as_str())
        };
        let headers: HeaderMap = answer
            .headers
            .iter()
            .filter(|(name, _)| seen(name))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        Answer { headers, ..answer }
    }
}

/// What a form could send too (Fetch standard, "CORS-safelisted request-header").
fn is_simple(name: &str, value: &str) -> bool {
    match name {
        "accept" | "accept-language" | "user-agent" => true,
        "content-type" => value.starts_with("application/x-www-form-urlencoded"),
        _ => false,
    }
}
