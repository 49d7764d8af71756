//! The authorization server between a store that fails when told and an identity provider that takes everything once.
//! Nothing leaves the process, so time can move on by itself whenever all wait.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod provider;
mod refresh;
mod rig;
mod sign_in;
mod store;
