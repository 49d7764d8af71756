//! A sign-in that the owner of this server makes to see what the identity provider says, and that nobody keeps.
//!
//! It goes the way of a client's, but no client, grant or code is behind it, so there is nothing that `/authorize` could
//! start or `/token` could redeem. All there is of it is here, in memory: one at a time, on this computer only, and only for
//! whoever was given its link.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::check::{Step, Trial};
use model::event::{About, EventKind};
use model::ids::{AttemptId, CredentialKind, GrantId, TokenHash, random_text};
use model::origin::{Origin, Site};
use model::remedy::open_pages;
use model::time::Timestamp;
use model::upstream::{Fixer, Leg, Upstream, UpstreamError};
use model::{ExposeSecret as _, Secret};

use crate::flow::{Flow, Shared};
use crate::pages::{self, Refusal};
use crate::params::Params;
use crate::site::Here;
use crate::{cookies, not_found};

/// What the auth log calls it, where a client has its name.
const NAME: &str = "Test sign-in";
/// The same, of settings that this server does not run with.
const NAME_OF_DRAFT: &str = "Test sign-in of unsaved settings";
pub(crate) const PATH: &str = "/test-sign-in";

/// How long one can be finished.
pub const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How the test sign-in stands.
#[derive(Debug, Clone)]
pub enum TestSignIn {
    /// None was begun since the server started.
    None,
    Waiting {
        /// What to open in a browser on this computer.
        link: Secret,
        /// Whether that was done.
        opened: bool,
        expires_at: Timestamp,
    },
    TimedOut {
        opened: bool,
    },
    Cancelled,
    Judged(Arc<Trial>),
}

/// The newest one.
#[derive(Default)]
pub(crate) struct Tests(Mutex<Option<Test>>);

#[derive(Clone)]
struct Test {
    id: GrantId,
    attempt: AttemptId,
    /// In the link: who does not know it cannot begin.
    key: Secret,
    begun_at: Timestamp,
    /// Whether it is one of settings that nobody has saved yet.
    unsaved: bool,
    /// Who is asked with those, instead of the provider that all others sign in at. It has their secrets, and goes when the test ends.
    draft: Option<Arc<dyn Upstream>>,
    /// Claims challenge of the provider, answered once.
    claims: Option<String>,
    /// The provider's code that was answered with it. Whoever brings the same once more is sent on once more.
    challenged_by: Option<TokenHash>,
    /// Cookie of the browser that opened the link last.
    browser: Option<TokenHash>,
    ended: Option<End>,
}

#[derive(Debug, Clone)]
enum End {
    Cancelled,
    Judged(Arc<Trial>),
}

/// Why a browser is not served.
#[derive(Debug, thiserror::Error)]
enum NotServed {
    #[error("this test sign-in is over, or it never was")]
    Over,
    #[error("the test sign-in was opened in another browser")]
    OtherBrowser,
    #[error("the sign-in service sent neither a code nor an error")]
    Empty,
}

// === impl Tests ===

impl Tests {
    fn current(&self) -> Option<Test> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Test>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the test `id` if it still waits; `None` if it does not.
    fn change(&self, id: &GrantId, change: impl FnOnce(&mut Test)) -> Option<Test> {
        let mut tests = self.lock();
        let test = tests.as_mut().filter(|test| test.id == *id && test.ended.is_none())?;
        change(test);
        Some(test.clone())
    }
}

// === impl Test ===

impl Test {
    fn expires_at(&self) -> Timestamp {
        self.begun_at.plus(LIFETIME)
    }

    fn is_open(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.expires_at()
    }

    fn end(&mut self, end: End) {
        (self.ended, self.draft) = (Some(end), None);
    }

    fn upstream<'a>(&'a self, flow: &'a Flow) -> &'a dyn Upstream {
        self.draft.as_deref().unwrap_or_else(|| flow.upstream.as_ref())
    }

