//! What the owner of a server decides about clients that are not configured.

use model::host::HostPattern;
use model::ports::Forget;
use model::settings::{ClientRules, Settings};
use serde_json::json;
use testkit::{Client, Rig, document_host};

const CALLBACK: &str = "http://127.0.0.1/callback";

fn hosts(names: &[&str]) -> Vec<HostPattern> {
    names.iter().map(|name| HostPattern::parse(name).expect("a host")).collect()
}

fn published(rig: &Rig, url: &str) -> Client {
    let mut client = rig.client("published");
    url.clone_into(&mut client.id);
    CALLBACK.clone_into(&mut client.redirect_uri);
    client
}

fn self_contained(settings: &mut Settings) {
    settings.client_rules = ClientRules { self_contained_ids: true, ..ClientRules::default() };
}

#[tokio::test]
async fn a_client_whose_id_carries_its_registration_outlives_the_database() {
    let rig = Rig::start_with(self_contained).await;
    let mut client = rig.client("inspector");
    client.method = "client_secret_basic";
    let client = client.registers().await;
    assert!(client.id.starts_with("client_sealed.") && client.id.len() < 500, "{}", client.id);
    client.signs_in(&mut rig.browser(), "ada").await;

    let rig = rig.restarted_without_database().await;
    let client = client.at(rig.base());
    let ada = client.signs_in(&mut rig.browser(), "ada").await;
    assert_eq!(ada.calls("version").await.status, 200);
    let mut wrong = client.clone();
    wrong.secret = Some("jms_not-its-secret".into());
    let code = wrong.lands(&mut rig.browser(), "ada").await.param("code").unwrap();
    assert_eq!(wrong.redeem(&code, &[]).await.error(), "invalid_client", "its secret is still its own");
    assert_eq!(ada.refreshes().await.calls("get_user_info").await.status, 200, "and there is a row again");
}

#[tokio::test]
async fn without_that_a_lost_database_asks_for_a_new_registration() {
    let rig = Rig::start().await;
    let client = rig.client("inspector").registers().await;
    let rig = rig.restarted_without_database().await;
    let client = client.at(rig.base());
    let page = rig.browser().open(&client.authorize_url(&[]), &client.redirect_uri).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains(".mcp-auth"), "what to do in a program of this computer: {}", page.body);
    for named in ["Claude Code", "Visual Studio Code", "Cursor"] {
        assert!(!page.body.contains(named), "programs of this computer share its addresses: {}", page.body);
    }
    let elsewhere =
        client.authorize_url(&[("redirect_uri", Some("https://claude.ai/api/mcp/auth_callback"))]);
    let page = rig.browser().open(&elsewhere, &client.redirect_uri).await;
    assert!(page.body.contains("Open Settings, then Connectors"), "{}", page.body);
    let refused = client.redeem("jmc_x", &[]).await;
    assert_eq!((refused.status, refused.error()), (401, "invalid_client"));
}

#[tokio::test]
async fn nobody_else_can_write_such_an_id_and_a_block_on_one_holds() {
    let rig = Rig::start_with(self_contained).await;
    let client = rig.client("inspector").registers().await;
    let (head, tail) = client.id.split_at(client.id.len() - 20);
    for id in [format!("{head}{}", tail.to_ascii_uppercase()), head.to_owned(), "client_sealed.".to_owned()] {
        let mut forged = client.clone();
        forged.id = id;
        let page = rig.browser().open(&forged.authorize_url(&[]), &forged.redirect_uri).await;
        assert_eq!(page.status, 400, "{}", forged.id);
    }
    let ada = client.signs_in(&mut rig.browser(), "ada").await;
    let id = model::ids::ClientId::parse(&client.id).unwrap();
    assert!(rig.running.store().block_client(&id, Some(rig.now())).await.unwrap());
    let page = rig.browser().open(&client.authorize_url(&[]), &client.redirect_uri).await;
    assert_eq!(page.status, 403);
    assert_eq!(ada.refresh().await.error(), "invalid_client");
}

