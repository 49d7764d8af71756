//! The event bus: whoever records never waits; one task writes to the store in batches and then tells whoever follows.
//!
//! While the store does not take them, events wait in the queue. When more comes than fits, events are dropped and counted,
//! and the count is told; those of strangers go first. What was not written is told to nobody.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use model::event::{AuthEvent, EventKind};
use model::ids::{AttemptId, ClientId};
use model::origin::Origin;
use model::ports::{EventSink, Store, StoreError};
use model::time::Timestamp;
use moka::ops::compute::{CompResult, Op};
use moka::sync::Cache;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

const QUEUE: usize = 8_192;
const BATCH: usize = 512;
/// Most of the queue that events of strangers take, so that a flood of them leaves room for the others.
const STRANGERS: usize = QUEUE / 2;
/// Between two tries to write, the first time; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What a client asks over and over is recorded once in this time, in milliseconds.
const REPEATED_MILLIS: i64 = 60_000;
/// Events of strangers that are lines of the process log, in a minute.
const LOGGED: u32 = 120;
/// Questions remembered for that.
const ASKED: u64 = 4_096;
/// Names of clients remembered.
const NAMES: u64 = 512;

/// The recording end; cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    queue: mpsc::Sender<Queued>,
    live: broadcast::Sender<AuthEvent>,
    dropped: Arc<AtomicU64>,
    /// Events of strangers in the queue.
    strangers: Arc<AtomicUsize>,
    /// When each was last recorded.
    asked: Cache<Asked, Timestamp>,
    /// Lines of strangers in the process log.
    logged: Arc<Minute>,
    /// What clients called themselves: not every event has it at hand, and an id tells a person nothing.
    names: Cache<ClientId, String>,
}

/// How much was logged in this minute.
#[derive(Debug, Default)]
struct Minute(Mutex<(i64, u32)>);

/// The writing end, to be run by one task.
pub(crate) struct Writer {
    queue: mpsc::Receiver<Queued>,
    live: broadcast::Sender<AuthEvent>,
    dropped: Arc<AtomicU64>,
    strangers: Arc<AtomicUsize>,
}

/// All that writing needs of a store.
#[async_trait]
pub(crate) trait Append: Send + Sync {
    async fn append(&self, events: &[AuthEvent]) -> Result<Vec<i64>, StoreError>;
}

#[async_trait]
impl Append for Arc<dyn Store> {
    async fn append(&self, events: &[AuthEvent]) -> Result<Vec<i64>, StoreError> {
        self.append_events(events).await
    }
}

#[derive(Debug)]
enum Queued {
    Event(Box<AuthEvent>),
    /// Somebody waits until all before it is written.
    Mark(oneshot::Sender<()>),
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
    /// `live` is told of every event once it is written, with its position.
    pub(crate) fn new(live: broadcast::Sender<AuthEvent>) -> (Self, Writer) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let (strangers, dropped) = (Arc::<AtomicUsize>::default(), Arc::<AtomicU64>::default());
        let writer = Writer {
            queue: receiver,
            live: live.clone(),
            dropped: dropped.clone(),
            strangers: strangers.clone(),
        };
        let bus = Self {
            queue,
            live,
            dropped,
            strangers,
            asked: Cache::new(ASKED),
            logged: Arc::default(),
            names: Cache::new(NAMES),
        };
        (bus, writer)
    }

    /// Ends when all that was recorded until now is written, or given up.
    pub async fn written(&self) {
        let (mark, reached) = oneshot::channel();
        // An error either way: nobody writes any more.
        if self.queue.send(Queued::Mark(mark)).await.is_ok() {
            let _ = reached.await;
        }
    }

    /// Events as they are written from now on. A slow listener misses some and is told how many.
    pub fn subscribe(&self) -> broadcast::Receiver<AuthEvent> {
        self.live.subscribe()
    }

    /// Events that were not stored, because too many came at once or the store would not take them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// With the name that its client gave before, if it has none.
    fn named(&self, mut event: AuthEvent) -> AuthEvent {
        let about = &mut event.about;
        match (&about.client, &about.client_name) {
            (Some(client), Some(name)) => {
                if self.names.get(client).as_ref() != Some(name) {
                    self.names.insert(client.clone(), name.clone());
                }
            }
            (Some(client), None) => about.client_name = self.names.get(client),
            (None, _) => {}
        }
        event
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
        let send = |event| self.queue.try_send(Queued::Event(Box::new(event))).map_err(drop);
        if !is_strangers(&event) {
            return send(event);
        }
        // Counted before it is sent, so that the writer never takes off what was not put on.
        let fits = self.strangers.fetch_add(1, Ordering::Relaxed) < STRANGERS;
        let sent = if fits { send(event) } else { Err(()) };
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
///
/// Strangers can cause as many events as they like, so only so many of theirs a minute are lines of the log.
fn log(event: &AuthEvent, strangers: &Minute) {
    let attempt = event.about.attempt.as_ref().map_or("-", AttemptId::as_str);
    let name = event.kind.name();
    let origin = match event.about.origin {
        Some(Origin::Local) => "local",
        Some(Origin::Public) => "public",
        None => "-",
    };
    match &event.kind {
        EventKind::MetadataRead { .. } | EventKind::Challenged { .. } => {
            tracing::debug!(attempt, origin, "{name}");
        }
        _ if is_strangers(event) && !strangers.has_room(event.at) => {
            tracing::debug!(attempt, origin, "{name}");
        }
        EventKind::PairingAsked => {
            tracing::info!(
                attempt,
                origin,
                "{name}: a new client waits for a code, which the window or the console shows"
            );
        }
        kind => {
            if let Some(why) = refusal(kind) {
                tracing::warn!(attempt, origin, "{name}: {why}");
            } else {
                tracing::info!(attempt, origin, "{name}");
            }
        }
    }
}

/// Why something came to nothing, in words of our own: whatever others wrote stays in the auth log. Of a token that is the
/// code alone, since the reason can be what the identity provider wrote about somebody.
fn refusal(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::AuthorizeRefused { reason, .. } | EventKind::RegistrationRefused { reason, .. } => {
            Some(reason)
        }
        EventKind::TokenRefused { error, .. } => Some(error),
        _ => None,
    }
}

