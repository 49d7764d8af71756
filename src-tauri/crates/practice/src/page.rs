//! The pages people see: sign-in, refusal, sign-out, and the start page that says what this is.
//!
//! No script, one style sheet of our own, nothing fetched from elsewhere. Every page says that it is not Microsoft.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::authorize::SignInRequest;
use crate::directory::{APP_NAME, CLIENT_ID, PEOPLE, TENANT_ID, Tenant};
use crate::refusal::{Refusal, Why};
use crate::scope::Requested;
use crate::switches::Resident;
use crate::{Fault, Practice};

/// Without `form-action`: Chrome applies it to every redirect that follows a form, which ends at the app.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    action: String,
    sealed: &'a str,
    app: &'static str,
    host: String,
    scopes: Vec<&'static str>,
    people: Vec<Choice>,
    faults: Vec<Fault>,
}

/// One button of the sign-in page.
struct Choice {
    key: &'static str,
    name: &'static str,
    username: &'static str,
    about: &'static str,
    initials: String,
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
}

pub(crate) fn sign_in(practice: &Practice, request: &SignInRequest, sealed: &str) -> Response {
    let scopes = Requested::parse(&request.scope, practice.base()).map(|scope| scope.for_people());
    let hint = request.login_hint.as_deref().unwrap_or_default();
    let people = practice.people();
    let choices = PEOPLE.iter().zip(&people).map(|(person, resident)| Choice {
        key: person.key,
        name: person.name,
        username: person.username,
        about: resident.standing(),
        initials: person.initials(),
        hinted: hint.eq_ignore_ascii_case(person.username),
    });
    let page = SignInPage {
        action: login(request.tenant),
        sealed,
        app: APP_NAME,
        host: request.back.host(),
        scopes: scopes.unwrap_or_default(),
        people: choices.collect(),
        faults: practice.faults(),
    };
    html(StatusCode::OK, &page)
}

/// Entra's error page. `again` is the sealed request, when somebody else may have more luck.
pub(crate) fn refused(practice: &Practice, why: Why, again: Option<(Tenant, String)>) -> Response {
    let status = why.status();
    let form = again.map(|(tenant, sealed)| RetryForm { action: login(tenant), sealed });
    html(status, &RefusedPage { refusal: Refusal::of(why, practice), form })
}

pub(crate) async fn home(State(practice): State<Practice>) -> Response {
    let active = practice.active();
    let faults = Fault::ALL.iter().map(|fault| (*fault, active.contains(fault))).collect();
    html(StatusCode::OK, &HomePage { base: practice.base(), people: practice.people(), faults })
}

/// There is no session to end; the page is where `end_session_endpoint` leads.
pub(crate) async fn signed_out() -> Response {
    let text = "The practice tenant remembers nobody, so there was nothing to end. You can close this page.";
    html(StatusCode::OK, &NotePage { title: "You are signed out", text })
}

pub(crate) async fn not_found() -> Response {
    let text = "Endpoints begin with a tenant, such as /organizations/oauth2/v2.0/authorize. The start page lists what is here.";
    html(StatusCode::NOT_FOUND, &NotePage { title: "Nothing is at this address", text })
}

pub(crate) async fn style() -> Response {
    let kind = (header::CONTENT_TYPE, "text/css; charset=utf-8");
    let fresh = (header::CACHE_CONTROL, "no-cache");
    ([kind, fresh], include_str!("../templates/practice.css")).into_response()
}

fn login(tenant: Tenant) -> String {
    format!("/{}/login", tenant.segment())
}

fn html(status: StatusCode, page: &impl Template) -> Response {
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
