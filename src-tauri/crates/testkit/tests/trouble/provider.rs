//! An identity provider that takes each code and each refresh token once, and can be made to think for a while.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use model::check::Trial;
use model::person::{Person, PersonId};
use model::scope::ScopeSet;
use model::time::Timestamp;
use model::upstream::{Effect, Fixer, Leg, Refusal, SignedIn, Upstream, UpstreamError, UpstreamTokens};
use model::{ExposeSecret as _, Secret};
use tokio::sync::Semaphore;

pub(crate) struct Provider {
    spent: Mutex<HashSet<String>>,
    given: AtomicU64,
    /// Answers wait for a permit each.
    gate: Semaphore,
}

impl Provider {
    pub(crate) fn new() -> Self {
        Self {
            spent: Mutex::default(),
            given: AtomicU64::new(0),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }

    pub(crate) fn thinks(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn answers(&self) {
        self.gate.add_permits(1000);
    }

    /// Takes back what the latest sign-in or refresh was given.
    pub(crate) fn revokes(&self) {
        let latest = format!("refresh-{}", self.given.load(Ordering::SeqCst));
        self.spent.lock().unwrap().insert(latest);
    }

    pub(crate) fn was_asked(&self, once: &str) -> bool {
        self.spent.lock().unwrap().contains(once)
    }

    async fn takes(&self, once: &str) -> Result<SignedIn, UpstreamError> {
        let fresh = self.spent.lock().unwrap().insert(once.to_owned());
        self.gate.acquire().await.unwrap().forget();
        if !fresh {
            return Err(UpstreamError::Refused(Box::new(refusal())));
        }
        let given = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        let tokens = UpstreamTokens {
            refresh_token: Some(Secret::from(format!("refresh-{given}"))),
            access_token: Secret::from("access"),
            access_expires_at: Timestamp::from_secs(0),
            id_claims: serde_json::Map::new(),
            access_claims: serde_json::Map::new(),
        };
        Ok(SignedIn { person: ada(), issuer: None, more: ScopeSet::default(), tokens })
    }
}

#[async_trait]
impl Upstream for Provider {
    async fn authorize_url(&self, leg: &Leg) -> Result<String, UpstreamError> {
        Ok(format!("https://idp.example/authorize?state={}", leg.state))
    }

    async fn redeem(&self, code: Secret, _: &Leg) -> Result<SignedIn, UpstreamError> {
        self.takes(code.expose_secret()).await
    }

    async fn try_out(&self, code: Secret, _: &Leg) -> Trial {
        let verdict = self.takes(code.expose_secret()).await.map(|signed_in| signed_in.person);
        Trial { verdict, steps: Vec::new() }
    }

    async fn refresh(
        &self,
        _: &Person,
        tokens: &UpstreamTokens,
        _: &ScopeSet,
    ) -> Result<SignedIn, UpstreamError> {
        self.takes(tokens.refresh_token.as_ref().unwrap().expose_secret()).await
    }

    fn explain(&self, _: &str, _: &str) -> UpstreamError {
        UpstreamError::Refused(Box::new(refusal()))
    }
}

fn ada() -> Person {
    Person {
        id: PersonId { tenant: "tid".into(), object: "oid-ada".into() },
        name: Some("Ada".into()),
        username: None,
        email: None,
        guest: false,
        roles: Vec::new(),
    }
}

/// As a provider says it that names no other reason.
fn refusal() -> Refusal {
    Refusal {
        code: None,
        error: "invalid_grant".into(),
        what: "the grant was used, revoked or has expired".into(),
        fixer: Fixer::Person,
        hint: "sign in again".into(),
        remedies: Vec::new(),
        trace: None,
        effect: Effect::SignIn,
        claims: None,
        person: None,
    }
}
