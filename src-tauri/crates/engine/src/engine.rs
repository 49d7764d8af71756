//! The engine as a window or the console sees it: started, stopped, started again with other settings, and always there to
//! be asked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use axum::Router;
use futures::FutureExt as _;
use model::Secret;
use model::event::{AuthEvent, EventKind};
use model::ids::ClientId;
use model::session::Session;
use model::settings::Settings;
use model::time::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, MutexGuard, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{Api, ApiEvent, ApiParts, Creation, EventRow, Offer, State, VisitRow};
use crate::creating::Creating;
use crate::gate::{Gate, MOST_KNOWN, Visit};
use crate::holder::{self, Holder};
use crate::listen::Listeners;
use crate::running::{Lasting, Running, StartError, World};
use crate::settings::{Problem, SettingsDraft, default_data_dir};
use crate::vault;

/// Events a slow follower may be behind.
const FOLLOWED: usize = 1_024;
/// Events that come within this time are told together.
const TOGETHER: Duration = Duration::from_millis(50);
/// Events told together at most.
const MOST_TOGETHER: usize = 500;
/// Ports looked at for a free one.
const NEIGHBOURS: u16 = 20;

/// Where settings come from, strongest last: the file, what the window sealed, and what stands above both.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `settings.toml`. It need not exist; saving makes it.
    pub file: PathBuf,
    /// Environment and command line, which no window can change.
    pub above: SettingsDraft,
    /// Whether a window of this computer is what people see of it.
    pub desktop: bool,
}

/// Cheap to clone. Dropping it does not stop it; [`Engine::stop`] does.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    sources: Sources,
    /// `None` where the engine was started by somebody else and cannot be started again from here.
    world: Option<World>,
    lasting: Lasting,
    gate: Gate,
    creating: Creating,
    /// One change of the settings file and the vault at a time.
    saving: Mutex<()>,
    state: watch::Sender<State>,
    /// One start or stop at a time.
    running: Mutex<Option<Running>>,
    live: RwLock<Option<Arc<ApiParts>>>,
    /// Those in force, or that would be if they could be used.
    settings: RwLock<Option<Settings>>,
    started_at: RwLock<Option<Timestamp>>,
    events: broadcast::Sender<ApiEvent>,
    following: AtomicBool,
}

/// The settings as they are now, from all their sources.
pub(crate) struct Drafted {
    pub(crate) draft: SettingsDraft,
    /// Without what stands above, for saving.
    pub(crate) data_dir: Option<PathBuf>,
}

// === impl Engine ===

impl Engine {
    pub fn new(sources: Sources, world: World) -> Self {
        let lasting = Lasting { window: sources.desktop, ..Lasting::default() };
        Self::build(sources, Some(world), lasting, State::Stopped)
    }

    /// Around one run that was started with settings from elsewhere.
    pub fn around(running: &Running) -> Self {
        let engine = Self::build(Sources::default(), None, running.lasting().clone(), State::Running);
        engine.set_live(Some(running.parts()));
        engine.follow();
        engine
    }

    /// Around parts without listeners, whose events come by `live`.
    #[cfg(test)]
    pub(crate) fn over(parts: Arc<ApiParts>, live: broadcast::Sender<AuthEvent>) -> Self {
        let lasting = Lasting { live, ..Lasting::default() };
        let engine = Self::build(Sources::default(), None, lasting, State::Running);
        engine.set_live(Some(parts));
        engine.follow();
        engine
    }

    fn build(sources: Sources, world: Option<World>, lasting: Lasting, state: State) -> Self {
        Self(Arc::new(Inner {
            sources,
            world,
            gate: Gate::new(lasting.door.clone()),
            creating: Creating::new(),
            saving: Mutex::default(),
            lasting,
            state: watch::Sender::new(state),
            running: Mutex::new(None),
            live: RwLock::default(),
            settings: RwLock::default(),
            started_at: RwLock::default(),
            events: broadcast::Sender::new(FOLLOWED),
            following: AtomicBool::new(false),
        }))
    }

    pub fn api(&self) -> Api {
        Api::of(self.clone())
    }

    /// Running, or why not; changes with every start and stop.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    /// Where the settings in force want the console.
    pub fn console_address(&self) -> Option<SocketAddr> {
        self.settings()?.server.console
    }

    /// The address of the practice tenant, where it runs.
    pub fn practice_url(&self) -> Option<String> {
        self.live()?.practice_url.clone()
    }

    pub fn mcp_url(&self) -> Option<String> {
        Some(self.live()?.mcp_url.clone())
    }

