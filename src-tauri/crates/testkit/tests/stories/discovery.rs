//! What clients learn before anybody signs in, and who may ask.

use testkit::{Rig, rig::public};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn every_spelling_of_our_address_is_answered_as_itself() {
    let rig = Rig::start().await;
    let port = rig.base().rsplit(':').next().unwrap().to_owned();
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let base = format!("http://{host}:{port}");
        let client = rig.client("probe").at(&base);
        let root = client.get("/.well-known/oauth-protected-resource").await;
        let path = client.get("/.well-known/oauth-protected-resource/mcp").await;
        assert_eq!(root.body, path.body);
        assert_eq!(path.text("resource"), format!("{base}/mcp"));
        assert_eq!(path.body["authorization_servers"], serde_json::json!([base]));
        let server = client.get("/.well-known/oauth-authorization-server").await;
        for (member, tail) in [
            ("issuer", ""),
            ("authorization_endpoint", "/authorize"),
            ("token_endpoint", "/token"),
            ("registration_endpoint", "/register"),
        ] {
            assert_eq!(server.text(member), format!("{base}{tail}"));
        }
        let challenge = client.request("POST", "/mcp", &[], "junk").await;
        assert_eq!(
            challenge.header("www-authenticate"),
            format!(
                "Bearer resource_metadata=\"{base}/.well-known/oauth-protected-resource/mcp\", scope=\"read\""
            )
        );
    }
}

#[tokio::test]
async fn a_token_is_good_on_every_loopback_spelling() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let port = rig.base().rsplit(':').next().unwrap().to_owned();
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(ada.calls_at(&format!("http://{host}:{port}"), "version").await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn the_aliases_say_the_same_and_the_openid_ones_satisfy_sdk_schemas() {
    let rig = Rig::start().await;
    let client = rig.client("probe");
    let plain = client.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(client.get("/.well-known/oauth-authorization-server/mcp").await.body, plain.body);
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/mcp/.well-known/openid-configuration",
    ] {
        let openid = client.get(path).await;
        assert_eq!(openid.status, 200, "{path}");
        for member in ["subject_types_supported", "id_token_signing_alg_values_supported"] {
            assert!(openid.body[member].is_array(), "{path} {member}");
        }
        assert_eq!(openid.body["issuer"], plain.body["issuer"]);
    }
    assert_eq!(client.get("/jwks").await.body["keys"][0]["crv"], "Ed25519");
    let unknown = client.get("/.well-known/nothing").await;
    assert_eq!((unknown.status, unknown.error()), (404, "not_found"));
}

#[tokio::test]
async fn the_authorization_server_document_is_exactly_this() {
    let rig = Rig::start().await;
    let document = rig.client("probe").get("/.well-known/oauth-authorization-server").await;
    let text = serde_json::to_string_pretty(&document.body).unwrap().replace(rig.base(), "BASE");
    insta::assert_snapshot!(text);
}

/// The SDKs take a redirect, a 429 or a page at these addresses for a broken server.
#[tokio::test]
async fn documents_are_given_to_everybody_at_any_pace() {
    let rig = Rig::start().await;
    let client = rig.client("probe");
    let agents = [
        "Bun/1.4.4",
        "codex-mcp-client/0.169.0",
        "python-httpx/0.28.1",
        "Python/3.14 aiohttp/3.13.5",
        "node",
    ];
    let paths = [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ];
    for n in 0..200 {
        let (agent, path) = (agents[n % agents.len()], paths[n % paths.len()]);
        let answer = client.get_with(path, &[("user-agent", agent), ("accept", "text/html")]).await;
        assert_eq!(answer.status, 200, "{n}: {agent} {path}");
        assert_eq!(answer.header("content-type"), "application/json", "{agent} {path}");
        assert!(answer.body.is_object());
    }
}

#[tokio::test]
async fn every_document_names_the_same_scopes_and_only_the_servers_says_offline_access() {
    let rig = Rig::start().await;
    let client = rig.client("probe");
    let resource = client.get("/.well-known/oauth-protected-resource/mcp").await;
    let server = client.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(resource.body["scopes_supported"], serde_json::json!(["read"]));
    assert_eq!(server.body["scopes_supported"], serde_json::json!(["read", "offline_access"]));
    let challenge = client.request("POST", "/mcp", &[], "").await;
    assert!(challenge.header("www-authenticate").ends_with("scope=\"read\""));
    for scope in [
        None,
        Some(""),
        Some("read"),
        Some("read offline_access"),
        Some("openid profile email offline_access x"),
    ] {
        let client = rig.client("c").registers().await;
        let mut browser = rig.browser();
        let url = client.authorize_url(&[("scope", scope)]);
        let landed = browser.sign_in(&url, "ada", &client.redirect_uri).await;
        let tokens = client.redeem(&landed.param("code").expect("a code"), &[]).await;
        assert_eq!(tokens.text("scope").split(' ').next(), Some("read"), "{scope:?}");
        assert!(!tokens.text("refresh_token").is_empty(), "{scope:?}");
    }
}