    fn about(&self) -> About {
        About {
            attempt: Some(self.attempt.clone()),
            origin: Some(Origin::Local),
            client_name: Some(if self.unsaved { NAME_OF_DRAFT } else { NAME }.to_owned()),
            ..About::default()
        }
    }
}

// === impl Shared ===

/// For whoever holds the window, the console or the command line.
impl Shared {
    /// Begins a test sign-in, at `draft` if there is one; one that still waits is over. Only this one sign-in knows of `draft`.
    pub fn begin_test_sign_in(&self, draft: Option<Arc<dyn Upstream>>) -> TestSignIn {
        self.cancel_test_sign_in();
        let test = Test {
            id: GrantId::generate(self.entropy.as_ref()),
            attempt: AttemptId::generate(self.entropy.as_ref()),
            key: CredentialKind::Browser.mint(self.entropy.as_ref()),
            begun_at: self.now(),
            unsaved: draft.is_some(),
            draft,
            claims: None,
            challenged_by: None,
            browser: None,
            ended: None,
        };
        let about = test.about();
        *self.tests.lock() = Some(test);
        self.event(about, EventKind::TestSignInStarted);
        self.test_sign_in()
    }

    pub fn test_sign_in(&self) -> TestSignIn {
        let Some(test) = self.tests.current() else { return TestSignIn::None };
        let opened = test.browser.is_some();
        match test.ended {
            Some(End::Cancelled) => TestSignIn::Cancelled,
            Some(End::Judged(ref trial)) => TestSignIn::Judged(trial.clone()),
            None if !test.is_open(self.now()) => {
                self.tests.change(&test.id, |test| test.draft = None);
                TestSignIn::TimedOut { opened }
            }
            None => {
                let path = format!("{PATH}?key={}", test.key.expose_secret());
                let link = Secret::from(self.policy.origins.local().base.join(&path));
                TestSignIn::Waiting { link, opened, expires_at: test.expires_at() }
            }
        }
    }

    /// Ends the one that waits; whoever comes back from the provider is told so.
    pub fn cancel_test_sign_in(&self) {
        let Some(test) = self.tests.current().filter(|test| test.is_open(self.now())) else { return };
        if let Some(test) = self.tests.change(&test.id, |test| test.end(End::Cancelled)) {
            self.event(test.about(), EventKind::TestSignInCancelled);
        }
    }

    /// The test that `state` names, whether or not it is the newest: no sign-in of a client has such a `state`.
    pub(crate) fn test_of_state(&self, state: &str) -> Option<GrantId> {
        let id = GrantId::parse(state.split_once('.')?.0)?;
        TokenHash::of(self.test_state(&id)).matches(state).then_some(id)
    }

    fn test_state(&self, id: &GrantId) -> String {
        format!("{id}.{}", self.leg_secret("test state", id))
    }

    fn test_leg(&self, test: &Test) -> Leg {
        Leg {
            redirect_uri: self.policy.origins.local().base.join(&self.policy.callback_path),
            state: self.test_state(&test.id),
            nonce: self.leg_secret("test nonce", &test.id),
            verifier: self.leg_secret("test verifier", &test.id).into(),
            more: model::scope::ScopeSet::default(),
            claims: test.claims.clone(),
            ask_who: false,
        }
    }
}

// === pages ===

/// The link: straight on to the provider, with a cookie that the way back is held to.
pub(crate) async fn get(
    State(flow): State<Flow>,
    Here(site): Here,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if site != flow.policy.origins.local() {
        // Another loopback spelling: cookies are kept by name, and the way back goes to the first.
        return not_found().await;
    }
    let carried = flow.clone();
    carried
        .to_the_end(async move {
            let query = query.unwrap_or_default();
            match open(&flow, &site, &headers, query.as_bytes()).await {
                Ok(response) => response,
                Err(refused) => refuse(&flow, None, &refused),
            }
        })
        .await
}

