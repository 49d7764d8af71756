//! What the tray, the window and the notices share: the engine, the preferences, and what is shown right now.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::Engine;
use engine::api::{Api, ApiError};
use serde::Deserialize as _;
use serde_json::{Value, json};
use tauri::async_runtime::JoinHandle;
use tauri::{AppHandle, Manager as _};
use tauri_plugin_autostart::ManagerExt as _;

use crate::attention::Attention;
use crate::expiry::Standing;
use crate::key::Keeper;
use crate::menu::{State, Status, Tunnel, World};
use crate::notices::{self, Leads};
use crate::preferences::Kept;
use crate::tray::Tray;

/// Cheap to clone; kept by tauri as its state.
#[derive(Clone)]
pub(crate) struct Shell(Arc<Parts>);

struct Parts {
    engine: Engine,
    preferences: Arc<Kept>,
    keeper: Arc<Keeper>,
    /// Whether the key is named by the environment, and so not ours to move.
    key_is_given: bool,
    world: Mutex<World>,
    attention: Mutex<Attention>,
    /// Touched by the main thread only: whoever held it elsewhere while a menu is made would wait for that very thread.
    tray: Mutex<Option<Tray>>,
    has_tray: AtomicBool,
    /// The menu may show something else than the world: a check item ticks itself when it is chosen.
    stale: AtomicBool,
    /// What sends events to the window; one at a time.
    pump: Mutex<Option<JoinHandle<()>>>,
    /// The last public address of a tunnel.
    address: Mutex<Option<String>>,
    quitting: AtomicBool,
}

// === impl Shell ===

impl Shell {
    pub(crate) fn new(
        engine: Engine,
        preferences: Arc<Kept>,
        keeper: Arc<Keeper>,
        key_is_given: bool,
    ) -> Self {
        Self(Arc::new(Parts {
            engine,
            preferences,
            keeper,
            key_is_given,
            world: Mutex::default(),
            attention: Mutex::default(),
            tray: Mutex::default(),
            has_tray: AtomicBool::new(false),
            stale: AtomicBool::new(false),
            pump: Mutex::default(),
            address: Mutex::default(),
            quitting: AtomicBool::new(false),
        }))
    }

    pub(crate) fn of(app: &AppHandle) -> Self {
        app.state::<Self>().inner().clone()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn api(&self) -> Api {
        self.0.engine.api()
    }

    pub(crate) async fn call(&self, command: &str, payload: Value) -> Result<Value, ApiError> {
        self.api().call(command, payload).await
    }

    pub(crate) fn preferences(&self) -> &Kept {
        &self.0.preferences
    }

    pub(crate) fn keeper(&self) -> Arc<Keeper> {
        self.0.keeper.clone()
    }

    pub(crate) fn key_is_given(&self) -> bool {
        self.0.key_is_given
    }

    pub(crate) fn world(&self) -> World {
        lock(&self.0.world).clone()
    }

    pub(crate) fn attention(&self) -> MutexGuard<'_, Attention> {
        lock(&self.0.attention)
    }

    pub(crate) fn keep_tray(&self, tray: Tray) {
        *lock(&self.0.tray) = Some(tray);
        self.0.has_tray.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_tray(&self) -> bool {
        self.0.has_tray.load(Ordering::Relaxed)
    }

    /// Sends events to the window from now on, instead of what did until now.
    pub(crate) fn pump(&self, next: Option<JoinHandle<()>>) {
        if let Some(old) = std::mem::replace(&mut *lock(&self.0.pump), next) {
            old.abort();
        }
    }

    /// `true` for the first who asks.
    pub(crate) fn begin_quit(&self) -> bool {
        !self.0.quitting.swap(true, Ordering::SeqCst)
    }

    /// Asks the engine how it stands, and shows it in the tray.
    pub(crate) async fn refresh(&self, app: &AppHandle) {
        match self.call("status", json!({})).await {
            Ok(status) => self.show_status(app, status),
            Err(error) => tracing::warn!(%error, "the engine does not say how it stands"),
        }
    }

    pub(crate) fn show_status(&self, app: &AppHandle, status: Value) {
        self.tell_of_expiry(app, &status);
        match serde_json::from_value::<Status>(status) {
            Ok(status) => self.show(app, Some(status)),
            Err(error) => tracing::error!(%error, "the engine's status does not read"),
        }
    }

    /// Brings the tray up to date after a person chose a check item.
    pub(crate) fn redraw(&self, app: &AppHandle) {
        self.0.stale.store(true, Ordering::Relaxed);
        self.show(app, None);
    }

    /// Brings the tray up to date; `None` where the engine stands as before.
    pub(crate) fn show(&self, app: &AppHandle, status: Option<Status>) {
        let waiting = self.attention().len();
        let start_at_login = starts_at_login(app);
        {
            let mut world = lock(&self.0.world);
            let status = status.unwrap_or_else(|| world.status.clone());
            if let State::Failed { message } = &status.state
                && status.state != world.status.state
            {
                tracing::warn!(reason = %message, "the engine does not run");
            }
            self.tell_of_tunnel(app, &world.status.tunnel, &status.tunnel);
            *world = World { status, waiting, start_at_login };
        }
        let (shell, handle) = (self.clone(), app.clone());
        if let Err(error) = app.run_on_main_thread(move || shell.draw(&handle)) {
            tracing::warn!(%error, "the tray could not be brought up to date");
        }
    }

    fn tell_of_expiry(&self, app: &AppHandle, status: &Value) {
        let kept = self.0.preferences.get();
        let Ok(standing) = Standing::deserialize(status) else { return };
        let Some(notice) = standing.notice(kept.expiry_told).filter(|_| kept.notify.secret_expiry) else {
            return;
        };
        // One that cannot be remembered would be told again and again.
        match self.0.preferences.set_expiry_told(notice.told) {
            // Another status that came meanwhile told it.
            Ok(false) => {}
            Ok(true) => notices::tell(app, Leads::Credential, &notice.title, notice.text),
            Err(error) => {
                tracing::warn!(%error, "the end of the credential was not told: it cannot be noted");
            }
        }
    }

    fn tell_of_tunnel(&self, app: &AppHandle, before: &Tunnel, now: &Tunnel) {
        if !self.0.preferences.get().notify.tunnel {
            return;
        }
        if let Some((title, text)) = notices::of_tunnel(before, now) {
            notices::tell(app, Leads::Home, title, &text);
        }
        let Some(url) = now.url() else { return };
        let last = lock(&self.0.address).replace(url.to_owned());
        if let Some((title, text)) = notices::of_address(last.as_deref(), Some(url)) {
            notices::tell(app, Leads::Home, title, &text);
        }
    }

    fn draw(&self, app: &AppHandle) {
        if self.0.quitting.load(Ordering::SeqCst) {
            return; // it goes away with the app
        }
        if let Some(tray) = &mut *lock(&self.0.tray) {
            tray.show(app, &self.world(), self.0.stale.swap(false, Ordering::Relaxed));
        }
    }
}

pub(crate) fn starts_at_login(app: &AppHandle) -> bool {
    app.autolaunch().is_enabled().unwrap_or_else(|error| {
        tracing::warn!(%error, "the operating system does not say whether the app starts at login");
        false
    })
}

/// # Errors
/// Why the operating system refused, in its words.
pub(crate) fn start_at_login(app: &AppHandle, on: bool) -> Result<(), String> {
    let autostart = app.autolaunch();
    if on { autostart.enable() } else { autostart.disable() }.map_err(|error| error.to_string())
}

/// What is locked here is replaced whole, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
