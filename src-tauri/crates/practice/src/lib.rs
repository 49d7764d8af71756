//! The practice tenant: an imitation of Microsoft Entra ID, spoken to over HTTP exactly like the real one.
//!
//! Real RS256 tokens, Entra's error pages and AADSTS codes, the part of Graph the product uses, and faults that can be
//! switched on. It guards nothing: whoever reaches it can sign in as anybody, so it answers on loopback names only.
//! It knows nothing of the authorization server that uses it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as B64};
use model::certificate::PublicCertificate;
use model::keys::{MasterKey, Place, Purpose, Sealed, Sealer};
use model::ports::{Clock, Entropy};
use model::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

mod applications;
mod apps;
mod authorize;
mod claims;
mod codes;
mod device;
mod directory;
mod fault;
mod graph;
mod guard;
mod memberships;
mod metadata;
mod page;
mod params;
mod proof;
mod refusal;
mod scope;
mod segment;
mod sign_in;
mod signing;
mod switches;
mod token;

pub use directory::{
    API_SCOPES, B2C_DOMAIN, B2C_IDENTIFIER_URI, B2C_TENANT_ID, CLIENT_ID, CLIENT_SECRET, EXTERNAL_DOMAIN,
    EXTERNAL_TENANT_ID, IDENTIFIER_URI, NEXT_CLIENT_SECRET, OTHER_TENANT_ID, TENANT_DOMAIN, TENANT_ID,
    people_keys,
};
pub use fault::{Fault, UnknownFault};
pub use proof::Federated;
pub use switches::Resident;

use apps::{App, AppKind, Apps, GRAPH_TOOLS_ID};
use codes::Codes;
use device::Devices;
use directory::Tenant;
use proof::Trusted;
use refusal::Why;
use signing::KeyRing;
use switches::Switches;

/// Largest request body; real ones stay below a few kilobytes.
const LARGEST_BODY: usize = 64 * 1024;

/// Where a practice tenant is and what is registered in it.
#[derive(Debug, Clone)]
pub struct PracticeConfig {
    /// The origin it is reached at, without a slash at the end: `http://localhost:4243`.
    pub base: String,
    /// The redirect URIs of the practice app, compared byte for byte.
    pub redirect_uris: Vec<String>,
    /// What the practice app has as its front-channel logout URL.
    pub logout_url: Option<String>,
    /// Whoever this names is signed in at once, without a page.
    pub auto_sign_in: Option<String>,
}

/// A running practice tenant. Clones share everything.
#[derive(Clone)]
pub struct Practice(Arc<Inner>);

struct Inner {
    base: String,
    auto_sign_in: Option<String>,
    logout_url: Option<String>,
    redirect_uris: Mutex<Vec<String>>,
    switches: Mutex<Switches>,
    trusted: Mutex<Trusted>,
    codes: Mutex<Codes>,
    devices: Mutex<Devices>,
    apps: Mutex<Apps>,
    keys: KeyRing,
    master: MasterKey,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What one table of addresses is: a path and what answers there.
pub(crate) type Table = Vec<(&'static str, MethodRouter<Practice>)>;

/// What a sealed text is. One kind never opens as another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    SignInForm,
    RefreshToken,
}

// === impl Practice ===

impl Practice {
    /// `key` is derived for [`Purpose::Practice`]; refresh tokens of an earlier process with the same key stay good.
    pub fn new(
        config: PracticeConfig,
        key: impl Into<Zeroizing<[u8; 32]>>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let text = Zeroizing::new(STANDARD.encode(*key.into()));
        let master = MasterKey::parse(&text).expect("32 bytes in base64 read back");
        Self(Arc::new(Inner {
            base: config.base,
            auto_sign_in: config.auto_sign_in,
            logout_url: config.logout_url,
            redirect_uris: Mutex::new(config.redirect_uris),
            switches: Mutex::default(),
            trusted: Mutex::default(),
            codes: Mutex::default(),
            devices: Mutex::default(),
            apps: Mutex::default(),
            keys: KeyRing::default(),
            sealer: Sealer::new(&master),
            master,
            clock,
            entropy,
        }))
    }

    /// Everything it serves, from the root of its origin.
    pub fn router(&self) -> Router {
        let machines =
            routed(machines()).route_layer(middleware::from_fn_with_state(self.clone(), guard::outages));
        routed(pages())
            .merge(machines)
            .fallback(page::not_found)
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .layer(middleware::from_fn_with_state(self.clone(), guard::dated))
            .layer(middleware::from_fn(guard::loopback_names_only))
            .with_state(self.clone())
    }

