//! Signing in: the page with the people, and what follows from picking one.
//!
//! There are no passwords and no session of its own: every authorize request is answered by a pick, or by the
//! configured person. Who may sign in is decided here and again at the token endpoint.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::authorize::SignInRequest;
use crate::codes::Issued;
use crate::directory::{Flow, Person, Tenant};
use crate::params::Params;
use crate::refusal::{Why, guid};
use crate::{Fault, Kind, Practice, page};

/// How long a sign-in page may stay open.
const PATIENCE: Duration = Duration::from_mins(30);

/// Somebody signed in: what codes and refresh tokens stand for.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) person: &'static Person,
    /// Answered a claims challenge, so a second factor is not asked for again.
    pub(crate) strong: bool,
    /// `sid`, the same in every token that comes of this sign-in.
    pub(crate) sid: String,
    /// How often the person's tokens had been revoked by then.
    pub(crate) epoch: u32,
}

/// Where a sign-in is used, since some rules strike at one place only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Page,
    Code,
    Refresh,
    OnBehalfOf,
}

/// `POST /{tenant}/login`: the form of the sign-in page.
pub(crate) async fn post(State(practice): State<Practice>, headers: HeaderMap, body: Bytes) -> Response {
    if comes_from_elsewhere(&headers) {
        return (StatusCode::FORBIDDEN, "This form was sent by another site. Start the sign-in again.")
            .into_response();
    }
    let params = match Params::parse(&body) {
        Ok(params) => params,
        Err(why) => return page::refused(&practice, why, None),
    };
    let opened =
        params.get("request").and_then(|text| practice.open::<SignInRequest>(Kind::SignInForm, text));
    let Some(request) = opened else {
        return page::refused(&practice, Why::Malformed, None);
    };
    if practice.now().since(request.at) > PATIENCE {
        return page::refused(&practice, Why::FlowExpired, None);
    }
    if params.get("cancel").is_some() {
        return request.back.refuse(request.tenant, Why::Declined, &practice);
    }
    if params.get("forgot").is_some() && request.tenant == Tenant::B2c(Flow::SignIn) {
        return request.back.refuse(request.tenant, Why::ForgotPassword, &practice);
    }
    match params.get("person") {
        Some(person) => answer(&practice, request, person),
        None => show(&practice, &request),
    }
}

pub(crate) fn show(practice: &Practice, request: &SignInRequest) -> Response {
    page::sign_in(practice, request, &practice.seal(Kind::SignInForm, request))
}

/// Signs `person` in for `request`, or says on a page why not. Entra does not send these refusals to the app.
pub(crate) fn answer(practice: &Practice, request: SignInRequest, person: &str) -> Response {
    match admit(practice, &request, person) {
        Ok(sign_in) => {
            let session = page::session_cookie(practice, request.tenant, &sign_in);
            let issued = Issued {
                sign_in,
                tenant: request.tenant,
                client_id: request.client_id.clone(),
                redirect_uri: request.back.redirect_uri.clone(),
                challenge: request.challenge,
                nonce: request.nonce,
            };
            let code = practice.codes().issue(issued, practice.now(), practice.entropy());
            let mut back =
                request.back.lead(&[("code", &code), ("session_state", &guid(practice.entropy()))]);
            back.headers_mut().extend(session.map(|cookie| (header::SET_COOKIE, cookie)));
            back
        }
        Err(why) => {
            let sealed = practice.seal(Kind::SignInForm, &request);
            page::refused(practice, why, Some((request.tenant, sealed)))
        }
    }
}

fn admit(practice: &Practice, request: &SignInRequest, person: &str) -> Result<SignIn, Why> {
    let person = Person::find(person).ok_or(Why::UnknownPerson)?;
    let epoch = practice.switches().epoch(person);
    let sign_in = SignIn { person, strong: request.strong, sid: guid(practice.entropy()), epoch };
    sign_in.check(practice, request.tenant, Moment::Page)?;
    Ok(sign_in)
}

/// Only the page itself may send its form. `Origin` is of no use: under `no-referrer` browsers send `null`.
pub(crate) fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

/// What can have become of somebody since they signed in.
const fn at_refresh() -> [(Fault, Why); 6] {
    [
        (Fault::DeletedAtRefresh, Why::UnknownPerson),
        (Fault::PasswordChanged, Why::Revoked),
        (Fault::SessionRevoked, Why::SessionRevoked),
        (Fault::SignInFrequency, Why::Frequency),
        (Fault::TokenRevoked, Why::SessionOver),
        (Fault::DeviceNotCompliant, Why::DeviceNotCompliant),
    ]
}

// === impl SignIn ===

impl SignIn {
    /// Whether the sign-in is (still) good at this moment.
    pub(crate) fn check(&self, practice: &Practice, tenant: Tenant, moment: Moment) -> Result<(), Why> {
        if !tenant.admits(self.person) {
            return Err(match moment {
                Moment::Code => Why::CodeOfOtherTenant,
                Moment::Page | Moment::Refresh | Moment::OnBehalfOf => Why::OtherTenant(self.person.tid),
            });
        }
        let switches = practice.switches();
        let has = |fault: Fault| switches.faults.contains(&fault);
        let at_token = moment != Moment::Page;
        if switches.is_disabled(self.person) || (moment == Moment::Refresh && has(Fault::DisabledAtRefresh)) {
            return Err(Why::Disabled);
        }
        if moment == Moment::Refresh
            && let Some((_, why)) = at_refresh().into_iter().find(|(fault, _)| has(*fault))
        {
            return Err(why);
        }
        if moment == Moment::OnBehalfOf && has(Fault::GraphConsentMissing) {
            return Err(Why::ConsentMissing);
        }
        if self.epoch < switches.epoch(self.person) {
            return Err(Why::Revoked);
        }
        if has(Fault::UserNotAssigned) {
            return Err(Why::NotAssigned);
        }
        if has(Fault::ConditionalAccess) {
            return Err(Why::ConditionalAccess);
        }
        if at_token && has(Fault::MissingConsent) {
            return Err(Why::ConsentMissing);
        }
        if at_token && has(Fault::MfaRequired) && !self.strong {
            return Err(Why::MfaRequired);
        }
        Ok(())
    }
}
