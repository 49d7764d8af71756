//! The tunnel through a server of one's own, with Debian's `sshd` and `ssh` as they are: what is carried, what breaks off and
//! comes back, what is refused, and what becomes of those who are signed in meanwhile.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod forwarding;
mod sshd;
mod whole;
