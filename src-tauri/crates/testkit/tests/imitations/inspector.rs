//! MCP Inspector, in the versions people run. Captured on the wire, 0.17.1, 1.0.3 and 2.12.0.
//!
//! Up to 1.x it signs in inside its page, whose origin is not ours, so a browser stands between; "via proxy" only its MCP
//! requests come from a program. From 2.0 on everything comes from its backend.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Rig;
use testkit::imitation::{
    ACCEPT_BOTH, Ask, Credentials, Headers, Imitation, JSON, Role, Server, Tokens, call, initialize,
    initialized, list, roles,
};

const PAGE: &str = "http://localhost:6274";
const REDIRECT: &str = "http://localhost:6274/oauth/callback";
const VERIFIER: &str = "Inspector~sends.verifiers-with_all.four~of-the_marks.aB3dE6gH9jK";
const STATE: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const FORM: Headers<'_> =
    &[("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
const FETCH: (&str, &str) = ("user-agent", "node-fetch");

#[tokio::test]
async fn inspector_0_17_1_via_its_proxy() {
    let rig = Rig::start().await;
    let page = Imitation::of(roles::INSPECTOR_0_17_1_PROXY, &rig.running.mcp_url).in_page_of(PAGE);
    let proxy = page.out_of_page();
    let version = "2025-06-18";
    let refused = proxy.post_json(&proxy.mcp_url, &[ACCEPT_BOTH, JSON, FETCH], &hello(&proxy, version)).await;
    proxy.is_challenged(&refused);
    // Its proxy passes on the message only, and the page looks for a word in it
    // (https://github.com/modelcontextprotocol/typescript-sdk/issues/764).
    let body = refused.body.to_string();
    proxy.needs(
        body.contains("Unauthorized") || body.contains("401"),
        format_args!("neither `Unauthorized` nor `401` in `{body}`: it never starts to sign in"),
    );
    let server = finds_root_first(&page, version).await;
    let by = page.registers(&server, &[JSON], &registration()).await;
    let tokens = signs_in(&page, &rig, &server, &by).await;
    // Answered with 202, its proxy dies: "Invalid state: Controller is already closed"
    // (https://github.com/modelcontextprotocol/inspector/issues/951).
    works(&page, &proxy, rig, (&server, &by, tokens), Calls { version, agent: &[FETCH], noted: 204 }).await;
}

#[tokio::test]
async fn inspector_0_17_1_direct() {
    direct(roles::INSPECTOR_0_17_1_DIRECT, "2025-06-18").await;
}

#[tokio::test]
async fn inspector_1_0_3_direct() {
    direct(roles::INSPECTOR_1_0_3_DIRECT, "2025-11-25").await;
}

#[tokio::test]
async fn inspector_1_0_3_via_its_proxy() {
    let rig = Rig::start().await;
    let page = Imitation::of(roles::INSPECTOR_1_0_3_PROXY, &rig.running.mcp_url).in_page_of(PAGE);
    let proxy = page.out_of_page();
    let version = "2025-11-25";
    let agent = [("user-agent", "node")];
    let refused =
        proxy.post_json(&proxy.mcp_url, &[ACCEPT_BOTH, JSON, agent[0]], &hello(&proxy, version)).await;
    proxy.is_challenged(&refused);
    // Discovery and registration by its server, the callback in the page, which reads the documents again.
    let server = finds_root_first(&proxy, version).await;
    let by = proxy.registers(&server, &[JSON], &registration()).await;
    finds_root_first(&page, version).await;
    let tokens = signs_in(&page, &rig, &server, &by).await;
    works(&page, &proxy, rig, (&server, &by, tokens), Calls { version, agent: &agent, noted: 202 }).await;
}

/// Its backend uses the SDK of 2026: strict about issuer, `iss`, nulls and resource.
#[tokio::test]
async fn inspector_2_checks_issuer_and_resource_to_the_letter() {
    let rig = Rig::start().await;
    let backend = Imitation::of(roles::INSPECTOR_2, &rig.running.mcp_url);
    let version = "2025-11-25";
    let agent = [("user-agent", "node")];
    let refused =
        backend.post_json(&backend.mcp_url, &[ACCEPT_BOTH, JSON, agent[0]], &hello(&backend, version)).await;
    let challenge = backend.is_challenged(&refused);
    let heads = [("mcp-protocol-version", version), ("accept", "application/json")];
    let resource = backend.reads_resource(&challenge.resource_metadata, &heads).await;
    let url = format!("{}/.well-known/oauth-authorization-server", backend.origin());
    let server = backend.reads_server(&url, &heads, &resource).await;
    let mut body = registration();
    body["redirect_uris"] = json!([REDIRECT]);
    (body["scope"], body["application_type"]) = (json!(server.scopes), json!("native"));
    let by = backend.registers(&server, &[JSON], &body).await;
    let tokens = signs_in(&backend, &rig, &server, &by).await;
    works(&backend, &backend, rig, (&server, &by, tokens), Calls { version, agent: &agent, noted: 202 })
        .await;
}

/// Everything from the page.
async fn direct(role: &'static Role, version: &str) {
    let rig = Rig::start().await;
    let page = Imitation::of(role, &rig.running.mcp_url).in_page_of(PAGE);
    let refused = page.post_json(&page.mcp_url, &[ACCEPT_BOTH, JSON], &hello(&page, version)).await;
    // A page sees the challenge only where it is exposed on the answer itself.
    page.is_challenged(&refused);
    let server = finds_root_first(&page, version).await;
    let by = page.registers(&server, &[JSON], &registration()).await;
    let tokens = signs_in(&page, &rig, &server, &by).await;
    works(&page, &page, rig, (&server, &by, tokens), Calls { version, agent: &[], noted: 202 }).await;
}

fn hello(who: &Imitation, version: &str) -> Value {
    let who = json!({ "name": "mcp-inspector", "version": who.role.version });
    initialize(
        &json!(0),
        version,
        &who,
        &json!({ "sampling": {}, "elicitation": {}, "roots": { "listChanged": true } }),
    )
}

/// The document of the root first, that of the path when it comes back.
async fn finds_root_first(who: &Imitation, version: &str) -> Server {
    let heads = [("mcp-protocol-version", version)];
    let origin = who.origin();
    let root = who.reads_resource(&format!("{origin}/.well-known/oauth-protected-resource"), &heads).await;
    let url = format!("{origin}/.well-known/oauth-authorization-server");
    who.reads_server(&url, &heads, &root).await;
    let path =
        who.reads_resource(&format!("{origin}/.well-known/oauth-protected-resource/mcp"), &heads).await;
    who.needs(path == root, "root and path tell different things");
    who.reads_server(&url, &heads, &path).await
}

fn registration() -> Value {
    json!({
        "redirect_uris": [REDIRECT, "http://localhost:6274/oauth/callback/debug"],
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "client_name": "MCP Inspector",
        "client_uri": "https://github.com/modelcontextprotocol/inspector", "scope": "",
    })
}

async fn signs_in(who: &Imitation, rig: &Rig, server: &Server, by: &Credentials) -> Tokens {
    // offline_access among the scopes makes it ask for consent each time.
    let more = [("resource", who.mcp_url.as_str()), ("prompt", "consent")];
    let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some(&server.scopes), more: &more };
    let code = who.signs_in(&mut rig.browser(), server, by, ask).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("code_verifier", &code.verifier),
        ("redirect_uri", REDIRECT),
        ("client_id", &by.id),
        ("resource", &who.mcp_url),
    ];
    who.redeems(server, FORM, &form).await
}

