//! What each tool needs beyond what every token has.

use model::settings::Identity;
use model::tools::{Needs, ToolRules};

use super::{Check, Read, access, scopes};

pub(super) fn read(check: &mut Check<'_>, identity: Option<&Identity>) -> Read<ToolRules> {
    let identifier = match identity {
        Some(Identity::Entra(entra)) => Some(entra.identifier_uri.as_str()),
        Some(Identity::Practice(_)) => Some(practice::IDENTIFIER_URI),
        None => None,
    };
    let needs: Vec<Read<(String, Needs)>> =
        mcp::TOOLS.iter().map(|(tool, _)| needs(check, tool, identifier, identity)).collect();
    needs.into_iter().collect()
}

fn needs(
    check: &mut Check<'_>,
    tool: &str,
    identifier: Option<&str>,
    identity: Option<&Identity>,
) -> Read<(String, Needs)> {
    let scopes = scopes::names(check, &format!("tools.{tool}_scopes"), identifier);
    let roles = access::roles(check, &format!("tools.{tool}_roles"), identity);
    Ok((tool.to_owned(), Needs { scopes: scopes?, roles: roles? }))
}
