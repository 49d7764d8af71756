//! The practice tenant over HTTP, as a client sees it: no test looks inside.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may fail a test as the tests themselves do")]

mod applications;
mod credentials;
mod faults;
mod flow;
mod pages;
mod refusals;
mod rig;
mod switches;
