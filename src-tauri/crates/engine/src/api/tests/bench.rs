//! An [`Api`] on a store in memory, and things to put into the store.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use authserver::documents::{DocumentFetch, Documents, FetchError, Fetched, Validators};
use authserver::flow::Shared;
use authserver::{Flow, Parts, Policy};
use axum::Router;
use model::ExposeSecret as _;
use model::Secret;
use model::check::Trial;
use model::client::{Client, ClientAuth, ClientKind};
use model::event::{About, AuthEvent, EventKind};
use model::grant::{Grant, Stage};
use model::ids::{AttemptId, ClientId, CredentialKind, GrantId, SessionId, TokenHash};
use model::keys::{MasterKey, Purpose, Sealed, Sealer};
use model::origin::{BaseUrl, Origins};
use model::person::Person;
use model::pkce::PkceChallenge;
use model::ports::{Bounds, Clock as _, Store, Swap};
use model::redirect::{RedirectRule, RedirectUri};
use model::scope::ScopeSet;
use model::session::{RefreshToken, Session, SessionState};
use model::settings::{Credential, EntraSettings, SignInFrom};
use model::testing::{ManualClock, SeededEntropy};
use model::time::Timestamp;
use model::upstream::{Leg, SignedIn, Upstream, UpstreamError, UpstreamTokens};
use practice::{Practice, PracticeConfig};
use serde_json::{Value, json};
use store::MemoryStore;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::api::{Api, ApiParts};
use crate::engine::Engine;
use crate::events::Bus;

const REDIRECT: &str = "https://client.example/callback";

