//! Continuous access: what becomes of people in the directory after they signed in reaches their sessions here, each with
//! its reason, and what Entra wants on top is asked of them.

use engine::Engine;
use practice::Fault;
use serde_json::{Value, json};
use testkit::{Connected, Rig};

async fn ada(rig: &Rig) -> Connected {
    rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await
}

async fn command(rig: &Rig, name: &str) -> Value {
    Engine::around(&rig.running).api().call(name, json!({})).await.expect("the command is answered")
}

#[tokio::test]
async fn what_entra_wants_on_top_at_a_sign_in_is_asked_of_the_person_at_once() {
    let rig = Rig::start().await;
    rig.practice().set_fault(Fault::MfaRequired, true);
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    // The code is refused with a claims challenge, and the browser is back at the provider, which now asks for more.
    let again = browser.sign_in(&client.authorize_url(&[]), "ada", &client.redirect_uri).await;
    assert!(again.url.as_str().starts_with(rig.running.practice_url.as_deref().unwrap()), "{}", again.url);
    assert!(again.param("claims").unwrap().contains("capolids"));
    let landed = browser.pick(&again, "ada", &client.redirect_uri).await;
    let ada = client.connected(&client.redeem(&landed.param("code").unwrap(), &[]).await);
    assert_eq!(ada.calls("version").await.status, 200);
    let names = rig.event_names().await;
    let from = names.iter().position(|name| *name == "upstream_refused").expect("the log says why");
    assert_eq!(names[from + 1..from + 3], ["sent_to_upstream", "signed_in"]);
}

/// Browsers ask twice (a reload, a second press), and the provider's code is spent on the first question.
#[tokio::test]
async fn whoever_comes_back_twice_with_what_was_not_enough_is_asked_for_more_twice() {
    let rig = Rig::start().await;
    rig.practice().set_fault(Fault::MfaRequired, true);
    let client = rig.client("c").registers().await;
    let callback = format!("{}/auth/callback", rig.base());
    let test = command(&rig, "begin_test_sign_in").await["link"].as_str().unwrap().to_owned();
    for (start, is_test) in [(client.authorize_url(&[]), false), (test, true)] {
        let mut browser = rig.browser();
        let mut provider = browser.open(&start, "").await;
        if !is_test {
            provider = browser.press(&provider, "decision", "approve", "").await;
        }
        let back = browser.pick(&provider, "ada", &callback).await;
        for _ in 0..3 {
            provider = browser.open(back.url.as_str(), "").await;
            assert!(
                provider.param("claims").is_some_and(|claims| claims.contains("capolids")),
                "{}",
                provider.url
            );
        }
        let landed = browser.pick(&provider, "ada", &client.redirect_uri).await;
        assert_eq!(landed.url.as_str().starts_with(&client.redirect_uri), !is_test, "{}", landed.url);
        assert_eq!(landed.body.contains("The test sign-in passed"), is_test, "{}", landed.body);
    }
}

#[tokio::test]
async fn what_is_wanted_of_one_person_is_not_asked_of_the_next_of_the_same_client() {
    let rig = Rig::start().await;
    let ada = ada(&rig).await;
    let refused = rig.with_fault(Fault::MfaRequired, ada.refresh()).await;
    assert_eq!(refused.status, 400);
    let mut browser = rig.browser();
    let consent = browser.open(&ada.client.authorize_url(&[]), "").await;
    let provider = browser.press(&consent, "decision", "approve", "").await;
    assert_eq!(provider.param("claims"), None, "it may be Ben");

    // Whoever it is about is asked at the callback, also after a refused refresh.
    rig.practice().set_fault(Fault::MfaRequired, true);
    let mut browser = rig.browser();
    let again = browser.sign_in(&ada.client.authorize_url(&[]), "ada", &ada.client.redirect_uri).await;
    assert!(again.param("claims").is_some_and(|claims| claims.contains("capolids")), "{}", again.url);
}

#[tokio::test]
async fn a_client_has_no_say_in_what_entra_is_asked() {
    let rig = Rig::start_with(|settings| {
        settings.access.domain_hint = Some("practice.example".to_owned());
        settings.access.prompt = model::access::Prompt::SelectAccount;
    })
    .await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let theirs = [
        ("claims", Some("{}")),
        ("prompt", Some("none")),
        ("domain_hint", Some("evil.example")),
        ("login_hint", Some("mallory@evil.example")),
    ];
    let consent = browser.open(&client.authorize_url(&theirs), "").await;
    let provider = browser.press(&consent, "decision", "approve", "").await;
    assert_eq!(provider.param("prompt").as_deref(), Some("select_account"));
    assert_eq!(provider.param("domain_hint").as_deref(), Some("practice.example"));
    assert_eq!((provider.param("claims"), provider.param("login_hint")), (None, None));
}

#[tokio::test]
async fn the_sign_in_page_begins_with_the_account_of_the_settings_unless_it_asks_which() {
    let rig =
        Rig::start_with(|settings| settings.access.login_hint = Some("ben@practice.example".to_owned()))
            .await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let consent = browser.open(&client.authorize_url(&[]), "").await;
    let provider = browser.press(&consent, "decision", "approve", "").await;
    assert_eq!(provider.param("login_hint").as_deref(), Some("ben@practice.example"));
    // Whose sessions are shown is asked each time.
    let asked = rig.browser().open(&format!("{}/my-sessions/sign-in", rig.base()), "").await;
    assert_eq!((asked.param("prompt").as_deref(), asked.param("login_hint")), (Some("select_account"), None));
}