/// How its MCP requests look, and how a notification must be answered.
struct Calls<'a> {
    version: &'a str,
    agent: Headers<'a>,
    noted: u16,
}

/// `page` holds the tokens, `caller` makes the calls.
async fn works(
    page: &Imitation,
    caller: &Imitation,
    rig: Rig,
    with: (&Server, &Credentials, Tokens),
    calls: Calls<'_>,
) {
    let (server, by, tokens) = with;
    let greet = [&[ACCEPT_BOTH, JSON], calls.agent].concat();
    let heads = [&greet[..], &[("mcp-protocol-version", calls.version)]].concat();
    let greeted = caller.asks(&tokens.access, &greet, &hello(caller, calls.version)).await;
    caller.needs(greeted["protocolVersion"] == calls.version, format_args!("another revision: {greeted}"));
    caller.tells(&tokens.access, &heads, &initialized(), calls.noted).await;
    caller.likes_the_tools(&caller.asks(&tokens.access, &heads, &list(&json!(1))).await);
    let mut asked = call(&json!(2), "get_user_info");
    asked["params"]["_meta"] = json!({ "progressToken": 0 });
    caller.meets_ada(&caller.asks(&tokens.access, &heads, &asked).await);

    let rig = rig.restarted().await;
    caller.meets_ada(&caller.asks(&tokens.access, &heads, &asked).await);
    rig.pass(Duration::from_secs(tokens.expires_in));
    let bearer = format!("Bearer {}", tokens.access);
    let expired = [&heads[..], &[("authorization", &bearer)]].concat();
    let late = caller.post_json(&caller.mcp_url, &expired, &asked).await;
    caller.is_challenged(&late);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
        ("client_id", &by.id),
        ("resource", &page.mcp_url),
    ];
    let tokens = page.redeems(server, FORM, &form).await;
    caller.meets_ada(&caller.asks(&tokens.access, &heads, &asked).await);
    page.bows();
}
