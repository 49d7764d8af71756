//! Calls of Microsoft Graph: what is tried again, for how long, and what a refusal means.
//!
//! What was just made is not found everywhere at once (404 for some seconds), and whoever asks too often is told to wait
//! (429, `Retry-After`). Both are waited for within bounds.

use std::time::Duration;

use ::http::{HeaderValue, Method, StatusCode, header};
use ::url::Url;
use model::ports::{Clock, Pause};
use model::{ExposeSecret as _, Secret};
use serde_json::Value;

use super::{Stop, Trouble};
use crate::http::{Answer, exchange, retry_after, says_not_now};

/// How long one call is tried again, as a rule.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(16);
/// Longest text of Graph's that is shown.
const LONGEST_TEXT: usize = 300;

/// Makes calls as one person. Without `stop` it is not to be stopped.
#[derive(Clone, Copy)]
pub(super) struct Calls<'a> {
    pub(super) http: &'a reqwest::Client,
    pub(super) clock: &'a dyn Clock,
    pub(super) pause: &'a dyn Pause,
    pub(super) graph: &'a Url,
    pub(super) token: &'a Secret,
    pub(super) stop: Option<&'a Stop>,
    /// How long one call is tried again.
    pub(super) patience: Duration,
}

/// Why a call brought nothing.
#[derive(Debug, Clone)]
pub(super) enum NotDone {
    /// Graph says no.
    Refused {
        status: StatusCode,
        code: String,
        message: String,
    },
    /// It was sent, and whether it was done is not known.
    Lost {
        detail: String,
    },
    /// Graph was busy all the time; nothing was done.
    Busy,
    Stopped,
}

/// What is worth another try.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Only what was certainly not done.
    Busy,
    /// Also what is not found yet.
    NotFound,
    /// Whatever may help, because doing it twice does no harm.
    Anything,
}

impl Calls<'_> {
    /// A call that must not be made twice.
    pub(super) async fn once(&self, method: Method, path: &str, body: &Value) -> Result<Value, NotDone> {
        self.call(method, path, Some(body), Again::Busy).await
    }

    /// A call that must not be made twice, about something that may not be found yet.
    pub(super) async fn once_found(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, NotDone> {
        self.call(method, path, Some(body), Again::NotFound).await
    }

    /// A call that may be made twice, about something that may not be found yet.
    pub(super) async fn again(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, NotDone> {
        self.call(method, path, body, Again::Anything).await
    }

    /// Asks until the answer has what is looked for; `None` when patience ends.
    pub(super) async fn until<T>(&self, path: &str, wanted: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let mut waits = Waits::new(self.clock, self.patience);
        loop {
            if let Ok(answer) = self.try_once(&Method::GET, path, None).await
                && answer.status == StatusCode::OK
                && let Some(found) = wanted(&serde_json::from_slice(&answer.body).unwrap_or_default())
            {
                return Some(found);
            }
            self.wait(waits.next(self.clock, None)?).await.ok()?;
        }
    }

    /// Looks once whether something that was deleted is not there any more.
    pub(super) async fn is_gone(&self, path: &str) -> bool {
        let looked = self.try_once(&Method::GET, path, None).await;
        looked.is_ok_and(|answer| answer.status == StatusCode::NOT_FOUND)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        again: Again,
    ) -> Result<Value, NotDone> {
        let mut waits = Waits::new(self.clock, self.patience);
        loop {
            let (failed, worth, hint) = match self.try_once(&method, path, body).await {
                Ok(answer) if answer.status.is_success() => {
                    return Ok(serde_json::from_slice(&answer.body).unwrap_or_default());
                }
                Ok(answer) => {
                    let worth = match answer.status {
                        StatusCode::TOO_MANY_REQUESTS => true,
                        status if says_not_now(status) => again == Again::Anything,
                        _ => again != Again::Busy && is_not_found_yet(&answer),
                    };
                    let hint = retry_after(&answer.headers);
                    (refused(&answer), worth, hint)
                }
                Err(detail) => (NotDone::Lost { detail }, again == Again::Anything, None),
            };
            let Some(pause) = worth.then(|| waits.next(self.clock, hint)).flatten() else {
                return Err(failed);
            };
            self.wait(pause).await?;
        }
    }

    async fn try_once(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Answer, String> {
        let mut request = reqwest::Request::new(method.clone(), self.address(path));
        let bearer = HeaderValue::from_str(&format!("Bearer {}", self.token.expose_secret()));
        let mut bearer = bearer.map_err(|_| "the token is no token".to_owned())?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
            *request.body_mut() = Some(body.to_string().into());
        }
        exchange(self.http, request).await.map_err(|error| error.to_string())
    }

    /// `path` has no slash at its beginning and may have a query.
    pub(super) fn address(&self, path: &str) -> Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.graph.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        url.set_query(query);
        url
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_some_and(Stop::is_set)
    }

    async fn wait(&self, span: Duration) -> Result<(), NotDone> {
        match self.stop {
            None => self.pause.pause(span).await,
            Some(stop) => tokio::select! {
                biased;
                () = stop.set() => return Err(NotDone::Stopped),
                () = self.pause.pause(span) => {}
            },
        }
        Ok(())
    }
}