    /// Makes the signing key ahead of the first sign-in, which would otherwise wait for it.
    pub async fn warm(&self) {
        self.0.keys.current().await;
    }

    pub fn set_fault(&self, fault: Fault, on: bool) {
        let changed = self.switches().set_fault(fault, on);
        if changed && on && fault == Fault::RotatedKeys {
            self.0.keys.rotate();
        }
        tracing::info!(fault = fault.name(), on, "practice tenant fault switched");
    }

    /// The faults that are on.
    pub fn faults(&self) -> Vec<Fault> {
        self.switches().faults.iter().copied().collect()
    }

    /// Everybody, as the settings page lists them.
    pub fn people(&self) -> Vec<Resident> {
        Resident::all(&self.switches())
    }

    /// Disables an account or enables it again. `false` if nobody has that key.
    pub fn set_disabled(&self, person: &str, disabled: bool) -> bool {
        self.switches().set_disabled(person, disabled)
    }

    /// Revokes every refresh token a person has so far (AADSTS50173). `false` if nobody has that key. Forgotten when
    /// the process ends.
    pub fn revoke(&self, person: &str) -> bool {
        self.switches().revoke(person)
    }

    /// Replaces what the app registration lists.
    pub fn set_redirect_uris(&self, uris: Vec<String>) {
        *locked(&self.0.redirect_uris) = uris;
    }

    /// Registers a certificate of the practice app, as an upload in the portal does. Forgotten when the process ends.
    pub fn register_certificate(&self, certificate: PublicCertificate) {
        self.trusted().add_certificate(certificate);
    }

    /// Adds a federated credential to the practice app. Forgotten when the process ends.
    pub fn trust(&self, federated: Federated) {
        self.trusted().add_federated(federated);
    }

    pub(crate) fn trusted(&self) -> MutexGuard<'_, Trusted> {
        locked(&self.0.trusted)
    }

    pub(crate) fn base(&self) -> &str {
        &self.0.base
    }

    pub(crate) fn auto_sign_in(&self) -> Option<&str> {
        self.0.auto_sign_in.as_deref()
    }

    /// Front-channel logout URLs of all applications.
    pub(crate) fn logout_urls(&self) -> Vec<String> {
        let apps = self.apps();
        let registered = apps.all().filter_map(|app| app.logout_url.clone());
        self.0.logout_url.clone().into_iter().chain(registered).collect()
    }

    /// Whether `redirect_uri` belongs to an application.
    pub(crate) fn is_registered(&self, app: &App, redirect_uri: &str) -> bool {
        let among = |uris: &[String]| uris.iter().any(|uri| uri == redirect_uri);
        match app.kind {
            AppKind::BuiltIn => among(&locked(&self.0.redirect_uris)),
            AppKind::GraphTools => false,
            AppKind::Registered => {
                self.apps().by_client_id(&app.client_id).is_some_and(|app| among(&app.redirect_uris))
            }
        }
    }

    /// An application that people can sign in to.
    pub(crate) fn app(&self, client_id: &str) -> Result<App, Why> {
        match client_id {
            CLIENT_ID => Ok(App::built_in()),
            GRAPH_TOOLS_ID => Ok(App::graph_tools()),
            other => {
                let apps = self.apps();
                // Without a service principal the directory does not know it.
                let known = apps.by_client_id(other).filter(|app| app.principal.is_some());
                known.map(apps::Registered::app).ok_or_else(|| Why::UnknownClient(other.to_owned()))
            }
        }
    }

    /// How many applications were registered, besides the one that is always there.
    pub fn registered(&self) -> usize {
        self.apps().all().count()
    }

