//! One run of the server: settings in, listeners out, until it is stopped.
//!
//! Everything that runs is composed here, once. What outlives a run is the business of [`crate::Engine`].

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use authserver::documents::{Documents, Resolver, SafeFetch};
use authserver::{Flow, Parts, Policy};
use entra::Entra;
use model::event::AuthEvent;
use model::keys::{MasterKey, Purpose};
use model::origin::{FRONT_CHANNEL_LOGOUT, Origins};
use model::ports::{Clock, Entropy, Pause, Store, StoreError};
use model::scope::ScopeSet;
use model::settings::{
    Credential, Database, EntraSettings, Identity, PracticeSettings, ServerSettings, Settings, SignInFrom,
    StorageSettings,
};
use practice::{Practice, PracticeConfig};
use store::{MemoryStore, SqliteStore};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alone::Alone;
use crate::api::ApiParts;
use crate::events::Bus;
use crate::gate::Door;
use crate::key::{KeySource, KeyTrouble};
use crate::listen::Listeners;
use crate::vault;

/// How long running requests may take to finish after the order to stop.
pub const GRACE: Duration = Duration::from_secs(10);
/// Events a slow follower may be behind.
const LIVE: usize = 4_096;
const FLUSH_EVERY: Duration = Duration::from_secs(30);
const REAP_EVERY: Duration = Duration::from_secs(300);

/// What the outside world gives: time, waiting, randomness, where the master key is and what host names stand for. Cheap to
/// clone.
#[derive(Clone)]
pub struct World {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub pause: Arc<dyn Pause>,
    pub master_key: KeySource,
    /// For the hosts of client metadata documents.
    pub names: Arc<dyn Resolver>,
}

/// What one run shares with those before and after it.
#[derive(Clone)]
pub(crate) struct Lasting {
    /// Events as they are written, for whoever follows.
    pub(crate) live: broadcast::Sender<AuthEvent>,
    /// While it is set nobody gets in.
    pub(crate) paused: Arc<AtomicBool>,
    /// Where whoever comes from the internet finds what runs.
    pub(crate) door: Door,
    /// Wrong pairing codes so far.
    pub(crate) guesses: authserver::Guesses,
    /// A window of this computer is what its owner sees.
    pub(crate) window: bool,
}

/// Why the engine did not start. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("port {} on {} is already in use; stop the program that has it, or choose another with {flag}", .address.port(), .address.ip())]
    PortInUse { address: SocketAddr, flag: &'static str },
    #[error("cannot listen on {address}: {source}; choose another address with {flag}")]
    Listen { address: SocketAddr, flag: &'static str, source: io::Error },
    #[error(
        "the console cannot listen on {address}: it answers on loopback only; choose 127.0.0.1 or [::1] with --console"
    )]
    NotLoopback { address: SocketAddr },
    #[error("the data folder `{path}` cannot be made: {source}; choose another with --data-dir")]
    DataDir { path: PathBuf, source: io::Error },
    #[error(
        "another server runs on the data folder `{path}`{by}; use that one, or stop it, or choose another folder with --data-dir"
    )]
    FolderInUse { path: PathBuf, by: String },
    #[error("{0}")]
    Key(KeyTrouble),
    #[error(transparent)]
    OtherKey(#[from] store::BindKeyError),
    #[error("the database `{path}` cannot be opened: {source}")]
    Store { path: PathBuf, source: StoreError },
    #[error("the HTTP client for {what} cannot be set up: {detail}")]
    Http { what: &'static str, detail: String },
}

/// A started engine. Dropping it does not stop it; [`Running::stop`] does.
pub struct Running {
    pub mcp_url: String,
    pub practice_url: Option<String>,
    pub flow: Flow,
    pub practice: Option<Practice>,
    pub bus: Bus,
    store: Stored,
    tasks: TaskTracker,
    stop: CancellationToken,
    stop_writer: CancellationToken,
    /// Cancelled when a task ends that has to run as long as the engine.
    dead: CancellationToken,
    writer: tokio::task::JoinHandle<()>,
    parts: Arc<ApiParts>,
    lasting: Lasting,
    /// Given back last. None where nothing is kept.
    _alone: Option<Alone>,
}

enum Stored {
    Memory(Arc<MemoryStore>),
    Sqlite(Arc<SqliteStore>),
}

/// Who says who people are, ready to be asked.
struct Upstream {
    entra: Entra,
    scopes: ScopeSet,
    notice: Option<String>,
    practice: Option<(Practice, Listeners, String)>,
}

// === impl StartError ===

impl StartError {
    /// What a program branches on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PortInUse { .. } => "port_in_use",
            Self::Listen { .. } | Self::NotLoopback { .. } => "cannot_listen",
            Self::DataDir { .. } => "data_folder",
            Self::FolderInUse { .. } => "folder_in_use",
            Self::Key(trouble) => trouble.code,
            Self::OtherKey(_) => "other_key",
            Self::Store { .. } => "database",
            Self::Http { .. } => "http",
        }
    }
}

