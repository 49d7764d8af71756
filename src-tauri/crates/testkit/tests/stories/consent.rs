//! The consent page: who may press its button, and what pressing it means.

use std::time::Duration;

use testkit::Rig;

#[tokio::test]
async fn the_page_names_client_destination_and_scope_and_warns_of_the_practice_tenant() {
    let rig = Rig::start().await;
    let client = rig.client("MCP Inspector").registers().await;
    let page = rig.browser().open(&client.authorize_url(&[]), "").await;
    for text in
        ["MCP Inspector", "127.0.0.1", "read", "not verified", "Practice tenant", &rig.running.mcp_url]
    {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("<script"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    // Browsers hold the whole way back to the client against it, and most clients come back by a scheme of their own.
    assert!(!policy.contains("form-action"), "{policy}");
}

#[tokio::test]
async fn another_browser_or_a_forged_form_cannot_press_the_button() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;

    let elsewhere = rig.browser().press(&page, "decision", "approve", "http://localhost").await;
    let answer = rig.browser().open(elsewhere.url.as_str(), "").await;
    assert_ne!(answer.status, 200);
    let stolen = rig.browser().press(&page, "decision", "approve", "").await;
    assert_eq!(stolen.status, 403, "the form without the cookie");

    let mut forged = page.clone();
    let at = forged.body.find("jmb_").unwrap();
    let end = forged.body[at..].find('"').unwrap() + at;
    let wrong = "jmb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    forged.body.replace_range(at..end, wrong);
    assert_eq!(
        browser.press(&forged, "decision", "approve", "").await.status,
        403,
        "the cookie without the form"
    );

    browser.fetch_site = Some("none");
    let honest = browser.press(&page, "decision", "approve", "").await;
    assert_eq!(honest.status, 200, "the person is at the provider: {}", honest.body);
}

#[tokio::test]
async fn the_callback_must_come_to_the_browser_that_approved() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let consent = browser.open(&client.authorize_url(&[]), "").await;
    let provider = browser.press(&consent, "decision", "approve", "").await;
    let callback = browser.pick(&provider, "ada", &format!("{}/auth/callback", rig.base())).await;
    let victim = rig.browser().open(callback.url.as_str(), &client.redirect_uri).await;
    assert_eq!(victim.status, 400);
    assert!(victim.body.contains("browser you started in"), "{}", victim.body);
    let landed = browser.open(callback.url.as_str(), &client.redirect_uri).await;
    assert!(landed.param("code").is_some(), "and the real one is not spoiled");
}

#[tokio::test]
async fn whoever_else_was_shown_the_page_cannot_collect_the_code() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let practice = rig.running.practice_url.clone().unwrap();
    let (mut attacker, mut victim) = (rig.browser(), rig.browser());
    let page = attacker.open(&client.authorize_url(&[]), "").await;
    let provider = attacker.press(&page, "decision", "approve", &practice).await;
    let state = provider.param("state").unwrap();

    let lured = victim.open(page.url.as_str(), "").await;
    let provider = victim.press(&lured, "decision", "approve", "").await;
    let callback = victim.pick(&provider, "ada", &format!("{}/auth/callback", rig.base())).await;
    assert_eq!(callback.param("state").unwrap(), state, "the same for every approval of one sign-in");
    let landed = victim.open(callback.url.as_str(), &client.redirect_uri).await;
    assert!(landed.param("code").is_some(), "{}", landed.body);

    for url in [callback.url.to_string(), format!("{}/auth/callback?state={state}", rig.base())] {
        let stolen = attacker.open(&url, &client.redirect_uri).await;
        assert_eq!(stolen.status, 400, "{}", stolen.url);
        assert!(stolen.body.contains("browser you started in"), "{}", stolen.body);
    }
    let again = victim.open(callback.url.as_str(), &client.redirect_uri).await;
    assert_eq!(again.param("code"), landed.param("code"), "who lost the answer is given it again");
}

#[tokio::test]
async fn an_approval_is_remembered_only_once_somebody_signed_in() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let fields = [("decision", "approve"), ("remember", "on")];
    for _ in 0..3 {
        let page = browser.open(&client.authorize_url(&[]), "").await;
        assert!(page.body.contains("name=\"decision\""), "nobody has signed in yet");
        browser.submit(&page, &fields, "").await;
    }
    let page = browser.open(&client.authorize_url(&[]), "").await;
    let provider = browser.submit(&page, &fields, "").await;
    browser.press(&provider, "cancel", "1", &client.redirect_uri).await;
    let page = browser.open(&client.authorize_url(&[]), "").await;
    assert!(page.body.contains("name=\"decision\""), "nor did who cancelled");

    let provider = browser.submit(&page, &fields, "").await;
    browser.pick(&provider, "ada", &client.redirect_uri).await;
    let silent = browser.open(&client.authorize_url(&[]), "").await;
    assert!(!silent.body.contains("name=\"decision\""), "{}", silent.body);
}

