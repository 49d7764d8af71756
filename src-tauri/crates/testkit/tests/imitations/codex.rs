//! Codex, in the terminal and in editors. Captured on the wire, 0.169.0; <https://github.com/openai/codex>.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Rig;
use testkit::imitation::{Ask, Credentials, Imitation, JSON, Server, Tokens, call, initialize, roles};

use crate::scene::{Lines, plays_on};

const AGENT: (&str, &str) = ("user-agent", "codex-mcp-client/0.169.0");
/// Both types, in the order nobody else writes them.
const REVERSED: (&str, &str) = ("accept", "text/event-stream, application/json");
const FORM: &[(&str, &str)] =
    &[("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
const REDIRECT: &str = "http://127.0.0.1:38007/callback";
const VERIFIER: &str = "codexVerifier_0123456789-abcdefghijklmnopqrstuvwxyzABCDEF";
const STATE: &str = "hGk2mP9vQ4xW7zR1tY6uB3nL8cD5fS0a";

#[tokio::test]
async fn codex_looks_before_every_start_and_refreshes_in_bursts() {
    let rig = Rig::start().await;
    let codex = Imitation::of(roles::CODEX, &rig.running.mcp_url);
    let server = finds(&codex).await;
    // With `iss` advertised it has one document and one redirect path, without it one for each server
    // (https://github.com/BuilderIO/agent-native/issues/2616).
    codex.needs(
        server.document["authorization_response_iss_parameter_supported"] == true,
        "iss is not advertised: it uses an id for this server alone",
    );
    let by = Credentials::published("https://chatgpt.com/oauth/codex/client.json", REDIRECT);
    let tokens = signs_in(&codex, &rig, &server, &by).await;
    let heads = [REVERSED, JSON, AGENT, ("mcp-protocol-version", "2025-06-18")];

    // A burst: the same refresh token several times within 100 ms, and every answer must be good.
    rig.pass(Duration::from_secs(tokens.expires_in - 30));
    let form = refresh(&codex, &by, &tokens);
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (first, second, third) = tokio::join!(
        codex.redeems(&server, FORM, &form),
        codex.redeems(&server, FORM, &form),
        codex.redeems(&server, FORM, &form),
    );
    for renewed in [&first, &second, &third] {
        codex.meets_ada(&codex.asks(&renewed.access, &heads, &call(&json!(9), "get_user_info")).await);
    }
    stays(&codex, rig, &server, &by, second).await;
}

#[tokio::test]
async fn codex_registers_where_documents_are_not_taken() {
    let rig = Rig::start().await;
    let codex = Imitation::of(roles::CODEX_REGISTERED, &rig.running.mcp_url);
    let server = finds(&codex).await;
    let body = json!({
        "client_name": "Codex", "redirect_uris": [REDIRECT], "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none", "response_types": ["code"], "scope": "read", "application_type": "native",
    });
    let by = codex.registers(&server, &[JSON], &body).await;
    let tokens = signs_in(&codex, &rig, &server, &by).await;
    stays(&codex, rig, &server, &by, tokens).await;
}

/// A look without a token, two or three times at login and at every start even with valid tokens: 401 and nothing else tells
/// it that OAuth is to be had.
async fn finds(codex: &Imitation) -> Server {
    let look = [("accept", "*/*"), ("mcp-protocol-version", "2024-11-05"), AGENT];
    let origin = codex.origin();
    let mut server = None;
    for _ in 0..3 {
        let refused = codex.get(&codex.mcp_url, &look).await;
        codex.is_challenged(&refused);
        let heads = [("mcp-protocol-version", "2024-11-05"), AGENT];
        let resource =
            codex.reads_resource(&format!("{origin}/.well-known/oauth-protected-resource/mcp"), &heads).await;
        let url = format!("{origin}/.well-known/oauth-authorization-server");
        server = Some(codex.reads_server(&url, &heads, &resource).await);
    }
    server.expect("it looked three times")
}

async fn signs_in(codex: &Imitation, rig: &Rig, server: &Server, by: &Credentials) -> Tokens {
    let more = [("resource", codex.mcp_url.as_str())];
    let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some("read"), more: &more };
    let code = codex.signs_in(&mut rig.browser(), server, by, ask).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", &code.verifier),
        ("client_id", &by.id),
        ("resource", &codex.mcp_url),
    ];
    codex.redeems(server, FORM, &form).await
}

fn refresh(codex: &Imitation, by: &Credentials, tokens: &Tokens) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", tokens.refresh.clone()),
        ("scope", "read".to_owned()),
        ("client_id", by.id.clone()),
        ("resource", codex.mcp_url.clone()),
    ]
}

fn hello() -> Value {
    let who = json!({ "name": "codex-mcp-client", "title": "Codex", "version": "0.169.0" });
    initialize(&json!(0), "2025-06-18", &who, &json!({ "elicitation": {} }))
}

async fn stays(codex: &Imitation, rig: Rig, server: &Server, by: &Credentials, tokens: Tokens) {
    let greet = [REVERSED, JSON, AGENT];
    let heads = [REVERSED, JSON, AGENT, ("mcp-protocol-version", "2025-06-18")];
    let form = [("scope", "read"), ("client_id", by.id.as_str()), ("resource", codex.mcp_url.as_str())];
    let lines =
        Lines { hello: hello(), greet: &greet, heads: &heads, stream: true, form: FORM, refresh: &form };
    let rig = plays_on(codex, rig, server, tokens, lines).await;
    finds(codex).await; // the next start
    drop(rig);
    codex.bows();
}
