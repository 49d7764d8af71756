//! A registration made from nothing: the code, the plan, the calls, and a server that people sign in to with it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use engine::api::State;
use engine::settings::SettingsDraft;
use engine::{Engine, GRACE, KeySource, Sources, SystemResolver, World};
use futures::poll;
use model::ports::Pause;
use model::testing::{ManualClock, SeededEntropy};
use practice::Fault;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::directory::{Ends, Held};
use testkit::{Directory, Rig};
use tokio::sync::Semaphore;

const NOTE: &str = "data/registration.json";

/// Waits for the person instead of for the time.
struct Person {
    clock: Arc<ManualClock>,
    entered: Semaphore,
}

#[async_trait]
impl Pause for Person {
    async fn pause(&self, span: std::time::Duration) {
        self.entered.acquire().await.unwrap().forget();
        self.clock.advance(span);
    }
}

/// An engine with nothing configured but where its directory is: a practice tenant that another engine runs.
struct Desk {
    rig: Rig,
    person: Arc<Person>,
    folder: TempDir,
    engine: Engine,
}

impl Desk {
    async fn new() -> Self {
        let rig = Rig::start().await;
        let practice = rig.running.practice_url.clone().unwrap();
        Self::at(rig, &practice).await
    }

    /// Up to the call of that directory's that is held.
    async fn is_held_at(directory: &Directory, rig: Rig, call: usize) -> (Self, Held) {
        let desk = Self::at(rig, &directory.base).await;
        let state = desk.begins().await;
        desk.enters(&state, "person=ada").await;
        desk.comes_to("planned").await;
        let held = directory.holds(call, Ends::Answered);
        desk.call("confirm_creation", json!({})).await;
        held.arrived().await;
        (desk, held)
    }

    async fn at(rig: Rig, practice: &str) -> Self {
        let folder = TempDir::new().unwrap();
        // An earlier registration needed no secret.
        let entra = format!("[entra]\nauthority = \"{practice}\"\ncredential = \"none\"\n");
        let file = format!("[server]\nlisten = \"127.0.0.1:0\"\n{entra}");
        std::fs::write(folder.path().join("settings.toml"), file).unwrap();
        let person = Arc::new(Person { clock: rig.clock.clone(), entered: Semaphore::new(0) });
        let engine = engine(folder.path(), &rig, &person);
        engine.start().await.unwrap();
        Self { rig, person, folder, engine }
    }

