//! Starts the engine on ephemeral ports, and again on the same data. It never asks the network for anything.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

use async_trait::async_trait;
use engine::api::Api;
use engine::console::OpenConsole;
use engine::{Engine, KeySource, Resolver, Running, World};
use model::access::Access;
use model::event::{AuthEvent, EventKind};
use model::origin::BaseUrl;
use model::ports::{Bounds, Clock as _, EventQuery};
use model::settings::{
    AutoOff, ClientRules, Database, Identity, NgrokSettings, PracticeSettings, ServerSettings, Settings,
    SignInFrom, StorageSettings, TunnelSettings,
};
use model::testing::{ManualClock, SeededEntropy};
use model::time::Timestamp;
use model::tools::ToolRules;
use practice::{Fault, Practice};
use tempfile::TempDir;

use crate::browser::Browser;
use crate::client::Client;
use crate::tunnel::Tunnel;

/// A running engine on the practice tenant.
pub struct Rig {
    pub clock: Arc<ManualClock>,
    pub running: Running,
    /// Where the settings ask for one.
    pub console: Option<OpenConsole>,
    settings: Box<Settings>,
    folder: TempDir,
    seed: u64,
}

static TLS: Once = Once::new();

impl Rig {
    /// On SQLite, as people run it.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(adjust: impl FnOnce(&mut Settings)) -> Self {
        TLS.call_once(|| {
            rustls::crypto::aws_lc_rs::default_provider()
                .install_default()
                .expect("the only provider in the graph");
        });
        let folder = TempDir::new().expect("a temporary folder");
        let mut settings = settings(folder.path());
        adjust(&mut settings);
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000)));
        let running = launch(&settings, &clock, folder.path(), 1).await;
        let console = console(&running, &settings, &clock).await;
        // From now on it must come back where clients know it.
        settings.server.listen.set_port(port(&running.mcp_url));
        if let (Identity::Practice(practice), Some(url)) = (&mut settings.identity, &running.practice_url) {
            practice.listen.set_port(port(url));
        }
        Self { clock, running, console, settings: Box::new(settings), folder, seed: 1 }
    }

    /// Stops in order and starts on the same data and ports.
    pub async fn restarted(self) -> Self {
        self.restarted_with(|_| {}).await
    }

    /// Like [`Self::restarted`], with other settings.
    pub async fn restarted_with(self, adjust: impl FnOnce(&mut Settings)) -> Self {
        let Self { clock, running, mut settings, folder, seed, .. } = self;
        running.stop().await;
        adjust(&mut settings);
        let running = launch(&settings, &clock, folder.path(), seed + 1).await;
        let console = console(&running, &settings, &clock).await;
        Self { clock, running, console, settings, folder, seed: seed + 1 }
    }

    /// Like [`Self::restarted`], with a database as new; the master key stays.
    pub async fn restarted_without_database(self) -> Self {
        let Self { clock, running, settings, folder, seed, .. } = self;
        running.stop().await;
        std::fs::remove_file(folder.path().join("proxy.db")).expect("it was there");
        let running = launch(&settings, &clock, folder.path(), seed + 1).await;
        let console = console(&running, &settings, &clock).await;
        Self { clock, running, console, settings, folder, seed: seed + 1 }
    }

    /// Stops in order and tells why it does not start again.
    pub async fn fails_to_restart(self) -> String {
        let Self { clock, running, settings, folder, seed, .. } = self;
        running.stop().await;
        match Running::start(*settings, world(&clock, folder.path(), seed + 1)).await {
            Ok(_) => panic!("it started"),
            Err(error) => error.to_string(),
        }
    }

    pub fn base(&self) -> &str {
        self.running.mcp_url.trim_end_matches("/mcp")
    }

    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    pub fn practice(&self) -> &Practice {
        self.running.practice.as_ref().expect("the rig runs on the practice tenant")
    }

    /// It reaches the public origin too, where the settings have one.
    pub fn browser(&self) -> Browser {
        let mut browser = Browser::new();
        browser.tunnel = self.tunnel();
        browser.window = Some(self.window());
        browser
    }

    /// What a window of this server shows and does.
    pub fn window(&self) -> Api {
        Engine::around(&self.running).api()
    }

    /// The way in from the internet, where the settings have a public origin.
    pub fn tunnel(&self) -> Option<Tunnel> {
        let public = self.settings.server.public_url.as_ref()?;
        Some(Tunnel { public: public.to_string(), local: self.base().to_owned() })
    }

    /// A public client with a loopback redirect URI, not yet registered.
    pub fn client(&self, name: &str) -> Client {
        Client::to(self.base(), name)
    }

    pub async fn with_fault<T>(&self, fault: Fault, story: impl Future<Output = T>) -> T {
        self.practice().set_fault(fault, true);
        let told = story.await;
        self.practice().set_fault(fault, false);
        told
    }

    /// The app registration as it is found without a sign-in.
    pub async fn check(&self) -> Vec<entra::Step> {
        self.running.check().await
    }

    pub fn pass(&self, span: Duration) {
        self.clock.advance(span);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The auth log, oldest first. Waits until the writer has caught up with what was recorded.
    pub async fn events(&self) -> Vec<AuthEvent> {
        let mut before = usize::MAX;
        loop {
            let query = EventQuery { limit: 1000, ..EventQuery::default() };
            let mut events = self.running.store().list_events(&query).await.expect("the log reads");
            if events.len() == before {
                events.reverse();
                return events;
            }
            before = events.len();
            // The writer is another task; give it a turn.
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    pub async fn event_names(&self) -> Vec<&'static str> {
        self.events().await.iter().map(|event| event.kind.name()).collect()
    }

    pub async fn last_event(&self, name: &str) -> EventKind {
        let events = self.events().await;
        let found = events.into_iter().rev().find(|event| event.kind.name() == name);
        found.unwrap_or_else(|| panic!("no {name} in the log")).kind
    }
}

async fn launch(settings: &Settings, clock: &Arc<ManualClock>, folder: &Path, seed: u64) -> Running {
    let started = Running::start(settings.clone(), world(clock, folder, seed)).await;
    started.unwrap_or_else(|error| panic!("the engine starts: {error}"))
}

async fn console(running: &Running, settings: &Settings, clock: &Arc<ManualClock>) -> Option<OpenConsole> {
    let api = Engine::around(running).api();
    let entropy = Arc::new(SeededEntropy::new(77));
    let console = OpenConsole::start(api, settings.server.console?, clock.clone(), entropy).await;
    Some(console.expect("the console listens"))
}

fn world(clock: &Arc<ManualClock>, folder: &Path, seed: u64) -> World {
    let entropy = Arc::new(SeededEntropy::new(seed));
    World {
        clock: clock.clone(),
        pause: clock.clone(),
        entropy,
        master_key: KeySource::File(folder.join("master.key")),
        names: Arc::new(Nowhere),
    }
}

/// A computer without a network: no host has an address, so what is compiled in is all there is to know of a client.
struct Nowhere;

#[async_trait]
impl Resolver for Nowhere {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} leads nowhere in tests")))
    }
}

