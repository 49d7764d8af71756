//! The way in from the internet: one switch, a tunnel behind it, and a listener of its own for what comes through.
//!
//! Because that listener hears nothing but the tunnel, whoever comes in there is known to be from outside, whatever their
//! headers say. It outlives runs of the engine; a run that knows another public address is another run.

mod auto_off;
mod ingress;
mod limits;
pub(crate) mod look;
mod visits;
mod whereabouts;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Mutexed, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use model::ids::{ClientId, TokenHash};
use model::origin::BaseUrl;
use model::settings::{NgrokSettings, Settings, SshSettings, TunnelSettings};
use model::time::Timestamp;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::service_fn;
use tunnel::{
    Doubt, KnownHosts, Ngrok, Opener, Outside, Provider, Shape, Ssh, SshListen, SshServer, State, Tunnel,
    Wishes,
};
use url::Url;

use crate::engine::Engine;
use crate::running::{StartError, bind};
use auto_off::{Moment, Watch};
use ingress::Entrance;
use limits::Limits;
use visits::Visits;
use whereabouts::{Whereabouts, local_address};

/// Between two looks whether it is time to close.
const TICK: Duration = Duration::from_secs(1);
/// How often it is told that another number was turned away.
const TOLD_EVERY: Duration = Duration::from_secs(5);

pub(crate) use limits::{Limit, MOST_KNOWN};
pub(crate) use visits::{Outcome, Visit};

/// What the switch of one engine turns. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    state: watch::Sender<State>,
    on: Mutex<Option<On>>,
    door: Door,
    limits: Arc<Limits>,
    visits: Arc<Visits>,
    /// When it closes by itself, and why it did.
    ends: Mutexed<Ends>,
}

#[derive(Default)]
struct Ends {
    closes_at: Option<Timestamp>,
    because: Option<String>,
}

/// What runs now serves whoever comes through the tunnel.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<DoorInner>);

#[derive(Default)]
struct DoorInner {
    app: RwLock<Option<Router>>,
    /// The public address while there is one; runs are started with it.
    url: RwLock<Option<BaseUrl>>,
    /// The program ends, so nothing is started again.
    leaving: AtomicBool,
}

struct On {
    tunnel: Tunnel,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What the supervisor does with addresses.
struct Engines {
    engine: Engine,
    door: Door,
}

/// Why the switch did not turn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOpened {
    #[error("`{0}` is not installed on this computer")]
    NotInstalled(&'static str, &'static str),
    #[error("the tunnel's command cannot be used: {0}")]
    Command(String),
    #[error("ngrok wants the authtoken of your account, and none is given")]
    NoAuthtoken,
    #[error("the file `{}` with ngrok's certificate authorities cannot be used: {source}", path.display())]
    Authorities { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Start(#[from] StartError),
}

// === impl NotOpened ===

impl NotOpened {
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NotInstalled(_, install) => (*install).to_owned(),
            Self::Command(_) => {
                "correct it under Tunnel, for example `cloudflared tunnel --url http://127.0.0.1:{port}`"
                    .to_owned()
            }
            Self::NoAuthtoken => {
                "paste the one from dashboard.ngrok.com/get-started/your-authtoken, or set `JMOP_TUNNEL_NGROK_AUTHTOKEN`".to_owned()
            }
            Self::Authorities { .. } => {
                "correct `tunnel.ngrok_ca_file`, or remove it where ngrok's own server is used".to_owned()
            }
            Self::Start(_) => "try again; if it stays, start the program again".to_owned(),
        }
    }
}

// === impl Door ===

impl Door {
    pub(crate) fn url(&self) -> Option<BaseUrl> {
        read(&self.0.url).clone()
    }

    /// What a run serves; `None` while none runs.
    pub(crate) fn lead_to(&self, app: Option<Router>) {
        *write(&self.0.app) = app;
    }

    /// From now on no address is worth a restart.
    pub(crate) fn leave(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }

    /// `false` if it was that before.
    fn rename(&self, url: Option<BaseUrl>) -> bool {
        let mut known = write(&self.0.url);
        let renamed = *known != url;
        *known = url;
        renamed
    }
}

// === impl Gate ===

impl Gate {
    pub(crate) fn new(door: Door) -> Self {
        Self(Arc::new(Inner {
            state: watch::Sender::new(State::Off),
            on: Mutex::default(),
            door,
            limits: Arc::default(),
            visits: Arc::default(),
            ends: Mutexed::default(),
        }))
    }

