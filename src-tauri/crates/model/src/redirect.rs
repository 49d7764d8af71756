//! Redirect URIs of clients: what may be registered, and which request matches what was registered.
//!
//! Policy goes by class, not by vendor: https, http on loopback, private-use schemes. The text is kept byte for byte.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// A redirect URI (RFC 6749 section 3.1.2) that is safe to send a browser to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri {
    text: String,
    url: Url,
}

/// What a client may use: one URI, or (configured clients only) an https prefix ending in `/*` that stands
/// for one more path segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RedirectRule {
    Exact(RedirectUri),
    Segment(String),
}

/// Why a redirect URI is refused (`invalid_redirect_uri`, RFC 7591 section 3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    #[error("the redirect URI is not an absolute URI")]
    NotAbsolute,
    #[error("the redirect URI is longer than 2000 characters, or its scheme than 100")]
    TooLong,
    #[error("the redirect URI has a character that must be percent-encoded")]
    BadCharacter,
    #[error("the redirect URI has a fragment")]
    Fragment,
    #[error("the redirect URI has a user name or password in it")]
    UserInfo,
    #[error("the redirect URI has a wildcard")]
    Wildcard,
    #[error("plain http is accepted for localhost, 127.0.0.1 and [::1] only")]
    PlainHttp,
    #[error("this scheme could run code in the browser or reads local files")]
    UnsafeScheme,
}

/// Schemes that a browser or the operating system acts on itself; no MCP client answers to them.
const UNSAFE_SCHEMES: &[&str] = &[
    "javascript",
    "data",
    "file",
    "blob",
    "vbscript",
    "about",
    "view-source",
    "filesystem",
    "jar",
    "ws",
    "wss",
    "ftp",
    "mailto",
    "tel",
    "sms",
    "callto",
    "intent",
    "search",
    "search-ms",
    "shell",
    "ldap",
    "ldaps",
    "smb",
    "nfs",
    "ssh",
    "telnet",
    "hcp",
    "mk",
    "res",
];

// === impl RedirectUri ===

impl RedirectUri {
    pub const MAX_LEN: usize = 2000;
    const MAX_SCHEME: usize = 100;

    pub fn parse(text: &str) -> Result<Self, RedirectError> {
        if text.len() > Self::MAX_LEN {
            return Err(RedirectError::TooLong);
        }
        // The URL parser would silently drop tabs and newlines and turn backslashes round.
        if text.bytes().any(|b| !(0x21..=0x7e).contains(&b) || b"\\\"<>^`{|}".contains(&b)) {
            return Err(RedirectError::BadCharacter);
        }
        if text.contains('*') {
            return Err(RedirectError::Wildcard);
        }
        let url = Url::parse(text).map_err(|_| RedirectError::NotAbsolute)?;
        if url.fragment().is_some() || text.contains('#') {
            return Err(RedirectError::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RedirectError::UserInfo);
        }
        // Browsers read `https:/x` as a path of the page they are on.
        if matches!(url.scheme(), "http" | "https") && !text[url.scheme().len()..].starts_with("://") {
            return Err(RedirectError::NotAbsolute);
        }
        match url.scheme() {
            "https" if url.host().is_some() => {}
            "http" if is_loopback(&url) => {}
            "http" | "https" => return Err(RedirectError::PlainHttp),
            scheme if UNSAFE_SCHEMES.contains(&scheme) || scheme.starts_with("ms-") => {
                return Err(RedirectError::UnsafeScheme);
            }
            scheme if scheme.len() > Self::MAX_SCHEME => return Err(RedirectError::TooLong),
            _ => {}
        }
        Ok(Self { text: text.to_owned(), url })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// What a person should look at to know where they are sent: the host, or the scheme of an application.
    pub fn destination(&self) -> String {
        match (self.url.scheme(), self.url.host_str()) {
            ("http" | "https", Some(host)) if is_loopback(&self.url) => format!("{host} (this computer)"),
            ("http" | "https", Some(host)) => host.to_owned(),
            (scheme, _) => format!("{scheme}: (an application on this computer)"),
        }
    }

    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// Whether a request may use `self` where `registered` was registered: equal byte for byte, or, on loopback,
    /// equal but for the port (RFC 8252 section 7.3) and for which of the three loopback names is written.
    pub fn matches(&self, registered: &Self) -> bool {
        if self.text == registered.text {
            return true;
        }
        self.is_loopback()
            && registered.is_loopback()
            && self.url.scheme() == registered.url.scheme()
            && self.url.path() == registered.url.path()
            && self.url.query() == registered.url.query()
    }

    /// The URI with parameters appended to its query, everything already there untouched.
    pub fn with_params<'a>(&self, params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut out = self.text.clone();
        let mut glue = match self.text.find('?') {
            None => "?",
            Some(at) if at + 1 == self.text.len() || self.text.ends_with('&') => "",
            Some(_) => "&",
        };
        for (name, value) in params {
            out.push_str(glue);
            out.push_str(&encode(name));
            out.push('=');
            out.push_str(&encode(value));
            glue = "&";
        }
        out
    }
}

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn is_loopback(url: &Url) -> bool {
    if url.scheme() != "http" && url.scheme() != "https" {
        return false;
    }
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = RedirectError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.text
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

// === impl RedirectRule ===

impl RedirectRule {
    /// Like [`RedirectUri::parse`], and also takes `https://host/path/*`.
    pub fn parse(text: &str) -> Result<Self, RedirectError> {
        let Some(prefix) = text.strip_suffix("/*") else {
            return RedirectUri::parse(text).map(Self::Exact);
        };
        let prefix = RedirectUri::parse(prefix)?;
        if prefix.url.scheme() != "https" || prefix.url.query().is_some() {
            return Err(RedirectError::Wildcard);
        }
        Ok(Self::Segment(format!("{prefix}/")))
    }

    pub fn allows(&self, requested: &RedirectUri) -> bool {
        match self {
            Self::Exact(registered) => requested.matches(registered),
            Self::Segment(prefix) => requested.text.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            }),
        }
    }
}

