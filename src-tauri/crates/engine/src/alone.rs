//! One server for a data folder: a lock that ends with the process, however that ends, and a note of who has it.
//!
//! The note is a file of its own, because some systems let nobody read what is locked.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::running::StartError;

const LOCK: &str = "running.lock";
const NOTE: &str = "running.json";

/// The folder is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Alone {
    /// None where the file system has no locks.
    _lock: Option<File>,
    note: PathBuf,
}

/// Who has the folder.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    url: String,
}

impl Alone {
    /// # Errors
    /// Another server runs on it, or no file can be made there.
    pub(crate) fn on(folder: &Path) -> Result<Self, StartError> {
        let failed = |source| StartError::DataDir { path: folder.to_owned(), source };
        let note = folder.join(NOTE);
        let file = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK));
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _lock: Some(file), note }),
            Err(TryLockError::WouldBlock) => {
                Err(StartError::FolderInUse { path: folder.to_owned(), by: holder(&note) })
            }
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "the data folder cannot be locked; see to it that one server only runs on it");
                Ok(Self { _lock: None, note })
            }
        }
    }

    /// For whoever comes second.
    pub(crate) fn tell(&self, url: &str) {
        let holder = Holder { pid: std::process::id(), url: url.to_owned() };
        let written = serde_json::to_vec(&holder).map(|text| std::fs::write(&self.note, text));
        if let Ok(Err(error)) = written {
            tracing::debug!(%error, "a second server will not be told where this one is");
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // One that stays is read by nobody while the lock is free.
        let _ = std::fs::remove_file(&self.note);
    }
}

/// `, process 4711, at http://localhost:4242/mcp`; empty while it is only about to run.
fn holder(note: &Path) -> String {
    let holder = std::fs::read(note).ok().and_then(|text| serde_json::from_slice::<Holder>(&text).ok());
    holder.map(|Holder { pid, url }| format!(", process {pid}, at {url}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is_and_gets_the_folder_when_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Alone::on(folder.path()).unwrap();
        let refused = Alone::on(folder.path()).unwrap_err();
        assert_eq!(refused.code(), "folder_in_use");
        first.tell("http://localhost:4242/mcp");
        let told = Alone::on(folder.path()).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(told.contains(&format!(", process {pid}, at http://localhost:4242/mcp; ")), "{told}");
        drop(first);
        let next = Alone::on(folder.path()).unwrap();
        assert!(!folder.path().join(NOTE).exists());
        drop(next);
    }

    #[test]
    fn what_a_killed_server_left_stands_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LOCK), "").unwrap();
        std::fs::write(folder.path().join(NOTE), r#"{"pid": 1, "url": "http://localhost:1/mcp"}"#).unwrap();
        assert!(Alone::on(folder.path()).is_ok());
    }
}
