//! The tenant's part of a path: one segment, or, at Azure AD B2C, a user flow after it.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

/// `{tenant}` or `{tenant}/{flow}`, as it was asked for.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Path(named) = Path::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(IntoResponse::into_response)?;
        Ok(Self(named.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join("/")))
    }
}
