//! Composition and life cycle: settings in, a running server out.
//!
//! The parts know nothing of each other; they meet here. The same engine runs under a window and without one.

mod alone;
pub mod api;
pub mod console;
mod creating;
mod engine;
mod events;
mod gate;
mod holder;
mod key;
mod listen;
pub mod open_files;
mod running;
pub mod settings;
pub mod system;
mod vault;

pub use authserver::documents::{Resolver, SystemResolver};
pub use engine::{Engine, NotStarted, Sources};
pub use events::Bus;
pub use key::{KeyKeeper, KeySource, KeyTrouble};
pub use model;
pub use running::{GRACE, Running, StartError, World};
