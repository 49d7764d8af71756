//! Microsoft's and GitHub's Copilots: Copilot Studio in the cloud, the CLI on this computer.

use serde_json::{Value, json};
use testkit::Rig;
use testkit::imitation::{
    ACCEPT_BOTH, Ask, Credentials, Imitation, JSON, MODERN, Server, discover, initialize, roles,
};
use testkit::rig::is_public;

use crate::scene::{Lines, plays_on};

const PUBLIC: &str = "https://demo.example";
const VERIFIER: &str = "copilot-verifier_0123456789.abcdefghijklmnopqrstuvwxyz~ABCDEFGH";
const STATE: &str = "c3RhdGUtb2YtY29waWxvdC0wMTIzNDU2Nzg5LWFiY2RlZg%3D%3D";
const CLI_REDIRECT: &str = "http://127.0.0.1:41999/callback";
const PLAIN_FORM: &[(&str, &str)] =
    &[("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];

/// "DCR without a client secret isn't supported":
/// <https://learn.microsoft.com/microsoft-365-copilot/extensibility/plugin-authentication-dynamic-client-registration>.
#[tokio::test]
async fn copilot_studio_is_given_a_secret_and_a_scope() {
    let rig = Rig::start_with(|settings| is_public(settings, PUBLIC)).await;
    let studio = Imitation::of(roles::COPILOT_STUDIO, &format!("{PUBLIC}/mcp")).through(rig.tunnel());
    let hello =
        initialize(&json!(1), "2025-06-18", &json!({ "name": "mcs", "version": "1.0.0" }), &json!({}));
    let server = finds(&studio, &studio.post_json(&studio.mcp_url, &[ACCEPT_BOTH, JSON], &hello).await).await;
    // No method of authentication is named, which means Basic (RFC 7591 section 2); `none` with a secret it cannot read
    // (https://github.com/activepieces/activepieces/issues/14397).
    let body = json!({
        "client_name": "Contoso agent", "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": ["https://global.consent.azure-apim.net/redirect/new-5f-x-5f-abc"],
    });
    let by = studio.registers(&server, &[JSON], &body).await;
    studio.needs(by.secret.is_some(), "no secret was issued: it gives up");
    // What it asks for is what the registration said (https://github.com/CyberDrain/CIPP/issues/278).
    studio.needs(!by.scope.is_empty(), "the registration names no scope: it asks for none");
    let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some(&by.scope), more: &[] };
    let mut browser = rig.browser();
    let code = studio.signs_in(&mut browser, &server, &by, ask).await;
    // A 4xx here is shown as "500 InternalServerError". No resource, neither here nor on refresh.
    let basic = by.basic();
    let heads = [PLAIN_FORM[0], ("authorization", &basic)];
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("redirect_uri", &by.redirect_uri),
        ("code_verifier", &code.verifier),
    ];
    let tokens = studio.redeems(&server, &heads, &form).await;
    let calls = [ACCEPT_BOTH, JSON];
    let lines = Lines { hello, greet: &calls, heads: &calls, stream: false, form: &heads, refresh: &[] };
    plays_on(&studio, rig, &server, tokens, lines).await;
    studio.bows();
}

#[tokio::test]
async fn copilot_cli_asks_again_for_what_it_was_granted() {
    let rig = Rig::start().await;
    let copilot = Imitation::of(roles::COPILOT_CLI, &rig.running.mcp_url);
    let server =
        finds(&copilot, &copilot.post_json(&copilot.mcp_url, &[ACCEPT_BOTH, JSON], &cli()).await).await;
    let by = Credentials::published("https://github.com/copilot/cli/client-metadata.json", CLI_REDIRECT);
    Box::pin(works(copilot, rig, &server, &by)).await;
}

#[tokio::test]
async fn copilot_cli_registers_where_documents_are_not_taken() {
    let rig = Rig::start().await;
    let copilot = Imitation::of(roles::COPILOT_CLI_REGISTERED, &rig.running.mcp_url);
    let server =
        finds(&copilot, &copilot.post_json(&copilot.mcp_url, &[ACCEPT_BOTH, JSON], &cli()).await).await;
    let body = json!({
        "client_name": "GitHub Copilot CLI", "redirect_uris": [CLI_REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let by = copilot.registers(&server, &[JSON], &body).await;
    Box::pin(works(copilot, rig, &server, &by)).await;
}

fn cli() -> Value {
    initialize(
        &json!(1),
        "2025-11-25",
        &json!({ "name": "github-copilot-cli", "version": "1.0.102" }),
        &json!({}),
    )
}

/// <https://github.com/github/copilot-cli/issues/4464>, <https://github.com/github/copilot-cli/issues/4809>
async fn works(copilot: Imitation, rig: Rig, server: &Server, by: &Credentials) {
    let more = [("resource", copilot.mcp_url.as_str())];
    let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some("read"), more: &more };
    let code = copilot.signs_in(&mut rig.browser(), server, by, ask).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("redirect_uri", CLI_REDIRECT),
        ("code_verifier", &code.verifier),
        ("client_id", &by.id),
        ("resource", &copilot.mcp_url),
    ];
    let tokens = copilot.redeems(server, PLAIN_FORM, &form).await;
    let probe = [ACCEPT_BOTH, JSON, ("mcp-protocol-version", MODERN), ("mcp-method", "server/discover")];
    let who = json!({ "name": "github-copilot-cli", "version": "1.0.102" });
    let found = copilot.asks(&tokens.access, &probe, &discover(&json!(0), &who)).await;
    copilot
        .needs(found["resultType"] == "complete", format_args!("half an answer to server/discover: {found}"));
    // The scope it was granted, word for word; a foreign one among them would end the session.
    let granted = tokens.scope.clone();
    let refresh = [("client_id", by.id.as_str()), ("scope", granted.as_str())];
    let heads = [ACCEPT_BOTH, JSON, ("mcp-protocol-version", "2025-11-25")];
    let lines = Lines {
        hello: cli(),
        greet: &heads[..2],
        heads: &heads,
        stream: true,
        form: PLAIN_FORM,
        refresh: &refresh,
    };
    plays_on(&copilot, rig, server, tokens, lines).await;
    copilot.bows();
}

async fn finds(who: &Imitation, refused: &testkit::Answer) -> Server {
    let challenge = who.is_challenged(refused);
    let resource = who.reads_resource(&challenge.resource_metadata, &[]).await;
    let url = format!("{}/.well-known/oauth-authorization-server", who.origin());
    who.reads_server(&url, &[], &resource).await
}
