//! `/token`: authorization code, refresh token, and on behalf of.
//!
//! Refresh tokens are sealed, not stored: they survive a restart, and an older one keeps working after a newer one
//! was issued, as at Entra.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use model::ids::random_text;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::apps::App;
use crate::claims::{Issue, read_own};
use crate::directory::{Person, STRONG_CONTEXT, Tenant};
use crate::params::Params;
use crate::proof::{ProvenBy, authenticate};
use crate::refusal::{Refusal, Why};
use crate::scope::{Granted, Requested, refuse_resource};
use crate::segment::Segment;
use crate::sign_in::{Moment, SignIn};
use crate::{Fault, Kind, Practice};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const ON_BEHALF_OF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// An unused refresh token lasts 90 days.
const REFRESH_LIFETIME: Duration = Duration::from_hours(90 * 24);
const REFRESH_PREFIX: &str = "1.AR";
/// Access tokens last a random time from this on, in seconds, so that they do not all expire at once.
const SHORTEST_LIFETIME: i64 = 3600;

/// What a refresh token says, under seal.
#[derive(Serialize, Deserialize)]
struct RefreshToken {
    client: String,
    person: String,
    /// Whose customer: elsewhere it counts for nobody.
    #[serde(default)]
    customers: Option<Tenant>,
    sid: String,
    strong: bool,
    epoch: u32,
    at: Timestamp,
    /// Makes two tokens of one moment differ.
    id: String,
}

/// One request whose sender is known to be the app.
struct Exchange<'a> {
    practice: &'a Practice,
    tenant: Tenant,
    app: App,
    params: &'a Params,
    proven: ProvenBy,
}

/// What an exchange ends in.
struct Outcome {
    sign_in: SignIn,
    granted: Granted,
    nonce: Option<String>,
}

