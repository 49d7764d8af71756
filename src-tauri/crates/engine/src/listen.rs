//! Listeners on both loopback families, and serving on them until told to stop.
//!
//! Whoever connects may hold what a connection costs for a limited time only, and all of them together a limited number of
//! connections. It tells handlers where a peer is and looks at nothing else of a request but the path.

mod rest;
mod stall;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::future::RouteFuture;
use axum::{Json, Router};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Either};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use model::origin::Ingress;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use stall::Stall;

/// How long to wait when this computer has no more of what a connection needs, such as file descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// Largest head of a request, and most of a body that is read ahead: with [`Limits::connections`] what strangers can
/// make us hold.
const READ_AHEAD: usize = 64 * 1024;

/// One address, or both spellings of loopback on one port.
pub(crate) struct Listeners(Vec<TcpListener>);

/// What one listener gives to those who connect.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// At one time. Beyond it whoever connects waits in the backlog of the operating system.
    connections: usize,
    /// From the first moment a head could come to its last byte; so also how long a connection may idle.
    head: Duration,
    /// From the head of a request to the head of its answer, its body included. Not for what is meant to stay open.
    request: Duration,
    /// In which the other end must take at least something of what is sent to it.
    stall: Duration,
}

/// The application as one connection sees it.
#[derive(Clone)]
struct Doorway {
    app: Router,
    ingress: Ingress,
    limit: Duration,
    closed: Arc<AtomicBool>,
}

/// Troubles of accepting, told once until it works again.
#[derive(Default)]
struct Trouble {
    told: bool,
}

// === impl Listeners ===

impl Listeners {
    /// Programs try `::1` first for `localhost`, so 127.0.0.1 brings its sibling along where there is one.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let first = TcpListener::bind(address).await?;
        let port = first.local_addr()?.port();
        let sibling = match address.ip() {
            IpAddr::V4(ip) if ip == Ipv4Addr::LOCALHOST => Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            IpAddr::V6(ip) if ip == Ipv6Addr::LOCALHOST => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            _ => None,
        };
        let mut all = vec![first];
        if let Some(ip) = sibling {
            match TcpListener::bind((ip, port)).await {
                Ok(listener) => all.push(listener),
                // Somebody else's server there would get half of our clients.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
                Err(error) => tracing::info!(%error, %ip, "this computer has no such loopback address"),
            }
        }
        Ok(Self(all))
    }

    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.0.first().ok_or(io::ErrorKind::NotConnected)?.local_addr()?.port())
    }

    /// Serves on all of them; `stop` ends accepting and lets what runs finish.
    pub(crate) fn serve(self, app: &Router, tasks: &TaskTracker, stop: &CancellationToken) {
        self.serve_within(Limits::DEFAULT, &Arc::default(), app, tasks, stop);
    }

    /// Like [`Self::serve`]; whoever asks while `closed` is set is told to come again.
    pub(crate) fn serve_unless(
        self,
        closed: &Arc<AtomicBool>,
        app: &Router,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        self.serve_within(Limits::DEFAULT, closed, app, tasks, stop);
    }

    /// Like [`Self::serve_unless`], for what strangers reach.
    pub(crate) fn serve_strangers(
        self,
        closed: &Arc<AtomicBool>,
        app: &Router,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        self.serve_within(Limits::STRANGERS, closed, app, tasks, stop);
    }

    fn serve_within(
        self,
        limits: Limits,
        closed: &Arc<AtomicBool>,
        app: &Router,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        // With its state the router is made ready once instead of for every request.
        let app: Router = app.clone().with_state(());
        for listener in self.0 {
            tasks.spawn(accept(listener, limits, closed.clone(), app.clone(), tasks.clone(), stop.clone()));
        }
    }
}

// === impl Limits ===

impl Limits {
    const DEFAULT: Self = Self {
        connections: 4_096,
        head: Duration::from_secs(30),
        request: Duration::from_secs(60),
        stall: Duration::from_secs(60),
    };
    /// Their connections are counted apart, so that they leave those of this computer alone, and who says nothing makes room sooner.
    const STRANGERS: Self = Self { connections: 512, head: Duration::from_secs(10), ..Self::DEFAULT };
}

