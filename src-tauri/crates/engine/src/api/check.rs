//! The app registration, looked at before anybody signs in.

use entra::{Entra, Outcome, Step};
use model::origin::{BaseUrl, Origins};
use model::settings::{Identity, ServerSettings, SignInFrom};
use serde::Serialize;
use ts_rs::TS;

use super::requests::Empty;
use super::{Api, ApiError, ErrorCode};

/// What was found, in the order in which it was looked at.
#[derive(Debug, Clone, Serialize, TS)]
pub struct EntraCheck {
    pub steps: Vec<CheckStep>,
    /// Whether nothing failed.
    pub passed: bool,
}

#[derive(Debug, Clone, Serialize, TS)]
pub struct CheckStep {
    /// `authority`, `keys`, `credential`, `redirect_uri`; `practice` where there is nothing to check.
    pub about: &'static str,
    pub outcome: StepOutcome,
    /// What was found: one sentence.
    pub what: String,
    /// The next step.
    pub hint: Option<String>,
    /// AADSTS number.
    pub code: Option<u32>,
    pub link: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    Passed,
    Failed,
    /// It cannot be known without a sign-in.
    Unknown,
}

impl Api {
    /// Of the settings as they are now, whether or not the server runs.
    pub(super) async fn check_entra(&self, _: Empty) -> Result<EntraCheck, ApiError> {
        let settings = self.0.drafted().await.draft.validate().map_err(|problems| {
            let first = problems.first().map(crate::settings::Problem::brief).unwrap_or_default();
            not_checked(format!("a setting cannot be used: {first}"), "correct it, then check again")
        })?;
        let Identity::Entra(entra) = settings.identity.clone() else {
            let what = "people sign in at the practice tenant, which needs no set-up".to_owned();
            let step = Step {
                about: "practice",
                outcome: Outcome::Passed,
                what,
                hint: None,
                code: None,
                link: None,
            };
            return Ok(EntraCheck::from(vec![step]));
        };
        let world = self
            .0
            .world()
            .ok_or_else(|| not_checked("this server was started elsewhere".to_owned(), "check it there"))?;
        let http = entra::http_client_for(&entra.authority)
            .map_err(|error| not_checked(error.to_string(), "start the program again"))?;
        let public = settings.server.public_url.clone().or_else(|| self.0.gate().url());
        let redirect_uris = redirect_uris(&settings.server, public);
        let steps = Entra::new(entra, http, world.clock.clone()).check(&redirect_uris).await;
        Ok(EntraCheck::from(steps))
    }
}

/// As a run with these settings has them.
pub(super) fn redirect_uris(server: &ServerSettings, public: Option<BaseUrl>) -> Vec<String> {
    let origins = Origins::new(server.listen.port(), public);
    let public = origins.public().filter(|_| server.sign_in == SignInFrom::Anywhere);
    let sites = std::iter::once(origins.local()).chain(public);
    sites.map(|site| site.base.join(&server.callback_path)).collect()
}

fn not_checked(message: String, hint: &str) -> ApiError {
    ApiError::Refused { code: ErrorCode::NotChecked, message, hint: hint.to_owned() }
}

impl From<Vec<Step>> for EntraCheck {
    fn from(steps: Vec<Step>) -> Self {
        let passed = steps.iter().all(|step| step.outcome != Outcome::Failed);
        Self { steps: steps.into_iter().map(CheckStep::from).collect(), passed }
    }
}

impl From<Step> for CheckStep {
    fn from(Step { about, outcome, what, hint, code, link }: Step) -> Self {
        let outcome = match outcome {
            Outcome::Passed => StepOutcome::Passed,
            Outcome::Failed => StepOutcome::Failed,
            Outcome::Unknown => StepOutcome::Unknown,
        };
        Self { about, outcome, what, hint, code, link }
    }
}