pub(crate) struct Bench {
    pub(crate) api: Api,
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) entropy: Arc<SeededEntropy>,
    pub(crate) store: Arc<MemoryStore>,
    flow: Flow,
    origins: Origins,
    sealer: Sealer,
    /// Whatever must never be told.
    secrets: Mutex<Vec<String>>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::build(true)
    }

    pub(crate) fn without_practice() -> Self {
        Self::build(false)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.api.0
    }

    fn build(with_practice: bool) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000)));
        let entropy = Arc::new(SeededEntropy::new(11));
        let store = Arc::new(MemoryStore::new(Bounds::default()));
        let master = Arc::new(MasterKey::generate(entropy.as_ref()));
        let origins = Origins::new(4242, BaseUrl::parse("https://mcp.example.com").ok());
        let live = broadcast::Sender::new(4_096);
        let (bus, writer) = Bus::new(live.clone());
        let written_to: Arc<dyn Store> = store.clone();
        tokio::spawn(writer.run(written_to, CancellationToken::new()));
        let practice = with_practice.then(|| {
            let config = PracticeConfig {
                base: "http://localhost:4243".into(),
                redirect_uris: Vec::new(),
                logout_url: None,
                auto_sign_in: None,
            };
            Practice::new(config, *master.derive(Purpose::Practice), clock.clone(), entropy.clone())
        });
        let parts = Parts {
            clock: clock.clone(),
            entropy: entropy.clone(),
            store: store.clone(),
            upstream: Arc::new(Nobody),
            events: Arc::new(bus.clone()),
            documents: Documents::new(Arc::new(Nobody), clock.clone()),
            guesses: authserver::Guesses::default(),
            master: master.clone(),
        };
        let flow = Flow::new(parts, policy(&origins));
        let http = entra::http_client_for(&entra().authority).unwrap();
        let parts = Arc::new(ApiParts {
            flow: flow.clone(),
            entra: Arc::new(entra::Entra::new(entra(), http, clock.clone(), entropy.clone())),
            store: store.clone(),
            bus: bus.clone(),
            practice_url: practice.as_ref().map(|_| "http://localhost:4243".to_owned()),
            practice,
            configured: vec![client(ClientId::parse("configured").unwrap(), ClientKind::Static, None)],
            mcp_url: origins.local().mcp_url(),
            tools: model::tools::ToolRules::default(),
            public: origins.public(),
            trying: crate::api::Trying::default(),
        });
        let api = Engine::over(parts, live).api();
        let sealer = Sealer::new(&master);
        Self { api, bus, clock, entropy, store, flow, origins, sealer, secrets: Mutex::default() }
    }

    /// The public surface, with nothing behind `/mcp`.
    pub(crate) fn app(&self) -> Router {
        authserver::router(&self.flow, Router::new())
    }

    pub(crate) fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap().clone()
    }

    /// A registered client with a secret.
    pub(crate) async fn client(&self) -> Client {
        let (secret, hash) = self.credential(CredentialKind::ClientSecret);
        self.keep(&[secret.expose_secret(), &hash.to_text()]);
        let registered = Client {
            created_at: self.clock.now(),
            ..client(ClientId::generate(self.entropy.as_ref()), ClientKind::Dynamic, Some(hash))
        };
        self.store.put_client(&registered).await.unwrap();
        registered
    }

    /// Ada's live session, as a sign-in would have left it.
    pub(crate) async fn session(&self) -> Session {
        self.session_of(&ClientId::generate(self.entropy.as_ref())).await
    }

    /// Ada's live session with that client.
    pub(crate) async fn session_of(&self, client: &ClientId) -> Session {
        let now = self.clock.now();
        let grant = self.approved(client).await;
        let id = SessionId::generate(self.entropy.as_ref());
        let session = Session {
            upstream: Some(self.seal(&id)),
            id,
            attempt: grant.attempt.clone(),
            client: grant.client.clone(),
            client_name: Some("Inspector".into()),
            person: ada(),
            scope: grant.scope.clone(),
            resource: grant.resource.clone(),
            site: grant.site.clone(),
            created_at: now,
            refreshed_at: now,
            active_at: now,
            calls: 0,
            state: SessionState::Live,
            trouble: None,
            challenge: None,
            upstream_issuer: Some("https://idp.example/v2.0".into()),
            upstream_session: None,
        };
        let (token, hash) = self.credential(CredentialKind::Refresh);
        self.keep(&[token.expose_secret(), &hash.to_text()]);
        let refresh = RefreshToken::fresh(hash, session.id.clone(), now);
        let exchanged = grant.exchanged(session.id.clone(), now).unwrap();
        assert_eq!(self.store.open_session(&exchanged, &session, &refresh).await.unwrap(), Swap::Done);
        session
    }

    /// Puts events into the log, oldest first.
    pub(crate) async fn log(&self, events: impl IntoIterator<Item = (About, EventKind)>) {
        let at = self.clock.now();
        let events: Vec<AuthEvent> =
            events.into_iter().map(|(about, kind)| AuthEvent { seq: 0, at, about, kind }).collect();
        self.store.append_events(&events).await.unwrap();
    }

    async fn approved(&self, client: &ClientId) -> Grant {
        let site = self.origins.local();
        let (code, hash) = self.credential(CredentialKind::Code);
        self.keep(&[code.expose_secret(), &hash.to_text()]);
        let grant = Grant {
            id: GrantId::generate(self.entropy.as_ref()),
            revision: 0,
            attempt: AttemptId::generate(self.entropy.as_ref()),
            client: client.clone(),
            redirect_uri: RedirectUri::parse(REDIRECT).unwrap(),
            redirect_uri_given: true,
            scope: ScopeSet::parse_lenient("read write"),
            state: None,
            challenge: PkceChallenge::of_verifier("v"),
            resource: site.mcp_url(),
            site,
            created_at: self.clock.now(),
            stage: Stage::AwaitingConsent,
            claims: None,
            challenged_by: None,
            renders: Vec::new(),
            pairing: None,
        };
        self.store.add_grant(&grant).await.unwrap();
        let sent = grant.sent_upstream(hash, self.clock.now()).unwrap();
        assert_eq!(self.store.advance_grant(&sent).await.unwrap(), Swap::Done);
        let sealed = self.seal(&SessionId::generate(self.entropy.as_ref()));
        let approved = sent.approved(hash, ada(), sealed, None, self.clock.now()).unwrap();
        assert_eq!(self.store.advance_grant(&approved).await.unwrap(), Swap::Done);
        approved
    }

    fn seal(&self, session: &SessionId) -> Sealed {
        let object = |value: Value| value.as_object().cloned().unwrap();
        let tokens = UpstreamTokens {
            refresh_token: Some(Secret::from("refresh-token-of-the-provider")),
            access_token: Secret::from("access-token-of-the-provider"),
            access_expires_at: self.clock.now().plus(Duration::from_secs(60)),
            id_claims: object(json!({ "oid": "oid-ada", "name": "Ada Lindqvist" })),
            access_claims: object(json!({ "scp": "read", "ver": "2.0" })),
        };
        self.keep(&["refresh-token-of-the-provider", "access-token-of-the-provider"]);
        self.sealer.seal(Shared::session_place(session), &tokens.to_plain_json(), self.entropy.as_ref())
    }

    fn credential(&self, kind: CredentialKind) -> (Secret, TokenHash) {
        let credential = kind.mint(self.entropy.as_ref());
        let hash = TokenHash::of(credential.expose_secret());
        (credential, hash)
    }

    fn keep(&self, secrets: &[&str]) {
        self.secrets.lock().unwrap().extend(secrets.iter().map(|&secret| secret.to_owned()));
    }
}

