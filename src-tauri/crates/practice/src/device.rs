//! Signing in with a code that is typed on another page (RFC 8628): the endpoint, the page, and what a poll is answered.
//!
//! In memory and bounded; a code lasts a quarter of an hour.

use std::collections::HashMap;
use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use model::ids::{TokenHash, random_text};
use model::ports::Entropy;
use model::time::Timestamp;
use serde_json::json;

use crate::Practice;
use crate::apps::{App, AppKind};
use crate::directory::{Person, Tenant};
use crate::page::{Choice, choices, html, note};
use crate::params::Params;
use crate::refusal::{Refusal, Why, guid};
use crate::scope::Requested;
use crate::sign_in::{Moment, SignIn, comes_from_elsewhere};

const LIFETIME: Duration = Duration::from_mins(15);
/// Between two polls, in seconds.
const INTERVAL: u64 = 5;
const AT_MOST: usize = 1_000;
/// No vowels, so no words; nothing that looks like something else (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// One sign-in that was begun.
#[derive(Debug, Clone)]
struct Pending {
    tenant: Tenant,
    client_id: String,
    scope: String,
    at: Timestamp,
    polled: Option<Timestamp>,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum Outcome {
    Waiting,
    SignedIn(SignIn),
    Declined,
}

/// By user code; the device code is kept as a hash.
#[derive(Default)]
pub(crate) struct Devices(HashMap<String, (TokenHash, Pending)>);

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    wrong: bool,
    /// Once the code is known.
    ask: Option<Ask>,
}

struct Ask {
    code: String,
    app: String,
    scopes: Vec<String>,
    people: Vec<Choice>,
}

/// `POST /{tenant}/oauth2/v2.0/devicecode`
pub(crate) async fn begin(
    State(practice): State<Practice>,
    Path(segment): Path<String>,
    body: Bytes,
) -> Response {
    match begun(&practice, &segment, &body) {
        Ok(answer) => answer,
        Err(why) => Refusal::of(why, &practice).into_json(),
    }
}

fn begun(practice: &Practice, segment: &str, body: &[u8]) -> Result<Response, Why> {
    let tenant = Tenant::parse(segment).ok_or_else(|| Why::UnknownTenant(segment.to_owned()))?;
    let params = Params::parse(body)?;
    let app = practice.app(params.required("client_id")?)?;
    // An application with a secret is no public client, and only those may sign in this way.
    if app.kind != AppKind::GraphTools {
        return Err(Why::SecretMissing);
    }
    let scope = params.required("scope")?;
    Requested::parse(scope, practice.base(), &app)?.check_sign_in()?;
    let pending = Pending {
        tenant,
        client_id: app.client_id.to_string(),
        scope: scope.to_owned(),
        at: practice.now(),
        polled: None,
        outcome: Outcome::Waiting,
    };
    let device_code = random_text::<32>(practice.entropy());
    let user_code = practice.devices().add(&device_code, pending, practice.now(), practice.entropy());
    let link = format!("{}/device", practice.base());
    Ok(Json(json!({
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": link,
        "expires_in": LIFETIME.as_secs(),
        "interval": INTERVAL,
        "message": format!("To sign in, use a web browser to open the page {link} and enter the code {user_code}."),
    }))
    .into_response())
}

/// `GET /device`
pub(crate) async fn ask() -> Response {
    html(StatusCode::OK, &DevicePage { wrong: false, ask: None })
}

/// `POST /device`: the code, and then who signs in.
pub(crate) async fn answer(State(practice): State<Practice>, headers: HeaderMap, body: Bytes) -> Response {
    if comes_from_elsewhere(&headers) {
        return (StatusCode::FORBIDDEN, "This form was sent by another site. Start the sign-in again.")
            .into_response();
    }
    let Ok(params) = Params::parse(&body) else {
        return html(StatusCode::BAD_REQUEST, &DevicePage { wrong: true, ask: None });
    };
    let code = spelled(params.get("code").unwrap_or_default());
    let Some(pending) = practice.devices().open(&code, practice.now()) else {
        return html(StatusCode::OK, &DevicePage { wrong: true, ask: None });
    };
    if params.get("cancel").is_some() {
        practice.devices().settle(&code, Outcome::Declined);
        return note("The sign-in was declined", "Nobody was signed in. You can close this page.");
    }
    match params.get("person").or_else(|| practice.auto_sign_in()) {
        Some(person) => match admit(&practice, &pending, person) {
            Ok(sign_in) => {
                practice.devices().settle(&code, Outcome::SignedIn(sign_in));
                note(
                    "You are signed in",
                    "Go back to the program that gave you the code. You can close this page.",
                )
            }
            Err(why) => crate::page::refused(&practice, why, None),
        },
        None => show(&practice, code, &pending),
    }
}

