//! The engine as a window has it: started with what the settings say, asked why it does not run, changed, started again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Once};

use engine::api::State;
use engine::settings::SettingsDraft;
use engine::{Engine, KeySource, Sources, SystemResolver, World};
use model::testing::{ManualClock, SeededEntropy};
use model::time::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

static TLS: Once = Once::new();

struct Desk {
    folder: TempDir,
    engine: Engine,
    clock: Arc<ManualClock>,
}

impl Desk {
    /// On free ports, with `file` as the settings file.
    async fn with(file: &str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("settings.toml"), file).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000)));
        let engine = engine_by(folder.path(), 1, clock.clone());
        let _ = engine.start().await;
        Self { folder, engine, clock }
    }

    async fn call(&self, command: &str, payload: Value) -> Value {
        let answer = self.engine.api().call(command, payload).await;
        answer.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Saves, and waits until the engine has tried to start with it.
    async fn saves(&self, changes: Value) -> Value {
        let mut state = self.engine.watch();
        state.mark_unchanged();
        let saved = self.call("save_settings", json!({ "changes": changes })).await;
        if saved["saved"] == true {
            state.wait_for(|state| *state == State::Starting).await.unwrap();
            state.wait_for(|state| *state != State::Starting).await.unwrap();
        }
        saved
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("settings.toml")).unwrap()
    }

    async fn status_of(&self, path: &str) -> u16 {
        let base = self.engine.mcp_url().unwrap().replace("/mcp", path);
        reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .get(base)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    }
}

fn engine(folder: &Path, seed: u64) -> Engine {
    engine_by(folder, seed, Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000))))
}

fn engine_by(folder: &Path, seed: u64, clock: Arc<ManualClock>) -> Engine {
    TLS.call_once(|| rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap());
    let above = SettingsDraft::from_env([
        ("JMOP_STORAGE_DATA_DIR", folder.join("data").display().to_string()),
        ("JMOP_CONSOLE_LISTEN", "off".to_owned()),
        ("JMOP_PRACTICE_LISTEN", "127.0.0.1:0".to_owned()),
    ]);
    let world = World {
        clock: clock.clone(),
        pause: clock,
        entropy: Arc::new(SeededEntropy::new(seed)),
        master_key: KeySource::DataFolder,
        names: Arc::new(SystemResolver),
    };
    Engine::new(Sources { file: folder.join("settings.toml"), above, desktop: false }, world)
}

const ANY_PORT: &str = "# mine\n[server]\nlisten = \"127.0.0.1:0\" # any\n";

