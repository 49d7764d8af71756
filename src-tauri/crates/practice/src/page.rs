//! The pages people see: sign-in, refusal, sign-out, and the start page that says what this is.
//!
//! No script, one style sheet of our own, nothing fetched from elsewhere. Every page says that it is not Microsoft.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use url::Url;

use crate::authorize::SignInRequest;
use crate::directory::{CLIENT_ID, Flow, PEOPLE, TENANT_ID, Tenant};
use crate::params::Params;
use crate::refusal::{Refusal, Why};
use crate::scope::Requested;
use crate::sign_in::SignIn;
use crate::switches::Resident;
use crate::{Fault, Practice};

/// Without `form-action`: Chrome applies it to every redirect that follows a form, which ends at the app.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// For the page whose frames tell the apps.
const WITH_FRAMES: &str =
    "default-src 'none'; style-src 'self'; frame-src http: https:; base-uri 'none'; frame-ancestors 'none'";
const SESSION: &str = "practice_session";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    action: String,
    sealed: &'a str,
    app: String,
    host: String,
    scopes: Vec<String>,
    people: Vec<Choice>,
    faults: Vec<Fault>,
    /// Azure AD B2C sends who forgot it back to the app.
    can_forget: bool,
}

/// One button of the sign-in page.
pub(crate) struct Choice {
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    pub(crate) username: &'static str,
    pub(crate) about: &'static str,
    pub(crate) initials: String,
    /// The app asked for this one (`login_hint`).
    hinted: bool,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage {
    refusal: Refusal,
    form: Option<RetryForm>,
}

/// A way out of a refusal that another person may not get.
struct RetryForm {
    action: String,
    sealed: String,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    base: &'a str,
    people: Vec<Resident>,
    faults: Vec<(Fault, bool)>,
}

#[derive(Template)]
#[template(path = "note.html")]
struct NotePage {
    title: &'static str,
    text: &'static str,
    /// Addresses that are told of a sign-out, each in a frame.
    frames: Vec<String>,
}

pub(crate) fn sign_in(practice: &Practice, request: &SignInRequest, sealed: &str) -> Response {
    // Registered once, and perhaps no more.
    let app = match practice.app(&request.client_id) {
        Ok(app) => app,
        Err(why) => return refused(practice, why, None),
    };
    let scopes = Requested::parse(&request.scope, practice.base(), &app).map(|scope| scope.for_people());
    let hint = request.login_hint.as_deref().unwrap_or_default();
    let page = SignInPage {
        action: login(request.tenant),
        sealed,
        app: app.name.to_string(),
        host: request.back.host(),
        scopes: scopes.unwrap_or_default(),
        people: choices(practice, hint),
        faults: practice.faults(),
        can_forget: request.tenant == Tenant::B2c(Flow::SignIn),
    };
    html(StatusCode::OK, &page)
}

/// Everybody, to pick one.
pub(crate) fn choices(practice: &Practice, hint: &str) -> Vec<Choice> {
    let people = practice.people();
    let choice = PEOPLE.iter().zip(&people).map(|(person, resident)| Choice {
        key: person.key,
        name: person.name,
        username: person.username,
        about: resident.standing(),
        initials: person.initials(),
        hinted: hint.eq_ignore_ascii_case(person.username),
    });
    choice.collect()
}

/// Entra's error page. `again` is the sealed request, when somebody else may have more luck.
pub(crate) fn refused(practice: &Practice, why: Why, again: Option<(Tenant, String)>) -> Response {
    let status = why.status();
    let segment = again.as_ref().map(|(tenant, _)| tenant.segment()).unwrap_or_default();
    let refusal = Refusal::at(segment, why, practice);
    let form = again.map(|(tenant, sealed)| RetryForm { action: login(tenant), sealed });
    html(status, &RefusedPage { refusal, form })
}

/// The same where nobody else could have more luck, in the words of the tenant that was asked.
pub(crate) fn refused_at(practice: &Practice, segment: &str, why: Why) -> Response {
    let status = why.status();
    html(status, &RefusedPage { refusal: Refusal::at(segment, why, practice), form: None })
}

pub(crate) async fn home(State(practice): State<Practice>) -> Response {
    let active = practice.active();
    let faults = Fault::ALL.iter().map(|fault| (*fault, active.contains(fault))).collect();
    html(StatusCode::OK, &HomePage { base: practice.base(), people: practice.people(), faults })
}

/// Which session the browser has here, for [`signed_out`] only: nobody is signed in by it. `None` for customers of B2C, whose
/// tokens name none.
pub(crate) fn session_cookie(practice: &Practice, tenant: Tenant, sign_in: &SignIn) -> Option<HeaderValue> {
    let issuer = match tenant.of_customers() {
        Some(tenant) => practice.issuer_at(tenant),
        None => practice.issuer(sign_in.person.tid),
    };
    let cookie = format!("{SESSION}={}|{issuer}; Path=/; HttpOnly; SameSite=Lax", sign_in.sid);
    HeaderValue::from_str(&cookie).ok().filter(|_| tenant.flow().is_none())
}

/// What every app is told, in a frame of its own (OpenID Connect Front-Channel Logout 1.0).
fn frames(practice: &Practice, headers: &HeaderMap) -> Vec<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split("; ")).filter_map(|pair| pair.split_once('='));
    let session = pairs.find_map(|(name, value)| (name == SESSION).then(|| value.split_once('|'))?);
    let Some((sid, issuer)) = session else { return Vec::new() };
    let urls = practice.logout_urls().into_iter().filter_map(|url| Url::parse(&url).ok());
    let told = |mut url: Url| {
        url.query_pairs_mut().append_pair("sid", sid).append_pair("iss", issuer);
        String::from(url)
    };
    urls.map(told).collect()
}

