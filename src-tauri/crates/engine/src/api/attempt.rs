//! One try to connect as a person follows it: ten steps, each with its time and result, and one sentence of verdict.
//!
//! Pure: events and the time come in. Silence is a result too: whoever waits longer than a step takes is told so.

use std::time::Duration;

use model::event::{AuthEvent, EventKind, Step};
use model::person::Person;
use model::remedy::{Remedy, not_done};
use model::session::Ended;
use model::settings::SignInFrom;
use model::time::Timestamp;
use model::upstream::{Fixer, Refusal, WAIT};
use serde::Serialize;
use ts_rs::TS;

use super::answers::PersonRow;
use super::wording::{client, of_outage, refused};
use model::origin::Origin;

/// How long a program may take for its next step.
const PROGRAM: Duration = Duration::from_secs(60);
/// How long a person may take to type the code of this server.
const CODE: Duration = model::grant::Grant::PAIRING_LIFETIME;
/// How long a person may; then the sign-in itself is over.
const PERSON: Duration = Duration::from_secs(15 * 60);
const TEST: Duration = authserver::TEST_SIGN_IN_LIFETIME;

const STEPS: [Step; 10] = [
    Step::Discovery,
    Step::Challenge,
    Step::Registration,
    Step::Authorize,
    Step::Consent,
    Step::Upstream,
    Step::Callback,
    Step::Token,
    Step::FirstCall,
    Step::Refresh,
];

/// Everything in the log that belongs to one try to connect, told in ten steps and one sentence.
#[derive(Clone, Serialize, TS)]
pub struct AttemptRow {
    pub attempt: String,
    pub started_at: i64,
    pub last_at: i64,
    /// For the next page: `before` of `list_attempts`.
    pub last_seq: i64,
    pub origin: Option<Origin>,
    pub client: Option<String>,
    pub client_name: Option<String>,
    pub person: Option<PersonRow>,
    pub session: Option<String>,
    pub user_agent: Option<String>,
    /// Always ten, in their order.
    pub steps: Vec<AttemptStep>,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct AttemptStep {
    pub step: Step,
    pub state: StepState,
    pub at: Option<i64>,
    /// Since the step before; none for a refresh, which comes when it comes.
    pub ms: Option<i64>,
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not reached.
    Pending,
    Done,
    /// Not needed: a later step was reached without it.
    Skipped,
    Failed,
    /// It is somebody's turn.
    Waiting,
}

/// How the attempt stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Verdict {
    pub is: Outcome,
    pub sentence: String,
    /// The next step.
    pub hint: Option<String>,
    /// AADSTS number.
    pub code: Option<u32>,
    /// Who can take it, where something was refused.
    pub fixer: Option<Fixer>,
    /// What can be done with one press, the first thing first.
    pub remedies: Vec<Remedy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Running,
    Connected,
    Refused,
    /// It was somebody's turn, and nothing came.
    Silent,
    /// Was connected.
    Ended,
}

/// The events of one attempt, oldest first, with what is known from all of them.
struct Story<'a> {
    events: &'a [AuthEvent],
    now: Timestamp,
    /// Whether people sign in at the practice tenant.
    practice: bool,
    person: Option<&'a Person>,
    /// Position in `events` of the token that began the newest session.
    token: Option<usize>,
}

// === impl AttemptRow ===

impl AttemptRow {
    /// `practice` is whether people sign in at the practice tenant. `None` without events, or if they belong to no attempt.
    pub(super) fn of(
        events: &[AuthEvent],
        now: Timestamp,
        practice: bool,
        sign_in: SignInFrom,
    ) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let attempt = last.about.attempt.as_ref()?.to_string();
        let story = Story {
            events,
            now,
            practice,
            person: events.iter().rev().find_map(|event| event.about.person.as_ref()),
            token: events.iter().rposition(|event| matches!(event.kind, EventKind::TokenIssued)),
        };
        let latest = |of: fn(&AuthEvent) -> Option<String>| events.iter().rev().find_map(of);
        Some(Self {
            attempt,
            started_at: first.at.millis(),
            last_at: last.at.millis(),
            last_seq: last.seq,
            origin: events.iter().rev().find_map(|event| event.about.origin),
            client: latest(|event| event.about.client.as_ref().map(ToString::to_string)),
            client_name: latest(|event| event.about.client_name.clone()),
            person: story.person.cloned().map(PersonRow::from),
            session: latest(|event| event.about.session.as_ref().map(ToString::to_string)),
            user_agent: events.iter().find_map(|event| event.about.user_agent.clone()),
            steps: story.steps(),
            verdict: story.verdict().offering(sign_in),
        })
    }
}

