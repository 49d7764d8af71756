//! The first requests of real clients, as captured or documented, get the answer each of them needs.
#![expect(clippy::unwrap_used, reason = "in tests a panic is an answer, in their helpers too")]

mod support;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Answer, LEGACY, MODERN, ask, initialize, legacy, modern_body, post, raw, served};

const JSON: (&str, &str) = ("content-type", "application/json");
const BOTH: (&str, &str) = ("accept", "application/json, text/event-stream");

/// What the handshake must say, whoever asks.
fn assert_initialized(answer: &Answer, version: &str) {
    let result = answer.result();
    assert_eq!(result["protocolVersion"], version);
    assert_eq!(result["capabilities"], json!({ "tools": {} }));
    let info = &result["serverInfo"];
    assert_eq!(info["name"], "just-mcp-oauth-proxy");
    assert_eq!(info["title"], "Just MCP OAuth Proxy");
    assert_eq!(info["version"], "1.2.3");
    assert!(info["icons"][0]["src"].as_str().unwrap().starts_with("data:image/svg+xml,%3Csvg"));
    assert!(info.get("websiteUrl").is_none());
    assert!(result["instructions"].as_str().unwrap().ends_with('.'));
}

fn assert_discovered(answer: &Answer, id: &Value) {
    let result = answer.result();
    assert_eq!(&answer.json()["id"], id);
    assert_eq!(result["resultType"], "complete");
    let versions: Vec<_> =
        result["supportedVersions"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert!(versions.contains(&MODERN), "{versions:?}");
    assert!(LEGACY.iter().all(|version| versions.contains(version)), "{versions:?}");
    assert!(result["capabilities"]["tools"].is_object());
    assert!(result["ttlMs"].is_u64());
    assert!(result["cacheScope"].is_string());
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "just-mcp-oauth-proxy");
}

