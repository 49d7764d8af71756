//! The tool result that asks a client to sign in again.
//!
//! A tool call is past the HTTP status by then, so ChatGPT looks for the challenge of RFC 6750 in `_meta`.

use model::scope::ScopeSet;
use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use serde_json::json;

/// Why a tool does not serve its caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lacking {
    /// The token ended between the bearer check and the tool.
    #[error("the access token has expired; refresh it or sign in again")]
    Expired,
    /// The identity provider wants the person again; the text says why and what to do.
    #[error("{0}")]
    SignInNeeded(String),
    /// The token lacks scopes; these are needed.
    #[error("the access token lacks a scope this tool requires ({0}); sign in again and grant it")]
    Scope(ScopeSet),
}

impl Lacking {
    /// Error code of RFC 6750 section 3.1.
    const fn code(&self) -> &'static str {
        match self {
            Self::Expired | Self::SignInNeeded(_) => "invalid_token",
            Self::Scope(_) => "insufficient_scope",
        }
    }
}

/// A result with `isError` whose text a person can act on and whose `_meta` carries the challenge a client acts on.
/// `resource_metadata` is the URL of our protected resource metadata (RFC 9728 section 5.1).
pub fn auth_failure(lacking: &Lacking, resource_metadata: &str) -> CallToolResult {
    let mut meta = MetaObject::new();
    meta.0.insert("mcp/www_authenticate".to_owned(), json!([challenge(lacking, resource_metadata)]));
    let mut result = CallToolResult::error(vec![ContentBlock::text(lacking.to_string())]);
    result.meta = Some(meta);
    result
}

/// The challenge of RFC 6750 section 3, as a header has it too.
pub(crate) fn challenge(lacking: &Lacking, resource_metadata: &str) -> String {
    let scope = match lacking {
        Lacking::Scope(scopes) => format!(", scope=\"{scopes}\""),
        Lacking::Expired | Lacking::SignInNeeded(_) => String::new(),
    };
    format!(
        "Bearer resource_metadata=\"{}\", error=\"{}\", error_description=\"{}\"{scope}",
        quotable(resource_metadata),
        lacking.code(),
        quotable(&lacking.to_string()),
    )
}

/// Why a person without any of these app roles cannot call a tool, and who can change that: no new sign-in would.
pub fn role_needed(roles: &[String]) -> String {
    let which = match roles {
        [one] => format!("the app role `{one}`"),
        several => format!("one of the app roles `{}`", several.join("`, `")),
    };
    format!(
        "this tool needs {which}, which the person does not have; an administrator can assign it under Enterprise \
         applications > this app > Users and groups, and it counts from the next refresh on"
    )
}

/// Characters a quoted value may have without escapes (RFC 6750 section 3).
fn quotable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = "https://demo.example/.well-known/oauth-protected-resource/mcp";

    fn told(lacking: &Lacking) -> String {
        let result = serde_json::to_value(auth_failure(lacking, METADATA)).unwrap();
        assert_eq!(result["isError"], true);
        assert_eq!(result["content"][0]["text"], lacking.to_string());
        result["_meta"]["mcp/www_authenticate"][0].as_str().unwrap().to_owned()
    }

    #[test]
    fn the_challenge_says_where_to_sign_in_and_why() {
        assert_eq!(
            told(&Lacking::Expired),
            format!(
                "Bearer resource_metadata=\"{METADATA}\", error=\"invalid_token\", \
                 error_description=\"the access token has expired; refresh it or sign in again\""
            )
        );
        let scopes = ScopeSet::parse_lenient("read write");
        assert!(told(&Lacking::Scope(scopes)).ends_with("grant it\", scope=\"read write\""));
    }

    #[test]
    fn a_hint_cannot_break_out_of_its_quotes() {
        let hostile = Lacking::SignInNeeded("sign\"in\\ again,\r\n \u{e9}rror=\"x\"".to_owned());
        assert!(told(&hostile).ends_with(", error_description=\"signin again, rror=x\""));
    }
}
