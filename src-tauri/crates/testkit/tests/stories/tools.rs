//! Tools that need more than every token has: a scope is asked for by a step-up, an app role is explained.

use engine::Engine;
use model::scope::ScopeSet;
use model::tools::{Needs, ToolRules};
use serde_json::{Value, json};
use testkit::{Answer, Connected, Rig};

fn rules(tool: &str, scopes: &str, roles: &[&str]) -> ToolRules {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    [(tool.to_owned(), Needs { scopes: ScopeSet::parse_lenient(scopes), roles })].into_iter().collect()
}

async fn rig(tool: &str, scopes: &str, roles: &[&str]) -> Rig {
    let rules = rules(tool, scopes, roles);
    Rig::start_with(|settings| settings.tools = rules).await
}

async fn stepped_up(rig: &Rig, of: &Connected, scope: &str) -> Connected {
    let url = of.client.authorize_url(&[("scope", Some(scope))]);
    let landed = rig.browser().sign_in(&url, "ada", &of.client.redirect_uri).await;
    of.client.connected(&of.client.redeem(&landed.param("code").expect("a code"), &[]).await)
}

fn text(answer: &Answer) -> &str {
    answer.body["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_missing_scope_is_403_with_a_challenge_and_a_step_up_opens_the_tool() {
    let rig = rig("version", "write", &[]).await;
    let client = rig.client("c").registers().await;
    let metadata = client.get("/.well-known/oauth-protected-resource/mcp").await;
    assert_eq!(metadata.body["scopes_supported"], json!(["read"]), "what every call needs, and no more");
    let ada = client.signs_in(&mut rig.browser(), "ada").await;
    assert_eq!(ada.calls("get_user_info").await.status, 200, "the base is enough");

    let refused = ada.calls("version").await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    let challenge = refused.header("www-authenticate");
    for part in [
        "Bearer resource_metadata=\"",
        "/.well-known/oauth-protected-resource/mcp\"",
        "error=\"insufficient_scope\"",
        "scope=\"read write\"",
    ] {
        assert!(challenge.contains(part), "{part}: {challenge}");
    }
    assert_eq!(refused.body["result"]["isError"], true, "clients that do not look at the status read it");
    assert!(rig.event_names().await.contains(&"challenged"));

    let more = stepped_up(&rig, &ada, "read write unknown").await;
    assert_eq!(more.calls("version").await.status, 200);
    assert_eq!(more.calls("get_user_info").await.structured()["scopes"], json!(["read", "write"]));
    let later = more.refreshes().await;
    assert_eq!(later.calls("version").await.status, 200, "a refresh keeps what was granted");
    assert_eq!(ada.calls("version").await.status, 403, "the first token is what it was");
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_granted_and_what_is_unknown_is_ignored() {
    let rig = rig("version", "write", &[]).await;
    let client = rig.client("c").registers().await;
    for (asked, granted) in [
        (None, "read"),
        (Some(""), "read"),
        (Some("nonsense openid"), "read"),
        (Some("write"), "read write"),
        (Some("write offline_access read"), "read write offline_access"),
    ] {
        let url = client.authorize_url(&[("scope", asked)]);
        let landed = rig.browser().sign_in(&url, "ada", &client.redirect_uri).await;
        let tokens = client.redeem(&landed.param("code").expect("a code"), &[]).await;
        assert_eq!(tokens.text("scope"), granted, "{asked:?}");
    }
}

#[tokio::test]
async fn without_rules_every_tool_is_open_to_every_token() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    for tool in ["version", "get_user_info"] {
        assert_eq!(ada.calls(tool).await.status, 200);
    }
}

#[tokio::test]
async fn a_missing_role_is_explained_by_the_tool_since_no_sign_in_helps() {
    let rig = rig("version", "", &["Admin", "Owner"]).await;
    let client = rig.client("c").registers().await;
    let ben = client.signs_in(&mut rig.browser(), "ben").await;
    let refused = ben.calls("version").await;
    assert_eq!((refused.status, &refused.body["result"]["isError"]), (200, &json!(true)));
    for part in ["`Admin`", "`Owner`", "administrator", "Users and groups"] {
        assert!(text(&refused).contains(part), "{part}: {}", refused.body);
    }
    assert!(refused.body["result"].get("_meta").is_none(), "nothing to sign in again for: {}", refused.body);
    assert_eq!(
        client.signs_in(&mut rig.browser(), "ada").await.calls("version").await.body["result"]["isError"],
        false
    );
}

#[tokio::test]
async fn the_list_shows_every_tool_each_with_the_scopes_it_needs() {
    let rig = rig("version", "write", &["Admin"]).await;
    let ben = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ben").await;
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let bearer = format!("Bearer {}", ben.access_token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let answer = ben.client.request("POST", "/mcp", &headers, &list).await;
    let tools = answer.body["result"]["tools"].as_array().unwrap();
    let schemes = |name: &str| -> Value {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        assert_eq!(tool["securitySchemes"], tool["_meta"]["securitySchemes"], "{tool}");
        tool["securitySchemes"][0]["scopes"].clone()
    };
    assert_eq!((schemes("version"), schemes("get_user_info")), (json!(["read", "write"]), json!(["read"])));
}

#[tokio::test]
async fn the_owner_sees_who_could_call_what_and_why_not() {
    let rig = rig("version", "write", &["Admin"]).await;
    let client = rig.client("c").registers().await;
    client.signs_in(&mut rig.browser(), "ben").await;
    let api = Engine::around(&rig.running).api();
    let sessions = api.call("list_sessions", json!({})).await.unwrap();
    assert_eq!(sessions[0]["person"]["roles"], json!(["Member"]));
    let tools = api.call("tools", json!({ "session": sessions[0]["session"] })).await.unwrap();
    let of = |name: &str| tools.as_array().unwrap().iter().find(|tool| tool["name"] == name).unwrap().clone();
    assert_eq!(of("version")["scopes"], json!(["read", "write"]));
    assert_eq!(of("version")["view"]["allowed"], false);
    assert!(of("version")["view"]["why"].as_str().unwrap().contains("`Admin`"));
    assert_eq!(of("get_user_info")["view"], json!({ "allowed": true, "why": null }));
    let nobodys = api.call("tools", json!({})).await.unwrap();
    assert_eq!(nobodys[0]["view"], Value::Null);
}
