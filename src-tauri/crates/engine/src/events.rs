//! The event bus: whoever records never waits; one task writes to the store in batches; listeners follow live.
//!
//! When more comes than can be written, events are dropped and counted, and the count is told; those of strangers go first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use model::event::{AuthEvent, EventKind};
use model::ids::AttemptId;
use model::ports::{EventSink, Store};
use model::time::Timestamp;
use moka::ops::compute::{CompResult, Op};
use moka::sync::Cache;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

const QUEUE: usize = 8_192;
const BATCH: usize = 512;
/// Most of the queue that events of strangers take, so that a flood of them leaves room for the others.
const STRANGERS: usize = QUEUE / 2;
/// What a client asks over and over is recorded once in this time, in milliseconds.
const REPEATED_MILLIS: i64 = 60_000;
/// Questions remembered for that.
const ASKED: u64 = 4_096;

/// The recording end; cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    queue: mpsc::Sender<AuthEvent>,
    live: broadcast::Sender<AuthEvent>,
    dropped: Arc<AtomicU64>,
    /// Events of strangers in the queue.
    strangers: Arc<AtomicUsize>,
    /// When each was last recorded.
    asked: Cache<Asked, Timestamp>,
}

/// The writing end, to be run by one task.
pub(crate) struct Writer {
    queue: mpsc::Receiver<AuthEvent>,
    strangers: Arc<AtomicUsize>,
}

/// What anybody may ask as often as they like, and gets the same answer to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Asked {
    attempt: Option<AttemptId>,
    kind: &'static str,
    /// The document, or the reason.
    text: String,
}

impl Bus {
    /// `live` is told of every event.
    pub(crate) fn new(live: broadcast::Sender<AuthEvent>) -> (Self, Writer) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let strangers = Arc::<AtomicUsize>::default();
        let asked = Cache::new(ASKED);
        let writer = Writer { queue: receiver, strangers: strangers.clone() };
        (Self { queue, live, dropped: Arc::default(), strangers, asked }, writer)
    }

    /// Events from now on. A slow listener misses some and is told how many.
    pub fn subscribe(&self) -> broadcast::Receiver<AuthEvent> {
        self.live.subscribe()
    }

    /// Events that were not stored because too many came at once.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether the same was recorded a moment ago; if not, this is noted as the latest.
    fn is_repeated(&self, event: &AuthEvent) -> bool {
        let Some(asked) = Asked::of(event) else { return false };
        let noted = self.asked.entry(asked).and_compute_with(|known| {
            let recent = |then: Timestamp| {
                (0..REPEATED_MILLIS).contains(&event.at.millis().saturating_sub(then.millis()))
            };
            if known.is_some_and(|known| recent(known.into_value())) { Op::Nop } else { Op::Put(event.at) }
        });
        matches!(noted, CompResult::Unchanged(_))
    }

    /// Puts it into the queue unless its part of the queue is full.
    fn enqueue(&self, event: AuthEvent) -> Result<(), ()> {
        if !is_strangers(&event) {
            return self.queue.try_send(event).map_err(drop);
        }
        // Counted before it is sent, so that the writer never takes off what was not put on.
        let fits = self.strangers.fetch_add(1, Ordering::Relaxed) < STRANGERS;
        let sent = if fits { self.queue.try_send(event).map_err(drop) } else { Err(()) };
        if sent.is_err() {
            self.strangers.fetch_sub(1, Ordering::Relaxed);
        }
        sent
    }
}

impl Asked {
    fn of(event: &AuthEvent) -> Option<Self> {
        let (EventKind::MetadataRead { document: text } | EventKind::Challenged { reason: text }) =
            &event.kind
        else {
            return None;
        };
        Some(Self { attempt: event.about.attempt.clone(), kind: event.kind.name(), text: text.clone() })
    }
}

/// Nobody is known to stand behind it: anybody on the internet could have caused it.
fn is_strangers(event: &AuthEvent) -> bool {
    event.about.session.is_none() && event.about.person.is_none()
}

/// For whoever reads the process log: what happened and in which attempt. Who it was stands in the auth log only.
fn log(event: &AuthEvent) {
    let attempt = event.about.attempt.as_ref().map_or("-", AttemptId::as_str);
    let (name, origin) = (event.kind.name(), event.about.origin);
    match &event.kind {
        EventKind::MetadataRead { .. } | EventKind::Challenged { .. } => {
            tracing::debug!(attempt, ?origin, "{name}");
        }
        _ => tracing::info!(attempt, ?origin, "{name}"),
    }
}

