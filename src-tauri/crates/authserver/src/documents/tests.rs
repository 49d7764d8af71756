//! The copies, by a clock that moves when told and a publisher that says what it is told.

use std::collections::VecDeque;
use std::net::IpAddr;

use async_trait::async_trait;
use model::testing::ManualClock;
use serde_json::json;
use tokio::sync::Semaphore;

use super::*;

const ID: &str = "https://client.example/oauth/client.json";

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

/// What the publisher says, in order; the last answer is repeated.
struct Publisher {
    script: Mutex<VecDeque<Result<Fetched, FetchError>>>,
    asked: Mutex<Vec<Option<Validators>>>,
    /// Answers wait for a permit each.
    gate: Semaphore,
}

impl Publisher {
    fn saying(script: impl IntoIterator<Item = Result<Fetched, FetchError>>) -> Arc<Self> {
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        Arc::new(Self { script: Mutex::new(script.into_iter().collect()), asked: Mutex::default(), gate })
    }

    fn times_asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn last_asked(&self) -> Option<Validators> {
        self.asked.lock().unwrap().last().cloned().flatten()
    }

    fn close_gate(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn open_gate(&self) {
        self.gate.add_permits(1000);
    }
}

#[async_trait]
impl DocumentFetch for Publisher {
    async fn fetch(&self, _: &Url, known: Option<&Validators>) -> Result<Fetched, FetchError> {
        self.asked.lock().unwrap().push(known.cloned());
        self.gate.acquire().await.unwrap().forget();
        let mut script = self.script.lock().unwrap();
        if script.len() > 1 { script.pop_front().unwrap() } else { script[0].clone() }
    }
}

fn named(name: &str) -> Result<Fetched, FetchError> {
    said(name, Validators::default(), Freshness::Unstated)
}

#[expect(clippy::unnecessary_wraps, reason = "stands beside errors in a script")]
fn said(name: &str, validators: Validators, freshness: Freshness) -> Result<Fetched, FetchError> {
    let body =
        json!({ "client_id": ID, "client_name": name, "redirect_uris": ["https://client.example/cb"] });
    Ok(Fetched::Document { body: body.to_string().into(), validators, freshness })
}

#[expect(clippy::unnecessary_wraps, reason = "stands beside errors in a script")]
fn raw(body: &str) -> Result<Fetched, FetchError> {
    Ok(Fetched::Document {
        body: body.into(),
        validators: Validators::default(),
        freshness: Freshness::Unstated,
    })
}

fn tagged(etag: &str) -> Validators {
    Validators { etag: Some(etag.into()), last_modified: None }
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

struct Rig {
    documents: Documents,
    publisher: Arc<Publisher>,
    clock: Arc<ManualClock>,
}

impl Rig {
    fn with(script: impl IntoIterator<Item = Result<Fetched, FetchError>>) -> Self {
        let publisher = Publisher::saying(script);
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        Self { documents: Documents::new(publisher.clone(), clock.clone()), publisher, clock }
    }

    async fn client(&self, text: &str) -> Answer {
        self.documents.client(&id(text), Standing::Unproven, self.clock.now()).await
    }

    /// Name of the client, or the error.
    async fn name(&self) -> Result<String, DocumentError> {
        self.client(ID).await.map(|client| client.name.unwrap())
    }

    fn later(&self, span: Duration) {
        self.clock.advance(span);
    }
}

#[tokio::test]
async fn a_copy_answers_for_an_hour_and_is_then_fetched_anew() {
    let rig = Rig::with([named("one"), named("two")]);
    assert_eq!(rig.name().await.unwrap(), "one");
    rig.later(secs(3599));
    assert_eq!(rig.name().await.unwrap(), "one");
    assert_eq!(rig.publisher.times_asked(), 1);
    rig.later(secs(1));
    assert_eq!(rig.name().await.unwrap(), "two");
}

#[tokio::test]
async fn the_first_sight_of_a_client_outlives_its_refreshes() {
    let rig = Rig::with([named("one"), named("two")]);
    let first = rig.client(ID).await.unwrap().created_at;
    rig.later(secs(7200));
    let refreshed = rig.client(ID).await.unwrap();
    assert_eq!((refreshed.name.as_deref(), refreshed.created_at), (Some("two"), first));
}

#[tokio::test]
async fn max_age_is_honoured_up_to_a_day() {
    let rig = Rig::with([
        said("one", Validators::default(), Freshness::For(secs(10))),
        said("two", Validators::default(), Freshness::For(secs(1_000_000))),
        named("three"),
    ]);
    assert_eq!(rig.name().await.unwrap(), "one");
    rig.later(secs(10));
    assert_eq!(rig.name().await.unwrap(), "two");
    rig.later(secs(86_399));
    assert_eq!(rig.name().await.unwrap(), "two");
    rig.later(secs(1));
    assert_eq!(rig.name().await.unwrap(), "three");
}

#[tokio::test]
async fn no_store_keeps_nothing_not_even_for_bad_times() {
    let rig = Rig::with([said("one", tagged("a"), Freshness::NotKept), Err(FetchError::TimedOut)]);
    assert_eq!(rig.name().await.unwrap(), "one");
    assert_eq!(rig.name().await, Err(FetchError::TimedOut.into()));
    assert_eq!(rig.publisher.last_asked(), None, "there is no copy to ask about");
}

#[tokio::test]
async fn no_cache_asks_every_time_whether_it_changed() {
    let rig = Rig::with([
        said("one", tagged("a"), Freshness::For(Duration::ZERO)),
        Ok(Fetched::Unchanged { validators: Validators::default(), freshness: Freshness::Unstated }),
    ]);
    for asked in 1..=3 {
        assert_eq!(rig.name().await.unwrap(), "one");
        assert_eq!(rig.publisher.times_asked(), asked);
    }
    assert_eq!(rig.publisher.last_asked(), Some(tagged("a")), "a bare 304 keeps the validators");
}

#[tokio::test]
async fn not_modified_renews_the_copy_for_as_long_as_before() {
    let rig = Rig::with([
        said("one", tagged("a"), Freshness::For(secs(100))),
        Ok(Fetched::Unchanged { validators: tagged("b"), freshness: Freshness::Unstated }),
        Ok(Fetched::Unchanged { validators: Validators::default(), freshness: Freshness::For(secs(500)) }),
        named("two"),
    ]);
    rig.name().await.unwrap();
    rig.later(secs(100));
    assert_eq!(rig.name().await.unwrap(), "one");
    assert_eq!(rig.publisher.last_asked(), Some(tagged("a")));
    rig.later(secs(99));
    assert_eq!(rig.name().await.unwrap(), "one");
    assert_eq!(rig.publisher.times_asked(), 2);
    rig.later(secs(1));
    assert_eq!(rig.name().await.unwrap(), "one");
    assert_eq!(rig.publisher.last_asked(), Some(tagged("b")));
    rig.later(secs(499));
    assert_eq!(rig.name().await.unwrap(), "one");
    assert_eq!(rig.publisher.times_asked(), 3);
    rig.later(secs(1));
    assert_eq!(rig.name().await.unwrap(), "two");
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_minute_so_it_costs_one_fetch() {
    let rig = Rig::with([Err(FetchError::Status(404)), named("one")]);
    for _ in 0..20 {
        assert_eq!(rig.name().await, Err(FetchError::Status(404).into()));
    }
    rig.later(secs(59));
    assert!(rig.name().await.is_err());
    assert_eq!(rig.publisher.times_asked(), 1);
    rig.later(secs(1));
    assert_eq!(rig.name().await.unwrap(), "one");
}

#[tokio::test]
async fn an_earlier_copy_stands_in_for_a_week_while_the_host_is_in_trouble() {
    for trouble in
        [FetchError::TimedOut, FetchError::Status(403), FetchError::Status(503), FetchError::ContentType]
    {
        let rig = Rig::with([named("one"), Err(trouble)]);
        rig.name().await.unwrap();
        rig.later(secs(3600));
        for _ in 0..5 {
            assert_eq!(rig.name().await.unwrap(), "one", "{trouble}");
        }
        assert_eq!(rig.publisher.times_asked(), 2, "trouble is not asked about again at once");
        rig.later(secs(7 * 86_400 - 3601));
        assert_eq!(rig.name().await.unwrap(), "one", "{trouble}");
        rig.later(secs(61));
        assert_eq!(rig.name().await, Err(trouble.into()));
    }
}

#[tokio::test]
async fn a_well_known_client_is_known_while_its_host_hands_out_nothing() {
    let claude = id("https://claude.ai/oauth/mcp-oauth-client-metadata");
    for error in
        [FetchError::Status(403), FetchError::Unreachable, FetchError::NotFound, FetchError::TimedOut]
    {
        let rig = Rig::with([Err(error)]);
        for _ in 0..2 {
            let client = rig.documents.client(&claude, Standing::Unproven, rig.clock.now()).await.unwrap();
            assert_eq!(client.name.as_deref(), Some("Claude"));
        }
        assert_eq!(rig.publisher.times_asked(), 1, "and is asked again in a minute");
    }
    let gone = Rig::with([Err(FetchError::Status(410))]);
    assert!(gone.documents.client(&claude, Standing::Unproven, gone.clock.now()).await.is_err());
    let other = Rig::with([Err(FetchError::Status(403))]);
    let unknown = id("https://claude.ai/oauth/another");
    assert!(other.documents.client(&unknown, Standing::Unproven, other.clock.now()).await.is_err());
}

#[tokio::test]
async fn a_week_without_confirmation_ends_the_copy_even_while_the_failure_is_remembered() {
    let rig = Rig::with([named("one"), Err(FetchError::TimedOut)]);
    rig.name().await.unwrap();
    rig.later(secs(7 * 86_400 - 30));
    assert_eq!(rig.name().await.unwrap(), "one");
    rig.later(secs(30));
    assert_eq!(rig.name().await, Err(FetchError::TimedOut.into()));
    assert_eq!(rig.publisher.times_asked(), 2);
}

#[tokio::test]
async fn recovery_after_trouble_is_noticed_within_a_minute() {
    let rig = Rig::with([named("one"), Err(FetchError::TimedOut), named("two")]);
    rig.name().await.unwrap();
    rig.later(secs(3600));
    assert_eq!(rig.name().await.unwrap(), "one");
    rig.later(secs(60));
    assert_eq!(rig.name().await.unwrap(), "two");
}

#[tokio::test]
async fn a_document_the_publisher_took_away_or_spoiled_is_not_used_any_longer() {
    let other =
        raw(&json!({ "client_id": "https://evil.example/x", "redirect_uris": ["https://a.example/"] })
            .to_string());
    let nowhere = raw(&json!({ "client_id": ID, "redirect_uris": [] }).to_string());
    for (last, error) in [
        (Err(FetchError::Status(404)), DocumentError::from(FetchError::Status(404))),
        (Err(FetchError::Status(410)), FetchError::Status(410).into()),
        (other, DocumentFault::OtherClient.into()),
        (nowhere, DocumentFault::NoRedirect.into()),
    ] {
        let rig = Rig::with([named("one"), last, Err(FetchError::TimedOut)]);
        rig.name().await.unwrap();
        rig.later(secs(3600));
        assert_eq!(rig.name().await, Err(error));
        assert_eq!(rig.name().await, Err(error), "and stays so for a minute");
        rig.later(secs(60));
        assert_eq!(rig.name().await, Err(FetchError::TimedOut.into()), "the copy does not come back");
    }
}

#[tokio::test]
async fn an_error_page_in_place_of_the_document_is_an_accident() {
    let rig = Rig::with([named("one"), raw("<html>maintenance</html>")]);
    rig.name().await.unwrap();
    rig.later(secs(3600));
    assert_eq!(rig.name().await.unwrap(), "one");
}

#[tokio::test]
async fn many_at_once_cost_one_fetch() {
    let rig = Rig::with([said("one", Validators::default(), Freshness::NotKept)]);
    rig.publisher.close_gate();
    let together = futures::future::join_all((0..50).map(|_| rig.name()));
    let (names, ()) = tokio::join!(together, async {
        tokio::task::yield_now().await;
        rig.publisher.open_gate();
    });
    assert!(names.iter().all(|name| name.as_deref() == Ok("one")), "{names:?}");
    assert_eq!(rig.publisher.times_asked(), 1);
}

#[tokio::test]
async fn one_who_gives_up_waiting_does_not_take_the_answer_from_the_others() {
    let rig = Rig::with([named("one")]);
    rig.publisher.close_gate();
    let mut first = Box::pin(rig.name());
    let mut second = Box::pin(rig.name());
    assert!(futures::poll!(first.as_mut()).is_pending());
    assert!(futures::poll!(second.as_mut()).is_pending());
    drop(first);
    rig.publisher.open_gate();
    assert_eq!(second.await.unwrap(), "one");
    assert_eq!(rig.publisher.times_asked(), 1);
}

#[tokio::test]
async fn a_fetch_everybody_gave_up_leaves_nothing_behind() {
    let rig = Rig::with([named("one")]);
    rig.publisher.close_gate();
    for _ in 0..20 {
        let mut given_up = Box::pin(rig.name());
        assert!(futures::poll!(given_up.as_mut()).is_pending());
        drop(given_up);
        rig.later(secs(6));
    }
    assert_eq!(rig.publisher.times_asked(), 20);
    assert!(rig.documents.0.flights.lock().unwrap().is_empty());
    rig.publisher.open_gate();
    assert_eq!(rig.name().await.unwrap(), "one", "and holds none of the eight slots");
}

/// A client id of a host of its own.
fn stranger(n: usize) -> String {
    format!("https://victim{n}.example/client")
}

#[tokio::test]
async fn strangers_get_forty_fetches_in_a_row_out_of_us_and_then_one_a_second() {
    let rig = Rig::with([Err(FetchError::Status(404))]);
    let mut busy = None;
    for n in 0..200 {
        let error = rig.client(&stranger(n)).await.unwrap_err();
        if matches!(error, DocumentError::Busy { .. }) {
            busy = Some(error);
        }
    }
    assert_eq!(rig.publisher.times_asked(), 40);
    let busy = busy.unwrap();
    assert!(busy.is_transient());
    assert_eq!(busy.retry_after(), Some(secs(1)));
    rig.later(secs(1));
    assert_eq!(rig.client(&stranger(199)).await, Err(FetchError::Status(404).into()), "busy is not kept");
    assert_eq!(rig.publisher.times_asked(), 41);
}

#[tokio::test]
async fn made_up_ids_of_one_host_get_ten_fetches_out_of_us() {
    let rig = Rig::with([Err(FetchError::Status(404))]);
    for n in 0..200 {
        let _ = rig.client(&format!("https://victim.example/{n}")).await;
    }
    assert_eq!(rig.publisher.times_asked(), 10);
    assert_eq!(rig.client(&stranger(1)).await, Err(FetchError::Status(404).into()), "others are still asked");
}

#[tokio::test]
async fn a_flood_does_not_stop_clients_we_know() {
    let rig = Rig::with([named("one"), Err(FetchError::Status(404))]);
    rig.name().await.unwrap();
    rig.later(secs(3600));
    for n in 0..100 {
        let _ = rig.client(&stranger(n)).await;
    }
    assert_eq!(rig.name().await, Err(FetchError::Status(404).into()), "it is asked in spite of the flood");
}

#[tokio::test]
async fn made_up_ids_of_its_host_do_not_stop_a_client_somebody_signed_in_for() {
    let rig = Rig::with([named("one")]);
    let another = rig.client("https://client.example/made-up").await;
    assert_eq!(
        another,
        Err(DocumentFault::OtherClient.into()),
        "which is what is found at any address but its own"
    );
    for n in 0..200 {
        let _ = rig.client(&format!("https://client.example/{n}")).await;
    }
    assert_eq!(rig.publisher.times_asked(), 10);
    assert!(matches!(rig.client(ID).await, Err(DocumentError::Busy { .. })));
    let approved = rig.documents.client(&id(ID), Standing::Approved, rig.clock.now()).await;
    assert_eq!(approved.unwrap().display(), "one");
}

#[tokio::test]
async fn a_client_of_which_no_copy_may_be_kept_is_known_nonetheless() {
    let rig = Rig::with([said("one", Validators::default(), Freshness::NotKept)]);
    rig.name().await.unwrap();
    for n in 0..100 {
        let _ = rig.client(&stranger(n)).await;
    }
    assert_eq!(rig.name().await.unwrap(), "one");
}

#[tokio::test]
async fn a_copy_stands_in_when_there_is_no_fetch_to_be_had() {
    let rig = Rig::with([named("one"), Err(FetchError::Status(404))]);
    rig.name().await.unwrap();
    rig.later(secs(3600));
    while rig.documents.0.budget.take("client.example", &id(ID), Asker::Known).is_ok() {}
    assert_eq!(rig.name().await.unwrap(), "one");
    assert_eq!(rig.publisher.times_asked(), 1);
}

#[tokio::test]
async fn copies_do_not_outlive_the_time_they_could_stand_in() {
    let rig = Rig::with([named("one")]);
    assert_eq!(rig.documents.0.copies.policy().time_to_live(), Some(STALE_LIFETIME));
    assert_eq!(rig.documents.0.known.policy().time_to_live(), Some(STALE_LIFETIME));
}

#[tokio::test]
async fn more_than_six_strangers_at_once_are_told_to_come_back() {
    let rig = Rig::with([Err(FetchError::TimedOut)]);
    rig.publisher.close_gate();
    let ids: Vec<String> = (0..7).map(stranger).collect();
    let mut waiting: Vec<_> = ids.iter().map(|id| Box::pin(rig.client(id))).collect();
    for one in &mut waiting[..6] {
        assert!(futures::poll!(one.as_mut()).is_pending());
    }
    assert!(matches!(waiting.pop().unwrap().await, Err(DocumentError::Busy { .. })));
    rig.publisher.open_gate();
    for one in waiting {
        assert_eq!(one.await, Err(FetchError::TimedOut.into()));
    }
}

#[tokio::test]
async fn memory_is_bounded_however_many_clients_there_are() {
    let rig = Rig::with([Err(FetchError::Status(404))]);
    for n in 0..3_000 {
        rig.later(secs(1));
        let _ = rig.client(&stranger(n)).await;
    }
    assert_eq!(rig.publisher.times_asked(), 3_000);
    rig.documents.0.failures.run_pending_tasks();
    assert!(rig.documents.0.failures.entry_count() <= MAX_KEPT);
    assert!(rig.documents.0.flights.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_id_that_names_no_document_is_not_fetched() {
    let rig = Rig::with([named("one")]);
    assert!(rig.documents.names_document(&id(ID)));
    for text in
        ["client_abc", "https://client.example/", "http://127.0.0.1:1/c", "https://client.example/a/../b"]
    {
        assert!(!rig.documents.names_document(&id(text)), "{text}");
        let error = rig.client(text).await.unwrap_err();
        assert!(matches!(error, DocumentError::Location(_)) && !error.is_transient(), "{text}");
    }
    assert_eq!(rig.publisher.times_asked(), 0);
}

#[tokio::test]
async fn an_unasked_for_304_is_no_document() {
    let rig = Rig::with([Ok(Fetched::Unchanged {
        validators: Validators::default(),
        freshness: Freshness::Unstated,
    })]);
    assert_eq!(rig.name().await, Err(FetchError::Status(304).into()));
}

/// A name server that knows nobody.
struct NoNames;

#[async_trait]
impl Resolver for NoNames {
    async fn addresses(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_client_is_known_by_a_document_fetched_for_real() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/client.json", listener.local_addr().unwrap());
    let body = json!({ "client_id": url, "client_name": "Real", "redirect_uris": ["http://127.0.0.1/cb"] });
    let app = axum::Router::new().route("/client.json", axum::routing::get(async move || axum::Json(body)));
    tokio::spawn(axum::serve(listener, app).into_future());

    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(0)));
    let fetch = SafeFetch::new(true, Arc::new(NoNames)).unwrap();
    let documents = Documents::new(Arc::new(fetch), clock.clone());
    let client = documents.client(&id(&url), Standing::Unproven, clock.now()).await.unwrap();
    assert_eq!(client.display(), "Real");
    assert_eq!(client.verified_host().as_deref(), Some("127.0.0.1"));
}
