//! A browser as far as a sign-in needs one: redirects, cookies by host, forms and their buttons.

use std::collections::BTreeMap;

use engine::api::Api;
use reqwest::Method;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use serde_json::Value;
use url::Url;

use crate::tunnel::Tunnel;

/// Cookies are kept by host, not by port, as browsers do.
#[derive(Clone)]
pub struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether forms come from a page of another site, instead of the one they are on.
    pub forms_are_foreign: bool,
    /// Sent as `Sec-Fetch-Site` with navigations.
    pub fetch_site: Option<&'static str>,
    /// How it reaches the public origin.
    pub tunnel: Option<Tunnel>,
    /// The window beside it, where the person reads the code of a new client.
    pub window: Option<Api>,
}

/// A page, or the place a redirect leads to that the browser was told not to open.
#[derive(Debug, Clone)]
pub struct Landed {
    pub url: Url,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

impl Browser {
    pub fn new() -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a plain client");
        Self {
            http,
            cookies: BTreeMap::new(),
            fetch_site: Some("none"),
            forms_are_foreign: false,
            tunnel: None,
            window: None,
        }
    }

    /// Like [`Self::open`]; `None` if the server goes away meanwhile.
    pub async fn try_open(&mut self, url: &str, until: &str) -> Option<Landed> {
        self.follow(Url::parse(url).expect("an absolute URL"), None, until).await
    }

    /// Like [`Self::press`]; `None` if the server goes away meanwhile.
    pub async fn try_press(&mut self, page: &Landed, name: &str, value: &str, until: &str) -> Option<Landed> {
        let (url, fields) = filled(page, &[(name, value)]);
        self.follow(url, Some(fields), until).await
    }

    /// Opens `url` and follows redirects until a page, or until the next stop starts with `until`.
    pub async fn open(&mut self, url: &str, until: &str) -> Landed {
        self.try_open(url, until).await.expect("an answer")
    }

    /// Presses the button `name=value` of the page's form.
    pub async fn press(&mut self, page: &Landed, name: &str, value: &str, until: &str) -> Landed {
        self.submit(page, &[(name, value)], until).await
    }

    /// Submits the page's first form that has hidden fields, with more fields added.
    pub async fn submit(&mut self, page: &Landed, more: &[(&str, &str)], until: &str) -> Landed {
        let (url, fields) = filled(page, more);
        self.follow(url, Some(fields), until).await.expect("an answer")
    }

    /// The whole way of a person who agrees: our page, then the practice tenant's as `person`.
    pub async fn sign_in(&mut self, url: &str, person: &str, until: &str) -> Landed {
        let consent = self.open(url, until).await;
        assert!(
            consent.body.contains("name=\"decision\""),
            "no consent page: {} {}",
            consent.status,
            consent.body
        );
        let at_provider = self.allow(&consent, until).await;
        self.pick(&at_provider, person, until).await
    }

    /// Presses Allow, with the code of the window where the page asks for one.
    pub async fn allow(&mut self, consent: &Landed, until: &str) -> Landed {
        let mut fields = vec![("decision", "approve")];
        let code = self.code_for(consent).await;
        fields.extend(code.as_deref().map(|code| ("code", code)));
        self.submit(consent, &fields, until).await
    }

    /// What the person reads in the window for the sign-in of this page; `None` where the page asks for nothing.
    pub async fn code_for(&self, page: &Landed) -> Option<String> {
        if !page.body.contains("name=\"code\"") {
            return None;
        }
        let window =
            self.window.as_ref().expect("the page asks for a code, and there is no window to read it in");
        let rows = window.call("pairings", Value::Null).await.expect("the window shows who waits");
        let (_, fields) = form(&page.body);
        let grant = fields.into_iter().find(|(name, _)| name == "grant").map(|(_, grant)| grant);
        let row = rows.as_array().into_iter().flatten().find(|row| row["grant"].as_str() == grant.as_deref());
        Some(row?["code"].as_str()?.to_owned())
    }

    /// Picks a person on the practice tenant's page.
    pub async fn pick(&mut self, page: &Landed, person: &str, until: &str) -> Landed {
        assert!(page.body.contains(person), "no sign-in page with {person}: {} {}", page.status, page.body);
        self.press(page, "person", person, until).await
    }

    pub fn cookie_count(&self) -> usize {
        self.cookies.values().map(BTreeMap::len).sum()
    }

    async fn follow(
        &mut self,
        mut url: Url,
        mut form: Option<Vec<(String, String)>>,
        until: &str,
    ) -> Option<Landed> {
        for _ in 0..20 {
            if !until.is_empty() && url.as_str().starts_with(until) {
                return Some(Landed { url, status: 0, headers: HeaderMap::new(), body: String::new() });
            }
            let host = url.host_str().unwrap_or_default().to_owned();
            let is_form = form.is_some();
            let mut request = match form.take() {
                None => Tunnel::carry(self.tunnel.as_ref(), &self.http, Method::GET, url.as_str()),
                // As browsers do with `Referrer-Policy: no-referrer`.
                Some(fields) => Tunnel::carry(self.tunnel.as_ref(), &self.http, Method::POST, url.as_str())
                    .form(&fields)
                    .header(ORIGIN, "null"),
            };
            let form_site = if self.forms_are_foreign { "cross-site" } else { "same-origin" };
            if let Some(site) = if is_form { Some(form_site) } else { self.fetch_site } {
                request = request.header("sec-fetch-site", site);
            }
            if let Some(jar) = self.cookies.get(&host) {
                let line: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
                request = request.header(COOKIE, line.join("; "));
            }
            let response = request.header("user-agent", "Testkit/1.0").send().await.ok()?;
            self.take_cookies(&host, response.headers());
            let status = response.status().as_u16();
            let headers = response.headers().clone();
            let Some(location) = headers.get(LOCATION).filter(|_| (300..400).contains(&status)) else {
                let body = response.text().await.ok()?;
                return Some(Landed { url, status, headers, body });
            };
            url = url.join(location.to_str().expect("ASCII")).expect("a location");
        }
        panic!("too many redirects at {url}");
    }

    fn take_cookies(&mut self, host: &str, headers: &HeaderMap) {
        let jar = self.cookies.entry(host.to_owned()).or_default();
        for cookie in headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().expect("ASCII");
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').expect("name=value");
            if attributes.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Landed {
    pub fn param(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Where the page's form goes, with its hidden fields and more.
fn filled(page: &Landed, more: &[(&str, &str)]) -> (Url, Vec<(String, String)>) {
    let (action, mut fields) = form(&page.body);
    fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    (page.url.join(&action).expect("a form action"), fields)
}

/// Action and hidden fields of the first form.
fn form(html: &str) -> (String, Vec<(String, String)>) {
    let start = html.find("<form").expect("a form on the page");
    let end = html[start..].find("</form>").map_or(html.len(), |at| start + at);
    let form = &html[start..end];
    let action = attribute(form, "action").unwrap_or_default();
    let fields = form
        .split("<input")
        .skip(1)
        .map(|rest| &rest[..rest.find('>').unwrap_or(rest.len())])
        .filter(|input| input.contains("hidden"))
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default())))
        .collect();
    (action, fields)
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    let value = &rest[..rest.find('"')?];
    Some(value.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#38;", "&").replace("&amp;", "&"))
}
