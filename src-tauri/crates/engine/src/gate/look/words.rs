//! What stands between an address and us, each with a sentence and the next step.

use axum::http::{HeaderMap, StatusCode, header};
use url::{Host, Url};

use super::Answer;

/// Something was otherwise than it should be.
#[derive(Debug)]
pub(super) struct Told {
    /// Clients cannot connect.
    pub(super) stops: bool,
    pub(super) what: String,
    pub(super) hint: String,
}

/// What our own gate says where the `Host` is none of our names (RFC 9110 section 15.5.20).
const MISDIRECTED: &str = "misdirected_request";
const OTHER_ADDRESS: &str = "switch the tunnel off and on again to get another address; with a proxy of your own, let it lead to this \
                             server";
const PASS_HOST_ON: &str =
    "let the proxy pass the `Host` header on unchanged (nginx: `proxy_set_header Host $host`)";

fn stops(what: impl Into<String>, hint: impl Into<String>) -> Told {
    Told { stops: true, what: what.into(), hint: hint.into() }
}

fn notes(what: impl Into<String>, hint: impl Into<String>) -> Told {
    Told { stops: false, what: what.into(), hint: hint.into() }
}

/// Name, certificate and way are mended in different places. The layers below say which it was in their texts only.
pub(super) fn no_answer(error: &reqwest::Error) -> Told {
    let mut causes = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push_str(&error.to_string().to_ascii_lowercase());
        causes.push('\n');
        cause = error.source();
    }
    let any = |words: &[&str]| words.iter().any(|word| causes.contains(word));
    if any(&["dns error", "failed to lookup address"]) {
        stops(
            "the address is not known yet: its name leads nowhere (DNS)",
            "a new name can take a minute to be known everywhere; it is looked at again by itself",
        )
    } else if any(&["certificate", "unknownissuer", "unknown issuer"]) {
        certificate(&causes)
    } else if any(&["corrupt message", "fatal alert", "handshake", "tls"]) {
        stops(
            "the address does not speak https",
            "give the proxy in front a certificate, or use the port where it has one",
        )
    } else if any(&["proxy", "tunnel error", "socks"]) {
        stops(
            "this computer's own proxy does not lead to the address",
            "check HTTPS_PROXY and NO_PROXY; clients elsewhere may reach it all the same",
        )
    } else if error.is_timeout() || any(&["timed out", "deadline"]) {
        stops(
            "the address does not answer in time",
            "check the internet connection and the firewall; it is looked at again by itself",
        )
    } else {
        stops(
            "the address does not answer",
            "check that the tunnel or the proxy in front runs; a new address can take a minute to be known everywhere",
        )
    }
}

fn certificate(causes: &str) -> Told {
    let any = |words: &[&str]| words.iter().any(|word| causes.contains(word));
    if any(&["not valid for name", "notvalidforname"]) {
        stops(
            "the certificate of the address is for another name",
            "get a certificate for this very name, or use the name that it is for",
        )
    } else if any(&["not valid yet", "notvalidyet"]) {
        stops(
            "the certificate of the address is not valid yet",
            "check the clock of this computer and of the one with the certificate",
        )
    } else if any(&["expired"]) {
        stops(
            "the certificate of the address has expired",
            "renew it at the proxy in front, and check the clock of this computer",
        )
    } else {
        stops(
            "the certificate of the address is not trusted",
            "use one of a public certificate authority: hosted clients trust no other",
        )
    }
}

/// Something answers, and it is not us.
pub(super) fn in_place_of_us(answer: &Answer) -> Told {
    let Answer { status, headers, body, is_cut, .. } = answer;
    if *status == StatusCode::MISDIRECTED_REQUEST && body.contains(MISDIRECTED) {
        return stops(
            "the proxy in front replaces the `Host` header, so this server does not know its name",
            PASS_HOST_ON,
        );
    }
    if let Some(elsewhere) = redirect(*status, headers) {
        return stops(
            format!("the address sends everybody on to {elsewhere}"),
            "clients do not follow that: switch off the sign-in or redirect of the provider, or use the address it leads to",
        );
    }
    if is_page(*status, headers) {
        return stops(
            "the provider shows a page of its own before ours, to clients too",
            "clients cannot get past such a page: choose another provider, or an account of this one without it",
        );
    }
    if *is_cut {
        return stops(
            "the answer breaks off on the way",
            "wait a moment; if it stays, look at the log of the tunnel or the proxy in front",
        );
    }
    if status.is_success()
        || (*status == StatusCode::NOT_FOUND || *status == StatusCode::METHOD_NOT_ALLOWED)
            && !is_html(headers)
    {
        return stops("another server answers at that address", OTHER_ADDRESS);
    }
    by_status(*status)
}

