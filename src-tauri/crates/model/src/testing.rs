//! Doubles for time and randomness, so tests neither sleep nor differ between runs, and a refusal to tell of.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};

use crate::ports::{Clock, Entropy, Pause};
use crate::remedy::Remedy;
use crate::time::Timestamp;
use crate::upstream::{Effect, Fixer, Refusal};

/// What a provider refused, with a number or none.
pub fn refusal(code: Option<u32>, effect: Effect) -> Refusal {
    Refusal {
        code,
        error: "invalid_grant".to_owned(),
        what: "It was refused.".to_owned(),
        fixer: Fixer::Person,
        hint: "Connect again and sign in.".to_owned(),
        remedies: vec![Remedy::SignIn],
        trace: None,
        effect,
        claims: None,
        person: None,
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub const fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.millis()))
    }

    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Waiting takes no time: the clock jumps instead.
#[async_trait]
impl Pause for ManualClock {
    async fn pause(&self, span: Duration) {
        self.advance(span);
    }
}

/// Reproducible bytes: SHA-256 over the seed and a counter. Never for anything but tests.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, into: &mut [u8]) {
        for chunk in into.chunks_mut(32) {
            let counter = self.drawn.fetch_add(1, Ordering::SeqCst);
            let mut input = self.seed.to_be_bytes().to_vec();
            input.extend(counter.to_be_bytes());
            chunk.copy_from_slice(&digest(&SHA256, &input).as_ref()[..chunk.len()]);
        }
    }
}
