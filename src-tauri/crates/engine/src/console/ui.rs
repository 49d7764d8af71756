//! The pages of the window, as they were built into this program; none if they were not built before it.

use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../../ui/dist"]
#[allow_missing = true]
struct Files;

const FIRST: &str = "index.html";

/// What the pages may load: nothing but themselves.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                                 font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                                 frame-ancestors 'none'";

/// The first page.
pub(super) fn index() -> Option<Response> {
    Files::get(FIRST).map(|file| answer(file, "no-store"))
}

/// Whatever else the pages are made of. Names of these files change with what is in them.
pub(super) fn file(uri: &Uri) -> Option<Response> {
    let path = uri.path().trim_start_matches('/');
    (path != FIRST)
        .then(|| Files::get(path))
        .flatten()
        .map(|file| answer(file, "private, max-age=31536000, immutable"))
}

/// Where they all are; the first page is at `/` only.
pub(super) fn paths() -> impl Iterator<Item = String> {
    Files::iter().filter(|file| file != FIRST).map(|file| format!("/{file}"))
}

fn answer(file: EmbeddedFile, keep: &'static str) -> Response {
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let mut response = file.data.into_owned().into_response();
    let headers = response.headers_mut();
    headers
        .insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
