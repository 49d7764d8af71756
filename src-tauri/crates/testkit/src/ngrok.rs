//! ngrok's servers, as far as the other end can tell: muxado over TLS for the session, and the public end, which hands every
//! request to the session that has the address.
//!
//! The public end is plain HTTP on this computer, so that clients and browsers of stories need no trust in a certificate.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::TokioIo;
use muxado::SessionBuilder;
use muxado::typed::{StreamType, Typed, TypedAccept as _, TypedOpenClose, TypedSession as _, TypedStream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_util::sync::CancellationToken;

/// The one authtoken that counts.
pub const AUTHTOKEN: &str = "2abcDEFghiJKLmnoPQRstuVWX_7yzABCdefGHIjklMNO";

// Kinds of streams, as the protocol numbers them.
const AUTH: u32 = 0;
const BIND: u32 = 1;
const UNBIND: u32 = 2;
const PROXY: u32 = 3;
const STOP_TUNNEL: u32 = 9;
const HEARTBEAT: u32 = u32::MAX;

/// More than the other end can take at a time: that is its own affair.
const STREAMS: usize = 4096;

/// Dropping it ends it.
pub struct NgrokServer {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    server: String,
    certificate: String,
    public: SocketAddr,
    state: Mutex<Told>,
}

/// What it was told to do, and what it was asked.
#[derive(Default)]
struct Told {
    /// Instead of the address it would give.
    url: Option<String>,
    refuses: Option<&'static str>,
    silent: bool,
    sessions: usize,
    binds: Vec<Value>,
    /// The session that has the address.
    open: Option<Open>,
    /// Connections, whether they got that far or not.
    cuts: BTreeMap<usize, CancellationToken>,
}

#[derive(Clone)]
struct Open {
    session: usize,
    id: String,
    streams: Arc<tokio::sync::Mutex<Box<dyn TypedOpenClose + Send>>>,
}

// === impl NgrokServer ===

impl NgrokServer {
    pub async fn start() -> Self {
        let (sessions, port) = listener().await;
        let (visitors, public_port) = listener().await;
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private)
            .expect("key and certificate belong together");
        let shared = Arc::new(Shared {
            server: format!("localhost:{port}"),
            certificate: format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                STANDARD.encode(key.cert.der())
            ),
            public: SocketAddr::from(([127, 0, 0, 1], public_port)),
            state: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(take_sessions(sessions, TlsAcceptor::from(Arc::new(config)), shared.clone()));
        let app = Router::new().fallback(hand_on).with_state(shared.clone());
        tasks.spawn(async move {
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(visitors, app).await.expect("it serves");
        });
        Self { shared, _tasks: tasks }
    }

    /// `host:port` for the other end.
    pub fn server(&self) -> &str {
        &self.shared.server
    }

    /// What vouches for it, as PEM.
    pub fn authority(&self) -> &str {
        &self.shared.certificate
    }

    /// The address it gives unless it is told another.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.shared.public.port())
    }

    /// The same place by another name.
    pub fn other_url(&self) -> String {
        format!("http://{}", self.shared.public)
    }

    /// From now on it gives `url`.
    pub fn gives(&self, url: &str) {
        self.shared.told().url = Some(url.to_owned());
    }

    /// From now on it answers with the code, or no longer.
    pub fn refuses(&self, code: impl Into<Option<&'static str>>) {
        self.shared.told().refuses = code.into();
    }

    /// Cuts every connection in the middle of whatever it carries.
    pub fn cuts(&self) {
        let mut told = self.shared.told();
        told.open = None;
        for cut in std::mem::take(&mut told.cuts).into_values() {
            cut.cancel();
        }
    }

    /// Answers no heartbeat any more, as if the way were dead.
    pub fn falls_silent(&self) {
        self.shared.told().silent = true;
    }

    /// Closes the address on purpose, as its pages offer.
    pub async fn closes(&self, code: Option<&str>) {
        let open = self.shared.told().open.take().expect("an address");
        let mut stream = open.stream(STOP_TUNNEL).await.expect("a session");
        let told = json!({ "Id": open.id, "Message": "stopped by the account", "ErrorCode": code });
        stream.write_all(told.to_string().as_bytes()).await.expect("a session");
        stream.shutdown().await.expect("a session");
    }

    /// So many visitors come at once, begin to ask and never finish. They stay until they are dropped.
    pub async fn hands_over_unfinished(&self, visitors: usize) -> Vec<impl Sized + Send + use<>> {
        let open = self.shared.told().open.clone().expect("an address");
        let mut held = Vec::new();
        for _ in 0..visitors {
            let mut stream = open.proxied(self.shared.public).await.expect("a session");
            // One that was dropped at once hears no more.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: ").await;
            held.push(stream);
        }
        held
    }

    /// Whether anybody has the address.
    pub fn is_open(&self) -> bool {
        self.shared.told().open.is_some()
    }

    /// Waits until the end of the last session is noticed.
    pub async fn until_closed(&self) {
        while self.is_open() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sessions that were let in.
    pub fn sessions(&self) -> usize {
        self.shared.told().sessions
    }

    /// The addresses that were asked for, as the protocol has it.
    pub fn binds(&self) -> Vec<Value> {
        self.shared.told().binds.clone()
    }
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    (listener, port)
}

// === the session ===

async fn take_sessions(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    for number in 1.. {
        let (tcp, _) = listener.accept().await.expect("it listens");
        sessions.spawn(session(number, tcp, tls.clone(), shared.clone()));
    }
}

async fn session(number: usize, tcp: TcpStream, tls: TlsAcceptor, shared: Arc<Shared>) {
    tcp.set_nodelay(true).expect("a socket");
    // Whoever does not trust us has hung up.
    let Ok(mut tls) = tls.accept(tcp).await else { return };
    let (mut inside, outside) = tokio::io::duplex(64 * 1024);
    let cut = CancellationToken::new();
    shared.told().cuts.insert(number, cut.clone());
    let carrying = async {
        let _ = cut.run_until_cancelled(copy_bidirectional(&mut tls, &mut inside)).await;
    };
    let (open, mut accept) =
        Typed::new(SessionBuilder::new(outside).server().stream_limit(STREAMS).start()).split_typed();
    let streams: Arc<tokio::sync::Mutex<Box<dyn TypedOpenClose + Send>>> =
        Arc::new(tokio::sync::Mutex::new(Box::new(open)));
    let serving = async {
        let mut answering = JoinSet::new();
        while let Ok(stream) = accept.accept_typed().await {
            answering.spawn(answer(stream, number, streams.clone(), shared.clone()));
        }
    };
    tokio::select! {
        () = carrying => {}
        () = serving => {}
    }
    let mut told = shared.told();
    told.cuts.remove(&number);
    if told.open.as_ref().is_some_and(|open| open.session == number) {
        told.open = None;
    }
}

async fn answer(
    mut stream: TypedStream,
    session: usize,
    streams: Arc<tokio::sync::Mutex<Box<dyn TypedOpenClose + Send>>>,
    shared: Arc<Shared>,
) {
    let kind = *stream.typ();
    if kind == HEARTBEAT {
        beat(stream, &shared).await;
        return;
    }
    let Some(asked) = request(&mut stream).await else { return };
    let answer = match kind {
        AUTH => shared.authenticate(&asked),
        BIND => shared.bind(&asked, Open { session, id: format!("tn_{session}"), streams }),
        UNBIND => {
            shared.told().open = None;
            json!({})
        }
        other => panic!("nobody asks for {other}"),
    };
    // Whoever asked may have gone.
    let _ = stream.write_all(answer.to_string().as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Sends back whatever comes.
async fn beat(mut stream: TypedStream, shared: &Shared) {
    let mut bytes = [0; 4];
    while stream.read_exact(&mut bytes).await.is_ok() {
        if !shared.told().silent && stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// The other end leaves its half open, so the request ends where its JSON does.
async fn request(stream: &mut TypedStream) -> Option<Value> {
    let (mut text, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut bytes).await.ok().filter(|read| *read > 0)?;
        text.extend_from_slice(&bytes[..read]);
        if let Ok(asked) = serde_json::from_slice(&text) {
            return Some(asked);
        }
    }
}

/// As ngrok words it, with the authtoken in the middle of it.
fn refusal(code: &str) -> Value {
    json!({ "Error": format!("That does not work.\nYour authtoken: {AUTHTOKEN}\r\n\r\n{code}\r\n") })
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.state.lock().expect("nobody panicked with it")
    }

    fn authenticate(&self, asked: &Value) -> Value {
        let mut told = self.told();
        if asked["Extra"]["AuthToken"] != AUTHTOKEN {
            return refusal("ERR_NGROK_105");
        }
        told.sessions += 1;
        json!({ "Version": "3", "ClientId": format!("client-{}", told.sessions), "Extra": {} })
    }

    fn bind(&self, asked: &Value, open: Open) -> Value {
        let mut told = self.told();
        told.binds.push(asked.clone());
        if let Some(code) = told.refuses {
            return refusal(code);
        }
        if told.open.is_some() {
            return refusal("ERR_NGROK_334");
        }
        let url = told.url.clone().unwrap_or_else(|| format!("http://localhost:{}", self.public.port()));
        let answer = json!({ "Id": open.id, "URL": url, "Proto": asked["Proto"], "Opts": asked["Opts"], "Extra": { "Token": "t" } });
        told.open = Some(open);
        answer
    }
}

impl Open {
    async fn stream(&self, kind: u32) -> Result<TypedStream, muxado::Error> {
        self.streams.lock().await.open_typed(StreamType::clamp(kind)).await
    }

    /// For the connection of a visitor; `None` if it breaks at once.
    async fn proxied(&self, visitor: SocketAddr) -> Option<TypedStream> {
        let mut stream = self.stream(PROXY).await.ok()?;
        let header = json!({
            "Id": self.id, "ClientAddr": visitor.to_string(), "Proto": "https", "EdgeType": "0", "PassthroughTLS": false,
        })
        .to_string();
        stream.write_i64_le(i64::try_from(header.len()).ok()?).await.ok()?;
        stream.write_all(header.as_bytes()).await.ok()?;
        Some(stream)
    }
}

// === the public end ===

async fn hand_on(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(visitor): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let open = shared.told().open.clone();
    let Some(open) = open else { return (StatusCode::NOT_FOUND, "ERR_NGROK_3200").into_response() };
    match through(&open, visitor, request).await {
        Some(response) => response,
        None => (StatusCode::BAD_GATEWAY, "ERR_NGROK_3004").into_response(),
    }
}

/// By a stream of its own; `None` if that breaks before there is an answer.
async fn through(open: &Open, visitor: SocketAddr, mut request: Request) -> Option<Response> {
    let stream = open.proxied(visitor).await?;
    let io = TokioIo::new(Pin::new(stream));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
    tokio::spawn(connection);
    let from = HeaderValue::from_str(&visitor.ip().to_string()).expect("an address is ASCII");
    request.headers_mut().insert("x-forwarded-for", from);
    request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("https"));
    Some(sender.send_request(request).await.ok()?.map(Body::new))
}
