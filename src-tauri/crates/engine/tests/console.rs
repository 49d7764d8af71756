//! The console of a whole running server: what a sign-in leaves behind, and what ending it does.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use reqwest::{Response, StatusCode, redirect};
use serde_json::{Value, json};
use testkit::{Connected, Rig};

struct Owner {
    http: reqwest::Client,
    base: String,
    credential: String,
}

impl Owner {
    /// Opens the printed link.
    async fn of(rig: &Rig) -> Self {
        let link = rig.console.as_ref().expect("the console is on").link();
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a plain client");
        let opened = http.get(&link).send().await.expect("an answer");
        assert_eq!(opened.status(), StatusCode::SEE_OTHER);
        assert_eq!(opened.headers()[LOCATION], "/");
        let cookie = opened.headers()[SET_COOKIE].to_str().expect("ASCII");
        let (base, _) = link.split_once("/?").expect("a link with a query");
        let (_, port) = base.rsplit_once(':').expect("a port");
        let credential = cookie.strip_prefix(&format!("jmop_console_{port}="));
        let credential =
            credential.and_then(|rest| rest.split(';').next()).expect("the console's cookie").to_owned();
        Self { http, base: base.to_owned(), credential }
    }

    async fn rpc(&self, command: &str, payload: Value) -> Value {
        let request = self.http.post(format!("{}/rpc/{command}", self.base)).bearer_auth(&self.credential);
        let request = request.header(CONTENT_TYPE, "application/json").body(payload.to_string());
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert_eq!(status, StatusCode::OK, "{command}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    async fn events(&self) -> Response {
        let request = self.http.get(format!("{}/events", self.base)).bearer_auth(&self.credential);
        request.send().await.expect("an answer")
    }
}

async fn rig() -> Rig {
    Rig::start_with(|settings| settings.server.console = Some(SocketAddr::from(([127, 0, 0, 1], 0)))).await
}

/// A client of Ada's, and how many seconds it was told its access token lives.
async fn ada(rig: &Rig) -> (Connected, i64) {
    let client = rig.client("Inspector").registers().await;
    let landed = client.lands(&mut rig.browser(), "ada").await;
    let tokens = client.redeem(&landed.param("code").expect("a code"), &[]).await;
    (client.connected(&tokens), tokens.body["expires_in"].as_i64().expect("seconds"))
}

#[tokio::test]
async fn a_sign_in_is_seen_with_its_claims_and_ended_and_the_client_is_out_at_once() {
    let rig = rig().await;
    let owner = Owner::of(&rig).await;
    let (ada, lives_secs) = ada(&rig).await;
    assert_eq!(ada.calls("version").await.status, 200);

    let rows = owner.rpc("list_sessions", json!({})).await;
    let row = &rows[0];
    assert_eq!(
        (&row["person"]["name"], &row["client"]["name"]),
        (&json!("Ada Lindqvist"), &json!("Inspector"))
    );
    assert_eq!(row["calls"], 1, "a call is counted before it is written back");
    let lifetime = row["access_expires_at"].as_i64().unwrap() - row["refreshed_at"].as_i64().unwrap();
    assert_eq!(lifetime, lives_secs * 1000, "the list tells what the client was told");

    let session = json!({ "session": row["session"] });
    let claims = owner.rpc("session_claims", session.clone()).await;
    assert_eq!(claims["id_claims"]["preferred_username"], "ada@practice.example");
    assert_eq!(claims["access_claims"]["oid"], row["person"]["object"]);

    assert_eq!(
        owner.rpc("end_sessions", json!({ "sessions": [row["session"]] })).await,
        json!({ "ended": 1 })
    );
    assert_eq!(ada.calls("version").await.status, 401);
    rig.running.stop().await;
}

#[tokio::test]
async fn a_pasted_token_is_held_to_what_mcp_or_a_sign_in_would_ask_of_it() {
    let rig = rig().await;
    let owner = Owner::of(&rig).await;
    let (ada, _) = ada(&rig).await;
    let inspect = async |token: &str| owner.rpc("inspect_token", json!({ "token": token })).await;
    let wrong = |told: &Value| {
        let findings = told["findings"].as_array().unwrap().iter().filter(|finding| finding["ok"] == false);
        findings.map(|finding| finding["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let told = inspect(&format!("Authorization: Bearer {}", ada.access_token)).await;
    let session = owner.rpc("list_sessions", json!({})).await[0]["session"].clone();
    assert_eq!((&told["kind"], &told["claims"]["sid"]), (&json!("access token of this server"), &session));
    assert_eq!((&told["header"]["typ"], wrong(&told)), (&json!("at+jwt"), vec![]));
    let (signed, _) = ada.access_token.rsplit_once('.').unwrap();
    let forged = inspect(&format!("{signed}.{}", "A".repeat(86))).await;
    assert_eq!(wrong(&forged), ["its signature is not this server's"]);
    rig.clock.advance(Duration::from_secs(3600));
    owner.rpc("end_sessions", json!({ "sessions": [session] })).await;
    let over = wrong(&inspect(&ada.access_token).await);
    assert_eq!((over.len(), over[0].as_str()), (2, "it has ended"));
    assert!(over[1].starts_with("its session has ended: the owner"), "{}", over[1]);
    rig.running.stop().await;
}

#[tokio::test]
async fn nothing_the_console_tells_after_a_sign_in_opens_a_door() {
    let rig = rig().await;
    let owner = Owner::of(&rig).await;
    let (ada, _) = ada(&rig).await;
    let ada = ada.refreshes().await;
    rig.events().await;
    let session = owner.rpc("list_sessions", json!({})).await[0]["session"].clone();
    let mut told = owner.rpc("session_claims", json!({ "session": session })).await.to_string();
    for command in ["status", "list_sessions", "list_clients", "list_attempts", "list_events", "practice"] {
        told.push_str(&owner.rpc(command, json!({})).await.to_string());
    }
    assert!(told.contains("token_issued") && told.contains("Ada Lindqvist"));
    let link = rig.console.as_ref().unwrap().link();
    let link = link.split_once('=').unwrap().1;
    for secret in [&ada.access_token, &ada.refresh_token, &owner.credential, link, practice::CLIENT_SECRET] {
        assert!(!told.contains(secret), "{}.. was told", &secret[..6]);
    }
    // Prefixes of ours, and the first bytes of every JWT: tokens, codes and secrets of any age.
    for prefix in ["jmr_", "jmc_", "jms_", "jmb_", "jmt_", "eyJ"] {
        assert!(!told.contains(prefix), "something that starts with {prefix} was told");
    }
    rig.running.stop().await;
}

#[tokio::test]
async fn somebody_who_follows_the_log_does_not_hold_up_the_stop() {
    let rig = rig().await;
    let owner = Owner::of(&rig).await;
    let mut live = owner.events().await;
    rig.client("Inspector").registers().await;
    let told = live.chunk().await.unwrap().unwrap();
    assert!(str::from_utf8(&told).unwrap().contains("client_registered"), "{told:?}");

    let stopped = tokio::time::timeout(engine::GRACE / 2, rig.console.unwrap().stop()).await;
    assert!(stopped.is_ok(), "the stop waited for an open stream");
    rig.running.stop().await;
    let rest = tokio::time::timeout(Duration::from_secs(5), live.chunk()).await.unwrap();
    assert!(rest.unwrap().is_none());
}

#[tokio::test]
async fn the_console_is_off_unless_it_is_asked_for_and_never_on_the_main_listener() {
    let off = Rig::start().await;
    assert!(off.console.is_none());
    let client = off.client("Inspector");
    let answer = client.request("POST", "/rpc/status", &[("content-type", "application/json")], "{}").await;
    assert_eq!(answer.status, 404);
    off.running.stop().await;
}
