//! What is not served, and that every refusal is JSON with a status a client can act on.
#![expect(clippy::unwrap_used, reason = "in tests a panic is an answer, in their helpers too")]

mod support;

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use support::{MODERN, ask, caller, initialize, modern, modern_body, modern_headers, post, raw, served};

const JSON: (&str, &str) = ("content-type", "application/json");
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

#[tokio::test]
async fn without_the_bearer_check_nothing_is_served() {
    for (method, path) in [(Method::POST, "/mcp"), (Method::POST, "/mcp/"), (Method::GET, "/mcp")] {
        let answer = ask(mcp::router(&caller::config()), raw(method, path, &[JSON], LIST)).await;
        assert_eq!(answer.error(), (500, Value::Null, -32603));
        assert!(answer.text().contains("not behind the bearer check"));
    }
}

#[tokio::test]
async fn both_spellings_of_the_url_are_served_without_a_redirect() {
    for path in ["/mcp", "/mcp/"] {
        let answer = ask(served(), raw(Method::POST, path, &[JSON], LIST)).await;
        assert!(answer.result()["tools"].is_array(), "{path}");
    }
    assert_eq!(ask(served(), raw(Method::POST, "/mcp/x", &[JSON], LIST)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_post_is_taken() {
    for method in [Method::GET, Method::DELETE, Method::HEAD, Method::PUT, Method::PATCH, Method::OPTIONS] {
        for version in ["2025-06-18", MODERN] {
            let headers = [("accept", "text/event-stream"), ("mcp-protocol-version", version)];
            let answer = ask(served(), raw(method.clone(), "/mcp", &headers, "")).await;
            assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"), "{method}");
        }
    }
}

#[tokio::test]
async fn accept_is_forgiven_in_every_form_it_is_met_in() {
    let met = [
        "*/*",
        "application/json",
        "text/event-stream",
        "text/event-stream, application/json",
        "application/*",
        "application/json;q=0.9, text/event-stream;q=0",
        "text/html",
        "",
        "?",
    ];
    for accept in met {
        assert!(post(&[JSON, ("accept", accept)], LIST).await.result()["tools"].is_array(), "{accept}");
    }
    assert!(post(&[JSON], LIST).await.result()["tools"].is_array());
    assert!(
        post(&[JSON, ("accept", "text/html"), ("accept", "image/png")], LIST).await.result()["tools"]
            .is_array()
    );
}

#[tokio::test]
async fn content_type_may_be_missing_or_have_parameters_but_not_name_something_else() {
    for headers in [
        &[][..],
        &[("content-type", "application/json; charset=utf-8")],
        &[("content-type", "Application/JSON;x")],
    ] {
        assert!(post(headers, LIST).await.result()["tools"].is_array(), "{headers:?}");
    }
    for other in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let answer = post(&[("content-type", other)], LIST).await;
        assert_eq!(answer.error(), (415, Value::Null, -32600), "{other}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_a_parse_error() {
    let bodies: [&[u8]; 9] = [
        b"",
        b"  ",
        b"{",
        b"junk",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}x",
        b"[1,",
        b"\xef\xbb\xbf{}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\xff\xfeng\"}",
        b"\x00\x01",
    ];
    for body in bodies {
        let answer = post(&[JSON], body).await;
        assert_eq!(answer.error(), (400, Value::Null, -32700), "{}", String::from_utf8_lossy(body));
        assert!(answer.text().contains("\"id\":null"));
    }
}

#[tokio::test]
async fn json_that_is_no_message_is_an_invalid_request_and_keeps_its_id() {
    for (body, id) in [
        (r#"{"id":7,"method":"ping"}"#, json!(7)),
        (r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#, json!("a")),
        (r#"{"jsonrpc":"2.0","id":{"x":1},"method":"ping"}"#, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, Value::Null),
        (r#"{"jsonrpc":"2.0","id":3}"#, json!(3)),
        ("{}", Value::Null),
        ("null", Value::Null),
        ("17", Value::Null),
        (r#""text""#, Value::Null),
    ] {
        assert_eq!(post(&[JSON], body).await.error(), (400, id, -32600), "{body}");
    }
}

#[tokio::test]
async fn batches_are_refused_by_name() {
    for body in [format!("[{LIST}]"), format!(" \n[{LIST},{LIST}]"), "[]".to_owned()] {
        let answer = post(&[JSON], body).await;
        assert_eq!(answer.error(), (400, Value::Null, -32600));
        assert!(answer.text().contains("batches are not supported"));
    }
}

#[tokio::test]
async fn depth_does_not_bring_the_server_down() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    for nested in [deep("[", "]"), deep("{\"a\":", "}")] {
        for body in [
            nested.clone(),
            format!(
                r#"{{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{{"name":"version","arguments":{{"a":{nested}}}}}}}"#
            ),
            format!(r#"{{"jsonrpc":"2.0","id":{nested},"method":"ping"}}"#),
        ] {
            let (status, _, code) = post(&[JSON], body).await.error();
            assert_eq!((status, code), (400, -32600));
        }
        assert_eq!(post(&[JSON], nested.replace(['}', ']'], "")).await.error().2, -32700);
    }
}

#[tokio::test]
async fn bodies_end_at_four_mebibytes_announced_or_not() {
    let fill = |total: usize| {
        let head = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"x":""#;
        let tail = r#""}}}"#;
        format!("{head}{}{tail}", "x".repeat(total - head.len() - tail.len()))
    };
    let fits = fill(mcp::MAX_BODY_BYTES);
    assert!(post(&[JSON], fits).await.result()["tools"].is_array());
    let over = fill(mcp::MAX_BODY_BYTES + 1);
    assert_eq!(post(&[JSON], over.clone()).await.error(), (413, Value::Null, -32600), "counted");
    assert_eq!(post(&[JSON, ("content-length", "4194305")], "{}").await.error().0, 413, "announced");
    let lost = Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    let broken = Body::from_stream(futures::stream::iter([Ok(Bytes::from_static(b"{\"jsonrpc\"")), lost]));
    assert_eq!(post(&[JSON], broken).await.error(), (400, Value::Null, -32700), "never finished");
}

#[tokio::test]
async fn ids_come_back_as_they_were_sent() {
    let ids = [
        json!("server-discover-probe-1"),
        json!(""),
        json!("0"),
        json!("\u{e9}\"\\"),
        json!(0),
        json!(-1),
        json!(9_007_199_254_740_993_i64),
        json!(i64::MAX),
    ];
    for id in ids {
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
        assert_eq!(post(&[JSON], call.to_string()).await.json()["id"], id);
        let call = modern_body(&id, "tools/list", json!({}));
        let answer = post(&modern_headers("tools/list"), call.to_string()).await;
        assert_eq!(answer.json()["id"], id);
        assert_eq!(answer.result()["tools"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn params_and_progress_tokens_come_in_every_legal_form() {
    for params in [
        json!({ "name": "version" }),
        json!({ "name": "version", "arguments": {} }),
        json!({ "name": "version", "_meta": { "progressToken": 0 } }),
        json!({ "name": "version", "_meta": { "progressToken": "a" }, "arguments": { "extra": [1] } }),
    ] {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        assert_eq!(post(&[JSON], call.to_string()).await.result()["isError"], false, "{call}");
    }
    for list in [json!({}), json!({ "cursor": null }), json!({ "_meta": { "progressToken": 0 } })] {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": list });
        assert!(post(&[JSON], call.to_string()).await.result()["tools"].is_array(), "{call}");
    }
}

#[tokio::test]
async fn an_answer_to_a_question_nobody_asked_is_taken_quietly() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x"}}"#,
    ] {
        let answer = post(&[JSON], body).await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (202, 0), "{body}");
        assert_eq!(post(&[JSON, ("user-agent", "node-fetch")], body).await.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn unknown_methods_are_said_to_be_unknown_in_the_way_of_each_era() {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"no/such"}"#;
    assert_eq!(post(&[JSON], call).await.error(), (200, json!(1), -32601));
    assert_eq!(modern(served(), "no/such", json!({})).await.error(), (404, json!(1), -32601));
}

#[tokio::test]
async fn the_stateless_era_is_held_to_its_own_rules() {
    let mut unknown = modern_body(&json!(1), "tools/list", json!({}));
    unknown["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    let mut headers = modern_headers("tools/list");
    headers[2].1 = "2099-01-01";
    let answer = post(&headers, unknown.to_string()).await;
    assert_eq!(answer.error(), (400, json!(1), -32022));
    assert!(answer.json()["error"]["data"]["supported"].as_array().unwrap().contains(&json!(MODERN)));

    let body = modern_body(&json!(1), "tools/list", json!({})).to_string();
    assert_eq!(post(&modern_headers("tools/call"), body.clone()).await.error(), (400, json!(1), -32020));
    headers[2].1 = "2025-11-25";
    assert_eq!(post(&headers, body).await.error(), (400, json!(1), -32020), "header and body disagree");

    let bare = json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover" }).to_string();
    assert_eq!(post(&modern_headers("server/discover"), bare).await.error(), (400, json!(1), -32602));
}

#[tokio::test]
async fn no_answer_opens_a_session_and_a_made_up_one_is_ignored() {
    let answer = post(&[JSON], initialize(&json!(1), "2025-06-18", "x").to_string()).await;
    assert!(answer.headers.get("mcp-session-id").is_none());
    assert!(post(&[JSON, ("mcp-session-id", "made-up")], LIST).await.result()["tools"].is_array());
}
