//! The whole server behind a front that lies to it, to clients or to both; each lie has its sentence.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use model::keys::MasterKey;
use model::look::PATH;
use model::testing::SeededEntropy;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use reqwest::dns::{Name, Resolve, Resolving};
use rustls::pki_types::PrivateKeyDer;
use testkit::Rig;
use testkit::rig::public;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// What a front does with requests.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Front {
    PassesOn,
    ShowsAPage,
    ShowsBrowsersAPage,
    ChallengesBots,
    TurnsBrowsersAway,
    IsSomebodyElse,
    HasNothingThere,
    Answers(u16),
    SendsElsewhere,
    KeepsStreamsBack,
    CutsStreams,
    ReplacesTheHost,
    ReplacesTheHostAndSaysSo,
    DropsWellKnown,
    NamesAnother(&'static str),
    TakesTheChallengeAway,
    ChangesTheChallenge,
    AnswersCalls(u16),
}

/// A front, and the server behind it that has the front's address.
struct Scene {
    rig: Rig,
    front: Arc<std::sync::Mutex<Front>>,
    base: BaseUrl,
}

impl Scene {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let rig = Rig::start_with(|settings| settings.server.public_url = public(&base)).await;
        let front = Arc::new(std::sync::Mutex::new(Front::PassesOn));
        let (doing, to, host) = (front.clone(), rig.base().to_owned(), base["http://".len()..].to_owned());
        let app = Router::new().fallback(async move |request: Request| {
            let doing = *doing.lock().unwrap();
            through(doing, request, &to, &host).await
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { rig, front, base: BaseUrl::parse(&base).unwrap() }
    }

    /// What is seen while the front does so.
    async fn seen(&self, front: Front) -> Vec<Step> {
        *self.front.lock().unwrap() = front;
        let flow = &self.rig.running.flow;
        let look = Look::new(&self.base, flow.looks(), flow.entropy(), flow.now()).unwrap();
        look.outside().await.into_steps()
    }
}

async fn through(front: Front, request: Request, to: &str, host: &str) -> Response {
    use Front::*;
    let page = || ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], "<h1>You are about to visit</h1>");
    let headers = request.headers();
    let is_browser = headers[header::USER_AGENT].to_str().unwrap().starts_with("Mozilla/");
    let path = request.uri().path().to_owned();
    match front {
        ShowsAPage => return page().into_response(),
        ShowsBrowsersAPage if is_browser && request.method() == "GET" => return page().into_response(),
        ChallengesBots if !is_browser => {
            return (StatusCode::FORBIDDEN, [("cf-mitigated", "challenge")], "no").into_response();
        }
        TurnsBrowsersAway if is_browser => return StatusCode::FORBIDDEN.into_response(),
        IsSomebodyElse => return axum::Json(json!({ "hello": "world" })).into_response(),
        HasNothingThere => return StatusCode::NOT_FOUND.into_response(),
        Answers(status) => return (StatusCode::from_u16(status).unwrap(), page()).into_response(),
        SendsElsewhere => {
            return (StatusCode::FOUND, [(header::LOCATION, "https://login.example/?next=x")])
                .into_response();
        }
        DropsWellKnown if path.starts_with("/.well-known/oauth") => {
            return StatusCode::NOT_FOUND.into_response();
        }
        AnswersCalls(status) if path == "/mcp" => {
            return StatusCode::from_u16(status).unwrap().into_response();
        }
        NamesAnother(member) if path.starts_with("/.well-known/oauth") => {
            let mut told =
                json!({ "resource": format!("http://{host}/mcp"), "issuer": format!("http://{host}") });
            told[member] = "https://evil.example".into();
            return axum::Json(told).into_response();
        }
        _ => {}
    }
    let mut answer = passed_on(front, request, to).await;
    match front {
        TakesTheChallengeAway => drop(answer.headers_mut().remove(header::WWW_AUTHENTICATE)),
        ChangesTheChallenge if path == "/mcp" => {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, "Basic realm=\"front\"".parse().unwrap());
        }
        KeepsStreamsBack => {
            let (parts, body) = answer.into_parts();
            return Response::from_parts(parts, Body::from(to_bytes(body, LONGEST).await.unwrap()));
        }
        CutsStreams if answer.headers()[header::CONTENT_TYPE] == "text/event-stream" => {
            let (parts, body) = answer.into_parts();
            let first = body.into_data_stream().take(1).map(|piece| Ok(piece.unwrap()));
            let cut = futures::stream::once(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("cut"))
            });
            return Response::from_parts(parts, Body::from_stream(first.chain(cut)));
        }
        _ => {}
    }
    answer
}

async fn passed_on(front: Front, request: Request, to: &str) -> Response {
    let (mut parts, body) = request.into_parts();
    if matches!(front, Front::ReplacesTheHost | Front::ReplacesTheHostAndSaysSo) {
        parts.headers.insert(header::HOST, to["http://".len()..].parse().unwrap());
    }
    if front != Front::ReplacesTheHost {
        parts.headers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    }
    let http = Client::builder().no_proxy().build().unwrap();
    let asked = http.request(parts.method, format!("{to}{}", parts.uri)).headers(parts.headers);
    let asked = asked.body(to_bytes(body, LONGEST).await.unwrap());
    let answer = asked.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    // Of this connection only.
    response.headers_mut().remove(header::TRANSFER_ENCODING);
    response
}

