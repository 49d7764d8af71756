//! Dynamic client registration: liberal in what is asked, exact in what is answered.

use model::ports::ClientQuery;
use serde_json::{Value, json};
use testkit::Rig;

/// What real clients send, as captured on the wire or from their source.
fn real_bodies() -> Vec<(&'static str, Value)> {
    vec![
        (
            "claude code",
            json!({"client_name":"Claude Code (x)","redirect_uris":["http://localhost:54321/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","application_type":"native","scope":"mcp.access"}),
        ),
        (
            "codex",
            json!({"client_name":"Codex","redirect_uris":["http://127.0.0.1:38007/callback"],"grant_types":["authorization_code","refresh_token"],"token_endpoint_auth_method":"none","response_types":["code"],"scope":"mcp.access","application_type":"native"}),
        ),
        (
            "inspector",
            json!({"redirect_uris":["http://localhost:6274/oauth/callback","http://localhost:6274/oauth/callback/debug"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"client_name":"MCP Inspector","client_uri":"https://github.com/modelcontextprotocol/inspector","scope":""}),
        ),
        (
            "mcp-remote",
            json!({"redirect_uris":["http://localhost:9845/oauth/callback"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"client_name":"MCP CLI Proxy","client_uri":"https://github.com/modelcontextprotocol/mcp-cli","software_id":"2e6dc280-f3c3-4e01-99a7-8181dbd1d23d","software_version":"0.15.1","scope":"mcp.access offline_access","application_type":"native"}),
        ),
        (
            "vscode",
            json!({"client_name":"Visual Studio Code","client_uri":"https://code.visualstudio.com","grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code"],"response_types":["code"],"redirect_uris":["https://insiders.vscode.dev/redirect","https://vscode.dev/redirect","http://127.0.0.1/","http://127.0.0.1:33418/"],"token_endpoint_auth_method":"none","application_type":"native"}),
        ),
        (
            "cursor",
            json!({"client_name":"Cursor","application_type":"web","redirect_uris":["cursor://anysphere.cursor-mcp/oauth/callback","https://www.cursor.com/agents/mcp/oauth/callback","http://localhost:8787/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none"}),
        ),
        (
            "claude web",
            json!({"client_name":"Claude","redirect_uris":["https://claude.ai/api/mcp/auth_callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"client_secret_post","scope":"read"}),
        ),
        (
            "gemini",
            json!({"client_name":"Gemini CLI MCP Client","redirect_uris":["http://localhost:43731/oauth/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","scope":"mcp.access offline_access"}),
        ),
        (
            "fastmcp",
            json!({"response_types":["code"],"scope":"mcp.access offline_access","client_name":"FastMCP Client","redirect_uris":["http://localhost:36591/callback"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"application_type":"native"}),
        ),
        (
            "inspector 2",
            json!({"redirect_uris":["http://127.0.0.1:6276/oauth/callback"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"client_name":"MCP Inspector","client_uri":"https://github.com/modelcontextprotocol/inspector","scope":"mcp.access offline_access","application_type":"native"}),
        ),
        (
            "chatgpt",
            json!({"client_name":"ChatGPT","redirect_uris":["https://chatgpt.com/connector/oauth/AbCdEf123456"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none"}),
        ),
        (
            "goose",
            json!({"client_name":"goose","redirect_uris":["http://127.0.0.1:53111/oauth_callback"],"grant_types":["authorization_code","refresh_token"],"token_endpoint_auth_method":"none","response_types":["code"]}),
        ),
        (
            "jetbrains",
            json!({"client_name":"GitHub Copilot","redirect_uris":["http://127.0.0.1:33428/callback","http://127.0.0.1/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none"}),
        ),
        (
            "copilot studio",
            json!({"client_name":"…","redirect_uris":["https://global.consent.azure-apim.net/redirect/new-5f-x-5f-abc"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"]}),
        ),
        ("minimal", json!({"redirect_uris":["https://a.example/cb"]})),
    ]
}

#[tokio::test]
async fn every_real_client_registers_and_no_answer_has_a_null() {
    let rig = Rig::start().await;
    let client = rig.client("c");
    for (name, body) in real_bodies() {
        let answer = client.register_as(&body).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        assert_eq!(answer.body["redirect_uris"], body["redirect_uris"], "{name}");
        assert_eq!(
            answer.text("scope").split(' ').next(),
            Some("read"),
            "{name}: unknown scopes narrow to ours"
        );
        let members = answer.body.as_object().unwrap();
        assert!(members.values().all(|value| !value.is_null()), "{name}: {}", answer.body);
        assert!(
            answer.body["client_id"].is_string() && answer.body["client_id_issued_at"].is_u64(),
            "{name}"
        );
        for member in
            ["client_name", "response_types"].into_iter().filter(|member| body[*member] != Value::Null)
        {
            assert_eq!(answer.body[member], body[member], "{name}");
        }
        let grants = json!(["authorization_code", "refresh_token"]);
        assert_eq!(answer.body["grant_types"], grants, "{name}: what we support of it");
        let expiry = members.get("client_secret_expires_at");
        assert_eq!(expiry, members.get("client_secret").and(Some(&json!(0))), "{name}");
        let method = body["token_endpoint_auth_method"].as_str().unwrap_or("client_secret_basic");
        assert_eq!(answer.text("token_endpoint_auth_method"), method, "{name}");
        assert_eq!(
            members.contains_key("client_secret"),
            method != "none",
            "{name}: never a secret with none"
        );
    }
}

#[tokio::test]
async fn what_we_do_not_know_of_a_registration_does_not_stand_in_its_way() {
    let rig = Rig::start().await;
    let client = rig.client("c");
    let addresses: Vec<_> = (0..10).map(|n| format!("http://localhost:{}/cb", 5000 + n)).collect();
    let body = json!({
        "redirect_uris": addresses, "token_endpoint_auth_method": "none", "scope": "", "contacts": ["a@b.example"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:device_code"],
        "jwks_uri": "https://a.example/jwks", "logo_uri": "https://a.example/logo.png", "software_id": "x",
        "software_statement_of_tomorrow": { "nested": [null, 1] }, "client_name": "x".repeat(60_000),
    });
    let answer = client.register_as(&body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.body["redirect_uris"], body["redirect_uris"]);
    assert_eq!(answer.body["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(answer.text("scope").split(' ').next(), Some("read"));
    for uri in [
        "https://a.example/cb",
        "http://localhost:1/cb",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "com.example:/cb",
    ] {
        for kind in [json!("native"), json!("web"), Value::Null] {
            let mut body = json!({ "redirect_uris": [uri], "token_endpoint_auth_method": "none" });
            if !kind.is_null() {
                body["application_type"] = kind.clone();
            }
            let answer = client.register_as(&body).await;
            assert_eq!(answer.status, 201, "{uri} {kind}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn registering_twice_gives_two_usable_ids() {
    let rig = Rig::start().await;
    let (first, second) = (rig.client("Claude").registers().await, rig.client("Claude").registers().await);
    assert_ne!(first.id, second.id);
    for client in [first, second] {
        assert_eq!(client.signs_in(&mut rig.browser(), "ada").await.calls("version").await.status, 200);
    }
}

#[tokio::test]
async fn unsafe_or_unusable_registrations_are_refused_with_the_rfc_code() {
    let rig = Rig::start().await;
    let client = rig.client("c");
    for (body, code) in [
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["http://evil.example/cb"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["https://a.example/cb#x"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["https://*.example/cb"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": []}), "invalid_redirect_uri"),
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": vec!["https://a.example/"; 21]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": "https://a.example/cb"}), "invalid_client_metadata"),
        (json!([]), "invalid_client_metadata"),
        (
            json!({"redirect_uris": ["https://a.example/cb"], "grant_types": ["client_credentials"]}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "tls_client_auth"}),
            "invalid_client_metadata",
        ),
    ] {
        let answer = client.register_as(&body).await;
        assert_eq!((answer.status, answer.error()), (400, code), "{body}");
        assert!(!answer.text("error_description").is_empty());
    }
    assert!(
        rig.running.store().list_clients(&ClientQuery::default()).await.unwrap().is_empty(),
        "nothing was stored"
    );
}

#[tokio::test]
async fn a_flood_of_registrations_stays_bounded_and_spares_whoever_was_approved() {
    let rig = Rig::start_with(|settings| settings.storage.bounds.unapproved_clients = 20).await;
    let ada = rig.client("early bird").registers().await.signs_in(&mut rig.browser(), "ada").await;
    for n in 0..60 {
        rig.client(&format!("flood {n}")).registers().await;
        rig.pass(std::time::Duration::from_secs(1));
    }
    let clients = rig.running.store().list_clients(&ClientQuery::default()).await.unwrap();
    assert!(clients.len() <= 22, "{} clients are kept", clients.len());
    assert_eq!(ada.refreshes().await.calls("version").await.status, 200);
}

#[tokio::test]
async fn what_a_stranger_writes_is_neither_repeated_nor_kept_at_length() {
    let rig = Rig::start().await;
    let client = rig.client("c");
    let long = "A".repeat(50_000);
    let wrong =
        client.register_as(&json!({"redirect_uris": ["https://a.example/"], "grant_types": long})).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text("error_description").len() < 300, "{}", wrong.body);
    let many: Vec<String> = (0..20).map(|n| format!("https://a.example/{n}/{}", "x".repeat(500))).collect();
    assert_eq!(client.register_as(&json!({"redirect_uris": many})).await.error(), "invalid_redirect_uri");
    let huge = client
        .register_as(&json!({"redirect_uris": ["https://a.example/"], "client_name": "x".repeat(70_000)}))
        .await;
    assert_eq!((huge.status, huge.error()), (413, "invalid_request"), "in JSON, like every refusal");
    for event in rig.events().await {
        assert!(serde_json::to_string(&event).unwrap().len() < 1_000);
    }
}

#[tokio::test]
async fn a_name_cannot_turn_the_consent_page_around() {
    let rig = Rig::start().await;
    let answer = rig
        .client("c")
        .register_as(
            &json!({"redirect_uris": ["https://a.example/"], "client_name": "Cla\u{202e}ude\u{200b}\n"}),
        )
        .await;
    assert_eq!(answer.text("client_name"), "Claude");
}
