//! Claude on the web, and with it the connectors of Claude Desktop, the mobile apps and Cowork: they run in the maker's
//! cloud and come by the public address.
//!
//! <https://claude.com/docs/connectors/building/authentication>, and logs of servers as linked below.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Rig;
use testkit::imitation::{
    ACCEPT_BOTH, Ask, Credentials, Imitation, JSON, Server, Tokens, call, discover, initialize, initialized,
    list, roles,
};
use testkit::rig::is_public;

const PUBLIC: &str = "https://demo.example";
const REDIRECT: &str = "https://claude.ai/api/mcp/auth_callback";
/// Sign-in and MCP are different programs
/// (<https://github.com/anthropics/claude-ai-mcp/issues/217>, <https://github.com/anthropics/claude-ai-mcp/issues/620>).
const LOGIN: (&str, &str) = ("user-agent", "python-httpx/0.28.1");
const USER: (&str, &str) = ("user-agent", "Claude-User");
const FORM: &[(&str, &str)] = &[LOGIN, ("content-type", "application/x-www-form-urlencoded")];
const VERIFIER: &str = "w8Qd0R3yU6iO9pA2sF5gH7jK1lZ4xC-vB_nM.qWeRtY~uIoP";
const STATE: &str = "Q2xhdWRlIHN0YXRlIG9mIGZvcnR5LXRocmVlIGNoYXJzLi4u";

async fn rig() -> Rig {
    Rig::start_with(|settings| is_public(settings, PUBLIC)).await
}

#[tokio::test]
async fn claude_on_the_web_comes_by_its_document() {
    let rig = rig().await;
    let claude = Imitation::of(roles::CLAUDE_WEB, &format!("{PUBLIC}/mcp")).through(rig.tunnel());
    let server = finds(&claude).await;
    // "CIMD is used only if none is among the methods, else it silently registers" (documentation, as above). The document
    // itself cannot be fetched from data centres: https://github.com/anthropics/claude-ai-mcp/issues/650
    claude.needs(
        server.document["client_id_metadata_document_supported"] == true
            && server.document["token_endpoint_auth_methods_supported"]
                .as_array()
                .is_some_and(|all| all.contains(&json!("none"))),
        "documents of public clients are not advertised: it registers instead",
    );
    let by = Credentials::published("https://claude.ai/oauth/mcp-oauth-client-metadata", REDIRECT);
    let tokens = signs_in(&claude, &rig, &server, &by).await;
    probes(&claude, &tokens).await;
    stays(&claude, rig, &server, &by, tokens).await;
}

/// Two registrations within two seconds, both with a secret: <https://github.com/anthropics/claude-ai-mcp/issues/966>,
/// <https://github.com/anthropics/claude-ai-mcp/issues/1043>.
#[tokio::test]
async fn claude_on_the_web_registers_twice_and_uses_both() {
    let rig = rig().await;
    let claude = Imitation::of(roles::CLAUDE_WEB_REGISTERED, &format!("{PUBLIC}/mcp")).through(rig.tunnel());
    let server = finds(&claude).await;
    let body = json!({
        "client_name": "Claude", "redirect_uris": [REDIRECT], "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": "client_secret_post", "scope": server.scopes,
    });
    let first = claude.registers(&server, &[LOGIN, JSON], &body).await;
    rig.pass(Duration::from_secs(1));
    let second = claude.registers(&server, &[LOGIN, JSON], &body).await;
    claude.needs(first.id != second.id, "both registrations got one id");
    let earlier = signs_in(&claude, &rig, &server, &first).await;
    let tokens = signs_in(&claude, &rig, &server, &second).await;
    let heads = [ACCEPT_BOTH, JSON, USER];
    claude.likes_the_tools(&claude.asks(&earlier.access, &heads, &list(&json!(1))).await);
    stays(&claude, rig, &server, &second, tokens).await;
}

/// Path, then root, then the first authorization server only; endpoints must be at the root of the same origin, because it
/// makes them up where it cannot see them (<https://github.com/anthropics/claude-ai-mcp/issues/214>).
async fn finds(claude: &Imitation) -> Server {
    let heads = [ACCEPT_BOTH, JSON, USER];
    let hello = claude.post_json(&claude.mcp_url, &heads, &greeting(0)).await;
    let challenge = claude.is_challenged(&hello);
    let resource = claude.reads_resource(&challenge.resource_metadata, &[LOGIN]).await;
    let root = format!("{PUBLIC}/.well-known/oauth-protected-resource");
    claude.needs(
        claude.reads_resource(&root, &[LOGIN]).await == resource,
        "root and path tell different things",
    );
    let url = format!("{PUBLIC}/.well-known/oauth-authorization-server");
    let server = claude.reads_server(&url, &[LOGIN], &resource).await;
    for (found, tail) in
        [(&server.authorize, "authorize"), (&server.token, "token"), (&server.register, "register")]
    {
        claude.needs(
            *found == format!("{PUBLIC}/{tail}"),
            format_args!("{tail} is at `{found}`; it would ask {PUBLIC}/{tail}"),
        );
    }
    server
}