// === impl Lasting ===

impl Default for Lasting {
    fn default() -> Self {
        Self {
            live: broadcast::channel(LIVE).0,
            paused: Arc::default(),
            door: Door::default(),
            guesses: authserver::Guesses::default(),
            window: false,
        }
    }
}

// === impl Running ===

impl Running {
    pub async fn start(settings: Settings, world: World) -> Result<Self, StartError> {
        Self::start_among(settings, world, &Lasting::default()).await
    }

    pub(crate) async fn start_among(
        settings: Settings,
        world: World,
        lasting: &Lasting,
    ) -> Result<Self, StartError> {
        let Settings { server, identity, access, tools: rules, storage, clients, client_rules, tunnel: _ } =
            settings;
        // Before the port: who has both is told as what it is.
        let alone = alone(&storage)?;
        let listeners = bind(server.listen, "--listen").await?;
        let port = listeners.port().map_err(|source| StartError::Listen {
            address: server.listen,
            flag: "--listen",
            source,
        })?;
        let (store, master) = open_store(&storage, &world.master_key, &world.entropy).await?;
        let master = Arc::new(master);
        let origins = Origins::new(port, server.public_url.clone());
        let upstream = upstream(identity, &server, &origins, &master, &world.clock, &world.entropy).await?;

        let (bus, writer) = Bus::new(lasting.live.clone());
        let fetch = SafeFetch::new(server.documents_from_loopback, world.names).map_err(|error| {
            StartError::Http { what: "client metadata documents", detail: error.to_string() }
        })?;
        let entra = Arc::new(upstream.entra.admitting(access));
        let parts = Parts {
            documents: Documents::new(Arc::new(fetch), world.clock.clone()),
            guesses: lasting.guesses.clone(),
            clock: world.clock,
            entropy: world.entropy,
            store: store.port(),
            upstream: entra.clone(),
            events: Arc::new(bus.clone()),
            master,
        };
        let (mcp_url, public) = (origins.local().mcp_url(), origins.public());
        if let Some(alone) = &alone {
            alone.tell(&mcp_url);
        }
        let (clock, scopes) = (parts.clock.clone(), upstream.scopes.clone());
        let pairing = pairing(client_rules.pairing, &server, lasting);
        if pairing == authserver::Pairing::NotShown {
            tracing::warn!(
                "new clients that come by the public URL need a code, and there is no console to show it; switch it on \
                 with --console, or set clients.pairing to off"
            );
        }
        let policy = Policy {
            origins,
            sign_in: server.sign_in,
            callback_path: server.callback_path,
            scopes: upstream.scopes,
            more_scopes: rules.scopes(),
            cors_origins: server.cors_origins,
            static_clients: clients.clone(),
            client_rules,
            pairing,
            notice: upstream.notice,
        };
        let flow = Flow::new(parts, policy);
        let tools = mcp::McpConfig {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scopes,
            rules: rules.clone(),
            clock: clock.clone(),
            profiles: Arc::new(flow.clone()),
        };
        let app = authserver::router(&flow, mcp::router(&tools));

        let (tasks, stop, stop_writer) =
            (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        listeners.serve_unless(&lasting.paused, &app, &tasks, &stop);
        lasting.door.lead_to(Some(app.with_state(())));
        let (mut practice, mut practice_url) = (None, None);
        if let Some((tenant, listeners, url)) = upstream.practice {
            listeners.serve(&tenant.router(), &tasks, &stop);
            let warm = tenant.clone();
            tokio::spawn(async move { warm.warm().await });
            (practice, practice_url) = (Some(tenant), Some(url));
        }
        let parts = Arc::new(ApiParts {
            flow: flow.clone(),
            entra,
            store: store.port(),
            bus: bus.clone(),
            practice: practice.clone(),
            configured: clients,
            tools: rules,
            mcp_url: mcp_url.clone(),
            public,
            practice_url: practice_url.clone(),
            trying: crate::api::Trying::default(),
        });
        let dead = CancellationToken::new();
        let writer = tokio::spawn(vital(&dead, writer.run(store.port(), stop_writer.clone())));
        tasks.spawn(vital(&dead, upkeep(flow.clone(), store.port(), stop.clone())));
        Ok(Self {
            mcp_url,
            practice_url,
            flow,
            practice,
            bus,
            store,
            tasks,
            stop,
            stop_writer,
            dead,
            writer,
            parts,
            lasting: lasting.clone(),
            _alone: alone,
        })
    }

    /// Looks at the app registration this run uses; nobody signs in and nothing is changed.
    pub async fn check(&self) -> Vec<entra::Step> {
        self.parts.entra.check(&self.flow.callback_urls()).await
    }

    pub fn store(&self) -> Arc<dyn Store> {
        self.store.port()
    }

    /// What commands look at and change.
    pub(crate) fn parts(&self) -> Arc<ApiParts> {
        self.parts.clone()
    }

    pub(crate) const fn lasting(&self) -> &Lasting {
        &self.lasting
    }

    /// Ends once this run was told to stop.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let stop = self.stop.clone();
        async move { stop.cancelled().await }
    }