fn told(steps: &[Step], outcome: Outcome) -> Vec<(&str, &str)> {
    steps.iter().filter(|step| step.outcome == outcome).map(|step| (step.about, step.what.as_str())).collect()
}

#[tokio::test]
async fn each_thing_on_the_way_has_its_own_sentence_and_the_next_step() {
    use Front::*;
    let scene = Scene::new().await;
    // The pause within a streamed answer is passed over.
    tokio::time::pause();
    let mut sentences = std::collections::BTreeSet::new();
    for (front, outcome, about, words) in [
        (ShowsAPage, Outcome::Failed, "public_url", "a page of its own before ours, to clients too"),
        (ChallengesBots, Outcome::Failed, "public_url", "a page of its own before ours, to clients too"),
        (ShowsBrowsersAPage, Outcome::Noted, "public_page", "people who sign in see a page of the provider"),
        (TurnsBrowsersAway, Outcome::Failed, "public_page", "browsers are answered with 403"),
        (IsSomebodyElse, Outcome::Failed, "public_url", "another server answers"),
        (HasNothingThere, Outcome::Failed, "public_url", "another server answers"),
        (Answers(502), Outcome::Failed, "public_url", "something on the way answers with 502"),
        (Answers(404), Outcome::Failed, "public_url", "something on the way answers with 404"),
        (SendsElsewhere, Outcome::Failed, "public_url", "sends everybody on to login.example"),
        (KeepsStreamsBack, Outcome::Noted, "public_stream", "kept back until it is whole"),
        (CutsStreams, Outcome::Noted, "public_stream", "a streamed answer breaks off"),
        (
            ReplacesTheHost,
            Outcome::Failed,
            "public_metadata",
            "replaces the `Host` header, so this server says that it is http://localhost:",
        ),
        (
            ReplacesTheHostAndSaysSo,
            Outcome::Failed,
            "public_url",
            "replaces the `Host` header, so this server does not know",
        ),
        (DropsWellKnown, Outcome::Failed, "public_metadata", "is not passed on: it is answered with 404"),
        (
            NamesAnother("resource"),
            Outcome::Failed,
            "public_metadata",
            "the metadata names https://evil.example instead of http",
        ),
        (
            NamesAnother("issuer"),
            Outcome::Failed,
            "public_metadata",
            "the metadata names https://evil.example instead of http",
        ),
        (
            TakesTheChallengeAway,
            Outcome::Failed,
            "public_challenge",
            "the `WWW-Authenticate` header is taken away",
        ),
        (
            ChangesTheChallenge,
            Outcome::Failed,
            "public_challenge",
            "the `WWW-Authenticate` header is another one",
        ),
        (
            AnswersCalls(403),
            Outcome::Failed,
            "public_challenge",
            "answered with 403 on the way, not with 401",
        ),
        (AnswersCalls(429), Outcome::Noted, "public_challenge", "our own look was turned away"),
    ] {
        let steps = scene.seen(front).await;
        let found = told(&steps, outcome);
        assert!(found.iter().any(|(at, what)| *at == about && what.contains(words)), "{front:?}: {steps:?}");
        let odd = steps.iter().filter(|step| step.outcome != Outcome::Passed);
        for step in odd {
            assert!(step.hint.as_ref().is_some_and(|hint| hint.len() > 20), "{front:?}: {step:?}");
            sentences.insert(step.what.clone());
        }
        let stops = Seen(steps).verdict();
        assert_eq!(stops.is_err(), outcome == Outcome::Failed, "{front:?}: {stops:?}");
    }
    assert!(sentences.len() >= 16, "each its own: {sentences:#?}");
}

#[tokio::test]
async fn a_clear_way_is_seen_as_such_and_leaves_no_attempt_in_the_log() {
    let scene = Scene::new().await;
    let steps = scene.seen(Front::PassesOn).await;
    let passed: Vec<&str> = told(&steps, Outcome::Passed).into_iter().map(|(about, _)| about).collect();
    assert_eq!(
        passed,
        ["public_url", "public_metadata", "public_challenge", "public_stream", "public_page"],
        "{steps:?}"
    );
    assert!(Seen(steps).verdict().unwrap().is_empty());
    assert_eq!(scene.rig.event_names().await, Vec::<&str>::new());
}

