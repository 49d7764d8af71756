//! A sign-in that tells what only Entra can say about the app registration, and that nobody keeps.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use authserver::TestSignIn as Stands;
use entra::{Entra, Outcome, Step};
use model::ExposeSecret as _;
use model::check::Trial;
use model::remedy::{Remedy, not_done};
use model::settings::{Identity, Settings, SignInFrom};
use model::upstream::{Fixer, Refusal, Upstream};
use serde::Serialize;
use ts_rs::TS;

use super::check::{not_checked, redirect_uris};
use super::requests::{Empty, TestWish};
use super::{Api, ApiError, ApiParts};

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
        /// Whether it is made with changes that were not saved when it began.
        unsaved: bool,
        /// The redirect URI on this computer once they are, where they change it; the test itself comes back to the one in force.
        moves_to: Option<String>,
    },
    /// It is over; `check_entra` with `signed_in` has what was found.
    Ended {
        passed: bool,
        /// What came of it: one sentence.
        what: String,
        /// The next step.
        hint: Option<String>,
        /// Whether it was made with changes that were not saved when it began.
        unsaved: bool,
        /// AADSTS number.
        code: Option<u32>,
        /// Who can take it, where something was refused.
        fixer: Option<Fixer>,
        /// What can be done with one press, the first thing first.
        remedies: Vec<Remedy>,
    },
}

const AGAIN: &str = "begin another test sign-in to see the rest";
const NOT_SEEN: &str = "an error that a page of Microsoft shows never reaches us: AADSTS50011 means that our redirect URI is not registered, AADSTS50105 that nobody assigned this person to the app";

/// What the last test sign-in was made with and the server does not run with; none where it was like everybody's. It is in
/// memory only, the secrets in it too.
#[derive(Default)]
pub(crate) struct Trying(Mutex<Option<Tried>>);

#[derive(Clone)]
pub(super) struct Tried {
    /// For the check that follows; none once [`KEPT`] is over.
    settings: Option<Arc<Settings>>,
    moves_to: Option<String>,
}

/// How long the settings of a test are kept from its begin: while it lasts, and until they are checked with what it found.
const KEPT: Duration = authserver::TEST_SIGN_IN_LIFETIME.saturating_add(Duration::from_secs(60));

#[expect(clippy::unused_async, reason = "the table calls all of them alike")]
impl Api {
    /// By the server that runs; with what is typed, as that server would be once it is saved.
    pub(super) async fn begin_test_sign_in(&self, wish: TestWish) -> Result<TestSignIn, ApiError> {
        let live = self.live()?;
        if self.0.is_paused() {
            let paused = "access is paused, so nobody can sign in".to_owned();
            return Err(not_checked(paused, "resume it, then begin the test sign-in again"));
        }
        if wish.changes.is_empty() {
            return Ok(live.begin_trying(None));
        }
        let settings = self.usable(&wish.changes, "correct it, then begin the test sign-in again").await?;
        let draft = self.upstream_of(&live, &settings)?;
        let local = |settings: &Settings| redirect_uris(&settings.server, None).into_iter().next();
        let in_force = self.0.settings().as_ref().and_then(local);
        let moves_to = local(&settings).filter(|uri| in_force.is_some_and(|in_force| in_force != *uri));
        Ok(live.begin_trying(Some((Tried::new(settings, moves_to), draft))))
    }

    pub(super) async fn test_sign_in(&self, _: Empty) -> Result<TestSignIn, ApiError> {
        Ok(self.live()?.trial_stands())
    }

    pub(super) async fn cancel_test_sign_in(&self, _: Empty) -> Result<TestSignIn, ApiError> {
        let live = self.live()?;
        live.flow.cancel_test_sign_in();
        Ok(live.trial_stands())
    }

    /// The identity provider as a server with these settings has it.
    fn upstream_of(&self, live: &ApiParts, settings: &Settings) -> Result<Arc<dyn Upstream>, ApiError> {
        let access = settings.access.clone();
        match &settings.identity {
            Identity::Entra(entra) => {
                let elsewhere =
                    || not_checked("this server was started elsewhere".to_owned(), "test it there");
                let world = self.0.world().ok_or_else(elsewhere)?;
                let http = entra::http_client_for(&entra.authority)
                    .map_err(|error| not_checked(error.to_string(), "start the program again"))?;
                let entra = Entra::new((**entra).clone(), http, world.clock.clone(), world.entropy.clone());
                Ok(Arc::new(entra.admitting(access)))
            }
            Identity::Practice(_) if live.practice.is_some() => Ok(Arc::new(live.entra.anew(access))),
            Identity::Practice(_) => Err(not_checked(
                "the practice tenant runs only once it is switched on".to_owned(),
                "save the changes, then begin the test sign-in again",
            )),
        }
    }
}

impl ApiParts {
    fn begin_trying(self: &Arc<Self>, draft: Option<(Tried, Arc<dyn Upstream>)>) -> TestSignIn {
        let (tried, upstream) = draft.unzip();
        if let Some(settings) = tried.as_ref().and_then(|tried| tried.settings.as_ref()) {
            tokio::spawn(forget_later(Arc::downgrade(self), Arc::downgrade(settings)));
        }
        let mut trying = self.trying.lock();
        *trying = tried;
        TestSignIn::of(self.flow.begin_test_sign_in(upstream), trying.as_ref(), self.flow.sign_in_from())
    }

    fn trial_stands(&self) -> TestSignIn {
        let trying = self.trying.lock();
        TestSignIn::of(self.flow.test_sign_in(), trying.as_ref(), self.flow.sign_in_from())
    }