    /// Who owns a registered application, by object id.
    pub fn owners_of(&self, client_id: &str) -> Vec<&'static str> {
        let apps = self.apps();
        let app = apps.by_client_id(client_id);
        app.into_iter().flat_map(|app| app.owners.iter().map(|owner| owner.oid)).collect()
    }

    /// How many applications and service principals are among the deleted items, where they can be restored.
    pub fn deleted(&self) -> usize {
        self.apps().deleted()
    }

    pub(crate) fn apps(&self) -> MutexGuard<'_, Apps> {
        locked(&self.0.apps)
    }

    pub(crate) fn devices(&self) -> MutexGuard<'_, Devices> {
        locked(&self.0.devices)
    }

    pub(crate) fn switches(&self) -> MutexGuard<'_, Switches> {
        locked(&self.0.switches)
    }

    pub(crate) fn codes(&self) -> MutexGuard<'_, Codes> {
        locked(&self.0.codes)
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.switches().faults.contains(&fault)
    }

    pub(crate) fn active(&self) -> BTreeSet<Fault> {
        self.switches().faults.clone()
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.0.keys
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.0.entropy.as_ref()
    }

    /// What the metadata of a tenant calls its issuer: that of External ID is on a host of its own, that of Azure AD B2C ends
    /// with a slash.
    pub(crate) fn issuer_at(&self, tenant: Tenant) -> String {
        let issuer = self.issuer(tenant.issuer_segment());
        match tenant {
            Tenant::External => issuer.replacen("://", &format!("://{EXTERNAL_TENANT_ID}."), 1),
            Tenant::B2c(_) => format!("{issuer}/"),
            _ => issuer,
        }
    }

    /// Issuer of v2.0 tokens of a tenant.
    pub(crate) fn issuer(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.base())
    }

    /// Issuer of v1.0 tokens, `https://sts.windows.net/{tenant}/` at Entra.
    pub(crate) fn v1_issuer(&self, tenant: &str) -> String {
        format!("{}/sts/{tenant}/", self.base())
    }

    /// A text only this installation can make for these claims.
    pub(crate) fn vouch(&self, claims: &Value) -> String {
        format!("1.{}", B64.encode(self.0.master.mac(Purpose::Practice, &claims.to_string()).as_ref()))
    }

    pub(crate) fn seal(&self, kind: Kind, value: &impl Serialize) -> String {
        let plain = Zeroizing::new(serde_json::to_vec(value).expect("plain structs serialise"));
        self.0.sealer.seal(kind.place(), &plain, self.entropy()).as_str().to_owned()
    }

    pub(crate) fn open<T: DeserializeOwned>(&self, kind: Kind, text: &str) -> Option<T> {
        let sealed: Sealed = serde_json::from_value(Value::from(text)).ok()?;
        let plain = self.0.sealer.open(kind.place(), &sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// Every address that is served, `{...}` standing for one segment.
pub fn paths() -> impl Iterator<Item = String> {
    machines().into_iter().chain(pages()).flat_map(|(path, _)| spellings(path))
}

/// Azure AD B2C has a user flow after the tenant, in either spelling.
fn spellings(path: &str) -> Vec<String> {
    let tenants = ["/{tenant}", "/{tenant}/{flow}", "/tfp/{tenant}/{flow}"];
    match path.strip_prefix("/{tenant}/") {
        Some(rest) => tenants.iter().map(|tenant| format!("{tenant}/{rest}")).collect(),
        None => vec![path.to_owned()],
    }
}

/// What programs ask for, and what outages strike.
fn machines() -> Table {
    let mut table = applications::routes();
    table.extend([
        ("/{tenant}/v2.0/.well-known/openid-configuration", get(metadata::configuration)),
        ("/{tenant}/discovery/v2.0/keys", get(metadata::keys)),
        ("/{tenant}/oauth2/v2.0/token", post(token::post)),
        ("/{tenant}/oauth2/v2.0/devicecode", post(device::begin)),
        ("/graph/v1.0/me", get(graph::me)),
        ("/graph/v1.0/me/checkMemberGroups", post(memberships::check)),
    ]);
    table
}

/// What people see.
fn pages() -> Table {
    vec![
        ("/{tenant}/oauth2/v2.0/authorize", get(authorize::get).post(authorize::post)),
        ("/{tenant}/oauth2/v2.0/logout", get(page::signed_out)),
        ("/{tenant}/login", post(sign_in::post)),
        ("/device", get(device::ask).post(device::answer)),
        ("/", get(page::home)),
        ("/practice.css", get(page::style)),
        ("/practice", get(switches::get)),
        ("/practice/faults", post(switches::post_fault)),
        ("/practice/people", post(switches::post_person)),
        ("/practice/certificate", post(switches::post_certificate)),
        ("/practice/federated", post(switches::post_federated)),
    ]
}

fn routed(table: Table) -> Router<Practice> {
    let spelled = table
        .into_iter()
        .flat_map(|(path, methods)| spellings(path).into_iter().map(move |path| (path, methods.clone())));
    spelled.fold(Router::new(), |router, (path, methods)| router.route(&path, methods))
}

impl std::fmt::Debug for Practice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Practice").field("base", &self.0.base).finish_non_exhaustive()
    }
}

impl Kind {
    const fn place(self) -> Place<'static> {
        let column = match self {
            Self::SignInForm => "sign-in form",
            Self::RefreshToken => "refresh token",
        };
        Place { table: "practice", row: "", column }
    }
}

/// A lock whose holder panicked is taken anyway: everything behind one is replaced whole or not at all.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
