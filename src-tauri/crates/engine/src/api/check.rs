//! The app registration, looked at before anybody signs in.

use authserver::flow::Shared;
use entra::{Entra, Outcome, Step};
use model::origin::{BaseUrl, Origins};
use model::remedy::{Remedy, not_done};
use model::settings::{Identity, ServerSettings, Settings, SignInFrom};
use model::upstream::Fixer;
use serde::Serialize;
use serde_json::{Map, Value};
use ts_rs::TS;

use super::desk::Typed;
use super::requests::CheckWish;
use super::{Api, ApiError, ApiParts, ErrorCode};

/// What was found, in the order in which it was looked at.
#[derive(Debug, Clone, Serialize, TS)]
pub struct EntraCheck {
    pub steps: Vec<CheckStep>,
    /// Whether nothing failed.
    pub passed: bool,
    /// Those looked at, in the order of their steps.
    pub redirect_uris: Vec<String>,
}

#[derive(Debug, Clone, Serialize, TS)]
pub struct CheckStep {
    /// `authority`, `tenant`, `keys`, `clock`, `application`, `credential`, `next_credential`, `redirect_uri`, `platform`, `api`,
    /// `consent`, `token`, `sign_in`, `access`; `practice` where there is nothing to check; `public_url`, `public_port`, `public_metadata`,
    /// `public_challenge`, `public_stream`, `public_page` of [`OutsideCheck`](super::OutsideCheck).
    pub about: &'static str,
    pub outcome: StepOutcome,
    /// What was found: one sentence.
    pub what: String,
    /// The next step.
    pub hint: Option<String>,
    /// AADSTS number.
    pub code: Option<u32>,
    /// Who can mend it, where something is wrong and that is known.
    pub fixer: Option<Fixer>,
    /// What can be done with one press, the first thing first.
    pub remedies: Vec<Remedy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    Passed,
    /// It works, and there is something to know.
    Noted,
    Failed,
    /// It cannot be known without a sign-in.
    Unknown,
}

impl Api {
    /// Of the settings as they are now, with what is typed over them, whether or not the server runs.
    pub(super) async fn check_entra(&self, wish: CheckWish) -> Result<EntraCheck, ApiError> {
        let tested = if wish.signed_in { self.0.live().and_then(|live| live.tested()) } else { None };
        let (tried, tested) = tested.map_or((None, None), |(tried, steps)| (tried, Some(steps)));
        let settings = match tried {
            Some(tried) => tried.settings()?,
            None => self.usable(&wish.changes, "correct it, then check again").await?,
        };
        let Identity::Entra(entra) = settings.identity.clone() else {
            let what = "people sign in at the practice tenant, which needs no set-up".to_owned();
            let step = Step {
                about: "practice",
                outcome: Outcome::Passed,
                what,
                hint: None,
                code: None,
                fixer: None,
                remedies: Vec::new(),
            };
            return Ok(EntraCheck::of(finished(vec![step], tested, settings.server.sign_in), Vec::new()));
        };
        let world = self
            .0
            .world()
            .ok_or_else(|| not_checked("this server was started elsewhere".to_owned(), "check it there"))?;
        let http = entra::http_client_for(&entra.authority)
            .map_err(|error| not_checked(error.to_string(), "start the program again"))?;
        let public = settings.server.public_url.clone().or_else(|| self.0.gate().url());
        let redirect_uris = redirect_uris(&settings.server, public);
        let client_id = entra.client_id.clone();
        let entra = Entra::new(*entra, http, world.clock.clone(), world.entropy.clone());
        let mut steps = entra.check(&redirect_uris).await;
        // Where the directory is not reached, a token of earlier says nothing; nor does it where there is a newer one.
        let newer = tested.iter().flatten().any(|step| step.about == "token");
        let reached = steps.iter().any(|step| step.about == "keys");
        if reached && !newer {
            let token = self.last_token(&entra, &client_id).await;
            // A token that is as it should be answers what nobody can see without one.
            if token.iter().all(|step| step.outcome == Outcome::Passed) {
                steps.retain(|step| !(step.about == "api" && step.outcome == Outcome::Unknown));
            }
            steps.extend(token);
        }
        Ok(EntraCheck::of(finished(steps, tested, settings.server.sign_in), redirect_uris))
    }

    /// The settings with what is typed over them, or the first of what is wrong with them.
    pub(super) async fn usable(&self, typed: &Typed, hint: &str) -> Result<Settings, ApiError> {
        let drafted = self.drafted_with(typed).await;
        drafted.draft.validate().map_err(|problems| {
            let first = problems.first().map(crate::settings::Problem::brief).unwrap_or_default();
            not_checked(format!("a setting cannot be used: {first}"), hint)
        })
    }
}

impl Api {
    /// What the newest token of this app registration has; whose it is, is not told.
    async fn last_token(&self, entra: &Entra, client_id: &str) -> Vec<Step> {
        let found = match self.0.live() {
            Some(live) => live.newest_access_claims(client_id).await,
            None => None,
        };
        match found {
            Some(claims) => entra.compare(&claims).await,
            None => vec![Step {
                about: "token",
                outcome: Outcome::Unknown,
                what: "what a token of this registration says is not known: nobody has signed in with it"
                    .to_owned(),
                hint: Some("make a test sign-in, or connect a client and check again".to_owned()),
                code: None,
                fixer: None,
                remedies: vec![Remedy::SignIn],
            }],
        }
    }
}

