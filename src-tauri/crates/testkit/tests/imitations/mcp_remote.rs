//! mcp-remote, the bridge for clients that only start programs. Captured on the wire, 0.15.1.

use serde_json::{Value, json};
use testkit::Rig;
use testkit::imitation::{ACCEPT_BOTH, Ask, Imitation, JSON, call, initialize, initialized, list, roles};

use crate::scene::{Lines, plays_on};

const AGENT: (&str, &str) = ("user-agent", "node");
const FORM: &[(&str, &str)] =
    &[("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json"), AGENT];
const REDIRECT: &str = "http://localhost:9845/oauth/callback";
const VERIFIER: &str = "mcp-remote_verifier.0123456789~abcdefghijklmnopqrstuvwxyz-ABC";
const STATE: &str = "2f0c1e1a-7f0e-4f6c-9b5d-6f1f3f0c2a11";
const VERSION: (&str, &str) = ("mcp-protocol-version", "2025-11-25");

#[tokio::test]
async fn mcp_remote_asks_first_and_names_its_methods() {
    let rig = Rig::start().await;
    let remote = Imitation::of(roles::MCP_REMOTE, &rig.running.mcp_url);
    let refused = remote.get(&remote.mcp_url, &[ACCEPT_BOTH, ("user-agent", "undici")]).await;
    let challenge = remote.is_challenged(&refused);
    let heads = [VERSION, ("accept", "application/json"), AGENT];
    let resource = remote.reads_resource(&challenge.resource_metadata, &heads).await;
    let url = format!("{}/.well-known/oauth-authorization-server", remote.origin());
    let server = remote.reads_server(&url, &heads, &resource).await;
    let body = json!({
        "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "client_name": "MCP CLI Proxy", "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
        "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d", "software_version": "0.15.1",
        "scope": server.scopes, "application_type": "native",
    });
    let by = remote.registers(&server, &[JSON, AGENT], &body).await;
    let more = [("resource", remote.mcp_url.as_str())];
    let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some(&server.scopes), more: &more };
    let code = remote.signs_in(&mut rig.browser(), &server, &by, ask).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("code_verifier", &code.verifier),
        ("redirect_uri", REDIRECT),
        ("client_id", &by.id),
        ("resource", &remote.mcp_url),
    ];
    let tokens = remote.redeems(&server, FORM, &form).await;

    // A handshake to throw away, to see whether the server speaks this transport at all.
    let probe = hello("mcp-remote-fallback-test");
    named(&remote, &tokens.access, &probe).await;
    // The new headers on every old request, notifications included.
    named(&remote, &tokens.access, &hello("claude-ai")).await;
    let told = [ACCEPT_BOTH, JSON, AGENT, VERSION, ("mcp-method", "notifications/initialized")];
    remote.tells(&tokens.access, &told, &initialized(), 202).await;
    remote.likes_the_tools(&named(&remote, &tokens.access, &list(&json!(1))).await);
    remote.meets_ada(&named(&remote, &tokens.access, &call(&json!(2), "get_user_info")).await);

    // A minute before the end, with the scope (https://github.com/punkpeye/mcp-remote/pull/357).
    let refresh = [
        ("client_id", by.id.as_str()),
        ("scope", server.scopes.as_str()),
        ("resource", remote.mcp_url.as_str()),
    ];
    let heads = [ACCEPT_BOTH, JSON, AGENT, VERSION];
    let hello = hello("claude-ai");
    let lines =
        Lines { hello, greet: &heads[..3], heads: &heads, stream: true, form: FORM, refresh: &refresh };
    plays_on(&remote, rig, &server, tokens, lines).await;
    remote.bows();
}

fn hello(name: &str) -> Value {
    initialize(&json!(0), "2025-11-25", &json!({ "name": name, "version": "0.15.1" }), &json!({}))
}

async fn named(remote: &Imitation, token: &str, body: &Value) -> Value {
    let mut heads =
        vec![ACCEPT_BOTH, JSON, AGENT, VERSION, ("mcp-method", body["method"].as_str().expect("a method"))];
    heads.extend(body["params"]["name"].as_str().map(|name| ("mcp-name", name)));
    remote.asks(token, &heads, body).await
}
