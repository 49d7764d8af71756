//! Which of our addresses a request means, and which browser origins may call `/mcp`.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use model::caller::ForeignPage;
use model::origin::{BaseUrl, Ingress, Origin, Origins, Site};
use url::{Host, Url};

use crate::error;
use crate::flow::{Flow, Policy};

/// Hosted clients whose pages may call `/mcp` from a browser.
const WELL_KNOWN_ORIGINS: [&str; 4] =
    ["https://claude.ai", "https://claude.com", "https://chatgpt.com", "https://vscode.dev"];

/// Headers that only a proxy writes (RFC 7239, RFC 9110 section 7.6.3, and what came before and beside them).
const FORWARDED: [HeaderName; 7] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("cf-connecting-ip"),
    header::FORWARDED,
    header::VIA,
];

/// The address a handler answers as, put there by [`resolve`].
#[derive(Debug, Clone)]
pub(crate) struct Here(pub(crate) Site);

impl<S: Sync> FromRequestParts<S> for Here {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(misdirected)
    }
}

/// Puts [`Here`] into the request, or turns it away.
pub(crate) async fn resolve(State(flow): State<Flow>, mut request: Request, next: Next) -> Response {
    let Some(site) = of(&flow, &request).cloned() else { return misdirected() };
    request.extensions_mut().insert(Here(site));
    next.run(request).await
}

/// Finds the site by `Host`, against the allow-list only (421 otherwise, RFC 9110 section 15.5.20): names that merely
/// resolve to this computer never reach a handler, which is the defence against DNS rebinding.
pub(crate) fn of<'a>(flow: &'a Flow, request: &Request) -> Option<&'a Site> {
    among(&flow.policy.origins, request)
}

fn among<'a>(origins: &'a Origins, request: &Request) -> Option<&'a Site> {
    origins.resolve(host(request)?, ingress(request))
}

/// Where a request came from: what its listener saw of the peer, unless a header tells of a proxy before that peer.
///
/// A proxy or tunnel on this computer has a loopback peer for everybody on the internet, and some pass on a `Host` their
/// visitor wrote. Such a header can only take trust away, so forging one gains nothing.
fn ingress(request: &Request) -> Ingress {
    let listener = request.extensions().get().copied().unwrap_or(Ingress::ThisComputer);
    let came_on = FORWARDED.iter().any(|name| request.headers().contains_key(name));
    if came_on && listener == Ingress::ThisComputer { Ingress::Elsewhere } else { listener }
}

/// A browser page of an origin we do not know does not get to talk to `/mcp` (403), token or not.
pub(crate) fn foreign_origin() -> Response {
    let mut response = error::json(
        StatusCode::FORBIDDEN,
        "forbidden_origin",
        "pages of this origin may not call this server; add it to server.cors_origins if it should",
    );
    response.extensions_mut().insert(ForeignPage);
    response
}

pub(crate) fn may_call_mcp(policy: &Policy, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let ours = |kind| policy.origins.sites(kind).iter().any(|site| site.base.as_str() == origin);
    WELL_KNOWN_ORIGINS.contains(&origin)
        || policy.cors_origins.iter().any(|allowed| allowed == origin)
        || ours(Origin::Public)
        || is_loopback_page(origin)
}

/// Tools on this computer, such as the MCP Inspector, run on ports of their own.
fn is_loopback_page(origin: &str) -> bool {
    BaseUrl::parse(origin).is_ok_and(|base| {
        base.as_str() == origin
            && Url::parse(origin).is_ok_and(|url| match url.host() {
                Some(Host::Domain(name)) => name == "localhost",
                Some(Host::Ipv4(ip)) => ip.is_loopback(),
                Some(Host::Ipv6(ip)) => ip.is_loopback(),
                None => false,
            })
    })
}

/// Whether a form was posted by a page of ours. With `Referrer-Policy: no-referrer` browsers write `Origin: null`, so that is
/// allowed here; the CSRF token and its cookie decide.
pub(crate) fn is_own_form(site: &Site, headers: &HeaderMap) -> bool {
    let origin_fits =
        headers.get(header::ORIGIN).is_none_or(|origin| origin == site.base.as_str() || origin == "null");
    let fetch_fits = headers.get("sec-fetch-site").is_none_or(|from| from == "same-origin");
    origin_fits && fetch_fits
}

fn host(request: &Request) -> Option<&str> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

pub(crate) fn misdirected() -> Response {
    error::json(
        StatusCode::MISDIRECTED_REQUEST,
        "misdirected_request",
        "this server does not answer for that host name; use the URL it shows, or set server.public_url",
    )
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn origins() -> Origins {
        Origins::new(4242, Some(BaseUrl::parse("https://demo.example").unwrap()))
    }

    fn request(host: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn a_request_that_came_through_a_proxy_cannot_pass_for_this_computer() {
        let origins = origins();
        for header in [
            ("forwarded", "for=203.0.113.9"),
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-host", "localhost:4242"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "203.0.113.9"),
            ("via", "1.1 tunnel"),
            ("cf-connecting-ip", "203.0.113.9"),
        ] {
            for host in ["localhost:4242", "127.0.0.1:4242", "[::1]:4242"] {
                let mut request = request(host, &[header]);
                assert_eq!(among(&origins, &request), None, "{header:?} {host}");
                request.extensions_mut().insert(Ingress::ThisComputer);
                assert_eq!(among(&origins, &request), None, "{header:?} {host}, and the proxy is here");
            }
            let public = request("demo.example", &[header]);
            assert_eq!(among(&origins, &public).unwrap().origin, Origin::Public, "{header:?}");
        }
    }

    #[test]
    fn whoever_connects_from_elsewhere_reaches_the_public_address_only() {
        let origins = origins();
        for (host, site) in [("localhost:4242", None), ("demo.example", Some(Origin::Public))] {
            let mut request = request(host, &[]);
            request.extensions_mut().insert(Ingress::Elsewhere);
            assert_eq!(among(&origins, &request).map(|site| site.origin), site, "{host}");
        }
        assert_eq!(among(&origins, &request("localhost:4242", &[])).unwrap().origin, Origin::Local);
    }
}
