//! GitHub Copilot in the IDEs of JetBrains: <https://github.com/microsoft/copilot-intellij-feedback/issues/2041>. It carries
//! the TypeScript SDK of the 1.x line.

use serde_json::json;
use testkit::Rig;
use testkit::imitation::{ACCEPT_BOTH, Ask, Imitation, JSON, initialize, roles};

use crate::scene::{Lines, plays_on};

const FORM: &[(&str, &str)] =
    &[("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
const REDIRECT: &str = "http://127.0.0.1:33428/callback";
const VERIFIER: &str = "jetbrains-verifier~0123456789.abcdefghijklmnopqrstuvwxyz_ABC";
const STATE: &str = "d5c1a9e0-1d0e-4b7f-a1c2-0a4b5c6d7e8f";

#[tokio::test]
async fn the_jetbrains_plugin_registers_a_fixed_port_and_none() {
    let rig = Rig::start().await;
    let plugin = Imitation::of(roles::JETBRAINS, &rig.running.mcp_url);
    let who = json!({ "name": "copilot-intellij", "version": "1.5.60" });
    let hello = initialize(&json!(0), "2025-06-18", &who, &json!({}));
    let refused = plugin.post_json(&plugin.mcp_url, &[ACCEPT_BOTH, JSON], &hello).await;
    let challenge = plugin.is_challenged(&refused);
    let heads = [("mcp-protocol-version", "2025-06-18")];
    let resource = plugin.reads_resource(&challenge.resource_metadata, &heads).await;
    let url = format!("{}/.well-known/oauth-authorization-server", plugin.origin());
    let server = plugin.reads_server(&url, &heads, &resource).await;
    let body = json!({
        "client_name": "GitHub Copilot", "redirect_uris": [REDIRECT, "http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let by = plugin.registers(&server, &[JSON], &body).await;
    let more = [("resource", plugin.mcp_url.as_str())];
    let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some("read"), more: &more };
    let code = plugin.signs_in(&mut rig.browser(), &server, &by, ask).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("code_verifier", &code.verifier),
        ("redirect_uri", REDIRECT),
        ("client_id", &by.id),
        ("resource", &plugin.mcp_url),
    ];
    let tokens = plugin.redeems(&server, FORM, &form).await;
    let refresh = [("client_id", by.id.as_str()), ("resource", plugin.mcp_url.as_str())];
    let heads = [ACCEPT_BOTH, JSON, ("mcp-protocol-version", "2025-06-18")];
    let lines =
        Lines { hello, greet: &heads[..2], heads: &heads, stream: true, form: FORM, refresh: &refresh };
    plays_on(&plugin, rig, &server, tokens, lines).await;
    plugin.bows();
}