async fn open(flow: &Flow, site: &Site, headers: &HeaderMap, query: &[u8]) -> Result<Response, NotServed> {
    let params = Params::parse(query).map_err(|_| NotServed::Over)?;
    let key = params.get("key").ok_or(NotServed::Over)?;
    let test = flow.tests.current().filter(|test| test.is_open(flow.now()));
    let test =
        test.filter(|test| TokenHash::of(test.key.expose_secret()).matches(key)).ok_or(NotServed::Over)?;
    let browser = CredentialKind::Browser.mint(flow.entropy.as_ref());
    let hash = TokenHash::of(browser.expose_secret());
    let test = flow.tests.change(&test.id, |test| test.browser = Some(hash)).ok_or(NotServed::Over)?;
    let mut response = send_upstream(flow, &test).await?;
    let salt = random_text::<4>(flow.entropy.as_ref());
    cookies::attach(&mut response, cookies::set_render(headers, site, &browser, flow.now(), &salt));
    Ok(response)
}

async fn send_upstream(flow: &Flow, test: &Test) -> Result<Response, NotServed> {
    match test.upstream(flow).authorize_url(&flow.test_leg(test)).await {
        Ok(url) => {
            flow.event(test.about(), EventKind::SentToUpstream);
            Ok(pages::to_client(&url))
        }
        Err(error) => judged(flow, test, of_error(test.upstream(flow), error)),
    }
}

/// The way back, for the callback that found the `state` to be one of a test.
pub(crate) async fn receive(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    id: &GrantId,
    params: &Params,
) -> Response {
    let answer = back(flow, site, headers, id, params).await;
    answer.unwrap_or_else(|refused| refuse(flow, Some(id), &refused))
}

async fn back(
    flow: &Flow,
    site: &Site,
    headers: &HeaderMap,
    id: &GrantId,
    params: &Params,
) -> Result<Response, NotServed> {
    // A provider's code is good once, so of two identical callbacks the second waits and gets the first one's answer.
    let _turn = flow.sessions.turn(id.as_str()).await;
    let test = flow.tests.current().filter(|test| test.id == *id).ok_or(NotServed::Over)?;
    let browser = test.browser.filter(|_| *site == flow.policy.origins.local()).ok_or(NotServed::Over)?;
    if cookies::render_named(headers, site, &browser).is_none() {
        return Err(NotServed::OtherBrowser);
    }
    if let Some(End::Judged(trial)) = &test.ended {
        return Ok(page(flow, &test, trial));
    }
    if !test.is_open(flow.now()) {
        return Err(NotServed::Over);
    }
    if let Some(error) = params.get("error") {
        let description = params.get("error_description").unwrap_or_default();
        let error = test.upstream(flow).explain(error, description);
        if error.is_the_persons_own_no() {
            flow.cancel_test_sign_in();
            return Ok(cancelled(flow));
        }
        return judged(flow, &test, of_error(test.upstream(flow), error));
    }
    let code = params.get("code").map(Secret::from).ok_or(NotServed::Empty)?;
    let came_with = TokenHash::of(code.expose_secret());
    if test.challenged_by == Some(came_with) {
        return send_upstream(flow, &test).await;
    }
    let trial = test.upstream(flow).try_out(code, &flow.test_leg(&test)).await;
    let asked = match &trial.verdict {
        _ if test.claims.is_some() => None,
        Ok(person) => flow.challenge_that_waits(&person.id).await,
        Err(error) => error.refusal().and_then(|refusal| refusal.claims.clone()),
    };
    if let Some(challenge) = asked {
        let claims = challenge.as_str().to_owned();
        let stepped_up = flow.tests.change(id, |test| {
            (test.claims, test.challenged_by) = (Some(claims), Some(came_with));
        });
        let test = stepped_up.ok_or(NotServed::Over)?;
        return send_upstream(flow, &test).await;
    }
    judged(flow, &test, trial)
}

fn of_error(upstream: &dyn Upstream, error: UpstreamError) -> Trial {
    let steps = error.refusal().map(|refusal| upstream.step_of(refusal.clone()));
    let steps = steps.into_iter().collect();
    Trial { verdict: Err(error), steps }
}

