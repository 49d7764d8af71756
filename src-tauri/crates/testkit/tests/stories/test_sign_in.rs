//! The owner's test sign-in: what it shows, whom it serves, and that nothing of it is left.

use engine::Engine;
use model::access::{Access, Somebody};
use model::origin::BaseUrl;
use model::ports::ClientQuery;
use model::settings::SignInFrom;
use practice::Fault;
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use testkit::{Browser, Desk, Landed, Rig};

const BEN: &str = "ac71ce00-0000-4000-8000-0000000000b2";

async fn call(rig: &Rig, command: &str, payload: Value) -> Value {
    Engine::around(&rig.running).api().call(command, payload).await.expect("an answer")
}

async fn begins(rig: &Rig) -> String {
    let state = call(rig, "begin_test_sign_in", json!({})).await;
    assert_eq!((&state["is"], &state["opened"]), (&json!("waiting"), &json!(false)));
    state["link"].as_str().expect("a link").to_owned()
}

async fn stands(rig: &Rig) -> Value {
    call(rig, "test_sign_in", json!({})).await
}

/// From the link to the last page, as `person`.
async fn signs_in(rig: &Rig, browser: &mut Browser, person: &str) -> Landed {
    let link = begins(rig).await;
    let at_provider = browser.open(&link, "").await;
    browser.pick(&at_provider, person, "").await
}

/// `token passed, sign_in passed, ..` of the finished list.
async fn found(rig: &Rig) -> Vec<(String, String, Option<u64>)> {
    let check = call(rig, "check_entra", json!({ "signed_in": true })).await;
    let told = check["steps"].as_array().expect("a list").iter().map(|step| {
        let text = |name: &str| step[name].as_str().expect("a text").to_owned();
        (text("about"), text("outcome"), step["code"].as_u64())
    });
    told.collect()
}

fn failed(found: &[(String, String, Option<u64>)]) -> Vec<(&str, Option<u64>)> {
    found
        .iter()
        .filter(|(_, outcome, _)| outcome == "failed")
        .map(|(about, _, code)| (&**about, *code))
        .collect()
}

/// Nothing that a sign-in leaves, and nobody whom a client could be.
async fn nothing_is_left(rig: &Rig) {
    let store = rig.running.store();
    assert!(store.list_sessions().await.expect("the store reads").is_empty(), "a session");
    let clients =
        store.list_clients(&ClientQuery { approved_only: false, limit: 10 }).await.expect("the store reads");
    assert!(clients.is_empty(), "a client");
    let database = std::fs::read(rig.data_dir().join("proxy.db")).expect("a database");
    let log = std::fs::read(rig.data_dir().join("proxy.db-wal")).unwrap_or_default();
    for kept in [database, log] {
        let text = String::from_utf8_lossy(&kept);
        assert!(!text.contains("grant_"), "a grant");
    }
}