/// Where `end_session_endpoint` leads. From it people are sent back to a registered redirect URI, as at Entra; any other is ignored.
/// Entra tells the apps before that; here only who stays on the page sees them told.
pub(crate) async fn signed_out(
    State(practice): State<Practice>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes()).ok();
    let back = params.as_ref().and_then(|params| {
        let app = practice.app(params.get("client_id")?).ok()?;
        let back = params.get("post_logout_redirect_uri")?;
        let mut url = Url::parse(back).ok().filter(|_| practice.is_registered(&app, back))?;
        if let Some(state) = params.get("state") {
            url.query_pairs_mut().append_pair("state", state);
        }
        HeaderValue::from_str(url.as_str()).ok()
    });
    if let Some(back) = back {
        return (StatusCode::FOUND, [(header::LOCATION, back)]).into_response();
    }
    let frames = frames(&practice, &headers);
    let text = if frames.is_empty() {
        "The practice tenant remembers nobody, so there was nothing to end. You can close this page."
    } else {
        "The apps you used in this browser were told, and end what came of your sign-in. You can close this page."
    };
    let mut response = html(StatusCode::OK, &NotePage { title: "You are signed out", text, frames });
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(WITH_FRAMES));
    let over = HeaderValue::from_static("practice_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    response.headers_mut().insert(header::SET_COOKIE, over);
    response
}

/// A page that says one thing.
pub(crate) fn note(title: &'static str, text: &'static str) -> Response {
    html(StatusCode::OK, &NotePage { title, text, frames: Vec::new() })
}

pub(crate) async fn not_found() -> Response {
    let text = "Endpoints begin with a tenant, such as /organizations/oauth2/v2.0/authorize. The start page lists what is here.";
    html(StatusCode::NOT_FOUND, &NotePage { title: "Nothing is at this address", text, frames: Vec::new() })
}

pub(crate) async fn style() -> Response {
    let kind = (header::CONTENT_TYPE, "text/css; charset=utf-8");
    let fresh = (header::CACHE_CONTROL, "no-cache");
    ([kind, fresh], include_str!("../templates/practice.css")).into_response()
}

fn login(tenant: Tenant) -> String {
    format!("/{}/login", tenant.segment())
}

pub(crate) fn html(status: StatusCode, page: &impl Template) -> Response {
    let Ok(text) = page.render() else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be rendered.").into_response();
    };
    let mut response = (status, text).into_response();
    let headers: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