/// Notes what came of it, unless it is over meanwhile, and shows it.
fn judged(flow: &Flow, test: &Test, trial: Trial) -> Result<Response, NotServed> {
    let trial = Arc::new(trial);
    let end = End::Judged(trial.clone());
    let test = flow.tests.change(&test.id, |test| test.end(end)).ok_or(NotServed::Over)?;
    let (person, kind) = match &trial.verdict {
        Ok(person) => (Some(person.clone()), EventKind::TestSignInPassed),
        Err(error) => {
            let person = error.refusal().and_then(|refusal| refusal.person.as_deref().cloned());
            (person, EventKind::of_upstream(error))
        }
    };
    flow.event(About { person, ..test.about() }, kind);
    Ok(page(flow, &test, &trial))
}

fn page(flow: &Flow, test: &Test, trial: &Trial) -> Response {
    let person = trial.verdict.as_ref().ok().map(|person| person.display().to_owned());
    let lines = trial.steps.iter().map(Line::from).collect();
    let trouble = match &trial.verdict {
        Err(error) if trial.steps.is_empty() => Some(pages::sentence(&error.to_string())),
        _ => None,
    };
    let unsaved = test.unsaved;
    let page = pages::TestSignIn { notice: flow.policy.notice.as_deref(), person, trouble, lines, unsaved };
    pages::render(StatusCode::OK, &page)
}

fn cancelled(flow: &Flow) -> Response {
    let page = Refusal {
        title: "The test sign-in was cancelled",
        what: "Nobody was signed in, and nothing was kept.",
        hint: "Close this tab, and begin another test sign-in where you began this one.",
        ..Refusal::default()
    };
    pages::refusal(flow, StatusCode::OK, &page)
}

fn refuse(flow: &Flow, id: Option<&GrantId>, refused: &NotServed) -> Response {
    // Anybody on this computer can make up a link, so only who was sent to the provider is written down.
    if let Some(test) = flow.tests.current().filter(|test| Some(&test.id) == id) {
        flow.event(test.about(), EventKind::CallbackRefused { reason: refused.to_string() });
    }
    let (title, hint) = match refused {
        NotServed::Over | NotServed::Empty => (
            "This test sign-in cannot be finished",
            "Nothing was kept. Begin another one on the Entra page, or with the check command, and open its link.",
        ),
        NotServed::OtherBrowser => (
            "Finish in the browser you started in",
            "Open the link of the test sign-in again and stay in one browser; cookies must be allowed for this address.",
        ),
    };
    let what = pages::sentence(&refused.to_string());
    pages::refusal(flow, StatusCode::BAD_REQUEST, &Refusal { title, what: &what, hint, ..Refusal::default() })
}

/// A step as the page shows it.
pub(crate) struct Line {
    pub(crate) mark: &'static str,
    pub(crate) class: &'static str,
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
    pub(crate) code: Option<u32>,
    /// Who can mend it.
    pub(crate) fixer: Option<&'static str>,
    /// Names and addresses of the pages where it is mended.
    pub(crate) links: Vec<(String, String)>,
}

impl From<&Step> for Line {
    fn from(step: &Step) -> Self {
        use model::check::Outcome;
        let (mark, class) = match step.outcome {
            Outcome::Passed => ("Good", "good"),
            Outcome::Failed => ("Wrong", "bad"),
            Outcome::Noted | Outcome::Unknown => ("Note", "soft"),
        };
        Self {
            mark,
            class,
            what: pages::sentence(&step.what),
            hint: step.hint.as_deref().map(pages::sentence),
            code: step.code.filter(|code| !step.what.contains(&format!("AADSTS{code}"))),
            fixer: step.fixer.map(Fixer::sentence),
            links: open_pages(&step.remedies).map(|(page, url)| (page.to_owned(), url.to_owned())).collect(),
        }
    }
}