#[tokio::test]
async fn pages_rendered_twice_or_side_by_side_all_stay_good() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let first = browser.open(&client.authorize_url(&[]), "").await;
    let again = browser.open(first.url.as_str(), "").await;
    let other_flow = browser.open(&client.authorize_url(&[("state", Some("other"))]), "").await;
    for page in [&first, &again, &other_flow] {
        let provider = browser.press(page, "decision", "approve", "").await;
        assert!(provider.body.contains("ada"), "{} {}", provider.status, provider.body);
    }
    let provider = browser.press(&other_flow, "decision", "approve", "").await;
    assert_eq!(
        browser.pick(&provider, "ada", &client.redirect_uri).await.param("state").as_deref(),
        Some("other")
    );
}

#[tokio::test]
async fn approving_twice_is_harmless() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    let practice = rig.running.practice_url.clone().unwrap();
    let once = browser.press(&page, "decision", "approve", &practice).await;
    let twice = browser.press(&page, "decision", "approve", &practice).await;
    assert_eq!(once.url, twice.url, "the same question, asked twice");
    let provider = browser.open(once.url.as_str(), "").await;
    let landed = browser.pick(&provider, "ada", &client.redirect_uri).await;
    assert!(landed.param("code").is_some());
    let after = browser.press(&page, "decision", "approve", "").await;
    assert_eq!(after.status, 400);
    assert!(after.body.contains("already answered"));
}

/// The back button shows the page once more, and its buttons are old.
#[tokio::test]
async fn a_page_that_was_answered_says_so_and_is_no_second_verdict() {
    let rig = Rig::start().await;
    for (decision, told) in
        [("approve", "You allowed it, and the sign-in is finished."), ("deny", "It was denied or cancelled.")]
    {
        let client = rig.client(decision).registers().await;
        let mut browser = rig.browser();
        let page = browser.open(&client.authorize_url(&[]), "").await;
        let answered = match decision {
            "approve" => {
                let provider = browser.press(&page, "decision", decision, "").await;
                browser.pick(&provider, "ada", &client.redirect_uri).await
            }
            _ => browser.press(&page, "decision", decision, &client.redirect_uri).await,
        };
        if let Some(code) = answered.param("code") {
            assert_eq!(client.redeem(&code, &[]).await.status, 200);
        }
        let before = rig.event_names().await;
        for again in [
            browser.open(page.url.as_str(), "").await,
            browser.press(&page, "decision", "deny", "").await,
            browser.press(&page, "decision", "approve", "").await,
            rig.browser().open(page.url.as_str(), "").await,
        ] {
            assert_eq!(again.status, 400, "{}", again.body);
            for shown in ["This was already answered", told, "start again in your client"] {
                assert!(again.body.contains(shown), "{shown}: {}", again.body);
            }
            assert!(again.headers.get("location").is_none());
        }
        assert_eq!(rig.event_names().await, before, "{decision}: the attempt keeps its verdict");
    }
}

#[tokio::test]
async fn a_refusal_tells_the_client_and_nothing_else() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    let landed = browser.press(&page, "decision", "deny", &client.redirect_uri).await;
    assert_eq!(landed.param("error").as_deref(), Some("access_denied"));
    assert_eq!(landed.param("iss").as_deref(), Some(rig.base()));
    assert_eq!(landed.param("state").as_deref(), Some("st/+ =%2B"));
    assert!(landed.param("code").is_none());
    assert!(rig.event_names().await.contains(&"consent_declined"));
}