fn show(practice: &Practice, code: String, pending: &Pending) -> Response {
    let Ok(app) = practice.app(&pending.client_id) else {
        return html(StatusCode::OK, &DevicePage { wrong: true, ask: None });
    };
    let scopes = Requested::parse(&pending.scope, practice.base(), &app).map(|scope| scope.for_people());
    let ask = Ask {
        code,
        app: app.name.to_string(),
        scopes: scopes.unwrap_or_default(),
        people: choices(practice, ""),
    };
    html(StatusCode::OK, &DevicePage { wrong: false, ask: Some(ask) })
}

fn admit(practice: &Practice, pending: &Pending, person: &str) -> Result<SignIn, Why> {
    let person = Person::find(person).ok_or(Why::UnknownPerson)?;
    let epoch = practice.switches().epoch(person);
    let sign_in = SignIn { person, strong: false, sid: guid(practice.entropy()), epoch };
    sign_in.check(practice, pending.tenant, Moment::Page)?;
    Ok(sign_in)
}

/// As people type it: in small letters, with spaces or a dash.
fn spelled(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

// === impl Devices ===

impl Devices {
    fn add(&mut self, device_code: &str, pending: Pending, now: Timestamp, entropy: &dyn Entropy) -> String {
        self.0.retain(|_, (_, pending)| now.since(pending.at) < LIFETIME);
        if self.0.len() >= AT_MOST
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, (_, pending))| pending.at).map(|(code, _)| code.clone())
        {
            self.0.remove(&oldest);
        }
        let mut bytes = [0; 9];
        entropy.fill(&mut bytes);
        let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
        let code: String = bytes.iter().map(letter).collect();
        self.0.insert(code.clone(), (TokenHash::of(device_code), pending));
        code
    }

    /// One that still waits for somebody.
    fn open(&self, code: &str, now: Timestamp) -> Option<Pending> {
        let (_, pending) = self.0.get(code)?;
        let waits = matches!(pending.outcome, Outcome::Waiting) && now.since(pending.at) < LIFETIME;
        waits.then(|| pending.clone())
    }

    fn settle(&mut self, code: &str, outcome: Outcome) {
        if let Some((_, pending)) = self.0.get_mut(code) {
            pending.outcome = outcome;
        }
    }

    /// What a poll is answered; a sign-in is given out once. The scopes are those of the beginning.
    pub(crate) fn poll(
        &mut self,
        device_code: &str,
        app: &App,
        tenant: Tenant,
        now: Timestamp,
    ) -> Result<(SignIn, String), Why> {
        let hash = TokenHash::of(device_code);
        let found = self.0.iter_mut().find(|(_, (kept, _))| *kept == hash);
        let (code, pending) = found
            .map(|(code, (_, pending))| (code.clone(), pending))
            .ok_or(Why::GrantUnknown("device_code"))?;
        if *pending.client_id != *app.client_id || pending.tenant != tenant {
            return Err(Why::GrantUnknown("device_code"));
        }
        if now.since(pending.at) >= LIFETIME {
            return Err(Why::DeviceExpired);
        }
        let early = pending.polled.is_some_and(|polled| now.since(polled) < Duration::from_secs(INTERVAL));
        pending.polled = Some(now);
        match &pending.outcome {
            Outcome::Waiting if early => Err(Why::DeviceTooFast),
            Outcome::Waiting => Err(Why::DevicePending),
            Outcome::Declined => Err(Why::DeviceDeclined),
            Outcome::SignedIn(sign_in) => {
                let found = (sign_in.clone(), pending.scope.clone());
                self.0.remove(&code);
                Ok(found)
            }
        }
    }
}