impl TryFrom<String> for RedirectRule {
    type Error = RedirectError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<RedirectRule> for String {
    fn from(rule: RedirectRule) -> Self {
        rule.to_string()
    }
}

impl fmt::Display for RedirectRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(uri) => uri.fmt(f),
            Self::Segment(prefix) => write!(f, "{prefix}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uri(text: &str) -> RedirectUri {
        RedirectUri::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn every_class_that_a_real_client_uses_is_accepted() {
        for text in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://chatgpt.com/connector/oauth/AbCdEf123456",
            "http://localhost:6274/oauth/callback",
            "http://127.0.0.1/",
            "http://127.0.0.1:33418",
            "http://[::1]:4000/cb",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "windsurf://x/y",
            "vscode://ms.ext/cb",
            "com.example:/cb",
            "com.example.app:oauth",
        ] {
            assert_eq!(uri(text).as_str(), text);
        }
    }

    #[test]
    fn what_could_run_code_or_leak_is_refused_with_its_reason() {
        for (text, why) in [
            ("javascript:alert(1)", RedirectError::UnsafeScheme),
            ("JavaScript://x/%0aalert(1)", RedirectError::UnsafeScheme),
            ("data:text/html,x", RedirectError::UnsafeScheme),
            ("file:///etc/passwd", RedirectError::UnsafeScheme),
            ("http://example.com/cb", RedirectError::PlainHttp),
            ("http://localhost.evil.com/cb", RedirectError::PlainHttp),
            ("http://localhost@evil.com/", RedirectError::UserInfo),
            ("https://a.example/#frag", RedirectError::Fragment),
            ("https://a.example/#", RedirectError::Fragment),
            ("https://*.example/cb", RedirectError::Wildcard),
            ("https://a.example/a b", RedirectError::BadCharacter),
            ("https://a.example\\@evil.com/", RedirectError::BadCharacter),
            ("java\tscript:alert(1)", RedirectError::BadCharacter),
            ("https:/consent/x", RedirectError::NotAbsolute),
            ("https:example.com/x", RedirectError::NotAbsolute),
            ("search-ms:query=x", RedirectError::UnsafeScheme),
            ("ms-settings:x", RedirectError::UnsafeScheme),
            ("intent://x", RedirectError::UnsafeScheme),
            ("/relative", RedirectError::NotAbsolute),
            ("", RedirectError::NotAbsolute),
        ] {
            assert_eq!(RedirectUri::parse(text).unwrap_err(), why, "{text}");
        }
        assert_eq!(
            RedirectUri::parse(&format!("https://a.example/{}", "x".repeat(2000))).unwrap_err(),
            RedirectError::TooLong
        );
        assert_eq!(
            RedirectUri::parse(&format!("{}:x", "a".repeat(101))).unwrap_err(),
            RedirectError::TooLong
        );
    }

