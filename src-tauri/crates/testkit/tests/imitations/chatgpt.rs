//! ChatGPT on the web. <https://developers.openai.com/apps-sdk/build/auth>, and traces of servers as linked below.
//!
//! It signs its requests to the token endpoint where the server takes that, and is a public client where not.

use std::time::Duration;

use model::settings::{Pairing, SignInFrom};
use model::time::Timestamp;
use serde_json::{Value, json};
use testkit::imitation::{
    ACCEPT_BOTH, Ask, Credentials, Imitation, JSON, MODERN, Role, call, discover, initialize, initialized,
    list, roles,
};
use testkit::rig::is_public;
use testkit::{ASSERTION_TYPE, Rig, Signer, signing_host};

const PUBLIC: &str = "https://demo.example";
/// <https://github.com/openai/tunnel-client/issues/73>
const AGENT: (&str, &str) = ("user-agent", "Python/3.14 aiohttp/3.13.5");
const FORM: &[(&str, &str)] = &[AGENT, ("content-type", "application/x-www-form-urlencoded")];
const MCP: [(&str, &str); 3] = [ACCEPT_BOTH, JSON, ("user-agent", "openai-mcp/1.0.0")];
/// Its stable identity, which it takes where `iss` is advertised.
const DOCUMENT: &str = "https://chatgpt.com/oauth/client.json";
const REDIRECT: &str = "https://chatgpt.com/connector_platform_oauth_redirect";
const VERIFIER: &str = "r4nd0m-Verifier_of.ChatGPT~with-all-the-allowed.characters_in-it";
const STATE: &str = "oauth_s_673f00c0ffee8190b1e5%2Bplus";

#[tokio::test]
async fn chatgpt_comes_by_its_document_and_reads_what_its_tools_need() {
    connects(rig().await, roles::CHATGPT, DOCUMENT, None).await;
}

/// Its keys are at `https://chatgpt.com/oauth/jwks.json`, where no test gets to; here document and keys are on a host of ours.
#[tokio::test]
async fn chatgpt_signs_its_requests() {
    let rig = rig().await;
    let signer = Signer::new("chatgpt-1");
    let (document, _host) = signing_host(REDIRECT, &["none", "private_key_jwt"], signer.jwks()).await;
    connects(rig, roles::CHATGPT_SIGNING, &document, Some(&signer)).await;
}

/// The person sits elsewhere, in front of ChatGPT, and the owner tells them the code.
async fn rig() -> Rig {
    Rig::start_with(|settings| {
        is_public(settings, PUBLIC);
        settings.server.sign_in = SignInFrom::Anywhere;
        settings.client_rules.pairing = Pairing::On;
    })
    .await
}

