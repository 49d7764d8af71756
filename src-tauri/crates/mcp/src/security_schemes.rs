//! `securitySchemes` of every tool, which ChatGPT wants at the top level and in `_meta`.
//!
//! rmcp's tool type has no such member at the top level. So the copy in `_meta` goes through rmcp, and the answer to
//! `tools/list` gets the other one spliced in next to it. Which answer that is, the handler itself says: no body
//! is searched for a method name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, Bytes};
use http::Response;
use http_body_util::BodyExt;
use model::scope::{Scope, ScopeSet};
use rmcp::model::MetaObject;
use serde_json::{Value, json};

/// Travels with a request as an extension; set by whoever answers `tools/list`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listed(Arc<AtomicBool>);

impl Listed {
    pub(crate) fn note(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_noted(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

fn schemes(scopes: &ScopeSet) -> Value {
    let scopes: Vec<_> = scopes.iter().map(Scope::as_str).collect();
    json!([{ "type": "oauth2", "scopes": scopes }])
}

/// `_meta` of every tool.
pub(crate) fn meta(scopes: &ScopeSet) -> MetaObject {
    let mut meta = MetaObject::new();
    meta.0.insert("securitySchemes".to_owned(), schemes(scopes));
    meta
}

/// What to look for in an answer and what to put there, for each set of scopes that some tool needs.
#[derive(Debug)]
pub(crate) struct Splice(Vec<Replacement>);

#[derive(Debug)]
struct Replacement {
    found: String,
    wanted: String,
}

impl Splice {
    pub(crate) fn new(sets: impl Iterator<Item = ScopeSet>) -> Self {
        let mut all: Vec<Value> = Vec::new();
        for scopes in sets {
            let schemes = schemes(&scopes);
            // Each once, or it would be put there twice.
            if !all.contains(&schemes) {
                all.push(schemes);
            }
        }
        Self(all.iter().map(Replacement::of).collect())
    }

    pub(crate) async fn apply<B>(&self, response: Response<B>) -> Response<Body>
    where
        B: BodyExt<Data = Bytes, Error = std::convert::Infallible>,
    {
        let (mut parts, body) = response.into_parts();
        let Ok(body) = body.collect().await;
        let body = body.to_bytes();
        let spliced = match str::from_utf8(&body) {
            Ok(text) => Body::from(
                self.0
                    .iter()
                    .fold(text.to_owned(), |text, Replacement { found, wanted }| text.replace(found, wanted)),
            ),
            Err(_) => Body::from(body),
        };
        parts.headers.remove(http::header::CONTENT_LENGTH);
        Response::from_parts(parts, spliced)
    }
}

impl Replacement {
    fn of(schemes: &Value) -> Self {
        // A quote inside a JSON string is escaped, so this text is only ever a member.
        let found = format!("\"_meta\":{}", json!({ "securitySchemes": schemes }));
        let wanted = format!("\"securitySchemes\":{schemes},{found}");
        Self { found, wanted }
    }
}