    /// Ends when something that has to run no longer does.
    pub(crate) fn broken(&self) -> impl Future<Output = ()> + use<> {
        let dead = self.dead.clone();
        async move { dead.cancelled().await }
    }

    /// Stops accepting, lets running requests finish within [`GRACE`], writes what is still to be written.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        // What the provider was told goes on although whoever asked has hung up.
        let finished = async {
            self.tasks.wait().await;
            self.flow.settled().await;
        };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            tracing::warn!("some requests did not finish in time and were cut off");
        }
        if let Err(error) = self.flow.flush_activity().await {
            tracing::warn!(%error, "the last activity of sessions was not written");
        }
        self.stop_writer.cancel();
        if let Err(error) = self.writer.await {
            tracing::error!(%error, "the auth log's writer failed");
        }
        if let Stored::Sqlite(sqlite) = self.store
            && let Err(error) = sqlite.close().await
        {
            tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
        }
    }
}

impl Stored {
    fn port(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(memory) => memory.clone(),
            Self::Sqlite(sqlite) => sqlite.clone(),
        }
    }
}

/// A code helps where the owner is at hand: whoever opened a tunnel is, and so is who signs in on this computer.
fn pairing(
    wanted: model::settings::Pairing,
    server: &ServerSettings,
    lasting: &Lasting,
) -> authserver::Pairing {
    use model::settings::Pairing::{Auto, Off, On};
    let is_shown = lasting.window || server.console.is_some();
    let at_hand = lasting.door.url().is_some() || server.sign_in == SignInFrom::ThisComputer;
    match wanted {
        Auto if is_shown && at_hand => authserver::Pairing::Shown,
        On if is_shown => authserver::Pairing::Shown,
        On => authserver::Pairing::NotShown,
        Auto | Off => authserver::Pairing::Off,
    }
}

pub(crate) async fn bind(address: SocketAddr, flag: &'static str) -> Result<Listeners, StartError> {
    Listeners::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { address, flag },
        _ => StartError::Listen { address, flag, source },
    })
}

/// A database in memory is nobody else's.
fn alone(storage: &StorageSettings) -> Result<Option<Alone>, StartError> {
    match &storage.database {
        Database::Memory => Ok(None),
        Database::Sqlite(_) => {
            make_folder(&storage.data_dir)?;
            Alone::on(&storage.data_dir).map(Some)
        }
    }
}

/// Key before database: a database never exists without the key that opens it.
async fn open_store(
    storage: &StorageSettings,
    key: &KeySource,
    entropy: &Arc<dyn Entropy>,
) -> Result<(Stored, MasterKey), StartError> {
    match &storage.database {
        Database::Memory => {
            let master = match key {
                KeySource::Given(master) => master.as_ref().clone(),
                _ => MasterKey::generate(entropy.as_ref()),
            };
            Ok((Stored::Memory(Arc::new(MemoryStore::new(storage.bounds))), master))
        }
        Database::Sqlite(path) => {
            for folder in [Some(storage.data_dir.as_path()), path.parent()].into_iter().flatten() {
                make_folder(folder)?;
            }
            let needed = path.exists() || vault::exists(&storage.data_dir);
            let master =
                key.load(&storage.data_dir, needed, entropy.clone()).await.map_err(StartError::Key)?;
            let failed = |source| StartError::Store { path: path.clone(), source };
            let sqlite = SqliteStore::open(path, storage.bounds).await.map_err(failed)?;
            sqlite.bind_key(&master.id()).await?;
            Ok((Stored::Sqlite(Arc::new(sqlite)), master))
        }
    }
}

