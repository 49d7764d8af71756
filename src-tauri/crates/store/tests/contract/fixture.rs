//! Stores to test and values to put into them. Times are seconds after the epoch of the tests, [`at`].

use std::sync::Arc;

use model::client::{Client, ClientAuth, ClientKind};
use model::consent::Consent;
use model::event::{About, AuthEvent, EventKind};
use model::grant::{Grant, Stage};
use model::ids::{AttemptId, ClientId, GrantId, SessionId, TokenHash, random_text};
use model::keys::{MasterKey, Place, Sealed, Sealer};
use model::origin::{BaseUrl, Origin, Site};
use model::person::{Person, PersonId};
use model::pkce::PkceChallenge;
use model::ports::{Bounds, ClientQuery, Store};
use model::redirect::{RedirectRule, RedirectUri};
use model::scope::ScopeSet;
use model::session::{RefreshToken, Session, SessionState};
use model::testing::SeededEntropy;
use model::time::Timestamp;
use store::{MemoryStore, SqliteStore};
use tempfile::TempDir;

pub(crate) const REDIRECT: &str = "https://client.example/callback";

#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    Memory,
    Sqlite,
}

/// A store and what keeps it alive.
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    _folder: Option<TempDir>,
}

impl Backend {
    pub(crate) async fn open(self) -> Bench {
        self.open_bounded(Bounds::default()).await
    }

    pub(crate) async fn open_bounded(self, bounds: Bounds) -> Bench {
        match self {
            Self::Memory => Bench { store: Arc::new(MemoryStore::new(bounds)), _folder: None },
            Self::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let store = SqliteStore::open(&folder.path().join("test.db"), bounds).await.unwrap();
                Bench { store: Arc::new(store), _folder: Some(folder) }
            }
        }
    }
}

pub(crate) fn bounds(unapproved_clients: u32, open_grants: u32, events: u32) -> Bounds {
    Bounds { unapproved_clients, open_grants, events, ..Bounds::default() }
}

/// As many as a store lists.
pub(crate) const EVERY_CLIENT: ClientQuery = ClientQuery { approved_only: false, limit: 1000 };

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

/// Makes values that differ from each other and are the same in every run.
pub(crate) struct Maker {
    entropy: SeededEntropy,
    sealer: Sealer,
}

