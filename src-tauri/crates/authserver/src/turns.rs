//! One at a time for each of many things, named by text.
//!
//! A turn is on the list only while somebody has it or waits for it, so nobody can push another's off, and the list is
//! never longer than there are requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

/// Ends when it is dropped; also while it is still waited for.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    id: String,
    held: Option<OwnedMutexGuard<()>>,
}

// === impl Turns ===

impl Turns {
    /// Waits until everybody who asked for `id` before is done.
    pub(crate) async fn take(&self, id: &str) -> Turn<'_> {
        // Made before the wait, so that somebody who gives up waiting leaves the list too.
        let mut turn = Turn { turns: self, id: id.to_owned(), held: None };
        turn.held = Some(self.line(id).lock_owned().await);
        turn
    }

    fn line(&self, id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut lines = self.lines();
        if let Some(line) = lines.get(id).and_then(Weak::upgrade) {
            return line;
        }
        let line = Arc::default();
        lines.insert(id.to_owned(), Arc::downgrade(&line));
        line
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<String, Weak<tokio::sync::Mutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Turn ===

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held = None;
        let mut lines = self.turns.lines();
        if lines.get(&self.id).is_some_and(|line| line.strong_count() == 0) {
            lines.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first_however_many_others_there_are() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let mut others = Vec::new();
        for n in 0..20_000 {
            others.push(turns.take(&n.to_string()).await);
        }
        let mut second = Box::pin(turns.take("a"));
        assert!(futures::poll!(second.as_mut()).is_pending());
        drop(others);
        assert!(futures::poll!(second.as_mut()).is_pending());
        drop(first);
        assert!(futures::poll!(second.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn nothing_stays_on_the_list_of_those_who_are_done_or_gave_up() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let mut waits = Box::pin(turns.take("a"));
        let mut gives_up = Box::pin(turns.take("a"));
        assert!(futures::poll!(waits.as_mut()).is_pending());
        assert!(futures::poll!(gives_up.as_mut()).is_pending());
        drop(gives_up);
        drop(first);
        assert_eq!(turns.lines().len(), 1, "one still waits");
        drop(waits);
        assert!(turns.lines().is_empty());
    }
}
