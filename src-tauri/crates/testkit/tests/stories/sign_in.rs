//! A client signs in through the proxy and calls a tool.

use std::collections::HashSet;
use std::time::Duration;

use model::event::AuthEvent;
use testkit::{Rig, document_host};

#[tokio::test]
async fn a_stranger_is_challenged_registers_signs_in_and_is_called_by_name() {
    let rig = Rig::start().await;
    let client = rig.client("inspector");

    let challenged = client.request("POST", "/mcp", &[("content-type", "application/json")], "{}").await;
    assert_eq!(challenged.status, 401);
    let metadata = client.get("/.well-known/oauth-protected-resource/mcp").await;
    assert_eq!(metadata.text("resource"), format!("{}/mcp", rig.base()));

    let ada = client.registers().await.signs_in(&mut rig.browser(), "ada").await;
    let info = ada.calls("get_user_info").await;
    assert_eq!(info.status, 200, "{}", info.body);
    assert!(info.structured()["name"].as_str().unwrap().starts_with("Ada"), "{}", info.body);
    assert_eq!(info.structured()["tenant_id"], practice::TENANT_ID);

    let names = rig.event_names().await;
    let story = [
        "challenged",
        "metadata_read",
        "client_registered",
        "authorize_started",
        "consent_shown",
        "consent_approved",
        "sent_to_upstream",
        "signed_in",
        "token_issued",
        "first_call",
    ];
    assert_eq!(names, story);
    let attempts: HashSet<_> = rig
        .events()
        .await
        .into_iter()
        .map(|event| event.about.attempt.expect("every step belongs to an attempt"))
        .collect();
    assert_eq!(attempts.len(), 1, "one try to connect is one attempt, discovery included");
}

#[tokio::test]
async fn whoever_tries_again_after_a_sign_in_that_came_to_nothing_begins_an_attempt_of_its_own() {
    let rig = Rig::start().await;
    for _ in 0..2 {
        let client = rig.client("inspector");
        client.request("POST", "/mcp", &[("content-type", "application/json")], "{}").await;
        client.registers().await.lands(&mut rig.browser(), "ada").await;
    }
    let mut events = rig.events().await;
    let again = events.iter().rposition(|event| event.kind.name() == "challenged").unwrap();
    let second = events.split_off(again);
    let attempts = |events: &[AuthEvent]| -> HashSet<_> {
        events.iter().map(|event| event.about.attempt.clone()).collect()
    };
    let (first, second) = (attempts(&events), attempts(&second));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert!(first.is_disjoint(&second));
}

#[tokio::test]
async fn a_restart_costs_nobody_a_registration_or_a_sign_in() {
    let rig = Rig::start().await;
    let ada = rig.client("inspector").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let rig = rig.restarted().await;
    assert_eq!(ada.calls("version").await.status, 200, "the old access token still counts");
    rig.pass(Duration::from_secs(3600));
    assert_eq!(ada.calls("version").await.status, 401, "until it expires");
    let later = ada.refreshes().await;
    assert_eq!(later.calls("version").await.status, 200);
    assert_eq!(ada.client.signs_in(&mut rig.browser(), "ben").await.calls("version").await.status, 200);
}

#[tokio::test]
async fn every_kind_of_client_authentication_gets_through_and_a_wrong_secret_does_not() {
    let rig = Rig::start().await;
    for method in ["none", "client_secret_post", "client_secret_basic"] {
        let mut client = rig.client(method);
        client.method = method;
        let client = client.registers().await;
        assert_eq!(client.secret.is_some(), method != "none");
        let ada = client.signs_in(&mut rig.browser(), "ada").await;
        assert_eq!(ada.refreshes().await.calls("version").await.status, 200, "{method}");
        if method != "none" {
            let mut thief = ada.clone();
            thief.client.secret = Some("guessed".to_owned());
            let refused = thief.refresh().await;
            assert_eq!((refused.status, refused.error()), (401, "invalid_client"), "{method}");
            assert_eq!(
                refused.header("www-authenticate").starts_with("Basic"),
                method == "client_secret_basic"
            );
        }
    }
}