#[tokio::test]
async fn a_registration_too_large_for_an_id_is_kept_in_the_database_as_usual() {
    let rig = Rig::start_with(self_contained).await;
    let long: Vec<String> =
        (0..10).map(|n| format!("https://client.example/{n}/{}", "x".repeat(200))).collect();
    let answer = rig
        .client("c")
        .register_as(&json!({ "redirect_uris": long, "token_endpoint_auth_method": "none" }))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(answer.text("client_id").starts_with("client_") && answer.text("client_id").len() < 40);
}

#[tokio::test]
async fn registered_clients_are_answered_at_allowed_hosts_and_on_this_computer() {
    let rig = Rig::start_with(|settings| {
        settings.client_rules.hosts.allowed = hosts(&["claude.ai", "*.corp.example"]);
        settings.client_rules.hosts.blocked = hosts(&["old.corp.example"]);
    })
    .await;
    for (redirect_uri, status) in [
        ("https://claude.ai/api/mcp/auth_callback", 200),
        ("https://tools.corp.example/cb", 200),
        ("https://old.corp.example/cb", 403),
        ("https://evil.example/cb", 403),
        ("http://127.0.0.1:5000/cb", 200),
        ("cursor://anysphere.cursor-mcp/oauth/callback", 200),
    ] {
        let mut client = rig.client("c");
        redirect_uri.clone_into(&mut client.redirect_uri);
        let client = client.registers().await;
        let page = rig.browser().open(&client.authorize_url(&[]), redirect_uri).await;
        assert_eq!(page.status, status, "{redirect_uri}: {}", page.body);
        if status == 403 {
            assert!(page.body.contains("Clients of this host are not taken here"), "{}", page.body);
        }
    }
    assert!(rig.event_names().await.contains(&"authorize_refused"));
}

#[tokio::test]
async fn published_clients_come_from_allowed_hosts_only_and_a_new_rule_ends_their_refreshing() {
    let (url, _host) = document_host(CALLBACK).await;
    for (allowed, blocked, status) in
        [(&["127.0.0.1"][..], &[][..], 200), (&["claude.ai"], &[], 403), (&[], &["127.0.0.1"], 403)]
    {
        let rig = Rig::start_with(|settings| {
            settings.client_rules.hosts.allowed = hosts(allowed);
            settings.client_rules.hosts.blocked = hosts(blocked);
        })
        .await;
        let client = published(&rig, &url);
        let page = rig.browser().open(&client.authorize_url(&[]), CALLBACK).await;
        assert_eq!(page.status, status, "{allowed:?} {blocked:?}: {}", page.body);
    }

    let rig = Rig::start().await;
    let client = published(&rig, &url);
    let ada = client.signs_in(&mut rig.browser(), "ada").await;
    let rig =
        rig.restarted_with(|settings| settings.client_rules.hosts.blocked = hosts(&["127.0.0.1"])).await;
    let refused = ada.refresh().await;
    assert_eq!((refused.status, refused.error()), (401, "invalid_client"));
    drop(rig);
}

#[tokio::test]
async fn forgotten_clients_leave_nothing_behind_and_blocked_ones_stay_blocked() {
    let rig = Rig::start_with(self_contained).await;
    let (kept, blocked) = (rig.client("kept").registers().await, rig.client("blocked").registers().await);
    let ada = kept.signs_in(&mut rig.browser(), "ada").await;
    let id = model::ids::ClientId::parse(&blocked.id).expect("an id");
    assert!(rig.running.store().block_client(&id, Some(rig.now())).await.expect("the store answers"));

    rig.running.store().forget(Forget::Clients).await.expect("the store answers");
    assert_eq!(ada.refresh().await.error(), "invalid_grant", "its session went with it");
    let page = rig.browser().open(&blocked.authorize_url(&[]), &blocked.redirect_uri).await;
    assert_eq!(page.status, 403, "{}", page.body);
}
