//! A practice tenant by itself, over HTTP, where one call of Microsoft Graph can be held in the middle: it has arrived, and
//! nothing is done until the test lets it go on.

use std::future::IntoFuture as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use model::ports::Clock;
use model::testing::SeededEntropy;
use practice::{Practice, PracticeConfig};
use serde_json::Value;
use tokio::sync::Semaphore;

/// Generous: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Directory {
    pub practice: Practice,
    /// The authority: `http://localhost:PORT`.
    pub base: String,
    front: Arc<Front>,
}

/// What becomes of the held call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    Answered,
    /// It is done, and the answer breaks off.
    AnswerLost,
    /// It is answered, and nothing can be deleted from then on.
    Kept,
}

/// A call that will be held.
pub struct Held(Arc<Hold>);

struct Hold {
    /// Which call of Graph, from one.
    at: usize,
    ends: Ends,
    arrived: Semaphore,
    let_go: Semaphore,
}

#[derive(Default)]
struct Front {
    calls: AtomicUsize,
    hold: Mutex<Option<Arc<Hold>>>,
}

impl Directory {
    /// Nothing is registered in it. Whoever waits for a sign-in may ask every second.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let base = format!("http://localhost:{port}");
        let config = PracticeConfig {
            base: base.clone(),
            redirect_uris: Vec::new(),
            logout_url: None,
            auto_sign_in: None,
        };
        let practice = Practice::new(config, [7; 32], clock, Arc::new(SeededEntropy::new(5)));
        practice.warm().await;
        let front = Arc::new(Front::default());
        let app: Router = practice.router().layer(middleware::from_fn_with_state(front.clone(), between));
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { practice, base, front }
    }

    /// From the next call of Graph on, the `at`-th is held.
    pub fn holds(&self, at: usize, ends: Ends) -> Held {
        let (arrived, let_go) = (Semaphore::new(0), Semaphore::new(0));
        let hold = Arc::new(Hold { at, ends, arrived, let_go });
        self.front.calls.store(0, Ordering::SeqCst);
        *self.front.hold.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold.clone());
        Held(hold)
    }

    /// Somebody enters the code and is signed in.
    pub async fn enters(&self, code: &str, person: &str) {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client for this computer");
        let sent = http
            .post(format!("{}/device", self.base))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!("code={code}&person={person}"))
            .send()
            .await
            .expect("the page answers");
        assert_eq!(sent.status(), StatusCode::OK);
    }
}

impl Held {
    /// Once it has arrived.
    pub async fn arrived(&self) {
        let arrived = tokio::time::timeout(PATIENCE, self.0.arrived.acquire()).await;
        arrived.expect("the call is made").expect("nobody closes it").forget();
    }

    pub fn let_go(&self) {
        self.0.let_go.add_permits(1);
    }
}

async fn between(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path.ends_with("/oauth2/v2.0/devicecode") {
        return asked_often(next.run(request).await).await;
    }
    let hold = front.hold.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(hold) = hold.filter(|_| path.starts_with("/graph/")) else { return next.run(request).await };
    let call = front.calls.fetch_add(1, Ordering::SeqCst) + 1;
    if call > hold.at && hold.ends == Ends::Kept && request.method() == Method::DELETE {
        return StatusCode::FORBIDDEN.into_response();
    }
    if call != hold.at {
        return next.run(request).await;
    }
    hold.arrived.add_permits(1);
    hold.let_go.acquire().await.expect("nobody closes it").forget();
    let answer = next.run(request).await;
    if hold.ends == Ends::AnswerLost { broken() } else { answer }
}

async fn asked_often(answer: Response) -> Response {
    let body = to_bytes(answer.into_body(), usize::MAX).await.expect("the practice tenant answers whole");
    let mut answer: Value = serde_json::from_slice(&body).expect("it answers with JSON");
    answer["interval"] = 1.into();
    axum::Json(answer).into_response()
}

/// Its body ends in the middle.
fn broken() -> Response {
    let mut answer = Response::new(Body::from("{"));
    answer.headers_mut().insert(header::CONTENT_LENGTH, 100.into());
    answer
}
