//! One request: guarded, read, forgiven, answered by rmcp, and restated where rmcp does not speak JSON.
//!
//! The body is read once into memory and parsed once, by rmcp.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use model::caller::Caller;
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;

use crate::security_schemes::{Listed, Splice};
use crate::step_up::StepUp;
use crate::tools::{TOOLS, Tools};
use crate::{McpConfig, bare_service, rejection, tolerance};

/// Largest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

#[derive(Clone)]
pub(crate) struct Endpoint(Arc<Shared>);

struct Shared {
    service: StreamableHttpService<Tools, NeverSessionManager>,
    splice: Splice,
    step_up: StepUp,
}

impl Endpoint {
    pub(crate) fn new(config: &McpConfig) -> Self {
        let sets = TOOLS.iter().map(|(tool, _)| config.scopes_of(tool));
        Self(Arc::new(Shared {
            service: bare_service(config),
            splice: Splice::new(sets),
            step_up: StepUp::new(config),
        }))
    }
}

pub(crate) async fn answer(State(Endpoint(shared)): State<Endpoint>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(caller) = parts.extensions.get::<Caller>().cloned() else {
        tracing::error!("a request reached the MCP endpoint without passing the bearer check");
        return rejection::unguarded();
    };
    if parts.method != Method::POST {
        return rejection::method_not_allowed();
    }
    if !tolerance::may_be_json(&parts.headers) {
        return rejection::not_json();
    }
    let body = match read(&parts.headers, body).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    if let Some(challenge) = shared.step_up.needed(&caller, parts.uri.path().ends_with('/'), &body) {
        return challenge;
    }
    tolerance::settle(&mut parts.headers, &body);
    let dislikes_accepted = tolerance::dislikes_accepted(&parts.headers);
    let listed = Listed::default();
    parts.extensions.insert(listed.clone());

    let request = http::Request::from_parts(parts, Full::new(body.clone()));
    let response = shared.service.handle(request).await;
    let response = match response.status() {
        StatusCode::OK if listed.is_noted() => shared.splice.apply(response).await,
        status if status.is_success() => response.map(Body::new),
        _ => rejection::restate(response, &body).await,
    };
    match response.status() {
        StatusCode::ACCEPTED if dislikes_accepted => StatusCode::NO_CONTENT.into_response(),
        _ => response,
    }
}

/// Why a body was not read.
enum Unread {
    TooLarge,
    BrokenOff,
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Unread> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(Unread::TooLarge);
    }
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Err(_) => Err(Unread::BrokenOff),
    }
}

impl IntoResponse for Unread {
    fn into_response(self) -> Response {
        match self {
            Self::TooLarge => rejection::too_large(MAX_BODY_BYTES),
            Self::BrokenOff => rejection::broken_off(),
        }
    }
}