async fn connects(rig: Rig, role: &'static Role, document: &str, signer: Option<&Signer>) {
    let chatgpt = Imitation::of(role, &format!("{PUBLIC}/mcp")).through(rig.tunnel());

    // The order of a trace: https://github.com/openai/tunnel-client/issues/73
    let at_server = format!("{PUBLIC}/.well-known/oauth-authorization-server");
    chatgpt.get(&at_server, &[AGENT]).await;
    let at_resource = format!("{PUBLIC}/.well-known/oauth-protected-resource/mcp");
    let resource = chatgpt.reads_resource(&at_resource, &[AGENT]).await;
    let server = chatgpt.reads_server(&at_server, &[AGENT], &resource).await;
    let openid = format!("{PUBLIC}/.well-known/openid-configuration");
    let same = chatgpt.reads_server(&openid, &[AGENT], &resource).await;
    chatgpt.needs(same.token == server.token, "the OpenID document leads to another token endpoint");
    chatgpt.needs(
        server.document["authorization_response_iss_parameter_supported"] == true,
        "iss is not advertised: it uses an id and a redirect URI for this connector alone",
    );
    chatgpt.needs(
        server.scopes.split(' ').any(|scope| scope == "offline_access"),
        "offline_access is not advertised: it asks for no refresh token",
    );

    let methods = &server.document["token_endpoint_auth_methods_supported"];
    let takes = |method: &str| methods.as_array().is_some_and(|all| all.iter().any(|one| one == method));
    chatgpt.needs(takes("none"), "public clients are not advertised: it cannot do without a signature");
    chatgpt.needs(
        signer.is_none() || takes("private_key_jwt"),
        "signatures are not advertised: it signs nothing",
    );

    let by = Credentials::published(document, REDIRECT);
    let mut browser = rig.browser();
    // All scopes that are advertised, and the resource, which must become the audience (documentation, as above).
    let more = [("resource", chatgpt.mcp_url.as_str())];
    let ask = Ask { state: STATE, verifier: VERIFIER, scope: Some(&server.scopes), more: &more };
    let code = chatgpt.signs_in(&mut browser, &server, &by, ask).await;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code.code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", &code.verifier),
        ("resource", &chatgpt.mcp_url),
    ];
    let first = proof(&by, signer, "first", rig.now());
    form.extend(first.iter().map(|(name, value)| (*name, value.as_str())));
    let tokens = chatgpt.redeems(&server, FORM, &form).await;

    // https://github.com/openai/tunnel-client/issues/57, /63 and /71: half an answer is an error 424.
    let who = json!({ "name": "openai-mcp", "version": "1.0.0" });
    let mut probe = MCP.to_vec();
    probe.extend([("mcp-protocol-version", MODERN), ("mcp-method", "server/discover")]);
    let found = chatgpt.asks(&tokens.access, &probe, &discover(&json!("openai-mcp-discover"), &who)).await;
    chatgpt.needs(
        found["supportedVersions"].as_array().is_some_and(|all| all.contains(&json!(MODERN)))
            && found["capabilities"]["tools"].is_object(),
        format_args!("\"MCP server/discover response was inconsistent\": {found}"),
    );
    let hello = initialize(&json!(1), "2025-11-25", &who, &json!({ "extensions": {} }));
    chatgpt.asks(&tokens.access, &MCP, &hello).await;
    chatgpt.tells(&tokens.access, &MCP, &initialized(), 202).await;
    let tools = chatgpt.asks(&tokens.access, &MCP, &list(&json!(2))).await;
    chatgpt.likes_the_tools(&tools);
    for tool in tools["tools"].as_array().into_iter().flatten() {
        says_how_to_sign_in(&chatgpt, tool);
    }
    chatgpt.meets_ada(&chatgpt.asks(&tokens.access, &MCP, &call(&json!(3), "get_user_info")).await);

    let rig = rig.restarted().await;
    chatgpt.meets_ada(&chatgpt.asks(&tokens.access, &MCP, &call(&json!(4), "get_user_info")).await);
    rig.pass(Duration::from_secs(tokens.expires_in));
    let bearer = format!("Bearer {}", tokens.access);
    let mut expired = MCP.to_vec();
    expired.push(("authorization", &bearer));
    let late = chatgpt.post_json(&chatgpt.mcp_url, &expired, &call(&json!(5), "get_user_info")).await;
    chatgpt.is_challenged(&late);
    shows_the_card_to_link_again(&chatgpt, late.header("www-authenticate"));

    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.refresh),
        ("resource", &chatgpt.mcp_url),
    ];
    let second = proof(&by, signer, "second", rig.now());
    form.extend(second.iter().map(|(name, value)| (*name, value.as_str())));
    let tokens = chatgpt.redeems(&server, FORM, &form).await;
    chatgpt.meets_ada(&chatgpt.asks(&tokens.access, &MCP, &call(&json!(6), "get_user_info")).await);
    chatgpt.bows();
}

/// How it proves who it is at the token endpoint: by a new signature each time, or by its id alone.
fn proof(by: &Credentials, signer: Option<&Signer>, id: &str, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut form = vec![("client_id", by.id.clone())];
    if let Some(signer) = signer {
        form.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
        form.push(("client_assertion", signer.assertion(&by.id, PUBLIC, id, now)));
    }
    form
}

/// "Declare securitySchemes", at the top and mirrored in `_meta` (documentation, as above).
fn says_how_to_sign_in(chatgpt: &Imitation, tool: &Value) {
    for schemes in [&tool["securitySchemes"], &tool["_meta"]["securitySchemes"]] {
        chatgpt.needs(
            schemes[0]["type"] == "oauth2" && schemes[0]["scopes"].is_array(),
            format_args!(
                "{} does not say that it wants OAuth: calls go out without a token: {tool}",
                tool["name"]
            ),
        );
    }
}

/// It wants both halves (documentation, as above). A tool that finds the sign-in gone says the same as
/// `_meta["mcp/www_authenticate"]`, which `tests/tools.rs` of `mcp` proves.
fn shows_the_card_to_link_again(chatgpt: &Imitation, header: &str) {
    chatgpt.needs(
        header.contains("error=\"invalid_token\"") && header.contains("error_description=\""),
        format_args!("`{header}` lacks error or error_description: it shows no card to link again"),
    );
}
