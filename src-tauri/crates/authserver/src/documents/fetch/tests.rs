//! Real connections to a loopback server that says exactly what it is told to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Answers every connection with the same bytes and keeps what was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What a server does once it has answered.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Closes,
    Holds,
}

impl Server {
    async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer.into(), Then::Closes).await
    }

    async fn start(answer: Vec<u8>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let asked = Arc::clone(&server.asked);
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                asked.lock().unwrap().push(request);
                let _ = stream.write_all(&answer).await;
                if then == Then::Holds {
                    held.push(stream);
                } else {
                    let _ = stream.shutdown().await;
                }
            }
        });
        server
    }

    fn url(&self) -> Url {
        format!("http://{}/client.json", self.address).parse().unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.is_ok_and(|n| n == 1) {
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap().to_ascii_lowercase()
}

fn answer(status: &str, headers: &[&str], body: &str) -> String {
    let head = [&[format!("HTTP/1.1 {status}").as_str()], headers].concat().join("\r\n");
    format!("{head}\r\n\r\n{body}")
}

const JSON: &str = "Content-Type: application/json";

/// A name server with one answer for every name.
struct Names {
    addresses: Vec<IpAddr>,
    lookups: AtomicUsize,
}

impl Names {
    fn leading_to(addresses: &[&str]) -> Arc<Self> {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self { addresses, lookups: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolver for Names {
    async fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        if self.addresses.is_empty() {
            Err(io::Error::other("no such name"))
        } else {
            Ok(self.addresses.clone())
        }
    }
}

fn from_loopback() -> SafeFetch {
    SafeFetch::new(true, Names::leading_to(&["127.0.0.1"])).unwrap()
}

async fn fetch(server: &Server) -> Result<Fetched, FetchError> {
    from_loopback().fetch(&server.url(), None).await
}

#[tokio::test]
async fn a_document_comes_with_what_is_needed_to_ask_again() {
    let server = Server::saying(answer(
        "200 OK",
        &["Content-Type: application/json; charset=utf-8", "ETag: \"v1\"", "Cache-Control: max-age=60"],
        "{\"a\":1}",
    ))
    .await;
    let validators = Validators { etag: Some("\"v1\"".into()), last_modified: None };
    let freshness = Freshness::For(Duration::from_mins(1));
    assert_eq!(
        fetch(&server).await,
        Ok(Fetched::Document { body: b"{\"a\":1}".into(), validators, freshness })
    );

    let asked = &server.asked()[0];
    assert!(asked.starts_with("get /client.json http/1.1\r\n"), "{asked}");
    assert!(asked.contains("accept: application/json\r\n"), "{asked}");
    for never in ["cookie", "authorization", "referer", "if-none-match"] {
        assert!(!asked.contains(never), "{asked}");
    }
}

#[tokio::test]
async fn the_connection_goes_where_the_one_lookup_said() {
    let server = Server::saying(answer("200 OK", &[JSON], "{}")).await;
    let names = Names::leading_to(&["127.0.0.1"]);
    let url = format!("http://localhost:{}/c", server.address.port()).parse().unwrap();
    let fetched = SafeFetch::new(true, names.clone()).unwrap().fetch(&url, None).await;
    assert!(fetched.is_ok(), "{fetched:?}");
    assert_eq!(names.lookups.load(Ordering::SeqCst), 1, "a second lookup could answer differently");
    assert!(server.asked()[0].contains(&format!("host: localhost:{}\r\n", server.address.port())));
}

#[tokio::test]
async fn the_second_address_is_tried_when_the_first_is_dead() {
    let server = Server::saying(answer("200 OK", &[JSON], "{}")).await;
    let url = format!("http://localhost:{}/c", server.address.port()).parse().unwrap();
    let fetched =
        SafeFetch::new(true, Names::leading_to(&["::1", "127.0.0.1"])).unwrap().fetch(&url, None).await;
    assert!(fetched.is_ok(), "{fetched:?}");
}

#[tokio::test]
async fn a_public_name_that_also_leads_inside_is_refused() {
    for addresses in
        [&["1.1.1.1", "10.0.0.1"][..], &["127.0.0.1"], &["::1"], &["169.254.169.254"], &["64:ff9b::a00:1"]]
    {
        for allow_loopback in [false, true] {
            let fetch = SafeFetch::new(allow_loopback, Names::leading_to(addresses)).unwrap();
            let url = "https://rebind.example/client.json".parse().unwrap();
            assert_eq!(fetch.fetch(&url, None).await, Err(FetchError::NotPublic), "{addresses:?}");
        }
    }
}

#[tokio::test]
async fn a_name_nobody_knows_may_be_known_later() {
    let fetch = SafeFetch::new(false, Names::leading_to(&[])).unwrap();
    let error = fetch.fetch(&"https://gone.example/c".parse().unwrap(), None).await.unwrap_err();
    assert_eq!(error, FetchError::NotFound);
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_literal_address_does_not_slip_past_the_resolver() {
    let names = Names::leading_to(&["1.1.1.1"]);
    let fetch = SafeFetch::new(false, names.clone()).unwrap();
    for text in ["https://127.0.0.1/c", "https://[::ffff:a9fe:a9fe]/c"] {
        let refused = fetch.fetch(&text.parse().unwrap(), None).await;
        assert_eq!(refused, Err(FetchError::Location(LocationError::NotPublic)), "{text}");
    }
    let server = Server::saying(answer("200 OK", &[JSON], "{}")).await;
    assert_eq!(fetch.fetch(&server.url(), None).await, Err(FetchError::Location(LocationError::NotHttps)));
    assert_eq!(names.lookups.load(Ordering::SeqCst), 0);
    assert!(server.asked().is_empty(), "loopback answers to nobody unless a test asked for it");
}

#[tokio::test]
async fn a_redirect_is_reported_and_its_target_never_asked() {
    let target = Server::saying(answer("200 OK", &[JSON], "{}")).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = format!("Location: {}", target.url());
        let server = Server::saying(answer(status, &[&location, "Content-Length: 0"], "")).await;
        assert_eq!(fetch(&server).await, Err(FetchError::Redirected), "{status}");
    }
    assert!(target.asked().is_empty());
}

#[tokio::test]
async fn an_announced_length_beyond_the_limit_is_not_even_read() {
    // The body never comes: waiting for it would end in a time-out instead.
    let server =
        Server::start(answer("200 OK", &[JSON, "Content-Length: 32769"], "").into(), Then::Holds).await;
    assert_eq!(fetch(&server).await, Err(FetchError::TooLarge));
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_limit() {
    let server = Server::start(answer("200 OK", &[JSON], &"x".repeat(32769)).into(), Then::Holds).await;
    assert_eq!(fetch(&server).await, Err(FetchError::TooLarge));
    let chunked = format!("8001\r\n{}\r\n", "x".repeat(0x8001));
    let server =
        Server::start(answer("200 OK", &[JSON, "Transfer-Encoding: chunked"], &chunked).into(), Then::Holds)
            .await;
    assert_eq!(fetch(&server).await, Err(FetchError::TooLarge));
}

#[tokio::test]
async fn a_document_of_exactly_the_limit_is_taken() {
    for length in [&["Content-Length: 32768"][..], &[]] {
        let headers: Vec<&str> = length.iter().copied().chain([JSON]).collect();
        let server = Server::saying(answer("200 OK", &headers, &"x".repeat(32768))).await;
        assert!(matches!(fetch(&server).await, Ok(Fetched::Document { body, .. }) if body.len() == 32768));
    }
}

#[tokio::test]
async fn a_host_that_stalls_is_given_up_wherever_it_stalls() {
    for said in [String::new(), "HTTP/1.1 200".into(), answer("200 OK", &[JSON, "Content-Length: 9"], "{")] {
        let server = Server::start(said.clone().into(), Then::Holds).await;
        let fetch = from_loopback().with_timeout(Duration::from_millis(150));
        assert_eq!(fetch.fetch(&server.url(), None).await, Err(FetchError::TimedOut), "{said:?}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_document() {
    let server = Server::saying(answer("200 OK", &[JSON, "Content-Length: 9"], "{")).await;
    assert_eq!(fetch(&server).await, Err(FetchError::Unreachable));
}

#[tokio::test]
async fn only_json_is_read() {
    for good in ["application/json", "Application/JSON;charset=utf-8", "application/oauth-client+json"] {
        let server = Server::saying(answer("200 OK", &[&format!("Content-Type: {good}")], "{}")).await;
        assert!(fetch(&server).await.is_ok(), "{good}");
    }
    for bad in ["text/html", "text/plain", "application/jsonp", "application/x; q=json", "image/x+json", ""] {
        let server = Server::saying(answer("200 OK", &[&format!("Content-Type: {bad}")], "{}")).await;
        assert_eq!(fetch(&server).await, Err(FetchError::ContentType), "{bad}");
    }
    let server = Server::saying(answer("200 OK", &[], "{}")).await;
    assert_eq!(fetch(&server).await, Err(FetchError::ContentType), "none at all");
}

#[tokio::test]
async fn a_status_other_than_200_is_told_and_only_passing_trouble_is_worth_another_try() {
    for (status, transient) in [
        (201, false),
        (206, false),
        (403, false),
        (404, false),
        (410, false),
        (429, true),
        (500, true),
        (503, true),
    ] {
        let server = Server::saying(answer(&format!("{status} X"), &[JSON, "Content-Length: 2"], "{}")).await;
        let error = fetch(&server).await.unwrap_err();
        assert_eq!(error, FetchError::Status(status));
        assert_eq!(error.is_transient(), transient, "{status}");
    }
}

#[tokio::test]
async fn not_modified_counts_only_when_we_asked_whether_it_was() {
    let server = Server::saying(answer("304 Not Modified", &["ETag: \"v1\""], "")).await;
    let known = Validators {
        etag: Some("\"v1\"".into()),
        last_modified: Some("Tue, 03 Nov 2026 10:00:00 GMT".into()),
    };
    let fetched = from_loopback().fetch(&server.url(), Some(&known)).await.unwrap();
    assert!(matches!(fetched, Fetched::Unchanged { freshness: Freshness::Unstated, .. }), "{fetched:?}");
    let asked = &server.asked()[0];
    assert!(asked.contains("if-none-match: \"v1\"\r\n"), "{asked}");
    assert!(asked.contains("if-modified-since: tue, 03 nov 2026 10:00:00 gmt\r\n"), "{asked}");

    assert_eq!(fetch(&server).await, Err(FetchError::Status(304)));
    let nothing_known = from_loopback().fetch(&server.url(), Some(&Validators::default())).await;
    assert_eq!(nothing_known, Err(FetchError::Status(304)));
}

#[tokio::test]
async fn a_closed_port_is_passing_trouble() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/c", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let error = from_loopback().fetch(&url, None).await.unwrap_err();
    assert_eq!(error, FetchError::Unreachable);
    assert!(error.is_transient());
}