#[tokio::test]
async fn claude_code_probes_with_discover_and_then_shakes_hands() {
    let agent = ("user-agent", "claude-code/2.1.330 (sdk-cli)");
    let id = json!("server-discover-probe-1");
    let headers = [BOTH, JSON, agent, ("mcp-protocol-version", MODERN), ("mcp-method", "server/discover")];
    let probe = modern_body(&id, "server/discover", json!({}));
    assert_discovered(&post(&headers, probe.to_string()).await, &id);

    let hello = initialize(&json!(0), "2025-11-25", "claude-code");
    assert_initialized(&post(&[BOTH, JSON, agent], hello.to_string()).await, "2025-11-25");
    let stream = raw(Method::GET, "/mcp", &[("accept", "text/event-stream"), agent], "");
    assert_eq!(ask(served(), stream).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn claude_web_asks_for_anything_or_names_no_version() {
    let first = initialize(&json!(1), "2025-11-25", "Anthropic");
    let headers = [("accept", "*/*"), JSON, ("mcp-protocol-version", "2025-11-25")];
    assert_initialized(&post(&headers, first.to_string()).await, "2025-11-25");

    let mut second = initialize(&json!(0), "2025-11-25", "Anthropic/ClaudeAI");
    second["params"]["capabilities"] = json!({
        "extensions": { "io.modelcontextprotocol/ui": { "mimeTypes": ["text/html;profile=mcp-app"] } },
        "elicitation": { "form": {}, "url": {} }, "sampling": {}, "neverHeardOf": [1, null],
    });
    let answer = post(&[BOTH, JSON, ("user-agent", "Claude-User")], second.to_string()).await;
    assert_initialized(&answer, "2025-11-25");
    assert_eq!(answer.json()["id"], 0);
}

#[tokio::test]
async fn chatgpt_discovers_and_lists_tools_in_the_legacy_way_too() {
    let id = json!("openai-mcp-discover");
    let headers = [BOTH, JSON, ("mcp-protocol-version", MODERN), ("mcp-method", "server/discover")];
    let probe = modern_body(&id, "server/discover", json!({}));
    assert_discovered(&post(&headers, probe.to_string()).await, &id);
    let hello = initialize(&json!(1), "2025-06-18", "openai-mcp");
    assert_initialized(&post(&[BOTH, JSON], hello.to_string()).await, "2025-06-18");
    let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
    assert_eq!(post(&[BOTH, JSON], list).await.result()["tools"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn codex_writes_accept_the_other_way_round() {
    let get = raw(Method::GET, "/mcp", &[("accept", "*/*"), ("mcp-protocol-version", "2024-11-05")], "");
    assert_eq!(ask(served(), get).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let hello = initialize(&json!(0), "2025-06-18", "codex-mcp-client");
    let reversed = ("accept", "text/event-stream, application/json");
    assert_initialized(&post(&[reversed, JSON], hello.to_string()).await, "2025-06-18");
}

#[tokio::test]
async fn gemini_never_sends_a_version_and_probes_with_head() {
    let hello = initialize(&json!(0), "2025-06-18", "gemini-cli-mcp-client");
    assert_initialized(&post(&[BOTH, JSON], hello.to_string()).await, "2025-06-18");
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "version" } });
    let result = post(&[BOTH, JSON], call.to_string()).await.result();
    assert_eq!(
        result["structuredContent"]["protocol_version"], "2025-03-26",
        "the default of the specification"
    );
    let head = ask(served(), raw(Method::HEAD, "/mcp", &[("accept", "application/json")], "")).await;
    assert_eq!((head.status, head.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
}

#[tokio::test]
async fn mcp_remote_sends_the_new_headers_on_old_requests() {
    let hello = initialize(&json!(0), "2025-11-25", "mcp-remote");
    let answer = post(&[BOTH, JSON, ("mcp-method", "initialize")], hello.to_string()).await;
    assert_initialized(&answer, "2025-11-25");
    let headers = [
        BOTH,
        JSON,
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "version"),
    ];
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "version" } });
    assert_eq!(post(&headers, call.to_string()).await.result()["isError"], false);
}

#[tokio::test]
async fn the_old_inspector_proxy_gets_204_for_notifications_because_202_crashes_it() {
    let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    for (agent, status) in [("node-fetch", 204), ("node-fetch/1.0", 204), ("node", 202), ("Claude-User", 202)]
    {
        let headers = [BOTH, JSON, ("user-agent", agent), ("mcp-protocol-version", "2025-06-18")];
        let hello = initialize(&json!(0), "2025-06-18", "mcp-inspector");
        assert_initialized(&post(&headers, hello.to_string()).await, "2025-06-18");
        let answer = post(&headers, note).await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (status, 0), "{agent}");
    }
    let modern = [BOTH, JSON, ("mcp-protocol-version", MODERN), ("mcp-method", "notifications/cancelled")];
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert_eq!(post(&modern, cancel).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn vs_code_is_served_without_a_version_header() {
    let agent = ("user-agent", "Visual Studio Code/1.128.0");
    let hello = initialize(&json!(1), "2025-11-25", "Visual Studio Code");
    assert_initialized(&post(&[BOTH, JSON, agent], hello.to_string()).await, "2025-11-25");
    let ping = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
    assert_eq!(post(&[BOTH, JSON, agent], ping).await.result(), json!({}));
}

#[tokio::test]
async fn the_handshake_echoes_what_it_knows_and_offers_the_newest_for_the_rest() {
    for version in LEGACY {
        assert_initialized(
            &post(&[BOTH, JSON], initialize(&json!(1), version, "x").to_string()).await,
            version,
        );
    }
    for unknown in ["2023-01-01", "2099-12-31", MODERN, "draft", ""] {
        let answer = post(&[BOTH, JSON], initialize(&json!(1), unknown, "x").to_string()).await;
        assert_initialized(&answer, "2025-11-25");
    }
}

#[tokio::test]
async fn a_version_header_that_makes_no_sense_does_not_shut_a_legacy_client_out() {
    for header in ["2025-01-01", "2099-12-31", "1.0", ""] {
        let version = ("mcp-protocol-version", header);
        let hello = initialize(&json!(1), "2025-06-18", "x").to_string();
        assert_initialized(&post(&[BOTH, JSON, version], hello).await, "2025-06-18");
        let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
        assert!(post(&[BOTH, JSON, version], list).await.result()["tools"].is_array(), "{header}");
        let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(post(&[BOTH, JSON, version], note).await.status, StatusCode::ACCEPTED, "{header}");
    }
    let fixed = [BOTH, JSON, ("mcp-protocol-version", "2024-11-05")];
    assert_initialized(
        &post(&fixed, initialize(&json!(1), "2025-06-18", "x").to_string()).await,
        "2025-06-18",
    );
}

#[tokio::test]
async fn the_version_header_still_counts_where_the_word_initialize_is_only_an_argument() {
    let params = json!({ "name": "version", "arguments": { "word": "initialize" } });
    let result = legacy(served(), "tools/call", params).await.result();
    assert_eq!(result["structuredContent"]["protocol_version"], "2025-11-25");
}
