//! Answers that say no, in the shape the protocol at hand has for it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::ports::StoreError;
use serde_json::json;

/// `{"error", "error_description"}`, never cached (RFC 6749 section 5.2).
pub(crate) fn json(status: StatusCode, error: &str, description: &str) -> Response {
    let mut response =
        (status, Json(json!({"error": error, "error_description": description}))).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Nobody's fault and likely to pass: 503 with `Retry-After`. A client keeps what it has.
pub(crate) fn unavailable(description: &str, retry_after_secs: u64) -> Response {
    let mut response = json(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", description);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_secs.max(1)));
    response
}

/// The store did not answer. Logged here, where it is handled; the client learns only that trying again may help.
pub(crate) fn store_failed(error: &StoreError) -> Response {
    tracing::error!(%error, "the store failed");
    match error {
        StoreError::Unavailable(_) => unavailable("the server's store is busy; try again", 2),
        StoreError::Corrupt { .. } => json(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "the server could not read its own data; its log says which",
        ),
    }
}