impl Maker {
    pub(crate) fn new() -> Self {
        let entropy = SeededEntropy::new(7);
        let sealer = Sealer::new(&MasterKey::generate(&entropy));
        Self { entropy, sealer }
    }

    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash::of(random_text::<16>(&self.entropy))
    }

    pub(crate) fn sealed(&self, plain: &str) -> Sealed {
        self.sealer.seal(Place { table: "t", row: "r", column: "c" }, plain.as_bytes(), &self.entropy)
    }

    pub(crate) fn client_id(&self) -> ClientId {
        ClientId::generate(&self.entropy)
    }

    pub(crate) fn attempt(&self) -> AttemptId {
        AttemptId::generate(&self.entropy)
    }

    pub(crate) fn session_id(&self) -> SessionId {
        SessionId::generate(&self.entropy)
    }

    pub(crate) fn client(&self, created_at: Timestamp) -> Client {
        Client {
            id: self.client_id(),
            kind: ClientKind::Dynamic,
            name: Some("Zürich \"Inspector\" 🔍".into()),
            uri: Some("https://client.example/".into()),
            logo_uri: Some("https://client.example/logo.png".into()),
            redirects: vec![RedirectRule::parse(REDIRECT).unwrap()],
            auth: ClientAuth::ClientSecretPost(self.hash()),
            scope: ScopeSet::parse_lenient("read write"),
            created_at,
            approved_at: None,
            attempt: Some(self.attempt()),
            blocked_at: None,
        }
    }

    pub(crate) fn grant(&self, client: &ClientId, created_at: Timestamp) -> Grant {
        Grant {
            id: GrantId::generate(&self.entropy),
            revision: 0,
            attempt: self.attempt(),
            client: client.clone(),
            redirect_uri: RedirectUri::parse(REDIRECT).unwrap(),
            redirect_uri_given: true,
            scope: ScopeSet::parse_lenient("read"),
            claims: None,
            challenged_by: None,
            state: Some("st%20ate=&\u{e9}".into()),
            challenge: PkceChallenge::of_verifier("v"),
            resource: site().mcp_url(),
            site: site(),
            created_at,
            stage: Stage::AwaitingConsent,
            renders: vec![],
            pairing: None,
        }
    }

    pub(crate) fn at_upstream(&self, grant: &Grant) -> Grant {
        grant.clone().sent_upstream(self.hash(), grant.created_at).unwrap()
    }

    pub(crate) fn approved(&self, grant: &Grant, code: TokenHash) -> Grant {
        let tokens = self.sealed("tokens of the provider");
        grant
            .clone()
            .approved(code, person("Ada"), tokens, Some("https://idp".into()), grant.created_at)
            .unwrap()
    }

    /// A session as `/token` would open it for `grant`, which must be approved, with its first refresh token.
    pub(crate) fn session(&self, grant: &Grant) -> (Grant, Session, RefreshToken) {
        let now = grant.created_at;
        let session = Session {
            id: self.session_id(),
            attempt: grant.attempt.clone(),
            client: grant.client.clone(),
            client_name: Some("Inspector".into()),
            person: person("Ada"),
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
            upstream: Some(self.sealed("tokens of the provider")),
            upstream_issuer: Some("https://idp".into()),
            upstream_session: None,
        };
        let refresh = RefreshToken::fresh(self.hash(), session.id.clone(), now);
        (grant.clone().exchanged(session.id.clone(), now).unwrap(), session, refresh)
    }

    /// Adds a grant and brings it to [`Stage::Approved`].
    pub(crate) async fn add_approved(
        &self,
        store: &dyn Store,
        code: TokenHash,
        created_at: Timestamp,
    ) -> Grant {
        let grant = self.grant(&self.client_id(), created_at);
        store.add_grant(&grant).await.unwrap();
        let sent = self.at_upstream(&grant);
        done(store.advance_grant(&sent).await);
        let approved = self.approved(&sent, code);
        done(store.advance_grant(&approved).await);
        approved
    }

    /// Adds a live session with its first refresh token.
    pub(crate) async fn add_session(
        &self,
        store: &dyn Store,
        created_at: Timestamp,
    ) -> (Session, RefreshToken) {
        let approved = self.add_approved(store, self.hash(), created_at).await;
        let (exchanged, session, refresh) = self.session(&approved);
        done(store.open_session(&exchanged, &session, &refresh).await);
        (session, refresh)
    }
}

pub(crate) fn consent(browser: TokenHash, client: &ClientId, redirect_uri: &str) -> Consent {
    Consent {
        scope: model::scope::ScopeSet::parse_lenient("read"),
        browser,
        client: client.clone(),
        redirect_uri: redirect_uri.into(),
        given_at: at(0),
        expires_at: at(1000),
    }
}

pub(crate) fn event(at: Timestamp) -> AuthEvent {
    AuthEvent { seq: 0, at, about: About::default(), kind: EventKind::ConsentShown }
}

pub(crate) fn person(name: &str) -> Person {
    Person {
        id: PersonId { tenant: "tid".into(), object: format!("oid-{name}") },
        name: Some(name.into()),
        username: Some(format!("{name}@example.com")),
        email: None,
        guest: false,
        roles: vec!["Admin".into()],
    }
}

pub(crate) fn site() -> Site {
    Site { origin: Origin::Local, base: BaseUrl::parse("http://localhost:4242").unwrap() }
}

#[track_caller]
pub(crate) fn done(swap: Result<model::ports::Swap, model::ports::StoreError>) {
    assert_eq!(swap.unwrap(), model::ports::Swap::Done);
}

#[track_caller]
pub(crate) fn lost(swap: Result<model::ports::Swap, model::ports::StoreError>) {
    assert_eq!(swap.unwrap(), model::ports::Swap::Lost);
}
