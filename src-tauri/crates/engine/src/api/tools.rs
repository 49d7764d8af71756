//! The tools as a matrix: what each needs, and whether the person of a session could call it.

use model::scope::{Scope, ScopeSet};
use model::session::Session;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Api, ApiError, ApiParts};

/// Whose eyes to look with.
#[derive(Debug, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ViewAs {
    /// A session; without one nobody's.
    #[serde(default)]
    #[ts(optional)]
    pub session: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct ToolRow {
    pub name: &'static str,
    pub title: &'static str,
    /// Every scope a call needs, those that all calls need among them.
    pub scopes: Vec<String>,
    /// App roles of which a call needs one.
    pub roles: Vec<String>,
    /// For the session asked about; `null` without one.
    pub view: Option<ToolView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct ToolView {
    pub allowed: bool,
    /// Why not, and what would help: one sentence.
    pub why: Option<String>,
}

impl Api {
    pub(super) async fn tools(&self, ViewAs { session }: ViewAs) -> Result<Vec<ToolRow>, ApiError> {
        let live = self.live()?;
        let session = match session {
            Some(id) => Some(live.session(&id).await?),
            None => None,
        };
        Ok(mcp::TOOLS.iter().map(|(name, title)| live.tool(name, title, session.as_ref())).collect())
    }
}

impl ApiParts {
    fn tool(&self, name: &'static str, title: &'static str, session: Option<&Session>) -> ToolRow {
        let base = self.flow.scopes();
        let all = self.tools.scopes_lacking(name, base, &ScopeSet::default()).unwrap_or_default();
        let roles = self.tools.of(name).map(|needs| needs.roles.clone()).unwrap_or_default();
        let view = session.map(|session| {
            let why = if let Some(roles) = self.tools.roles_lacking(name, &session.person) {
                Some(mcp::role_needed(roles))
            } else {
                let lacking = self.tools.scopes_lacking(name, base, &session.scope);
                lacking.map(|scopes| format!("the client has to ask for `{scopes}`, which it does when it is told so by the first call"))
            };
            ToolView { allowed: why.is_none(), why }
        });
        ToolRow { name, title, scopes: all.iter().map(Scope::to_string).collect(), roles, view }
    }
}
