//! What every step of a sign-in needs, gathered once: time, randomness, storage, the identity provider, keys, policy.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use model::Secret;
use model::caller::Caller;
use model::client::Client;
use model::event::{About, AuthEvent, EventKind};
use model::grant::Grant;
use model::ids::{CredentialKind, GrantId, SessionId, TokenHash};
use model::keys::{MasterKey, NotOpened, Place, Purpose, Sealed, Sealer};
use model::look::Looks;
use model::origin::{Origin, Origins, Site};
use model::ports::{Clock, Entropy, EventSink, Store, StoreError};
use model::scope::{Scope, ScopeSet};
use model::session::Session;
use model::settings::{ClientRules, SignInFrom};
use model::time::Timestamp;
use model::upstream::{Leg, Upstream, UpstreamTokens};
use serde_json::{Map, Value};
use tokio_util::task::TaskTracker;

use crate::access_token::{Claims, Mint};
use crate::attempts::Attempts;
use crate::documents::Documents;
use crate::my_sessions::SignedOut;
use crate::pairing::{Guesses, Pairing};
use crate::profiles::Known;
use crate::sessions::Sessions;
use crate::test_sign_in::Tests;

/// Between two tries to write down what cannot be had a second time. The store itself waits before it says no.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// How many returns to the page of one's own sessions may be refused, all of them together: each is a request to the provider
/// that a stranger can cause. People are refused now and then.
const MOST_REFUSED_WAYS: usize = 120;
const REFUSED_WITHIN: Duration = Duration::from_secs(10 * 60);

/// The parts the authorization server is composed of.
pub struct Parts {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub store: Arc<dyn Store>,
    pub upstream: Arc<dyn Upstream>,
    pub events: Arc<dyn EventSink>,
    pub documents: Documents,
    /// Wrong pairing codes so far.
    pub guesses: Guesses,
    pub master: Arc<MasterKey>,
}

/// What the settings decide about the authorization server.
#[derive(Debug, Clone)]
pub struct Policy {
    pub origins: Origins,
    pub sign_in: SignInFrom,
    pub callback_path: String,
    /// Short names of the scopes a call to `/mcp` needs.
    pub scopes: ScopeSet,
    /// Those that a client can ask for on top, because some tool needs them.
    pub more_scopes: ScopeSet,
    pub cors_origins: Vec<String>,
    pub static_clients: Vec<Client>,
    pub client_rules: ClientRules,
    pub pairing: Pairing,
    /// A line that every page shows a person, such as which directory this is not.
    pub notice: Option<String>,
}

/// Cheap to clone; shared by every request.
#[derive(Clone)]
pub struct Flow(Arc<Shared>);

pub struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) upstream: Arc<dyn Upstream>,
    events: Arc<dyn EventSink>,
    pub(crate) documents: Documents,
    pub(crate) guesses: Guesses,
    /// Refused sign-ins of the page where people see their sessions.
    pub(crate) refused_ways: Guesses,
    pub(crate) signed_out: SignedOut,
    pub(crate) master: Arc<MasterKey>,
    sealer: Sealer,
    pub(crate) mint: Mint,
    looks: Looks,
    pub(crate) attempts: Attempts,
    pub(crate) sessions: Sessions,
    pub(crate) tests: Tests,
    pub(crate) profiles: Known,
    /// What is to be carried to its end.
    tasks: TaskTracker,
    pub(crate) policy: Policy,
}

impl Flow {
    pub fn new(parts: Parts, policy: Policy) -> Self {
        let Parts { clock, entropy, store, upstream, events, documents, guesses, master } = parts;
        Self(Arc::new(Shared {
            sessions: Sessions::default(),
            tests: Tests::default(),
            profiles: Known::default(),
            tasks: TaskTracker::new(),
            sealer: Sealer::new(&master),
            mint: Mint::new(&master),
            looks: Looks::new(&master),
            attempts: Attempts::default(),
            clock,
            entropy,
            store,
            upstream,
            events,
            documents,
            guesses,
            signed_out: SignedOut::default(),
            refused_ways: Guesses::of(MOST_REFUSED_WAYS, REFUSED_WITHIN),
            master,
            policy,
        }))
    }

