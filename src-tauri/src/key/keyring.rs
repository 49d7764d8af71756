//! One entry in the keyring of the operating system.
//!
//! The stores block, and may not be called on an async thread; some wait for a person to answer a prompt. So each call
//! runs on a thread of its own, one after another, and whoever asked waits for a limited time only.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use engine::KeyTrouble;
use engine::system::SystemEntropy;
use keyring_core::{CredentialStore, Error};
use model::keys::MasterKey;
use zeroize::Zeroizing;

use super::trouble;

const SERVICE: &str = "just-mcp-oauth-proxy";
const USER: &str = "master-key";
const PATIENCE: Duration = Duration::from_secs(5);

/// Stores do not promise the order of calls from several threads on one entry.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The place of one data folder's key.
pub(super) struct Entry {
    user: String,
}

// === impl Entry ===

impl Entry {
    /// `folder` is named unless it is the default one: two data folders have two keys.
    pub(super) fn of(folder: Option<&Path>) -> Self {
        Self { user: folder.map_or_else(|| USER.to_owned(), |folder| format!("{USER} {}", folder.display())) }
    }

    /// The key that is there, or a new one if there is none and `may_create`.
    pub(super) fn load(&self, may_create: bool) -> Result<MasterKey, KeyTrouble> {
        match self.patiently(keyring_core::Entry::get_password) {
            Ok(text) => MasterKey::parse(&Zeroizing::new(text)).ok_or_else(trouble::malformed),
            Err(Asked::Refused(Error::NoEntry)) if may_create => {
                let key = MasterKey::generate(&SystemEntropy::default());
                self.save(&key)?;
                Ok(key)
            }
            Err(asked) => Err(asked.into()),
        }
    }

    /// Writes the key and reads it back: some keyrings take what they cannot keep.
    pub(super) fn save(&self, key: &MasterKey) -> Result<(), KeyTrouble> {
        let text = key.to_text();
        let read = self.patiently(move |entry| {
            entry.set_password(&text)?;
            entry.get_password()
        })?;
        match MasterKey::parse(&Zeroizing::new(read)) {
            Some(kept) if kept.id() == key.id() => Ok(()),
            _ => Err(trouble::malformed()),
        }
    }

    pub(super) fn remove(&self) -> Result<(), KeyTrouble> {
        match self.patiently(keyring_core::Entry::delete_credential) {
            Ok(()) | Err(Asked::Refused(Error::NoEntry)) => Ok(()),
            Err(asked) => Err(asked.into()),
        }
    }

    /// Runs `job` on a thread of its own. Late answers are dropped, except that what was written stays written.
    fn patiently<T: Send + 'static>(
        &self,
        job: impl FnOnce(&keyring_core::Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Asked> {
        let user = self.user.clone();
        let (answer, wait) = mpsc::channel();
        std::thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || {
                let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
                let result = open_store()
                    .and_then(|store| store.build(SERVICE, &user, None))
                    .and_then(|entry| job(&entry));
                // Nobody waits any more after a time-out.
                let _ = answer.send(result);
            })
            .map_err(|error| Asked::Refused(Error::PlatformFailure(Box::new(error))))?;
        wait.recv_timeout(PATIENCE).map_err(|_| Asked::Late)?.map_err(Asked::Refused)
    }
}

/// How asking the keyring went wrong.
#[derive(Debug)]
enum Asked {
    Late,
    Refused(Error),
}

impl From<Asked> for KeyTrouble {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Late => trouble::slow(),
            Asked::Refused(error) => trouble::of_keyring(&error),
        }
    }
}

/// Opened anew each time: a keyring that was not there a minute ago may be there now.
#[cfg(target_os = "linux")]
fn open_store() -> Result<Arc<CredentialStore>, Error> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn open_store() -> Result<Arc<CredentialStore>, Error> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn open_store() -> Result<Arc<CredentialStore>, Error> {
    Ok(windows_native_keyring_store::Store::new()?)
}
