//! Connections over real sockets, with limits short enough to be reached.

use axum::Extension;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::*;
use crate::api::tests::Bench;

/// Longer than any of these may take on the slowest machine.
const SOON: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(80);
const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

struct House {
    address: SocketAddr,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// What the handlers of `/mcp` and `/slow` wait for.
    go: Arc<Notify>,
    /// Told when one of them has begun.
    begun: Arc<Notify>,
}

impl House {
    async fn open(limits: Limits) -> Self {
        let (go, begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (go, begun) = (go.clone(), begun.clone());
            async move || {
                begun.notify_one();
                go.notified().await;
                "done"
            }
        };
        let app = Router::new()
            .route("/", get(async |Extension(ingress): Extension<Ingress>| format!("{ingress:?}")))
            .route("/long", get(async || "x".repeat(64 << 20)))
            .route("/read", post(async |body: String| body))
            .route("/mcp", get(slow.clone()))
            .route("/slow", get(slow));
        let listeners = Listeners::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], listeners.port().unwrap()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        listeners.serve_within(limits, &Arc::default(), &app, &tasks, &stop);
        Self { address, tasks, stop, go, begun }
    }

    async fn visitor(&self, says: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(says.as_bytes()).await.unwrap();
        stream
    }
}

const PATIENT: Limits = Limits { connections: 100, head: SOON, request: SOON, stall: SOON };

/// Everything until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    timeout(SOON, stream.read_to_end(&mut all)).await.expect("the connection is closed").unwrap();
    String::from_utf8(all).unwrap()
}

/// The answer as far as `end`.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let (mut all, mut some) = (String::new(), [0; 1024]);
    while !all.ends_with(end) {
        let read = timeout(SOON, stream.read(&mut some)).await.expect("an answer").unwrap();
        assert_ne!(read, 0, "closed after {all:?}");
        all.push_str(str::from_utf8(&some[..read]).unwrap());
    }
    all
}

#[tokio::test]
async fn a_visitor_who_never_finishes_the_head_is_shown_out() {
    let house = House::open(Limits { head: SHORT, ..PATIENT }).await;
    for says in ["", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let told = rest(&mut house.visitor(says).await).await;
        assert!(!told.contains("200"), "{told}");
    }
    let mut idle = house.visitor(GET).await;
    until(&mut idle, "ThisComputer").await;
    assert_eq!(rest(&mut idle).await, "", "and so is one who came back no more");
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_while_calls_and_streams_may_take_their_time() {
    let house = House::open(Limits { request: SHORT, ..PATIENT }).await;
    let mut call = house.visitor("GET /mcp HTTP/1.1\r\nhost: x\r\n\r\n").await;
    house.begun.notified().await;
    let mut slow = house.visitor("POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nab").await;
    let told = rest(&mut slow).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("temporarily_unavailable"), "{told}");

    house.go.notify_one();
    assert!(until(&mut call, "done").await.starts_with("HTTP/1.1 200"));
}