    async fn call(&self, command: &str, payload: Value) -> Value {
        let answer = self.engine.api().call(command, payload).await;
        answer.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    async fn begins(&self) -> Value {
        let state = self.call("begin_creation", json!({})).await;
        assert_eq!(state["is"], "sign_in", "{state}");
        state
    }

    async fn enters(&self, state: &Value, choice: &str) {
        let form = format!("code={}&{choice}", state["code"].as_str().unwrap());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let to = http.post(state["link"].as_str().unwrap());
        let kind = "application/x-www-form-urlencoded";
        assert_eq!(to.header("content-type", kind).body(form).send().await.unwrap().status(), 200);
        self.person.entered.add_permits(1);
    }

    /// Up to the first call done; the second waits until [`Person::entered`] lets it try again.
    async fn is_held_after_the_first_call(&self) {
        self.rig.practice().set_fault(Fault::SlowDirectory, true);
        let state = self.begins().await;
        self.enters(&state, "person=ada").await;
        self.comes_to("planned").await;
        self.call("confirm_creation", json!({})).await;
        for _ in 0..500 {
            let state = self.call("creation", json!({})).await;
            if state["done"] == 1 {
                assert_eq!(self.registered(), 1);
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("never one call: {}", self.call("creation", json!({})).await);
    }

    async fn refused(&self, command: &str, payload: Value) -> String {
        let error = self.engine.api().call(command, payload).await.unwrap_err();
        format!("{error}; {}", error.hint())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn leaves_a_note(&self, client_id: &str) {
        let left = json!({
            "name": "Just MCP OAuth Proxy", "object": null, "client_id": client_id, "principal": "not_made",
            "marker": "just-mcp-oauth-proxy-1", "authority": "login.microsoftonline.com",
        });
        std::fs::write(self.path(NOTE), left.to_string()).unwrap();
    }

    /// Waits for a state; the others on the way are none of its business.
    async fn comes_to(&self, wanted: &str) -> Value {
        for _ in 0..500 {
            let state = self.call("creation", json!({})).await;
            if state["is"] == wanted {
                return state;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("never {wanted}: {}", self.call("creation", json!({})).await);
    }

    fn registered(&self) -> usize {
        self.rig.practice().registered()
    }
}

fn engine(folder: &Path, rig: &Rig, person: &Arc<Person>) -> Engine {
    let above = SettingsDraft::from_env([
        ("JMOP_STORAGE_DATA_DIR", folder.join("data").display().to_string()),
        ("JMOP_CONSOLE_LISTEN", "off".to_owned()),
        ("JMOP_PRACTICE_LISTEN", "127.0.0.1:0".to_owned()),
    ]);
    let world = World {
        clock: rig.clock.clone(),
        pause: person.clone(),
        entropy: Arc::new(SeededEntropy::new(9)),
        master_key: KeySource::DataFolder,
        names: Arc::new(SystemResolver),
    };
    Engine::new(Sources { file: folder.join("settings.toml"), above, desktop: false }, world)
}

#[tokio::test]
async fn from_nothing_to_a_server_on_the_new_registration() {
    let desk = Desk::new().await;
    let state = desk.begins().await;
    desk.enters(&state, "person=ada").await;
    let plan = desk.comes_to("planned").await;
    assert_eq!(plan["username"], "ada@practice.example");
    assert_eq!(plan["calls"].as_array().unwrap().len(), 5);
    assert_eq!(plan["undo"].as_array().unwrap().len(), 3);
    assert_eq!(desk.registered(), 0, "nothing is made before the person agrees");

    let mut running = desk.engine.watch();
    running.mark_unchanged();
    desk.call("confirm_creation", json!({})).await;
    let done = desk.comes_to("done").await;
    assert_eq!((&done["saved"], desk.registered()), (&json!(true), 1));
    running.wait_for(|state| *state == State::Starting).await.unwrap();
    running.wait_for(|state| *state != State::Starting).await.unwrap();

    let status = desk.call("status", json!({})).await;
    assert_eq!((&status["state"]["is"], &status["identity"]), (&json!("running"), &json!("entra")));
    assert_eq!(status["client_id"], done["client_id"]);
    let file = std::fs::read_to_string(desk.folder.path().join("settings.toml")).unwrap();
    assert!(file.contains(done["client_id"].as_str().unwrap()), "{file}");
    assert!(!file.contains("practice~"), "the secret is in the vault: {file}");
    let ends = format!("client_secret_expires = \"{}\"", &done["secret_ends"].as_str().unwrap()[..10]);
    assert!(file.contains(&ends) && !file.contains("credential ="), "{ends}: {file}");
    assert_eq!(status["credential"]["kind"], "secret");
    assert!(status["credential"]["expires_at"].is_i64(), "a banner tells in time: {status}");
    assert!(!desk.folder.path().join("data/registration.json").exists());
    let events = format!("{done}{plan}{status}");
    assert!(!events.contains("practice~"), "{events}");
    assert!(file.contains("\"User.Read\""), "who signs in is asked for it too: {file}");
    assert!(file.contains("api://{client_id}"), "the usual one follows the client id: {file}");

    // Whoever presses Stop too late loses nothing by it.
    assert_eq!(desk.call("cancel_creation", json!({})).await, done);

    // Killed between saving and putting the note away, the registration in use is not told as left.
    desk.call("close_creation", json!({})).await;
    desk.leaves_a_note(done["client_id"].as_str().unwrap());
    assert_eq!(desk.call("creation", json!({})).await["is"], "idle");
    assert!(!desk.path(NOTE).exists());

    // The redirect URI of a port that is chosen anew at each start is not registered; the rest is as it should be.
    let checked = desk.call("check_entra", json!({})).await;
    let steps = checked["steps"].as_array().unwrap();
    let credential = steps.iter().find(|step| step["about"] == "credential").unwrap();
    assert_eq!(credential["outcome"], "passed", "{checked:#}");
    desk.engine.stop().await;
}

#[tokio::test]
async fn a_person_who_thinks_better_of_it_has_changed_nothing() {
    let desk = Desk::new().await;
    let state = desk.begins().await;
    let again = desk.engine.api().call("begin_creation", json!({})).await.unwrap_err();
    assert!(again.to_string().contains("already"), "{again}");
    desk.enters(&state, "person=ada").await;
    desk.comes_to("planned").await;
    desk.call("cancel_creation", json!({})).await;
    desk.comes_to("idle").await;
    assert_eq!(desk.registered(), 0);
    let refused = desk.engine.api().call("confirm_creation", json!({})).await.unwrap_err();
    assert!(refused.to_string().contains("no plan"), "{refused}");

    let state = desk.begins().await;
    desk.enters(&state, "cancel=1").await;
    let failed = desk.comes_to("failed").await;
    assert_eq!(failed["undone"]["is"], "nothing", "{failed}");
    desk.engine.stop().await;
}

#[tokio::test]
async fn a_program_that_ends_in_the_middle_removes_what_it_made() {
    let desk = Desk::new().await;
    desk.is_held_after_the_first_call().await;
    assert!(desk.path(NOTE).exists(), "for the case that it is killed");
    desk.rig.practice().set_fault(Fault::SlowDirectory, false);
    desk.engine.stop().await;
    assert_eq!(desk.registered(), 0);
    let end = desk.call("creation", json!({})).await;
    assert_eq!((&end["is"], &end["undone"]["is"]), (&json!("failed"), &json!("removed")), "{end}");
    assert!(!desk.path(NOTE).exists());
}

#[tokio::test]
async fn a_program_that_ends_in_the_middle_of_any_call_waits_for_it_and_leaves_nothing() {
    for call in 1..=5 {
        let rig = Rig::start().await;
        let directory = Directory::start(rig.clock.clone()).await;
        let (desk, held) = Desk::is_held_at(&directory, rig, call).await;
        let mut stop = Box::pin(desk.engine.stop());
        assert!(poll!(&mut stop).is_pending(), "call {call}");
        held.let_go();
        stop.await;
        assert_eq!((directory.practice.registered(), directory.practice.deleted()), (0, 0), "call {call}");
        let end = desk.call("creation", json!({})).await;
        assert_eq!((&end["is"], &end["undone"]["is"]), (&json!("failed"), &json!("removed")), "{end}");
        assert_eq!(end["undone"]["for_good"], true, "{end}");
        assert!(!desk.path(NOTE).exists(), "call {call}");
        assert!(!desk.path("data/secrets.json").exists(), "call {call}: the secret of an app that is gone");
    }
}

#[tokio::test]
async fn where_no_answer_comes_in_time_the_next_start_says_what_there_may_be() {
    let rig = Rig::start().await;
    let directory = Directory::start(rig.clock.clone()).await;
    let (desk, held) = Desk::is_held_at(&directory, rig, 5).await;
    let mut stop = Box::pin(desk.engine.stop());
    tokio::time::pause();
    assert!(poll!(&mut stop).is_pending());
    tokio::time::advance(GRACE).await;
    tokio::time::resume();
    stop.await;
    let left = desk.call("creation", json!({})).await["left"].clone();
    assert_eq!(left["is"], "left");
    assert!(left["client_id"].is_string() && left["tag"].is_string(), "{left}");
    let refused = desk.refused("close_creation", json!({})).await;
    assert!(refused.contains("is being made"), "{refused}");

    let next = engine(desk.folder.path(), &desk.rig, &desk.person);
    let told = next.api().call("creation", json!({})).await.unwrap();
    assert_eq!((&told["is"], &told["undone"]), (&json!("failed"), &left));

    // As long as the program is there, it goes on.
    held.let_go();
    desk.comes_to("failed").await;
    assert_eq!((directory.practice.registered(), directory.practice.deleted()), (0, 0));
    assert!(!desk.path(NOTE).exists());
}

#[tokio::test]
async fn what_a_killed_program_left_is_told_and_seen_to_before_anything_else_is_made() {
    let desk = Desk::new().await;
    let client = "3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11";
    desk.leaves_a_note(client);
    let told = desk.call("creation", json!({})).await;
    assert_eq!((&told["is"], &told["undone"]["is"]), (&json!("failed"), &json!("left")), "{told}");
    assert!(told["undone"]["link"].as_str().unwrap().starts_with("https://entra.microsoft.com/"), "{told}");
    let refused = desk.refused("begin_creation", json!({})).await;
    let note = desk.path(NOTE).display().to_string();
    assert!(refused.contains(client) && refused.contains(&note), "{refused}");
    desk.call("cancel_creation", json!({})).await;
    assert!(desk.path(NOTE).exists(), "neither a refusal nor a stop forgets anything");

    desk.call("close_creation", json!({})).await;
    assert_eq!(desk.call("creation", json!({})).await["is"], "idle");
    desk.begins().await;
    desk.engine.stop().await;
}

#[tokio::test]
async fn of_two_who_begin_at_once_one_is_told_of_the_other() {
    let desk = Desk::new().await;
    let api = desk.engine.api();
    let begin = || api.call("begin_creation", json!({}));
    let (one, other) = tokio::join!(begin(), begin());
    let refused = [&one, &other].into_iter().find_map(|answer| answer.as_ref().err());
    assert!(one.is_ok() != other.is_ok());
    assert!(refused.unwrap().to_string().contains("already"), "{refused:?}");
    // Stopped before anybody signed in, nothing has failed.
    desk.call("cancel_creation", json!({})).await;
    desk.comes_to("idle").await;
    desk.begins().await;
    desk.engine.stop().await;
}

#[tokio::test]
async fn what_could_not_be_saved_is_not_made() {
    let desk = Desk::new().await;
    // Root may write any file, but a folder in its place not even root.
    std::fs::create_dir(desk.path("settings.toml.new")).unwrap();
    let state = desk.begins().await;
    desk.enters(&state, "person=ada").await;
    desk.comes_to("planned").await;
    desk.call("confirm_creation", json!({})).await;
    let failed = desk.comes_to("failed").await;
    assert_eq!((&failed["undone"]["is"], &failed["done"]), (&json!("nothing"), &json!(0)), "{failed}");
    assert!(failed["what"].as_str().unwrap().contains("settings file"), "{failed}");
    assert_eq!(desk.registered(), 0);
    desk.engine.stop().await;
}

#[tokio::test]
async fn what_turns_out_not_to_be_savable_is_removed_again_and_the_settings_are_the_old_ones() {
    let desk = Desk::new().await;
    let before = std::fs::read_to_string(desk.path("settings.toml")).unwrap();
    desk.is_held_after_the_first_call().await;
    // Neither the settings nor the note can be written any more.
    std::fs::create_dir(desk.path("settings.toml.new")).unwrap();
    std::fs::remove_file(desk.path(NOTE)).unwrap();
    std::fs::create_dir(desk.path("data/registration.json.new")).unwrap();
    desk.rig.practice().set_fault(Fault::SlowDirectory, false);
    desk.person.entered.add_permits(1);
    let failed = desk.comes_to("failed").await;
    assert_eq!(failed["undone"]["is"], "removed", "{failed}");
    assert!(failed["undone"]["client_id"].is_string(), "{failed}");
    assert_eq!(desk.registered(), 0);
    assert_eq!(std::fs::read_to_string(desk.path("settings.toml")).unwrap(), before);
    assert!(!desk.path("data/secrets.json").exists(), "the secret of an app that is gone");
    desk.engine.stop().await;
}

#[tokio::test]
async fn at_the_practice_tenant_it_can_be_tried_and_nothing_is_saved() {
    let desk = Desk::new().await;
    let state = desk.call("begin_creation", json!({ "practice": true, "any_directory": true })).await;
    desk.enters(&state, "person=ada").await;
    desk.comes_to("planned").await;
    desk.call("confirm_creation", json!({})).await;
    let done = desk.comes_to("done").await;
    assert_eq!(done["saved"], false);
    assert_eq!(desk.call("status", json!({})).await["identity"], "practice");
    desk.engine.stop().await;
}

#[tokio::test]
async fn values_that_the_environment_fixes_could_not_be_kept() {
    let rig = Rig::start().await;
    let folder = TempDir::new().unwrap();
    let person = Arc::new(Person { clock: rig.clock.clone(), entered: Semaphore::new(0) });
    let world = World {
        clock: rig.clock.clone(),
        pause: person,
        entropy: Arc::new(SeededEntropy::new(9)),
        master_key: KeySource::DataFolder,
        names: Arc::new(SystemResolver),
    };
    for (variable, text, key) in [
        ("JMOP_ENTRA_TENANT", "contoso.onmicrosoft.com", "entra.tenant"),
        ("JMOP_ENTRA_CLIENT_SECRET_FILE", "/run/secrets/entra", "entra.client_secret_file"),
        ("JMOP_IDENTITY_PRACTICE", "on", "identity.practice"),
    ] {
        let above = SettingsDraft::from_env([(variable, text)]);
        let sources = Sources { file: folder.path().join("settings.toml"), above, desktop: false };
        let refused =
            Engine::new(sources, world.clone()).api().call("begin_creation", json!({})).await.unwrap_err();
        assert!(refused.to_string().contains(key), "{refused}");
    }
}

#[tokio::test]
async fn the_usual_name_of_the_api_is_no_name_of_ones_own() {
    let desk = Desk::new().await;
    let client = "3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11";
    for uri in ["api://{client_id}".to_owned(), format!("api://{client}")] {
        let changes = json!({ "entra.identifier_uri": uri, "entra.client_id": client });
        let texts = desk.call("registration", json!({ "changes": changes })).await;
        assert!(texts["az"].as_str().unwrap().contains(r#""api://'"$client"'""#), "{uri}: {texts:#}");
        assert!(texts["bicep"].as_str().unwrap().contains("param clientId string = ''"), "{uri}: {texts:#}");
    }
    let wish = json!({ "changes": { "entra.authority": "http://login.example" } });
    let refused = desk.refused("registration", wish).await;
    assert!(refused.contains("plain http"), "{refused}");
    desk.engine.stop().await;
}

#[tokio::test]
async fn where_customers_sign_in_it_is_said_what_does_not_apply() {
    let desk = Desk::new().await;
    let b2c = json!({ "changes": {
        "entra.authority": "https://contoso.b2clogin.com", "entra.tenant": "contoso.onmicrosoft.com/B2C_1_sign_in",
    } });
    let refused = desk.engine.api().call("registration", b2c).await.unwrap_err();
    assert!(refused.to_string().contains("do not apply to Azure AD B2C"), "{refused}");
    for part in ["Azure AD B2C > App registrations", "/auth/callback", "`read`", "grant admin consent"] {
        assert!(refused.hint().contains(part), "{part}: {}", refused.hint());
    }
    let external = json!({ "changes": {
        "entra.authority": "https://contoso.ciamlogin.com", "entra.tenant": "contoso.onmicrosoft.com",
    } });
    let texts = desk.call("registration", external).await;
    assert!(texts["az"].as_str().unwrap().contains("Customers cannot consent"), "{texts:#}");
    desk.engine.stop().await;

    let server = "[server]\nlisten = \"127.0.0.1:0\"\n";
    for (authority, said) in
        [("https://contoso.ciamlogin.com", "cannot consent"), ("https://contoso.b2clogin.com", "by hand")]
    {
        let file = format!("{server}[entra]\nauthority = \"{authority}\"\n");
        std::fs::write(desk.folder.path().join("settings.toml"), file).unwrap();
        let engine = engine(desk.folder.path(), &desk.rig, &desk.person);
        let refused = engine.api().call("begin_creation", json!({})).await.unwrap_err();
        assert!(refused.to_string().contains(said), "{authority}: {refused}");
    }
}

#[tokio::test]
async fn the_texts_follow_what_is_typed() {
    let desk = Desk::new().await;
    let wish = json!({ "changes": { "server.listen": "127.0.0.1:5151", "entra.required_scopes": "use api://x/more" } });
    let texts = desk.call("registration", wish).await;
    assert_eq!(texts["redirect_uris"], json!(["http://localhost:5151/auth/callback"]));
    assert_eq!(texts["scopes"], json!(["use", "more"]));
    for form in ["az", "manifest", "terraform", "bicep"] {
        let text = texts[form].as_str().unwrap();
        assert!(
            text.contains("http://localhost:5151/auth/callback") && text.contains("more"),
            "{form}: {text}"
        );
    }
    desk.engine.stop().await;
}

#[tokio::test]
async fn an_exported_manifest_is_taken_over_with_what_is_wrong_in_it() {
    let desk = Desk::new().await;
    let client = "3f6f9d0c-51c7-4c5e-9f2b-0d7f6f8f4a11";
    let manifest = json!({
        "appId": client, "publisherDomain": "contoso.onmicrosoft.com", "identifierUris": [format!("api://{client}")],
        "api": { "requestedAccessTokenVersion": null, "oauth2PermissionScopes": [{ "value": "use", "isEnabled": true }] },
        "web": { "redirectUris": [] }, "spa": { "redirectUris": [] }, "publicClient": { "redirectUris": [] },
    });
    let preview = desk.call("read_env", json!({ "text": manifest.to_string() })).await;
    assert_eq!(preview["changes"]["entra.client_id"], client);
    assert_eq!(preview["changes"]["entra.tenant"], "contoso.onmicrosoft.com");
    assert_eq!(preview["changes"]["entra.required_scopes"], "use");
    let found = preview["findings"].as_array().unwrap();
    assert_eq!(found.len(), 3, "{preview:#}");
    assert!(found[0]["text"].as_str().unwrap().contains("is not registered"), "{preview:#}");
    assert!(found[1]["text"].as_str().unwrap().contains("version 1"), "{preview:#}");
    assert!(found[2]["hint"].as_str().unwrap().contains("paste its Value"), "{preview:#}");

    let refused = desk.engine.api().call("read_env", json!({ "text": "{\"a\": 1}" })).await.unwrap_err();
    assert!(refused.to_string().contains("appId"), "{refused}");
    desk.engine.stop().await;
}