impl ApiParts {
    async fn newest_access_claims(&self, client_id: &str) -> Option<Map<String, Value>> {
        let mut sessions = self.store.list_sessions().await.ok()?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.refreshed_at));
        sessions.iter().find_map(|session| {
            let tokens =
                self.flow.open_upstream(Shared::session_place(&session.id), session.upstream.as_ref()?)?;
            let of = |claim: &str| tokens.access_claims.get(claim).and_then(Value::as_str);
            let ours = of("azp").or_else(|| of("appid")) == Some(client_id);
            ours.then_some(tokens.access_claims)
        })
    }
}

/// What was found without a sign-in, with what one showed: that is nearer to the truth where both speak.
fn finished(mut steps: Vec<Step>, tested: Option<Vec<Step>>, sign_in: SignInFrom) -> Vec<Step> {
    let tested = tested.unwrap_or_default();
    steps.retain(|step| !tested.iter().any(|found| found.about == step.about));
    steps.extend(tested);
    let offered = |step: Step| Step { remedies: not_done(step.remedies, sign_in), ..step };
    steps.into_iter().map(offered).collect()
}

/// As a run with these settings has them.
pub(super) fn redirect_uris(server: &ServerSettings, public: Option<BaseUrl>) -> Vec<String> {
    let origins = Origins::new(server.listen.port(), public);
    let public = origins.public().filter(|_| server.sign_in == SignInFrom::Anywhere);
    let sites = std::iter::once(origins.local()).chain(public);
    sites.map(|site| site.base.join(&server.callback_path)).collect()
}

pub(super) fn not_checked(message: String, hint: &str) -> ApiError {
    ApiError::Refused { code: ErrorCode::NotChecked, message, hint: hint.to_owned() }
}

impl EntraCheck {
    fn of(steps: Vec<Step>, redirect_uris: Vec<String>) -> Self {
        let passed = steps.iter().all(|step| step.outcome != Outcome::Failed);
        Self { steps: steps.into_iter().map(CheckStep::from).collect(), passed, redirect_uris }
    }
}

impl From<Step> for CheckStep {
    fn from(Step { about, outcome, what, hint, code, fixer, remedies }: Step) -> Self {
        let outcome = match outcome {
            Outcome::Passed => StepOutcome::Passed,
            Outcome::Noted => StepOutcome::Noted,
            Outcome::Failed => StepOutcome::Failed,
            Outcome::Unknown => StepOutcome::Unknown,
        };
        Self { about, outcome, what, hint, code, fixer, remedies }
    }
}

#[cfg(test)]
mod tests {
    use model::settings::SignInFrom::{Anywhere, ThisComputer};

    use super::*;
    use crate::settings::{FIELDS, SettingsDraft};

    fn step(about: &'static str, outcome: Outcome) -> Step {
        Step {
            about,
            outcome,
            what: about.to_owned(),
            hint: None,
            code: None,
            fixer: None,
            remedies: Vec::new(),
        }
    }

    fn told(steps: &[Step]) -> Vec<(&str, Outcome)> {
        steps.iter().map(|step| (step.about, step.outcome)).collect()
    }

    #[test]
    fn what_a_sign_in_showed_stands_in_for_what_could_not_be_known() {
        use Outcome::{Failed, Passed, Unknown};
        let looked = vec![step("authority", Passed), step("credential", Passed), step("api", Unknown)];
        assert_eq!(told(&finished(looked.clone(), None, ThisComputer)), told(&looked));
        let tested = vec![step("api", Passed), step("token", Passed), step("token", Failed)];
        assert_eq!(
            told(&finished(looked.clone(), Some(tested), ThisComputer)),
            [
                ("authority", Passed),
                ("credential", Passed),
                ("api", Passed),
                ("token", Passed),
                ("token", Failed)
            ]
        );
        let refused = finished(looked, Some(vec![step("credential", Failed)]), ThisComputer);
        assert_eq!(told(&refused), [("authority", Passed), ("api", Unknown), ("credential", Failed)]);
        assert!(!EntraCheck::of(refused, Vec::new()).passed);
    }

    #[test]
    fn every_setting_that_a_number_leads_to_is_there_and_takes_the_text_it_should_get() {
        let at = entra::aadsts::At { code: None, client_id: "app-1", portal: Some("entra.microsoft.com") };
        let all = entra::aadsts::entries().iter().flat_map(|entry| at.remedies(entry.fixes));
        for remedy in all.chain([Remedy::sign_in_from_anywhere()]) {
            let Remedy::Change { setting, to } = remedy else { continue };
            let told = serde_json::to_value(setting).unwrap();
            let key = told.as_str().unwrap();
            assert!(FIELDS.iter().any(|field| field.key == key), "{key}");
            if let Some(to) = to {
                let draft = SettingsDraft::from_window([(key, to)]);
                let problems = draft.validate().err().unwrap_or_default();
                assert!(problems.iter().all(|problem| problem.field != key), "{key}: {problems:?}");
            }
        }
    }

    #[test]
    fn what_is_done_already_is_offered_to_nobody() {
        let remedies = vec![Remedy::SignIn, Remedy::sign_in_on_this_computer()];
        let refused = |sign_in| {
            let step = Step { remedies: remedies.clone(), ..step("redirect_uri", Outcome::Failed) };
            finished(vec![step], None, sign_in).remove(0).remedies
        };
        assert_eq!(refused(Anywhere), remedies);
        assert_eq!(refused(ThisComputer), [Remedy::SignIn]);
    }
}