    /// Reads the settings and starts. Does nothing if it runs. Whether it worked is its [`State`]; problems of the settings
    /// and errors are given too, for whoever has no window.
    ///
    /// # Errors
    /// Settings that cannot be used, or what stood in the way of starting.
    pub async fn start(&self) -> Result<(), NotStarted> {
        let mut running = self.0.running.lock().await;
        if running.is_some() {
            return Ok(());
        }
        let Some(world) = self.0.world.clone() else { return Ok(()) };
        self.follow();
        self.set_state(State::Starting).await;
        let started = self.begin(world).await;
        match started {
            Ok(run) => {
                *write(&self.0.started_at) = Some(run.flow.now());
                self.set_live(Some(run.parts()));
                self.introduce(&run).await;
                self.watch_over(&run);
                *running = Some(run);
                self.set_state(State::Running).await;
                Ok(())
            }
            Err(reason) => {
                self.set_state(self.failed(&reason).await).await;
                Err(reason)
            }
        }
    }

    async fn begin(&self, world: World) -> Result<Running, NotStarted> {
        let mut settings = self.validated().await?;
        if let Some(url) = self.0.lasting.door.url() {
            settings.server.public_url = Some(url);
        }
        *write(&self.0.settings) = Some(settings.clone());
        self.0.lasting.paused.store(settings.server.paused, Ordering::Relaxed);
        // A panic here must be seen as what it is, and not leave everybody waiting for a start.
        let start = AssertUnwindSafe(Running::start_among(settings, world, &self.0.lasting)).catch_unwind();
        Ok(start.await.map_err(|_| NotStarted::Crashed)??)
    }

    /// Lets what runs finish, within [`crate::GRACE`].
    pub async fn stop(&self) {
        self.0.creating.end().await;
        self.0.lasting.door.leave();
        self.0.gate.close().await;
        let mut running = self.0.running.lock().await;
        self.halt(&mut running).await;
        self.set_state(State::Stopped).await;
    }

    /// Stops if it runs, and starts with the settings as they are now. Nobody is signed out by it.
    pub async fn restart(&self) {
        {
            let mut running = self.0.running.lock().await;
            self.halt(&mut running).await;
        }
        if let Err(reason) = self.start().await {
            tracing::error!(%reason, "the server did not start");
        }
    }

    /// Whoever looks after the way in learns whom people signed in for.
    async fn introduce(&self, run: &Running) {
        let parts = run.parts();
        // Without them known clients are strangers until they call.
        let sessions = run.store().list_sessions().await.unwrap_or_default();
        // Where there is no room for all, those that come last stay.
        for client in in_use(sessions, self.now()).iter().rev() {
            self.0.gate.know(client);
        }
        for client in &parts.configured {
            self.0.gate.know(&client.id);
        }
    }

    async fn halt(&self, running: &mut Option<Running>) {
        self.set_live(None);
        self.0.lasting.door.lead_to(None);
        *write(&self.0.started_at) = None;
        if let Some(run) = running.take() {
            run.stop().await;
        }
    }

    /// Something that has to run ended by itself: that is told, and the rest is stopped.
    fn watch_over(&self, run: &Running) {
        let (engine, broken, stopped) = (self.clone(), run.broken(), run.stopped());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = stopped => return,
                () = broken => {}
            }
            tracing::error!("a part of the server ended by itself");
            let mut running = engine.0.running.lock().await;
            engine.halt(&mut running).await;
            engine
                .set_state(State::Failed {
                    code: "crashed".to_owned(),
                    message: "a part of the server stopped by itself; nothing that was stored is lost"
                        .to_owned(),
                    hint: "press Restart; if it happens again, send us the support bundle from Settings"
                        .to_owned(),
                    offer: None,
                })
                .await;
        });
    }

    async fn failed(&self, reason: &NotStarted) -> State {
        let offer = match reason {
            NotStarted::Start(StartError::PortInUse { address, flag }) => {
                free_neighbour(*address, flag).await
            }
            _ => None,
        };
        let told = match reason {
            NotStarted::Start(StartError::PortInUse { address, .. }) => taken(*address),
            reason => reason.to_string(),
        };
        let (message, hint) = told.split_once("; ").unwrap_or((&told, "mend that, then press Restart"));
        State::Failed {
            code: reason.code().to_owned(),
            message: message.to_owned(),
            hint: hint.to_owned(),
            offer,
        }
    }

    async fn set_state(&self, state: State) {
        self.0.state.send_replace(state);
        self.tell_status().await;
    }

    /// Whoever follows learns how things stand now.
    pub(crate) async fn tell_status(&self) {
        let status = self.api().status_now().await;
        // Nobody following is fine.
        let _ = self.0.events.send(ApiEvent::StatusChanged(Box::new(status)));
    }

    /// How many wrong pairing codes were typed.
    pub(crate) fn guesses(&self) -> &authserver::Guesses {
        &self.0.lasting.guesses
    }

    pub(crate) async fn tell_pairings(&self) {
        if self.guesses().used_up_until(self.now(), None).is_some() {
            self.tell_status().await;
        }
        match self.api().pairings_now().await {
            Ok(rows) => {
                // Nobody following is fine.
                let _ = self.0.events.send(ApiEvent::PairingsChanged(rows));
            }
            Err(error) => tracing::warn!(%error, "the clients that wait for a code could not be read"),
        }
    }

    pub(crate) fn tell_visits(&self, visits: Vec<Visit>) {
        // Nobody following is fine.
        let _ = self.0.events.send(ApiEvent::VisitsChanged(visits.into_iter().map(VisitRow::from).collect()));
    }

    /// Notes how far the making of a registration is, and tells whoever follows.
    pub(crate) fn tell_creation(&self, state: Creation) {
        self.0.creating.set(state.clone());
        let _ = self.0.events.send(ApiEvent::CreationChanged(Box::new(state)));
    }

    /// Passes events on to whoever follows, a few together.
    fn follow(&self) {
        if self.0.following.swap(true, Ordering::Relaxed) {
            return;
        }
        tokio::spawn(pass_on(
            self.0.lasting.live.subscribe(),
            self.0.events.clone(),
            Arc::downgrade(&self.0),
        ));
    }
}