fn by_status(status: StatusCode) -> Told {
    let what = format!("something on the way answers with {}", status.as_u16());
    match status.as_u16() {
        502..=504 | 520..=530 => stops(
            what,
            "it does not get through to this server: wait a moment; with a proxy of your own, check where it leads to",
        ),
        _ => stops(
            what,
            "wait a moment; if it stays, look at the provider's page whether the address is blocked or limited",
        ),
    }
}

/// A document says another address than the one it was asked at.
pub(super) fn other_name(told: &str, asked: &str) -> Told {
    if is_loopback(told) {
        stops(
            format!("the proxy in front replaces the `Host` header, so this server says that it is {told}"),
            PASS_HOST_ON,
        )
    } else {
        stops(
            format!("the metadata names {} instead of {asked}", short(told)),
            "clients refuse that: let one address lead here, and give that one to them",
        )
    }
}

pub(super) fn no_document(path: &str, answer: &Answer) -> Told {
    if is_page(answer.status, &answer.headers) || redirect(answer.status, &answer.headers).is_some() {
        return in_place_of_us(answer);
    }
    stops(
        format!("{path} is not passed on: it is answered with {}", answer.status.as_u16()),
        "let the proxy in front pass every path on, those with `.well-known` too",
    )
}

pub(super) fn no_challenge(status: StatusCode) -> Told {
    stops(
        format!("a call without a token is answered with {} on the way, not with 401", status.as_u16()),
        "clients do not learn from it where to sign in: let POST requests to /mcp pass unchanged",
    )
}

pub(super) fn no_header() -> Told {
    stops(
        "the `WWW-Authenticate` header is taken away on the way",
        "clients do not learn where to sign in: let the proxy in front pass it on",
    )
}

pub(super) fn other_header() -> Told {
    stops(
        "the `WWW-Authenticate` header is another one on the way",
        "clients look for the sign-in in the wrong place: let the proxy in front pass it on unchanged",
    )
}

pub(super) fn too_many() -> Told {
    notes(
        "so much is asked from outside now that our own look was turned away",
        "clients wait and come again; it is looked at again by itself",
    )
}

pub(super) fn kept_back() -> Told {
    notes(
        "a streamed answer is kept back until it is whole",
        "calls work; clients that show the progress of a long call, or hold a stream open for news (SSE), see nothing until it \
         ends: switch off buffering in the proxy, or choose another provider",
    )
}

pub(super) fn cut() -> Told {
    notes(
        "a streamed answer breaks off on the way",
        "short calls work; long ones, and clients that hold a stream open for news (SSE), lose theirs: allow longer answers in \
         the proxy, or choose another provider",
    )
}

pub(super) fn port(port: u16) -> Told {
    notes(
        format!("the address is on port {port}"),
        "ChatGPT and Claude want port 443: use an address without a port for them",
    )
}

/// What a browser is shown in place of our page.
pub(super) fn page(answer: &Answer) -> Told {
    let Answer { status, headers, .. } = answer;
    if is_page(*status, headers) || redirect(*status, headers).is_some() {
        notes(
            "people who sign in see a page of the provider before ours",
            "clients are not stopped by it, and the sign-in goes on after a click there",
        )
    } else {
        stops(
            format!("browsers are answered with {} on the way, so people cannot sign in", status.as_u16()),
            "look at the provider's page or the proxy in front for rules that turn browsers away",
        )
    }
}

/// A page for people: an interstitial, a challenge against bots, or a sign-in. One about a failure of the way is none.
fn is_page(status: StatusCode, headers: &HeaderMap) -> bool {
    let asks = status.is_success()
        || [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    asks && is_html(headers) || headers.get("cf-mitigated").is_some_and(|value| value == "challenge")
}

fn is_html(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

/// The host that somebody is sent to.
fn redirect(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let to = headers.get(header::LOCATION).filter(|_| status.is_redirection())?.to_str().ok()?;
    let host = Url::parse(to).ok().and_then(|url| url.host_str().map(short));
    Some(host.unwrap_or_else(|| "another path".to_owned()))
}

fn is_loopback(told: &str) -> bool {
    Url::parse(told).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    })
}

/// Others' words are shown in part only.
fn short(told: &str) -> String {
    told.chars().filter(|c| !c.is_control()).take(100).collect()
}
