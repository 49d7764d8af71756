//! What can be found out about an app registration without anybody signing in, and without changing anything there.
//!
//! The credential is tried by redeeming a code that nobody gave out: who the app is, is judged before the code is. The redirect
//! URI is tried by a sign-in request that asks for no page: only one that is registered is answered at.

use ::http::StatusCode;
use ::http::header::LOCATION;
use model::Secret;
use model::upstream::{Leg, Refusal, UpstreamError};
use url::Url;

use crate::aadsts;
use crate::discovery::Metadata;
use crate::http::send;
use crate::upstream::Entra;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `authority`, `keys`, `credential`, `redirect_uri`
    pub about: &'static str,
    pub outcome: Outcome,
    /// What was found: one sentence.
    pub what: String,
    /// The next step, where there is one.
    pub hint: Option<String>,
    /// AADSTS number.
    pub code: Option<u32>,
    pub link: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    /// It cannot be known this way.
    Unknown,
}

impl Entra {
    /// Looks at the registration as the settings have it; `redirect_uris` are those that have to be registered.
    pub async fn check(&self, redirect_uris: &[String]) -> Vec<Step> {
        let metadata = match self.metadata().await {
            Ok(metadata) => metadata,
            Err(error) => return vec![told("authority", error)],
        };
        let mut steps =
            vec![passed("authority", format!("the directory answers: {}", metadata.issuer.as_str()))];
        steps.push(match self.prepare(&metadata).await {
            Ok(()) => passed("keys", "its signing keys can be read".to_owned()),
            Err(error) => told("keys", error),
        });
        let Some(first) = redirect_uris.first() else { return steps };
        steps.push(self.credential(&metadata, first).await);
        for redirect_uri in redirect_uris {
            steps.push(self.redirect_uri(&metadata, redirect_uri).await);
        }
        steps
    }

    async fn credential(&self, metadata: &Metadata, redirect_uri: &str) -> Step {
        let leg = nobodys(redirect_uri);
        match self.wire(metadata).redeem(Secret::from("0"), &leg).await {
            Err(UpstreamError::Refused(refusal)) if is_about_the_code(&refusal) => {
                let what = if self.has_secret() {
                    "client ID and secret are accepted"
                } else {
                    "the client ID is accepted without a secret"
                };
                passed("credential", what.to_owned())
            }
            Err(error) => told("credential", error),
            Ok(_) => {
                unknown("credential", "the provider gave tokens for a code that nobody was given".to_owned())
            }
        }
    }

    async fn redirect_uri(&self, metadata: &Metadata, redirect_uri: &str) -> Step {
        const ABOUT: &str = "redirect_uri";
        let url = self
            .wire(metadata)
            .authorize_url(&nobodys(redirect_uri))
            .ok()
            .and_then(|url| Url::parse(&url).ok());
        let Some(mut url) = url else {
            return unknown(ABOUT, format!("{redirect_uri} is no address that can be asked for"));
        };
        url.query_pairs_mut().append_pair("prompt", "none");
        let answer = match send(self.http(), reqwest::Request::new(reqwest::Method::GET, url)).await {
            Ok(answer) => answer,
            Err(error) => return told(ABOUT, error),
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
        if let Some(code) = aadsts::code_in(&page) {
            let refusal = self.refusals().of_callback("invalid_request", &format!("AADSTS{code}"));
            return failed(ABOUT, refusal);
        }
        let status =
            if answer.status == StatusCode::OK { "a page".to_owned() } else { answer.status.to_string() };
        unknown(
            ABOUT,
            format!(
                "whether {redirect_uri} is registered cannot be seen: the provider answers with {status}"
            ),
        )
    }

    /// Only a registered one is answered at; what the answer says may still be a refusal.
    fn came_back(&self, redirect_uri: &str, back: &str) -> Step {
        let pairs: Vec<(String, String)> =
            Url::parse(back).map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default();
        let get = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match get("error") {
            None
            | Some(
                "login_required" | "interaction_required" | "consent_required" | "account_selection_required",
            ) => passed("redirect_uri", format!("{redirect_uri} is registered")),
            Some(error) => {
                let refusal =
                    self.refusals().of_callback(error, get("error_description").unwrap_or_default());
                failed("redirect_uri", refusal)
            }
        }
    }
}

/// Of a sign-in that nobody began.
fn nobodys(redirect_uri: &str) -> Leg {
    Leg {
        redirect_uri: redirect_uri.to_owned(),
        state: "check".to_owned(),
        nonce: "check".to_owned(),
        verifier: Secret::from("a-verifier-of-a-sign-in-that-nobody-ever-began"),
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

fn passed(about: &'static str, what: String) -> Step {
    Step { about, outcome: Outcome::Passed, what, hint: None, code: None, link: None }
}

fn unknown(about: &'static str, what: String) -> Step {
    let hint = Some("sign in once to see: the auth log says how it went".to_owned());
    Step { about, outcome: Outcome::Unknown, what, hint, code: None, link: None }
}

fn failed(about: &'static str, refusal: Refusal) -> Step {
    let Refusal { code, what, hint, link, .. } = refusal;
    Step { about, outcome: Outcome::Failed, what, hint: Some(hint), code, link }
}

fn told(about: &'static str, error: UpstreamError) -> Step {
    match error {
        UpstreamError::Refused(refusal) => failed(about, *refusal),
        UpstreamError::Unavailable { detail, .. } => Step {
            about,
            outcome: Outcome::Failed,
            what: format!("the identity provider is not available: {detail}"),
            hint: Some(
                "check the internet connection and the proxy of this computer, then try again".to_owned(),
            ),
            code: None,
            link: None,
        },
    }
}
