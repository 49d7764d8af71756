//! The cookies of the pages: one per rendered consent page, one that remembers a browser, and one that says whose sessions are shown.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use model::ExposeSecret as _;
use model::Secret;
use model::ids::TokenHash;
use model::origin::Site;
use model::time::Timestamp;

use crate::my_sessions;

/// One cookie per rendering of the consent page. Names sort by age.
const RENDER: &str = "jmop_page_";
/// Carries a remembered approval.
const BROWSER: &str = "jmop_browser";
/// Says whose sessions a page shows, under seal.
const VISITOR: &str = "jmop_visitor";
const MAX_RENDER_COOKIES: usize = 10;

/// Every cookie of the request, in the order sent.
fn all(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

/// The name of the browser's cookie for the page that `hash` was made for, if it carries it.
pub(crate) fn render_named(headers: &HeaderMap, site: &Site, hash: &TokenHash) -> Option<String> {
    let ours = named(RENDER, site);
    all(headers)
        .find(|(name, value)| name.starts_with(&ours) && hash.matches(value))
        .map(|(name, _)| name.to_owned())
}

/// The cookie for a page rendered now, and the removal of the oldest ones beyond a bound.
pub(crate) fn set_render(
    headers: &HeaderMap,
    site: &Site,
    value: &Secret,
    now: Timestamp,
    salt: &str,
) -> Vec<HeaderValue> {
    let ours = named(RENDER, site);
    let mut names: Vec<&str> =
        all(headers).map(|(name, _)| name).filter(|name| name.starts_with(&ours)).collect();
    names.sort_unstable();
    let excess = (names.len() + 1).saturating_sub(MAX_RENDER_COOKIES);
    let mut out: Vec<HeaderValue> =
        names.into_iter().take(excess).filter_map(|name| expire(name, site)).collect();
    let name = format!("{ours}{:012}_{salt}", now.secs().max(0));
    out.extend(cookie(&name, value.expose_secret(), 15 * 60, site));
    out
}

pub(crate) fn browser<'a>(headers: &'a HeaderMap, site: &Site) -> Option<&'a str> {
    let ours = named(BROWSER, site);
    all(headers).find(|(name, _)| *name == ours).map(|(_, value)| value)
}

pub(crate) fn set_browser(value: &str, max_age_secs: u64, site: &Site) -> Option<HeaderValue> {
    cookie(&named(BROWSER, site), value, max_age_secs, site)
}

pub(crate) fn visitor<'a>(headers: &'a HeaderMap, site: &Site) -> Option<&'a str> {
    let ours = named(VISITOR, site);
    all(headers).find(|(name, _)| *name == ours).map(|(_, value)| value)
}

pub(crate) fn set_visitor(value: &str, max_age_secs: u64, site: &Site) -> Option<HeaderValue> {
    // Over http other programs of this computer serve under the same host, so it goes to no other page of theirs than one of
    // this very path. Over https `__Host-` demands `/`, and the host is ours.
    let path = if site.base.is_https() { "/" } else { my_sessions::PATH };
    cookie_below(path, &named(VISITOR, site), value, max_age_secs, site)
}

/// Over https the name says that only this very host can have set it (`__Host-`, RFC 6265bis): a page on a neighbouring
/// subdomain cannot plant one.
fn named(name: &str, site: &Site) -> String {
    if site.base.is_https() { format!("__Host-{name}") } else { name.to_owned() }
}

/// Adds cookies to an answer, beside any that are there.
pub(crate) fn attach(response: &mut Response, cookies: impl IntoIterator<Item = HeaderValue>) {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

pub(crate) fn expire(name: &str, site: &Site) -> Option<HeaderValue> {
    cookie(name, "", 0, site)
}

fn cookie(name: &str, value: &str, max_age_secs: u64, site: &Site) -> Option<HeaderValue> {
    cookie_below("/", name, value, max_age_secs, site)
}

/// `SameSite=Lax`: the callback is a navigation from the identity provider and must carry the cookie.
fn cookie_below(path: &str, name: &str, value: &str, max_age_secs: u64, site: &Site) -> Option<HeaderValue> {
    let secure = if site.base.is_https() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path={path}; Max-Age={max_age_secs}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use model::origin::{BaseUrl, Origins};

    use super::*;

    #[test]
    fn on_this_computer_whose_sessions_are_shown_goes_to_no_page_of_another_program() {
        let origins = Origins::new(4242, Some(BaseUrl::parse("https://mcp.example").unwrap()));
        for value in ["sealed", ""] {
            let here = set_visitor(value, 600, &origins.local()).unwrap();
            assert!(here.to_str().unwrap().contains("; Path=/my-sessions;"), "{here:?}");
            let outside = set_visitor(value, 600, &origins.public().unwrap()).unwrap();
            let outside = outside.to_str().unwrap();
            assert!(outside.starts_with("__Host-") && outside.contains("; Path=/;"), "{outside}");
        }
    }
}