#[tokio::test]
async fn it_passes_shows_what_the_token_had_and_leaves_nothing() {
    let rig = Rig::start().await;
    let mut browser = rig.browser();
    let page = signs_in(&rig, &mut browser, "ada").await;
    assert_eq!(page.status, 200, "{}", page.body);
    for shown in [
        "The test sign-in passed",
        "Ada",
        "It has every scope this server requires.",
        "It is of version 2.0.",
        "a member",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let state = stands(&rig).await;
    assert_eq!((&state["is"], &state["passed"]), (&json!("ended"), &json!(true)));
    let found = found(&rig).await;
    assert!(failed(&found).is_empty(), "{found:?}");
    for about in ["consent", "platform", "api", "token", "sign_in"] {
        assert!(
            found.iter().any(|(found, outcome, _)| found == about && outcome == "passed"),
            "{about}: {found:?}"
        );
    }
    assert_eq!(
        rig.event_names().await,
        ["test_sign_in_started", "sent_to_upstream", "test_sign_in_passed"],
        "and no word of a client"
    );
    nothing_is_left(&rig).await;
    // The same browser may look again; the code is not spent twice.
    let again = browser.open(page.url.as_str(), "").await;
    assert!(again.body.contains("The test sign-in passed"), "{}", again.body);
}

#[tokio::test]
async fn the_log_tells_it_as_a_test_and_not_as_a_client() {
    let rig = Rig::start().await;
    signs_in(&rig, &mut rig.browser(), "ada").await;
    rig.events().await;
    let attempts = call(&rig, "list_attempts", json!({})).await;
    let [attempt] = attempts.as_array().unwrap().as_slice() else { panic!("one attempt: {attempts}") };
    assert_eq!((&attempt["client_name"], &attempt["client"]), (&json!("Test sign-in"), &Value::Null));
    let verdict = attempt["verdict"]["sentence"].as_str().unwrap();
    assert!(verdict.starts_with("The test sign-in passed") && verdict.contains("Ada"), "{verdict}");
}

#[tokio::test]
async fn what_a_client_would_be_refused_for_is_the_step_that_failed() {
    let rig = Rig::start().await;
    for (fault, expected) in [
        (Fault::MissingScope, ("token", None)),
        (Fault::WrongAudience, ("token", None)),
        (Fault::MissingConsent, ("consent", Some(65_001))),
        (Fault::ExpiredSecret, ("credential", Some(7_000_222))),
        (Fault::SpaPlatform, ("platform", Some(9_002_327))),
    ] {
        let told = async {
            let page = signs_in(&rig, &mut rig.browser(), "ada").await;
            assert!(page.body.contains("The test sign-in was refused"), "{fault:?}: {}", page.body);
            found(&rig).await
        };
        let found = rig.with_fault(fault, told).await;
        assert_eq!(failed(&found), [expected], "{fault:?}: {found:?}");
        let state = stands(&rig).await;
        assert_eq!((&state["is"], &state["passed"]), (&json!("ended"), &json!(false)), "{fault:?}");
        assert!(state["hint"].is_string(), "{fault:?}: {state}");
    }
    nothing_is_left(&rig).await;
}

#[tokio::test]
async fn a_refused_token_is_told_with_all_that_it_had() {
    let rig = Rig::start().await;
    let page = rig.with_fault(Fault::MissingScope, signs_in(&rig, &mut rig.browser(), "ada")).await;
    for shown in ["It is meant for this app.", "It is of version 2.0.", "read"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let v1 = rig.with_fault(Fault::V1Tokens, signs_in(&rig, &mut rig.browser(), "ada")).await;
    assert!(v1.body.contains("requestedAccessTokenVersion"), "{}", v1.body);
    let guest = signs_in(&rig, &mut rig.browser(), "gus").await;
    assert!(guest.body.contains("a guest"), "{}", guest.body);
}

#[tokio::test]
async fn a_person_the_access_rules_keep_out_is_told_so() {
    let people = vec![Somebody::Object { tenant: None, object: BEN.to_owned() }];
    let rig = Rig::start_with(|settings| settings.access = Access { people, ..Access::default() }).await;
    let page = signs_in(&rig, &mut rig.browser(), "ada").await;
    assert!(page.body.contains("The test sign-in was refused"), "{}", page.body);
    assert_eq!(failed(&found(&rig).await), [("access", None)]);
    assert!(signs_in(&rig, &mut rig.browser(), "ben").await.body.contains("The test sign-in passed"));
    nothing_is_left(&rig).await;
}

#[tokio::test]
async fn a_second_factor_that_is_asked_for_on_the_way_is_a_second_trip() {
    let rig = Rig::start().await;
    let story = async {
        let mut browser = rig.browser();
        let asked_again = signs_in(&rig, &mut browser, "ada").await;
        browser.pick(&asked_again, "ada", "").await
    };
    let page = rig.with_fault(Fault::MfaRequired, story).await;
    assert!(page.body.contains("The test sign-in passed"), "{}", page.body);
}

#[tokio::test]
async fn one_that_is_cancelled_or_not_finished_is_told_as_that() {
    let rig = Rig::start().await;
    let mut browser = rig.browser();
    let link = begins(&rig).await;
    let at_provider = browser.open(&link, "").await;
    assert_eq!(stands(&rig).await["opened"], true);
    let page = browser.press(&at_provider, "cancel", "1", "").await;
    assert!(page.body.contains("The test sign-in was cancelled"), "{}", page.body);
    assert_eq!(stands(&rig).await["what"], "the test sign-in was cancelled");
    assert!(found(&rig).await.contains(&("sign_in".to_owned(), "unknown".to_owned(), None)));

    let at_provider = browser.open(&begins(&rig).await, "").await;
    call(&rig, "cancel_test_sign_in", json!({})).await;
    let late = browser.pick(&at_provider, "ada", "").await;
    assert_eq!(late.status, 400);
    assert_eq!(stands(&rig).await["what"], "the test sign-in was cancelled");

    let link = begins(&rig).await;
    let at_provider = browser.open(&link, "").await;
    rig.pass(Duration::from_secs(10 * 60));
    assert_eq!(browser.pick(&at_provider, "ada", "").await.status, 400);
    assert_eq!(browser.open(&link, "").await.status, 400);
    let state = stands(&rig).await;
    assert!(state["what"].as_str().unwrap().starts_with("nobody came back"), "{state}");
    assert!(state["hint"].as_str().unwrap().contains("AADSTS50011"), "{state}");
    nothing_is_left(&rig).await;
}

#[tokio::test]
async fn a_second_test_replaces_the_first() {
    let rig = Rig::start().await;
    let mut first = rig.browser();
    let old = begins(&rig).await;
    let at_provider = first.open(&old, "").await;
    let page = signs_in(&rig, &mut rig.browser(), "ada").await;
    assert!(page.body.contains("The test sign-in passed"), "{}", page.body);
    assert_eq!(first.open(&old, "").await.status, 400, "its link is over");
    let late = first.pick(&at_provider, "ben", "").await;
    assert!(late.status == 400 && late.body.contains("cannot be finished"), "{}", late.body);
    assert_eq!(stands(&rig).await["passed"], true, "the second is what counts");
    assert_eq!(rig.event_names().await.iter().filter(|name| **name == "test_sign_in_cancelled").count(), 1);
}

#[tokio::test]
async fn a_stranger_can_neither_begin_nor_finish_one() {
    let rig = Rig::start().await;
    // There is no client for it.
    let mut nobody = rig.client("nobody");
    for id in ["test-sign-in", "Test sign-in"] {
        id.clone_into(&mut nobody.id);
        let page = rig.browser().open(&nobody.authorize_url(&[]), "").await;
        assert!(page.body.contains("This server does not know the client"), "{id}: {}", page.body);
    }
    for query in ["", "?key=", "?key=jmb_guessed"] {
        let page = rig.browser().open(&format!("{}/test-sign-in{query}", rig.base()), "").await;
        assert_eq!(page.status, 400, "{query}: none was begun");
    }
    let link = begins(&rig).await;
    for query in ["", "?key=jmb_guessed"] {
        let page = rig.browser().open(&format!("{}/test-sign-in{query}", rig.base()), "").await;
        assert_eq!(page.status, 400, "{query}");
    }
    // Whoever gets hold of the way back has not the cookie, and spoils nothing.
    let mut owner = rig.browser();
    let at_provider = owner.open(&link, "").await;
    let back = owner.press(&at_provider, "person", "ada", &format!("{}/auth/callback", rig.base())).await;
    let stolen = rig.browser().open(back.url.as_str(), "").await;
    assert!(stolen.body.contains("Finish in the browser you started in"), "{}", stolen.body);
    let wrong = back.url.as_str().replace("state=grant_", "state=grant_x");
    assert_eq!(owner.open(&wrong, "").await.status, 400);
    assert!(owner.open(back.url.as_str(), "").await.body.contains("The test sign-in passed"));
    // What came of it is nothing that a client could redeem.
    let client = rig.client("thief").registers().await;
    let answer = client.redeem(&back.param("code").unwrap(), &[]).await;
    assert_eq!(answer.body["error"], "invalid_grant");
}

#[tokio::test]
async fn it_is_not_served_by_the_public_address() {
    let rig = Rig::start_with(|settings| {
        settings.server.public_url = Some(BaseUrl::parse("https://demo.example").unwrap());
        settings.server.sign_in = SignInFrom::Anywhere;
    })
    .await;
    let link = begins(&rig).await;
    let path = link.strip_prefix(rig.base()).expect("the link is of this computer");
    let mut browser = rig.browser();
    assert_eq!(browser.open(&format!("https://demo.example{path}"), "").await.status, 404);
    let at_provider = browser.open(&link, "").await;
    let back = browser.press(&at_provider, "person", "ada", &format!("{}/auth/callback", rig.base())).await;
    let public = back.url.as_str().replace(rig.base(), "https://demo.example");
    assert_eq!(browser.open(&public, "").await.status, 400);
    assert!(browser.open(back.url.as_str(), "").await.body.contains("The test sign-in passed"));
}

#[tokio::test]
async fn after_a_restart_there_is_none() {
    let rig = Rig::start().await;
    let mut browser = rig.browser();
    let link = begins(&rig).await;
    let at_provider = browser.open(&link, "").await;
    let rig = rig.restarted().await;
    assert_eq!(stands(&rig).await["is"], "idle");
    let back = browser.try_open(at_provider.url.as_str(), "").await;
    drop(back);
    assert_eq!(browser.open(&link, "").await.status, 400);
}

/// A window over a server that runs, and a tenant elsewhere that its settings know nothing of.
struct Draft {
    desk: Desk,
    elsewhere: Rig,
}

impl Draft {
    async fn start() -> Self {
        let elsewhere = Rig::start().await;
        let desk = Desk::start(TempDir::new().expect("a temporary folder"), "").await;
        let draft = Self { desk, elsewhere };
        let status = draft.desk.call("status", json!({})).await;
        let callback = status["callback_urls"][0].as_str().expect("it runs").to_owned();
        // The check goes by the settings, which leave the port to the system.
        let by_settings = "http://localhost:0/auth/callback".to_owned();
        draft.elsewhere.practice().set_redirect_uris(vec![callback, by_settings]);
        draft
    }

    fn changes(&self, more: &[(&str, &str)]) -> Value {
        let mut changes = json!({
            "identity.practice": "off",
            "entra.authority": self.elsewhere.running.practice_url,
            "entra.tenant": practice::TENANT_ID,
            "entra.client_id": practice::CLIENT_ID,
            "entra.client_secret": practice::CLIENT_SECRET,
            "entra.identifier_uri": practice::IDENTIFIER_URI,
            "entra.required_scopes": "read",
        });
        for (key, text) in more {
            changes[*key] = json!(text);
        }
        json!({ "changes": changes })
    }

    /// From the link to the last page, as Ada of that tenant.
    async fn signs_in(&self, changes: Value) -> Landed {
        let waiting = self.desk.call("begin_test_sign_in", changes).await;
        assert_eq!(waiting["unsaved"], true);
        let mut browser = Browser::new();
        let at_provider = browser.open(waiting["link"].as_str().expect("a link"), "").await;
        assert!(
            at_provider
                .url
                .as_str()
                .starts_with(self.elsewhere.running.practice_url.as_deref().expect("it runs"))
        );
        browser.pick(&at_provider, "ada", "").await
    }

    /// Everything that the server keeps or tells.
    async fn told(&self) -> String {
        let mut told = String::new();
        for command in
            ["test_sign_in", "status", "settings", "list_events", "list_attempts", "support_bundle"]
        {
            told += &self.desk.call(command, json!({})).await.to_string();
        }
        told += &self.desk.call("check_entra", json!({ "signed_in": true })).await.to_string();
        for file in ["settings.toml", "data/proxy.db", "data/proxy.db-wal", "data/secrets.json"] {
            let kept = std::fs::read(self.desk.folder.path().join(file)).unwrap_or_default();
            told += &String::from_utf8_lossy(&kept);
        }
        told
    }
}

#[tokio::test]
async fn what_is_typed_is_tested_before_it_is_saved_and_leaves_the_server_as_it_was() {
    let draft = Draft::start().await;
    let before = draft.desk.call("settings", json!({})).await;
    let page = draft.signs_in(draft.changes(&[])).await;
    for shown in ["Ada Lindqvist", "once the changed settings are saved", "are not saved"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let state = draft.desk.call("test_sign_in", json!({})).await;
    assert_eq!((&state["passed"], &state["unsaved"]), (&json!(true), &json!(true)));
    // What was found is about what was typed, although nobody says it again.
    let check = draft.desk.call("check_entra", json!({ "signed_in": true })).await;
    assert_eq!(check["passed"], true, "{check:#}");
    assert!(check["steps"].as_array().unwrap().iter().any(|step| step["about"] == "credential"));
    let told = draft.told().await;
    assert!(!told.contains(practice::CLIENT_SECRET), "the secret went nowhere");
    assert_eq!(draft.desk.call("settings", json!({})).await, before, "nothing is saved");
    // Others sign in where they did.
    let mut browser = Browser::new();
    let own = draft.desk.call("begin_test_sign_in", json!({})).await;
    assert_eq!(own["unsaved"], false);
    let at_provider = browser.open(own["link"].as_str().unwrap(), "").await;
    assert!(at_provider.url.as_str().starts_with(&draft.desk.engine.practice_url().unwrap()));
    draft.desk.engine.stop().await;
}

#[tokio::test]
async fn a_secret_that_is_wrong_is_told_before_it_is_saved() {
    let draft = Draft::start().await;
    let wrong = "wrong~secret~that~nobody~has~saved~yet0";
    let changes = draft.changes(&[("entra.client_secret", wrong)]);
    let check = draft.desk.call("check_entra", changes.clone()).await;
    let credential = check["steps"].as_array().unwrap().iter().find(|step| step["about"] == "credential");
    assert_eq!(credential.unwrap()["code"], 7_000_215, "{check:#}");
    let page = draft.signs_in(changes).await;
    assert!(page.body.contains("AADSTS7000215"), "{}", page.body);
    assert!(page.body.contains("With the changed settings"), "{}", page.body);
    assert!(!draft.told().await.contains(wrong) && !page.body.contains(wrong));
    draft.desk.engine.stop().await;
}

#[tokio::test]
async fn a_field_that_cannot_be_used_is_named_and_nothing_begins() {
    let draft = Draft::start().await;
    let api = draft.desk.engine.api();
    for (key, text) in [("entra.client_id", "not an id"), ("entra.tenant", "no tenant at all")] {
        let changes = draft.changes(&[(key, text)]);
        for command in ["begin_test_sign_in", "check_entra"] {
            let error = api.call(command, changes.clone()).await.unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
    }
    assert_eq!(draft.desk.call("test_sign_in", json!({})).await["is"], "idle");
    draft.desk.engine.stop().await;
}

#[tokio::test]
async fn a_test_comes_back_to_the_server_that_runs_and_says_where_it_will_be() {
    let draft = Draft::start().await;
    let waiting =
        draft.desk.call("begin_test_sign_in", draft.changes(&[("server.callback_path", "/elsewhere")])).await;
    assert!(waiting["moves_to"].as_str().unwrap().ends_with("/elsewhere"), "{waiting}");
    let stays = draft.desk.call("begin_test_sign_in", draft.changes(&[])).await;
    assert_eq!(stays["moves_to"], Value::Null);
    draft.desk.engine.stop().await;
    let error = draft.desk.engine.api().call("begin_test_sign_in", draft.changes(&[])).await.unwrap_err();
    assert_eq!(error.to_string(), "the server is not running");
}
