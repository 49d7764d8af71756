//! Key sets by a clock that moves when told and a host that says what it is told.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use model::ports::Clock as _;
use model::testing::ManualClock;
use serde_json::json;
use url::Url;

use super::super::{DocumentFetch, Freshness, Validators};
use super::*;

const ADDRESS: &str = "https://client.example/jwks.json";
/// Of the right length, which is all that is looked at before a signature is.
const COORDINATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct Host {
    script: Mutex<VecDeque<Result<Fetched, FetchError>>>,
    asked: Mutex<usize>,
}

#[async_trait]
impl DocumentFetch for Host {
    async fn fetch(&self, _: &Url, _: Option<&Validators>) -> Result<Fetched, FetchError> {
        *self.asked.lock().unwrap() += 1;
        let mut script = self.script.lock().unwrap();
        if script.len() > 1 { script.pop_front().unwrap() } else { script[0].clone() }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "stands beside errors in a script")]
fn set(kid: &str) -> Result<Fetched, FetchError> {
    let key = json!({ "kty": "EC", "crv": "P-256", "x": COORDINATE, "y": COORDINATE, "kid": kid });
    let body = json!({ "keys": [key] }).to_string().into();
    Ok(Fetched::Document { body, validators: Validators::default(), freshness: Freshness::Unstated })
}

struct Rig {
    documents: Documents,
    host: Arc<Host>,
    clock: Arc<ManualClock>,
}

impl Rig {
    fn with(script: impl IntoIterator<Item = Result<Fetched, FetchError>>) -> Self {
        let host =
            Arc::new(Host { script: Mutex::new(script.into_iter().collect()), asked: Mutex::default() });
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        Self { documents: Documents::new(host.clone(), clock.clone()), host, clock }
    }

    /// The `kid` of the key that is had when `wanted` is needed.
    async fn kid(&self, wanted: &str) -> Result<String, DocumentError> {
        let client = ClientId::parse("client_a").unwrap();
        let enough = |keys: &[Value]| keys.iter().any(|key| key["kid"] == wanted);
        let keys = self.documents.keys(&client, Standing::Approved, ADDRESS, enough).await?;
        Ok(keys[0]["kid"].as_str().unwrap().to_owned())
    }

    fn asked(&self) -> usize {
        *self.host.asked.lock().unwrap()
    }

    fn later(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }
}

#[tokio::test]
async fn a_set_is_kept_for_an_hour_unless_a_key_is_missing_from_it() {
    let rig = Rig::with([set("old"), set("new")]);
    assert_eq!(rig.kid("old").await.unwrap(), "old");
    rig.later(1800);
    assert_eq!(rig.kid("old").await.unwrap(), "old");
    assert_eq!(rig.asked(), 1);
    assert_eq!(rig.kid("new").await.unwrap(), "new", "the client began to sign with a new key");
    assert_eq!(rig.asked(), 2);
    rig.later(3600);
    assert_eq!(rig.kid("new").await.unwrap(), "new");
    assert_eq!(rig.asked(), 3, "an hour is over");
}

#[tokio::test]
async fn assertions_with_made_up_keys_cost_one_fetch_a_minute() {
    let rig = Rig::with([set("k")]);
    assert_eq!(rig.kid("made-up").await.unwrap(), "k", "the host was just asked: there is no such key");
    for n in 0..50 {
        let waits = rig.kid(&format!("made-up-{n}")).await;
        assert!(
            matches!(waits, Err(DocumentError::Busy { .. })),
            "it may be a new one, and is asked for later"
        );
        assert_eq!(rig.kid("k").await.unwrap(), "k", "nobody else has to wait");
    }
    assert_eq!(rig.asked(), 1);
    rig.later(60);
    assert_eq!(rig.kid("made-up").await.unwrap(), "k");
    assert_eq!(rig.asked(), 2);
}

#[tokio::test]
async fn a_set_outlives_trouble_of_its_host_for_a_week() {
    let rig = Rig::with([set("k"), Err(FetchError::TimedOut)]);
    assert_eq!(rig.kid("k").await.unwrap(), "k");
    rig.later(3600);
    for _ in 0..5 {
        assert_eq!(rig.kid("k").await.unwrap(), "k");
    }
    assert_eq!(rig.asked(), 2, "trouble is not asked about again at once");
    rig.later(7 * 86_400 - 3600);
    assert_eq!(rig.kid("k").await, Err(FetchError::TimedOut.into()));
}

#[tokio::test]
async fn what_is_no_set_of_usable_keys_is_none_and_is_looked_at_once_a_minute() {
    let raw = |body: &str| {
        let body = body.as_bytes().to_vec();
        Ok(Fetched::Document { body, validators: Validators::default(), freshness: Freshness::Unstated })
    };
    for bad in [
        raw("<html>"),
        raw("{}"),
        raw(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#),
        Err(FetchError::Status(404)),
    ] {
        let rig = Rig::with([bad, set("k")]);
        for _ in 0..3 {
            assert!(rig.kid("k").await.is_err());
        }
        assert_eq!(rig.asked(), 1);
        rig.later(60);
        assert_eq!(rig.kid("k").await.unwrap(), "k");
    }
}

#[tokio::test]
async fn many_at_once_cost_one_fetch() {
    let rig = Rig::with([set("k")]);
    let kids = futures::future::join_all((0..40).map(|_| rig.kid("k"))).await;
    assert!(kids.iter().all(|kid| kid.as_deref() == Ok("k")), "{kids:?}");
    assert_eq!(rig.asked(), 1);
}

#[tokio::test]
async fn an_address_that_no_document_could_have_is_never_asked() {
    let rig = Rig::with([set("k")]);
    let client = ClientId::parse("client_a").unwrap();
    for bad in [
        "http://client.example/jwks.json",
        "https://10.0.0.1/jwks.json",
        "https://client.example/j?x=1",
        "jwks",
    ] {
        let refused = rig.documents.keys(&client, Standing::Approved, bad, |_| true).await;
        assert!(matches!(refused, Err(DocumentError::Location(_))), "{bad}");
    }
    assert_eq!(rig.asked(), 0);
    assert_eq!(rig.clock.now(), Timestamp::from_secs(1_800_000_000));
}
