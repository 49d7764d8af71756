//! The whole server behind a server of one's own: clients elsewhere sign in and call through `sshd`, whatever becomes of the line.

use std::ops::Deref;
use std::sync::Once;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Browser, Client, Connected, Desk, Tunnel};

use crate::sshd::{Sshd, free_port};

const PUBLIC: &str = "https://mcp.example.com";

static TLS: Once = Once::new();

struct Office {
    sshd: Sshd,
    /// What the server listens on for us; a web server in front would pass on to it.
    remote: u16,
    desk: Desk,
}

impl Deref for Office {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Office {
    /// Switched on, at the practice tenant.
    async fn is_public() -> Self {
        TLS.call_once(|| rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap());
        let (sshd, remote) = (Sshd::start(), free_port());
        let settings = format!(
            "[clients]\npairing = 'off'\n[tunnel]\nprovider = 'ssh'\ndomain = 'mcp.example.com'\n\
             ssh_server = '{}'\nssh_key = '{}'\nssh_listen = '{remote}'\n",
            sshd.address(),
            sshd.key().display()
        );
        let desk = Desk::start(TempDir::new().unwrap(), &settings).await;
        let office = Self { sshd, remote, desk };
        office.switches_on().await;
        office
    }

    async fn switches_on(&self) {
        self.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
        self.until_open().await;
    }

    async fn until(&self, what: impl Fn(&Value) -> bool) -> Value {
        let found = self.desk.until(what).await;
        found.unwrap_or_else(|stayed| panic!("{stayed}; sshd: {}", self.sshd.log()))
    }

    async fn until_tunnel(&self, is: &str) -> Value {
        self.until(|status| status["tunnel"]["is"] == is).await["tunnel"].clone()
    }

    /// And served under its address.
    async fn until_open(&self) {
        let running = |status: &Value| status["state"]["is"] == "running" && status["public_url"] == PUBLIC;
        self.until(|status| status["tunnel"]["is"] == "up" && running(status)).await;
    }

    fn way(&self) -> Tunnel {
        Tunnel { public: PUBLIC.to_owned(), local: format!("http://127.0.0.1:{}", self.remote) }
    }

    /// A client elsewhere; the person who signs in sits here.
    async fn ada(&self) -> Connected {
        let mut browser = Browser::new();
        browser.tunnel = Some(self.way());
        let client = Client::to(PUBLIC, "elsewhere").through(self.way()).registers().await;
        client.signs_in(&mut browser, "ada").await
    }
}

#[tokio::test]
async fn a_client_elsewhere_signs_in_and_calls_through_a_server_of_ones_own() {
    let desk = Office::is_public().await;
    let ada = desk.ada().await;
    let called = ada.calls("get_user_info").await;
    assert_eq!(called.status, 200, "{}", called.body);
    let refreshed = ada.refreshes().await;
    assert_eq!(refreshed.calls("version").await.status, 200);
    let form = desk.call("tunnel", json!({})).await;
    assert_eq!(form["server_key"]["fingerprint"], desk.sshd.fingerprint());
    assert_eq!(form["server_key"]["server"], format!("[127.0.0.1]:{}", desk.sshd.port));
    desk.engine.stop().await;
}

/// Each time something is under way: a refresh, whose old token is spent by it, and a call.
#[tokio::test]
async fn ten_broken_connections_lose_no_session_and_nothing_that_was_answered() {
    let desk = Office::is_public().await;
    let mut ada = desk.ada().await;
    for round in 0..10 {
        let (refresh, call) = tokio::join!(ada.try_refresh(), async {
            desk.sshd.cuts_connections();
            ada.try_call("version").await
        });
        assert!(call.is_none_or(|answer| answer.status == 200), "round {round}");
        desk.until_tunnel("lost").await;
        // The pauses grow up to a minute: time is moved instead of waited for.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
        desk.until_open().await;
        ada = match refresh {
            Some(next) => next,
            // Its answer never came, if it was heard at all: it asks again as clients do.
            None => ada.refreshes().await,
        };
        let called = ada.calls("get_user_info").await;
        assert_eq!(called.status, 200, "round {round}: {}", called.body);
    }
    let sessions = desk.call("list_sessions", json!({})).await;
    let states: Vec<&Value> =
        sessions.as_array().unwrap().iter().map(|session| &session["state"]["is"]).collect();
    assert_eq!(states, ["live"], "{sessions}");
    desk.engine.stop().await;
}

#[tokio::test]
async fn another_host_key_closes_the_address_until_the_owner_trusts_it_and_no_other() {
    let mut desk = Office::is_public().await;
    let ada = desk.ada().await;
    let before = desk.sshd.fingerprint();
    desk.sshd.is_killed();
    desk.sshd.makes_key("host_key");
    desk.sshd.runs();
    let refused = desk.until_tunnel("refused").await;
    let now = desk.sshd.fingerprint();
    assert_eq!(
        refused["changed_key"],
        json!({ "pinned": before, "pinned_kind": "ED25519", "shown": now, "kind": "ED25519" })
    );
    desk.until(|status| status["public_url"].is_null() && status["state"]["is"] == "running").await;

    // Switching it on again changes nothing.
    desk.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
    desk.until_tunnel("refused").await;
    let other = desk.engine.api().call("trust_server_key", json!({ "fingerprint": before })).await;
    assert_eq!(serde_json::to_value(other.unwrap_err()).unwrap()["code"], "not_opened");
    desk.until_tunnel("refused").await;
    let status = desk.call("trust_server_key", json!({ "fingerprint": now })).await;
    assert_eq!(status["tunnel"]["is"], "off");

    // Whoever comes next with a key that nobody looked at is refused.
    desk.sshd.is_killed();
    desk.sshd.makes_key("host_key");
    desk.sshd.runs();
    let (trusted, now) = (now, desk.sshd.fingerprint());
    desk.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
    let refused = desk.until_tunnel("refused").await;
    assert_eq!(
        refused["changed_key"],
        json!({ "pinned": trusted, "pinned_kind": "ED25519", "shown": now, "kind": "ED25519" })
    );
    desk.call("trust_server_key", json!({ "fingerprint": now })).await;
    desk.switches_on().await;
    let form = desk.call("tunnel", json!({})).await;
    assert_eq!(form["server_key"]["fingerprint"], now);
    assert_eq!(form["server_key"]["kind"], "ED25519");
    assert_eq!(ada.calls("version").await.status, 200, "nobody was signed out");
    desk.engine.stop().await;
}
