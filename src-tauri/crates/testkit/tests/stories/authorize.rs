//! The authorization endpoint: to whom an error goes, and that nothing of a client reaches the provider.

use testkit::{Rig, document_host};
use url::Url;

#[tokio::test]
async fn without_a_known_client_and_redirect_the_person_reads_it_and_nobody_is_redirected() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    for (changes, expected) in [
        (vec![("client_id", None)], "names no client"),
        (vec![("client_id", Some("client_unknown"))], "No client is registered"),
        (vec![("redirect_uri", Some("https://evil.example/cb"))], "never registered"),
        (vec![("redirect_uri", Some("javascript:alert(1)"))], "never registered"),
        (vec![("redirect_uri", Some("http://127.0.0.1:1/callback/other"))], "never registered"),
    ] {
        let page = rig.browser().open(&client.authorize_url(&changes), "").await;
        assert_eq!(page.status, 400, "{changes:?}");
        assert!(page.body.contains(expected), "{changes:?}: {}", page.body);
        assert!(page.headers.get("location").is_none());
    }
}

#[tokio::test]
async fn a_redirect_uri_that_was_never_registered_is_shown_beside_those_that_were() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let long = format!("https://evil.example/{}", "x".repeat(5_000));
    for (asked, shown) in [
        (Some("https://other.example/cb?a=1"), "https://other.example/cb?a=1"),
        (Some("https://evil.example/<script>"), "https://evil.example/&#60;script&#62;"),
        (Some("https://evil.example/\u{202e}moc"), "https://evil.example/\u{fffd}moc"),
        (Some(long.as_str()), "x\u{2026}</code>"),
    ] {
        let page = rig.browser().open(&client.authorize_url(&[("redirect_uri", asked)]), "").await;
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
        assert!(page.body.contains(&client.redirect_uri), "{}", page.body);
        assert!(!page.body.contains("<script") && page.body.len() < 20_000, "{}", page.body.len());
    }
}

#[tokio::test]
async fn with_both_known_the_client_is_told_with_state_and_issuer() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    for (changes, error) in [
        (vec![("response_type", Some("token"))], "unsupported_response_type"),
        (vec![("response_type", None)], "unsupported_response_type"),
        (vec![("code_challenge", None)], "invalid_request"),
        (vec![("code_challenge_method", None)], "invalid_request"),
        (vec![("code_challenge_method", Some("plain"))], "invalid_request"),
        (vec![("code_challenge", Some("short"))], "invalid_request"),
        (vec![("resource", Some("https://other.example/mcp"))], "invalid_target"),
        (vec![("resource", Some("api://something"))], "invalid_target"),
        (vec![("request", Some("eyJ"))], "request_not_supported"),
        (vec![("response_mode", Some("fragment"))], "invalid_request"),
    ] {
        let landed = rig.browser().open(&client.authorize_url(&changes), &client.redirect_uri).await;
        assert_eq!(landed.param("error").as_deref(), Some(error), "{changes:?}: {}", landed.url);
        assert_eq!(landed.param("state").as_deref(), Some("st/+ =%2B"));
        assert_eq!(landed.param("iss").as_deref(), Some(rig.base()));
        assert!(landed.param("code").is_none());
    }
}

#[tokio::test]
async fn the_state_comes_back_byte_for_byte_and_none_where_none_was_sent() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let long = "s".repeat(2048);
    for state in [
        Some("8f1b2c9d4e5f60718293a4b5c6d7e8f90112233445566778899aabbccddeeff0"),
        Some("Q2xhdWRlIHN0YXRlIG9mIGZvcnR5LXRocmVlIGNoYXJzLi4u"),
        Some("a%2Bb+c d&e=f#g"),
        Some(long.as_str()),
        None,
    ] {
        let url = client.authorize_url(&[("state", state)]);
        let landed = rig.browser().sign_in(&url, "ada", &client.redirect_uri).await;
        assert!(landed.param("code").is_some(), "{}", landed.url);
        assert_eq!(landed.param("state").as_deref(), state);
        assert_eq!(landed.param("iss").as_deref(), Some(rig.base()));
        let refused = client.authorize_url(&[("state", state), ("code_challenge", None)]);
        let landed = rig.browser().open(&refused, &client.redirect_uri).await;
        assert_eq!(
            (landed.param("error").as_deref(), landed.param("state").as_deref()),
            (Some("invalid_request"), state)
        );
        assert_eq!(landed.param("iss").as_deref(), Some(rig.base()));
    }
}

#[tokio::test]
async fn loose_but_honest_requests_are_served() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let (slash, origin) = (format!("{}/mcp/", rig.base()), rig.base().to_owned());
    for changes in [
        vec![("resource", None)],
        vec![("resource", Some(slash.as_str()))],
        vec![("resource", Some(origin.as_str()))],
        vec![("scope", None)],
        vec![("scope", Some("openid profile email offline_access nonsense"))],
        vec![("state", None)],
        vec![("redirect_uri", None)],
        vec![("redirect_uri", Some("http://localhost:65000/callback"))],
        vec![("prompt", Some("consent")), ("login_hint", Some("x@y.example")), ("nonce", Some("n"))],
    ] {
        let page = rig.browser().open(&client.authorize_url(&changes), &client.redirect_uri).await;
        assert!(page.body.contains("name=\"decision\""), "{changes:?}: {} {}", page.url, page.body);
    }
}