/// Whoever is answered before the body came sends it anyway, and the next request behind it.
#[tokio::test]
async fn what_was_answered_unread_does_not_cost_the_connection() {
    let house = House::open(PATIENT).await;
    for path in ["/nowhere", "/mcp", "/"] {
        let mut hasty =
            house.visitor(&format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n")).await;
        // Seen by the server before the rest is sent.
        until(&mut house.visitor(GET).await, "ThisComputer").await;
        hasty.write_all(format!("body{GET}").as_bytes()).await.unwrap();
        let told = until(&mut hasty, "ThisComputer").await;
        assert!(told.starts_with("HTTP/1.1 40"), "{path}: {told}");
        assert_eq!(told.matches("HTTP/1.1 200").count(), 1, "{path}: {told}");
    }
}

#[tokio::test]
async fn what_is_too_large_to_read_for_nothing_does() {
    let house = House::open(PATIENT).await;
    let large = 10 << 20;
    let mut visitor =
        house.visitor(&format!("POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: {large}\r\n\r\n")).await;
    visitor.write_all(&vec![b'x'; 128 * 1024]).await.unwrap();
    let mut told = [0; 12];
    timeout(SOON, visitor.read_exact(&mut told)).await.expect("an answer").unwrap();
    assert_eq!(&told, b"HTTP/1.1 404");
    let mut rest = Vec::new();
    // Reset or closed: it does not wait for the other ten megabytes.
    let _ = timeout(SOON, visitor.read_to_end(&mut rest)).await.expect("the connection is closed");
}

#[test]
fn only_the_endpoint_and_the_live_log_stay_open() {
    for open in ["/mcp", "/mcp/", "/events"] {
        assert!(stays_open(open), "{open}");
    }
    for closed in ["/", "/mcpx", "/token", "/register", "/events/x", "/eventsx"] {
        assert!(!stays_open(closed), "{closed}");
    }
}

#[tokio::test]
async fn one_too_many_waits_until_somebody_leaves() {
    let house = House::open(Limits { connections: 1, ..PATIENT }).await;
    let mut first = house.visitor(GET).await;
    until(&mut first, "ThisComputer").await;
    let mut second = house.visitor(GET).await;
    let mut byte = [0; 1];
    assert!(timeout(SHORT, second.read(&mut byte)).await.is_err(), "it got in as well");
    drop(first);
    until(&mut second, "ThisComputer").await;
}

#[tokio::test]
async fn a_visitor_who_asks_and_never_reads_does_not_keep_the_place() {
    let house = House::open(Limits { connections: 1, stall: SHORT, ..PATIENT }).await;
    let _deaf = house.visitor("GET /long HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut second = house.visitor(GET).await;
    until(&mut second, "ThisComputer").await;
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_lets_a_request_finish() {
    let house = House::open(PATIENT).await;
    let mut idle = house.visitor(GET).await;
    until(&mut idle, "ThisComputer").await;
    let mut busy = house.visitor("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    house.begun.notified().await;
    house.stop.cancel();
    house.tasks.close();
    assert_eq!(rest(&mut idle).await, "");
    assert!(!house.tasks.is_empty(), "the stop waits for the request");
    house.go.notify_one();
    assert!(rest(&mut busy).await.ends_with("done"));
    timeout(SOON, house.tasks.wait()).await.expect("nothing is left");
    assert!(TcpStream::connect(house.address).await.is_err(), "nobody listens any longer");
}

#[test]
fn only_a_loopback_peer_is_at_this_computer() {
    for here in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(ingress_of(here.parse().unwrap()), Ingress::ThisComputer, "{here}");
    }
    for elsewhere in
        ["192.168.1.7:1", "172.17.0.1:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1", "[2001:db8::1]:1"]
    {
        assert_eq!(ingress_of(elsewhere.parse().unwrap()), Ingress::Elsewhere, "{elsewhere}");
    }
}

#[tokio::test]
async fn somebody_elsewhere_who_writes_localhost_is_not_at_this_computer() {
    let app = Bench::new().app();
    for (ingress, host, status) in [
        (Some(Ingress::Elsewhere), "localhost:4242", 421),
        (Some(Ingress::Elsewhere), "mcp.example.com", 200),
        (Some(Ingress::ThisComputer), "localhost:4242", 200),
        (None, "localhost:4242", 200),
    ] {
        let path = "/.well-known/oauth-authorization-server";
        let mut request = Request::builder().uri(path).header("host", host).body(Body::empty()).unwrap();
        if let Some(ingress) = ingress {
            request.extensions_mut().insert(ingress);
        }
        let answer = app.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{ingress:?} {host}");
    }
}

#[test]
fn a_lack_of_descriptors_is_waited_out_and_told_once() {
    let mut trouble = Trouble::default();
    let lack = io::Error::other("too many open files");
    assert_eq!(trouble.pause_for(&lack), Some(PAUSE));
    assert!(trouble.told);
    assert_eq!(trouble.pause_for(&lack), Some(PAUSE), "it does not turn into a busy loop");
    let left = io::Error::from(io::ErrorKind::ConnectionAborted);
    assert_eq!(Trouble::default().pause_for(&left), None, "a visitor who left holds up nobody");
}
