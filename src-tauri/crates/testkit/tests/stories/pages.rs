//! Clients that run in a page of another origin: what a browser lets them send, and what it lets them see.

use practice::Fault;
use testkit::Rig;

const PAGE: &str = "http://localhost:6274";

#[tokio::test]
async fn browsers_get_their_preflight_before_any_token_and_see_what_they_must() {
    let rig = Rig::start().await;
    let client = rig.client("probe");
    let asked = "authorization,content-type,last-event-id,mcp-method,mcp-name,mcp-protocol-version,mcp-session-id,\
                 x-custom-auth-headers,x-foo";
    for path in [
        "/mcp",
        "/register",
        "/token",
        "/authorize",
        "/revoke",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let preflight = client
            .options(
                path,
                &[
                    ("origin", PAGE),
                    ("access-control-request-method", "POST"),
                    ("access-control-request-headers", asked),
                    ("access-control-request-private-network", "true"),
                ],
            )
            .await;
        assert!((200..300).contains(&preflight.status), "{path} {}", preflight.status);
        // `*` would not cover Authorization.
        assert_eq!(preflight.header("access-control-allow-headers"), asked, "{path}");
        assert_eq!(preflight.header("access-control-allow-methods"), "GET, POST, DELETE, OPTIONS", "{path}");
        assert!(["*", PAGE].contains(&preflight.header("access-control-allow-origin")), "{path}");
        assert_eq!(preflight.header("access-control-allow-private-network"), "true", "{path}");
        assert!(preflight.header("access-control-max-age").parse::<u32>().unwrap() > 0, "{path}");
        no_credentials(&preflight, path);
    }
}

#[tokio::test]
async fn pages_may_read_every_answer_whatever_its_status() {
    let rig = Rig::start().await;
    let client = rig.client("page").registers().await;
    let ada = client.signs_in(&mut rig.browser(), "ada").await;
    let bearer = format!("Bearer {}", ada.access_token);
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let refresh =
        format!("grant_type=refresh_token&refresh_token={}&client_id={}", ada.refresh_token, client.id);
    let wrong = format!("grant_type=password&client_id={}", client.id);
    let huge = "x".repeat(70_000);
    for (status, method, path, kind, agent, body) in [
        (200, "POST", "/mcp", json, "page", list),
        (202, "POST", "/mcp", json, "page", note),
        (204, "POST", "/mcp", json, "node-fetch", note),
        (200, "GET", "/.well-known/oauth-authorization-server", json, "page", ""),
        (400, "POST", "/mcp", json, "page", "junk"),
        (400, "POST", "/token", form, "page", wrong.as_str()),
        (400, "POST", "/register", json, "page", "{}"),
        (401, "POST", "/token", form, "page", "grant_type=refresh_token&refresh_token=x&client_id=unknown"),
        (404, "GET", "/.well-known/nothing", json, "page", ""),
        (405, "GET", "/mcp", json, "page", ""),
        (405, "GET", "/token", json, "page", ""),
        (413, "POST", "/register", json, "page", huge.as_str()),
        (503, "POST", "/token", form, "page", refresh.as_str()),
    ] {
        let mut headers = vec![("origin", PAGE), ("content-type", kind), ("user-agent", agent)];
        if path == "/mcp" {
            headers.push(("authorization", &bearer));
        }
        let asked = client.request(method, path, &headers, body);
        let answer =
            if status == 503 { rig.with_fault(Fault::ServerError, asked).await } else { asked.await };
        shown(&answer, status, path);
    }
    shown(&client.request("POST", "/mcp", &[("origin", PAGE)], list).await, 401, "/mcp");
}

fn shown(answer: &testkit::Answer, status: u16, path: &str) {
    assert_eq!(answer.status, status, "{path}: {}", answer.body);
    assert!(["*", PAGE].contains(&answer.header("access-control-allow-origin")), "{path} {status}");
    let exposed = answer.header("access-control-expose-headers").to_lowercase();
    for header in ["mcp-session-id", "www-authenticate", "mcp-protocol-version", "retry-after"] {
        assert!(exposed.contains(header), "{path} {status}: {exposed}");
    }
    no_credentials(answer, path);
}

/// No cookie has a say at these addresses, and what a cache keeps is for one origin.
fn no_credentials(answer: &testkit::Answer, path: &str) {
    assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
    assert!(answer.header("vary").to_lowercase().contains("origin"), "{path}: {}", answer.header("vary"));
}
