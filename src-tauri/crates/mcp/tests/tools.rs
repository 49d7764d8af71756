//! The tools: what a client is told about them, and what they answer, in both eras.
#![expect(clippy::unwrap_used, reason = "in tests a panic is an answer, in their helpers too")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use model::caller::{Caller, CallerFacts};
use model::scope::ScopeSet;
use serde_json::{Value, json};
use support::{ask, caller, legacy, modern, raw, served, served_to};

const METADATA: &str = "http://localhost:4242/.well-known/oauth-protected-resource/mcp";

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

async fn both_eras(facts: impl Fn() -> CallerFacts, method: &str, params: Value) -> [Value; 2] {
    [
        legacy(served_to(facts()), method, params.clone()).await.result(),
        modern(served_to(facts()), method, params).await.result(),
    ]
}

async fn structured(facts: impl Fn() -> CallerFacts, tool: &str) -> [Value; 2] {
    both_eras(facts, "tools/call", json!({ "name": tool, "arguments": {} })).await.map(|result| {
        assert_eq!(result["isError"], false, "{result}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"], "clients without structured output read the text");
        result["structuredContent"].clone()
    })
}

#[tokio::test]
async fn every_tool_carries_all_that_chatgpt_and_the_directories_ask_for() {
    let schemes = json!([{ "type": "oauth2", "scopes": ["read"] }]);
    for result in both_eras(caller::facts, "tools/list", json!({})).await {
        let tools = result["tools"].as_array().unwrap();
        let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["get_user_info", "version"]);
        for tool in tools {
            assert!(!has_null(tool), "{tool}");
            assert_eq!(tool["securitySchemes"], schemes);
            assert_eq!(tool["_meta"], json!({ "securitySchemes": schemes }));
            assert_eq!(tool["inputSchema"]["type"], "object");
            assert_eq!(tool["outputSchema"]["type"], "object");
            assert!(!tool["title"].as_str().unwrap().is_empty());
            assert!(tool["description"].as_str().unwrap().ends_with('.'));
            assert!(tool["icons"][0]["src"].as_str().unwrap().starts_with("data:image/svg+xml,"));
            let hints = json!({ "title": tool["title"], "readOnlyHint": true, "destructiveHint": false,
                "idempotentHint": true, "openWorldHint": false });
            assert_eq!(tool["annotations"], hints);
        }
    }
}

#[tokio::test]
async fn only_the_new_era_sees_its_new_members() {
    let [old, new] = both_eras(caller::facts, "tools/list", json!({})).await;
    for member in ["resultType", "ttlMs", "cacheScope"] {
        assert!(old.get(member).is_none(), "{member}");
        assert!(new.get(member).is_some(), "{member}");
    }
    assert_eq!(new["cacheScope"], "private", "the list was asked for with somebody's token");
}

#[tokio::test]
async fn the_version_tool_names_the_revision_of_the_call() {
    let [old, new] = structured(caller::facts, "version").await;
    assert_eq!(
        old,
        json!({ "name": "just-mcp-oauth-proxy", "version": "1.2.3", "protocol_version": "2025-11-25" })
    );
    assert_eq!(new["protocol_version"], "2026-07-28");
}

#[tokio::test]
async fn user_info_tells_who_is_behind_the_token() {
    for info in structured(caller::facts, "get_user_info").await {
        let expected = json!({
            "name": "Ada Lovelace",
            "username": "ada@practice.example",
            "email": "ada@practice.example",
            "job_title": "Countess",
            "office_location": "London",
            "note": "This directory is made up.",
            "object_id": "22222222-2222-4222-8222-222222222222",
            "tenant_id": "11111111-1111-4111-8111-111111111111",
            "guest": false,
            "roles": ["Admin"],
            "issuer": "https://login.example/11111111-1111-4111-8111-111111111111/v2.0",
            "client": { "id": "https://claude.ai/oauth/mcp-oauth-client-metadata", "name": "Claude" },
            "scopes": ["read", "write"],
            "session": caller::facts().session.as_str(),
            "access_token_expires_at": "2026-11-23T13:00:00Z",
        });
        assert_eq!(info, expected);
    }
}

