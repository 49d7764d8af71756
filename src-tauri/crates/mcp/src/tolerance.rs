//! What we forgive in the headers of a request, so that rmcp, which is strict, sees them the way it wants.
//!
//! Only headers change, never the body, and only where the meaning is beyond doubt.

use std::borrow::Cow;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use rmcp::model::ProtocolVersion;
use serde::Deserialize;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The member of `_meta` that makes a request stateless (2026-07-28).
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// Whether the body may be read as JSON: it says so, with or without parameters, or says nothing.
pub(crate) fn may_be_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|value| {
        let essence = value.as_bytes().split(|&b| b == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
    })
}

/// Prepares a request for rmcp.
///
/// `Accept`: clients send `*/*`, one of the two types, or nothing; our answers are JSON whatever they ask for.
/// `MCP-Protocol-Version`: see [`is_misleading`].
pub(crate) fn settle(headers: &mut HeaderMap, body: &[u8]) {
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if headers.get(PROTOCOL_VERSION).is_some_and(|version| is_misleading(version, body)) {
        headers.remove(PROTOCOL_VERSION);
    }
}

/// Inspector before 0.17.5 relays through node-fetch and crashes on an answer with status 202.
pub(crate) fn dislikes_accepted(headers: &HeaderMap) -> bool {
    headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"node-fetch"))
}

/// Whether the header says less than its absence. A version nobody knows, on a request that is not stateless, would
/// be 400 instead of the default (2025-03-26). On `initialize` a legacy version is beside the point: the body
/// negotiates, and clients that send a fixed header would be refused over it.
fn is_misleading(version: &HeaderValue, body: &[u8]) -> bool {
    match ProtocolVersion::KNOWN_VERSIONS.iter().find(|known| known.as_str().as_bytes() == version.as_bytes())
    {
        None => !contains(body, META_VERSION),
        Some(known) => *known <= ProtocolVersion::LATEST_WITH_INITIALIZE && is_initialize(body),
    }
}

fn is_initialize(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        method: Cow<'a, str>,
    }
    // Most bodies end here; the few others are read once more.
    contains(body, "\"initialize\"")
        && serde_json::from_slice::<Envelope<'_>>(body).is_ok_and(|message| message.method == "initialize")
}

/// `str` searches with SIMD, slices do not.
fn contains(body: &[u8], text: &str) -> bool {
    str::from_utf8(body).is_ok_and(|body| body.contains(text))
}