fn settings(folder: &Path) -> Settings {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    Settings {
        server: ServerSettings {
            listen: any_port,
            public_url: None,
            sign_in: SignInFrom::ThisComputer,
            callback_path: "/auth/callback".to_owned(),
            cors_origins: Vec::new(),
            paused: false,
            console: None,
            documents_from_loopback: true,
        },
        identity: Identity::Practice(PracticeSettings { listen: any_port, sign_in: None }),
        storage: StorageSettings {
            data_dir: folder.to_owned(),
            database: Database::Sqlite(folder.join("proxy.db")),
            bounds: Bounds::default(),
        },
        tunnel: TunnelSettings {
            provider: "cloudflared".to_owned(),
            command: String::new(),
            domain: None,
            ssh: None,
            ngrok: NgrokSettings::default(),
            auto_off: AutoOff::Never,
        },
        access: Access::default(),
        tools: ToolRules::default(),
        clients: Vec::new(),
        client_rules: ClientRules::default(),
    }
}

/// Reached by `url` from the internet, with a console where the owner reads the codes of new clients.
pub fn is_public(settings: &mut Settings, url: &str) {
    settings.server.public_url = public(url);
    settings.server.console = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
}

/// For stories about the public origin.
pub fn public(url: &str) -> Option<BaseUrl> {
    Some(BaseUrl::parse(url).expect("a base URL"))
}

fn port(url: &str) -> u16 {
    url::Url::parse(url).ok().and_then(|url| url.port()).expect("a URL with a port")
}
