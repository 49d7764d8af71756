//! What can be found out about an app registration without anybody signing in, and without changing anything there.
//!
//! The credential is tried by redeeming a code that nobody gave out: who the app is, is judged before the code is. The redirect
//! URI is tried by a sign-in request that asks for no page: only one that is registered is answered at.

use std::time::Duration;

use ::http::StatusCode;
use ::http::header::{DATE, LOCATION};
use model::Secret;
use model::access::Access;
use model::check::{Outcome, Step};
use model::remedy::Remedy;
use model::scope::ScopeSet;
use model::time::Timestamp;
use model::upstream::{Effect, Fixer, Leg, Refusal, UpstreamError, WAIT};
use url::Url;

use crate::credential::{Expiry, is_about_the_credential};
use crate::discovery::{Layout, Metadata};
use crate::fault::NO_CREDENTIAL;
use crate::http::send;
use crate::upstream::Entra;
use crate::wire::Grant;
use crate::{aadb2c, aadsts};

/// More than this between two clocks, and tokens are refused that are good, or taken that are not.
const MOST_SKEW: Duration = Duration::from_secs(60);

impl Entra {
    /// Looks at the registration as the settings have it; `redirect_uris` are those that have to be registered.
    pub async fn check(&self, redirect_uris: &[String]) -> Vec<Step> {
        let metadata = match self.metadata().await {
            Ok(metadata) => metadata,
            Err(error) => return self.not_found(error),
        };
        let mut steps = self.found(&metadata);
        steps.push(match self.prepare(&metadata).await {
            Ok(()) => passed("keys", "its signing keys can be read".to_owned()),
            Err(error) => told("keys", error),
        });
        steps.push(self.clock_step(&metadata).await);
        let Some(first) = redirect_uris.first() else { return steps };
        let credential = self.credential(0, &metadata, first).await;
        if let Some(application) = application(&credential) {
            let is_there = application.outcome != Outcome::Failed;
            steps.push(application);
            if !is_there {
                return steps;
            }
        }
        steps.push(credential);
        // By itself, so that the next one is known to be good before it is needed.
        for which in 1..self.credentials().count() {
            steps.push(self.credential(which, &metadata, first).await);
        }
        let mut api = None;
        for redirect_uri in redirect_uris {
            let (step, about_api) = self.redirect_uri(&metadata, redirect_uri).await;
            steps.push(step);
            api = api.or(about_api);
        }
        steps.extend(api);
        if self.needs_groups_in_tokens(&metadata) {
            let what = "groups decide who may sign in, and without a credential nobody can be asked for those of people in more than 200";
            steps.push(Step { hint: Some(NO_CREDENTIAL.to_owned()), ..unknown("access", what.to_owned()) });
        }
        steps
    }

    fn found(&self, metadata: &Metadata) -> Vec<Step> {
        let issuer = metadata.issuer.as_str();
        match (metadata.layout, metadata.issuer.tenant()) {
            // Without a directory in the address there is only the server.
            (Layout::Plain, _) => {
                vec![passed("authority", format!("the identity provider answers: {issuer}"))]
            }
            (Layout::Entra, Some(_)) => {
                vec![self.reached(), passed("tenant", format!("the directory is there: {issuer}"))]
            }
            (Layout::Entra, None) => {
                let tenant = &self.settings().tenant;
                vec![self.reached(), passed("tenant", format!("`{tenant}` stands for many directories"))]
            }
        }
    }

    /// Who says that the directory or its user flow is not there, was reached.
    fn not_found(&self, error: UpstreamError) -> Vec<Step> {
        let is_about_tenant = matches!(
            &error,
            UpstreamError::Refused(refusal) if refusal.code.is_some() || self.settings().policy().is_some()
        );
        if is_about_tenant {
            vec![self.reached(), told("tenant", error)]
        } else {
            vec![told("authority", error)]
        }
    }

    fn reached(&self) -> Step {
        let authority = self.settings().authority.origin().ascii_serialization();
        passed("authority", format!("the sign-in host answers: {authority}"))
    }