#[tokio::test]
async fn a_remembered_approval_skips_the_page_only_for_what_the_person_began() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    let fields = [("decision", "approve"), ("remember", "on")];
    let provider = browser.submit(&page, &fields, "").await;
    browser.pick(&provider, "ada", &client.redirect_uri).await;

    let silent = browser.open(&client.authorize_url(&[]), "").await;
    assert!(!silent.body.contains("name=\"decision\""), "straight to the provider");
    assert!(browser.pick(&silent, "ada", &client.redirect_uri).await.param("code").is_some());
    for from in [Some("cross-site"), None] {
        browser.fetch_site = from;
        let asked = browser.open(&client.authorize_url(&[]), "").await;
        assert!(asked.body.contains("name=\"decision\""), "sent by {from:?}");
    }
    browser.fetch_site = Some("none");
    let other_port = client.authorize_url(&[("redirect_uri", Some("http://127.0.0.1:2/callback"))]);
    assert!(
        browser.open(&other_port, "").await.body.contains("name=\"decision\""),
        "another destination is another question"
    );
    rig.pass(Duration::from_secs(31 * 24 * 3600));
    let asked = browser.open(&client.authorize_url(&[]), "").await;
    assert!(asked.body.contains("name=\"decision\""), "not for ever");
}

#[tokio::test]
async fn a_later_refusal_takes_back_a_remembered_approval() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    let provider = browser.submit(&page, &[("decision", "approve"), ("remember", "on")], "").await;
    browser.pick(&provider, "ada", &client.redirect_uri).await;
    browser.fetch_site = Some("cross-site");
    let asked = browser.open(&client.authorize_url(&[]), "").await;
    browser.press(&asked, "decision", "deny", &client.redirect_uri).await;
    browser.fetch_site = Some("none");
    let again = browser.open(&client.authorize_url(&[]), "").await;
    assert!(again.body.contains("name=\"decision\""));
}

#[tokio::test]
async fn a_page_left_open_too_long_says_so() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    rig.pass(Duration::from_secs(15 * 60 + 1));
    let late = browser.press(&page, "decision", "approve", "").await;
    assert_eq!(late.status, 400);
    assert!(late.body.contains("Start the sign-in again"), "{}", late.body);
}

#[tokio::test]
async fn a_browser_keeps_few_cookies_however_often_it_asks() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let mut page = browser.open(&client.authorize_url(&[]), "").await;
    for _ in 0..30 {
        rig.pass(Duration::from_secs(1));
        page = browser.open(&client.authorize_url(&[]), "").await;
    }
    assert!(browser.cookie_count() <= 10, "{}", browser.cookie_count());
    let provider = browser.press(&page, "decision", "approve", "").await;
    assert!(provider.body.contains("ada"), "the newest is the one that survives");
}

#[tokio::test]
async fn of_parallel_callbacks_every_one_gets_the_same_answer() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let consent = browser.open(&client.authorize_url(&[]), "").await;
    let provider = browser.press(&consent, "decision", "approve", "").await;
    let callback = browser.pick(&provider, "ada", &format!("{}/auth/callback", rig.base())).await.url;
    let again: Vec<_> = (0..6)
        .map(|_| {
            let (mut browser, url, until) =
                (browser.clone(), callback.to_string(), client.redirect_uri.clone());
            tokio::spawn(async move { browser.open(&url, &until).await.param("code") })
        })
        .collect();
    let mut codes = Vec::new();
    for one in again {
        codes.push(one.await.unwrap().expect("a tab that asked twice is not refused"));
    }
    codes.dedup();
    assert_eq!(codes.len(), 1);
    assert_eq!(client.redeem(&codes[0], &[]).await.status, 200);
    let signed_in = rig.event_names().await.iter().filter(|name| **name == "signed_in").count();
    assert_eq!(signed_in, 1, "the provider was asked once");
    let late = browser.open(callback.as_str(), &client.redirect_uri).await;
    assert!(late.body.contains("already done"), "{}", late.body);
}

#[tokio::test]
async fn a_page_rendered_while_the_person_is_away_does_not_spoil_the_sign_in() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let consent = browser.open(&client.authorize_url(&[]), "").await;
    let provider = browser.press(&consent, "decision", "approve", "").await;
    browser.open(consent.url.as_str(), "").await;
    assert!(browser.pick(&provider, "ada", &client.redirect_uri).await.param("code").is_some());
}

#[tokio::test]
async fn an_approval_for_a_hosted_client_is_never_remembered() {
    let rig = Rig::start().await;
    let mut client = rig.client("Claude");
    client.redirect_uri = "https://claude.ai/api/mcp/auth_callback".to_owned();
    let client = client.registers().await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    assert!(!page.body.contains("name=\"remember\""), "it is not offered");
    let provider = browser.submit(&page, &[("decision", "approve"), ("remember", "on")], "").await;
    browser.pick(&provider, "ada", &client.redirect_uri).await;
    let asked = browser.open(&client.authorize_url(&[]), "").await;
    assert!(
        asked.body.contains("name=\"decision\""),
        "a link in a mail must not sign anybody in to a stranger's account"
    );
}