    /// The public address while there is one.
    pub(crate) fn url(&self) -> Option<BaseUrl> {
        self.0.door.url()
    }

    /// When it closes by itself.
    pub(crate) fn closes_at(&self) -> Option<Timestamp> {
        self.ends().closes_at
    }

    /// Why it closed by itself.
    pub(crate) fn closed_because(&self) -> Option<String> {
        self.ends().because.clone()
    }

    /// Requests in the last minute.
    pub(crate) fn turned_away(&self) -> u32 {
        self.0.limits.turned_away()
    }

    /// What came in from outside, the latest first.
    pub(crate) fn visits(&self) -> Vec<Visit> {
        self.0.visits.all()
    }

    pub(crate) fn forget_visits(&self) {
        self.0.visits.forget();
    }

    /// People signed in for this client: strangers do not use up what it may ask.
    pub(crate) fn know(&self, client: &ClientId) {
        self.0.limits.know(TokenHash::of(client.as_str()));
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> State {
        self.0.state.borrow().clone()
    }

    /// Whether what these settings choose can be started at all, found out without starting it.
    pub(crate) fn can_open(settings: &Settings) -> Result<(), NotOpened> {
        opener(&settings.tunnel, 0, &known_hosts(&settings.storage.data_dir)).map(drop)
    }

    /// Ends the tunnel that is on, if any, and starts one. The one that is on stays if no other can be started.
    pub(crate) async fn open(&self, engine: &Engine, settings: &Settings) -> Result<(), NotOpened> {
        let Settings { tunnel: settings, storage, .. } = settings;
        let mut on = self.0.on.lock().await;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listeners = bind(address, "--listen").await?;
        let port =
            listeners.port().map_err(|source| StartError::Listen { address, flag: "--listen", source })?;
        let opener = opener(settings, port, &known_hosts(&storage.data_dir))?;
        if let Some(before) = on.take() {
            before.end().await;
        }
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let visitor = Provider::find(&settings.provider).and_then(Provider::visitor);
        let entrance = Entrance {
            engine: engine.clone(),
            door: self.0.door.clone(),
            limits: self.0.limits.clone(),
            visits: self.0.visits.clone(),
            visitor,
        };
        let app = Router::new().fallback_service(service_fn(move |request| entrance.clone().answer(request)));
        engine.serve_outside(listeners, &app, &tasks, &stop);
        // Whoever follows learns of each change.
        tokio::spawn(tell(engine.clone(), self.0.state.subscribe(), stop.clone()));
        let begun = Instant::now();
        let watch = Watch::new(settings.auto_off, Moment { wall: engine.now(), run: begun.elapsed() });
        *self.ends() = Ends { closes_at: watch.closes_at(), because: None };
        tokio::spawn(look_after(engine.clone(), watch, begun, stop.clone()));
        let outside = Engines { engine: engine.clone(), door: self.0.door.clone() };
        let tunnel = Tunnel::start(opener, Arc::new(outside), self.0.state.clone());
        *on = Some(On { tunnel, tasks, stop });
        Ok(())
    }

    /// This computer woke, or is somewhere else in the network.
    async fn look_now(&self) {
        if let Some(on) = self.0.on.lock().await.as_ref() {
            on.tunnel.look_now();
        }
    }

    /// Like [`Self::close`], unless it was switched meanwhile.
    async fn close_by_itself(&self, stop: &CancellationToken, because: String) {
        let mut on = self.0.on.lock().await;
        if stop.is_cancelled() {
            return;
        }
        if let Some(on) = on.take() {
            on.end().await;
        }
        *self.ends() = Ends { closes_at: None, because: Some(because) };
        self.0.state.send_replace(State::Off);
    }

    /// Closes the public address and cuts what came through it.
    pub(crate) async fn close(&self) {
        if let Some(on) = self.0.on.lock().await.take() {
            on.end().await;
        }
        *self.ends() = Ends::default();
        // A refused one has nothing left to end but what it says.
        self.0.state.send_replace(State::Off);
    }
}

/// Closes the tunnel when its time has come, has it looked at when this computer moved, and tells how many are turned away.
async fn look_after(engine: Engine, mut watch: Watch, begun: Instant, stop: CancellationToken) {
    let (mut told, mut told_at) = (0, begun);
    let now = || Moment { wall: engine.now(), run: begun.elapsed() };
    let mut place = Whereabouts::new(now(), local_address());
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
        if let Some(why) = watch.look(now()) {
            tracing::warn!(%why, "the tunnel closes by itself");
            engine.gate().close_by_itself(&stop, why.to_string()).await;
            engine.tell_status().await;
            return;
        }
        let news = engine.gate().0.visits.news();
        if !news.is_empty() {
            engine.tell_visits(news);
        }
        if let Some(change) = place.look(now(), local_address()) {
            tracing::info!(?change, "the tunnel is looked at anew");
            engine.gate().look_now().await;
        }
        let away = engine.gate().turned_away();
        if away != told && told_at.elapsed() >= TOLD_EVERY {
            (told, told_at) = (away, Instant::now());
            engine.tell_status().await;
        }
    }
}

