//! Visual Studio Code. From its source:
//! <https://github.com/microsoft/vscode/blob/main/src/vs/base/common/oauth.ts>,
//! <https://github.com/microsoft/vscode/blob/main/src/vs/workbench/api/common/extHostMcp.ts>.

use serde_json::json;
use testkit::Rig;
use testkit::imitation::{ACCEPT_BOTH, Ask, Credentials, Imitation, JSON, Server, initialize, roles};

use crate::scene::{Lines, plays_on};

const AGENT: (&str, &str) = ("user-agent", "Visual Studio Code/1.128.0");
const FORM: &[(&str, &str)] =
    &[("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
const REDIRECT: &str = "http://127.0.0.1:33418/";
const VERIFIER: &str = "VSCode-verifier_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL";
const STATE: &str = "vscode%3A%2F%2Fvscode.microsoft-authentication%3Fwindow%3D1%2B2";

#[tokio::test]
async fn vs_code_comes_by_its_document() {
    let rig = Rig::start().await;
    let code = Imitation::of(roles::VS_CODE, &rig.running.mcp_url);
    let server = finds(&code).await;
    code.needs(
        server.document["client_id_metadata_document_supported"] == true,
        "documents are not advertised: it registers instead",
    );
    let by = Credentials::published("https://vscode.dev/oauth/client-metadata.json", REDIRECT);
    Box::pin(works(&code, rig, &server, &by)).await;
}

#[tokio::test]
async fn vs_code_registers_four_addresses_and_a_grant_we_do_not_have() {
    let rig = Rig::start().await;
    let code = Imitation::of(roles::VS_CODE_REGISTERED, &rig.running.mcp_url);
    let server = finds(&code).await;
    let body = json!({
        "client_name": "Visual Studio Code", "client_uri": "https://code.visualstudio.com",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "redirect_uris": ["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect", "http://127.0.0.1/", REDIRECT],
        "token_endpoint_auth_method": "none", "application_type": "native",
    });
    let mut by = code.registers(&server, &[JSON, ("accept", "application/json")], &body).await;
    REDIRECT.clone_into(&mut by.redirect_uri);
    Box::pin(works(&code, rig, &server, &by)).await;
}

async fn finds(code: &Imitation) -> Server {
    let hello = hello();
    let refused = code.post_json(&code.mcp_url, &[ACCEPT_BOTH, JSON, AGENT], &hello).await;
    // Any other 4xx makes it fall back to the transport of 2024.
    let challenge = code.is_challenged(&refused);
    // A resource that is not the URL itself is dropped from the requests, and the token would be good for nothing.
    let heads = [("accept", "application/json"), ("mcp-protocol-version", "2025-11-25")];
    let resource = code.reads_resource(&challenge.resource_metadata, &heads).await;
    let url = format!("{}/.well-known/oauth-authorization-server", code.origin());
    code.reads_server(&url, &heads, &resource).await
}

fn hello() -> serde_json::Value {
    let who = json!({ "name": "Visual Studio Code", "version": "1.128.0" });
    let can =
        json!({ "roots": { "listChanged": true }, "sampling": {}, "elicitation": { "form": {}, "url": {} } });
    initialize(&json!(1), "2025-11-25", &who, &can)
}

async fn works(code: &Imitation, rig: Rig, server: &Server, by: &Credentials) {
    let more = [("resource", code.mcp_url.as_str())];
    let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some("read"), more: &more };
    let got = code.signs_in(&mut rig.browser(), server, by, ask).await;
    let form = [
        ("client_id", by.id.as_str()),
        ("grant_type", "authorization_code"),
        ("code", &got.code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", &got.verifier),
        ("resource", &code.mcp_url),
    ];
    let tokens = code.redeems(server, FORM, &form).await;
    // It never names a revision.
    let heads = [ACCEPT_BOTH, JSON, AGENT];
    let refresh = [("client_id", by.id.as_str()), ("scope", tokens.scope.as_str())];
    let lines =
        Lines { hello: hello(), greet: &heads, heads: &heads, stream: true, form: FORM, refresh: &refresh };
    plays_on(code, rig, server, tokens.clone(), lines).await;
    code.bows();
}
