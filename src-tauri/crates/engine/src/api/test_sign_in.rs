//! A sign-in that tells what only Entra can say about the app registration, and that nobody keeps.

use std::sync::Arc;

use authserver::TestSignIn as Stands;
use entra::{Outcome, Step};
use model::ExposeSecret as _;
use model::check::Trial;
use model::remedy::Remedy;
use model::upstream::UpstreamError;
use serde::Serialize;
use ts_rs::TS;

use super::requests::Empty;
use super::{Api, ApiError, ApiParts, ErrorCode};

/// How the test sign-in stands.
#[derive(Clone, Serialize, TS)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum TestSignIn {
    /// None was begun since the server started.
    Idle,
    Waiting {
        /// What to open in a browser on this computer.
        link: String,
        /// Whether that was done.
        opened: bool,
        expires_at: i64,
    },
    /// It is over; `check_entra` with `signed_in` has what was found.
    Ended {
        passed: bool,
        /// What came of it: one sentence.
        what: String,
        /// The next step.
        hint: Option<String>,
    },
}

const AGAIN: &str = "begin another test sign-in to see the rest";
const NOT_SEEN: &str = "an error that a page of Microsoft shows never reaches us: AADSTS50011 means that our redirect URI is not registered, AADSTS50105 that nobody assigned this person to the app";

#[expect(clippy::unused_async, reason = "the table calls all of them alike")]
impl Api {
    /// With the settings in force, because it goes through the server that runs.
    pub(super) async fn begin_test_sign_in(&self, _: Empty) -> Result<TestSignIn, ApiError> {
        let live = self.live()?;
        if self.0.is_paused() {
            return Err(ApiError::Refused {
                code: ErrorCode::NotChecked,
                message: "access is paused, so nobody can sign in".to_owned(),
                hint: "resume it, then begin the test sign-in again".to_owned(),
            });
        }
        Ok(TestSignIn::from(live.flow.begin_test_sign_in()))
    }

    pub(super) async fn test_sign_in(&self, _: Empty) -> Result<TestSignIn, ApiError> {
        Ok(TestSignIn::from(self.live()?.flow.test_sign_in()))
    }

    pub(super) async fn cancel_test_sign_in(&self, _: Empty) -> Result<TestSignIn, ApiError> {
        let live = self.live()?;
        live.flow.cancel_test_sign_in();
        Ok(TestSignIn::from(live.flow.test_sign_in()))
    }
}

impl ApiParts {
    /// What the last test sign-in found, once it is over.
    pub(super) fn tested(&self) -> Option<Vec<Step>> {
        let stands = self.flow.test_sign_in();
        let unknown = |what: &str, hint: &str| {
            let (what, hint) = (what.to_owned(), Some(hint.to_owned()));
            vec![Step {
                about: "sign_in",
                outcome: Outcome::Unknown,
                what,
                hint,
                code: None,
                remedies: vec![Remedy::SignIn],
            }]
        };
        match &stands {
            Stands::None | Stands::Waiting { .. } => None,
            Stands::Judged(trial) if trial.steps.is_empty() => {
                Some(unknown(&unavailable(trial), "wait a moment, then begin another test sign-in"))
            }
            Stands::Judged(trial) => Some(trial.steps.clone()),
            Stands::Cancelled => Some(unknown(CANCELLED, AGAIN)),
            Stands::TimedOut { opened } => Some(unknown(timed_out(*opened), hint_of_time(*opened))),
        }
    }
}

impl From<Stands> for TestSignIn {
    fn from(stands: Stands) -> Self {
        let ended = |passed, what: &str, hint: Option<&str>| Self::Ended {
            passed,
            what: what.to_owned(),
            hint: hint.map(str::to_owned),
        };
        match stands {
            Stands::None => Self::Idle,
            Stands::Waiting { link, opened, expires_at } => {
                let (link, expires_at) = (link.expose_secret().to_owned(), expires_at.millis());
                Self::Waiting { link, opened, expires_at }
            }
            Stands::TimedOut { opened } => ended(false, timed_out(opened), Some(hint_of_time(opened))),
            Stands::Cancelled => ended(false, CANCELLED, Some(AGAIN)),
            Stands::Judged(trial) => match &trial.verdict {
                Ok(_) => ended(true, "the test sign-in passed, and nothing of it was kept", None),
                Err(UpstreamError::Refused(refusal)) => ended(false, &refusal.what, Some(&refusal.hint)),
                Err(UpstreamError::Unavailable { .. }) => {
                    ended(false, &unavailable(&trial), Some("wait a moment, then begin another test sign-in"))
                }
            },
        }
    }
}

const CANCELLED: &str = "the test sign-in was cancelled";

const fn timed_out(opened: bool) -> &'static str {
    if opened {
        "nobody came back from the sign-in page of the identity provider within 10 minutes"
    } else {
        "nobody opened the link of the test sign-in within 10 minutes"
    }
}

const fn hint_of_time(opened: bool) -> &'static str {
    if opened { NOT_SEEN } else { AGAIN }
}

fn unavailable(trial: &Arc<Trial>) -> String {
    trial.verdict.as_ref().err().map(ToString::to_string).unwrap_or_default()
}
