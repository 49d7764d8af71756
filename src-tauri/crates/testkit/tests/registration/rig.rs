//! A practice tenant on a port, with something in front of it that breaks off the n-th call of Graph, and a person who
//! enters the code.

use std::future::IntoFuture as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use entra::create::{Created, Invitation, Maker, NotCreated, Owner, Progress, Stop, Trouble};
use entra::registration::{Accounts, NAME, Registration};
use model::ports::{Clock as _, Pause};
use model::testing::{ManualClock, SeededEntropy};
use model::time::Timestamp;
use practice::{Practice, PracticeConfig};
use tokio::sync::watch;
use url::Url;

pub(crate) const CALLBACK: &str = "http://localhost:4242/auth/callback";
pub(crate) const MARKER: &str = "made-by-just-mcp-oauth-proxy-1";

pub(crate) struct Rig {
    pub(crate) practice: Practice,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) base: String,
    pub(crate) stop: Stop,
    front: Arc<Front>,
    told: Arc<Mutex<Vec<Progress>>>,
}

/// What happens to the n-th call of Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// The person stops once it is answered.
    StopAfter,
    /// It is refused, and no other.
    RefusedOnce,
    /// It is refused, like every later one but deleting.
    Refused,
    /// It is refused, and what is deleted then can be restored.
    RefusedAndNoPurges,
    /// It is done, and the answer breaks off.
    AnswerLost,
    /// It is refused; so many times, deleting is done and its answer breaks off.
    RefusedAndDeletesLost(usize),
    /// It is not done, and neither is any later one.
    Gone,
    /// It has to wait.
    Throttled,
}

struct Front {
    calls: AtomicUsize,
    mishap: Mutex<Option<(usize, Mishap)>>,
    stop: watch::Sender<bool>,
}

/// Enters the code while the other side waits for the n-th time.
pub(crate) struct Typing {
    clock: Arc<ManualClock>,
    waits: AtomicUsize,
    /// Wait, and what is sent then.
    then: Mutex<Option<(usize, String, String)>>,
}

static TLS: Once = Once::new();

impl Rig {
    pub(crate) async fn start() -> Self {
        TLS.call_once(|| rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000)));
        let config = PracticeConfig {
            base: base.clone(),
            redirect_uris: Vec::new(),
            logout_url: None,
            auto_sign_in: None,
        };
        let practice = Practice::new(config, [7; 32], clock.clone(), Arc::new(SeededEntropy::new(5)));
        let (tell, stop) = Stop::new();
        let front = Arc::new(Front { calls: AtomicUsize::new(0), mishap: Mutex::default(), stop: tell });
        let app: Router = practice.router().layer(middleware::from_fn_with_state(front.clone(), between));
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { practice, clock, base, stop, front, told: Arc::default() }
    }

    pub(crate) fn breaks(&self, call: usize, mishap: Mishap) {
        *self.front.mishap.lock().unwrap() = Some((call, mishap));
    }

    pub(crate) fn calls(&self) -> usize {
        self.front.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn stops(&self) {
        self.front.stop.send_replace(true);
    }

    pub(crate) fn maker(&self) -> Maker {
        self.maker_pausing(self.clock.clone())
    }

    pub(crate) fn maker_pausing(&self, pause: Arc<dyn Pause>) -> Maker {
        let authority: Url = self.base.parse().unwrap();
        let http = entra::http_client_for(&authority).unwrap();
        let entropy = Arc::new(SeededEntropy::new(6));
        Maker::new(authority, "organizations", http, self.clock.clone(), entropy, pause)
    }

    pub(crate) fn registration(&self) -> Registration {
        Registration {
            name: NAME.to_owned(),
            accounts: Accounts::OneDirectory,
            redirect_uris: vec![CALLBACK.to_owned()],
            scopes: vec!["read".to_owned()],
            identifier_uri: None,
            client_id: None,
            tenant: None,
            authority: self.base.parse().unwrap(),
        }
    }

    /// Ada enters the code at once.
    pub(crate) async fn signed_in(&self, person: &str) -> Result<Owner, Trouble> {
        let maker = self.maker();
        let invitation = maker.invite().await?;
        self.enters(&invitation, &format!("person={person}")).await;
        maker.signed_in(&invitation, &self.stop).await
    }

    pub(crate) async fn enters(&self, invitation: &Invitation, choice: &str) -> String {
        assert_eq!(invitation.link, format!("{}/device", self.base));
        enter(&invitation.link, &format!("code={}&{choice}", invitation.user_code)).await
    }

    pub(crate) async fn creates_as(&self, owner: &Owner) -> Result<Created, NotCreated> {
        let told = self.told.clone();
        let note = move |progress| told.lock().unwrap().push(progress);
        self.maker().create(&self.registration(), owner, MARKER, &self.stop, &note).await
    }

    /// The whole way, as Ada.
    pub(crate) async fn creates(&self) -> Result<Created, NotCreated> {
        let owner = self.signed_in("ada").await.unwrap();
        self.creates_as(&owner).await
    }

    pub(crate) fn told(&self) -> Vec<Progress> {
        self.told.lock().unwrap().clone()
    }

    /// In seconds, since the start.
    pub(crate) fn passed(&self) -> u64 {
        self.clock.now().since(Timestamp::from_secs(1_790_000_000)).as_secs()
    }
}