/// Whose sessions go on, as many as can be known at a time, the one used last first.
fn in_use(mut sessions: Vec<Session>, now: Timestamp) -> Vec<ClientId> {
    sessions.retain(|session| session.is_live() && now < session.expires_at());
    sessions.sort_by_key(|session| Reverse(session.active_at.max(session.refreshed_at)));
    let mut seen = HashSet::new();
    let clients = sessions.into_iter().map(|session| session.client);
    clients.filter(|client| seen.insert(client.clone())).take(MOST_KNOWN).collect()
}

/// What the rest of this crate needs of it.
impl Engine {
    pub(crate) fn live(&self) -> Option<Arc<ApiParts>> {
        read(&self.0.live).clone()
    }

    fn set_live(&self, parts: Option<Arc<ApiParts>>) {
        *write(&self.0.live) = parts;
    }

    pub(crate) fn state(&self) -> State {
        self.0.state.borrow().clone()
    }

    pub(crate) fn settings(&self) -> Option<Settings> {
        read(&self.0.settings).clone()
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.0.sources
    }

    pub(crate) fn world(&self) -> Option<&World> {
        self.0.world.as_ref()
    }

    pub(crate) fn creating(&self) -> &Creating {
        &self.0.creating
    }

    /// Whoever changes what is kept of the settings has this meanwhile.
    pub(crate) async fn saving(&self) -> MutexGuard<'_, ()> {
        self.0.saving.lock().await
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// Serves a listener that outlives runs; whoever asks while access is paused is told to come again.
    pub(crate) fn serve_outside(
        &self,
        listeners: Listeners,
        app: &Router,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        listeners.serve_strangers(&self.0.lasting.paused, app, tasks, stop);
    }

    pub(crate) fn started_at(&self) -> Option<Timestamp> {
        *read(&self.0.started_at)
    }