fn ada() -> Person {
    Person {
        id: model::person::PersonId { tenant: "tid-home".into(), object: "oid-ada".into() },
        name: Some("Ada Lindqvist".into()),
        username: Some("ada@practice.example".into()),
        email: None,
        guest: true,
        roles: Vec::new(),
    }
}

fn client(id: ClientId, kind: ClientKind, secret: Option<TokenHash>) -> Client {
    Client {
        id,
        kind,
        name: Some("Inspector".into()),
        uri: None,
        logo_uri: None,
        redirects: vec![RedirectRule::parse(REDIRECT).unwrap()],
        auth: secret.map_or(ClientAuth::None, ClientAuth::ClientSecretPost),
        scope: ScopeSet::parse_lenient("read"),
        created_at: Timestamp::from_secs(0),
        approved_at: None,
        attempt: None,
        blocked_at: None,
    }
}

/// Nobody listens there.
fn entra() -> EntraSettings {
    EntraSettings {
        authority: "http://localhost:9".parse().unwrap(),
        tenant: "tid-home".into(),
        client_id: "app".into(),
        credential: Credential::None,
        identifier_uri: "api://app".into(),
        required_scopes: ScopeSet::parse_lenient("read"),
        extra_authorize_scopes: ScopeSet::default(),
        allowed_tenants: Vec::new(),
    }
}

fn policy(origins: &Origins) -> Policy {
    Policy {
        origins: origins.clone(),
        sign_in: SignInFrom::ThisComputer,
        callback_path: "/auth/callback".into(),
        scopes: ScopeSet::parse_lenient("read"),
        more_scopes: ScopeSet::default(),
        cors_origins: Vec::new(),
        static_clients: Vec::new(),
        client_rules: model::settings::ClientRules::default(),
        pairing: authserver::Pairing::Off,
        notice: None,
    }
}

/// An identity provider and an internet that are not there: no command asks either.
struct Nobody;

fn nobody() -> UpstreamError {
    UpstreamError::Unavailable { detail: "nobody is there".into(), retry_after: None, refusal: None }
}

#[async_trait]
impl Upstream for Nobody {
    async fn authorize_url(&self, _: &Leg) -> Result<String, UpstreamError> {
        Err(nobody())
    }

    async fn redeem(&self, _: Secret, _: &Leg) -> Result<SignedIn, UpstreamError> {
        Err(nobody())
    }

    async fn try_out(&self, _: Secret, _: &Leg) -> Trial {
        Trial { verdict: Err(nobody()), steps: Vec::new() }
    }

    async fn refresh(&self, _: &Person, _: &UpstreamTokens, _: &ScopeSet) -> Result<SignedIn, UpstreamError> {
        Err(nobody())
    }

    fn explain(&self, _: &str, _: &str) -> UpstreamError {
        unreachable!("no browser comes back from nowhere")
    }
}

#[async_trait]
impl DocumentFetch for Nobody {
    async fn fetch(&self, _: &Url, _: Option<&Validators>) -> Result<Fetched, FetchError> {
        Err(FetchError::Unreachable)
    }
}
