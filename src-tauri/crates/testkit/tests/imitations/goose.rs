//! Goose. From its source: <https://github.com/aaif-goose/goose/blob/main/crates/goose/src/oauth/mod.rs>.

use serde_json::json;
use testkit::Rig;
use testkit::imitation::{ACCEPT_BOTH, Ask, Credentials, Imitation, JSON, initialize, roles};

use crate::scene::{Lines, plays_on};

const FORM: &[(&str, &str)] =
    &[("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
const VERIFIER: &str = "gooseVerifier_0123456789-abcdefghijklmnopqrstuvwxyzABCDEFG";
const STATE: &str = "gO0sE5tAtE_0123456789-abcdef";

#[tokio::test]
async fn goose_comes_by_its_document_on_any_port() {
    let rig = Rig::start().await;
    let goose = Imitation::of(roles::GOOSE, &rig.running.mcp_url);
    let who = json!({ "name": "goose", "version": "1.30.0" });
    let hello = initialize(&json!(0), "2025-03-26", &who, &json!({ "sampling": {}, "elicitation": {} }));
    // Only 401 makes it think of OAuth.
    let accept = ("accept", "text/event-stream, application/json");
    let refused = goose.post_json(&goose.mcp_url, &[accept, JSON], &hello).await;
    let challenge = goose.is_challenged(&refused);
    let heads = [("mcp-protocol-version", "2024-11-05")];
    let resource = goose.reads_resource(&challenge.resource_metadata, &heads).await;
    let url = format!("{}/.well-known/oauth-authorization-server", goose.origin());
    let server = goose.reads_server(&url, &heads, &resource).await;
    // Some builds know only documents (https://github.com/aaif-goose/goose/issues/9670). Its names no port, it takes a
    // free one (RFC 8252 section 7.3).
    let redirect = "http://127.0.0.1:53111/oauth_callback";
    let by = Credentials::published("https://goose-docs.ai/oauth/client-metadata.json", redirect);
    let more = [("resource", goose.mcp_url.as_str())];
    let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some("read"), more: &more };
    let code = goose.signs_in(&mut rig.browser(), &server, &by, ask).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("redirect_uri", redirect),
        ("code_verifier", &code.verifier),
        ("client_id", &by.id),
        ("resource", &goose.mcp_url),
    ];
    let tokens = goose.redeems(&server, FORM, &form).await;
    let refresh = [("client_id", by.id.as_str()), ("resource", goose.mcp_url.as_str())];
    let heads = [ACCEPT_BOTH, JSON, ("mcp-protocol-version", "2025-03-26")];
    let lines =
        Lines { hello, greet: &[accept, JSON], heads: &heads, stream: true, form: FORM, refresh: &refresh };
    plays_on(&goose, rig, &server, tokens, lines).await;
    goose.bows();
}