#[tokio::test]
async fn the_addresses_other_servers_use_answer_like_ours() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let token = client.request("POST", "/oauth/token", &[form], "grant_type=password&client_id=x").await;
    assert_eq!((token.status, token.error()), (401, "invalid_client"));
    let registered =
        client.request("POST", "/oauth/register", &[("content-type", "application/json")], "{}").await;
    assert_eq!((registered.status, registered.error()), (400, "invalid_redirect_uri"));
    let url = client.authorize_url(&[]).replace("/authorize?", "/oauth/authorize?");
    let page = rig.browser().open(&url, "").await;
    assert!(page.body.contains("name=\"decision\""), "{} {}", page.status, page.body);
}

#[tokio::test]
async fn a_trailing_slash_is_served_as_typed() {
    let rig = Rig::start().await;
    let client = rig.client("probe");
    let challenge = client.request("POST", "/mcp/", &[], "").await;
    assert!(challenge.header("www-authenticate").contains("/oauth-protected-resource/mcp/\""));
    let metadata = client.get("/.well-known/oauth-protected-resource/mcp/").await;
    assert_eq!(metadata.text("resource"), format!("{}/mcp/", rig.base()));
}

#[tokio::test]
async fn without_a_token_every_method_is_challenged_before_anything_else() {
    let rig = Rig::start().await;
    let client = rig.client("probe");
    for (method, headers) in [
        ("GET", vec![("accept", "*/*"), ("mcp-protocol-version", "2024-11-05")]),
        ("HEAD", vec![("accept", "application/json")]),
        ("POST", vec![("content-type", "text/plain"), ("mcp-protocol-version", "1999-01-01")]),
        ("DELETE", vec![]),
        ("PUT", vec![]),
    ] {
        let answer =
            client.request(method, "/mcp", &headers, if method == "POST" { "junk" } else { "" }).await;
        assert_eq!(answer.status, 401, "{method}");
        assert!(answer.header("www-authenticate").starts_with("Bearer resource_metadata=\""), "{method}");
        if method != "HEAD" {
            assert!(
                answer.text("error_description").contains("Unauthorized"),
                "MCP Inspector 0.17.1 looks for the word"
            );
        }
    }
    let bad = client.request("POST", "/mcp", &[("authorization", "Bearer nonsense")], "{}").await;
    assert_eq!(bad.status, 401);
    assert!(bad.header("www-authenticate").contains("error=\"invalid_token\""));
}

#[tokio::test]
async fn names_that_merely_resolve_here_are_turned_away() {
    let rig = Rig::start().await;
    let client = rig.client("probe");
    for path in ["/mcp", "/register", "/.well-known/oauth-authorization-server", "/authorize", "/"] {
        let answer = client.get_with(path, &[("host", "evil.example")]).await;
        assert_eq!(answer.status, 421, "{path}");
        assert!(!answer.body.to_string().contains("evil.example"));
    }
    for spoofed in [("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")] {
        let answer = client.get_with("/.well-known/oauth-authorization-server", &[spoofed]).await;
        assert_eq!(answer.status, 421, "{spoofed:?}");
        assert!(!answer.body.to_string().contains("evil.example"));
    }
}

#[tokio::test]
async fn a_visitor_of_the_tunnel_who_writes_localhost_is_not_at_this_computer() {
    let rig = Rig::start_with(|settings| settings.server.public_url = public("https://demo.example")).await;
    let client = rig.client("visitor");
    let host = rig.base().trim_start_matches("http://").to_owned();
    let forwarded = ("x-forwarded-for", "203.0.113.9");
    for path in ["/mcp", "/authorize", "/consent", "/.well-known/oauth-authorization-server", "/"] {
        let answer = client.get_with(path, &[("host", &host), forwarded]).await;
        assert_eq!(answer.status, 421, "{path}");
        let answer = client.get_with(path, &[("host", "demo.example"), forwarded]).await;
        assert_ne!(answer.status, 421, "{path} of the public site");
    }
}