impl Typing {
    pub(crate) fn at(rig: &Rig, wait: usize, link: &str, form: &str) -> Arc<Self> {
        let then = Mutex::new(Some((wait, link.to_owned(), form.to_owned())));
        Arc::new(Self { clock: rig.clock.clone(), waits: AtomicUsize::new(0), then })
    }
}

#[async_trait]
impl Pause for Typing {
    async fn pause(&self, span: Duration) {
        self.clock.advance(span);
        let wait = self.waits.fetch_add(1, Ordering::SeqCst) + 1;
        let now = self.then.lock().unwrap().take_if(|(at, _, _)| *at == wait);
        if let Some((_, link, form)) = now {
            enter(&link, &form).await;
        }
    }
}

async fn enter(link: &str, form: &str) -> String {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let kind = "application/x-www-form-urlencoded";
    let sent = http.post(link).header("content-type", kind).body(form.to_owned()).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    sent.text().await.unwrap()
}

async fn between(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/graph/") {
        return next.run(request).await;
    }
    let call = front.calls.fetch_add(1, Ordering::SeqCst) + 1;
    let Some((at, mishap)) = *front.mishap.lock().unwrap() else { return next.run(request).await };
    let deletes = request.method() == "DELETE";
    match mishap {
        Mishap::StopAfter if call == at => {
            let answer = next.run(request).await;
            front.stop.send_replace(true);
            answer
        }
        Mishap::RefusedOnce | Mishap::RefusedAndNoPurges if call == at => {
            StatusCode::FORBIDDEN.into_response()
        }
        Mishap::RefusedAndNoPurges if request.uri().path().contains("/deletedItems/") => {
            StatusCode::FORBIDDEN.into_response()
        }
        Mishap::Refused if call >= at && !deletes => StatusCode::FORBIDDEN.into_response(),
        Mishap::AnswerLost if call == at => {
            let _ = next.run(request).await;
            broken()
        }
        Mishap::RefusedAndDeletesLost(_) if call == at => StatusCode::FORBIDDEN.into_response(),
        Mishap::RefusedAndDeletesLost(times) if deletes && call <= at + times => {
            let _ = next.run(request).await;
            broken()
        }
        Mishap::Gone if call >= at => broken(),
        Mishap::Throttled if call == at => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Its body ends in the middle.
fn broken() -> Response {
    let mut answer = Response::new(Body::from("{"));
    answer.headers_mut().insert("content-length", "100".parse().unwrap());
    answer
}
