//! Secrets a person typed into the window, sealed under the master key in a file of the data folder.
//!
//! The master key is what the keyring protects; one entry there is enough for everything here.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use model::keys::{MasterKey, Place, Sealed, Sealer};
use model::ports::Entropy;
use model::{ExposeSecret as _, Secret};

const FILE: &str = "secrets.json";

/// Why a secret is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    #[error(
        "the file `{path}` cannot be {doing}: {source}; check that the data folder is yours and the disk has room"
    )]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
    #[error(
        "the secrets in `{path}` do not open with this master key; enter them again, or put the right key back"
    )]
    NotOpened { path: PathBuf },
}

/// Whether anything is sealed here, so that the key must not be made anew.
pub(crate) fn exists(data_dir: &Path) -> bool {
    data_dir.join(FILE).exists()
}

/// All secrets, by the key of their setting.
pub(crate) fn read(data_dir: &Path, key: &MasterKey) -> Result<BTreeMap<String, Secret>, VaultError> {
    let path = data_dir.join(FILE);
    let sealer = Sealer::new(key);
    let not_opened = || VaultError::NotOpened { path: path.clone() };
    let open = |(name, sealed): (String, Sealed)| {
        let plain = sealer.open(place(&name), &sealed).map_err(|_| not_opened())?;
        let text = std::str::from_utf8(&plain).map_err(|_| not_opened())?;
        let secret = Secret::from(text);
        Ok((name, secret))
    };
    sealed(&path)?.into_iter().map(open).collect()
}

/// The vault with a secret kept, or forgotten where the text is empty. The others stay as they are.
pub(crate) fn changed(
    data_dir: &Path,
    key: &MasterKey,
    changes: &BTreeMap<String, Secret>,
    entropy: &dyn Entropy,
) -> Result<Beside, VaultError> {
    let path = data_dir.join(FILE);
    let sealer = Sealer::new(key);
    let mut kept = sealed(&path)?;
    for (name, secret) in changes {
        let text = secret.expose_secret();
        if text.is_empty() {
            kept.remove(name);
        } else {
            kept.insert(name.clone(), sealer.seal(place(name), text.as_bytes(), entropy));
        }
    }
    let written = serde_json::to_string_pretty(&kept).expect("a map of texts serialises");
    Beside::write(&path, &written).map_err(|source| VaultError::Io { path, doing: "written", source })
}

/// Writes beside the file and renames, so that a crash leaves the old one or the new one. Readable by its owner only.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    Beside::write(path, text)?.put()
}

/// A new text, safely on the disk beside the file whose place it is to take. Dropped, it is removed again.
#[must_use = "it counts only once it is put in its place"]
pub(crate) struct Beside {
    path: PathBuf,
    beside: PathBuf,
}

impl Beside {
    pub(crate) fn write(path: &Path, text: &str) -> io::Result<Self> {
        use std::io::Write as _;

        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        let written = Self { path: path.to_owned(), beside: beside.into() };
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(written)
    }

    pub(crate) fn put(self) -> io::Result<()> {
        std::fs::rename(&self.beside, &self.path)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // There is nothing once it has been put.
        let _ = std::fs::remove_file(&self.beside);
    }
}

fn sealed(path: &Path) -> Result<BTreeMap<String, Sealed>, VaultError> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|_| VaultError::NotOpened { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(source) => Err(VaultError::Io { path: path.to_owned(), doing: "read", source }),
    }
}

fn place(name: &str) -> Place<'_> {
    Place { table: "vault", row: name, column: "secret" }
}

#[cfg(test)]
mod tests {
    use model::testing::SeededEntropy;
    use tempfile::TempDir;

    use super::*;

    fn write(folder: &Path, key: &MasterKey, changes: &BTreeMap<String, Secret>, entropy: &SeededEntropy) {
        changed(folder, key, changes, entropy).unwrap().put().unwrap();
    }

    fn change(name: &str, text: &str) -> BTreeMap<String, Secret> {
        BTreeMap::from([(name.to_owned(), Secret::from(text))])
    }

    #[test]
    fn a_secret_is_kept_sealed_read_back_and_forgotten() {
        let (folder, entropy) = (TempDir::new().unwrap(), SeededEntropy::new(1));
        let key = MasterKey::generate(&entropy);
        assert!(!exists(folder.path()));
        write(folder.path(), &key, &change("a", "first~secret"), &entropy);
        write(folder.path(), &key, &change("b", "second~secret"), &entropy);
        assert!(exists(folder.path()));
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!text.contains("~secret"), "{text}");
        let all = read(folder.path(), &key).unwrap();
        assert_eq!(all["a"].expose_secret(), "first~secret");
        assert_eq!(all["b"].expose_secret(), "second~secret");
        write(folder.path(), &key, &change("a", ""), &entropy);
        assert_eq!(read(folder.path(), &key).unwrap().len(), 1);
    }

    #[test]
    fn another_key_and_an_exchanged_entry_do_not_open() {
        let (folder, entropy) = (TempDir::new().unwrap(), SeededEntropy::new(1));
        let key = MasterKey::generate(&entropy);
        write(folder.path(), &key, &change("a", "text"), &entropy);
        let told = read(folder.path(), &MasterKey::generate(&entropy)).unwrap_err().to_string();
        assert!(told.contains("enter them again"), "{told}");
        let path = folder.path().join(FILE);
        let moved = std::fs::read_to_string(&path).unwrap().replace("\"a\"", "\"b\"");
        std::fs::write(&path, moved).unwrap();
        assert!(read(folder.path(), &key).is_err(), "a secret is bound to its setting");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, entropy) = (TempDir::new().unwrap(), SeededEntropy::new(1));
        write(folder.path(), &MasterKey::generate(&entropy), &change("a", "text"), &entropy);
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
