//! Which hosts clients may come from, as the owner of a server lists them.

use std::fmt;

use url::Host;

/// A host, or with `*.` in front every name below it. In lower case, as URLs are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(String);

/// The owner's lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostRules {
    /// Empty means any.
    pub allowed: Vec<HostPattern>,
    /// Counts before `allowed`.
    pub blocked: Vec<HostPattern>,
}

impl HostPattern {
    /// `None` for anything but a host name or address, with or without `*.`: no scheme, port or path.
    pub fn parse(text: &str) -> Option<Self> {
        let (wild, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        let name = match Host::parse(name).ok()? {
            // The dot at the end of a name is of no account (RFC 1034 section 3.1).
            Host::Domain(name) if !name.trim_end_matches('.').is_empty() && !name.contains('*') => {
                name.trim_end_matches('.').to_owned()
            }
            address @ (Host::Ipv4(_) | Host::Ipv6(_)) if !wild => address.to_string(),
            _ => return None,
        };
        Some(Self(if wild { format!("*.{name}") } else { name }))
    }

    /// Whether `host`, as it stands in a URL that was read, is meant.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        match self.0.strip_prefix('*') {
            Some(below) => host.len() > below.len() && host.ends_with(below),
            None => host == self.0,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HostRules {
    pub fn admit(&self, host: &str) -> bool {
        !self.block(host) && (self.allowed.is_empty() || self.allowed.iter().any(|one| one.matches(host)))
    }

    pub fn block(&self, host: &str) -> bool {
        self.blocked.iter().any(|one| one.matches(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(patterns: &[&str]) -> Vec<HostPattern> {
        patterns.iter().map(|text| HostPattern::parse(text).unwrap()).collect()
    }

    #[test]
    fn a_pattern_is_a_host_or_everything_below_it_and_nothing_else() {
        for text in ["claude.ai", "Claude.AI", "*.example.com", "127.0.0.1", "[::1]", "bücher.example"] {
            assert!(HostPattern::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "*",
            "*.",
            "a.*.b",
            "https://claude.ai",
            "claude.ai:443",
            "claude.ai/x",
            "*.127.0.0.1",
            "a b",
        ] {
            assert!(HostPattern::parse(text).is_none(), "{text}");
        }
        assert!(HostPattern::parse("evil.org.").unwrap().matches("evil.org"));
        assert!(HostPattern::parse("*.evil.org.").unwrap().matches("a.evil.org."));
        assert_eq!(HostPattern::parse("bücher.example").unwrap().to_string(), "xn--bcher-kva.example");
    }

    #[test]
    fn names_below_are_not_the_name_itself_and_look_alikes_are_neither() {
        let below = HostPattern::parse("*.example.com").unwrap();
        assert!(
            below.matches("a.example.com")
                && below.matches("a.b.example.com")
                && below.matches("a.example.com.")
        );
        assert!(
            !below.matches("example.com")
                && !below.matches("evilexample.com")
                && !below.matches(".example.com")
        );
        let exact = HostPattern::parse("example.com").unwrap();
        assert!(exact.matches("example.com") && exact.matches("example.com."));
        assert!(!exact.matches("a.example.com") && !exact.matches("example.com.evil.org"));
    }

    #[test]
    fn without_an_allow_list_everybody_may_come_who_is_not_blocked() {
        let open = HostRules { allowed: vec![], blocked: list(&["*.evil.org"]) };
        assert!(open.admit("claude.ai") && !open.admit("a.evil.org"));
        let closed = HostRules {
            allowed: list(&["claude.ai", "*.corp.example"]),
            blocked: list(&["old.corp.example"]),
        };
        assert!(closed.admit("claude.ai") && closed.admit("new.corp.example"));
        assert!(!closed.admit("chatgpt.com") && !closed.admit("old.corp.example"));
    }
}