// === impl Story ===

impl Story<'_> {
    /// Where an event stands in the bar. What the provider or the token endpoint refused once there is a session, it
    /// refused to a refresh.
    fn step_of(&self, at: usize, kind: &EventKind) -> Step {
        let step = kind.step();
        let in_session = self.token.is_some_and(|token| at > token);
        match kind {
            EventKind::UpstreamRefused { .. }
            | EventKind::UpstreamUnavailable { .. }
            | EventKind::TokenRefused { .. }
                if in_session =>
            {
                Step::Refresh
            }
            _ => step,
        }
    }

    /// Real clients post the same code twice at once; the second is refused and nothing is lost.
    fn is_double_post(&self, at: usize, kind: &EventKind) -> bool {
        let Some(token) = self.token.filter(|token| at > *token) else { return false };
        let after = self.events[at].at.since(self.events[token].at);
        matches!(kind, EventKind::TokenRefused { .. }) && after < PROGRAM
    }

    fn steps(&self) -> Vec<AttemptStep> {
        let mut steps = STEPS.map(|step| AttemptStep {
            step,
            state: StepState::Pending,
            at: None,
            ms: None,
            detail: None,
        });
        for (at, event) in self.events.iter().enumerate() {
            if self.is_double_post(at, &event.kind) {
                continue;
            }
            let step = self.step_of(at, &event.kind);
            let Some(told) = steps.iter_mut().find(|told| told.step == step) else { continue };
            // Documents are read and challenges given again and again; the first time is what led on.
            if told.at.is_some() && matches!(step, Step::Discovery | Step::Challenge) {
                continue;
            }
            let (state, detail) = state_after(&event.kind);
            (told.state, told.at, told.detail) = (state, Some(event.at.millis()), detail);
        }
        let reached = steps.iter().rposition(|told| told.at.is_some()).unwrap_or_default();
        let mut before: Option<i64> = None;
        for (at, told) in steps.iter_mut().enumerate() {
            match told.at {
                Some(_) if told.step == Step::Refresh => {}
                Some(time) => {
                    told.ms = before.map(|before| (time - before).max(0));
                    before = Some(before.map_or(time, |before| before.max(time)));
                }
                None if at < reached => told.state = StepState::Skipped,
                None => {}
            }
        }
        // The browser came back, so it had left.
        let (upstream, callback) = (position(Step::Upstream), position(Step::Callback));
        if steps[upstream].state == StepState::Waiting && steps[callback].state == StepState::Done {
            steps[upstream].state = StepState::Done;
        }
        steps.into()
    }

    fn verdict(&self) -> Verdict {
        match self.token {
            Some(token) => self.after_token(token),
            None => self.before_token(),
        }
    }

    fn who(&self) -> &str {
        self.person.map_or("somebody", Person::display)
    }

    fn since(&self, event: &AuthEvent) -> Duration {
        self.now.since(event.at)
    }

    fn after_token(&self, token: usize) -> Verdict {
        let (who, issued) = (self.who(), &self.events[token]);
        let of_session = &self.events[token..];
        if let Some(ended) = of_session.iter().rev().find_map(ending) {
            return self.ended(ended);
        }
        let Some(_) = of_session.iter().find(|event| matches!(event.kind, EventKind::FirstCall)) else {
            return if self.since(issued) < PROGRAM {
                Verdict::new(
                    Outcome::Running,
                    format!("{who} signed in; the client has yet to make its first call"),
                )
            } else {
                Verdict::hinted(
                    Outcome::Silent,
                    format!(
                        "{who} signed in and the client fetched its token, but it never called ({})",
                        span(self.since(issued))
                    ),
                    "look into the client: it may list the server as connected and call only when a tool is used",
                )
            };
        };
        let last = of_session.iter().rev().find(|event| {
            matches!(
                event.kind,
                EventKind::Refreshed
                    | EventKind::RefreshRepeated
                    | EventKind::UpstreamRefused { .. }
                    | EventKind::UpstreamUnavailable { .. }
            )
        });
        let connected = match self.sign_in_took() {
            Some(took) => format!("Connected as {who} in {}", seconds(took)),
            None => format!("Connected as {who}"),
        };
        match last.map(|event| &event.kind) {
            Some(EventKind::UpstreamRefused { refusal }) => Verdict {
                is: Outcome::Connected,
                sentence: format!(
                    "{connected}; the last refresh came to nothing: {}",
                    refusal.sentence().trim_end_matches('.')
                ),
                ..of_refusal(refusal)
            },
            Some(EventKind::UpstreamUnavailable { detail, refusal }) => Verdict {
                is: Outcome::Connected,
                sentence: format!(
                    "{connected}; at the last refresh the identity provider was not available: {}",
                    of_outage(detail, refusal.as_deref())
                ),
                ..outage(refusal.as_deref())
            },
            _ => Verdict::new(Outcome::Connected, connected),
        }
    }

    fn ended(&self, ended: &Ended) -> Verdict {
        let who = self.who();
        if let Some(refusal) = ended.refusal() {
            return Verdict {
                is: Outcome::Ended,
                sentence: format!(
                    "{who} is no longer connected: {}",
                    refusal.sentence().trim_end_matches('.')
                ),
                ..of_refusal(refusal)
            };
        }
        let told = ended.explain();
        let (what, next) =
            told.split_once("; ").map_or((told.as_str(), None), |(what, next)| (what, Some(next)));
        Verdict {
            hint: next.map(str::to_owned),
            ..Verdict::new(Outcome::Ended, format!("{who} is no longer connected: {what}"))
        }
    }

    /// From the browser's arrival to the token: what a person had to wait and do.
    fn sign_in_took(&self) -> Option<Duration> {
        let token = self.token?;
        let issued = &self.events[token];
        let started = |event: &&AuthEvent| matches!(event.kind, EventKind::AuthorizeStarted { .. });
        let begun = self.events[..token].iter().rfind(started)?;
        Some(issued.at.since(begun.at))
    }

    fn before_token(&self) -> Verdict {
        let asks = |event: &&AuthEvent| {
            !matches!(event.kind, EventKind::MetadataRead { .. } | EventKind::Challenged { .. })
        };
        // A client that registers once more does not undo what its sign-in came to.
        let begun = self.events.iter().any(|event| matches!(event.kind, EventKind::AuthorizeStarted { .. }));
        let tells = |event: &&AuthEvent| {
            asks(event) && !(begun && matches!(event.kind, EventKind::ClientRegistered { .. }))
        };
        let Some(last) = self.events.iter().rev().find(tells).or(self.events.last()) else {
            return Verdict::new(Outcome::Running, "Nothing has happened yet".to_owned());
        };
        let named = self.events.iter().rev().find_map(|event| event.about.client_name.as_deref());
        let (client, who, since) = (named.unwrap_or_else(|| client(last)), self.who(), self.since(last));
        let waits = |limit: Duration, waiting: String, silent: String, hint: &str| {
            if since < limit {
                Verdict::new(Outcome::Running, waiting)
            } else {
                Verdict::hinted(Outcome::Silent, format!("{silent} ({})", span(since)), hint)
            }
        };
        match &last.kind {
            EventKind::MetadataRead { .. } | EventKind::Challenged { .. } => waits(
                PROGRAM,
                format!("{client} was told where to sign in"),
                format!("{client} was told where to sign in, but did not go on"),
                "nothing to do if it only looked; otherwise connect again in the client",
            ),
            EventKind::ClientRegistered { .. } => waits(
                PROGRAM,
                format!("{client} is known; its browser has yet to come"),
                format!("{client} is known, but its browser never came"),
                "look whether the client shows a link to open, or whether its browser window was blocked",
            ),
            EventKind::AuthorizeStarted { .. } => mended(
                Remedy::sign_in_from_anywhere(),
                waits(
                    PROGRAM,
                    format!("{client} sent a browser; it has yet to open our page"),
                    format!("{client} sent a browser, but it never opened our page"),
                    "the page is on this computer: sign in with a browser that runs here, or choose sign-in from anywhere",
                ),
            ),
            EventKind::ConsentShown => waits(
                PERSON,
                format!("Waiting for somebody to allow {client} in the browser"),
                format!("Nobody answered whether {client} may connect"),
                "connect again in the client, and choose Allow on the page that opens",
            ),
            EventKind::PairingFailed { left: 0 } => Verdict::hinted(
                Outcome::Refused,
                format!("The code for {client} was typed wrong too often"),
                "connect again in the client; a new code is shown then",
            ),
            EventKind::PairingAsked | EventKind::PairingFailed { .. } => waits(
                CODE,
                format!("Waiting for the code of this server, so that {client} may connect"),
                format!("Nobody typed the code in time, so that {client} may connect"),
                "connect again in the client, and type the code that Home shows into the page that opens",
            ),
            EventKind::ConsentApproved { .. } | EventKind::ConsentRemembered | EventKind::SentToUpstream => {
                let hint = if self.practice {
                    "choose an account on the page of the practice tenant; an error there is one of its faults, which are switched off on the Entra page"
                } else {
                    "an error on a page of Microsoft never reaches us: AADSTS50011 means that our redirect URI is not registered, see Entra"
                };
                let verdict = waits(
                    PERSON,
                    "The person is on the sign-in page of the identity provider".to_owned(),
                    "Nobody came back from the sign-in page of the identity provider".to_owned(),
                    hint,
                );
                Verdict { hint: Some(hint.to_owned()), ..verdict }
            }
            EventKind::SignedIn => waits(
                PROGRAM,
                format!("{who} signed in; the client has yet to fetch its token"),
                format!("{who} signed in, but the client never fetched its token"),
                "look whether the client still runs and whether the browser could go back to it; then connect again",
            ),
            EventKind::UpstreamRefused { refusal } => of_refusal(refusal),
            EventKind::UpstreamUnavailable { detail, refusal } => Verdict {
                is: Outcome::Refused,
                sentence: format!(
                    "The identity provider is not available: {}",
                    of_outage(detail, refusal.as_deref())
                ),
                ..outage(refusal.as_deref())
            },
            EventKind::ConsentDeclined => Verdict::hinted(
                Outcome::Refused,
                format!("{client} was not allowed"),
                "connect again in the client to be asked again",
            ),
            EventKind::SignInCancelled => Verdict::hinted(
                Outcome::Refused,
                format!("The person cancelled at the identity provider, so {client} did not connect"),
                "connect again in the client, and finish the sign-in on the page that opens",
            ),
            EventKind::RegistrationRefused { reason, .. } => Verdict::hinted(
                Outcome::Refused,
                format!("{client} could not register: {reason}"),
                "send the report of this attempt to whoever makes the client",
            ),
            EventKind::AuthorizeRefused { reason, .. }
            | EventKind::ConsentRefused { reason }
            | EventKind::CallbackRefused { reason } => Verdict::hinted(
                Outcome::Refused,
                format!("The sign-in was refused: {reason}"),
                "connect again in the client, from the start",
            ),
            EventKind::TokenRefused { reason, .. } => Verdict::hinted(
                Outcome::Refused,
                format!("{client} got no token: {reason}"),
                "connect again in the client; if it stays, send the report of this attempt to whoever makes it",
            ),
            EventKind::CodeReplayed => Verdict::hinted(
                Outcome::Refused,
                "An authorization code was used twice, so it counts for nothing".to_owned(),
                "connect again in the client; if nobody did anything unusual, the code may have been stolen on this computer",
            ),
            EventKind::SessionEnded { ended } => self.ended(ended),
            EventKind::TestSignInStarted => mended(
                Remedy::SignIn,
                waits(
                    TEST,
                    "The test sign-in waits for its link to be opened".to_owned(),
                    "Nobody opened the link of the test sign-in".to_owned(),
                    "begin another test sign-in on the Entra page",
                ),
            ),
            EventKind::TestSignInPassed => Verdict::new(
                Outcome::Ended,
                format!("The test sign-in passed: {who} may come in, and nothing of it was kept"),
            ),
            EventKind::TestSignInCancelled => mended(
                Remedy::SignIn,
                Verdict::hinted(
                    Outcome::Ended,
                    "The test sign-in was cancelled".to_owned(),
                    "begin another test sign-in on the Entra page",
                ),
            ),
            EventKind::WentOn => Verdict::new(
                Outcome::Ended,
                format!("{client} looked whether it has to sign in, and went on with a token it has"),
            ),
            EventKind::OwnSessionsOpened | EventKind::OwnSessionsClosed => {
                Verdict::new(Outcome::Ended, format!("{who} looked at their own sessions"))
            }
            // Its beginning is no longer in the log.
            EventKind::TokenIssued
            | EventKind::FirstCall
            | EventKind::Refreshed
            | EventKind::RefreshRepeated => Verdict::new(Outcome::Connected, format!("Connected as {who}")),
        }
    }
}

