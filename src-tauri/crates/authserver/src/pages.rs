//! The pages a person sees in the browser during a sign-in: no script, one style, light and dark.
//!
//! No `form-action` in the policy: Chrome applies it to the whole redirect chain and custom schemes would break.

use std::sync::LazyLock;
use std::time::Duration;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::ports::StoreError;
use model::remedy::open_pages;
use model::upstream::{Effect, UpstreamError};

use crate::flow::Flow;
use crate::my_sessions::Row;
use crate::site::Here;
use crate::test_sign_in::Line;

const STYLE: &str = include_str!("../templates/style.css");

/// Only our one style sheet, named by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("a policy of plain ASCII is a header value")
});

#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct Consent<'a> {
    pub(crate) notice: Option<&'a str>,
    pub(crate) client: &'a str,
    pub(crate) verified_host: Option<String>,
    pub(crate) destination: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) server: &'a str,
    pub(crate) may_remember: bool,
    pub(crate) code: Option<CodeField>,
    pub(crate) grant: &'a str,
    pub(crate) form: &'a str,
}

/// What the consent page says of the owner's code.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CodeField {
    /// `left` is how often it may still be typed, once a wrong one was; `long` that all of it is asked for.
    Asked { left: Option<u8>, long: bool },
    /// It can be read nowhere.
    NotShown,
}

/// Something did not work: what happened, and the next step.
#[derive(Default)]
pub(crate) struct Refusal<'a> {
    pub(crate) title: &'a str,
    pub(crate) what: &'a str,
    pub(crate) hint: &'a str,
    /// Who can mend it, if not the reader.
    pub(crate) fixer: Option<&'a str>,
    /// Error code, trace id: what support asks for.
    pub(crate) details: Vec<String>,
    /// What the reader may need, each under its name.
    pub(crate) facts: Vec<(&'static str, Fact)>,
    /// Where the next step can be taken, and the words for it; the first thing first.
    pub(crate) links: Vec<(&'a str, String)>,
    /// The client's own address, to tell it that the sign-in failed.
    pub(crate) back: Option<&'a str>,
}

pub(crate) enum Fact {
    /// Word for word, to be copied.
    Value(String),
    /// What is said where there is no value.
    Said(String),
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    notice: Option<&'a str>,
    page: &'a Refusal<'a>,
}

#[derive(Template)]
#[template(path = "index.html")]
struct Index<'a> {
    notice: Option<&'a str>,
    mcp_url: &'a str,
}

/// What a sign-in that nobody keeps came to.
#[derive(Template)]
#[template(path = "test_sign_in.html")]
pub(crate) struct TestSignIn<'a> {
    pub(crate) notice: Option<&'a str>,
    /// Who may come in.
    pub(crate) person: Option<String>,
    /// Why nothing can be shown.
    pub(crate) trouble: Option<String>,
    pub(crate) lines: Vec<Line>,
    /// It was made with settings that nobody has saved.
    pub(crate) unsaved: bool,
}

/// What one person has signed in here.
#[derive(Template)]
#[template(path = "my_sessions.html")]
pub(crate) struct MySessions<'a> {
    pub(crate) notice: Option<&'a str>,
    /// `None` before they said who they are.
    pub(crate) person: Option<&'a str>,
    pub(crate) rows: Vec<Row>,
    pub(crate) form: &'a str,
    /// Signing out here goes on to the provider's own page for it.
    pub(crate) leaves_provider: bool,
}

impl<'a> MySessions<'a> {
    pub(crate) fn before_sign_in(flow: &'a Flow) -> Self {
        Self {
            notice: flow.policy.notice.as_deref(),
            person: None,
            rows: Vec::new(),
            form: "",
            leaves_provider: false,
        }
    }
}

trait Styled {
    /// For the templates.
    fn style(&self) -> &'static str {
        STYLE
    }
}

impl<T: Template> Styled for T {}

pub(crate) async fn index(State(flow): State<Flow>, Here(site): Here) -> Response {
    render(StatusCode::OK, &Index { notice: flow.policy.notice.as_deref(), mcp_url: &site.mcp_url() })
}

pub(crate) fn refusal(flow: &Flow, status: StatusCode, page: &Refusal<'_>) -> Response {
    render(status, &RefusalPage { notice: flow.policy.notice.as_deref(), page })
}

