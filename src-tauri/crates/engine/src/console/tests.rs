//! The console as a browser and a script meet it, one request at a time.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use futures::StreamExt as _;
use model::event::{About, EventKind};
use model::ports::EventSink as _;
use model::time::Timestamp;
use tower::ServiceExt as _;

use super::*;
use crate::api::tests::Bench;

const PORT: u16 = 4244;
const OWN: &str = "http://127.0.0.1:4244";

struct Desk {
    bench: Bench,
    console: Console,
    stop: CancellationToken,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Desk {
    fn new() -> Self {
        let bench = Bench::new();
        let stop = CancellationToken::new();
        let (clock, entropy) = (bench.clock.clone(), bench.entropy.clone());
        let console = Console::new(bench.api.clone(), PORT, clock, entropy, stop.clone());
        Self { bench, console, stop }
    }

    async fn send(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let (method, path) = request.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "127.0.0.1:4244");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        self.console.router().oneshot(request).await.unwrap()
    }

    async fn ask(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let response = self.send(request, headers, body).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Answer { status, headers, text: String::from_utf8(text.to_vec()).unwrap() }
    }

    /// Path and query of a fresh link.
    fn link(&self) -> String {
        self.console.link().strip_prefix(OWN).unwrap().to_owned()
    }

    /// Opens a link and gives the cookie as a browser sends it back.
    async fn comes_in(&self) -> String {
        let answer = self.ask(&format!("GET {}", self.link()), &[], "").await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    async fn rpc(&self, cookie: &str, command: &str, body: &str) -> Answer {
        let headers = [("cookie", cookie), ("content-type", "application/json"), ("origin", OWN)];
        self.ask(&format!("POST /rpc/{command}"), &headers, body).await
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn refused(&self, status: u16, code: &str) {
        let told = self.json();
        assert_eq!((self.status, told["code"].as_str()), (status, Some(code)), "{told}");
        assert!(["message", "hint"].iter().all(|part| !told[part].as_str().unwrap().is_empty()), "{told}");
        assert_eq!(self.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_link_lets_one_browser_in_and_leaves_no_token_in_its_address_bar() {
    let desk = Desk::new();
    let link = desk.link();
    let opened = desk.ask(&format!("GET {link}"), &[("sec-fetch-site", "none")], "").await;
    assert_eq!((opened.status, opened.header("location")), (303, "/"));
    let cookie = opened.header("set-cookie");
    assert!(cookie.starts_with("jmop_console_4244="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(opened.header("cache-control"), "no-store");

    let again = desk.ask(&format!("GET {link}"), &[], "").await;
    assert_eq!((again.status, again.header("set-cookie")), (401, ""));
    assert!(again.header("content-type").starts_with("text/html"));
    assert!(again.text.contains("restart the server"), "{}", again.text);

    let pair = cookie.split(';').next().unwrap();
    let overview = desk.ask("GET /commands", &[("cookie", pair)], "").await;
    assert_eq!(overview.status, 200);
    assert!(overview.text.contains("POST /rpc/list_sessions"), "{}", overview.text);
}

#[tokio::test]
async fn a_browser_nobody_let_in_reads_a_page_and_gets_no_file() {
    let desk = Desk::new();
    for path in ["/", "/assets/index.js", "/index.html"] {
        let page = desk.ask(&format!("GET {path}"), &[("accept", "text/html,*/*")], "").await;
        assert_eq!(page.status, 401, "{path}");
        assert!(page.text.contains("does not know this browser"), "{}", page.text);
        desk.ask(&format!("GET {path}"), &[], "").await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_program_that_only_looks_at_a_link_does_not_use_it_up() {
    let desk = Desk::new();
    let link = desk.link();
    assert_eq!(desk.ask(&format!("HEAD {link}"), &[], "").await.status, 401);
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(desk.ask(&format!("GET {link}"), &foreign, "").await.status, 403);
    assert_eq!(desk.ask(&format!("GET {link}"), &[], "").await.status, 303);
}

#[tokio::test]
async fn a_link_older_than_ten_minutes_is_a_page_that_says_so() {
    let desk = Desk::new();
    let link = desk.link();
    desk.bench.clock.advance(std::time::Duration::from_secs(600));
    let late = desk.ask(&format!("GET {link}"), &[], "").await;
    assert_eq!(late.status, 401);
    assert!(late.text.contains("10 minutes"), "{}", late.text);
}

#[tokio::test]
async fn nothing_is_served_to_whoever_did_not_come_in_by_a_link() {
    let desk = Desk::new();
    let (link, json) = (desk.link(), ("content-type", "application/json"));
    let link_as_credential = format!("Bearer {}", link.split_once('=').unwrap().1);
    for request in ["GET /", "GET /events", "POST /rpc/status", "POST /link", "GET /nowhere", "DELETE /"] {
        for headers in [
            vec![json],
            vec![json, ("cookie", "jmop_console_4244=jmt_guess")],
            vec![json, ("authorization", link_as_credential.as_str())],
        ] {
            let answer = desk.ask(request, &headers, "{}").await;
            answer.refused(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{request}");
        }
    }
}

#[tokio::test]
async fn a_script_shows_the_value_of_the_cookie_as_a_bearer_token() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    let bearer = format!("Bearer {}", cookie.split_once('=').unwrap().1);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json; charset=utf-8")];
    let status = desk.ask("POST /rpc/status", &headers, "").await;
    assert_eq!(status.status, 200, "{}", status.text);
    assert_eq!(status.json()["mcp_url"], "http://localhost:4242/mcp");
}

#[tokio::test]
async fn a_credential_under_the_name_of_another_console_is_none_here() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    let (_, credential) = cookie.split_once('=').unwrap();
    for name in ["jmop_console", "jmop_console_4245"] {
        let cookie = format!("{name}={credential}");
        desk.ask("GET /", &[("cookie", &cookie)], "").await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_browser_left_alone_for_twelve_hours_has_to_come_in_again() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    desk.bench.clock.advance(std::time::Duration::from_hours(12));
    desk.ask("GET /", &[("cookie", &cookie)], "").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_name_that_was_pointed_here_gets_nothing_even_with_the_cookie() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    for host in ["evil.example:4244", "127.0.0.1", "127.0.0.1:4242", "localhost.evil.example:4244", ""] {
        let answer = desk.ask("GET /", &[("host", host), ("cookie", &cookie)], "").await;
        answer.refused(421, "misdirected_request");
    }
    for host in ["127.0.0.1:4244", "localhost:4244", "LOCALHOST:4244", "[::1]:4244"] {
        assert_eq!(desk.ask("GET /", &[("host", host), ("cookie", &cookie)], "").await.status, 200, "{host}");
    }
    let two = [("host", "127.0.0.1:4244"), ("host", "evil.example"), ("cookie", cookie.as_str())];
    assert_eq!(desk.ask("GET /", &two, "").await.status, 421);
}

#[tokio::test]
async fn a_page_of_another_origin_gets_nothing_even_with_the_cookie() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    let cookie = ("cookie", cookie.as_str());
    for foreign in [
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1:4242"),
        ("origin", "http://localhost:4244"),
        ("origin", "null"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "cross-site"),
    ] {
        for request in ["GET /", "GET /events", "POST /rpc/status"] {
            let headers = [cookie, foreign, ("content-type", "application/json")];
            desk.ask(request, &headers, "{}").await.refused(403, "forbidden_origin");
        }
    }
    let own = [cookie, ("origin", OWN), ("sec-fetch-site", "same-origin")];
    assert_eq!(desk.ask("GET /", &own, "").await.status, 200);
}

#[tokio::test]
async fn a_body_that_a_form_could_send_is_not_a_command() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let headers = [("cookie", cookie.as_str()), ("content-type", kind)];
        desk.ask("POST /rpc/status", &headers, "{}").await.refused(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn what_goes_wrong_with_a_command_is_told_with_the_status_that_fits() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    desk.rpc(&cookie, "shut_down", "{}").await.refused(404, "unknown_command");
    desk.rpc(&cookie, "end_sessions", r#"{"sessions":["session_gone"]}"#).await.refused(404, "not_found");
    desk.rpc(&cookie, "status", "{").await.refused(400, "bad_request");
    desk.rpc(&cookie, "status", &" ".repeat(LARGEST_BODY + 1)).await.refused(400, "bad_request");
    let bad = desk.rpc(&cookie, "set_fault", r#"{"fault":"slow","on":1}"#).await;
    bad.refused(400, "bad_request");
    assert!(bad.text.contains("`on`"), "{}", bad.text);
    let headers = [("cookie", cookie.as_str())];
    desk.ask("GET /rpc/status", &headers, "").await.refused(405, "method_not_allowed");
    desk.ask("GET /nowhere", &headers, "").await.refused(404, "not_found");
    assert_eq!(
        ApiError::Store(model::ports::StoreError::Unavailable(String::new())).into_response().status(),
        503
    );
}

#[tokio::test]
async fn a_session_is_ended_from_the_console() {
    let desk = Desk::new();
    let session = desk.bench.session().await;
    let cookie = desk.comes_in().await;
    let ended = desk.rpc(&cookie, "end_sessions", &json!({ "sessions": [session.id] }).to_string()).await;
    assert_eq!((ended.status, ended.json()), (200, json!({ "ended": 1 })));
    assert_eq!(desk.rpc(&cookie, "list_sessions", "").await.json()[0]["state"]["why"], "revoked_by_owner");
}

#[tokio::test]
async fn a_browser_that_is_in_can_invite_another() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    let invited = desk.ask("POST /link", &headers, "").await.json();
    let link = invited["url"].as_str().unwrap().strip_prefix(OWN).unwrap();
    let other = desk.ask(&format!("GET {link}"), &[], "").await;
    assert_eq!(other.status, 303);
    assert_eq!(desk.ask("GET /", &headers, "").await.status, 200, "the first one is still in");
}

fn event(kind: EventKind) -> model::event::AuthEvent {
    model::event::AuthEvent { seq: 0, at: Timestamp::from_secs(7), about: About::default(), kind }
}

#[tokio::test(start_paused = true)]
async fn events_are_followed_as_they_happen_until_the_server_stops() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    let response = desk.send("GET /events", &[("cookie", &cookie)], "").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let mut stream = response.into_body().into_data_stream();
    desk.bench.bus.record(event(EventKind::ConsentShown));
    desk.bench.bus.record(event(EventKind::SignedIn));
    let told = stream.next().await.unwrap().unwrap();
    let (name, data) = str::from_utf8(&told).unwrap().trim().split_once('\n').unwrap();
    assert_eq!(name, "event: events_recorded");
    let rows: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&rows[0]["event"], &rows[1]["event"]), (&json!("consent_shown"), &json!("signed_in")));
    assert_eq!((&rows[1]["step"], &rows[1]["at"]), (&json!("callback"), &json!(7000)));

    desk.stop.cancel();
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_told_in_few_messages_and_whole() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    let response = desk.send("GET /events", &[("cookie", &cookie)], "").await;
    for _ in 0..1_200 {
        desk.bench.bus.record(event(EventKind::ConsentShown));
    }
    let mut stream = response.into_body().into_data_stream();
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < 1_200 {
        let told = stream.next().await.unwrap().unwrap();
        let (_, data) = str::from_utf8(&told).unwrap().trim().split_once("data: ").unwrap();
        sizes.push(serde_json::from_str::<Vec<Value>>(data).unwrap().len());
    }
    assert_eq!(sizes, [500, 500, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_too_slow_is_told_how_many_messages_it_missed() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    let response = desk.send("GET /events", &[("cookie", &cookie)], "").await;
    for _ in 0..1_024 + 6 {
        desk.bench.bus.record(event(EventKind::ConsentShown));
        // A message of its own for each.
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    }
    let mut stream = response.into_body().into_data_stream();
    let told = stream.next().await.unwrap().unwrap();
    assert_eq!(str::from_utf8(&told).unwrap(), "event: events_missed\ndata: {\"missed\":6}\n\n");
    let next = stream.next().await.unwrap().unwrap();
    assert!(str::from_utf8(&next).unwrap().contains("consent_shown"));
}

#[tokio::test]
async fn no_page_or_answer_repeats_the_credential_of_the_browser() {
    let desk = Desk::new();
    let cookie = desk.comes_in().await;
    let credential = cookie.split_once('=').unwrap().1;
    let mut told = String::new();
    for command in crate::api::COMMANDS {
        told.push_str(&desk.rpc(&cookie, command.name, "").await.text);
    }
    for request in ["GET /", "GET /commands", "GET /nowhere", "GET /?link=x"] {
        told.push_str(&desk.ask(request, &[("cookie", &cookie)], "").await.text);
    }
    assert!(told.contains("mcp_url") && told.contains("<h1>"));
    assert!(!told.contains(credential));
}

#[tokio::test]
async fn the_console_listens_on_no_address_whose_name_it_would_not_answer_to() {
    for address in ["127.0.0.2:0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let told = bind_console(address.parse().unwrap()).await.err().expect(address).to_string();
        assert!(told.contains("127.0.0.1") && told.contains("--console"), "{told}");
    }
    assert!(bind_console("127.0.0.1:0".parse().unwrap()).await.is_ok());
}
