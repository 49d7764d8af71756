//! Our own tools: `version` and `get_user_info`.
//!
//! They read what the bearer check left in the request, and ask for nothing but the profile of whoever calls.

use std::sync::Arc;

use http::request::Parts;
use model::caller::Caller;
use model::ports::Clock;
use model::scope::ScopeSet;
use model::tools::ToolRules;
use model::upstream::Profiles;
use rmcp::handler::server::common::{AsRequestContext, FromContextPart};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::schema_for_output;
use rmcp::model::{
    CacheScope, CallToolResult, ContentBlock, Implementation, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, tool, tool_handler, tool_router};
use serde::Serialize;

use crate::McpConfig;
use crate::answers::{ServerInfo, UserInfo};
use crate::auth_failure::{Lacking, auth_failure, role_needed};
use crate::security_schemes::{self, Listed};
use crate::{icons, rejection};

/// Machine name of this server.
pub const NAME: &str = "just-mcp-oauth-proxy";
/// Its name towards people.
pub const TITLE: &str = "Just MCP OAuth Proxy";

/// Every tool by name and title, in the order in which a client lists them.
pub const TOOLS: &[(&str, &str)] = &[("get_user_info", "Who is signed in"), ("version", "Server version")];

const INSTRUCTIONS: &str = "Call get_user_info to learn who is signed in through Microsoft Entra ID, and version to learn what serves you.";

/// How long a client may keep the list of tools; it changes only with the version or the settings.
const LIST_FRESH_MS: u64 = 60_000;

/// The handler rmcp calls; one clone per request, so everything is shared.
#[derive(Debug, Clone)]
pub struct Tools {
    router: Arc<ToolRouter<Self>>,
    facts: Arc<Facts>,
}

struct Facts {
    info: ServerConfig,
    scopes: ScopeSet,
    rules: ToolRules,
    clock: Arc<dyn Clock>,
    profiles: Arc<dyn Profiles>,
}

/// What a tool may know of its request, taken by reference: rmcp's own extractors copy all headers.
struct Request {
    caller: Caller,
    protocol_version: ProtocolVersion,
    /// Whether the client wrote the MCP URL with a trailing slash.
    slash: bool,
}

// === impl Tools ===

#[tool_router]
impl Tools {
    pub(crate) fn new(config: &McpConfig) -> Self {
        let mut router = Self::tool_router();
        for (tool, route) in &mut router.map {
            route.attr.meta = Some(security_schemes::meta(&config.scopes_of(tool)));
        }
        let implementation =
            Implementation::new(NAME, config.version.clone()).with_title(TITLE).with_icons(icons::server());
        let info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions(INSTRUCTIONS);
        let facts = Facts {
            info,
            scopes: config.scopes.clone(),
            rules: config.rules.clone(),
            clock: config.clock.clone(),
            profiles: config.profiles.clone(),
        };
        Self { router: Arc::new(router), facts: Arc::new(facts) }
    }

    #[tool(
        name = "version",
        title = "Server version",
        description = "Name and version of this server, and the MCP revision it serves this request under.",
        output_schema = schema_for_output::<ServerInfo<'static>>(),
        annotations(
            title = "Server version",
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        ),
        icons = icons::version()
    )]
    #[expect(clippy::needless_pass_by_value, reason = "rmcp hands over what it extracted")]
    fn version(&self, request: Request) -> Result<CallToolResult, ErrorData> {
        if let Err(refused) = self.admit("version", &request) {
            return Ok(*refused);
        }
        structured(&ServerInfo {
            name: NAME,
            version: &self.facts.info.server_info.version,
            protocol_version: request.protocol_version.as_str(),
        })
    }

    #[tool(
        name = "get_user_info",
        title = "Who is signed in",
        description = "The person who is signed in, as Microsoft Entra ID describes them, and the client and scopes \
                       they signed in with.",
        output_schema = schema_for_output::<UserInfo<'static>>(),
        annotations(
            title = "Who is signed in",
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        ),
        icons = icons::person()
    )]
    async fn get_user_info(&self, request: Request) -> Result<CallToolResult, ErrorData> {
        if let Err(refused) = self.admit("get_user_info", &request) {
            return Ok(*refused);
        }
        let profile = self.facts.profiles.of(&request.caller).await.unwrap_or_default();
        structured(&UserInfo::of(&request.caller, &profile))
    }

    /// The checks before did the first two too; a body that took long to arrive can outlive its token.
    fn admit(&self, tool: &str, request: &Request) -> Result<(), Box<CallToolResult>> {
        let (facts, caller) = (&self.facts, &request.caller);
        if caller.expires_at <= facts.clock.now() {
            return Err(Box::new(request.refuse(&Lacking::Expired)));
        }
        if let Some(scopes) = facts.rules.scopes_lacking(tool, &facts.scopes, &caller.scope) {
            return Err(Box::new(request.refuse(&Lacking::Scope(scopes))));
        }
        match facts.rules.roles_lacking(tool, &caller.person) {
            Some(roles) => Err(Box::new(CallToolResult::error(vec![ContentBlock::text(role_needed(roles))]))),
            None => Ok(()),
        }
    }
}

#[tool_handler(router = self.router)]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        self.facts.info.clone()
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if let Some(listed) =
            context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Listed>())
        {
            listed.note();
        }
        let mut result = ListToolsResult::with_all_items(self.router.list_all());
        // Revisions before this one know no caching hints (SEP-2549).
        if context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28) {
            result.ttl_ms = Some(LIST_FRESH_MS);
            result.cache_scope = Some(CacheScope::Private);
        }
        Ok(result)
    }
}

fn structured(answer: &impl Serialize) -> Result<CallToolResult, ErrorData> {
    let value = serde_json::to_value(answer).map_err(|error| {
        ErrorData::internal_error(format!("the answer cannot be written as JSON: {error}"), None)
    })?;
    Ok(CallToolResult::structured(value))
}

/// Where our protected resource metadata is (RFC 9728 section 3.1), as the client spells the MCP URL.
pub(crate) fn metadata_url(caller: &Caller, slash: bool) -> String {
    let tail = if slash { "/" } else { "" };
    caller.site.base.join(&format!("/.well-known/oauth-protected-resource/mcp{tail}"))
}

// === impl Facts ===

impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

// === impl Request ===

impl Request {
    fn refuse(&self, lacking: &Lacking) -> CallToolResult {
        auth_failure(lacking, &metadata_url(&self.caller, self.slash))
    }
}

impl<C: AsRequestContext> FromContextPart<C> for Request {
    fn from_context_part(context: &mut C) -> Result<Self, ErrorData> {
        let context = context.as_request_context();
        let parts = context.extensions.get::<Parts>();
        let unguarded = || ErrorData::internal_error(rejection::UNGUARDED, None);
        let caller =
            parts.and_then(|parts| parts.extensions.get::<Caller>()).cloned().ok_or_else(unguarded)?;
        Ok(Self {
            caller,
            protocol_version: context.protocol_version().unwrap_or(ProtocolVersion::V_2025_03_26),
            slash: parts.is_some_and(|parts| parts.uri.path().ends_with('/')),
        })
    }
}
