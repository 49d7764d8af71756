//! One or more processes on one store, a browser, and the way through a sign-in.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use authserver::documents::{DocumentFetch, Documents, FetchError, Fetched, Validators};
use authserver::{Flow, Parts, Policy};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use model::client::{Client, ClientAuth, ClientKind};
use model::event::{AuthEvent, EventKind};
use model::ids::ClientId;
use model::keys::MasterKey;
use model::origin::Origins;
use model::pkce::PkceChallenge;
use model::ports::{Bounds, Clock as _, EventSink, Store as _};
use model::redirect::RedirectRule;
use model::scope::ScopeSet;
use model::settings::SignInFrom;
use model::testing::{ManualClock, SeededEntropy};
use model::time::Timestamp;
use store::MemoryStore;
use tower::ServiceExt as _;
use url::Url;

use crate::provider::Provider;
use crate::store::TroubledStore;

const CALLBACK: &str = "http://127.0.0.1:1/callback";
const VERIFIER: &str = "a-verifier-of-the-testkit.long~enough_for-RFC7636";
const CLIENT: &str = "client_of_the_story";

/// What all processes share.
pub(crate) struct Rig {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) memory: Arc<MemoryStore>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) master: Arc<MasterKey>,
}

/// One running server.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) flow: Flow,
    pub(crate) store: Arc<TroubledStore>,
    pub(crate) events: Arc<Events>,
    app: Router,
}

#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<EventKind>>);

/// Cookies of `localhost`.
#[derive(Clone, Default)]
pub(crate) struct Browser(Vec<(String, String)>);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

struct NoDocuments;

// === impl Rig ===

impl Rig {
    pub(crate) fn new() -> Self {
        Self {
            clock: Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000))),
            memory: Arc::new(MemoryStore::new(Bounds::default())),
            provider: Arc::new(Provider::new()),
            master: Arc::new(MasterKey::generate(&SeededEntropy::new(1))),
        }
    }

    /// A server on the common store; `seed` tells it from others.
    pub(crate) fn process(&self, seed: u64) -> Process {
        let store = Arc::new(TroubledStore::over(self.memory.clone()));
        let events = Arc::<Events>::default();
        let parts = Parts {
            clock: self.clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1 + seed)),
            store: store.clone(),
            upstream: self.provider.clone(),
            events: events.clone(),
            documents: Documents::new(Arc::new(NoDocuments), self.clock.clone()),
            guesses: authserver::Guesses::default(),
            master: self.master.clone(),
        };
        let policy = Policy {
            origins: Origins::new(4242, None),
            sign_in: SignInFrom::ThisComputer,
            callback_path: "/auth/callback".into(),
            scopes: ScopeSet::parse_lenient("read"),
            more_scopes: ScopeSet::default(),
            cors_origins: Vec::new(),
            static_clients: Vec::new(),
            client_rules: model::settings::ClientRules::default(),
            pairing: authserver::Pairing::Off,
            notice: None,
        };
        let flow = Flow::new(parts, policy);
        let app = authserver::router(&flow, Router::new());
        Process { flow, store, events, app }
    }

    /// Registers the one client of these stories.
    pub(crate) async fn registered(&self) {
        let client = Client {
            id: client_id(),
            kind: ClientKind::Dynamic,
            name: Some("Inspector".into()),
            uri: None,
            logo_uri: None,
            redirects: vec![RedirectRule::parse(CALLBACK).unwrap()],
            auth: ClientAuth::None,
            scope: ScopeSet::default(),
            created_at: self.clock.now(),
            approved_at: None,
            attempt: None,
            blocked_at: None,
        };
        self.memory.put_client(&client).await.unwrap();
    }
}

pub(crate) fn client_id() -> ClientId {
    ClientId::parse(CLIENT).unwrap()
}

// === impl Process ===

impl Process {
    /// Starts a sign-in: the address of its consent page.
    pub(crate) async fn starts(&self) -> String {
        let challenge = PkceChallenge::of_verifier(VERIFIER).to_text();
        let params = [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", CALLBACK),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let url = Url::parse_with_params("http://localhost:4242/authorize", params).unwrap();
        let sent = self.get(&mut Browser::default(), url.as_str()).await;
        assert_eq!(sent.status, 303, "{sent:?}");
        sent.location().to_owned()
    }

    /// The consent page, and its button pressed: the address our callback will be asked for with this code.
    pub(crate) async fn approves(&self, browser: &mut Browser, consent: &str, code: &str) -> String {
        let page = self.get(browser, consent).await;
        assert_eq!(page.status, 200, "{page:?}");
        let form = page.body.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let grant = consent.split("grant=").nth(1).unwrap();
        let body = format!("grant={grant}&form={form}&decision=approve");
        let sent = self.send(browser, "POST", "/consent", &body).await;
        assert_eq!(sent.status, 303, "{sent:?}");
        let state = sent.location().split("state=").nth(1).unwrap().to_owned();
        format!("/auth/callback?state={state}&code={code}")
    }

    /// The whole way to a code, in a browser of its own.
    pub(crate) async fn signs_in(&self) -> String {
        let (mut browser, consent) = (Browser::default(), self.starts().await);
        let callback = self.approves(&mut browser, &consent, "the-code").await;
        self.get(&mut browser, &callback).await.code().unwrap()
    }

    /// Exchanges the code.
    pub(crate) async fn redeems(&self, code: &str) -> Answer {
        let form = format!(
            "grant_type=authorization_code&client_id={CLIENT}&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}"
        );
        self.send(&mut Browser::default(), "POST", "/token", &form).await
    }

    pub(crate) async fn refreshes(&self, token: &str) -> Answer {
        let form = format!("grant_type=refresh_token&client_id={CLIENT}&refresh_token={token}");
        self.send(&mut Browser::default(), "POST", "/token", &form).await
    }

    pub(crate) async fn get(&self, browser: &mut Browser, uri: &str) -> Answer {
        self.send(browser, "GET", uri, "").await
    }

    async fn send(&self, browser: &mut Browser, method: &str, uri: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::HOST, "localhost:4242")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, browser.line())
            .body(Body::from(body.to_owned()))
            .unwrap();
        let (head, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        browser.keep(&head.headers);
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8(body.into()).unwrap(),
        }
    }
}

// === impl Browser ===

impl Browser {
    fn line(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.0.retain(|(there, _)| there != name);
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The code that the client is sent, if it is.
    pub(crate) fn code(&self) -> Option<String> {
        let sent = Url::parse(self.location()).ok().filter(|url| url.as_str().starts_with(CALLBACK))?;
        sent.query_pairs().find(|(name, _)| name == "code").map(|(_, value)| value.into_owned())
    }

    /// A member of a JSON answer.
    pub(crate) fn text(&self, member: &str) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        json[member].as_str().unwrap_or_default().to_owned()
    }
}

// === impl Events ===

impl Events {
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(EventKind::name).collect()
    }
}

impl EventSink for Events {
    fn record(&self, event: AuthEvent) {
        self.0.lock().unwrap().push(event.kind);
    }
}

#[async_trait]
impl DocumentFetch for NoDocuments {
    async fn fetch(&self, _: &Url, _: Option<&Validators>) -> Result<Fetched, FetchError> {
        Err(FetchError::Unreachable)
    }
}
