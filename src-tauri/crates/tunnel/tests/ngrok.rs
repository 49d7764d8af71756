//! ngrok's session against a stand-in of its servers, under the supervisor that programs have too.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::routing::get;
use secrecy::SecretString;
use testkit::ngrok::AUTHTOKEN;
use testkit::{Elsewhere, NgrokServer};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;
use tunnel::{Ngrok, State, Tunnel};

struct Bench {
    ngrok: NgrokServer,
    world: Arc<Elsewhere>,
    state: watch::Receiver<State>,
    tunnel: Tunnel,
    http: reqwest::Client,
    _listener: AbortOnDropHandle<()>,
    /// What the listener streams at `/stream`, as long as somebody reads it.
    words: Arc<Mutex<Option<mpsc::Sender<&'static str>>>>,
}

impl Bench {
    async fn start() -> Self {
        Self::start_with(NgrokServer::start().await, |_| {}).await
    }

    async fn start_with(ngrok: NgrokServer, adjust: impl FnOnce(&mut Ngrok)) -> Self {
        let words = Arc::<Mutex<Option<mpsc::Sender<&'static str>>>>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = listens(words.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let mut asked = Ngrok {
            authtoken: SecretString::from(AUTHTOKEN),
            domain: None,
            server: Some(ngrok.server().to_owned()),
            authorities: Some(ngrok.authority().into()),
            port,
        };
        adjust(&mut asked);
        let (sender, state) = watch::channel(State::Off);
        let world = Arc::<Elsewhere>::default();
        let tunnel = Tunnel::start(asked, world.clone(), sender);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { ngrok, world, state, tunnel, http, _listener: AbortOnDropHandle::new(serving), words }
    }

    async fn until(&mut self, what: impl FnMut(&State) -> bool) -> State {
        tokio::time::timeout(Duration::from_secs(60), self.state.wait_for(what))
            .await
            .unwrap()
            .unwrap()
            .clone()
    }

    async fn reachable(&mut self) -> String {
        let state = self.until(|state| matches!(state, State::Reachable { .. })).await;
        let State::Reachable { url, .. } = state else { unreachable!() };
        url.origin().ascii_serialization()
    }

    async fn lost(&mut self) -> (String, String) {
        let state = self.until(|state| matches!(state, State::Lost { .. })).await;
        let State::Lost { reason, hint, .. } = state else { unreachable!() };
        (reason, hint)
    }

    async fn refused(&mut self) -> (String, String) {
        let state = self.until(|state| matches!(state, State::Refused { .. })).await;
        let State::Refused { reason, hint, .. } = state else { unreachable!() };
        (reason, hint)
    }

    /// What the listener answers by the public address, or the status of whoever answered instead.
    async fn calls(&self, url: &str) -> Result<String, u16> {
        let answer = self.http.get(format!("{url}/")).header("x-forwarded-for", "203.0.113.77").send();
        let answer = answer.await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        if status.is_success() { Ok(body) } else { Err(status.as_u16()) }
    }

    async fn streams(&self, url: &str) -> (reqwest::Response, mpsc::Sender<&'static str>) {
        let stream = self.http.get(format!("{url}/stream")).send().await.unwrap();
        let words = self.words.lock().unwrap().clone().unwrap();
        (stream, words)
    }

    fn told(&self) -> Vec<String> {
        self.world.told()
    }
}

/// Says who asks, and streams what it is given.
fn listens(words: Arc<Mutex<Option<mpsc::Sender<&'static str>>>>) -> Router {
    let says = async |headers: HeaderMap| {
        let from: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        format!("hello, {}", from[0].to_str().unwrap())
    };
    let streams = async move || {
        let (sender, receiver) = mpsc::channel(1);
        *words.lock().unwrap() = Some(sender);
        Body::from_stream(futures::stream::unfold(receiver, async |mut receiver| {
            let word = receiver.recv().await?;
            Some((Ok::<_, std::io::Error>(Bytes::from(word)), receiver))
        }))
    };
    Router::new().route("/", get(says)).route("/stream", get(streams))
}