#[tokio::test]
async fn pages_of_foreign_origins_may_not_call_mcp_and_inspectors_may() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let bearer = format!("Bearer {}", ada.access_token);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (origin, status) in [
        ("http://localhost:6274", 200),
        ("http://127.0.0.1:6274", 200),
        (rig.base(), 200),
        ("https://claude.ai", 200),
        ("https://chatgpt.com", 200),
        ("http://evil.example", 403),
        ("https://localhost.evil.example", 403),
        ("null", 403),
    ] {
        let headers = [("origin", origin), ("authorization", &bearer), ("content-type", "application/json")];
        let answer = ada.client.request("POST", "/mcp", &headers, ping).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.body);
    }
}

#[tokio::test]
async fn local_and_public_are_two_places() {
    let rig = Rig::start_with(|settings| settings.server.public_url = public("https://demo.example")).await;
    let client = rig.client("probe");
    let document =
        client.get_with("/.well-known/oauth-authorization-server", &[("host", "demo.example")]).await;
    assert_eq!(document.text("issuer"), "https://demo.example");
    let ada = client.registers().await.signs_in(&mut rig.browser(), "ada").await;
    let bearer = format!("Bearer {}", ada.access_token);
    let headers = [("host", "demo.example"), ("authorization", bearer.as_str())];
    let across = ada.client.request("POST", "/mcp", &headers, "{}").await;
    assert_eq!(across.status, 401, "a token is never good across them");
    assert!(across.header("www-authenticate").contains("https://demo.example/.well-known/"));
}

#[tokio::test]
async fn a_sign_in_by_the_public_url_is_confirmed_on_this_computer() {
    let rig = Rig::start_with(|settings| settings.server.public_url = public("https://demo.example")).await;
    let client = rig.client("claude").registers().await;
    let url = client.authorize_url(&[("resource", Some("https://demo.example/mcp"))]);
    let path = url.strip_prefix(rig.base()).unwrap();
    let sent = client.get_with(path, &[("host", "demo.example")]).await;
    assert_eq!(sent.status, 303);
    let consent = sent.header("location").to_owned();
    assert!(consent.starts_with(&format!("{}/consent?grant=", rig.base())), "{consent}");
    let stranger =
        client.get_with(consent.strip_prefix(rig.base()).unwrap(), &[("host", "demo.example")]).await;
    assert_eq!(stranger.status, 403, "nobody elsewhere gets past the first page");

    let mut browser = rig.browser();
    let page = browser.open(&consent, "").await;
    let provider = browser.press(&page, "decision", "approve", &client.redirect_uri).await;
    let landed = browser.pick(&provider, "ada", &client.redirect_uri).await;
    assert_eq!(landed.param("iss").as_deref(), Some("https://demo.example"));
}

#[tokio::test]
async fn the_root_says_what_this_is_and_a_call_there_names_the_endpoint() {
    let rig = Rig::start().await;
    let client = rig.client("probe");
    let page = client.get("/").await;
    assert!(page.body.as_str().unwrap().contains(&rig.running.mcp_url));
    let lost = client.request("POST", "/", &[("content-type", "application/json")], "{}").await;
    assert_eq!(lost.status, 404);
    assert!(lost.text("error_description").contains("/mcp"));
    assert_eq!(client.get("/healthz").await.status, 200);
    assert_eq!(client.get("/readyz").await.status, 200);
}

/// Clients send head and body apart, and go on over the connection that brought the answer.
#[tokio::test]
async fn a_connection_that_was_answered_before_its_body_came_carries_the_next_request() {
    let rig = Rig::start().await;
    let host = rig.base().strip_prefix("http://").unwrap();
    let foreign = format!("host: {host}\r\norigin: https://evil.example");
    for (path, headers, status) in [
        ("/mcp", format!("host: {host}"), 401),
        ("/mcp", "host: evil.example".to_owned(), 421),
        ("/mcp", foreign, 403),
        ("/token", "host: evil.example".to_owned(), 421),
        ("/nowhere", format!("host: {host}"), 404),
    ] {
        let mut connection = TcpStream::connect(host).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\n{headers}\r\ncontent-length: 2\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        // By the time another connection is answered, the head was seen.
        rig.client("other").get("/.well-known/oauth-authorization-server").await;
        let rest = format!(
            "{{}}GET /.well-known/oauth-protected-resource/mcp HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        );
        connection.write_all(rest.as_bytes()).await.unwrap();
        let mut answers = String::new();
        connection.read_to_string(&mut answers).await.unwrap();
        assert!(answers.starts_with(&format!("HTTP/1.1 {status} ")), "{answers}");
        assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 1, "{path} {headers}: {answers}");
    }
}