pub(crate) async fn post(
    State(practice): State<Practice>,
    Segment(segment): Segment,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut response = match answer(&practice, &segment, &headers, &body).await {
        Ok(tokens) => Json(tokens).into_response(),
        Err(why) => Refusal::at(&segment, why, &practice).into_json(),
    };
    let never = HeaderValue::from_static("no-store, no-cache");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

async fn answer(practice: &Practice, segment: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, Why> {
    let tenant = Tenant::parse(segment).ok_or_else(|| Why::UnknownTenant(segment.to_owned()))?;
    let params = Params::parse(body)?;
    let grant_type = params.required("grant_type")?;
    let (app, proven) = authenticate(practice, tenant, headers, &params)?;
    refuse_resource(&params, &app)?;
    let exchange = Exchange { practice, tenant, app, params: &params, proven };
    let outcome = match grant_type {
        "authorization_code" => exchange.code()?,
        "refresh_token" => exchange.refresh()?,
        DEVICE_CODE => exchange.device_code()?,
        ON_BEHALF_OF => exchange.on_behalf_of().await?,
        other => return Err(Why::GrantType(other.to_owned())),
    };
    Ok(exchange.tokens(&outcome).await)
}

// === impl Exchange ===

impl Exchange<'_> {
    fn code(&self) -> Result<Outcome, Why> {
        let code = self.params.required("code")?;
        let redirect_uri = self.params.required("redirect_uri")?;
        let granted = self.granted(Why::Missing("scope"))?;
        // Held to the end, so of two who present one code at the same time only one gets tokens.
        let mut codes = self.practice.codes();
        let issued =
            codes.check(code, redirect_uri, self.params.get("code_verifier"), self.practice.now())?;
        if *issued.client_id != *self.app.client_id {
            return Err(Why::GrantUnknown("code"));
        }
        if issued.tenant.of_customers() != self.tenant.of_customers() {
            return Err(Why::CodeOfOtherTenant);
        }
        if self.practice.has(Fault::SpaPlatform) {
            return Err(Why::SpaOnly);
        }
        issued.sign_in.check(self.practice, self.tenant, Moment::Code)?;
        codes.redeem(code);
        Ok(Outcome { sign_in: issued.sign_in, granted, nonce: issued.nonce })
    }

    fn refresh(&self) -> Result<Outcome, Why> {
        let text = self.params.required("refresh_token")?;
        let granted = self.granted(Why::TokenForItself)?;
        let sealed = text.strip_prefix(REFRESH_PREFIX).ok_or(Why::Malformed)?;
        let unknown = Why::GrantUnknown("refresh_token");
        let token: RefreshToken = self.practice.open(Kind::RefreshToken, sealed).ok_or(unknown.clone())?;
        if self.practice.now().since(token.at) > REFRESH_LIFETIME {
            return Err(Why::RefreshExpired);
        }
        let person = Person::find(&token.person).ok_or(unknown.clone())?;
        if *token.client != *self.app.client_id {
            return Err(unknown);
        }
        if token.customers != self.tenant.of_customers() {
            return Err(Why::CodeOfOtherTenant);
        }
        let sign_in = SignIn { person, strong: token.strong, sid: token.sid, epoch: token.epoch };
        sign_in.check(self.practice, self.tenant, Moment::Refresh)?;
        Ok(Outcome { sign_in, granted, nonce: None })
    }

    /// The scopes are those the sign-in began with; whatever the poll says about them is ignored.
    fn device_code(&self) -> Result<Outcome, Why> {
        let code = self.params.required("device_code")?;
        let (sign_in, scope) =
            self.practice.devices().poll(code, &self.app, self.tenant, self.practice.now())?;
        sign_in.check(self.practice, self.tenant, Moment::Code)?;
        let granted = Requested::parse(&scope, self.practice.base(), &self.app)?.for_one_resource()?;
        Ok(Outcome { sign_in, granted, nonce: None })
    }

    async fn on_behalf_of(&self) -> Result<Outcome, Why> {
        match self.params.required("requested_token_use")? {
            "on_behalf_of" => {}
            other => {
                return Err(Why::Unsupported { name: "requested_token_use", value: other.to_owned() });
            }
        }
        let assertion = self.params.required("assertion")?;
        let granted = self.granted(Why::Missing("scope"))?;
        let claims = read_own(self.practice, assertion).await.ok_or(Why::AssertionInvalid)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if !text("aud").is_some_and(|audience| self.app.answers_to(audience)) {
            return Err(Why::AssertionAudience);
        }
        if expired(&claims, self.practice.now()) {
            return Err(Why::AssertionExpired);
        }
        let person = text("oid").and_then(Person::by_oid).ok_or(Why::AssertionInvalid)?;
        let sid = text("sid").unwrap_or_default().to_owned();
        let contexts = claims.get("acrs").and_then(Value::as_array);
        let strong = contexts.is_some_and(|contexts| contexts.contains(&STRONG_CONTEXT.into()));
        // Revoking ends refresh tokens; an access token lives until it expires.
        let epoch = self.practice.switches().epoch(person);
        let sign_in = SignIn { person, strong, sid, epoch };
        sign_in.check(self.practice, self.tenant, Moment::OnBehalfOf)?;
        Ok(Outcome { sign_in, granted, nonce: None })
    }

    fn granted(&self, missing: Why) -> Result<Granted, Why> {
        let scope = self.params.get("scope").ok_or(missing)?;
        Requested::parse(scope, self.practice.base(), &self.app)?.for_one_resource()
    }

    async fn tokens(&self, outcome: &Outcome) -> Value {
        let practice = self.practice;
        let lifetime = SHORTEST_LIFETIME + self.extra_lifetime();
        let issue = Issue {
            practice,
            sign_in: &outcome.sign_in,
            granted: &outcome.granted,
            app: &self.app,
            tenant: self.tenant,
            proven: self.proven,
            lifetime,
        };
        let key = practice.keys().current().await;
        let mut answer = json!({
            "token_type": "Bearer",
            "scope": outcome.granted.echo(),
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": key.sign(&issue.access()),
        });
        if outcome.granted.asks("openid") {
            answer["id_token"] = key.sign(&issue.id(outcome.nonce.as_deref())).into();
        }
        if outcome.granted.asks("offline_access") && !practice.has(Fault::NoRefreshToken) {
            answer["refresh_token"] = self.refresh_token(&outcome.sign_in).into();
        }
        answer
    }

    fn refresh_token(&self, sign_in: &SignIn) -> String {
        let token = RefreshToken {
            client: self.app.client_id.to_string(),
            person: sign_in.person.key.to_owned(),
            customers: self.tenant.of_customers(),
            sid: sign_in.sid.clone(),
            strong: sign_in.strong,
            epoch: sign_in.epoch,
            at: self.practice.now(),
            id: random_text::<16>(self.practice.entropy()),
        };
        format!("{REFRESH_PREFIX}{}", self.practice.seal(Kind::RefreshToken, &token))
    }

    /// Up to a quarter of an hour.
    fn extra_lifetime(&self) -> i64 {
        let mut bytes = [0; 2];
        self.practice.entropy().fill(&mut bytes);
        i64::from(u16::from_be_bytes(bytes)) % 900
    }
}

fn expired(claims: &Map<String, Value>, now: Timestamp) -> bool {
    claims.get("exp").and_then(Value::as_i64).is_none_or(|exp| exp <= now.secs())
}
