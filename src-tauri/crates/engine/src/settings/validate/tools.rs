//! What each tool needs beyond what every token has.

use model::settings::Identity;
use model::tools::{Needs, ToolRules};

use super::{Check, Read, scopes};

pub(super) fn read(check: &mut Check<'_>, identity: Option<&Identity>) -> Read<ToolRules> {
    let identifier = match identity {
        Some(Identity::Entra(entra)) => Some(entra.identifier_uri.as_str()),
        Some(Identity::Practice(_)) => Some(practice::IDENTIFIER_URI),
        None => None,
    };
    let needs: Vec<Read<(String, Needs)>> =
        mcp::TOOLS.iter().map(|(tool, _)| needs(check, tool, identifier)).collect();
    needs.into_iter().collect()
}

fn needs(check: &mut Check<'_>, tool: &str, identifier: Option<&str>) -> Read<(String, Needs)> {
    let scopes = scopes::names(check, &format!("tools.{tool}_scopes"), identifier)?;
    let roles = check.items(&format!("tools.{tool}_roles")).map(str::to_owned).collect();
    Ok((tool.to_owned(), Needs { scopes, roles }))
}
