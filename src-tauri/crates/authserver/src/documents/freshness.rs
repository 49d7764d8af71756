//! How long a fetched document counts: the part of HTTP caching (RFC 9111) that publishers of such documents use.
//!
//! `Expires`, `s-maxage` and heuristics are left out; without `max-age` our own default applies.

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, ETAG, HeaderName, LAST_MODIFIED};

/// What lets us ask "has it changed?" (RFC 9110 section 8.8), kept as the publisher wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// What the publisher says about keeping a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing said.
    Unstated,
    /// `no-store`: forget it after this answer.
    NotKept,
    /// Good for so long; zero for `no-cache`, which keeps a copy and asks every time.
    For(Duration),
}

impl Validators {
    /// Longest one we keep and send back; real ones are a tenth of it.
    const MAX_LEN: usize = 256;

    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| {
            let value = headers.get(name)?.to_str().ok()?;
            (value.len() <= Self::MAX_LEN).then(|| value.to_owned())
        };
        Self { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
    }

    pub const fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

impl Freshness {
    /// Without a word from the publisher.
    pub const DEFAULT: Duration = Duration::from_hours(1);
    /// Whatever the publisher says: changed redirect URIs must arrive within a day.
    pub const MAX: Duration = Duration::from_hours(24);

    pub fn of(headers: &HeaderMap) -> Self {
        let mut said = Self::Unstated;
        for directive in directives(headers) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => return Self::NotKept,
                "no-cache" => said = Self::For(Duration::ZERO),
                // The first word counts, and `no-cache` outweighs it in either order.
                "max-age" if said == Self::Unstated => said = Self::For(max_age(value, headers)),
                _ => {}
            }
        }
        said
    }

    /// The lifetime to count with; `None` if nothing may be kept.
    pub fn lifetime(self) -> Option<Duration> {
        match self {
            Self::Unstated => Some(Self::DEFAULT),
            Self::NotKept => None,
            Self::For(span) => Some(span.min(Self::MAX)),
        }
    }
}

fn directives(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

/// A number that does not read is stale at once (RFC 9111 section 4.2.1); what a cache on the way already used up
/// comes off.
fn max_age(value: &str, headers: &HeaderMap) -> Duration {
    let seconds = |text: &str| text.trim().trim_matches('"').parse::<u64>().ok();
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()).and_then(seconds).unwrap_or(0);
    Duration::from_secs(seconds(value).unwrap_or(0).saturating_sub(age))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn said(lines: &[&'static str]) -> Freshness {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
        }
        Freshness::of(&headers)
    }

    #[test]
    fn each_directive_means_what_rfc_9111_says() {
        let secs = |s| Freshness::For(Duration::from_secs(s));
        for (lines, means) in [
            (&[][..], Freshness::Unstated),
            (&["public"], Freshness::Unstated),
            (&["max-age=60"], secs(60)),
            (&["public, Max-Age=60, immutable"], secs(60)),
            (&["max-age=\"60\""], secs(60)),
            (&["max-age=60, no-cache"], secs(0)),
            (&["no-cache, max-age=60"], secs(0)),
            (&["no-cache=\"set-cookie\""], secs(0)),
            (&["max-age=60", "no-store"], Freshness::NotKept),
            (&["max-age=soon"], secs(0)),
            (&["max-age=-1"], secs(0)),
            (&["max-age"], secs(0)),
        ] {
            assert_eq!(said(lines), means, "{lines:?}");
        }
    }

    #[test]
    fn a_copy_lives_an_hour_unless_told_and_never_more_than_a_day() {
        assert_eq!(said(&[]).lifetime(), Some(Duration::from_hours(1)));
        assert_eq!(said(&["max-age=31536000"]).lifetime(), Some(Duration::from_hours(24)));
        assert_eq!(said(&["max-age=18446744073709551615"]).lifetime(), Some(Duration::from_hours(24)));
        assert_eq!(said(&["no-store"]).lifetime(), None);
    }

    #[test]
    fn a_validator_nobody_honest_would_send_is_not_kept() {
        let (longest, too_long) = ("x".repeat(256), "x".repeat(257));
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_str(&too_long).unwrap());
        headers.insert(LAST_MODIFIED, HeaderValue::from_str(&longest).unwrap());
        assert_eq!(Validators::of(&headers), Validators { etag: None, last_modified: Some(longest) });
        headers.insert(LAST_MODIFIED, HeaderValue::from_str(&too_long).unwrap());
        assert!(Validators::of(&headers).is_empty());
    }

    #[test]
    fn time_spent_in_a_cache_on_the_way_is_taken_off() {
        let mut headers = HeaderMap::new();
        headers.append(CACHE_CONTROL, HeaderValue::from_static("max-age=100"));
        headers.append(AGE, HeaderValue::from_static("40"));
        assert_eq!(Freshness::of(&headers), Freshness::For(Duration::from_mins(1)));
    }

    proptest! {
        #[test]
        fn no_header_panics_or_outlives_a_day(line in "[ -~]{0,60}") {
            let mut headers = HeaderMap::new();
            headers.append(CACHE_CONTROL, HeaderValue::from_str(&line).unwrap());
            if let Some(life) = Freshness::of(&headers).lifetime() {
                prop_assert!(life <= Freshness::MAX);
            }
        }
    }
}
