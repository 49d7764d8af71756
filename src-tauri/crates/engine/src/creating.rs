//! A registration that is being made: one at a time, told to whoever follows, and carried to an end when the program
//! stops.
//!
//! What is at Microsoft and not finished stands in a file of the data folder from before the first call on, so that it is
//! told even after the program was killed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use entra::create::{Made, Stop};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::api::{Creation, CreationUndone};
use crate::running::GRACE;
use crate::vault;

const FILE: &str = "registration.json";

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Creating(Arc<Inner>);

struct Inner {
    state: watch::Sender<Creation>,
    on: std::sync::Mutex<Option<On>>,
}

struct On {
    stop: watch::Sender<bool>,
    /// The person agrees to the plan. Of this one only: a word given twice must not agree to the next.
    agreed: Arc<Notify>,
    /// Cancelled when it is over. None as long as Microsoft has not said where to sign in.
    over: Option<CancellationToken>,
}

/// The turn to make a registration. Dropped before it runs, it is given back.
pub(crate) struct Turn {
    creating: Creating,
    stop: Stop,
    agreed: Arc<Notify>,
}

/// What is left, as the file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Left {
    #[serde(flatten)]
    pub(crate) made: Made,
    /// Sign-in host, which decides the portal.
    pub(crate) authority: String,
}

impl Creating {
    pub(crate) fn new() -> Self {
        let state = watch::Sender::new(Creation::Idle);
        Self(Arc::new(Inner { state, on: std::sync::Mutex::default() }))
    }

    pub(crate) fn state(&self) -> Creation {
        self.0.state.borrow().clone()
    }

    pub(crate) fn set(&self, state: Creation) {
        self.0.state.send_replace(state);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Creation> {
        self.0.state.subscribe()
    }

    pub(crate) fn agree(&self) {
        if let Some(on) = self.on().as_ref() {
            on.agreed.notify_one();
        }
    }

    /// Whether one is on its way.
    pub(crate) fn is_on(&self) -> bool {
        self.on().as_ref().is_some_and(On::goes_on)
    }

    /// Takes the turn; none while another one has it.
    pub(crate) fn begin(&self) -> Option<Turn> {
        let mut on = self.on();
        if on.as_ref().is_some_and(On::goes_on) {
            return None;
        }
        let ((tell, stop), agreed) = (Stop::new(), Arc::new(Notify::new()));
        *on = Some(On { stop: tell, agreed: agreed.clone(), over: None });
        Some(Turn { creating: self.clone(), stop, agreed })
    }

    /// Asks it to stop. What was made is removed first.
    pub(crate) fn stop(&self) {
        if let Some(on) = self.on().as_ref() {
            on.stop.send_replace(true);
        }
    }

    /// Stops it and waits until what was made is removed, or there is no more time. It goes on after that, as long as the
    /// program does.
    pub(crate) async fn end(&self) {
        self.stop();
        let Some(over) = self.on().as_ref().and_then(|on| on.over.clone()) else { return };
        if tokio::time::timeout(GRACE, over.cancelled()).await.is_err()
            && let Creation::Making { left, .. } | Creation::Undoing { left, .. } = self.state()
            && let CreationUndone::Left { name, client_id, tag, .. } = left
        {
            tracing::warn!(
                registration.name = name,
                registration.client_id = client_id,
                registration.tag = tag,
                "an app registration is left unfinished at Microsoft; the next start tells of it"
            );
        }
    }

    fn on(&self) -> std::sync::MutexGuard<'_, Option<On>> {
        self.0.on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl On ===

impl On {
    fn goes_on(&self) -> bool {
        self.over.as_ref().is_none_or(|over| !over.is_cancelled())
    }
}

// === impl Turn ===

impl Turn {
    /// Runs `make` by itself, unless the engine was stopped meanwhile.
    pub(crate) fn run<F: Future<Output = ()> + Send + 'static>(
        self,
        make: impl FnOnce(Stop, Arc<Notify>) -> F,
    ) {
        if let Some(on) = self.creating.on().as_mut().filter(|on| self.has(on)) {
            let over = CancellationToken::new();
            let guard = over.clone().drop_guard();
            let made = make(self.stop.clone(), self.agreed.clone());
            on.over = Some(over);
            tokio::spawn(async move {
                // Also where it panics.
                let _guard = guard;
                made.await;
            });
        }
    }

    fn has(&self, on: &On) -> bool {
        Arc::ptr_eq(&on.agreed, &self.agreed)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.creating.on().take_if(|on| on.over.is_none() && self.has(on));
    }
}

// === impl Left ===

impl Left {
    /// What an earlier try left; a file that does not read is none.
    pub(crate) fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_str(&std::fs::read_to_string(path(data_dir)).ok()?).ok()
    }

    /// Kept as well as can be: without it only a kill would go untold.
    pub(crate) fn keep(&self, data_dir: &Path) {
        let text = serde_json::to_string(self).expect("plain texts serialise");
        if let Err(error) = vault::replace(&path(data_dir), &text) {
            tracing::warn!(%error, "what is being registered could not be written down");
        }
    }

    pub(crate) fn forget(data_dir: &Path) {
        if let Err(error) = std::fs::remove_file(path(data_dir))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the note about a registration could not be removed");
        }
    }
}

/// Where the note is.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}