/// Pauses that grow, until patience ends.
struct Waits {
    until: model::time::Timestamp,
    next: Duration,
}

impl Waits {
    fn new(clock: &dyn Clock, patience: Duration) -> Self {
        Self { until: clock.now().plus(patience), next: FIRST_PAUSE }
    }

    /// `asked` is what the other side wants; `None` where that is longer than patience.
    fn next(&mut self, clock: &dyn Clock, asked: Option<Duration>) -> Option<Duration> {
        let pause = asked.unwrap_or(self.next).max(self.next);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        (clock.now().plus(pause) <= self.until).then_some(pause)
    }
}

/// 404, or the 400 that Graph gives where the new application is named in a body.
fn is_not_found_yet(answer: &Answer) -> bool {
    answer.status == StatusCode::NOT_FOUND
        || (answer.status == StatusCode::BAD_REQUEST
            && String::from_utf8_lossy(&answer.body).contains("NoBackingApplicationObject"))
}

/// Graph's error object: `{"error": {"code", "message"}}`.
fn refused(answer: &Answer) -> NotDone {
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        return NotDone::Busy;
    }
    if says_not_now(answer.status) {
        return NotDone::Lost { detail: format!("Microsoft Graph answered {}", answer.status) };
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| {
        let text = body["error"][name].as_str().unwrap_or_default();
        text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect::<String>()
    };
    NotDone::Refused { status: answer.status, code: text("code"), message: text("message") }
}

impl NotDone {
    pub(super) fn lost(detail: &str) -> Self {
        Self::Lost { detail: detail.to_owned() }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Lost { .. } => "lost",
            Self::Busy => "busy",
            Self::Stopped => "stopped",
        }
    }

    pub(super) fn trouble(&self) -> Trouble {
        match self {
            Self::Refused { status: StatusCode::FORBIDDEN, .. } => Trouble::plain(
                "This account may not register applications in this directory.",
                "Sign in as somebody with the role Application Developer or Cloud Application Administrator, or give \
                 the az script to such a person.",
            ),
            Self::Refused { status: StatusCode::UNAUTHORIZED, .. } => Trouble::plain(
                "Microsoft Graph does not take the sign-in any more.",
                "Begin again and sign in anew.",
            ),
            Self::Refused { status, code, message } => {
                let code = if code.is_empty() { status.to_string() } else { code.clone() };
                let message = message.trim_end_matches('.');
                let said = if message.is_empty() { String::new() } else { format!(": {message}") };
                Trouble::plain(
                    format!("Microsoft Graph refused it ({code}){said}."),
                    "Mend what it names and begin again, or follow the steps in the portal.",
                )
            }
            Self::Lost { detail } => Trouble::plain(
                format!("The connection broke off: {}.", detail.trim_end_matches('.')),
                "Check the internet connection of this computer and begin again.",
            ),
            Self::Busy => Trouble::plain(
                "Microsoft Graph takes no more requests of this directory at the moment.",
                "Wait a few minutes and begin again.",
            ),
            Self::Stopped => Trouble::plain("It was stopped.", "Begin again when you want to."),
        }
    }
}
