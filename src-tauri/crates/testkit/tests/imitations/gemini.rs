//! Gemini CLI. Captured on the wire, 0.61.0, and its source: <https://github.com/google-gemini/gemini-cli>.

use serde_json::json;
use testkit::Rig;
use testkit::imitation::{ACCEPT_BOTH, Ask, Imitation, JSON, initialize, roles};

use crate::scene::{Lines, plays_on};

const REDIRECT: &str = "http://localhost:43731/oauth/callback";
const VERIFIER: &str = "gemini0verifier1with2base64url3letters4only5_-AbCdEfGhIjKl";
const STATE: &str = "iVd3lJ0l5n8Gq1Yk7wQm2A";

#[tokio::test]
async fn gemini_cli_insists_on_the_issuer() {
    let rig = Rig::start().await;
    let gemini = Imitation::of(roles::GEMINI, &rig.running.mcp_url);
    let hello = initialize(
        &json!(0),
        "2025-06-18",
        &json!({ "name": "gemini-cli-mcp-client", "version": "0.61.0" }),
        &json!({ "roots": { "listChanged": true } }),
    );
    let refused = gemini.post_json(&gemini.mcp_url, &[ACCEPT_BOTH, JSON], &hello).await;
    gemini.is_challenged(&refused);
    let head =
        gemini.sends("HEAD", &gemini.mcp_url, &[("accept", "application/json")], |request| request).await;
    let challenge = gemini.is_challenged(&head);
    let resource = gemini.reads_resource(&challenge.resource_metadata, &[]).await;
    let url = format!("{}/.well-known/oauth-authorization-server", gemini.origin());
    gemini.reads_server(&url, &[], &resource).await;
    let server = gemini.reads_server(&url, &[], &resource).await;
    // Endpoints that are neither https nor as near as the server itself are refused.
    for endpoint in [&server.authorize, &server.token, &server.register] {
        gemini.needs(
            endpoint.starts_with(gemini.origin()),
            format_args!("the endpoint {endpoint} is elsewhere: it refuses to go there"),
        );
    }
    // Only the server's metadata is asked for scopes.
    gemini.needs(!server.scopes.is_empty(), "the server's metadata names no scopes: it asks for none");
    let body = json!({
        "client_name": "Gemini CLI MCP Client", "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "scope": server.scopes,
    });
    let by = gemini.registers(&server, &[JSON], &body).await;
    // "Missing iss parameter in authorization response (RFC 9207)" wherever the metadata has an issuer; `signs_in` asks
    // for it.
    let more = [("resource", gemini.mcp_url.as_str())];
    let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some(&server.scopes), more: &more };
    let code = gemini.signs_in(&mut rig.browser(), &server, &by, ask).await;
    let heads = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "application/json, application/x-www-form-urlencoded"),
    ];
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", &code.verifier),
        ("client_id", &by.id),
        ("resource", &gemini.mcp_url),
    ];
    let tokens = gemini.redeems(&server, &heads, &form).await;
    let refresh = [
        ("client_id", by.id.as_str()),
        ("scope", server.scopes.as_str()),
        ("resource", gemini.mcp_url.as_str()),
    ];
    // It never names a revision.
    let plain = [ACCEPT_BOTH, JSON];
    let lines = Lines { hello, greet: &plain, heads: &plain, stream: true, form: &heads, refresh: &refresh };
    plays_on(&gemini, rig, &server, tokens, lines).await;
    gemini.bows();
}