#[tokio::test]
async fn a_setting_is_changed_and_in_force_and_the_rest_of_the_file_stays() {
    let desk = Desk::with(ANY_PORT).await;
    let status = desk.call("status", json!({})).await;
    assert_eq!((&status["state"]["is"], &status["identity"]), (&json!("running"), &json!("practice")));

    let typed = json!({ "server.callback_path": "/signed-in", "server.cors_origins": "https://a.example" });
    let saved = desk.saves(typed).await;
    assert_eq!(saved["saved"], true, "{saved}");
    assert!(saved["effects"][0]["text"].as_str().unwrap().contains("redirect URI changes"), "{saved}");
    let status = desk.call("status", json!({})).await;
    assert!(status["callback_urls"][0].as_str().unwrap().ends_with("/signed-in"), "{status}");
    assert!(desk.file().starts_with(ANY_PORT), "{}", desk.file());

    desk.saves(json!({ "server.callback_path": "", "server.cors_origins": "" })).await;
    let status = desk.call("status", json!({})).await;
    assert!(status["callback_urls"][0].as_str().unwrap().ends_with("/auth/callback"), "{status}");
    assert_eq!(desk.file(), ANY_PORT);
    desk.engine.stop().await;
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_told_and_nothing_is_saved() {
    let desk = Desk::with(ANY_PORT).await;
    let saved = desk.saves(json!({ "entra.tenant": "not a tenant" })).await;
    assert_eq!(saved["saved"], false);
    assert!(saved["problems"].as_array().unwrap().iter().any(|problem| problem["field"] == "entra.tenant"));
    assert_eq!(desk.file(), ANY_PORT);
    assert_eq!(desk.call("status", json!({})).await["state"]["is"], "running");
    desk.engine.stop().await;
}

#[tokio::test]
async fn a_file_with_a_mistake_is_told_until_it_is_mended() {
    let desk = Desk::with("[server]\nlisten = \"127.0.0.1:0\"\n[entra]\ntenant = \"x y\"\n").await;
    let state = desk.call("status", json!({})).await["state"].clone();
    assert_eq!((&state["is"], &state["code"]), (&json!("failed"), &json!("bad_settings")));
    let told = desk.engine.api().call("list_sessions", json!({})).await.unwrap_err();
    assert_eq!(serde_json::to_value(told).unwrap()["code"], "not_running");
    let form = desk.call("settings", json!({})).await;
    assert!(form["problems"].as_array().unwrap().iter().any(|problem| problem["field"] == "entra.tenant"));

    let saved = desk.saves(json!({ "entra.tenant": "" })).await;
    assert_eq!(saved["saved"], true, "{saved}");
    assert_eq!(desk.call("status", json!({})).await["state"]["is"], "running");
    desk.engine.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_told_with_another_that_is_free() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let desk = Desk::with(&format!("[server]\nlisten = \"127.0.0.1:{port}\"\n")).await;
    let state = desk.call("status", json!({})).await["state"].clone();
    assert_eq!((&state["is"], &state["code"]), (&json!("failed"), &json!("port_in_use")));
    if cfg!(target_os = "linux") {
        let by = format!("(process {})", std::process::id());
        assert!(state["message"].as_str().unwrap().contains(&by), "{state}");
    }
    assert!(state["message"].as_str().unwrap().contains(&port.to_string()), "{state}");
    let offer = &state["offer"];
    desk.saves(json!({ offer["setting"].as_str().unwrap(): offer["text"] })).await;
    let status = desk.call("status", json!({})).await;
    assert_eq!(status["mcp_url"], format!("http://localhost:{}/mcp", offer["port"]));
    desk.engine.stop().await;
}

#[tokio::test]
async fn a_secret_typed_in_is_sealed_and_comes_back_with_the_same_key_only() {
    const SECRET: &str = "abC8Q~0123456789abcdefghijklmnopqrstuvwx";
    const TENANT: &str = "11111111-2222-4333-8444-555555555555";
    const CLIENT: &str = "11111111-2222-4333-8444-666666666666";
    let desk = Desk::with(ANY_PORT).await;
    let typed = json!({ "entra.tenant": TENANT, "entra.client_id": CLIENT, "entra.client_secret": SECRET });
    let saved = desk.saves(typed).await;
    assert_eq!(saved["saved"], true, "{saved}");
    let form = desk.call("settings", json!({})).await;
    assert!(!form.to_string().contains(SECRET) && !saved.to_string().contains(SECRET));
    let row = form["rows"].as_array().unwrap().iter().find(|row| row["key"] == "entra.client_secret");
    let row = row.unwrap();
    assert_eq!(
        (&row["given"], &row["text"], &row["source"]["is"]),
        (&json!(true), &Value::Null, &json!("vault"))
    );
    assert!(!desk.file().contains(SECRET));
    let sealed = std::fs::read_to_string(desk.folder.path().join("data/secrets.json")).unwrap();
    assert!(!sealed.contains(SECRET));
    desk.engine.stop().await;

    let again = engine(desk.folder.path(), 2);
    again.start().await.unwrap();
    assert_eq!(again.api().call("status", json!({})).await.unwrap()["identity"], "entra");
    again.stop().await;

    std::fs::remove_file(desk.folder.path().join("data/proxy.db")).unwrap();
    std::fs::remove_file(desk.folder.path().join("data/master.key")).unwrap();
    let told = engine(desk.folder.path(), 3).start().await.unwrap_err().to_string();
    assert!(told.contains("master key"), "no key is made anew over sealed secrets: {told}");
}

#[tokio::test]
async fn a_saved_secret_is_sent_to_no_sign_in_host_but_its_own() {
    const TENANT: &str = "11111111-2222-4333-8444-555555555555";
    const CLIENT: &str = "11111111-2222-4333-8444-666666666666";
    let desk = Desk::with(ANY_PORT).await;
    let secret = |text: &str| json!({ "entra.tenant": TENANT, "entra.client_id": CLIENT, "entra.client_secret": text });
    assert_eq!(desk.saves(secret("abC8Q~the-saved-one")).await["saved"], true);

    let elsewhere = json!({ "entra.authority": "http://localhost:9" });
    for command in ["check_entra", "begin_test_sign_in"] {
        let asked = desk.engine.api().call(command, json!({ "changes": elsewhere })).await;
        let told = asked.unwrap_err().to_string();
        assert!(told.contains("entra.client_secret: type the secret again: the sign-in host"), "{told}");
    }
    let mut later = elsewhere.clone();
    for way in ["off", "on"] {
        later["identity.practice"] = way.into();
        let refused = desk.saves(later.clone()).await;
        assert_eq!(refused["saved"], false, "it would count once Entra is switched on again");
        assert_eq!(refused["problems"][0]["field"], "entra.client_secret");
    }
    let import = "JMOP_ENTRA_AUTHORITY=http://localhost:9\n";
    let preview = desk.call("read_env", json!({ "text": import })).await;
    assert_eq!(preview["problems"][0]["field"], "entra.client_secret");
    let import = format!("{import}JMOP_ENTRA_CLIENT_SECRET=abC8Q~its-own\n");
    assert_eq!(desk.call("read_env", json!({ "text": import })).await["problems"], json!([]));

    let practice = |way: &str| json!({ "identity.practice": way });
    assert_eq!(desk.saves(practice("on")).await["saved"], true);
    assert_eq!(desk.saves(practice("off")).await["saved"], true);
    let mut typed = secret("abC8Q~the-other-hosts");
    typed["entra.authority"] = "http://localhost:9".into();
    assert_eq!(desk.saves(typed).await["saved"], true);
    desk.engine.stop().await;
}

#[tokio::test]
async fn a_certificate_is_made_sealed_used_and_replaced_without_its_key_leaving() {
    let desk = Desk::with(ANY_PORT).await;
    assert_eq!(desk.call("list_certificates", json!({})).await, json!([]));
    let first = desk.call("make_certificate", json!({})).await;
    let shown = first[0].clone();
    assert!(shown["pem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"), "{first}");
    assert_eq!(shown["subject"], "CN=Just MCP OAuth Proxy");
    let lasts = shown["expires_at"].as_i64().unwrap() - shown["starts_at"].as_i64().unwrap();
    assert_eq!(lasts, 366 * 24 * 3600 * 1000);

    let saved = desk
        .saves(json!({
            "entra.tenant": "11111111-2222-4333-8444-555555555555",
            "entra.client_id": "11111111-2222-4333-8444-666666666666",
            "entra.credential": "certificate",
        }))
        .await;
    assert_eq!(saved["saved"], true, "{saved}");
    let status = desk.call("status", json!({})).await;
    let state = &status["credential"];
    assert_eq!((&state["kind"], &state["expires_at"]), (&json!("certificate"), &shown["expires_at"]));

    let second = desk.call("make_certificate", json!({})).await;
    assert_eq!(second.as_array().unwrap().len(), 2, "the one before goes on until the new one is uploaded");
    assert_eq!(second[1], shown);
    let third = desk.call("make_certificate", json!({})).await;
    assert_eq!(third.as_array().unwrap().len(), 2);
    assert_eq!(third[1], second[0]);

    let sealed = std::fs::read_to_string(desk.folder.path().join("data/secrets.json")).unwrap();
    for everywhere in
        [sealed, desk.file(), third.to_string(), desk.call("settings", json!({})).await.to_string()]
    {
        assert!(!everywhere.contains("PRIVATE KEY"), "{everywhere}");
    }
    desk.engine.stop().await;
}

#[tokio::test]
async fn settings_that_cannot_be_written_leave_the_secret_that_works() {
    const TENANT: &str = "11111111-2222-4333-8444-555555555555";
    let desk = Desk::with(ANY_PORT).await;
    let app = |id: &str, secret: &str| json!({ "entra.tenant": TENANT, "entra.client_id": id, "entra.client_secret": secret });
    let saved = desk.saves(app("11111111-2222-4333-8444-666666666666", "abC8Q~the-one-that-works")).await;
    assert_eq!(saved["saved"], true, "{saved}");
    let vault = desk.folder.path().join("data/secrets.json");
    let (file, secrets) = (desk.file(), std::fs::read_to_string(&vault).unwrap());

    std::fs::create_dir(desk.folder.path().join("settings.toml.new")).unwrap();
    let changes = app("11111111-2222-4333-8444-777777777777", "abC8Q~of-another-app");
    let refused = desk.engine.api().call("save_settings", json!({ "changes": changes })).await.unwrap_err();
    assert!(refused.to_string().contains("cannot be written"), "{refused}");
    assert_eq!((desk.file(), std::fs::read_to_string(&vault).unwrap()), (file, secrets));
    assert!(!desk.folder.path().join("data/secrets.json.new").exists());
    desk.engine.stop().await;
}

#[tokio::test]
async fn pausing_turns_everybody_away_also_after_a_restart_and_signs_nobody_out() {
    let desk = Desk::with(ANY_PORT).await;
    assert_eq!(desk.status_of("/.well-known/oauth-authorization-server").await, 200);
    let status = desk.call("set_paused", json!({ "paused": true })).await;
    assert_eq!(status["paused"], true);
    assert_eq!(desk.status_of("/.well-known/oauth-authorization-server").await, 503);
    assert_eq!(desk.status_of("/mcp").await, 503);
    assert_eq!(desk.status_of("/healthz").await, 200);

    desk.call("restart", json!({})).await;
    assert_eq!(desk.status_of("/mcp").await, 503);
    desk.call("set_paused", json!({ "paused": false })).await;
    assert_eq!(desk.status_of("/mcp").await, 401);
    assert_eq!(desk.file(), ANY_PORT);
    desk.engine.stop().await;
}

#[tokio::test]
async fn what_the_environment_says_cannot_be_changed_from_a_form() {
    let desk = Desk::with(ANY_PORT).await;
    let form = desk.call("settings", json!({})).await;
    let locked: Vec<&str> = form["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["locked"] == true)
        .map(|row| row["key"].as_str().unwrap())
        .collect();
    assert_eq!(locked, ["console.listen", "practice.listen", "storage.data_dir"]);
    desk.engine.stop().await;
}

#[tokio::test]
async fn a_dotenv_of_the_replaced_example_is_shown_without_its_secret_and_taken_over() {
    const SECRET: &str = "abC8Q~0123456789abcdefghijklmnopqrstuvwx";
    let desk = Desk::with(ANY_PORT).await;
    let text = format!(
        "FASTMCP_SERVER_AUTH_AZURE_CLIENT_ID=11111111-2222-4333-8444-555555555555\n\
         FASTMCP_SERVER_AUTH_AZURE_TENANT_ID=11111111-2222-4333-8444-666666666666\n\
         FASTMCP_SERVER_AUTH_AZURE_CLIENT_SECRET={SECRET}\nOTHER_THING=x\n"
    );
    let preview = desk.call("read_env", json!({ "text": text })).await;
    assert_eq!(preview["changes"]["entra.client_id"], "11111111-2222-4333-8444-555555555555");
    assert_eq!(preview["changes"]["entra.client_secret"], json!({ "masked": true }));
    assert_eq!((&preview["ignored"], &preview["problems"]), (&json!(["OTHER_THING"]), &json!([])));
    assert!(!preview.to_string().contains(SECRET));
    assert_eq!(desk.call("save_env", json!({ "text": text })).await["saved"], true);
    let form = desk.call("settings", json!({})).await;
    assert!(form["rows"].as_array().unwrap().iter().any(|row| row["source"]["is"] == "vault"));
    desk.engine.stop().await;
}

#[tokio::test]
async fn a_dotenv_brings_the_port_of_its_base_url_along_unless_we_listen_there() {
    let desk = Desk::with(ANY_PORT).await;
    let imported = async |url: &str| {
        let text = format!("FASTMCP_SERVER_AUTH_AZURE_BASE_URL={url}");
        desk.call("read_env", json!({ "text": text })).await["changes"].clone()
    };
    assert_eq!(imported("http://localhost:8123").await, json!({ "server.listen": "127.0.0.1:8123" }));
    assert_eq!(
        imported("https://mcp.example.com").await,
        json!({ "server.public_url": "https://mcp.example.com" })
    );
    let status = desk.call("status", json!({})).await;
    let here = status["mcp_url"].as_str().unwrap();
    assert_eq!(imported(here).await, json!({}));
    desk.engine.stop().await;
}

#[tokio::test]
async fn whoever_follows_is_told_of_every_start_and_stop() {
    let desk = Desk::with(ANY_PORT).await;
    let mut events = desk.engine.api().subscribe();
    desk.engine.restart().await;
    desk.engine.stop().await;
    let mut states = Vec::new();
    while let Ok(event) = events.try_recv() {
        let told = serde_json::to_value(&event).unwrap();
        if told["event"] == "status_changed" {
            states.push(told["payload"]["state"]["is"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(states, ["starting", "running", "stopped"]);
}

// === the switch to the public internet ===

#[cfg(unix)]
mod tunnel {
    mod surface;

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const PUBLIC: &str = "https://calm-harbour.example";

    /// Says its port in a file and an address on its output, as a tunnel would, and leads nowhere: tests come in by the port.
    async fn with_program() -> Desk {
        let desk = Desk::with(ANY_PORT).await;
        let (program, port) = (desk.folder.path().join("opens"), desk.folder.path().join("port"));
        let script =
            format!("#!/bin/sh\nprintf %s \"$1\" > {}\necho {PUBLIC}\nexec sleep 600\n", port.display());
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let command = format!("{} {{port}}", program.display());
        let saved = desk.saves(json!({ "tunnel.provider": "command", "tunnel.command": command })).await;
        assert_eq!(saved["saved"], true, "{saved}");
        desk
    }

    impl Desk {
        /// Waits until the server runs under the public address, or no longer does.
        async fn until_public(&self, public: bool) -> Value {
            for _ in 0..500 {
                let status = self.call("status", json!({})).await;
                // The address is given up before the tunnel says that it is off.
                let settled = public || status["tunnel"]["is"] == "off";
                if status["state"]["is"] == "running" && status["public_url"].is_string() == public && settled
                {
                    return status;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            panic!("{}", self.call("status", json!({})).await);
        }

        fn ingress(&self) -> String {
            let port = std::fs::read_to_string(self.folder.path().join("port")).unwrap();
            format!("http://127.0.0.1:{port}")
        }

        async fn refused(&self, payload: Value) -> Value {
            let told = self.engine.api().call("set_tunnel", payload).await.unwrap_err();
            serde_json::to_value(told).unwrap()
        }
    }

    async fn get(url: &str, host: &str) -> reqwest::Response {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        http.get(url).header("host", host).send().await.unwrap()
    }

    #[tokio::test]
    async fn what_comes_in_by_it_is_public_whatever_it_says_and_off_closes_it() {
        let desk = with_program().await;
        let told = desk.refused(json!({ "on": true })).await;
        assert_eq!(told["code"], "practice_in_public", "{told}");
        desk.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
        let status = desk.until_public(true).await;
        assert_eq!(status["public_mcp_url"], format!("{PUBLIC}/mcp"));
        assert_eq!((&status["tunnel"]["is"], &status["tunnel"]["url"]), (&json!("up"), &json!(PUBLIC)));

        let metadata = "/.well-known/oauth-protected-resource/mcp";
        let at_ingress = desk.ingress();
        for host in ["calm-harbour.example", "localhost:4242", "evil.example"] {
            let answer = get(&format!("{at_ingress}{metadata}"), host).await;
            let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!(told["resource"], format!("{PUBLIC}/mcp"), "{host}");
        }
        // Sign-in stays on this computer.
        for path in ["/rpc/status", "/events", "/commands", "/consent?grant=grant_x", "/practice", "/metrics"]
        {
            let status = get(&format!("{at_ingress}{path}"), "calm-harbour.example").await.status().as_u16();
            assert!((400..500).contains(&status), "{path}: {status}");
        }
        assert_eq!(desk.status_of(metadata).await, 200, "the local origin goes on");

        desk.call("set_paused", json!({ "paused": true })).await;
        assert_eq!(get(&format!("{at_ingress}{metadata}"), "x.example").await.status(), 503);
        desk.call("set_paused", json!({ "paused": false })).await;

        let status = desk.call("set_tunnel", json!({ "on": false })).await;
        assert_eq!((&status["tunnel"]["is"], &status["public_url"]), (&json!("off"), &Value::Null));
        let address = at_ingress.trim_start_matches("http://").to_owned();
        assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens there any more");
        assert_eq!(desk.status_of(metadata).await, 200);
        desk.engine.stop().await;
    }

    #[tokio::test]
    async fn it_closes_by_itself_and_says_why() {
        let desk = with_program().await;
        desk.saves(json!({ "tunnel.auto_off": "1h" })).await;
        desk.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
        let status = desk.until_public(true).await;
        let now = status["now"].as_i64().unwrap();
        assert_eq!(status["tunnel_closes_at"], now + 3_600_000);
        desk.clock.advance(std::time::Duration::from_secs(3_600));
        let status = desk.until_public(false).await;
        assert_eq!(status["tunnel"]["is"], "off", "{status}");
        assert_eq!(status["tunnel_closed_because"], "it was open for an hour");
        assert_eq!(status["tunnel_closes_at"], Value::Null);
        let address = desk.ingress().trim_start_matches("http://").to_owned();
        assert!(std::net::TcpStream::connect(address).is_err());

        desk.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
        let status = desk.until_public(true).await;
        assert_eq!(status["tunnel_closed_because"], Value::Null, "that was the time before");
        desk.engine.stop().await;
    }

    #[tokio::test]
    async fn a_flood_from_outside_is_turned_away_and_this_computer_does_not_notice() {
        let desk = with_program().await;
        desk.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
        desk.until_public(true).await;
        let (http, index) =
            (reqwest::Client::builder().no_proxy().build().unwrap(), format!("{}/", desk.ingress()));
        let mut flood = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (http, index) = (http.clone(), index.clone());
            flood.spawn(async move {
                loop {
                    // Whatever a visitor claims to be, this program is not known to say where they come from.
                    let asked = http.get(&index).header("cf-connecting-ip", "203.0.113.9").send();
                    let answer = asked.await.unwrap();
                    if answer.status() == 429 {
                        return answer;
                    }
                }
            });
        }
        for answer in flood.join_all().await {
            assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
            let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!(told["error"], "temporarily_unavailable");
        }
        let metadata = "/.well-known/oauth-protected-resource/mcp";
        let document = get(&format!("{}{metadata}", desk.ingress()), "x.example").await;
        assert_eq!(document.status(), 200, "documents are given to everybody at any pace");
        assert_eq!(desk.status_of("/").await, 200, "the local origin goes on");
        let status = desk.call("status", json!({})).await;
        assert!(status["turned_away"].as_u64().unwrap() >= 16, "{status}");
        let visits = desk.call("visits", json!({})).await;
        let limited: Vec<_> =
            visits.as_array().unwrap().iter().filter(|row| row["verdict"] == "limited").collect();
        let [one] = limited.as_slice() else { panic!("a flood is one line: {visits}") };
        assert_eq!((&one["path"], &one["status"], &one["from"]), (&json!("/"), &json!(429), &Value::Null));
        assert!(
            one["count"].as_u64().unwrap() >= 16 && one["told"].as_str().unwrap().contains("80 a second")
        );
        desk.engine.stop().await;
    }

    #[tokio::test]
    async fn whatever_came_in_is_told_with_what_came_of_it_and_without_its_query() {
        let desk = with_program().await;
        let mut events = desk.engine.api().subscribe();
        desk.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
        desk.until_public(true).await;
        let at = desk.ingress();
        for target in
            ["/mcp?token=secret", "/wp-login.php?a=secret", "/.env", "/rpc/status", "/jwks", "/token"]
        {
            get(&format!("{at}{target}"), "x").await;
        }
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        http.post(format!("{at}/mcp")).header("origin", "https://evil.example").send().await.unwrap();
        let rows = desk.call("visits", json!({})).await;
        assert!(!rows.to_string().contains("secret"), "{rows}");
        let told: Vec<_> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                (
                    row["path"].as_str().unwrap(),
                    row["status"].as_u64().unwrap(),
                    row["count"].as_u64().unwrap(),
                )
            })
            .collect();
        // The latest first; what is nowhere is one line, and so is what is for this computer only.
        let expected = [
            ("/mcp", 403, 1),
            ("/token", 405, 1),
            ("/jwks", 200, 1),
            ("/rpc/status", 404, 3),
            ("/mcp", 401, 1),
        ];
        assert_eq!(told, expected);
        assert_eq!(rows[0]["verdict"], "refused");
        assert!(rows[0]["told"].as_str().unwrap().contains("web page"), "{rows}");
        assert_eq!(rows[4]["verdict"], "asked_to_sign_in");
        loop {
            let event = serde_json::to_value(events.recv().await.unwrap()).unwrap();
            if event["event"] == "visits_changed" {
                assert!(event["payload"].as_array().is_some_and(|rows| !rows.is_empty()), "{event}");
                break;
            }
        }
        desk.call("forget", json!({ "what": "events" })).await;
        assert_eq!(desk.call("visits", json!({})).await, json!([]));
        desk.engine.stop().await;
    }

    #[tokio::test]
    async fn made_up_documents_make_no_lines_whatever_the_method() {
        let desk = with_program().await;
        desk.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
        desk.until_public(true).await;
        let (at, http) = (desk.ingress(), reqwest::Client::builder().no_proxy().build().unwrap());
        for n in 0..5 {
            for method in [reqwest::Method::GET, reqwest::Method::POST, reqwest::Method::OPTIONS] {
                http.request(method, format!("{at}/.well-known/{n}")).send().await.unwrap();
            }
        }
        for document in ["oauth-protected-resource/mcp", "oauth-authorization-server"] {
            get(&format!("{at}/.well-known/{document}"), "x").await;
        }
        let rows = desk.call("visits", json!({})).await;
        let told: Vec<_> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["path"].as_str().unwrap(), row["status"].as_u64(), row["count"].as_u64()))
            .collect();
        let expected = [
            ("/.well-known/oauth-authorization-server", Some(200), Some(1)),
            ("/.well-known/oauth-protected-resource/mcp", Some(200), Some(1)),
            ("/.well-known/4", Some(204), Some(5)),
            ("/.well-known/4", Some(405), Some(5)),
            ("/.well-known/4", Some(404), Some(5)),
        ];
        assert_eq!(told, expected);
        desk.engine.stop().await;
    }

    #[tokio::test]
    async fn stopping_ends_the_tunnel_too() {
        let desk = with_program().await;
        desk.call("set_tunnel", json!({ "on": true, "practice_is_fine": true })).await;
        desk.until_public(true).await;
        let address = desk.ingress().trim_start_matches("http://").to_owned();
        desk.engine.stop().await;
        assert!(std::net::TcpStream::connect(address).is_err());
    }

    #[tokio::test]
    async fn what_stands_in_the_way_of_the_switch_is_told() {
        let desk = with_program().await;
        desk.saves(json!({ "tunnel.command": "no-such-program {port}" })).await;
        let meant = json!({ "on": true, "practice_is_fine": true });
        for payload in [meant, json!({ "on": true })] {
            let told = desk.refused(payload).await;
            assert_eq!(told["code"], "not_opened", "nobody is asked whether they mean what cannot be done");
            assert!(told["message"].as_str().unwrap().contains("no-such-program"), "{told}");
        }
        let form = desk.call("tunnel", json!({})).await;
        assert_eq!((&form["provider"], &form["state"]["is"]), (&json!("command"), &json!("off")));
        assert_eq!(form["programs"][0]["id"], "cloudflared");
        for (changes, field) in [
            (json!({ "tunnel.provider": "carrier-pigeon" }), "tunnel.provider"),
            (json!({ "tunnel.command": "" }), "tunnel.provider"),
            (json!({ "tunnel.command": "open it" }), "tunnel.command"),
            (json!({ "tunnel.domain": "https://x" }), "tunnel.domain"),
        ] {
            let saved = desk.saves(changes).await;
            assert_eq!((&saved["saved"], &saved["problems"][0]["field"]), (&json!(false), &json!(field)));
        }
        let own = json!({ "identity.practice": "off", "entra.tenant": "contoso.example", "entra.client_id": "11111111-2222-3333-4444-555555555555", "server.public_url": "https://mcp.example.com" });
        assert_eq!(desk.saves(own).await["saved"], true);
        let told = desk.refused(json!({ "on": true })).await;
        assert!(told["message"].as_str().unwrap().contains("https://mcp.example.com"), "{told}");
        desk.engine.stop().await;
    }
}
