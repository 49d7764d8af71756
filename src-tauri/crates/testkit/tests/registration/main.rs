//! A registration made for a person, against the practice tenant: the whole way, and broken off wherever it can be.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod created;
mod interrupted;
mod rig;
mod sign_in;