#[tokio::test]
async fn a_stranger_finds_nothing_where_we_look() {
    let scene = Scene::new().await;
    let http = Client::builder().no_proxy().build().unwrap();
    let flow = &scene.rig.running.flow;
    let theirs = Looks::new(&MasterKey::generate(&SeededEntropy::new(9)));
    let old = flow.looks().ticket(flow.entropy(), flow.now().minus(Duration::from_secs(61)));
    for query in [String::new(), "look=x".to_owned(), theirs.ticket(flow.entropy(), flow.now()), old] {
        let url = scene.base.join(&format!("{PATH}?{query}"));
        for asked in [http.get(&url), http.post(&url)] {
            let answer = asked.header(header::USER_AGENT, CLIENT).send().await.unwrap();
            assert_eq!(answer.status(), 404, "{query}");
        }
        let metadata = scene.base.join(&format!("/.well-known/oauth-authorization-server?{query}"));
        http.get(metadata).header(header::USER_AGENT, CLIENT).send().await.unwrap();
    }
    assert_eq!(scene.rig.event_names().await, ["metadata_read"], "only our own look leaves no trace");
}

#[tokio::test]
async fn whoever_saw_a_ticket_on_the_way_finds_nothing_with_it_once_it_is_used() {
    let scene = Scene::new().await;
    let http = Client::builder().no_proxy().user_agent(CLIENT).build().unwrap();
    let flow = &scene.rig.running.flow;
    let ticket = flow.looks().ticket(flow.entropy(), flow.now());
    let asks =
        async |path: &str| http.get(scene.base.join(&format!("{path}?{ticket}"))).send().await.unwrap();
    let answered =
        [asks(PATH).await, asks(PATH).await, asks(PATH).await].map(|answer| answer.status().as_u16());
    assert_eq!(answered, [200, 200, 404]);
    for _ in 0..3 {
        asks("/.well-known/oauth-authorization-server").await;
    }
    asks("/.well-known/openid-configuration").await;
    assert_eq!(
        scene.rig.event_names().await,
        ["metadata_read"; 2],
        "once too often, and once what no look asks for"
    );
}

// === what is in the way before anybody answers ===

const NAME: &str = "mcp.example";

/// A look at `https://mcp.example` on that port by a client made so.
async fn look_with(client: reqwest::ClientBuilder, port: u16) -> Vec<Step> {
    let looks = Looks::new(&MasterKey::generate(&SeededEntropy::new(1)));
    let base = BaseUrl::parse(&format!("https://{NAME}:{port}")).unwrap();
    let client = client.no_proxy().timeout(Duration::from_secs(15)).build().unwrap();
    Look::with(client, &base, &looks, &SeededEntropy::new(2), Timestamp::from_secs(0))
        .outside()
        .await
        .into_steps()
}

fn at(address: SocketAddr) -> reqwest::ClientBuilder {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    Client::builder().resolve(NAME, address)
}

/// Serves https with a certificate like this; gives the authority's to trust.
async fn https(name: &str, last_year: i32) -> (SocketAddr, reqwest::Certificate) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that refuses hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            drop(stream.shutdown().await);
        }
    });
    (address, reqwest::Certificate::from_der(authority.der()).unwrap())
}

fn assert_stopped(steps: &[Step], words: &str) {
    let [port, answer] = steps else { panic!("{steps:?}") };
    assert_eq!((port.about, port.outcome), ("public_port", Outcome::Noted), "{port:?}");
    assert!(port.hint.as_ref().unwrap().contains("ChatGPT and Claude want port 443"));
    assert_eq!((answer.about, answer.outcome), ("public_url", Outcome::Failed));
    assert!(answer.what.contains(words) && answer.hint.is_some(), "{answer:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_apart() {
    let (address, authority) = https(NAME, 2100).await;
    assert_stopped(&look_with(at(address), address.port()).await, "is not trusted");
    let steps = look_with(at(address).tls_certs_only([authority]), address.port()).await;
    assert_stopped(&steps, "another server answers");
    let (address, authority) = https("other.example", 2100).await;
    let steps = look_with(at(address).tls_certs_only([authority]), address.port()).await;
    assert_stopped(&steps, "is for another name");
    let (address, authority) = https(NAME, 2001).await;
    let steps = look_with(at(address).tls_certs_only([authority]), address.port()).await;
    assert_stopped(&steps, "has expired");
}

#[tokio::test]
async fn an_address_without_https_or_without_anybody_is_told() {
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    let app = Router::new().fallback(async || Ok::<_, Infallible>("plain"));
    tokio::spawn(async move { axum::serve(plain, app).await });
    assert_stopped(&look_with(at(address), address.port()).await, "does not speak https");
    let gone = SocketAddr::from(([127, 0, 0, 1], 1));
    assert_stopped(&look_with(at(gone), 1).await, "does not answer");
}

#[tokio::test]
async fn an_address_that_takes_no_end_or_has_no_name_yet_is_told() {
    struct NotYet;
    impl Resolve for NotYet {
        fn resolve(&self, _: Name) -> Resolving {
            Box::pin(async { Err("no such name".into()) })
        }
    }
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let client = at(address);
    tokio::time::pause();
    assert_stopped(&look_with(client, address.port()).await, "does not answer in time");
    let nowhere = Client::builder().dns_resolver(Arc::new(NotYet));
    assert_stopped(&look_with(nowhere, 8443).await, "is not known yet");
}
