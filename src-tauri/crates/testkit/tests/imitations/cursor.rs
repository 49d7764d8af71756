//! Cursor, as servers have seen it: <https://github.com/better-auth/better-auth/issues/10946>,
//! <https://github.com/soflyy/agent-connector-for-wp/issues/111>, <https://github.com/bytebase/bytebase/issues/20510>.

use serde_json::json;
use testkit::Rig;
use testkit::imitation::{ACCEPT_BOTH, Ask, Imitation, JSON, initialize, roles};

use crate::scene::{Lines, plays_on};

const FORM: &[(&str, &str)] =
    &[("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
const VERIFIER: &str = "cursor_verifier-0123456789.abcdefghijklmnopqrstuvwxyz~ABCDEF";
const STATE: &str = "eyJpZCI6ImN1cnNvciJ9.Ym90aA%3D%3D";

#[tokio::test]
async fn cursor_registers_three_kinds_of_addresses_at_once() {
    let rig = Rig::start().await;
    let cursor = Imitation::of(roles::CURSOR, &rig.running.mcp_url);
    let hello = initialize(
        &json!(0),
        "2025-06-18",
        &json!({ "name": "cursor-vscode", "version": "1.0.0" }),
        &json!({ "roots": { "listChanged": false }, "elicitation": {} }),
    );
    let refused = cursor.post_json(&cursor.mcp_url, &[ACCEPT_BOTH, JSON], &hello).await;
    let challenge = cursor.is_challenged(&refused);
    let heads = [("mcp-protocol-version", "2025-06-18"), ("accept", "application/json")];
    let resource = cursor.reads_resource(&challenge.resource_metadata, &heads).await;
    let url = format!("{}/.well-known/oauth-authorization-server", cursor.origin());
    let server = cursor.reads_server(&url, &heads, &resource).await;
    // One address refused refuses all, and no button to sign in appears. `web` stands beside a custom scheme
    // (https://github.com/better-auth/better-auth/pull/10956).
    let body = json!({
        "client_name": "Cursor", "application_type": "web",
        "redirect_uris": [
            "cursor://anysphere.cursor-mcp/oauth/callback", "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        ],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let by = cursor.registers(&server, &[JSON], &body).await;
    // Older versions come back by the scheme, newer ones by the port; both are the same registration.
    let mut tokens = None;
    for redirect_uri in ["http://localhost:8787/callback", "cursor://anysphere.cursor-mcp/oauth/callback"] {
        let by = testkit::imitation::Credentials { redirect_uri: redirect_uri.to_owned(), ..by.clone() };
        let more = [("resource", cursor.mcp_url.as_str())];
        let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some(&server.scopes), more: &more };
        let code = cursor.signs_in(&mut rig.browser(), &server, &by, ask).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.code.as_str()),
            ("code_verifier", &code.verifier),
            ("redirect_uri", redirect_uri),
            ("client_id", &by.id),
            ("resource", &cursor.mcp_url),
        ];
        tokens = Some(cursor.redeems(&server, FORM, &form).await);
    }
    let tokens = tokens.expect("it signed in twice");
    let refresh = [("client_id", by.id.as_str()), ("resource", cursor.mcp_url.as_str())];
    let later = [ACCEPT_BOTH, JSON, ("mcp-protocol-version", "2025-06-18")];
    let lines = Lines {
        hello,
        greet: &[ACCEPT_BOTH, JSON],
        heads: &later,
        stream: true,
        form: FORM,
        refresh: &refresh,
    };
    plays_on(&cursor, rig, &server, tokens, lines).await;
    cursor.bows();
}