    /// The provider's clock is in the `Date` of its answers (RFC 9110 section 6.6.1), to the second.
    async fn clock_step(&self, metadata: &Metadata) -> Step {
        const ABOUT: &str = "clock";
        let request = reqwest::Request::new(reqwest::Method::GET, metadata.jwks_uri.clone());
        let answer = match send(self.http(), request).await {
            Ok(answer) => answer,
            Err(error) => return told(ABOUT, error),
        };
        let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
        let theirs = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let Some(theirs) = theirs.map(|date| Timestamp::from_secs(date.timestamp().as_second())) else {
            return Step {
                hint: Some("compare the clock of this computer with another one".to_owned()),
                remedies: Vec::new(),
                ..unknown(ABOUT, "the provider does not say what time it is".to_owned())
            };
        };
        let ours = self.clock().now();
        let (apart, ahead) = (ours.since(theirs).max(theirs.since(ours)), ours > theirs);
        if apart <= MOST_SKEW {
            return passed(
                ABOUT,
                format!("the clock of this computer agrees with it, {} s apart", apart.as_secs()),
            );
        }
        let what = format!(
            "the clock of this computer is {} s {}",
            apart.as_secs(),
            if ahead { "fast" } else { "slow" }
        );
        let hint = Some("let the computer set its clock by itself, then check again".to_owned());
        Step { fixer: Some(Fixer::Operator), ..step(ABOUT, Outcome::Failed, what, hint) }
    }

    async fn credential(&self, which: usize, metadata: &Metadata, redirect_uri: &str) -> Step {
        let about = if which == 0 { "credential" } else { "next_credential" };
        let (leg, code) = (nobodys(redirect_uri), Secret::from("0"));
        let (name, expiry) = self.credentials().described(which, self.clock().now());
        match self.tokens_by(which, metadata, Grant::Code(&code, &leg)).await {
            // In which order Azure AD B2C judges the two is not documented.
            Err(UpstreamError::Refused(refusal))
                if self.settings().policy().is_some() && is_about_the_code(&refusal) =>
            {
                unknown(about, format!("whether {name} is right shows only at a sign-in at Azure AD B2C"))
            }
            Err(UpstreamError::Refused(refusal)) if is_about_the_code(&refusal) => {
                let (until, hint) = expiry.map(|expiry| (expiry.accepted, expiry.hint)).unwrap_or_default();
                Step { hint, ..passed(about, format!("{name}{until}")) }
            }
            Err(UpstreamError::Refused(refusal)) if is_about_the_credential(&refusal) => {
                let refused = match expiry {
                    Some(Expiry { ended: Some(ended), .. }) => format!("{} {ended}", refusal.what),
                    _ => refusal.what.clone(),
                };
                Step::failed(about, Refusal { what: refused, ..*refusal })
            }
            Err(error) => told(about, error),
            Ok(_) => unknown(about, "the provider gave tokens for a code that nobody was given".to_owned()),
        }
    }

    /// With what the same answer says about the API and the consent to it, where it says anything.
    async fn redirect_uri(&self, metadata: &Metadata, redirect_uri: &str) -> (Step, Option<Step>) {
        const ABOUT: &str = "redirect_uri";
        let url = self
            .wire(metadata)
            .authorize_url(&nobodys(redirect_uri), &Access::default())
            .ok()
            .and_then(|url| Url::parse(&url).ok());
        let Some(mut url) = url else {
            return (unknown(ABOUT, format!("{redirect_uri} is no address that can be asked for")), None);
        };
        url.query_pairs_mut().append_pair("prompt", "none");
        let answer = match send(self.http(), reqwest::Request::new(reqwest::Method::GET, url)).await {
            Ok(answer) => answer,
            Err(error) => return (told(ABOUT, error), None),
        };
        let back = answer
            .headers
            .get(LOCATION)
            .and_then(|to| to.to_str().ok())
            .filter(|to| to.starts_with(redirect_uri));
        if let Some(back) = back.filter(|_| answer.status.is_redirection()) {
            return self.came_back(redirect_uri, back);
        }
        // A page of the provider's, whose text is made by script but has the number in it.
        let page = String::from_utf8_lossy(&answer.body);
        let number = aadsts::code_in(&page).map(|code| format!("AADSTS{code}"));
        if let Some(number) = number.or_else(|| aadb2c::code_in(&page).map(|code| format!("AADB2C{code}"))) {
            return (told(ABOUT, self.refusals().of_callback("invalid_request", &number)), None);
        }
        let status =
            if answer.status == StatusCode::OK { "a page".to_owned() } else { answer.status.to_string() };
        let what = format!(
            "whether {redirect_uri} is registered cannot be seen: the provider answers with {status}"
        );
        (unknown(ABOUT, what), None)
    }

