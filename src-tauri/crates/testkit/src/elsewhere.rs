//! What the supervisor of a tunnel speaks to: a list of what was done with addresses, and a say in whether they lead here.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use ::tunnel::{Doubt, Outside};
use async_trait::async_trait;
use url::Url;

/// Every address leads here until somebody says otherwise.
#[derive(Debug, Default)]
pub struct Elsewhere {
    told: Mutex<Vec<String>>,
    doubt: Mutex<Option<Doubt>>,
    notes: Mutex<Vec<Doubt>>,
    looks: AtomicU32,
    paused: AtomicBool,
}

// === impl Elsewhere ===

impl Elsewhere {
    /// Each address that opened, and `closed`.
    pub fn told(&self) -> Vec<String> {
        held(&self.told).clone()
    }

    /// From now on a look finds this in the way.
    pub fn doubts(&self, doubt: Option<Doubt>) {
        *held(&self.doubt) = doubt;
    }

    /// From now on a look that gets through finds this to know.
    pub fn notes(&self, notes: Vec<Doubt>) {
        *held(&self.notes) = notes;
    }

    /// From now on nobody is answered here, or again.
    pub fn pauses(&self, paused: bool) {
        self.paused.store(paused, Ordering::SeqCst);
    }

    /// How often it was looked.
    pub fn looks(&self) -> u32 {
        self.looks.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Outside for Elsewhere {
    async fn opened(&self, url: &Url) {
        held(&self.told).push(url.to_string());
    }

    async fn closed(&self) {
        held(&self.told).push("closed".into());
    }

    async fn look(&self, _: &Url) -> Result<Vec<Doubt>, Doubt> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let notes = held(&self.notes).clone();
        held(&self.doubt).clone().map_or(Ok(notes), Err)
    }

    fn answers(&self) -> bool {
        !self.paused.load(Ordering::SeqCst)
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().expect("no test failed while it held this")
}