/// The identity provider said no: its code explained, who can mend it, and the step.
pub(crate) fn upstream_refused(
    flow: &Flow,
    refusal: &model::upstream::Refusal,
    redirect_uri: Option<&str>,
    back: Option<&str>,
) -> Response {
    let code = refusal.code.map(|code| format!("AADSTS{code}"));
    let facts = redirect_uri.zip(flow.upstream.redirect_platform(refusal)).map(|(uri, platform)| {
        vec![
            ("Redirect URI that was asked for", Fact::Value(uri.to_owned())),
            ("Platform it must be on", Fact::Value(platform.to_owned())),
        ]
    });
    let page = Refusal {
        title: match refusal.effect {
            Effect::Barred => "This account may not sign in here",
            Effect::Ends | Effect::SignIn | Effect::SetUp => "The sign-in was refused",
        },
        what: &sentence(&refusal.what),
        hint: &sentence(&refusal.hint),
        fixer: Some(refusal.fixer.sentence()),
        facts: facts.unwrap_or_default(),
        details: code.into_iter().chain(refusal.trace.clone()).collect(),
        links: open_pages(&refusal.remedies).map(|(page, url)| (url, format!("Open {page}"))).collect(),
        back,
    };
    self::refusal(flow, StatusCode::FORBIDDEN, &page)
}

/// The identity provider gave no answer. `hint` says what is to be done on this page, with its `links`, where a number does not
/// say it better.
pub(crate) fn upstream_unavailable(
    flow: &Flow,
    error: &UpstreamError,
    hint: &str,
    links: Vec<(&str, String)>,
) -> Response {
    let (refusal, retry_after) = match error {
        UpstreamError::Refused(refusal) => return upstream_refused(flow, refusal, None, None),
        UpstreamError::Unavailable { refusal, retry_after, .. } => (refusal.as_deref(), *retry_after),
    };
    let what = refusal.map_or_else(|| error.to_string(), |refusal| refusal.what.clone());
    let code = refusal.and_then(|refusal| refusal.code).map(|code| format!("AADSTS{code}"));
    let page = Refusal {
        title: "The sign-in service does not answer",
        what: &sentence(&what),
        hint: refusal.map_or(hint, |refusal| refusal.hint.as_str()),
        fixer: refusal.map(|refusal| refusal.fixer.sentence()),
        details: code.into_iter().collect(),
        links,
        ..Refusal::default()
    };
    busy(self::refusal(flow, StatusCode::SERVICE_UNAVAILABLE, &page), retry_after)
}

/// The store did not answer. The person can simply try again.
pub(crate) fn trouble(flow: &Flow, error: &StoreError) -> Response {
    tracing::error!(%error, "the store failed");
    let page = Refusal {
        title: "The server is busy",
        what: "It could not read or write its own data just now.",
        hint: "Wait a moment and reload this page. If it stays like this, the server's log says why.",
        ..Refusal::default()
    };
    busy(refusal(flow, StatusCode::SERVICE_UNAVAILABLE, &page), None)
}

/// The person signed in, and the store did not take it. The identity provider's answer is spent, so reloading is no use.
pub(crate) fn not_kept(flow: &Flow, error: &StoreError) -> Response {
    tracing::error!(%error, "a sign-in could not be written down");
    let page = Refusal {
        title: "The sign-in could not be finished",
        what: "You are who you say, but the server could not write it down just now.",
        hint: "Wait a moment, then start again from your client. If it stays like this, the server's log says why.",
        ..Refusal::default()
    };
    busy(refusal(flow, StatusCode::SERVICE_UNAVAILABLE, &page), None)
}

/// With `Retry-After`, as every 503 and 429 has.
pub(crate) fn busy(mut response: Response, retry_after: Option<Duration>) -> Response {
    let secs = retry_after.map_or(5, |after| after.as_secs().max(1));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    response
}

/// Sends the browser on to the client, with nothing kept on the way.
pub(crate) fn to_client(url: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else {
        return crate::error::json(
            StatusCode::BAD_REQUEST,
            "invalid_redirect_uri",
            "the client's address cannot be used",
        );
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::FOUND, headers).into_response()
}

/// After a form, so that reloading sends it no second time (RFC 9110 section 15.4.4).
pub(crate) fn see_other(url: &str) -> Response {
    let mut response = to_client(url);
    if response.status() == StatusCode::FOUND {
        *response.status_mut() = StatusCode::SEE_OTHER;
    }
    response
}

pub(crate) fn render(status: StatusCode, page: &impl Template) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = served(status, POLICY.clone(), html);
    response.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

/// A page that nobody keeps and whose address nobody is told. Whether it may be framed is for `policy` to say.
pub(crate) fn served(status: StatusCode, policy: HeaderValue, html: String) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, Html(html)).into_response()
}

/// What somebody else wrote, as a page may show it: short, and without letters that look like others or turn the line around.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 200;
    let plain = text.chars().map(|c| if c.is_ascii_graphic() { c } else { '\u{fffd}' });
    let mut out: String = plain.take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('\u{2026}');
    }
    out
}

/// A chain message ("no such client") as a sentence for a person ("No such client.").
pub(crate) fn sentence(message: &str) -> String {
    let mut chars = message.trim().chars();
    let Some(first) = chars.next() else { return String::new() };
    let text: String = first.to_uppercase().chain(chars).collect();
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}