    /// What the last test sign-in found, once it is over, and what it was made with if that was something else.
    pub(super) fn tested(&self) -> Option<(Option<Tried>, Vec<Step>)> {
        let trying = self.trying.lock();
        let steps = found(&self.flow.test_sign_in())?;
        Some((trying.clone(), steps))
    }
}

/// Somebody may have begun another meanwhile.
async fn forget_later(parts: Weak<ApiParts>, settings: Weak<Settings>) {
    tokio::time::sleep(KEPT).await;
    let Some(parts) = parts.upgrade() else { return };
    // One that timed out lets go of its own once it is looked at.
    drop(parts.flow.test_sign_in());
    if let Some(tried) = &mut *parts.trying.lock() {
        tried.settings.take_if(|kept| Weak::ptr_eq(&Arc::downgrade(kept), &settings));
    }
}

impl Tried {
    fn new(settings: Settings, moves_to: Option<String>) -> Self {
        Self { settings: Some(Arc::new(settings)), moves_to }
    }

    pub(super) fn settings(&self) -> Result<Settings, ApiError> {
        let settings = self.settings.as_deref().cloned();
        settings.ok_or_else(|| {
            let message = "what was typed for that test sign-in is no longer kept".to_owned();
            not_checked(message, "begin another test sign-in")
        })
    }
}

impl Trying {
    fn lock(&self) -> MutexGuard<'_, Option<Tried>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn found(stands: &Stands) -> Option<Vec<Step>> {
    let unknown = |what: &str, hint: &str| {
        let (what, hint) = (what.to_owned(), Some(hint.to_owned()));
        vec![Step {
            about: "sign_in",
            outcome: Outcome::Unknown,
            what,
            hint,
            code: None,
            fixer: None,
            remedies: vec![Remedy::SignIn],
        }]
    };
    match stands {
        Stands::None | Stands::Waiting { .. } => None,
        Stands::Judged(trial) if trial.steps.is_empty() => {
            Some(unknown(&unavailable(trial), "wait a moment, then begin another test sign-in"))
        }
        Stands::Judged(trial) => Some(trial.steps.clone()),
        Stands::Cancelled => Some(unknown(CANCELLED, AGAIN)),
        Stands::TimedOut { opened } => Some(unknown(timed_out(*opened), hint_of_time(*opened))),
    }
}

impl TestSignIn {
    fn of(stands: Stands, tried: Option<&Tried>, sign_in: SignInFrom) -> Self {
        let unsaved = tried.is_some();
        let ended = |passed, what: &str, hint: Option<&str>| Self::Ended {
            passed,
            what: what.to_owned(),
            hint: hint.map(str::to_owned),
            unsaved,
            code: None,
            fixer: None,
            remedies: Vec::new(),
        };
        let refused = |refusal: &Refusal| Self::Ended {
            passed: false,
            what: refusal.what.clone(),
            hint: Some(refusal.hint.clone()),
            code: refusal.code,
            fixer: Some(refusal.fixer),
            remedies: not_done(refusal.remedies.clone(), sign_in),
            unsaved,
        };
        match stands {
            Stands::None => Self::Idle,
            Stands::Waiting { link, opened, expires_at } => {
                let (link, expires_at) = (link.expose_secret().to_owned(), expires_at.millis());
                let moves_to = tried.and_then(|tried| tried.moves_to.clone());
                Self::Waiting { link, opened, expires_at, unsaved, moves_to }
            }
            Stands::TimedOut { opened } => ended(false, timed_out(opened), Some(hint_of_time(opened))),
            Stands::Cancelled => ended(false, CANCELLED, Some(AGAIN)),
            Stands::Judged(trial) => match trial.verdict.as_ref().map_err(|error| (error, error.refusal())) {
                Ok(_) if unsaved => ended(true, PASSED_UNSAVED, None),
                Ok(_) => ended(true, "the test sign-in passed, and nothing of it was kept", None),
                Err((_, Some(refusal))) => refused(refusal),
                Err((error, None)) => {
                    ended(false, &error.to_string(), Some("wait a moment, then begin another test sign-in"))
                }
            },
        }
    }
}

const PASSED_UNSAVED: &str =
    "the test sign-in passed with the changes, which are not saved yet; nothing of it was kept";
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::Bench;
    use crate::settings::SettingsDraft;

    #[tokio::test(start_paused = true)]
    async fn the_secrets_of_a_test_go_when_it_is_over() {
        let bench = Bench::new();
        let live = bench.engine().live().unwrap();
        let settings = || SettingsDraft::default().validate().unwrap();
        let begins = || {
            let upstream: Arc<dyn Upstream> = Arc::new(live.entra.anew(settings().access));
            let tried = Tried::new(settings(), None);
            let kept = Arc::downgrade(tried.settings.as_ref().unwrap());
            live.begin_trying(Some((tried, upstream.clone())));
            (upstream, kept)
        };

        let (upstream, kept) = begins();
        assert_eq!(Arc::strong_count(&upstream), 2);
        live.flow.cancel_test_sign_in();
        assert_eq!(Arc::strong_count(&upstream), 1, "whoever is asked has the secret too");
        assert!(kept.upgrade().is_some(), "it may be checked yet");
        tokio::time::sleep(KEPT / 2).await;
        let (upstream, newer) = begins();
        assert!(kept.upgrade().is_none());
        tokio::time::sleep(KEPT * 3 / 4).await;
        assert!(newer.upgrade().is_some(), "it has a time of its own");
        bench.clock.advance(KEPT);
        tokio::time::sleep(KEPT / 2).await;
        assert!(newer.upgrade().is_none() && Arc::strong_count(&upstream) == 1);
        let (tried, _) = live.tested().unwrap();
        assert!(tried.unwrap().settings().is_err_and(|error| error.hint().contains("another test sign-in")));
    }
}