#[tokio::test]
async fn with_its_authtoken_the_address_leads_to_our_port_until_it_is_switched_off() {
    let mut bench = Bench::start().await;
    let url = bench.reachable().await;
    assert_eq!(url, bench.ngrok.url());
    assert_eq!(bench.calls(&url).await.unwrap(), "hello, 127.0.0.1", "whatever the visitor claims");
    let asked = &bench.ngrok.binds()[0];
    assert_eq!((&asked["Proto"], &asked["Opts"]["Domain"]), (&"https".into(), &"".into()));
    assert_eq!(asked["ForwardsTo"], "just-mcp-oauth-proxy", "nothing of this computer is told");

    let (mut stream, words) = bench.streams(&url).await;
    words.send("on").await.unwrap();
    assert_eq!(stream.chunk().await.unwrap().unwrap(), "on");
    bench.tunnel.stop().await;
    assert_eq!(*bench.state.borrow(), State::Off);
    assert!(stream.chunk().await.is_err(), "what came in by it is cut");
    tokio::time::timeout(Duration::from_secs(5), words.closed()).await.unwrap();
    assert_eq!(bench.world.told(), [format!("{url}/"), "closed".into()]);
    bench.ngrok.until_closed().await;
    let gone = bench.http.get(&url).send().await.unwrap();
    assert_eq!((gone.status().as_u16(), gone.text().await.unwrap().as_str()), (404, "ERR_NGROK_3200"));
}

