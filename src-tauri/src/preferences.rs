//! What a person prefers about the app itself: looks, notices, and where the master key is kept.
//!
//! Kept in `desktop.json` beside the settings, because the server has no use for it. Start at login is not in it: the
//! operating system knows.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::expiry::Told;
use crate::private_file;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Preferences {
    pub(crate) theme: Theme,
    pub(crate) notify: Notify,
    /// `None` until somebody chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<KeyPlace>,
    /// The last notice about the end of the credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiry_told: Option<Told>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// Which notices the operating system shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Notify {
    pub(crate) new_client: bool,
    pub(crate) sign_in_again: bool,
    pub(crate) tunnel: bool,
    pub(crate) secret_expiry: bool,
}

/// Where the master key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyPlace {
    Keyring,
    File,
    Passphrase,
}

/// The preferences and the file they are kept in.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    now: Mutex<Preferences>,
}

/// A change as the window sends it: only what changes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) start_at_login: Option<bool>,
    pub(crate) theme: Option<Theme>,
    notify: Option<NotifyChange>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NotifyChange {
    new_client: Option<bool>,
    sign_in_again: Option<bool>,
    tunnel: Option<bool>,
    secret_expiry: Option<bool>,
}

// === impl Notify ===

impl Default for Notify {
    fn default() -> Self {
        Self { new_client: true, sign_in_again: true, tunnel: true, secret_expiry: true }
    }
}

// === impl Change ===

impl Change {
    /// # Errors
    /// The text names the field that does not read.
    pub(crate) fn read(payload: &Value) -> Result<Self, String> {
        // Serde would take a list as the fields in their order.
        if !payload.is_object() {
            return Err("a change is an object".to_owned());
        }
        Self::deserialize(payload).map_err(|error| error.to_string())
    }

    fn apply(&self, to: &mut Preferences) {
        if let Some(theme) = self.theme {
            to.theme = theme;
        }
        let Some(notify) = &self.notify else { return };
        for (new, old) in [
            (notify.new_client, &mut to.notify.new_client),
            (notify.sign_in_again, &mut to.notify.sign_in_again),
            (notify.tunnel, &mut to.notify.tunnel),
            (notify.secret_expiry, &mut to.notify.secret_expiry),
        ] {
            *old = new.unwrap_or(*old);
        }
    }
}

// === impl Kept ===

impl Kept {
    /// Reads the file. One that does not read is put aside, so that nothing a person wrote is lost.
    pub(crate) fn open(path: PathBuf) -> Self {
        let now = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "the desktop preferences do not read and were put aside; the defaults are used");
                put_aside(&path);
                Preferences::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Preferences::default(),
            Err(error) => {
                tracing::warn!(%error, "the desktop preferences cannot be read; the defaults are used");
                Preferences::default()
            }
        };
        Self { path, now: Mutex::new(now) }
    }

    pub(crate) fn get(&self) -> Preferences {
        self.lock().clone()
    }

    pub(crate) fn change(&self, change: &Change) -> io::Result<Preferences> {
        self.update(|now| change.apply(now))
    }

    /// Whether it was not told before: of several who find the same to tell, one does.
    pub(crate) fn set_expiry_told(&self, told: Told) -> io::Result<bool> {
        let mut is_new = false;
        self.update(|now| is_new = now.expiry_told.replace(told) != Some(told))?;
        Ok(is_new)
    }

    pub(crate) fn set_key(&self, place: KeyPlace) -> io::Result<Preferences> {
        self.update(|now| now.key = Some(place))
    }

    /// What could not be written does not hold either.
    fn update(&self, change: impl FnOnce(&mut Preferences)) -> io::Result<Preferences> {
        let mut now = self.lock();
        let mut next = now.clone();
        change(&mut next);
        if next != *now {
            let mut text = serde_json::to_vec_pretty(&next).map_err(io::Error::other)?;
            text.push(b'\n');
            private_file::replace(&self.path, &text)?;
            *now = next;
        }
        Ok(now.clone())
    }

    /// A change is made whole before it is put in, so a panic elsewhere leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Preferences> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put_aside(path: &Path) {
    let aside = path.with_extension("json.unreadable");
    if let Err(error) = std::fs::rename(path, &aside) {
        tracing::warn!(%error, "the unreadable preferences could not be put aside");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept() -> (tempfile::TempDir, PathBuf, Kept) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desktop.json");
        let kept = Kept::open(path.clone());
        (folder, path, kept)
    }

    #[test]
    fn a_change_touches_only_what_it_names_and_is_there_after_a_restart() {
        let (_folder, path, kept) = kept();
        let change = Change::read(&json!({"theme": "dark", "notify": {"sign_in_again": false}})).unwrap();
        let now = kept.change(&change).unwrap();
        assert_eq!(now.theme, Theme::Dark);
        assert_eq!(now.notify, Notify { sign_in_again: false, ..Notify::default() });
        kept.set_key(KeyPlace::File).unwrap();
        let again = Kept::open(path).get();
        assert_eq!(again, Preferences { key: Some(KeyPlace::File), ..now });
    }

    #[test]
    fn a_change_that_does_not_read_says_which_field() {
        for (payload, named) in [
            (json!({"them": "dark"}), "them"),
            (json!({"theme": "blue"}), "blue"),
            (json!({"notify": {"tunnel": 1}}), "boolean"),
            (json!([]), "object"),
        ] {
            let refused = Change::read(&payload).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
    }

    #[test]
    fn what_several_find_to_tell_is_told_by_one() {
        let (_folder, path, kept) = kept();
        let told: Told = serde_json::from_value(json!({"ends_at": 1, "left": "day"})).unwrap();
        let first = std::thread::scope(|scope| {
            let tellers = [(); 8].map(|()| scope.spawn(|| kept.set_expiry_told(told).unwrap()));
            tellers.map(|teller| teller.join().unwrap()).into_iter().filter(|is_new| *is_new).count()
        });
        assert_eq!(first, 1);
        assert!(!Kept::open(path).set_expiry_told(told).unwrap(), "nor after a restart");
    }

    #[test]
    fn what_could_not_be_written_does_not_hold() {
        let (_folder, path, kept) = kept();
        std::fs::create_dir(&path).unwrap();
        assert!(kept.set_key(KeyPlace::File).is_err());
        assert_eq!(kept.get(), Preferences::default());
    }

    #[test]
    fn an_unreadable_file_is_put_aside_and_not_overwritten() {
        let (_folder, path, _) = kept();
        std::fs::write(&path, "{ not json").unwrap();
        assert_eq!(Kept::open(path.clone()).get(), Preferences::default());
        assert_eq!(std::fs::read_to_string(path.with_extension("json.unreadable")).unwrap(), "{ not json");
    }
}