impl On {
    async fn end(self) {
        // What opened it first: with it goes every connection that came through.
        self.tunnel.stop().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What these settings ask of whatever program is chosen.
pub(crate) fn wishes(settings: &TunnelSettings) -> Wishes {
    let ssh = settings.ssh.as_ref().and_then(|SshSettings { server, key, listen }| {
        Some(Ssh {
            server: SshServer::parse(server).ok()?,
            key: key.clone(),
            listen: SshListen::parse(listen).ok()?,
        })
    });
    Wishes { domain: settings.domain.clone(), ssh }
}

/// Where the keys of SSH servers are pinned.
pub(crate) fn known_hosts(data_dir: &Path) -> KnownHosts {
    KnownHosts::at(data_dir.join("known_hosts"))
}

fn opener(
    settings: &TunnelSettings,
    port: u16,
    known_hosts: &KnownHosts,
) -> Result<Box<dyn Opener>, NotOpened> {
    Ok(match Provider::find(&settings.provider) {
        None => Box::new(Shape::of_command(&settings.command, port).map_err(NotOpened::Command)?),
        Some(Provider::Program(program)) => {
            let binary = program.located().ok_or(NotOpened::NotInstalled(program.binary, program.install))?;
            Box::new(program.shape(binary, port, &wishes(settings), known_hosts))
        }
        Some(Provider::Ngrok) => Box::new(ngrok(settings, port)?),
    })
}

fn ngrok(settings: &TunnelSettings, port: u16) -> Result<Ngrok, NotOpened> {
    let NgrokSettings { authtoken, server, ca_file } = &settings.ngrok;
    Ok(Ngrok {
        authtoken: authtoken.clone().ok_or(NotOpened::NoAuthtoken)?,
        domain: settings.domain.clone(),
        server: server.clone(),
        authorities: ca_file.as_deref().map(authorities).transpose()?,
        port,
    })
}

fn authorities(path: &Path) -> Result<Vec<u8>, NotOpened> {
    let unusable = |source| NotOpened::Authorities { path: path.to_owned(), source };
    let pem = std::fs::read(path).map_err(unusable)?;
    let head = b"-----BEGIN CERTIFICATE-----";
    if !pem.windows(head.len()).any(|part| part == head) {
        return Err(unusable(io::Error::other("no certificate is in it")));
    }
    Ok(pem)
}

async fn tell(engine: Engine, mut state: watch::Receiver<State>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            changed = state.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
        engine.tell_status().await;
    }
}

// === impl Engines ===

#[async_trait]
impl Outside for Engines {
    async fn opened(&self, url: &Url) {
        match BaseUrl::parse_public(url.as_str()) {
            Ok(base) => {
                if self.door.rename(Some(base)) {
                    self.engine.restart().await;
                }
            }
            Err(error) => tracing::error!(%error, "the tunnel's address is none that can be used"),
        }
    }

    async fn closed(&self) {
        if self.door.rename(None) && !self.door.0.leaving.load(Ordering::Relaxed) {
            self.engine.restart().await;
        }
    }

    async fn look(&self, url: &Url) -> Result<Vec<Doubt>, Doubt> {
        if self.engine.is_paused() {
            return Err(doubt(
                "all access is paused, so nobody gets through",
                "let everybody in again; then it is looked at from outside by itself",
            ));
        }
        let live = self.engine.live().ok_or_else(|| doubt("the server is starting", "wait a moment"))?;
        let base = BaseUrl::parse_public(url.as_str())
            .map_err(|error| doubt(error.to_string(), "switch the tunnel off and on again"))?;
        let look = live.look(&base).map_err(|error| doubt(error.to_string(), "start the program again"))?;
        look.outside().await.verdict()
    }

    fn answers(&self) -> bool {
        !self.engine.is_paused() && self.engine.live().is_some()
    }
}

fn doubt(reason: impl Into<String>, hint: &str) -> Doubt {
    Doubt { reason: reason.into(), hint: hint.to_owned() }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
