//! The real clock, real waiting and the real randomness: the one place that asks the operating system for them.

use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use model::ports::{Clock, Entropy, Pause};
use model::time::Timestamp;

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[derive(Debug, Clone, Default)]
pub struct SystemEntropy(SystemRandom);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock everybody else is handed")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[async_trait]
impl Pause for SystemClock {
    async fn pause(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, into: &mut [u8]) {
        self.0.fill(into).expect("the operating system gives random bytes");
    }
}
