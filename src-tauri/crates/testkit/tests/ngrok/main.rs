//! The whole server behind ngrok, with nothing but an authtoken: clients elsewhere sign in and call, whatever becomes of the
//! connection, and off is off.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use engine::api::State;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::ngrok::AUTHTOKEN;
use testkit::{Browser, Client, Connected, Desk, NgrokServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const PATIENCE: Duration = Duration::from_secs(60);

struct Office {
    ngrok: NgrokServer,
    http: reqwest::Client,
    desk: Desk,
}

impl Deref for Office {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Office {
    /// On the practice tenant, with ngrok chosen and nothing more.
    async fn start() -> Self {
        let (folder, ngrok) = (TempDir::new().unwrap(), NgrokServer::start().await);
        let authorities = folder.path().join("ca.pem");
        std::fs::write(&authorities, ngrok.authority()).unwrap();
        let settings = format!(
            "[tunnel]\nprovider = 'ngrok'\nngrok_server = '{}'\nngrok_ca_file = '{}'\n",
            ngrok.server(),
            authorities.display()
        );
        let desk = Desk::start(folder, &settings).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { ngrok, http, desk }
    }

    /// The authtoken was pasted and the switch pressed.
    async fn is_public() -> Self {
        let desk = Self::start().await;
        desk.pastes(AUTHTOKEN).await;
        desk.switches(true).await;
        desk.until("reachable").await;
        desk
    }

    /// Saved, and in force.
    async fn pastes(&self, authtoken: &str) {
        let mut state = self.engine.watch();
        state.mark_unchanged();
        let changes = json!({ "tunnel.ngrok_authtoken": authtoken });
        let saved = self.call("save_settings", json!({ "changes": changes })).await;
        assert_eq!(saved["saved"], true, "{saved}");
        state.wait_for(|state| *state == State::Starting).await.unwrap();
        state.wait_for(|state| *state != State::Starting).await.unwrap();
    }

    async fn switches(&self, on: bool) -> Value {
        self.call("set_tunnel", json!({ "on": on, "practice_is_fine": true })).await
    }

    async fn until(&self, tunnel: &str) -> Value {
        self.until_status(|status| status["tunnel"]["is"] == tunnel).await
    }

    async fn until_status(&self, what: impl Fn(&Value) -> bool) -> Value {
        self.desk.until(what).await.unwrap_or_else(|stayed| panic!("{stayed}"))
    }

    /// A client elsewhere; the person who signs in sits here.
    async fn ada(&self) -> Connected {
        let client = Client::to(&self.ngrok.url(), "elsewhere").registers().await;
        client.signs_in(&mut Browser::new(), "ada").await
    }

    /// The tokens of an answer that arrived.
    async fn tries_refresh(&self, before: &Connected) -> Option<Connected> {
        let (id, token) = (before.client.id.as_str(), before.refresh_token.as_str());
        let form = [("grant_type", "refresh_token"), ("client_id", id), ("refresh_token", token)];
        let answer = self.http.post(format!("{}/token", self.ngrok.url())).form(&form).send().await.ok()?;
        let tokens: Value = (answer.status() == 200).then_some(answer)?.json().await.ok()?;
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        Some(Connected {
            client: before.client.clone(),
            access_token: text("access_token"),
            refresh_token: text("refresh_token"),
        })
    }

    /// Whatever this server keeps or says.
    fn has_in_clear(&self, text: &str) -> bool {
        fn look(folder: &Path, text: &[u8]) -> bool {
            std::fs::read_dir(folder).unwrap().any(|entry| {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    return look(&path, text);
                }
                std::fs::read(path).unwrap().windows(text.len()).any(|part| part == text)
            })
        }
        look(self.folder.path(), text.as_bytes())
    }
}

#[tokio::test]
async fn a_client_elsewhere_signs_in_and_calls_with_nothing_installed_but_an_authtoken_pasted() {
    let desk = Office::is_public().await;
    let status = desk.call("status", json!({})).await;
    assert_eq!(status["public_mcp_url"], format!("{}/mcp", desk.ngrok.url()));
    let ada = desk.ada().await;
    let called = ada.calls("get_user_info").await;
    assert_eq!(called.status, 200, "{}", called.body);
    assert_eq!(ada.refreshes().await.calls("version").await.status, 200);

    assert!(!desk.has_in_clear(AUTHTOKEN));
    for command in ["status", "settings", "tunnel", "list_events"] {
        let told = desk.call(command, json!({})).await.to_string();
        assert!(!told.contains(AUTHTOKEN), "{command}");
    }
    let form = desk.call("tunnel", json!({})).await;
    let offered = form["programs"].as_array().unwrap().iter().find(|one| one["id"] == "ngrok").unwrap();
    assert_eq!((&offered["found"], &offered["takes_authtoken"]), (&json!(true), &json!(true)));
    desk.engine.stop().await;
    desk.ngrok.until_closed().await;
}

/// Each time a refresh, whose old token is spent by it, and a call are under way.
#[tokio::test]
async fn ten_forced_disconnects_lose_no_session_and_no_acknowledged_call() {
    let desk = Office::is_public().await;
    let mut ada = desk.ada().await;
    for round in 1..=10 {
        let before = desk.tries_refresh(&ada).await.unwrap();
        let (refreshed, ()) = tokio::join!(desk.tries_refresh(&before), async {
            // A request further each time.
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            desk.ngrok.cuts();
        });
        desk.until("lost").await;
        // The pause before it is opened again: time is moved instead of waited for.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::time::resume();
        let status = desk.until("reachable").await;
        assert_eq!(status["public_url"], desk.ngrok.url(), "round {round}");
        // Without an answer it asks again, as clients do, whether it was heard or not.
        ada = if let Some(next) = refreshed { next } else { before.refreshes().await };
        let called = ada.calls("get_user_info").await;
        assert_eq!(called.status, 200, "round {round}: {}", called.body);
    }
    assert_eq!(desk.ngrok.sessions(), 11);
    let sessions = desk.call("list_sessions", json!({})).await;
    let states: Vec<&Value> =
        sessions.as_array().unwrap().iter().map(|session| &session["state"]["is"]).collect();
    assert_eq!(states, ["live"], "{sessions}");
    desk.engine.stop().await;
}

#[tokio::test]
async fn switched_off_the_address_is_closed_and_what_came_in_by_it_cut() {
    let desk = Office::is_public().await;
    let url = format!("{}/mcp", desk.ngrok.url());
    let ada = desk.ada().await;
    // A call whose body never ends.
    let (mut words, body) = tokio::io::duplex(64);
    let body = reqwest::Body::wrap_stream(futures::stream::unfold(body, async |mut body| {
        let mut bytes = vec![0; 64];
        let read = body.read(&mut bytes).await.ok().filter(|read| *read > 0)?;
        bytes.truncate(read);
        Some((Ok::<_, std::io::Error>(bytes), body))
    }));
    let asked =
        desk.http.post(&url).bearer_auth(&ada.access_token).header("content-type", "application/json");
    let waiting = tokio::spawn(asked.body(body).send());
    // More than there is room for: once it is written, the call is on its way.
    tokio::time::timeout(PATIENCE, words.write_all(&[b' '; 1024])).await.unwrap().unwrap();
    let status = desk.switches(false).await;
    assert_eq!((&status["tunnel"]["is"], &status["public_url"]), (&json!("off"), &Value::Null));
    desk.ngrok.until_closed().await;
    let cut = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
    let is_ngroks = |status: u16| matches!(status, 404 | 502);
    assert!(
        cut.is_err() || cut.is_ok_and(|answer| is_ngroks(answer.status().as_u16())),
        "not answered by us"
    );
    drop(words);
    assert_eq!(desk.http.get(&url).send().await.unwrap().status(), 404);

    // Nobody was signed out, and the address is the same.
    desk.switches(true).await;
    desk.until("reachable").await;
    assert_eq!(ada.calls("version").await.status, 200);
    desk.engine.stop().await;
}

#[tokio::test]
async fn an_open_address_stays_when_settings_no_longer_do_for_another() {
    let desk = Office::is_public().await;
    let ada = desk.ada().await;
    std::fs::remove_file(desk.folder.path().join("ca.pem")).unwrap();
    let told = desk.engine.api().call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
    let told = serde_json::to_value(told.unwrap_err()).unwrap();
    assert!(told["hint"].as_str().unwrap().contains("tunnel.ngrok_ca_file"), "{told}");
    let status = desk.call("status", json!({})).await;
    assert_eq!((&status["tunnel"]["is"], desk.ngrok.sessions()), (&json!("reachable"), 1));
    assert_eq!(ada.calls("version").await.status, 200);
    desk.engine.stop().await;
}

#[tokio::test]
async fn without_the_right_authtoken_it_says_where_to_find_it() {
    let desk = Office::start().await;
    let told = desk.engine.api().call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
    let told = serde_json::to_value(told.unwrap_err()).unwrap();
    assert_eq!(told["code"], "not_opened");
    assert!(told["hint"].as_str().unwrap().contains("your-authtoken"), "{told}");
    assert_eq!(desk.ngrok.sessions(), 0);

    let pasted =
        json!({ "changes": { "tunnel.ngrok_authtoken": format!("ngrok config add-authtoken {AUTHTOKEN}") } });
    let saved = desk.call("save_settings", pasted).await;
    assert_eq!(
        (&saved["saved"], &saved["problems"][0]["field"]),
        (&json!(false), &json!("tunnel.ngrok_authtoken"))
    );
    assert!(!saved.to_string().contains(AUTHTOKEN));

    desk.pastes("2another").await;
    desk.switches(true).await;
    let status = desk.until("refused").await;
    assert_eq!(status["tunnel"]["reason"], "ngrok does not know the authtoken");
    assert_eq!((&status["public_url"], &status["state"]["is"]), (&Value::Null, &json!("running")));
    desk.pastes(AUTHTOKEN).await;
    desk.switches(true).await;
    desk.until("reachable").await;
    desk.engine.stop().await;
}
