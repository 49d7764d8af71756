//! What is left of a story that was played to its end: a file whose time is the date of the performance. From these
//! the page of compatibility is made.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// One performance.
#[derive(Debug, Clone, Copy)]
pub struct Record;

impl Record {
    /// From here on it must be earned anew.
    pub fn forget(name: &str) {
        let _ = fs::remove_file(folder().join(name));
    }

    pub fn keep(name: &str) {
        fs::create_dir_all(folder()).expect("the folder of build results is writable");
        fs::write(folder().join(name), "").expect("the folder of build results is writable");
    }

    /// When `name` was last played to its end.
    pub fn found(name: &str) -> Option<SystemTime> {
        fs::metadata(folder().join(name)).ok()?.modified().ok()
    }
}

/// Where the real clients' tests leave theirs too (`src-tauri/tests/clients/record.mjs`).
fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../target"));
    target.join("compatibility")
}