impl Minute {
    /// `false` once this minute has had enough; that is said once.
    fn has_room(&self, at: Timestamp) -> bool {
        let minute = at.secs() / 60;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 != minute {
            *state = (minute, 0);
        }
        state.1 = state.1.saturating_add(1);
        if state.1 == LOGGED + 1 {
            tracing::info!("many strangers: the rest of this minute is in the auth log only");
        }
        state.1 <= LOGGED
    }
}

impl EventSink for Bus {
    fn record(&self, event: AuthEvent) {
        if self.is_repeated(&event) {
            return;
        }
        log(&event, &self.logged);
        if self.enqueue(self.named(event)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writer {
    /// Writes until `stop`, then what is still queued.
    pub(crate) async fn run(mut self, store: impl Append, stop: CancellationToken) {
        let mut received = Vec::with_capacity(BATCH);
        loop {
            let count = tokio::select! {
                count = self.queue.recv_many(&mut received, BATCH) => count,
                () = stop.cancelled() => {
                    self.queue.close();
                    self.queue.recv_many(&mut received, BATCH).await
                }
            };
            if count == 0 {
                return;
            }
            let (mut batch, mut marks) = (Vec::with_capacity(count), Vec::new());
            for queued in received.drain(..) {
                match queued {
                    Queued::Event(event) => batch.push(*event),
                    Queued::Mark(mark) => marks.push(mark),
                }
            }
            self.strangers
                .fetch_sub(batch.iter().filter(|event| is_strangers(event)).count(), Ordering::Relaxed);
            self.write(batch, &store, &stop).await;
            for mark in marks {
                // Whoever waited for them may have gone.
                let _ = mark.send(());
            }
        }
    }

    /// The store keeps the log within its bound by itself.
    async fn write(&self, batch: Vec<AuthEvent>, store: &impl Append, stop: &CancellationToken) {
        if batch.is_empty() {
            return;
        }
        match insist(&batch, store, stop).await {
            Ok(positions) => {
                for (event, seq) in batch.into_iter().zip(positions) {
                    // Nobody listening is fine.
                    let _ = self.live.send(AuthEvent { seq, ..event });
                }
            }
            Err(error) => {
                tracing::error!(%error, lost = batch.len(), "the auth log could not be written");
                self.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
            }
        }
    }
}

/// Asks until the store takes them, says that it never will, or the server stops. Meanwhile the queue fills up.
async fn insist(
    batch: &[AuthEvent],
    store: &impl Append,
    stop: &CancellationToken,
) -> Result<Vec<i64>, StoreError> {
    let mut pause = PAUSE;
    loop {
        // Taken before the try: whoever stops the server gets one more.
        let last = stop.is_cancelled();
        let error = match store.append(batch).await {
            Err(error @ StoreError::Unavailable(_)) if !last => error,
            outcome => return outcome,
        };
        tracing::warn!(%error, waiting = batch.len(), "the auth log could not be written; it is tried again");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
        pause = LONGEST_PAUSE.min(pause * 2);
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

    #[test]
    fn what_the_provider_wrote_about_somebody_is_not_for_the_process_log() {
        let reason = "User account ada@contoso.com is disabled; ask an administrator".to_owned();
        let refused = EventKind::TokenRefused { error: "invalid_grant".into(), reason: reason.clone() };
        assert_eq!(refusal(&refused), Some("invalid_grant"));
        assert_eq!(refusal(&EventKind::CallbackRefused { reason }), None);
    }

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
        writer.run(store.clone() as Arc<dyn Store>, stop).await;
        let query = EventQuery { limit: 1000, ..EventQuery::default() };
        let mut events = store.list_events(&query).await.unwrap();
        events.reverse();
        events
    }

    #[tokio::test]
    async fn a_client_keeps_its_name_where_an_event_has_only_its_id() {
        let (bus, writer) = Bus::new(broadcast::Sender::new(16));
        let of = |client: &str, name: Option<&str>| About {
            client: Some(ClientId::parse(client).unwrap()),
            client_name: name.map(str::to_owned),
            ..session()
        };
        for about in [of("a", None), of("a", Some("Inspector")), of("a", None), of("b", None)] {
            bus.record(event(0, about, EventKind::SignedIn));
        }
        let names: Vec<_> = written(writer).await.into_iter().map(|event| event.about.client_name).collect();
        assert_eq!(names, [None, Some("Inspector".to_owned()), Some("Inspector".to_owned()), None]);
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
        for (at, seq) in times.into_iter().zip(1..) {
            let told = live.try_recv().unwrap();
            assert_eq!((told.at.millis(), told.seq), (at, seq), "with its position in the log");
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

    /// A store that takes no events the first few times.
    struct Refusing {
        times: AtomicUsize,
        error: StoreError,
    }

    #[async_trait]
    impl Append for Refusing {
        async fn append(&self, events: &[AuthEvent]) -> Result<Vec<i64>, StoreError> {
            if self.times.load(Ordering::Relaxed) == 0 {
                return Ok((1..).take(events.len()).collect());
            }
            self.times.fetch_sub(1, Ordering::Relaxed);
            Err(self.error.clone())
        }
    }

    impl Refusing {
        fn new(times: usize, error: StoreError) -> Self {
            Self { times: AtomicUsize::new(times), error }
        }
    }

    fn busy() -> StoreError {
        StoreError::Unavailable("busy".into())
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_busy_store_did_not_take_is_written_later_and_told_only_then() {
        let (bus, writer) = Bus::new(broadcast::Sender::new(16));
        let mut live = bus.subscribe();
        let running = tokio::spawn(writer.run(Refusing::new(3, busy()), CancellationToken::new()));
        bus.record(event(1, session(), EventKind::TokenIssued));
        // Long enough for one try, not for three pauses.
        tokio::time::sleep(PAUSE).await;
        assert!(live.try_recv().is_err(), "not written, so not told");
        bus.written().await;
        assert_eq!(live.try_recv().unwrap().seq, 1);
        assert_eq!(bus.dropped(), 0);
        running.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_never_be_written_is_counted_and_told_to_nobody() {
        let never = StoreError::Corrupt { what: "event", detail: "damaged".into() };
        for (store, stopped) in [(Refusing::new(1, never), false), (Refusing::new(usize::MAX, busy()), true)]
        {
            let (bus, writer) = Bus::new(broadcast::Sender::new(16));
            let mut live = bus.subscribe();
            let stop = CancellationToken::new();
            bus.record(event(1, session(), EventKind::TokenIssued));
            let running = tokio::spawn(writer.run(store, stop.clone()));
            tokio::time::sleep(PAUSE).await;
            assert_eq!(bus.dropped(), u64::from(!stopped));
            stop.cancel();
            running.await.unwrap();
            assert_eq!(bus.dropped(), 1);
            assert!(live.try_recv().is_err());
        }
    }

    #[tokio::test]
    async fn waiting_for_what_is_recorded_ends_even_when_nobody_writes() {
        let (bus, writer) = Bus::new(broadcast::Sender::new(16));
        drop(writer);
        bus.written().await;
    }
}
