//! Where clients, grants, sessions, consents and the auth log are kept, and the file the master key is kept in.
//!
//! Two implementations of [`model::ports::Store`] answer one contract (`tests/contract.rs`). Nothing here seals,
//! opens or hashes: values come in as [`model::keys::Sealed`] and [`model::ids::TokenHash`], or are not secret.

mod fit;
pub mod keyfile;
mod memory;
mod pace;
mod rules;
mod sqlite;

pub use keyfile::{KeyFileError, load_or_create_master_key};
pub use memory::MemoryStore;
pub use sqlite::{BindKeyError, SqliteStore};
