//! Where the master key is kept on a desktop: the keyring of the operating system, a key file, or under a passphrase.
//!
//! The key is moved, never made anew: whatever place is chosen gets the key that was there, is read back, and only then
//! the old place is emptied. A new key is made only where the engine says that nothing was sealed with another.

mod keyring;
mod passphrase;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::system::SystemEntropy;
use engine::{KeyKeeper, KeyTrouble};
use model::keys::MasterKey;
use zeroize::Zeroizing;

use crate::preferences::{Kept, KeyPlace};
use keyring::Entry;
use passphrase::SealedFile;
use trouble::trouble;

/// Tells the data folder as the settings are now; `None` while they do not read.
type DataFolder = Box<dyn Fn() -> Option<PathBuf> + Send + Sync>;

/// Keeps the master key for the engine, in the place the person chose.
pub(crate) struct Keeper {
    preferences: Arc<Kept>,
    data_folder: DataFolder,
    /// The data folder of a person who set nothing: its entry in the keyring has the plain name.
    default_folder: Option<PathBuf>,
    /// The key while it is in use, for moving it and, under a passphrase, for starting again.
    held: Mutex<Option<Held>>,
    /// Whether the engine said, when it last asked, that nothing depends on an older key.
    may_create: AtomicBool,
}

struct Held {
    folder: PathBuf,
    /// The key as text: [`MasterKey`] itself is handed away.
    text: Zeroizing<String>,
}

// === impl Keeper ===

impl KeyKeeper for Keeper {
    fn load(&self, may_create: bool) -> Result<MasterKey, KeyTrouble> {
        self.may_create.store(may_create, Ordering::Relaxed);
        let folder = self.folder()?;
        let key = match self.place(&folder) {
            KeyPlace::Keyring => self.entry(&folder).load(may_create)?,
            KeyPlace::File => from_file(&folder, may_create)?,
            KeyPlace::Passphrase => self.unlocked(&folder)?,
        };
        self.hold(folder, &key);
        Ok(key)
    }
}

impl Keeper {
    pub(crate) fn new(
        preferences: Arc<Kept>,
        data_folder: DataFolder,
        default_folder: Option<PathBuf>,
    ) -> Self {
        let may_create = AtomicBool::new(false);
        Self { preferences, data_folder, default_folder, held: Mutex::default(), may_create }
    }

    /// Where the key is now. Until somebody chose, a key file that is already there counts as chosen: it is the key of
    /// this data folder, from a server that ran here without a window.
    pub(crate) fn current_place(&self) -> KeyPlace {
        self.folder().map_or(KeyPlace::Keyring, |folder| self.place(&folder))
    }

    /// Moves the key into a file that only the person can read.
    pub(crate) fn use_file(&self) -> Result<(), KeyTrouble> {
        let folder = self.folder()?;
        let (from, file) = (self.place(&folder), key_file(&folder));
        match self.in_use(&folder) {
            Some(key) if !file.exists() => write(&file, format!("{}\n", key.to_text().as_str()).as_bytes())?,
            Some(key) if from_file(&folder, false)?.id() != key.id() => {
                return Err(trouble::other_key_file(&file));
            }
            // There already, or made when the engine starts.
            Some(_) => {}
            None if file.exists() || self.may_create.load(Ordering::Relaxed) => {}
            None => return Err(trouble::out_of_reach()),
        }
        self.moved(&folder, from, KeyPlace::File)
    }

    /// Moves the key into the keyring of the operating system.
    pub(crate) fn use_keyring(&self) -> Result<(), KeyTrouble> {
        let folder = self.folder()?;
        let from = self.place(&folder);
        match self.in_use(&folder) {
            Some(key) => self.entry(&folder).save(&key)?,
            None if self.may_create.load(Ordering::Relaxed) => {}
            // It may have been there all along, only locked.
            None => drop(self.entry(&folder).load(false)?),
        }
        self.moved(&folder, from, KeyPlace::Keyring)
    }

