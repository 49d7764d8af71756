//! The MCP endpoint: our own tools, for callers the bearer check let through.
//!
//! rmcp speaks the protocol, both the revisions with `initialize` and the stateless one of 2026-07-28, without
//! sessions. In front of it stands one handler that forgives what real clients get wrong and turns every refusal
//! into JSON. Nothing here looks at tokens, `Host` or `Origin`: other layers did, or the request is not served.

mod answers;
mod auth_failure;
mod endpoint;
mod icons;
mod rejection;
mod security_schemes;
mod step_up;
mod tolerance;
mod tools;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use model::ports::Clock;
use model::scope::ScopeSet;
use model::tools::ToolRules;
use model::upstream::Profiles;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

pub use auth_failure::{Lacking, auth_failure, role_needed};
pub use endpoint::MAX_BODY_BYTES;
pub use tools::{NAME, TITLE, TOOLS, Tools};

/// What the tools say about this server, and what they check callers against.
#[derive(Clone)]
pub struct McpConfig {
    /// Version of the product, shown in `serverInfo` and by the tool `version`.
    pub version: String,
    /// Scopes a caller must have; named by every tool in its `securitySchemes`, with its own.
    pub scopes: ScopeSet,
    pub rules: ToolRules,
    pub clock: Arc<dyn Clock>,
    /// What the directory says of a caller beyond the tokens.
    pub profiles: Arc<dyn Profiles>,
}

impl McpConfig {
    /// Every scope a call of the tool needs.
    pub(crate) fn scopes_of(&self, tool: &str) -> ScopeSet {
        self.rules.scopes_lacking(tool, &self.scopes, &ScopeSet::default()).unwrap_or_default()
    }
}

impl fmt::Debug for McpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpConfig")
            .field("version", &self.version)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// Serves `/mcp` and `/mcp/` alike, without a redirect: that would drop the `Authorization` header.
///
/// Every request must carry a [`model::caller::Caller`] in its extensions; without one the answer is 500.
pub fn router(config: &McpConfig) -> Router {
    let endpoint = endpoint::Endpoint::new(config);
    Router::new()
        .route("/mcp", any(endpoint::answer))
        .route("/mcp/", any(endpoint::answer))
        .with_state(endpoint)
}

/// The tools behind rmcp alone: strict about headers, and with rmcp's own error bodies. [`router`] is built on it;
/// mounted by itself it is the yardstick for what our part costs.
pub fn bare_service(config: &McpConfig) -> StreamableHttpService<Tools, NeverSessionManager> {
    let tools = Tools::new(config);
    let http = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MAX_BODY_BYTES)
        // `Host` is checked where the public name is known, which changes with the tunnel.
        .disable_allowed_hosts();
    StreamableHttpService::new(move || Ok(tools.clone()), Arc::new(NeverSessionManager::default()), http)
}
