//! Which URLs may name a client ID metadata document, judged by their text alone.
//!
//! A document must have one spelling only: the client id is compared as a string, and the cache is keyed by it.

use std::net::IpAddr;

use url::{Host, Url};

use super::address::is_public;

/// Why a client id is not the address of a metadata document we would read. All of them are for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    #[error("the client id is not a URL; a client metadata document is named by its full https URL")]
    NotAUrl,
    #[error("the client id must be an https URL; publish the client metadata document over https")]
    NotHttps,
    #[error("the client id URL has a user name or password in it; remove them")]
    UserInfo,
    #[error("the client id URL has a fragment (`#`); remove it")]
    Fragment,
    #[error("the client id URL has a query (`?`); publish the client metadata document at a plain path")]
    Query,
    #[error("the client id URL has no path; it must point at a document, for example /oauth/client.json")]
    NoPath,
    #[error(
        "the client id URL has a port other than 443; publish the client metadata document at the https port"
    )]
    Port,
    #[error(
        "the client id URL points into a private network; publish the client metadata document on the internet"
    )]
    NotPublic,
    #[error(
        "the client id URL is not in its plain spelling: lower-case host, no default port, no `.` or `..` segments, \
         special characters percent-encoded"
    )]
    NotPlain,
}

/// Reads a client id as the address of a document: https, port 443, a public host, a path, and nothing else.
///
/// With `allow_loopback`, http and any port are taken too, for this computer only.
///
/// # Errors
/// The first rule that the text breaks.
pub(super) fn parse(text: &str, allow_loopback: bool) -> Result<Url, LocationError> {
    let url = Url::parse(text).map_err(|_| LocationError::NotAUrl)?;
    let host = url.host().ok_or(LocationError::NotAUrl)?;
    let loopback = allow_loopback && is_loopback(&host);
    if url.scheme() != "https" && !(loopback && url.scheme() == "http") {
        return Err(LocationError::NotHttps);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(LocationError::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(LocationError::Fragment);
    }
    if url.query().is_some() {
        return Err(LocationError::Query);
    }
    if matches!(url.path(), "" | "/") {
        return Err(LocationError::NoPath);
    }
    if !loopback && url.port_or_known_default() != Some(443) {
        return Err(LocationError::Port);
    }
    // A literal address never meets the resolver, so this is where it is judged.
    if !loopback && literal(&host).is_some_and(|ip| !is_public(ip)) {
        return Err(LocationError::NotPublic);
    }
    // The parser repairs what it can (dot segments, `%2e`, backslashes, tabs); whatever it had to touch is refused.
    if url.as_str() != text {
        return Err(LocationError::NotPlain);
    }
    Ok(url)
}

fn literal(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some((*ip).into()),
        Host::Ipv6(ip) => Some((*ip).into()),
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_that_real_clients_use_are_taken() {
        for text in [
            "https://claude.ai/oauth/claude-code-client-metadata",
            "https://chatgpt.com/oauth/client.json",
            "https://chatgpt.com/oauth/AbC-1_2/client.json",
            "https://vscode.dev/oauth/client-metadata.json",
            "https://example.com/folder/",
            "https://8.8.8.8/client.json",
        ] {
            assert_eq!(parse(text, false).map(String::from).as_deref(), Ok(text));
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        for (text, why) in [
            ("", LocationError::NotAUrl),
            ("client_abc", LocationError::NotAUrl),
            ("https://", LocationError::NotAUrl),
            ("data:application/json,{}", LocationError::NotAUrl),
            ("http://example.com/c", LocationError::NotHttps),
            ("ftp://example.com/c", LocationError::NotHttps),
            ("https://user@example.com/c", LocationError::UserInfo),
            ("https://:pw@example.com/c", LocationError::UserInfo),
            ("https://example.com/c#f", LocationError::Fragment),
            ("https://example.com/c#", LocationError::Fragment),
            ("https://example.com/c?x=1", LocationError::Query),
            ("https://example.com/c?", LocationError::Query),
            ("https://example.com", LocationError::NoPath),
            ("https://example.com/", LocationError::NoPath),
            ("https://example.com/a/..", LocationError::NoPath),
            ("https://example.com:8443/c", LocationError::Port),
            ("https://127.0.0.1/c", LocationError::NotPublic),
            ("https://0x7f.1/c", LocationError::NotPublic),
            ("https://2130706433/c", LocationError::NotPublic),
            ("https://127.0.0.1./c", LocationError::NotPublic),
            ("https://169.254.169.254/latest", LocationError::NotPublic),
            ("https://[::1]/c", LocationError::NotPublic),
            ("https://[::ffff:10.0.0.1]/c", LocationError::NotPublic),
            ("https://example.com:443/c", LocationError::NotPlain),
            ("https://Example.com/c", LocationError::NotPlain),
            ("HTTPS://example.com/c", LocationError::NotPlain),
            ("https://example.com/a/../c", LocationError::NotPlain),
            ("https://example.com/a/%2e%2e/c", LocationError::NotPlain),
            ("https://example.com/./c", LocationError::NotPlain),
            ("https://example.com\\c", LocationError::NotPlain),
            ("https:/example.com/c", LocationError::NotPlain),
            ("https://example.com/a\tb", LocationError::NotPlain),
        ] {
            assert_eq!(parse(text, false), Err(why), "{text}");
        }
    }

    #[test]
    fn loopback_is_for_tests_and_opens_no_other_door() {
        for text in ["http://localhost:5000/c", "http://127.0.0.1:5000/c", "https://[::1]:5000/c"] {
            assert!(parse(text, true).is_ok(), "{text}");
            assert!(parse(text, false).is_err(), "{text}");
        }
        for (text, why) in [
            ("http://example.com/c", LocationError::NotHttps),
            ("http://10.0.0.1/c", LocationError::NotHttps),
            ("https://10.0.0.1/c", LocationError::NotPublic),
            ("https://example.com:8443/c", LocationError::Port),
            ("http://localhost.evil.example/c", LocationError::NotHttps),
        ] {
            assert_eq!(parse(text, true), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_taken_byte_for_byte(text in "https://[a-zA-Z0-9.:@\\[\\]]{1,20}[/\\\\a-c.%2e?#@\t ]{0,20}") {
            if let Ok(url) = parse(&text, false) {
                prop_assert_eq!(url.as_str(), text);
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}", allow_loopback: bool) {
            let _ = parse(&text, allow_loopback);
        }
    }
}
