//! The way in from the internet: one switch, a tunnel behind it, and a listener of its own for what comes through.
//!
//! Because that listener hears nothing but the tunnel, whoever comes in there is known to be from outside, whatever their
//! headers say. It outlives runs of the engine; a run that knows another public address is another run.

mod auto_off;
mod ingress;
mod limits;
mod visits;
mod whereabouts;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Mutexed, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::http::header;
use model::ids::{ClientId, TokenHash};
use model::origin::BaseUrl;
use model::settings::{Settings, SshSettings, TunnelSettings};
use model::time::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::service_fn;
use tunnel::{Doubt, KnownHosts, Outside, Program, Shape, Ssh, SshListen, SshServer, State, Tunnel, Wishes};
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

pub(crate) use limits::Limit;
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
    http: reqwest::Client,
}

/// Why the switch did not turn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOpened {
    #[error("`{0}` is not installed on this computer")]
    NotInstalled(&'static str, &'static str),
    #[error("the tunnel's command cannot be used: {0}")]
    Command(String),
    #[error("{0}")]
    Start(#[from] StartError),
    #[error("the HTTP client that looks from outside cannot be set up: {0}")]
    Http(#[from] entra::ClientError),
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
            Self::Start(_) | Self::Http(_) => "try again; if it stays, start the program again".to_owned(),
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

    /// Ends the tunnel that is on, if any, and starts one.
    pub(crate) async fn open(&self, engine: &Engine, settings: &Settings) -> Result<(), NotOpened> {
        let Settings { tunnel: settings, storage, .. } = settings;
        let mut on = self.0.on.lock().await;
        if let Some(before) = on.take() {
            before.end().await;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listeners = bind(address, "--listen").await?;
        let port =
            listeners.port().map_err(|source| StartError::Listen { address, flag: "--listen", source })?;
        let shape = shape(settings, port, &known_hosts(&storage.data_dir))?;
        let http = entra::http_client()?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let visitor = Program::find(&settings.provider).and_then(|program| program.visitor);
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
        let outside = Engines { engine: engine.clone(), door: self.0.door.clone(), http };
        let tunnel = Tunnel::start(shape, Arc::new(outside), self.0.state.clone());
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
        // The program first: with it goes every connection that came through.
        self.tunnel.stop().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn shape(settings: &TunnelSettings, port: u16, known_hosts: &KnownHosts) -> Result<Shape, NotOpened> {
    let Some(program) = Program::find(&settings.provider) else {
        return Shape::of_command(&settings.command, port).map_err(NotOpened::Command);
    };
    let binary = program.located().ok_or(NotOpened::NotInstalled(program.binary, program.install))?;
    Ok(program.shape(binary, port, &wishes(settings), known_hosts))
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

    async fn look(&self, url: &Url) -> Result<(), Doubt> {
        let theirs = keys_at(&self.http, url).await?;
        let live = self.engine.live().ok_or_else(|| doubt("the server is starting", "wait a moment"))?;
        if theirs == live.flow.jwks() {
            Ok(())
        } else {
            Err(doubt(
                "another server answers at that address",
                "switch the tunnel off and on again to get another address",
            ))
        }
    }
}

/// The keys that are published there: nobody else has ours. Asked for by the name of a hosted client, which is what rules
/// against bots turn away (<https://github.com/anthropics/claude-ai-mcp/issues/620>).
async fn keys_at(http: &reqwest::Client, url: &Url) -> Result<Value, Doubt> {
    let address =
        url.join("/jwks").map_err(|_| doubt("that is no address", "switch the tunnel off and on again"))?;
    let asked = http.get(address).header(header::USER_AGENT, "Claude-User");
    let answer = asked.send().await.map_err(|error| unreachable_because(&error))?;
    let status = answer.status();
    let html = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if html {
        return Err(doubt(
            "the provider shows a page of its own before ours",
            "clients cannot get past such a page: choose another provider, or an account of this one without it",
        ));
    }
    if !status.is_success() {
        return Err(doubt(
            format!("something on the way answers with {}", status.as_u16()),
            "wait a moment; if it stays, look at the provider's page whether the address is blocked or limited",
        ));
    }
    answer
        .json()
        .await
        .map_err(|_| doubt("another server answers at that address", "switch the tunnel off and on again"))
}

fn unreachable_because(error: &reqwest::Error) -> Doubt {
    let mut told = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        told = inner.to_string();
        source = inner.source();
    }
    let what = match () {
        () if told.to_lowercase().contains("certificate") => "the certificate of that address is not trusted",
        () if error.is_timeout() => "that address does not answer in time",
        () => "that address does not answer",
    };
    doubt(
        format!("{what} ({told})"),
        "a new address can take a minute to be known everywhere; it is looked at again by itself",
    )
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::get;

    use super::*;

    /// What is said of an address where `answer` is all there is.
    async fn said_of<R: axum::response::IntoResponse + Clone + Send + Sync + 'static>(
        answer: R,
    ) -> Result<Value, Doubt> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let there = Router::new().route(
            "/jwks",
            get(async move |headers: HeaderMap| {
                assert_eq!(headers[header::USER_AGENT], "Claude-User", "as whom rules against bots know it");
                answer
            }),
        );
        let server = tokio::spawn(async move { axum::serve(listener, there).await });
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let said = keys_at(&reqwest::Client::builder().no_proxy().build().unwrap(), &url).await;
        server.abort();
        said
    }

    #[tokio::test]
    async fn a_page_or_a_refusal_in_front_of_us_is_said() {
        let interstitial = (StatusCode::OK, [(header::CONTENT_TYPE, "text/html")], "<p>ERR_NGROK_6024</p>");
        let doubt = said_of(interstitial).await.unwrap_err();
        assert!(doubt.reason.contains("a page of its own"), "{}", doubt.reason);
        let doubt = said_of((StatusCode::FORBIDDEN, [("cf-mitigated", "block")], "no")).await.unwrap_err();
        assert!(doubt.reason.contains("403"), "{}", doubt.reason);
        let doubt = said_of("anything else").await.unwrap_err();
        assert!(doubt.reason.contains("another server"), "{}", doubt.reason);
        let keys = serde_json::json!({ "keys": [] });
        assert_eq!(said_of(axum::Json(keys.clone())).await.ok(), Some(keys));
    }

    #[tokio::test]
    async fn an_address_where_nobody_listens_is_said() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let doubt = keys_at(&http, &Url::parse("http://127.0.0.1:1").unwrap()).await.unwrap_err();
        assert!(doubt.reason.contains("does not answer"), "{}", doubt.reason);
    }
}
