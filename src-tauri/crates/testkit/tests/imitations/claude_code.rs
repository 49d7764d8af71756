//! Claude Code. Captured on the wire, 2.1.330; `claude mcp add --transport http`, `claude mcp login`.

use std::time::Duration;

use serde_json::json;
use testkit::Rig;
use testkit::imitation::{
    ACCEPT_BOTH, Ask, Credentials, Imitation, JSON, MODERN, Server, Tokens, call, discover, initialize,
    initialized, list, modern, roles,
};

const AGENT: (&str, &str) = ("user-agent", "claude-code/2.1.330 (sdk-cli)");
/// Its login is another program than its MCP client.
const LOGIN: &[(&str, &str)] = &[("user-agent", "Bun/1.4.4"), ("mcp-protocol-version", "2025-11-25")];
const FORM: &[(&str, &str)] = &[
    ("user-agent", "Bun/1.4.4"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("accept", "application/json"),
];
const REDIRECT: &str = "http://localhost:54321/callback";
const VERIFIER: &str = "Zk3vP0mC5uV7qk-2n1xT8sY4wQ6rB9dL0aJfHgKiMeE";
const STATE: &str = "8f1b2c9d4e5f60718293a4b5c6d7e8f90112233445566778899aabbccddeeff0";

#[tokio::test]
async fn claude_code_comes_by_its_document_and_discovers() {
    let rig = Rig::start().await;
    let claude = Imitation::of(roles::CLAUDE_CODE, &rig.running.mcp_url);
    let server = finds(&claude).await;
    // Only with both it comes by its document, else it registers
    // (https://claude.com/docs/connectors/building/authentication).
    let document = &server.document;
    claude.needs(
        document["client_id_metadata_document_supported"] == true
            && document["token_endpoint_auth_methods_supported"]
                .as_array()
                .is_some_and(|all| all.contains(&json!("none"))),
        "documents of public clients are not advertised: it registers instead",
    );
    let by = Credentials::published("https://claude.ai/oauth/claude-code-client-metadata", REDIRECT);
    let tokens = signs_in(&claude, &rig, &server, &by).await;

    let me = json!({ "name": "claude-code", "version": "2.1.330" });
    let heads = |method: &'static str| {
        [ACCEPT_BOTH, JSON, AGENT, ("mcp-protocol-version", MODERN), ("mcp-method", method)]
    };
    let probe = discover(&json!("server-discover-probe-1"), &me);
    let found = claude.asks(&tokens.access, &heads("server/discover"), &probe).await;
    claude.needs(
        found["resultType"] == "complete"
            && found["supportedVersions"].as_array().is_some_and(|all| all.contains(&json!(MODERN))),
        format_args!("half an answer to server/discover, which is worse than none: {found}"),
    );
    let tools = claude.asks(&tokens.access, &heads("tools/list"), &modern(list(&json!(1)), &me)).await;
    claude.likes_the_tools(&tools);
    let mut named = heads("tools/call").to_vec();
    named.push(("mcp-name", "get_user_info"));
    let asked = modern(call(&json!(2), "get_user_info"), &me);
    claude.meets_ada(&claude.asks(&tokens.access, &named, &asked).await);

    let rig = rig.restarted().await;
    claude.meets_ada(&claude.asks(&tokens.access, &named, &asked).await);
    let tokens = refreshes_early(&claude, &rig, &server, &by, &tokens).await;
    claude.meets_ada(&claude.asks(&tokens.access, &named, &asked).await);
    claude.bows();
}

#[tokio::test]
async fn claude_code_registers_where_it_must_and_shakes_hands() {
    let rig = Rig::start().await;
    let claude = Imitation::of(roles::CLAUDE_CODE_REGISTERED, &rig.running.mcp_url);
    let server = finds(&claude).await;
    let body = json!({
        "client_name": "Claude Code (just-mcp)", "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "application_type": "native", "scope": "read",
    });
    let by = claude.registers(&server, &[LOGIN[0], JSON], &body).await;
    let tokens = signs_in(&claude, &rig, &server, &by).await;

    // What it falls back to where the probe is refused; older builds start here.
    let hello = initialize(
        &json!(0),
        "2025-11-25",
        &json!({ "name": "claude-code", "version": "2.1.330" }),
        &json!({ "roots": {}, "elicitation": { "form": {}, "url": {} } }),
    );
    let greeted = claude.asks(&tokens.access, &[ACCEPT_BOTH, JSON, AGENT], &hello).await;
    claude.needs(greeted["protocolVersion"] == "2025-11-25", format_args!("another revision: {greeted}"));
    let heads = [ACCEPT_BOTH, JSON, AGENT, ("mcp-protocol-version", "2025-11-25")];
    claude.tells(&tokens.access, &heads, &initialized(), 202).await;
    claude.asks_for_a_stream(&tokens.access, &heads[2..]).await;
    claude.likes_the_tools(&claude.asks(&tokens.access, &heads, &list(&json!(1))).await);
    claude.meets_ada(&claude.asks(&tokens.access, &heads, &call(&json!(2), "get_user_info")).await);

    let rig = rig.restarted().await;
    claude.meets_ada(&claude.asks(&tokens.access, &heads, &call(&json!(3), "get_user_info")).await);
    let tokens = refreshes_early(&claude, &rig, &server, &by, &tokens).await;
    claude.meets_ada(&claude.asks(&tokens.access, &heads, &call(&json!(4), "get_user_info")).await);
    claude.bows();
}

/// Without asking `/mcp` first.
async fn finds(claude: &Imitation) -> Server {
    let origin = claude.origin();
    let resource =
        claude.reads_resource(&format!("{origin}/.well-known/oauth-protected-resource/mcp"), LOGIN).await;
    claude.reads_server(&format!("{origin}/.well-known/oauth-authorization-server"), LOGIN, &resource).await
}

async fn signs_in(claude: &Imitation, rig: &Rig, server: &Server, by: &Credentials) -> Tokens {
    let ask =
        Ask { state: STATE, verifier: VERIFIER, scope: Some("read"), more: &[("resource", &claude.mcp_url)] };
    let code = claude.signs_in(&mut rig.browser(), server, by, ask).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("code_verifier", &code.verifier),
        ("redirect_uri", REDIRECT),
        ("resource", &claude.mcp_url),
        ("client_id", &by.id),
    ];
    claude.redeems(server, FORM, &form).await
}

/// From five minutes before the end on, before the next call, and without a scope.
async fn refreshes_early(
    claude: &Imitation,
    rig: &Rig,
    server: &Server,
    by: &Credentials,
    tokens: &Tokens,
) -> Tokens {
    rig.pass(Duration::from_secs(tokens.expires_in - 300));
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
        ("resource", &claude.mcp_url),
        ("client_id", &by.id),
    ];
    claude.redeems(server, FORM, &form).await
}
