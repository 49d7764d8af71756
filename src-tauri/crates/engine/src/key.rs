//! Where the master key comes from: given, in a file, or kept by something this crate does not know, such as a keyring.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::keys::MasterKey;
use model::ports::Entropy;
use store::KeyFileError;

/// Where the master key comes from. Cheap to clone.
#[derive(Clone)]
pub enum KeySource {
    /// `master.key` in the data folder; made on first run, never again while a database needs it.
    DataFolder,
    /// A file of its own, treated alike.
    File(PathBuf),
    Given(Arc<MasterKey>),
    Kept(Arc<dyn KeyKeeper>),
}

/// Keeps the master key somewhere else, such as in the keyring of the operating system.
pub trait KeyKeeper: Send + Sync + 'static {
    /// The key, made if there is none and `may_create`: nothing has been sealed yet. Blocking, and called on a thread of its
    /// own, because keyrings wait for people.
    ///
    /// # Errors
    /// Why there is no key, told to a person.
    fn load(&self, may_create: bool) -> Result<MasterKey, KeyTrouble>;
}

/// Why there is no master key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {hint}")]
pub struct KeyTrouble {
    /// What a program branches on, such as `keyring_locked`.
    pub code: &'static str,
    pub message: String,
    /// The next step.
    pub hint: String,
}

// === impl KeySource ===

impl KeySource {
    pub fn given(key: MasterKey) -> Self {
        Self::Given(Arc::new(key))
    }

    /// `needed` says that something exists which only the key that was here can open.
    pub(crate) async fn load(
        &self,
        data_dir: &Path,
        needed: bool,
        entropy: Arc<dyn Entropy>,
    ) -> Result<MasterKey, KeyTrouble> {
        let file = match self {
            Self::Given(key) => return Ok(key.as_ref().clone()),
            Self::Kept(keeper) => {
                let keeper = keeper.clone();
                return on_a_thread(move || keeper.load(!needed)).await;
            }
            Self::DataFolder => data_dir.join("master.key"),
            Self::File(file) => file.clone(),
        };
        let load = move || store::load_or_create_master_key(&file, needed, entropy.as_ref());
        on_a_thread(move || load().map_err(KeyTrouble::from)).await
    }
}

impl From<KeyFileError> for KeyTrouble {
    fn from(error: KeyFileError) -> Self {
        let told = error.to_string();
        // All of them say what happened, then what to do.
        let (message, hint) = told.split_once("; ").unwrap_or((&told, "check the data folder"));
        Self { code: "key_file", message: message.to_owned(), hint: hint.to_owned() }
    }
}

/// A plain thread: within the runtime, parts of keyrings that bring a runtime of their own would panic.
async fn on_a_thread(
    job: impl FnOnce() -> Result<MasterKey, KeyTrouble> + Send + 'static,
) -> Result<MasterKey, KeyTrouble> {
    let broken = || KeyTrouble {
        code: "key_failed",
        message: "the master key could not be reached".to_owned(),
        hint: "try again; if it stays, look at the server's log".to_owned(),
    };
    let (done, wait) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("master-key".to_owned())
        // Nobody waits any more if the start was given up meanwhile.
        .spawn(move || drop(done.send(job())))
        .map_err(|_| broken())?;
    wait.await.map_err(|_| broken())?
}
