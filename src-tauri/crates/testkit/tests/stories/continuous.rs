//! Continuous access: what becomes of people in the directory after they signed in reaches their sessions here, each with
//! its reason, and what Entra wants on top is asked of them.

use engine::Engine;
use practice::Fault;
use serde_json::{Value, json};
use testkit::{Browser, Client, Connected, Landed, No, Rig};

use crate::refusals::Scene;

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

/// From the client's link to the provider, with our question answered.
async fn at_provider(client: &Client, browser: &mut Browser) -> Landed {
    let consent = browser.open(&client.authorize_url(&[]), "").await;
    browser.press(&consent, "decision", "approve", "").await
}

/// Signs in, and tells what the provider was asked for on the first and, if there was one, the second trip.
async fn claims_asked(client: &Client, person: &str) -> [Option<String>; 2] {
    let mut browser = Browser::new();
    let provider = at_provider(client, &mut browser).await;
    let landed = browser.pick(&provider, person, &client.redirect_uri).await;
    if landed.param("code").is_some() {
        return [provider.param("claims"), None];
    }
    let back = browser.pick(&landed, person, &client.redirect_uri).await;
    assert!(back.param("code").is_some(), "{} {}", back.url, back.body);
    [provider.param("claims"), landed.param("claims")]
}

const NOTHING: [Option<String>; 2] = [None, None];

#[tokio::test]
async fn what_a_refused_refresh_lacked_is_asked_of_that_person_once_by_that_client() {
    for (fault, code) in [
        (Fault::MfaRequired, 50_076),
        (Fault::DeviceNotCompliant, 53_000),
        (Fault::ConditionalAccess, 53_003),
    ] {
        let rig = Rig::start().await;
        let ada = ada(&rig).await;
        let other = rig.client("d").registers().await;
        assert_eq!(rig.with_fault(fault, ada.refresh()).await.status, 400);
        let refusal = serde_json::to_value(rig.last_event("upstream_refused").await).unwrap();
        assert_eq!(refusal["refusal"]["code"], code);
        assert!(!refusal.to_string().contains("capolids"), "the log has nothing of it: {refusal}");

        // It is in no memory only.
        let rig = rig.restarted().await;
        assert_eq!(claims_asked(&ada.client, "ben").await, NOTHING, "{fault:?}: it is not Ben who lacked it");
        assert_eq!(claims_asked(&other, "ada").await, NOTHING, "{fault:?}: nor Ada at another client");
        let [at_first, then] = claims_asked(&ada.client, "ada").await;
        assert_eq!(at_first, None, "{fault:?}: it may be anybody");
        let wanted = json!({ "access_token": { "capolids": { "essential": true, "values": ["ac71ce00-0000-4000-8000-00000000ca01"] } } });
        assert_eq!(then, Some(wanted.to_string()), "{fault:?}: what Entra sent, byte for byte");
        assert_eq!(claims_asked(&ada.client, "ada").await, NOTHING, "{fault:?}: and never again");
        drop(rig);
    }
}

#[tokio::test]
async fn a_session_that_ends_otherwise_asks_for_nothing() {
    let rig = Rig::start().await;
    let ada = ada(&rig).await;
    for fault in [Fault::PasswordChanged, Fault::SignInFrequency] {
        let ada = ada.client.signs_in(&mut rig.browser(), "ada").await;
        assert_eq!(rig.with_fault(fault, ada.refresh()).await.status, 400);
        assert_eq!(claims_asked(&ada.client, "ada").await, NOTHING, "{fault:?}");
    }
}

/// The first trip is refused for want of more already, so what was kept is no news.
#[tokio::test]
async fn what_entra_asks_for_at_the_sign_in_counts_more_than_what_it_asked_for_before() {
    let scene = Scene::entra().await;
    let ada = scene.connected().await;
    let asks_for =
        |policy: &str| json!({ "access_token": { "capolids": { "values": [policy] } } }).to_string();
    let refuses = |claims: &str| {
        scene.provider.answers_tokens(Some(No {
            status: 400,
            error: "interaction_required".to_owned(),
            description: "AADSTS50076: More is needed.".to_owned(),
            claims: Some(claims.to_owned()),
        }));
    };
    let (before, now) = (asks_for("before"), asks_for("now"));
    refuses(&before);
    assert_eq!(ada.refresh().await.status, 400);
    refuses(&now);
    let mut browser = Browser::new();
    let provider = scene.approved(&mut browser).await;
    let again = browser.pick(&provider, "ada", &scene.client.redirect_uri).await;
    assert_eq!(again.param("claims"), Some(now), "{}", again.url);
    scene.provider.answers_tokens(None);
    let landed = browser.pick(&again, "ada", &scene.client.redirect_uri).await;
    assert!(landed.param("code").is_some(), "nothing more is asked: {}", landed.url);
    assert_eq!(claims_asked(&scene.client, "ada").await, NOTHING, "it was answered");
}

/// The button beside the verdict.
#[tokio::test]
async fn the_test_sign_in_of_the_same_person_answers_it_too_and_leaves_it_for_the_client() {
    let rig = Rig::start().await;
    let ada = ada(&rig).await;
    assert_eq!(rig.with_fault(Fault::MfaRequired, ada.refresh()).await.status, 400);
    let ended = command(&rig, "list_sessions").await[0]["state"].clone();
    assert_eq!(ended["remedies"][0], json!({ "does": "sign_in" }), "{ended}");
    for (person, is_asked) in [("ben", false), ("ada", true)] {
        let mut browser = rig.browser();
        let link = command(&rig, "begin_test_sign_in").await["link"].as_str().unwrap().to_owned();
        let provider = browser.open(&link, "").await;
        let mut page = browser.pick(&provider, person, "").await;
        assert_eq!(page.param("claims").is_some(), is_asked, "{person}: {}", page.url);
        if is_asked {
            page = browser.pick(&page, person, "").await;
        }
        assert!(page.body.contains("The test sign-in passed"), "{person}: {}", page.body);
    }
    assert!(claims_asked(&ada.client, "ada").await[1].is_some(), "the client's own session still lacks it");
}

/// Browsers ask twice, and the provider's code is spent on the first question.
#[tokio::test]
async fn whoever_comes_back_twice_is_asked_for_what_was_lacking_twice() {
    let rig = Rig::start().await;
    let ada = ada(&rig).await;
    assert_eq!(rig.with_fault(Fault::MfaRequired, ada.refresh()).await.status, 400);
    let mut browser = rig.browser();
    let provider = at_provider(&ada.client, &mut browser).await;
    let back = browser.pick(&provider, "ada", &format!("{}/auth/callback", rig.base())).await;
    for _ in 0..2 {
        let again = browser.open(back.url.as_str(), "").await;
        assert!(again.param("claims").is_some_and(|claims| claims.contains("capolids")), "{}", again.url);
    }
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