/// Readable by its owner only.
pub(crate) fn make_folder(path: &Path) -> Result<(), StartError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| StartError::DataDir { path: path.to_owned(), source })
}

async fn upstream(
    identity: Identity,
    server: &ServerSettings,
    origins: &Origins,
    master: &MasterKey,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Upstream, StartError> {
    let (settings, practice) = match identity {
        Identity::Entra(settings) => {
            if settings.allowed_tenants.is_empty() && settings.tenant == "common" {
                tracing::warn!(
                    "people of any directory and anybody with a Microsoft account can sign in; name the directories in \
                     entra.allowed_tenants unless that is meant"
                );
            } else if settings.allowed_tenants.is_empty()
                && matches!(settings.tenant.as_str(), "organizations" | "consumers")
            {
                tracing::warn!(
                    "everybody in `{}` can sign in; name the directories in entra.allowed_tenants unless that is meant",
                    settings.tenant
                );
            }
            (*settings, None)
        }
        Identity::Practice(settings) => {
            let callbacks = [Some(origins.local()), origins.public()]
                .into_iter()
                .flatten()
                .map(|site| site.base.join(&server.callback_path))
                .collect();
            let logout_url = origins.local().base.join(FRONT_CHANNEL_LOGOUT);
            let (entra, practice) =
                practice_tenant(settings, callbacks, logout_url, master, clock, entropy).await?;
            (entra, Some(practice))
        }
    };
    let http = entra::http_client_for(&settings.authority)
        .map_err(|error| StartError::Http { what: "the identity provider", detail: error.to_string() })?;
    let notice = practice.as_ref().map(|_| {
        "Practice tenant: nobody here is real, and anyone at this computer can sign in as them. What goes wrong may be a fault that \
         is switched on under Entra, Practice tenant."
            .to_owned()
    });
    let scopes = settings.required_scopes.clone();
    Ok(Upstream {
        entra: Entra::new(settings, http, clock.clone(), entropy.clone()),
        scopes,
        notice,
        practice,
    })
}

/// The practice tenant, and the Entra settings that point at it. From here on it is an identity provider like any other.
async fn practice_tenant(
    settings: PracticeSettings,
    redirect_uris: Vec<String>,
    logout_url: String,
    master: &MasterKey,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<(EntraSettings, (Practice, Listeners, String)), StartError> {
    let listeners = bind(settings.listen, "--practice").await?;
    let port = listeners.port().map_err(|source| StartError::Listen {
        address: settings.listen,
        flag: "--practice",
        source,
    })?;
    let base = format!("http://localhost:{port}");
    let authority = base.parse().expect("localhost with a port is a URL");
    let config = PracticeConfig {
        base: base.clone(),
        redirect_uris,
        logout_url: Some(logout_url),
        auto_sign_in: settings.sign_in,
    };
    let tenant = Practice::new(config, *master.derive(Purpose::Practice), clock.clone(), entropy.clone());
    let entra = EntraSettings {
        authority,
        tenant: practice::TENANT_ID.to_owned(),
        client_id: practice::CLIENT_ID.to_owned(),
        credential: Credential::secret(practice::CLIENT_SECRET),
        identifier_uri: practice::IDENTIFIER_URI.to_owned(),
        required_scopes: ScopeSet::parse_lenient("read"),
        extra_authorize_scopes: ScopeSet::default(),
        allowed_tenants: Vec::new(),
    };
    Ok((entra, (tenant, listeners, base)))
}

/// Tells when `task` ends, in order or by a panic: without it the server would only look alive.
fn vital<T, F: Future<Output = T>>(dead: &CancellationToken, task: F) -> impl Future<Output = T> + use<T, F> {
    let told = dead.clone().drop_guard();
    async move {
        let done = task.await;
        drop(told);
        done
    }
}

/// Activity written back, what has expired deleted.
async fn upkeep(flow: Flow, store: Arc<dyn Store>, stop: CancellationToken) {
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    let mut reap = tokio::time::interval_at(tokio::time::Instant::now() + Duration::from_secs(5), REAP_EVERY);
    loop {
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            _ = flush.tick() => flow.flush_activity().await,
            _ = reap.tick() => store.reap(flow.now()).await.map(|reaped| tracing::debug!(?reaped, "reaped")),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "upkeep of the store failed; it is tried again");
        }
    }
}
