//! The page of compatibility (`src-tauri/docs/clients.md`) and the checklist on it say what tests say.
#![expect(clippy::unwrap_used, reason = "in tests a panic is an answer, in their helpers too")]

mod checklist;
mod page;
mod real;

use std::fs;
use std::path::{Path, PathBuf};

/// A file or folder below the root of the repository.
pub(crate) fn at_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(path)
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(at_root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