    /// Only a registered one is answered at; what the answer says may still be a refusal, of the API or of something else.
    fn came_back(&self, redirect_uri: &str, back: &str) -> (Step, Option<Step>) {
        let pairs: Vec<(String, String)> =
            Url::parse(back).map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default();
        let get = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let registered = passed("redirect_uri", format!("{redirect_uri} is registered"));
        let Some(error) = get("error") else {
            return (registered, Some(passed("api", "the API and its scopes are there".to_owned())));
        };
        let description = get("error_description").unwrap_or_default();
        let refusal = match self.refusals().of_callback(error, description) {
            UpstreamError::Refused(refusal) => *refusal,
            outage @ UpstreamError::Unavailable { .. } => return (registered, Some(told("api", outage))),
        };
        let code = refusal.code.unwrap_or_default();
        if OF_THE_API.contains(&code) {
            return (registered, Some(Step::failed("api", refusal)));
        }
        if OF_CONSENT.contains(&code) || error == "consent_required" {
            return (registered, Some(Step::failed("consent", refusal)));
        }
        match error {
            "login_required" | "interaction_required" | "account_selection_required" => {
                let what = "only a sign-in shows whether the redirect URI is on the right platform and whether API, scopes and consent \
                     are there";
                (registered, Some(unknown("api", what.to_owned())))
            }
            _ => (Step::failed("redirect_uri", refusal), None),
        }
    }
}

/// Application ID URI and scopes.
const OF_THE_API: [u32; 8] = [500_011, 65_005, 70_011, 650_053, 650_057, 28_000, 9_010_010, 90_009];
const OF_CONSENT: [u32; 5] = [65_001, 90_094, 90_095, 650_056, 65_004];

/// Who this server is at the provider.
const OF_THE_CREDENTIAL: [u32; 8] =
    [7_000_215, 7_000_222, 7_000_218, 7_000_216, 700_025, 700_016, 700_027, 700_024];

/// What a sign-in was refused for.
pub(crate) fn refused(refusal: Refusal) -> Step {
    let about = match refusal.code {
        Some(code) if OF_THE_API.contains(&code) => "api",
        Some(code) if OF_CONSENT.contains(&code) => "consent",
        Some(9_002_327) => "platform",
        Some(code) if OF_THE_CREDENTIAL.contains(&code) => "credential",
        None if refusal.error == "consent_required" => "consent",
        _ if refusal.effect == Effect::Barred => "access",
        _ => "sign_in",
    };
    Step::failed(about, refusal)
}

/// Whether the application is there, from what was said about its credential: who it is, is judged first. `None` where
/// nothing was said.
fn application(credential: &Step) -> Option<Step> {
    const OF_THE_APPLICATION: [u32; 4] = [700_016, 70_001, 7_000_112, 7_000_114];
    match (credential.outcome, credential.code) {
        (Outcome::Failed, Some(code)) if OF_THE_APPLICATION.contains(&code) => {
            Some(Step { about: "application", ..credential.clone() })
        }
        (Outcome::Passed, _) | (Outcome::Failed, Some(_)) => {
            Some(passed("application", "the directory knows the client ID".to_owned()))
        }
        _ => None,
    }
}

/// Of a sign-in that nobody began.
fn nobodys(redirect_uri: &str) -> Leg {
    Leg {
        redirect_uri: redirect_uri.to_owned(),
        state: "check".to_owned(),
        nonce: "check".to_owned(),
        verifier: Secret::from("a-verifier-of-a-sign-in-that-nobody-ever-began"),
        more: ScopeSet::default(),
        claims: None,
        ask_who: false,
    }
}

/// The app was recognised, and the code was not.
fn is_about_the_code(refusal: &Refusal) -> bool {
    const OF_CODES: [u32; 5] = [70_000, 70_008, 54_005, 900_144, 9_002_313];
    match refusal.code {
        Some(code) => OF_CODES.contains(&code),
        None => refusal.error == "invalid_grant",
    }
}

pub(crate) fn passed(about: &'static str, what: String) -> Step {
    step(about, Outcome::Passed, what, None)
}

fn unknown(about: &'static str, what: String) -> Step {
    let hint = Some("make a test sign-in to see".to_owned());
    Step { remedies: vec![Remedy::SignIn], ..step(about, Outcome::Unknown, what, hint) }
}

fn step(about: &'static str, outcome: Outcome, what: String, hint: Option<String>) -> Step {
    Step { about, outcome, what, hint, code: None, fixer: None, remedies: Vec::new() }
}

pub(crate) fn told(about: &'static str, error: UpstreamError) -> Step {
    match error {
        UpstreamError::Refused(refusal) | UpstreamError::Unavailable { refusal: Some(refusal), .. } => {
            Step::failed(about, *refusal)
        }
        error @ UpstreamError::Unavailable { refusal: None, .. } => {
            let hint = Some(WAIT.to_owned());
            step(about, Outcome::Failed, error.to_string(), hint)
        }
    }
}
