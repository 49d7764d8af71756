//! Panics: those of libraries that we expect and catch are quiet, all others are one line in the log.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Puts panics into the log. What they say may quote what was being worked on, so only the place is told.
pub(crate) fn to_the_log() {
    std::panic::set_hook(Box::new(|panic| {
        if EXPECTED.get() {
            return;
        }
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a part of the app broke; please report the place");
    }));
}

/// What `job` gives, or `None` if it panicked.
pub(crate) fn caught<T>(job: impl FnOnce() -> T) -> Option<T> {
    EXPECTED.set(true);
    let done = catch_unwind(AssertUnwindSafe(job)).ok();
    EXPECTED.set(false);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_and_the_next_one_is_not_expected() {
        assert_eq!(caught(|| 1), Some(1));
        assert_eq!(caught(|| -> u8 { panic!("expected by this test") }), None);
        assert!(!EXPECTED.get());
    }
}
