//! The router of the crate under test, with a layer in the place of the bearer check.
#![expect(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod caller;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use model::caller::{Caller, CallerFacts};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const MODERN: &str = "2026-07-28";
pub(crate) const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.bytes).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{}", self.text());
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// The result of a call that went well.
    pub(crate) fn result(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        assert_eq!(self.header("mcp-session-id"), "", "no sessions");
        let body = self.json();
        assert_eq!(body["jsonrpc"], "2.0");
        assert!(body.get("error").is_none(), "{body}");
        body["result"].clone()
    }

    /// Status, id and code of a JSON-RPC error.
    pub(crate) fn error(&self) -> (u16, Value, i64) {
        let body = self.json();
        assert_eq!(body["jsonrpc"], "2.0");
        assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        (self.status.as_u16(), body["id"].clone(), body["error"]["code"].as_i64().unwrap())
    }
}

pub(crate) fn served_to(facts: CallerFacts) -> Router {
    mcp::router(&caller::config()).layer(Extension(Caller(Arc::new(facts))))
}

pub(crate) fn served() -> Router {
    served_to(caller::facts())
}

pub(crate) async fn ask(app: Router, request: Request<Body>) -> Answer {
    let response = app.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, bytes }
}

/// A request exactly as written; only `Host`, which HTTP/1.1 demands, is added.
pub(crate) fn raw(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost:4242");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

pub(crate) async fn post(headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    ask(served(), raw(Method::POST, "/mcp", headers, body)).await
}

/// A legacy call with the headers a well-behaved client sends.
pub(crate) async fn legacy(app: Router, method: &str, params: Value) -> Answer {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let headers = [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    ask(app, raw(Method::POST, "/mcp", &headers, body.to_string())).await
}

/// A stateless call of 2026-07-28.
pub(crate) async fn modern(app: Router, method: &str, params: Value) -> Answer {
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let body = modern_body(&json!(1), method, params);
    let mut headers = modern_headers(method).to_vec();
    if !name.is_empty() {
        headers.push(("mcp-name", &name));
    }
    ask(app, raw(Method::POST, "/mcp", &headers, body.to_string())).await
}

pub(crate) fn modern_headers(method: &str) -> [(&str, &str); 4] {
    [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", MODERN),
        ("mcp-method", method),
    ]
}

pub(crate) fn modern_body(id: &Value, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

pub(crate) fn initialize(id: &Value, version: &str, client: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": client, "version": "1.0.0" } } })
}