impl EventSink for Bus {
    fn record(&self, event: AuthEvent) {
        if self.is_repeated(&event) {
            return;
        }
        log(&event);
        // Nobody listening is fine.
        let _ = self.live.send(event.clone());
        if self.enqueue(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writer {
    /// Writes until `stop`, then what is still queued.
    pub(crate) async fn run(mut self, store: Arc<dyn Store>, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let received = tokio::select! {
                received = self.queue.recv_many(&mut batch, BATCH) => received,
                () = stop.cancelled() => {
                    self.queue.close();
                    self.queue.recv_many(&mut batch, BATCH).await
                }
            };
            if received == 0 {
                return;
            }
            self.strangers
                .fetch_sub(batch.iter().filter(|event| is_strangers(event)).count(), Ordering::Relaxed);
            // The store keeps the log within its bound by itself.
            if let Err(error) = store.append_events(&batch).await {
                tracing::error!(%error, lost = batch.len(), "the auth log could not be written");
            }
            batch.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use model::event::About;
    use model::ids::SessionId;
    use model::ports::{Bounds, EventQuery};
    use model::testing::SeededEntropy;
    use store::MemoryStore;

    use super::*;

    fn event(at: i64, about: About, kind: EventKind) -> AuthEvent {
        AuthEvent { seq: 0, at: Timestamp::from_millis(at), about, kind }
    }

    fn attempt(seed: u64) -> About {
        About { attempt: Some(AttemptId::generate(&SeededEntropy::new(seed))), ..About::default() }
    }

    fn session() -> About {
        About { session: Some(SessionId::generate(&SeededEntropy::new(1))), ..About::default() }
    }

    fn challenged(reason: &str) -> EventKind {
        EventKind::Challenged { reason: reason.into() }
    }

    fn read(document: &str) -> EventKind {
        EventKind::MetadataRead { document: document.into() }
    }

    /// Writes all that is queued and gives it, oldest first.
    async fn written(writer: Writer) -> Vec<AuthEvent> {
        let store = Arc::new(MemoryStore::new(Bounds::default()));
        let stop = CancellationToken::new();
        stop.cancel();
        writer.run(store.clone(), stop).await;
        let query = EventQuery { limit: 1000, ..EventQuery::default() };
        let mut events = store.list_events(&query).await.unwrap();
        events.reverse();
        events
    }

    #[tokio::test]
    async fn the_same_question_of_the_same_attempt_is_one_row_a_minute() {
        let (bus, writer) = Bus::new(broadcast::Sender::new(1_024));
        let mut live = bus.subscribe();
        for at in [0, 1, 59_999, 60_000, 60_001] {
            bus.record(event(at, attempt(1), challenged("missing access token")));
            bus.record(event(at, attempt(1), read("authorization server")));
        }
        let times: Vec<i64> = written(writer).await.iter().map(|event| event.at.millis()).collect();
        assert_eq!(times, [0, 0, 60_000, 60_000]);
        assert_eq!(bus.dropped(), 0, "nothing anybody would miss");
        for at in times {
            assert_eq!(live.try_recv().unwrap().at.millis(), at);
        }
        assert!(live.try_recv().is_err(), "who follows live is not told more");
    }

    #[tokio::test]
    async fn other_attempts_documents_and_reasons_are_rows_of_their_own() {
        let (bus, writer) = Bus::new(broadcast::Sender::new(1_024));
        for (about, kind) in [
            (attempt(1), challenged("a")),
            (attempt(2), challenged("a")),
            (attempt(1), challenged("b")),
            (attempt(1), read("a")),
            (About::default(), read("a")),
            (attempt(1), EventKind::ConsentShown),
            (attempt(1), EventKind::ConsentShown),
        ] {
            bus.record(event(0, about, kind));
        }
        assert_eq!(written(writer).await.len(), 7);
    }

    #[test]
    fn a_flood_of_strangers_leaves_half_of_the_queue_to_everybody_else() {
        let (bus, writer) = Bus::new(broadcast::Sender::new(1_024));
        for _ in 0..QUEUE {
            bus.record(event(0, About::default(), EventKind::ConsentShown));
        }
        assert_eq!(writer.queue.len(), QUEUE / 2);
        assert_eq!(bus.dropped(), (QUEUE / 2) as u64);
        for _ in 0..QUEUE / 2 {
            bus.record(event(0, session(), EventKind::TokenIssued));
        }
        assert_eq!(writer.queue.len(), QUEUE);
        assert_eq!(bus.dropped(), (QUEUE / 2) as u64, "none of those");
    }

    #[tokio::test]
    async fn what_was_written_makes_room_for_the_next_strangers() {
        let (bus, writer) = Bus::new(broadcast::Sender::new(1_024));
        bus.record(event(0, About::default(), EventKind::ConsentShown));
        bus.record(event(0, session(), EventKind::TokenIssued));
        assert_eq!(bus.strangers.load(Ordering::Relaxed), 1);
        assert_eq!(written(writer).await.len(), 2);
        assert_eq!(bus.strangers.load(Ordering::Relaxed), 0);
        bus.record(event(0, About::default(), EventKind::ConsentShown));
        assert_eq!(bus.strangers.load(Ordering::Relaxed), 0, "nor does one that could not be sent take room");
    }
}
