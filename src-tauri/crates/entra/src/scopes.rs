//! The scopes that go over the wire. They follow from the settings alone; a client has a say only in which of those that
//! single tools need it asks for.
//!
//! An access token is for one API: scopes of another may ride on authorize, for consent, and nowhere else
//! (AADSTS28000).

use model::scope::{OIDC_SCOPES, Scope, ScopeSet};
use model::settings::EntraSettings;

/// For the token endpoint: the required scopes and `more` of the same API, qualified, then those of OpenID Connect.
/// Never without `offline_access`, or people sign in every hour.
pub(crate) fn for_tokens(settings: &EntraSettings, more: &ScopeSet) -> Vec<String> {
    let own = settings.required_scopes.iter().chain(more.iter()).filter(|scope| !scope.is_oidc());
    let qualified = own.map(|scope| qualified(settings, scope.as_str()));
    distinct(qualified.chain(OIDC_SCOPES.map(str::to_owned)))
}

/// For the authorization endpoint: the same and the extra ones.
pub(crate) fn for_authorize(settings: &EntraSettings, more: &ScopeSet) -> Vec<String> {
    let extra = settings.extra_authorize_scopes.iter().map(|scope| scope.as_str().to_owned());
    distinct(for_tokens(settings, more).into_iter().chain(extra))
}

/// Short names that must be in `scp`. Scopes of OpenID Connect never are.
pub(crate) fn to_be_found(settings: &EntraSettings) -> impl Iterator<Item = &str> {
    settings
        .required_scopes
        .iter()
        .filter(|scope| !scope.is_oidc())
        .map(move |scope| short(&settings.identifier_uri, scope.as_str()))
}

/// Of the scopes asked for beyond the required ones, those that were granted.
pub(crate) fn among(settings: &EntraSettings, more: &ScopeSet, granted: &[&str]) -> ScopeSet {
    let is_granted = |scope: &&Scope| granted.contains(&short(&settings.identifier_uri, scope.as_str()));
    more.iter().filter(is_granted).cloned().collect()
}

/// `read` becomes `{identifier_uri}/read`; what is qualified, or belongs to a server without an API, stays.
fn qualified(settings: &EntraSettings, scope: &str) -> String {
    let uri = settings.identifier_uri.as_str();
    if uri.is_empty() || scope.contains("://") || scope.starts_with(uri) {
        scope.to_owned()
    } else {
        format!("{}/{scope}", uri.trim_end_matches('/'))
    }
}

/// Entra puts the name without its API into `scp`.
fn short<'a>(identifier_uri: &str, scope: &'a str) -> &'a str {
    let own = scope.strip_prefix(identifier_uri).filter(|_| !identifier_uri.is_empty());
    match own {
        Some(name) => name.trim_start_matches('/'),
        None if scope.contains("://") => scope.rsplit('/').next().unwrap_or(scope),
        None => scope,
    }
}

fn distinct(scopes: impl Iterator<Item = String>) -> Vec<String> {
    let mut out = Vec::new();
    for scope in scopes {
        if !out.contains(&scope) {
            out.push(scope);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use model::scope::ScopeSet;
    use model::settings::Credential;
    use url::Url;

    use super::*;

    fn none() -> ScopeSet {
        ScopeSet::default()
    }

    fn settings(identifier_uri: &str, required: &str, extra: &str) -> EntraSettings {
        EntraSettings {
            authority: Url::parse("https://login.microsoftonline.com").unwrap(),
            tenant: "common".into(),
            client_id: "app-1".into(),
            credential: Credential::None,
            identifier_uri: identifier_uri.into(),
            required_scopes: ScopeSet::parse_lenient(required),
            extra_authorize_scopes: ScopeSet::parse_lenient(extra),
            allowed_tenants: Vec::new(),
        }
    }

    #[test]
    fn short_names_are_qualified_and_nothing_else_is() {
        let set = settings("api://app-1", "read openid api://app-1/write Mail.Read", "");
        assert_eq!(
            for_tokens(&set, &none()).join(" "),
            "api://app-1/read api://app-1/write api://app-1/Mail.Read openid profile email offline_access"
        );
        assert_eq!(to_be_found(&set).collect::<Vec<_>>(), ["read", "write", "Mail.Read"]);
    }

    #[test]
    fn a_step_up_asks_for_more_of_the_same_api() {
        let set = settings("api://app-1", "read", "");
        assert_eq!(
            for_tokens(&set, &ScopeSet::parse_lenient("write read offline_access")).join(" "),
            "api://app-1/read api://app-1/write openid profile email offline_access"
        );
        let (granted, asked) = (["read", "write"], ScopeSet::parse_lenient("write admin"));
        assert_eq!(among(&set, &asked, &granted).to_string(), "write");
    }

    #[test]
    fn scopes_of_another_api_ride_on_authorize_only() {
        let set = settings("api://app-1/", "read", "https://graph.microsoft.com/User.Read openid");
        assert_eq!(
            for_tokens(&set, &none()).join(" "),
            "api://app-1/read openid profile email offline_access"
        );
        assert_eq!(
            for_authorize(&set, &none()).join(" "),
            "api://app-1/read openid profile email offline_access https://graph.microsoft.com/User.Read"
        );
    }

    #[test]
    fn a_server_without_an_api_gets_scopes_as_they_are() {
        let set = settings("", "read", "");
        assert_eq!(for_tokens(&set, &none()).join(" "), "read openid profile email offline_access");
        assert_eq!(to_be_found(&set).collect::<Vec<_>>(), ["read"]);
    }
}