async fn accept(
    listener: TcpListener,
    limits: Limits,
    closed: Arc<AtomicBool>,
    app: Router,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(READ_AHEAD);
    let mut trouble = Trouble::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = next(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                trouble = Trouble::default();
                let door = Doorway {
                    app: app.clone(),
                    ingress: ingress_of(peer),
                    limit: limits.request,
                    closed: closed.clone(),
                };
                // Without it every streamed answer waits 40 ms for a delayed ACK.
                drop(stream.set_nodelay(true));
                let stream = Stall::after(limits.stall, stream);
                // A token of its own: one that all share would be a lock they all take at every turn.
                tasks.spawn(converse(http.clone(), stream, door, slot, stop.child_token()));
            }
            Err(error) => {
                if let Some(pause) = trouble.pause_for(&error) {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

/// The next connection, as soon as there is a slot for it.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
}

/// Serves one connection to its end. HTTP/1 only: nobody speaks HTTP/2 without TLS to us, and the byte that would tell
/// the two apart is one more thing to wait for.
async fn converse(
    http: http1::Builder,
    stream: Stall,
    door: Doorway,
    slot: OwnedSemaphorePermit,
    stop: CancellationToken,
) {
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), door));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
    drop(slot);
}

/// By the address of the peer, which nobody elsewhere can choose to be loopback.
fn ingress_of(peer: SocketAddr) -> Ingress {
    if peer.ip().to_canonical().is_loopback() { Ingress::ThisComputer } else { Ingress::Elsewhere }
}

// === impl Doorway ===

impl hyper::service::Service<hyper::Request<Incoming>> for Doorway {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<RouteFuture<Infallible>, BoxFuture<'static, Result<Response, Infallible>>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let (body, rest) = if body.is_end_stream() {
            (Body::empty(), None)
        } else {
            let (lent, rest) = rest::lend(body);
            (Body::new(lent), Some(rest))
        };
        let mut request = Request::from_parts(parts, body);
        request.extensions_mut().insert(self.ingress);
        let closed =
            self.closed.load(Ordering::Relaxed) && !matches!(request.uri().path(), "/healthz" | "/readyz");
        let limit = (!stays_open(request.uri().path())).then_some(self.limit);
        if !closed && limit.is_none() && rest.is_none() {
            return Either::Left(self.app.clone().call(request));
        }
        let app = self.app.clone();
        let answer = async move {
            let answer = if closed { come_again() } else { answered(app, request, limit).await? };
            // One that is to be closed anyway has nothing to wait for.
            if let Some(rest) = rest.filter(|_| !answer.headers().contains_key(header::CONNECTION)) {
                rest.read().await;
            }
            Ok(answer)
        };
        Either::Right(answer.boxed())
    }
}

async fn answered(
    mut app: Router,
    request: Request,
    limit: Option<Duration>,
) -> Result<Response, Infallible> {
    let answer = app.call(request);
    let Some(limit) = limit else { return answer.await };
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Ok(took_too_long()))
}

/// Calls of tools may take their time, and streams are meant to stay.
fn stays_open(path: &str) -> bool {
    path.strip_prefix("/mcp").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || path == "/events"
}

/// 503 rather than 408: whether the rest of the request or our answer was late cannot be told from here.
fn took_too_long() -> Response {
    let mut response = unavailable("the request was not finished in time; try again", "5");
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// For clients, which keep their tokens on a 503, and for people, who read it in their browser.
fn come_again() -> Response {
    unavailable(
        "the owner of this server has paused all access; try again later, nobody was signed out",
        "60",
    )
}

fn unavailable(why: &str, retry_after: &'static str) -> Response {
    let told = serde_json::json!({ "error": "temporarily_unavailable", "error_description": why });
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(told)).into_response();
    for (name, value) in [
        (header::RETRY_AFTER, retry_after),
        (header::CACHE_CONTROL, "no-store"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

// === impl Trouble ===

impl Trouble {
    /// How long to wait before the next try; `None` if only that one connection went wrong.
    fn pause_for(&mut self, error: &io::Error) -> Option<Duration> {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
            return None;
        }
        if !std::mem::replace(&mut self.told, true) {
            tracing::error!(%error, "no connection can be accepted; it is tried again until it works");
        }
        Some(PAUSE)
    }
}

#[cfg(test)]
mod tests;