    pub(crate) fn now(&self) -> Timestamp {
        match (&self.0.world, self.live()) {
            (_, Some(live)) => live.flow.now(),
            (Some(world), None) => world.clock.now(),
            (None, None) => Timestamp::from_millis(0),
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.0.lasting.paused.load(Ordering::Relaxed)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.0.lasting.paused.store(paused, Ordering::Relaxed);
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<ApiEvent> {
        self.0.events.subscribe()
    }

    pub(crate) fn file_draft(&self) -> SettingsDraft {
        let file = &self.0.sources.file;
        match std::fs::read_to_string(file) {
            Ok(text) => SettingsDraft::from_toml(&text, file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => SettingsDraft::default(),
            Err(error) => SettingsDraft::unreadable(file, &error),
        }
    }

    /// The settings as they are, or [`NotStarted::Settings`] with every problem. Starts nothing.
    pub async fn validated(&self) -> Result<Settings, NotStarted> {
        self.drafted().await.draft.validate().map_err(NotStarted::Settings)
    }

    /// All sources together. What is sealed needs the master key, which is only asked for where something is sealed.
    pub(crate) async fn drafted(&self) -> Drafted {
        self.drafted_with(SettingsDraft::default()).await
    }

    /// With what a person typed over the file, under the environment.
    pub(crate) async fn drafted_with(&self, typed: SettingsDraft) -> Drafted {
        let plain = self.file_draft().overlay(typed.clone()).overlay(self.0.sources.above.clone());
        let data_dir = plain.plain_text("storage.data_dir").map(PathBuf::from).or_else(default_data_dir);
        let sealed = match &data_dir {
            Some(folder) if vault::exists(folder) => self.sealed(folder).await,
            _ => SettingsDraft::default(),
        };
        let draft = self.file_draft().overlay(sealed).overlay(typed).overlay(self.0.sources.above.clone());
        Drafted { draft, data_dir }
    }

    async fn sealed(&self, data_dir: &Path) -> SettingsDraft {
        let Some(world) = &self.0.world else { return SettingsDraft::default() };
        let secrets: Result<BTreeMap<String, Secret>, String> =
            match world.master_key.load(data_dir, true, world.entropy.clone()).await {
                Ok(key) => vault::read(data_dir, &key).map_err(|error| error.to_string()),
                Err(trouble) => Err(trouble.to_string()),
            };
        SettingsDraft::from_vault(secrets)
    }
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    #[error("{}", told(.0))]
    Settings(Vec<Problem>),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the server broke while it started; send us the support bundle from Settings")]
    Crashed,
}

impl NotStarted {
    /// What a program branches on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Settings(_) => "bad_settings",
            Self::Start(error) => error.code(),
            Self::Crashed => "crashed",
        }
    }
}

fn told(problems: &[Problem]) -> String {
    match problems {
        [one] => format!("a setting cannot be used: {}; correct it, then press Restart", one.brief()),
        many => format!(
            "{} settings cannot be used, the first of them: {}; correct them, then press Restart",
            many.len(),
            many.first().map(Problem::brief).unwrap_or_default()
        ),
    }
}

/// By whom, as far as that can be seen.
fn taken(address: SocketAddr) -> String {
    let (port, ip) = (address.port(), address.ip());
    match holder::of_port(port) {
        Some(Holder { name, pid }) => format!(
            "port {port} on {ip} is already in use by `{name}` (process {pid}); stop that program, or use another port"
        ),
        None => format!(
            "port {port} on {ip} is already in use by another program; stop that program, or use another port"
        ),
    }
}

/// The next port nobody listens on, as a change of the setting that names the taken one.
async fn free_neighbour(taken: SocketAddr, flag: &str) -> Option<Offer> {
    let setting = match flag {
        "--listen" => "server.listen",
        "--practice" => "practice.listen",
        _ => return None,
    };
    for step in 10..10 + NEIGHBOURS {
        let port = taken.port().checked_add(step)?;
        let address = SocketAddr::new(taken.ip(), port);
        if Listeners::bind(address).await.is_ok() {
            return Some(Offer { port, setting: setting.to_owned(), text: address.to_string() });
        }
    }
    None
}

async fn pass_on(
    mut live: broadcast::Receiver<AuthEvent>,
    events: broadcast::Sender<ApiEvent>,
    engine: Weak<Inner>,
) {
    loop {
        let mut rows: Vec<EventRow> = Vec::new();
        let mut waits_changed = false;
        match live.recv().await {
            Ok(event) => {
                waits_changed |= is_about_waiting(&event.kind);
                rows.push(event.into());
            }
            Err(RecvError::Lagged(missed)) => {
                let _ = events.send(ApiEvent::EventsMissed { missed });
                continue;
            }
            Err(RecvError::Closed) => return,
        }
        tokio::time::sleep(TOGETHER).await;
        while rows.len() < MOST_TOGETHER
            && let Ok(event) = live.try_recv()
        {
            waits_changed |= is_about_waiting(&event.kind);
            rows.push(event.into());
        }
        // Nobody following is fine.
        let _ = events.send(ApiEvent::EventsRecorded(rows));
        if waits_changed && let Some(engine) = engine.upgrade() {
            Engine(engine).tell_pairings().await;
        }
    }
}

/// After which other clients may wait for their code than before.
const fn is_about_waiting(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::PairingAsked
            | EventKind::PairingFailed { .. }
            | EventKind::ConsentApproved { .. }
            | EventKind::ConsentDeclined
    )
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use model::session::{Ended, SessionState};

    use super::*;
    use crate::api::tests::Bench;

    #[tokio::test]
    async fn whom_strangers_take_nothing_from_are_those_who_are_signed_in() {
        let bench = Bench::new();
        let one = bench.session().await;
        let (now, id) = (one.created_at, |n: usize| ClientId::parse(&format!("client {n}")).unwrap());
        let of = |n: usize| Session {
            client: id(n),
            active_at: now.plus(Duration::from_secs(n as u64)),
            ..one.clone()
        };
        let ended = Session {
            state: SessionState::Ended { at: now, why: Ended::RevokedByClient },
            ..of(MOST_KNOWN * 4)
        };
        let mut sessions: Vec<_> = (0..MOST_KNOWN * 2).chain(0..9).map(of).collect();
        sessions.push(ended);
        let newest: Vec<_> = (MOST_KNOWN..MOST_KNOWN * 2).rev().map(id).collect();
        assert_eq!(in_use(sessions.clone(), now), newest);
        let over = now.plus(Session::IDLE_LIFETIME);
        assert_eq!(in_use(sessions, over), [], "those that idled too long are over");
    }
}