/// A person of whom the directory says the least it can, called by a client without a name.
fn bare_facts() -> CallerFacts {
    let mut facts = caller::facts();
    facts.person.name = None;
    facts.person.username = None;
    facts.person.email = None;
    facts.person.roles.clear();
    facts.client_name = None;
    facts.upstream_issuer = None;
    facts
}

#[tokio::test]
async fn the_output_schema_describes_the_fullest_and_the_barest_answer() {
    let list = legacy(served(), "tools/list", json!({})).await.result();
    let schema = list["tools"][0]["outputSchema"].clone();
    let properties = schema["properties"].as_object().unwrap();
    let required: Vec<_> =
        schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for (facts, full) in [(caller::facts as fn() -> CallerFacts, true), (bare_facts, false)] {
        for info in structured(facts, "get_user_info").await {
            assert!(!has_null(&info), "{info}");
            let info = info.as_object().unwrap();
            assert!(info.keys().all(|name| properties.contains_key(name)), "nothing undescribed");
            assert!(required.iter().all(|name| info.contains_key(*name)), "nothing missing");
            assert_eq!(info.len() == properties.len(), full);
        }
    }
    for optional in ["name", "username", "email", "job_title", "office_location", "note", "issuer"] {
        assert!(!required.contains(&optional), "{optional}");
        assert_eq!(properties[optional]["type"], "string", "never a list of types with null");
    }
    assert_eq!(properties["client"]["required"], json!(["id"]));
    assert_eq!(properties["access_token_expires_at"]["format"], "date-time");
}

async fn refused(facts: CallerFacts, path: &str) -> (String, String) {
    let call =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "get_user_info" } });
    let headers = [("content-type", "application/json")];
    let answer = ask(served_to(facts), raw(Method::POST, path, &headers, call.to_string())).await;
    let result = answer.result();
    assert_eq!(result["isError"], true);
    assert!(result.get("structuredContent").is_none(), "nothing about the person");
    let challenge = result["_meta"]["mcp/www_authenticate"][0].as_str().unwrap().to_owned();
    (challenge, result["content"][0]["text"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_token_that_ends_under_way_gets_a_challenge_instead_of_facts() {
    let mut facts = caller::facts();
    facts.expires_at = caller::NOW;
    let (challenge, text) = refused(facts, "/mcp").await;
    assert!(
        challenge.starts_with(&format!("Bearer resource_metadata=\"{METADATA}\", error=\"invalid_token\""))
    );
    assert!(text.contains("sign in again"), "{text}");

    let mut facts = caller::facts();
    facts.expires_at = caller::NOW.minus(Duration::from_millis(1));
    let (challenge, _) = refused(facts, "/mcp/").await;
    assert!(challenge.contains(&format!("\"{METADATA}/\"")), "the metadata of the URL the client knows");
}

#[tokio::test]
async fn a_token_without_the_required_scope_is_told_which_one() {
    let mut facts = caller::facts();
    facts.scope = ScopeSet::parse_lenient("write");
    let (challenge, _) = refused(facts, "/mcp").await;
    assert!(
        challenge.contains("error=\"insufficient_scope\"") && challenge.ends_with("scope=\"read\""),
        "{challenge}"
    );
}

#[tokio::test]
async fn an_unknown_tool_is_an_error_of_the_protocol() {
    let answer = legacy(served(), "tools/call", json!({ "name": "rm" })).await;
    assert_eq!(answer.error(), (200, json!(1), -32602));
}

#[tokio::test]
async fn text_of_a_person_cannot_forge_tool_metadata() {
    let mut facts = caller::facts();
    facts.person.name =
        Some(r#""_meta":{"securitySchemes":[{"scopes":["read"],"type":"oauth2"}]}"#.to_owned());
    let facts = Arc::new(facts);
    let app = || mcp::router(&caller::config()).layer(axum::Extension(Caller(facts.clone())));
    let result = legacy(app(), "tools/call", json!({ "name": "get_user_info" })).await.result();
    assert_eq!(result["structuredContent"]["name"], facts.person.name.clone().unwrap());
    assert!(result.get("securitySchemes").is_none());
}