impl Verdict {
    const fn new(is: Outcome, sentence: String) -> Self {
        Self { is, sentence, hint: None, code: None, fixer: None, remedies: Vec::new() }
    }

    fn hinted(is: Outcome, sentence: String, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..Self::new(is, sentence) }
    }

    /// Without remedies that are done already.
    fn offering(self, sign_in: SignInFrom) -> Self {
        Self { remedies: not_done(self.remedies, sign_in), ..self }
    }
}

/// One that waits for nothing but time has no hint, and needs no remedy.
fn mended(remedy: Remedy, verdict: Verdict) -> Verdict {
    let remedies = verdict.hint.is_some().then_some(remedy);
    Verdict { remedies: remedies.into_iter().collect(), ..verdict }
}

fn of_refusal(refusal: &Refusal) -> Verdict {
    Verdict {
        is: Outcome::Refused,
        sentence: refused(refusal),
        hint: Some(refusal.hint.clone()),
        code: refusal.code,
        fixer: Some(refusal.fixer),
        remedies: refusal.remedies.clone(),
    }
}

/// What is told of no answer. Where the provider gave no number nobody knows who can mend it: it may be its outage, or the network here.
fn outage(refusal: Option<&Refusal>) -> Verdict {
    refusal.map_or_else(|| Verdict::hinted(Outcome::Refused, String::new(), WAIT), of_refusal)
}

