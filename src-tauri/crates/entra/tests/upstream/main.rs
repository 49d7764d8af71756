//! The leg to the identity provider against a provider on loopback that says whatever a test wants it to say.
//!
//! Tokens are signed with a key made when the tests start; time is a clock that the tests move.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected shall end")]

mod check;
mod credentials;
mod customers;
mod examine;
mod graph;
mod refresh;
mod refusals;
mod rig;
mod servers;
mod sign_in;
mod trouble;
