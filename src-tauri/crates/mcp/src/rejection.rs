//! Refusals as JSON-RPC errors (JSON-RPC 2.0 section 5.1), with the HTTP status that fits.
//!
//! rmcp answers what it cannot read with plain text, and a body that is not JSON-RPC with 415. It stays the only
//! parser on the good path; only when it has refused is the body looked at again to say what was wrong.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use rmcp::model::{ErrorCode, RequestId};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

pub(crate) const UNGUARDED: &str = "not behind the bearer check; this endpoint answers verified callers only";

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What rmcp says about a header is one line; more is not passed on.
const LONGEST_REASON: usize = 300;

pub(crate) fn unguarded() -> Response {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::INTERNAL_ERROR, UNGUARDED, None)
}

pub(crate) fn method_not_allowed() -> Response {
    let text = "this MCP endpoint takes POST only: it keeps no sessions and opens no streams by itself";
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::INVALID_REQUEST, text, None);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

pub(crate) fn not_json() -> Response {
    let text = "the body must be JSON; send Content-Type: application/json";
    refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::INVALID_REQUEST, text, None)
}

pub(crate) fn too_large(limit: usize) -> Response {
    let text = format!("the body is larger than {} MiB", limit / 1024 / 1024);
    refuse(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::INVALID_REQUEST, &text, None)
}

pub(crate) fn broken_off() -> Response {
    refuse(StatusCode::BAD_REQUEST, ErrorCode::PARSE_ERROR, "the body ended before it was complete", None)
}

/// An answer of rmcp that is not a success, as JSON. `request` is the body that led to it.
pub(crate) async fn restate(response: Response<BoxBody<Bytes, Infallible>>, request: &[u8]) -> Response {
    let status = response.status();
    if response.headers().get(CONTENT_TYPE) == Some(&APPLICATION_JSON) {
        // We never ask clients anything, so an answer of theirs is late or lost; saying no to it helps nobody.
        if status == StatusCode::BAD_REQUEST && is_answer(request) {
            return StatusCode::ACCEPTED.into_response();
        }
        return response.map(Body::new);
    }
    match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => unreadable(request),
        status if status.is_client_error() => {
            let Ok(reason) = response.into_body().collect().await;
            let reason =
                String::from_utf8_lossy(&reason.to_bytes()).chars().take(LONGEST_REASON).collect::<String>();
            refuse(status, ErrorCode::INVALID_REQUEST, &reason, id_of(request))
        }
        status => {
            tracing::error!(status = status.as_u16(), "the MCP endpoint failed");
            let text = "the server failed to answer; try again";
            refuse(status, ErrorCode::INTERNAL_ERROR, text, id_of(request))
        }
    }
}

/// What is wrong with a body rmcp cannot read.
fn unreadable(body: &[u8]) -> Response {
    let parse_error = |text: &str| refuse(StatusCode::BAD_REQUEST, ErrorCode::PARSE_ERROR, text, None);
    let invalid = |text: &str| refuse(StatusCode::BAD_REQUEST, ErrorCode::INVALID_REQUEST, text, id_of(body));
    let Ok(text) = str::from_utf8(body) else {
        return parse_error("the body is not UTF-8");
    };
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return parse_error(&format!("the body is not JSON: {error}"));
    }
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'[') => invalid("batches are not supported; send one message per request"),
        Some(b'{') => invalid(
            "not a JSON-RPC 2.0 message as MCP knows it: it needs \"jsonrpc\": \"2.0\", a \"method\", an \"id\" that \
             is a string or an integer if an answer is wanted, and no more than 100 levels of nesting",
        ),
        _ => invalid("a JSON-RPC message is a JSON object"),
    }
}

fn refuse(status: StatusCode, code: ErrorCode, message: &str, id: Option<Value>) -> Response {
    let mut body = json!({ "jsonrpc": "2.0", "error": { "code": code.0, "message": message } });
    body["id"] = id.unwrap_or(Value::Null);
    (status, [(CONTENT_TYPE, APPLICATION_JSON)], body.to_string()).into_response()
}

/// The id, if there is one that can be echoed; the rest of the body may be anything.
fn id_of(body: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    struct Identified {
        id: RequestId,
    }
    serde_json::from_slice::<Identified>(body).ok().map(|message| message.id.into_json_value())
}

fn is_answer(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Shape {
        method: Option<IgnoredAny>,
        result: Option<IgnoredAny>,
        error: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Shape>(body).is_ok_and(|message| {
        message.method.is_none() && (message.result.is_some() || message.error.is_some())
    })
}