#[tokio::test]
async fn what_is_streamed_arrives_word_by_word() {
    let mut bench = Bench::start().await;
    let url = bench.reachable().await;
    let (mut stream, words) = bench.streams(&url).await;
    for word in ["one", "two", "three"] {
        words.send(word).await.unwrap();
        // The next is not sent before this one is here.
        let arrived = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await.unwrap();
        assert_eq!(arrived.unwrap().unwrap(), word);
    }
    // Whoever stops reading is noticed by who streams.
    drop(stream);
    tokio::time::timeout(Duration::from_secs(10), words.closed()).await.unwrap();
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn a_flood_of_visitors_who_never_finish_does_not_end_the_session() {
    let mut bench = Bench::start().await;
    let url = bench.reachable().await;
    let held = bench.ngrok.hands_over_unfinished(600).await;
    assert_eq!(bench.calls(&url).await, Err(502), "there is no room for more");
    drop(held);
    let answered = async {
        while bench.calls(&url).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), answered).await.unwrap();
    assert!(matches!(*bench.state.borrow(), State::Reachable { .. }));
    assert_eq!(bench.ngrok.sessions(), 1);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn an_authtoken_that_is_not_known_is_refused_once_with_where_to_find_it() {
    let typed = "2wrongAndNobodysBusiness";
    let ngrok = NgrokServer::start().await;
    let mut bench = Bench::start_with(ngrok, |asked| asked.authtoken = SecretString::from(typed)).await;
    let (reason, hint) = bench.refused().await;
    assert_eq!(reason, "ngrok does not know the authtoken");
    assert!(hint.contains("dashboard.ngrok.com/get-started/your-authtoken"), "{hint}");
    assert!(!format!("{reason}{hint}").contains(typed));
    assert_eq!((bench.ngrok.sessions(), bench.told()), (0, vec!["closed".to_owned()]));
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn a_domain_of_ones_own_is_asked_for_and_refused_where_it_is_open_elsewhere() {
    let ngrok = NgrokServer::start().await;
    ngrok.refuses("ERR_NGROK_334");
    let mut bench = Bench::start_with(ngrok, |asked| asked.domain = Some("mine.ngrok.app".into())).await;
    let (reason, hint) = bench.refused().await;
    assert!(reason.contains("open elsewhere") && hint.contains("another domain"), "{reason}; {hint}");
    assert!(!format!("{reason}{hint}").contains(AUTHTOKEN), "ngrok's own words have it in them");
    assert_eq!(bench.ngrok.binds()[0]["Opts"]["Domain"], "mine.ngrok.app");
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_a_stream_comes_back_with_the_same_address() {
    let mut bench = Bench::start().await;
    let url = bench.reachable().await;
    let (mut stream, words) = bench.streams(&url).await;
    words.send("half").await.unwrap();
    assert_eq!(stream.chunk().await.unwrap().unwrap(), "half");
    bench.ngrok.cuts();
    assert!(stream.chunk().await.is_err(), "the stream is cut, not ended");
    tokio::time::timeout(Duration::from_secs(10), words.closed()).await.unwrap();
    let (reason, _) = bench.lost().await;
    assert!(reason.contains("broke"), "{reason}");
    assert_eq!(bench.reachable().await, url);
    assert_eq!(bench.calls(&url).await.unwrap(), "hello, 127.0.0.1");
    assert_eq!((bench.ngrok.sessions(), bench.told()), (2, vec![format!("{url}/")]), "nothing new to tell");
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn an_address_that_ngrok_has_not_given_up_yet_is_waited_for() {
    let mut bench = Bench::start().await;
    let url = bench.reachable().await;
    bench.ngrok.refuses("ERR_NGROK_334");
    bench.ngrok.cuts();
    let state = bench
        .until(|state| matches!(state, State::Lost { reason, .. } if reason.contains("elsewhere")))
        .await;
    assert!(matches!(state, State::Lost { hint, .. } if hint.contains("close it there")));
    bench.ngrok.refuses(None);
    assert_eq!(bench.reachable().await, url);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn another_address_after_a_break_is_told() {
    let mut bench = Bench::start().await;
    let url = bench.reachable().await;
    let other = bench.ngrok.other_url();
    bench.ngrok.gives(&other);
    bench.ngrok.cuts();
    bench.lost().await;
    assert_eq!(bench.reachable().await, other);
    assert_eq!(bench.told(), [format!("{url}/"), format!("{other}/")]);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_dead_on_the_way_is_noticed() {
    let mut bench = Bench::start().await;
    bench.reachable().await;
    bench.ngrok.falls_silent();
    // Heartbeats are ten seconds apart: time is moved instead of waited for.
    tokio::time::pause();
    let (reason, _) = bench.lost().await;
    tokio::time::resume();
    assert!(reason.contains("broke"), "{reason}");
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn an_address_closed_on_ngroks_pages_stays_closed() {
    let mut bench = Bench::start().await;
    bench.reachable().await;
    bench.ngrok.closes(Some("ERR_NGROK_725")).await;
    let (reason, hint) = bench.refused().await;
    assert_eq!(reason, "the address was closed at ngrok (ERR_NGROK_725)");
    assert!(hint.contains("dashboard.ngrok.com"), "{hint}");
    assert_eq!(bench.ngrok.sessions(), 1);
    bench.tunnel.stop().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_or_not_to_be_trusted_is_tried_again() {
    let ngrok = NgrokServer::start().await;
    let mut bench = Bench::start_with(ngrok, |asked| asked.server = Some("127.0.0.1:1".into())).await;
    let (reason, hint) = bench.lost().await;
    assert!(reason.contains("cannot be reached") && hint.contains("firewall"), "{reason}; {hint}");
    bench.tunnel.stop().await;

    let ngrok = NgrokServer::start().await;
    let mut bench = Bench::start_with(ngrok, |asked| asked.authorities = None).await;
    let (reason, hint) = bench.lost().await;
    assert!(reason.contains("not safely") && hint.contains("tunnel.ngrok_ca_file"), "{reason}; {hint}");
    bench.tunnel.stop().await;
}