#[tokio::test]
async fn the_provider_sees_only_what_the_settings_say() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let url = client.authorize_url(&[
        ("scope", Some("foo read")),
        ("prompt", Some("consent")),
        ("login_hint", Some("mallory@evil.example")),
        ("nonce", Some("clients-nonce")),
        ("claims", Some("{}")),
        ("domain_hint", Some("evil.example")),
    ]);
    let mut browser = rig.browser();
    let consent = browser.open(&url, "").await;
    let practice = rig.running.practice_url.clone().unwrap();
    let sent = browser.press(&consent, "decision", "approve", &practice).await;
    let mut names: Vec<String> = sent.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "client_id",
            "code_challenge",
            "code_challenge_method",
            "nonce",
            "redirect_uri",
            "response_type",
            "scope",
            "state"
        ]
    );
    let scope = sent.param("scope").unwrap();
    let mut scopes: Vec<&str> = scope.split(' ').collect();
    scopes.sort_unstable();
    let read = format!("{}/read", practice::IDENTIFIER_URI);
    assert_eq!(scopes, [read.as_str(), "email", "offline_access", "openid", "profile"]);
    assert_eq!(sent.param("client_id").as_deref(), Some(practice::CLIENT_ID));
    assert_eq!(sent.param("redirect_uri").unwrap(), format!("{}/auth/callback", rig.base()));
    assert_ne!(sent.param("state").as_deref(), Some("st/+ =%2B"));
    let mine = Url::parse(&url).unwrap();
    let challenge = mine.query_pairs().find(|(n, _)| n == "code_challenge").unwrap().1.into_owned();
    assert_ne!(sent.param("code_challenge").unwrap(), challenge, "our own PKCE, not the client's");
}

#[tokio::test]
async fn a_form_post_works_like_a_link() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let url = client.authorize_url(&[]);
    let (path, query) = url.split_once('?').unwrap();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let sent = client.request("POST", path.strip_prefix(rig.base()).unwrap(), &headers, query).await;
    assert_eq!(sent.status, 303);
    assert!(sent.header("location").contains("/consent?grant="));
}

#[tokio::test]
async fn doubled_parameters_are_refused_and_change_nothing() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let page = rig.browser().open(&format!("{}&client_id=other", client.authorize_url(&[])), "").await;
    assert_eq!(page.status, 400);
    assert!(!rig.event_names().await.contains(&"authorize_started"));
}

#[tokio::test]
async fn what_a_page_repeats_is_escaped() {
    let rig = Rig::start().await;
    let client = rig.client("<script>alert(1)</script>").registers().await;
    let page = rig.browser().open(&client.authorize_url(&[]), "").await;
    assert!(!page.body.contains("<script"), "{}", page.body);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("form-action"), "it would break custom schemes in Chrome");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.header(name), value);
    }
}

#[tokio::test]
async fn nobody_can_use_us_to_send_a_browser_elsewhere() {
    let rig = Rig::start().await;
    for destination in ["https://evil.example/phish", "some-app://x"] {
        let mut client = rig.client("c");
        client.redirect_uri = destination.to_owned();
        let client = client.registers().await;
        let page =
            rig.browser().open(&client.authorize_url(&[("response_type", Some("x"))]), destination).await;
        assert_eq!(page.status, 400, "a page, not a redirect: {}", page.url);
        assert!(page.body.contains("Back to the client"), "{}", page.body);
    }
}

#[tokio::test]
async fn a_published_document_does_not_make_us_send_browsers_elsewhere_either() {
    let rig = Rig::start().await;
    let destination = "https://evil.example/phish";
    let (url, _server) = document_host(destination).await;
    let mut client = rig.client("document");
    (client.id, client.redirect_uri) = (url, destination.to_owned());
    let faulty = client.authorize_url(&[("response_type", Some("x"))]);
    let page = rig.browser().open(&faulty, destination).await;
    assert_eq!(page.status, 400, "a page, not a redirect: {}", page.url);
    assert!(page.body.contains("Back to the client"), "{}", page.body);

    client.lands(&mut rig.browser(), "ada").await;
    let told = rig.browser().open(&faulty, destination).await;
    assert_eq!(told.param("error").as_deref(), Some("unsupported_response_type"), "approved by a person now");
}

#[tokio::test]
async fn every_token_opens_what_it_is_for_whatever_was_asked() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    for scope in [None, Some("nonsense"), Some("openid"), Some("read"), Some("offline_access")] {
        let mut browser = rig.browser();
        let url = client.authorize_url(&[("scope", scope)]);
        let code = browser.sign_in(&url, "ada", &client.redirect_uri).await.param("code").unwrap();
        let answer = client.redeem(&code, &[]).await;
        let offline = scope == Some("offline_access");
        assert_eq!(answer.text("scope"), if offline { "read offline_access" } else { "read" }, "{scope:?}");
        assert_eq!(client.connected(&answer).calls("version").await.status, 200, "{scope:?}");
    }
}
