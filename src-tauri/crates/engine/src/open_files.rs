//! How many files this process may have open at a time: every connection is one, and one that ngrok's session carries is two.
//!
//! macOS allows 256 and most Linux systems 1024 unless a program asks for more, which it may up to a limit of the administrator's.

/// What the listeners carry at most, both ends of what ngrok's session does, and what else is open. Below what macOS takes (10 240).
#[cfg(unix)]
const WANTED: u64 = 8_192;
/// What strangers may hold (512, or 320 twice), and some for everybody else.
#[cfg(unix)]
const NEEDED: u64 = 1_024;

/// Asks for as many as are wanted, as far as the administrator lets us, and tells the log where that is too few. To be called
/// once, at the start of the program.
#[cfg(unix)]
pub fn ask_for_enough() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let before = getrlimit(Resource::Nofile);
    // `None` is no limit.
    let Some(mut limit) = before.current else { return };
    let wanted = WANTED.min(before.maximum.unwrap_or(WANTED));
    if limit < wanted {
        match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..before }) {
            Ok(()) => limit = wanted,
            Err(error) => tracing::warn!(%error, "more open files were refused by the system"),
        }
    }
    if limit < NEEDED {
        tracing::warn!(
            limit,
            "few files may be open at a time, so few connections are taken; raise the hard limit (`ulimit -Hn`) to {NEEDED} or more"
        );
    }
}

/// Windows has no such limit.
#[cfg(not(unix))]
pub const fn ask_for_enough() {}
