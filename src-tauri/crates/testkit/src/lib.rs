//! A whole system to tell stories with: the real engine, the practice tenant, a scripted client and a browser.
//!
//! Real HTTP on ephemeral loopback ports, a clock that moves when told, entropy that repeats. For tests only.

pub mod browser;
pub mod checklist;
pub mod client;
pub mod desk;
pub mod directory;
pub mod elsewhere;
pub mod imitation;
pub mod ngrok;
pub mod publisher;
pub mod rig;
pub mod signer;
pub mod stand_in;
pub mod tunnel;

pub use browser::{Browser, Landed};
pub use client::{Answer, Client, Connected};
pub use desk::Desk;
pub use directory::Directory;
pub use elsewhere::Elsewhere;
pub use ngrok::NgrokServer;
pub use publisher::{changing_host, document_host, signing_host};
pub use rig::Rig;
pub use signer::{ASSERTION_TYPE, Signer};
pub use stand_in::{No, StandIn};
pub use tunnel::Tunnel;