async fn signs_in(claude: &Imitation, rig: &Rig, server: &Server, by: &Credentials) -> Tokens {
    let mut browser = rig.browser();
    let ask = Ask {
        state: STATE,
        verifier: VERIFIER,
        scope: Some(&server.scopes),
        more: &[("resource", &claude.mcp_url)],
    };
    let code = claude.signs_in(&mut browser, server, by, ask).await;
    let secret = by.secret.as_deref().map(|secret| ("client_secret", secret));
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", &code.verifier),
        ("resource", &claude.mcp_url),
        ("client_id", &by.id),
    ];
    form.extend(secret);
    claude.redeems(server, FORM, &form).await
}

/// Since August 2026 it opens with the question of 2026-07-28
/// (<https://github.com/hauptsacheNet/typo3-mcp-server/issues/110>).
async fn probes(claude: &Imitation, tokens: &Tokens) {
    let heads =
        [ACCEPT_BOTH, JSON, USER, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "server/discover")];
    let who = json!({ "name": "Anthropic/ClaudeAI", "version": "1.0.0" });
    let found = claude.asks(&tokens.access, &heads, &discover(&json!("discover-1"), &who)).await;
    claude
        .needs(found["resultType"] == "complete", format_args!("half an answer to server/discover: {found}"));
}

fn greeting(id: u64) -> Value {
    initialize(
        &json!(id),
        "2025-11-25",
        &json!({ "name": "Anthropic/ClaudeAI", "version": "1.0.0" }),
        &json!({ "extensions": { "io.modelcontextprotocol/ui": { "mimeTypes": ["text/html;profile=mcp-app"] } } }),
    )
}

/// Its two services, a restart, and a refresh without a scope.
async fn stays(claude: &Imitation, rig: Rig, server: &Server, by: &Credentials, tokens: Tokens) {
    // The first takes anything and names its version (https://github.com/anthropics/claude-ai-mcp/issues/217) ...
    let first = [("accept", "*/*"), JSON, USER, ("mcp-protocol-version", "2025-11-25")];
    let hello =
        initialize(&json!(1), "2025-11-25", &json!({ "name": "Anthropic", "version": "1.0.0" }), &json!({}));
    let greeted = claude.asks(&tokens.access, &first, &hello).await;
    claude.needs(greeted["protocolVersion"] == "2025-11-25", format_args!("another revision: {greeted}"));
    // ... the second names none, ever (https://github.com/anthropics/claude-ai-mcp/issues/70).
    let heads = [ACCEPT_BOTH, JSON, USER];
    claude.asks(&tokens.access, &heads, &greeting(0)).await;
    claude.tells(&tokens.access, &heads, &initialized(), 202).await;
    // 405 is fine: https://github.com/anthropics/claude-ai-mcp/issues/572
    claude.asks_for_a_stream(&tokens.access, &[USER]).await;
    claude.likes_the_tools(&claude.asks(&tokens.access, &heads, &list(&json!(1))).await);
    claude.meets_ada(&claude.asks(&tokens.access, &heads, &call(&json!(2), "get_user_info")).await);

    let rig = rig.restarted().await;
    claude.meets_ada(&claude.asks(&tokens.access, &heads, &call(&json!(3), "get_user_info")).await);
    rig.pass(Duration::from_secs(tokens.expires_in));
    let bearer = format!("Bearer {}", tokens.access);
    let mut expired = heads.to_vec();
    expired.push(("authorization", &bearer));
    let late = claude.post_json(&claude.mcp_url, &expired, &list(&json!(4))).await;
    // Never 403 for a token: https://github.com/anthropics/claude-ai-mcp/issues/480
    claude.is_challenged(&late);
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
        ("resource", &claude.mcp_url),
        ("client_id", &by.id),
    ];
    form.extend(by.secret.as_deref().map(|secret| ("client_secret", secret)));
    let tokens = claude.redeems(server, FORM, &form).await;
    claude.meets_ada(&claude.asks(&tokens.access, &heads, &call(&json!(5), "get_user_info")).await);
    claude.bows();
}