    #[test]
    fn loopback_ignores_port_and_spelling_and_nothing_else() {
        let registered = uri("http://127.0.0.1/oauth_callback");
        for same in [
            "http://127.0.0.1:53111/oauth_callback",
            "http://localhost:1/oauth_callback",
            "http://[::1]:9/oauth_callback",
        ] {
            assert!(uri(same).matches(&registered), "{same}");
        }
        for other in [
            "http://127.0.0.1:53111/other",
            "http://127.0.0.1:53111/oauth_callback?x=1",
            "https://127.0.0.1/oauth_callback",
            "https://example.com/oauth_callback",
        ] {
            assert!(!uri(other).matches(&registered), "{other}");
        }
        assert!(uri("http://127.0.0.1:33418").matches(&uri("http://127.0.0.1/")));
        assert!(!uri("https://example.com:444/cb").matches(&uri("https://example.com/cb")));
    }

    #[test]
    fn a_segment_rule_stands_for_exactly_one_plain_segment() {
        let rule = RedirectRule::parse("https://chatgpt.com/connector/oauth/*").unwrap();
        assert!(rule.allows(&uri("https://chatgpt.com/connector/oauth/AbC-1_2")));
        for other in [
            "https://chatgpt.com/connector/oauth/",
            "https://chatgpt.com/connector/oauth/a/b",
            "https://chatgpt.com/connector/oauth/..",
            "https://chatgpt.com/connector/oauth/a?x=1",
            "https://chatgpt.com.evil.com/connector/oauth/a",
        ] {
            assert!(!rule.allows(&uri(other)), "{other}");
        }
        assert!(RedirectRule::parse("http://localhost/*").is_err());
        assert!(RedirectRule::parse("https://*/x").is_err());
        assert_eq!(rule.to_string(), "https://chatgpt.com/connector/oauth/*");
    }

    #[test]
    fn parameters_are_appended_and_what_was_there_stays_verbatim() {
        assert_eq!(
            uri("https://a.example/cb?flag&x=%FF%FE").with_params([("code", "a b"), ("state", "é+")]),
            "https://a.example/cb?flag&x=%FF%FE&code=a+b&state=%C3%A9%2B"
        );
        assert_eq!(uri("cursor://host/cb").with_params([("code", "1")]), "cursor://host/cb?code=1");
        assert_eq!(uri("https://a.example/cb?").with_params([("code", "1")]), "https://a.example/cb?code=1");
    }

    proptest! {
        #[test]
        fn no_input_panics_and_what_parses_is_kept_byte_for_byte(text in "\\PC{0,80}") {
            if let Ok(parsed) = RedirectUri::parse(&text) {
                prop_assert_eq!(parsed.as_str(), text.as_str());
                prop_assert!(parsed.matches(&parsed));
            }
        }

        #[test]
        fn matching_is_symmetric_and_never_crosses_hosts(
            a in "(http|https)://(localhost|127\\.0\\.0\\.1|a\\.example|b\\.example)(:[1-9][0-9]{0,3})?/[ab]?",
            b in "(http|https)://(localhost|127\\.0\\.0\\.1|a\\.example|b\\.example)(:[1-9][0-9]{0,3})?/[ab]?",
        ) {
            if let (Ok(a), Ok(b)) = (RedirectUri::parse(&a), RedirectUri::parse(&b)) {
                prop_assert_eq!(a.matches(&b), b.matches(&a));
                if a.matches(&b) && !a.is_loopback() {
                    prop_assert_eq!(a.as_str(), b.as_str());
                }
            }
        }
    }
}