    /// Runs to the end even if whoever asked has hung up: what the identity provider or the store was told must not
    /// stay half done.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match self.tasks.spawn(work).await {
            Ok(done) => done,
            Err(broken) => std::panic::resume_unwind(broken.into_panic()),
        }
    }

    /// Waits until all that was begun is carried to its end. For a server that no longer accepts requests and has yet to
    /// close its store.
    pub async fn settled(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Shared {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The redirect URIs that the identity provider has to know.
    pub fn callback_urls(&self) -> Vec<String> {
        let public = match self.policy.sign_in {
            SignInFrom::Anywhere => self.policy.origins.public(),
            SignInFrom::ThisComputer => None,
        };
        let sites = std::iter::once(self.policy.origins.local()).chain(public);
        sites.map(|site| site.base.join(&self.policy.callback_path)).collect()
    }

    pub(crate) fn event(&self, about: About, kind: EventKind) {
        self.events.record(AuthEvent { seq: 0, at: self.now(), about, kind });
    }

    /// Where consent and callback of a grant happen: always one host, because a cookie ties the two together.
    pub(crate) fn sign_in_site(&self, grant_site: &Site) -> Site {
        match (grant_site.origin, self.policy.sign_in) {
            (Origin::Public, SignInFrom::Anywhere) => grant_site.clone(),
            _ => self.policy.origins.local(),
        }
    }

    /// What travels to the identity provider. It is computed from the grant, not stored: any replica can, nobody else can,
    /// and approving twice asks the same thing twice.
    pub(crate) fn leg(&self, grant: &Grant) -> Leg {
        Leg {
            redirect_uri: self.sign_in_site(&grant.site).base.join(&self.policy.callback_path),
            state: self.state(&grant.id),
            nonce: self.leg_secret("nonce", &grant.id),
            verifier: self.leg_secret("verifier", &grant.id).into(),
            more: self.more_of(&grant.scope),
            claims: grant.claims.clone(),
            ask_who: false,
        }
    }

    /// What of a scope the identity provider is asked for beyond what every call needs.
    pub(crate) fn more_of(&self, scope: &ScopeSet) -> ScopeSet {
        let is_more = |scope: &&Scope| {
            self.policy.more_scopes.contains(scope.as_str()) && !self.policy.scopes.contains(scope.as_str())
        };
        scope.iter().filter(is_more).cloned().collect()
    }

    /// `scope` without what was asked for on top and not granted.
    pub(crate) fn as_granted(&self, scope: &ScopeSet, more: &ScopeSet) -> ScopeSet {
        let asked = self.more_of(scope);
        let stays = |one: &&Scope| !asked.contains(one.as_str()) || more.contains(one.as_str());
        scope.iter().filter(stays).cloned().collect()
    }

    fn state(&self, grant: &GrantId) -> String {
        format!("{grant}.{}", self.leg_secret("state", grant))
    }

    pub(crate) fn leg_secret(&self, what: &str, grant: &GrantId) -> String {
        let mac = self.master.mac(Purpose::UpstreamLeg, &format!("{what} {grant}"));
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, mac.as_ref())
    }

    /// The authorization code of a grant. Computed, so that a browser whose answer got lost can be given it again.
    pub(crate) fn code(&self, grant: &GrantId) -> Secret {
        CredentialKind::Code.of_bytes(&self.master.mac(Purpose::Codes, grant.as_str()))
    }

    /// The grant that a `state` names, if the `state` is one we gave out.
    pub(crate) fn grant_of_state(&self, state: &str) -> Option<GrantId> {
        let grant = GrantId::parse(state.split_once('.')?.0)?;
        TokenHash::of(self.state(&grant)).matches(state).then_some(grant)
    }

    /// Writes down what the identity provider gave and will not give again: a store that is busy is asked more than once.
    /// A write that was done although its answer got lost is `Lost` the second time.
    pub(crate) async fn insist<T, W>(&self, write: impl Fn() -> W) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, StoreError>>,
    {
        for pause in PAUSES {
            match write().await {
                Err(StoreError::Unavailable(why)) => {
                    tracing::warn!(
                        why,
                        "the store did not take what the identity provider gave; it is tried again"
                    );
                }
                outcome => return outcome,
            }
            tokio::time::sleep(pause).await;
        }
        write().await
    }

    pub(crate) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Sealed {
        self.sealer.seal(place, plain, self.entropy.as_ref())
    }

    pub(crate) fn open(
        &self,
        place: Place<'_>,
        sealed: &Sealed,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, NotOpened> {
        self.sealer.open(place, sealed)
    }

    /// The identity provider's tokens of a session, for replaying them or showing their claims.
    pub fn open_upstream(&self, place: Place<'_>, sealed: &Sealed) -> Option<UpstreamTokens> {
        UpstreamTokens::from_plain_json(&self.open(place, sealed).ok()?)
    }

    /// Claims of the newest access token of a session, without the token.
    pub fn issued_claims(&self, session: &Session) -> Map<String, Value> {
        Claims::shown(session)
    }

    /// Whether this server signed the token, with the key it has now.
    pub fn signed(&self, token: &str) -> bool {
        self.mint.signed(token)
    }

    pub fn entropy(&self) -> &dyn Entropy {
        self.entropy.as_ref()
    }

    /// How this server knows itself from outside.
    pub const fn looks(&self) -> &Looks {
        &self.looks
    }

    /// The scopes that every call needs.
    pub fn scopes(&self) -> &ScopeSet {
        &self.policy.scopes
    }

    /// Where people may sign in.
    pub fn sign_in_from(&self) -> SignInFrom {
        self.policy.sign_in
    }

    pub fn origins(&self) -> &Origins {
        &self.policy.origins
    }

    /// Where a session's tokens of the identity provider are sealed.
    pub fn session_place(id: &SessionId) -> Place<'_> {
        Place { table: "sessions", row: id.as_str(), column: "upstream" }
    }

    pub(crate) fn grant_place(id: &GrantId) -> Place<'_> {
        Place { table: "grants", row: id.as_str(), column: "upstream" }
    }
}

impl Deref for Flow {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What an event about a grant's progress belongs to.
pub(crate) fn about_grant(grant: &Grant) -> About {
    About {
        attempt: Some(grant.attempt.clone()),
        origin: Some(grant.site.origin),
        client: Some(grant.client.clone()),
        grant: Some(grant.id.clone()),
        ..About::default()
    }
}

/// What an event about a call belongs to.
pub(crate) fn about_caller(caller: &Caller) -> About {
    About {
        attempt: Some(caller.attempt.clone()),
        origin: Some(caller.site.origin),
        client: Some(caller.client.clone()),
        client_name: caller.client_name.clone(),
        session: Some(caller.session.clone()),
        person: Some(caller.person.clone()),
        ..About::default()
    }
}