    /// Puts the key under a passphrase, which is asked for at each start.
    pub(crate) fn set_passphrase(&self, passphrase: &str) -> Result<(), KeyTrouble> {
        let folder = self.folder()?;
        let from = self.place(&folder);
        passphrase::check(passphrase)?;
        let key = match self.in_use(&folder) {
            Some(key) => key,
            None if self.may_create.load(Ordering::Relaxed) => MasterKey::generate(&SystemEntropy::default()),
            None => return Err(trouble::out_of_reach()),
        };
        let file = sealed_file(&folder);
        write(&file, &SealedFile::seal(&key, passphrase)?.to_bytes())?;
        if SealedFile::read(&file)?.open(passphrase)?.id() != key.id() {
            return Err(trouble("key_failed", "the key under the passphrase did not read back", "try again"));
        }
        self.hold(folder.clone(), &key);
        self.moved(&folder, from, KeyPlace::Passphrase)
    }

    /// Opens the key with its passphrase; the engine may start after it.
    pub(crate) fn unlock(&self, passphrase: &str) -> Result<(), KeyTrouble> {
        let folder = self.folder()?;
        let key = SealedFile::read(&sealed_file(&folder))?.open(passphrase)?;
        self.hold(folder, &key);
        Ok(())
    }

    /// The folder of everything that is kept, as the settings are now.
    pub(crate) fn data_folder(&self) -> Option<PathBuf> {
        self.folder().ok()
    }

    fn folder(&self) -> Result<PathBuf, KeyTrouble> {
        let folder = (self.data_folder)().ok_or_else(trouble::no_folder)?;
        std::path::absolute(folder).map_err(|_| trouble::no_folder())
    }

    fn place(&self, folder: &Path) -> KeyPlace {
        let by_files = || match () {
            () if key_file(folder).exists() => KeyPlace::File,
            () if sealed_file(folder).exists() => KeyPlace::Passphrase,
            () => KeyPlace::Keyring,
        };
        self.preferences.get().key.unwrap_or_else(by_files)
    }

    fn entry(&self, folder: &Path) -> Entry {
        Entry::of((self.default_folder.as_deref() != Some(folder)).then_some(folder))
    }

    fn unlocked(&self, folder: &Path) -> Result<MasterKey, KeyTrouble> {
        self.in_use(folder).ok_or_else(trouble::passphrase_needed)
    }

    fn in_use(&self, folder: &Path) -> Option<MasterKey> {
        let held = self.held();
        held.as_ref().filter(|held| held.folder == folder).and_then(|held| MasterKey::parse(&held.text))
    }

    fn hold(&self, folder: PathBuf, key: &MasterKey) {
        *self.held() = Some(Held { folder, text: key.to_text() });
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the new place, then empties the others. What cannot be emptied is said in the log: the key works.
    fn moved(&self, folder: &Path, from: KeyPlace, to: KeyPlace) -> Result<(), KeyTrouble> {
        self.preferences.set_key(to).map_err(|error| trouble::not_written("the preferences", &error))?;
        if from == to || self.in_use(folder).is_none() {
            return Ok(());
        }
        let emptied = match from {
            KeyPlace::Keyring => self.entry(folder).remove().map_err(|trouble| trouble.message),
            KeyPlace::File => std::fs::remove_file(key_file(folder)).map_err(|error| error.to_string()),
            KeyPlace::Passphrase => {
                std::fs::remove_file(sealed_file(folder)).map_err(|error| error.to_string())
            }
        };
        if let Err(reason) = emptied {
            tracing::warn!(%reason, "the master key was moved, but a copy stayed in its old place");
        }
        Ok(())
    }
}

/// The same file that the server without a window uses.
fn key_file(folder: &Path) -> PathBuf {
    folder.join("master.key")
}

fn sealed_file(folder: &Path) -> PathBuf {
    folder.join("master.key.sealed")
}

fn from_file(folder: &Path, may_create: bool) -> Result<MasterKey, KeyTrouble> {
    store::load_or_create_master_key(&key_file(folder), !may_create, &SystemEntropy::default())
        .map_err(|error| trouble::in_file(&error))
}

fn write(path: &Path, content: &[u8]) -> Result<(), KeyTrouble> {
    crate::private_file::replace(path, content)
        .map_err(|error| trouble::not_written("the master key", &error))
}

#[cfg(test)]
mod tests;
