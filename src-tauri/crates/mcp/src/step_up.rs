//! A call of a tool that needs more scopes than its token has is answered 403 with a challenge (RFC 6750 section 3.1), so
//! that the client asks for more (step-up). It comes before rmcp, which answers tools with 200 only.
//!
//! The body is the tool's own refusal: clients that do not look at the status show it.

use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use model::caller::Caller;
use model::scope::{Scope, ScopeSet};
use model::tools::ToolRules;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::McpConfig;
use crate::auth_failure::{Lacking, auth_failure, challenge};
use crate::tools::metadata_url;

pub(crate) struct StepUp {
    base: ScopeSet,
    rules: ToolRules,
    /// Whether some tool needs more than the base at all; if not, no body is looked into.
    is_on: bool,
}

/// What of a call is looked at.
#[derive(Deserialize)]
struct Call {
    method: String,
    id: Value,
    params: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl StepUp {
    pub(crate) fn new(config: &McpConfig) -> Self {
        let (base, rules) = (config.scopes.clone(), config.rules.clone());
        let is_on = !base.contains_all(&rules.scopes());
        Self { base, rules, is_on }
    }

    /// The challenge, if the body calls a tool whose scopes the caller lacks.
    pub(crate) fn needed(&self, caller: &Caller, slash: bool, body: &[u8]) -> Option<Response> {
        if !self.is_on {
            return None;
        }
        let call: Call =
            serde_json::from_slice(body).ok().filter(|call: &Call| call.method == "tools/call")?;
        let lacking = self.rules.scopes_lacking(&call.params.name, &self.base, &caller.scope)?;
        // With what the token has, since a client asks for exactly what it is told.
        let has = caller.scope.iter().filter(|scope| !scope.is_oidc());
        let wanted: ScopeSet =
            lacking.iter().chain(has).cloned().collect::<Vec<Scope>>().into_iter().collect();
        let (lacking, metadata) = (Lacking::Scope(wanted), metadata_url(caller, slash));
        let header = HeaderValue::from_str(&challenge(&lacking, &metadata)).ok()?;
        let result = json!({ "jsonrpc": "2.0", "id": call.id, "result": auth_failure(&lacking, &metadata) });
        let json = HeaderValue::from_static("application/json");
        let headers = [(CONTENT_TYPE, json), (WWW_AUTHENTICATE, header)];
        Some((StatusCode::FORBIDDEN, headers, result.to_string()).into_response())
    }
}
