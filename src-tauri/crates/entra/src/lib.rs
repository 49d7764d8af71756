//! The leg to Microsoft Entra ID, and, by configuration, to any other OpenID Connect server.
//!
//! It knows where the provider lives, sends people there, exchanges codes and refresh tokens, verifies what comes
//! back and explains what was refused. It never sees a client of ours, keeps no session and stores nothing but
//! caches of public documents.

pub mod aadb2c;
pub mod aadsts;
mod access;
mod check;
pub mod create;
mod credential;
mod discovery;
mod examine;
mod fault;
mod graph;
mod held;
mod http;
mod identity;
mod issuer;
mod jwt;
mod keys;
pub mod manifest;
mod person;
mod profile;
mod refusal;
pub mod registration;
mod rules;
mod scopes;
mod upstream;
mod wire;

pub use model::check::{Outcome, Step};

pub use crate::examine::{Examined, Finding};
pub use crate::http::{ClientError, http_client_for};
pub use crate::upstream::Entra;