fn ending(event: &AuthEvent) -> Option<&Ended> {
    match &event.kind {
        EventKind::SessionEnded { ended } => Some(ended),
        _ => None,
    }
}

/// What an event makes of its step, and what there is to say about it.
fn state_after(kind: &EventKind) -> (StepState, Option<String>) {
    let failed = |reason: &str| (StepState::Failed, Some(reason.to_owned()));
    match kind {
        EventKind::MetadataRead { document } => (StepState::Done, Some(document.clone())),
        EventKind::Challenged { reason } => (StepState::Done, Some(reason.clone())),
        EventKind::ClientRegistered { destinations, .. } => (StepState::Done, Some(destinations.join(", "))),
        EventKind::AuthorizeStarted { scope } => (StepState::Done, Some(scope.clone())),
        EventKind::ConsentShown | EventKind::SentToUpstream => (StepState::Waiting, None),
        EventKind::PairingAsked => (StepState::Waiting, Some("asks for the code".to_owned())),
        EventKind::PairingFailed { left: 0 } => failed("the code was wrong too often"),
        EventKind::PairingFailed { .. } => (StepState::Waiting, Some("the code was wrong".to_owned())),
        EventKind::ConsentRemembered => (StepState::Done, Some("allowed before".to_owned())),
        EventKind::ConsentApproved { .. }
        | EventKind::SignedIn
        | EventKind::TokenIssued
        | EventKind::FirstCall
        | EventKind::Refreshed
        | EventKind::RefreshRepeated
        | EventKind::TestSignInStarted
        | EventKind::TestSignInPassed
        | EventKind::OwnSessionsOpened
        | EventKind::OwnSessionsClosed => (StepState::Done, None),
        EventKind::WentOn => (StepState::Done, Some("with a token it has".to_owned())),
        EventKind::SignInCancelled | EventKind::TestSignInCancelled => failed("cancelled"),
        EventKind::ConsentDeclined => failed("not allowed"),
        EventKind::CodeReplayed => failed("the code came a second time"),
        EventKind::RegistrationRefused { reason, .. }
        | EventKind::AuthorizeRefused { reason, .. }
        | EventKind::ConsentRefused { reason }
        | EventKind::CallbackRefused { reason }
        | EventKind::TokenRefused { reason, .. } => failed(reason),
        EventKind::UpstreamRefused { refusal } => failed(&refusal.sentence()),
        EventKind::UpstreamUnavailable { detail, refusal } => failed(&of_outage(detail, refusal.as_deref())),
        EventKind::SessionEnded { ended } => failed(&ended.explain()),
    }
}

fn position(step: Step) -> usize {
    STEPS.iter().position(|one| *one == step).unwrap_or_default()
}

/// `4.1 s`, `2 min`.
fn seconds(took: Duration) -> String {
    match took.as_secs() {
        ..100 => format!("{:.1} s", took.as_secs_f64()),
        secs => format!("{} min", secs / 60),
    }
}

fn span(since: Duration) -> String {
    match since.as_secs() {
        secs @ ..120 => format!("{secs} s"),
        secs @ 120..7200 => format!("{} min", secs / 60),
        secs @ 7200..172_800 => format!("{} h", secs / 3600),
        secs => format!("{} days", secs / 86_400),
    }
}

#[cfg(test)]
mod tests;