#[tokio::test]
async fn a_document_client_signs_in_by_its_url() {
    let rig = Rig::start().await;
    let (url, server) = document_host("http://127.0.0.1/callback").await;
    let mut client = rig.client("document");
    client.id = url;
    let mut browser = rig.browser();
    let consent = browser.open(&client.authorize_url(&[]), "").await;
    assert!(consent.body.contains("Document client"), "{}", consent.body);
    let provider = browser.press(&consent, "decision", "approve", &client.redirect_uri).await;
    let landed = browser.pick(&provider, "ada", &client.redirect_uri).await;
    server.abort();
    let ada = client.connected(&client.redeem(&landed.param("code").unwrap(), &[]).await);
    let rig = rig.restarted().await;
    assert_eq!(
        ada.refreshes().await.calls("version").await.status,
        200,
        "its host need not be up to refresh"
    );
    drop(rig);
}

#[tokio::test]
async fn a_document_client_is_on_record_once_somebody_signed_in_for_it() {
    use model::ports::ClientQuery;
    let rig = Rig::start().await;
    let (url, _server) = document_host("http://127.0.0.1/callback").await;
    let mut client = rig.client("document");
    client.id = url;
    let listed = async || rig.running.store().list_clients(&ClientQuery::default()).await.unwrap();
    let mut browser = rig.browser();
    let consent = browser.open(&client.authorize_url(&[]), "").await;
    browser.press(&consent, "decision", "approve", "").await;
    assert!(listed().await.is_empty(), "strangers can come this far");
    client.signs_in(&mut browser, "ada").await;
    let clients = listed().await;
    assert_eq!(clients.len(), 1);
    assert_eq!((clients[0].id.as_str(), clients[0].approved_at), (client.id.as_str(), Some(rig.now())));
    assert_eq!(clients[0].name.as_deref(), Some("Document client"));
}

/// The way out where a client's maker gets registration wrong: an id, and a secret if need be, typed in by hand.
#[tokio::test]
async fn a_configured_client_needs_no_registration() {
    use model::client::ClientAuth;
    use model::ids::TokenHash;
    let rig = Rig::start_with(|settings| {
        let secret = ClientAuth::ClientSecretBasic(TokenHash::of("its secret"));
        settings
            .clients
            .extend([configured("static-one", secret), configured("static-public", ClientAuth::None)]);
    })
    .await;
    let secret = Some("its secret".to_owned());
    for (id, secret, method) in [
        ("static-one", secret.clone(), "client_secret_post"),
        ("static-one", secret, "client_secret_basic"),
        ("static-public", None, "none"),
    ] {
        for redirect in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://claude.com/api/mcp/auth_callback",
            "https://chatgpt.com/connector_platform_oauth_redirect",
            "https://chatgpt.com/connector/oauth/AbCdEf123456",
            "https://vscode.dev/redirect",
            "https://global.consent.azure-apim.net/redirect/new-5f-x-5f-abc",
            "http://127.0.0.1:33428/callback",
        ] {
            let mut client = rig.client("static");
            (client.id, client.secret, client.method) = (id.to_owned(), secret.clone(), method);
            redirect.clone_into(&mut client.redirect_uri);
            let ada = client.signs_in(&mut rig.browser(), "ada").await;
            assert_eq!(ada.refreshes().await.calls("version").await.status, 200, "{id} {method} {redirect}");
        }
    }
}

fn configured(id: &str, auth: model::client::ClientAuth) -> model::client::Client {
    let redirects = [
        "https://claude.ai/api/mcp/auth_callback",
        "https://claude.com/api/mcp/auth_callback",
        "https://chatgpt.com/connector_platform_oauth_redirect",
        "https://chatgpt.com/connector/oauth/*",
        "https://vscode.dev/redirect",
        "https://global.consent.azure-apim.net/redirect/*",
        "http://127.0.0.1:33428/callback",
    ];
    model::client::Client {
        id: model::ids::ClientId::parse(id).expect("an id"),
        kind: model::client::ClientKind::Static,
        name: Some("Static one".to_owned()),
        uri: None,
        logo_uri: None,
        redirects: redirects.map(|text| model::redirect::RedirectRule::parse(text).expect("a rule")).to_vec(),
        auth,
        scope: model::scope::ScopeSet::default(),
        created_at: model::time::Timestamp::from_secs(0),
        approved_at: None,
        attempt: None,
        blocked_at: None,
    }
}
