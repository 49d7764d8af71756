//! Scopes: which a token must have, and which others are asked for on the way.
//!
//! Inside we use short names (`read`); only the wire to Entra carries `{identifier_uri}/read`.

use model::scope::{Scope, ScopeSet};

use super::{Check, Noted, Read, known};
use crate::settings::problem::quoted;

/// `identifier` is the prefix of our own API's scopes, if it is known; empty means there is none.
pub(super) fn required(check: &mut Check<'_>, identifier: Option<&str>) -> Read<ScopeSet> {
    let names = names(check, "entra.required_scopes", identifier)?;
    if names.is_empty() {
        let message = "no scope of the exposed API is left; `openid`, `profile`, `email` and `offline_access` belong to \
                       no API (AADSTS70011)";
        let hint = "name a scope from *Expose an API*, normally `read`";
        return Err(check.refuse("entra.required_scopes", "no-scope", message, hint));
    }
    Ok(names)
}

/// The scopes of our own API that a setting lists, by their short names.
pub(super) fn names(check: &mut Check<'_>, key: &str, identifier: Option<&str>) -> Read<ScopeSet> {
    let mut names = Vec::new();
    let mut noted = None;
    for item in check.items(key) {
        match short_name(check, key, item, identifier) {
            // Asked for in any case, never part of an access token's `scp`, so nothing can require them.
            Ok(scope) if scope.is_oidc() => {}
            Ok(scope) => names.push(scope),
            Err(problem) => noted = Some(problem),
        }
    }
    noted.map_or_else(|| Ok(names.into_iter().collect()), Err)
}

fn short_name(check: &mut Check<'_>, key: &str, item: &str, identifier: Option<&str>) -> Read<Scope> {
    let own = match identifier {
        Some("") => item,
        Some(prefix) => below(prefix, item).unwrap_or(item),
        // The identifier URI has a problem of its own; do not add one that may come from it.
        None => item.rsplit_once('/').map_or(item, |(_, name)| name),
    };
    if own.contains("://") && identifier.is_some_and(|prefix| !prefix.is_empty()) {
        let message = format!(
            "{} belongs to another API than {}",
            quoted(item),
            quoted(identifier.unwrap_or_default())
        );
        let hint =
            "name scopes of your own API here; scopes of others go into `entra.extra_authorize_scopes`";
        return Err(check.refuse(key, "foreign-scope", message, hint));
    }
    if own == ".default" {
        let message = "`.default` is never among the scopes of a token";
        return Err(check.refuse(
            key,
            "default-scope",
            message,
            "name a scope from *Expose an API*, normally `read`",
        ));
    }
    Scope::parse(own).ok_or_else(|| refuse_scope(check, key, item))
}

/// What follows `prefix/`; ids in the prefix may be written in either case.
fn below<'a>(prefix: &str, item: &'a str) -> Option<&'a str> {
    let (start, rest) = item.split_at_checked(prefix.len())?;
    rest.strip_prefix('/').filter(|_| start.eq_ignore_ascii_case(prefix))
}

/// `graph` is where a bare name belongs at Microsoft; `None` elsewhere.
pub(super) fn extra(check: &mut Check<'_>, graph: Option<&str>) -> Read<ScopeSet> {
    let key = "entra.extra_authorize_scopes";
    let mut scopes = Vec::new();
    let mut noted = None;
    for item in check.items(key) {
        match Scope::parse(item) {
            Some(scope) if scope.is_oidc() => {}
            Some(scope) if item.contains("://") => scopes.push(scope),
            Some(scope) => {
                let qualified = graph.and_then(|graph| Scope::parse(&format!("{graph}/{item}")));
                scopes.push(qualified.unwrap_or(scope));
            }
            None => noted = Some(refuse_scope(check, key, item)),
        }
    }
    noted.map_or_else(|| Ok(scopes.into_iter().collect()), Err)
}

/// Azure AD B2C has no other API to ask for on the way (AADB2C90146).
pub(super) fn none_of_others(check: &mut Check<'_>) -> Read<ScopeSet> {
    let key = "entra.extra_authorize_scopes";
    let foreign = check.items(key).find(|item| Scope::parse(item).is_none_or(|scope| !scope.is_oidc()));
    let Some(foreign) = foreign else { return Ok(ScopeSet::default()) };
    let message =
        format!("{} is asked for beside the app's own scopes, which Azure AD B2C refuses", quoted(foreign));
    Err(check.refuse(
        key,
        "no-other-api",
        message,
        "leave it empty; profiles and groups cannot be read there",
    ))
}

/// What the practice tenant's API exposes.
pub(super) fn of_practice() -> ScopeSet {
    ScopeSet::parse_lenient(known("entra.required_scopes").field().default)
}

fn refuse_scope(check: &mut Check<'_>, key: &str, item: &str) -> Noted {
    let message = format!("{} cannot be a scope", quoted(item));
    check.refuse(key, "not-a-scope", message, "separate scopes by spaces or commas, without quotes")
}
