//! The app registration: authority, directory, application and its API.
//!
//! Only the shape of the texts is judged. Microsoft's own hosts hold them to Microsoft's shapes; any other authority
//! may name its directories and applications as it likes.

use model::settings::EntraSettings;
use url::Url;

use super::{Check, Read, credential, guid_hint, is_guid, scopes};
use crate::settings::legacy::is_loopback;
use crate::settings::problem::quoted;

/// Sign-in hosts of Microsoft's clouds and the Microsoft Graph that belongs to each.
const CLOUDS: [(&str, &str); 5] = [
    ("login.microsoftonline.com", "https://graph.microsoft.com"),
    ("login.windows.net", "https://graph.microsoft.com"),
    ("login.microsoftonline.us", "https://graph.microsoft.us"),
    ("login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
    ("login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
];

/// Tenants that stand for many directories.
pub(super) const MANY: [&str; 3] = ["organizations", "common", "consumers"];

pub(super) fn read(check: &mut Check<'_>) -> Read<EntraSettings> {
    let authority = authority(check);
    // While the authority cannot be read, nobody is told off for a shape that only Microsoft demands.
    let graph = authority.as_ref().ok().and_then(graph_of);
    let tenant = tenant(check, authority.as_ref().ok());
    // By a host name of one's own it is known by the policy alone.
    let customers = tenant.as_deref().ok().and_then(directory_and_policy);
    let microsoft = graph.is_some() || customers.is_some();
    let client_id = client_id(check, microsoft);
    let credential = credential::read(check, microsoft);
    let identifier_uri = match (customers, &authority) {
        (Some((directory, _)), Ok(authority)) if check.text("entra.identifier_uri").is_empty() => {
            client_id.clone().and_then(|id| usual_at_b2c(check, directory, authority, &id))
        }
        _ => identifier_uri(check, client_id.as_deref().ok(), microsoft),
    };
    let required_scopes = scopes::required(check, identifier_uri.as_deref().ok());
    let extra_authorize_scopes = match customers {
        Some(_) => scopes::none_of_others(check),
        None => scopes::extra(check, graph),
    };
    let allowed_tenants = allowed_tenants(check, microsoft, tenant.as_deref().ok());
    Ok(EntraSettings {
        authority: authority?,
        tenant: tenant?,
        client_id: client_id?,
        credential: credential?,
        identifier_uri: identifier_uri?,
        required_scopes: required_scopes?,
        extra_authorize_scopes: extra_authorize_scopes?,
        allowed_tenants: allowed_tenants?,
    })
}

/// The Microsoft Graph of the authority's cloud; `None` where Microsoft does not run the authority.
pub(super) fn graph_of(authority: &Url) -> Option<&'static str> {
    let host = authority.host_str()?;
    let named = CLOUDS.iter().find(|(login, _)| *login == host).map(|(_, graph)| *graph);
    let external = host.ends_with(".ciamlogin.com") || host.ends_with(".b2clogin.com");
    named.or(external.then_some("https://graph.microsoft.com"))
}

/// Whether Microsoft runs the authority, under a name of its own or, with a policy of Azure AD B2C, of somebody else's.
pub(super) fn is_microsoft(entra: &EntraSettings) -> bool {
    graph_of(&entra.authority).is_some() || entra.policy().is_some()
}

/// A directory of Azure AD B2C and one of its user flows or policies, in any of the ways in which the two are written:
/// `directory/policy`, `tfp/directory/policy`, `directory?p=policy`. Every policy is called `B2C_1...`.
fn directory_and_policy(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix("tfp/").unwrap_or(text);
    let (directory, policy) = text.split_once("?p=").or_else(|| text.split_once('/'))?;
    let named = policy.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("B2C_1"))
        && policy.len() <= 100
        && policy.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    (named && (is_guid(directory) || is_domain(directory))).then_some((directory, policy))
}

fn is_b2c(authority: &Url) -> bool {
    authority.host_str().is_some_and(|host| host.ends_with(".b2clogin.com"))
}

/// What Azure AD B2C calls an API unless a person says otherwise. Only the directory's first name is in it.
fn usual_at_b2c(check: &mut Check<'_>, directory: &str, authority: &Url, client_id: &str) -> Read<String> {
    let host = authority.host_str().and_then(|host| host.strip_suffix(".b2clogin.com"));
    let name = directory.strip_suffix(".onmicrosoft.com").or(host);
    if let Some(name) = name {
        return Ok(format!("https://{name}.onmicrosoft.com/{client_id}"));
    }
    let message = "what the API is called does not follow from this directory and host";
    let hint = "copy the Application ID URI from *Expose an API*, for example `https://contoso.onmicrosoft.com/{client_id}`";
    Err(check.refuse("entra.identifier_uri", "missing", message, hint))
}

pub(super) fn authority(check: &mut Check<'_>) -> Read<Url> {
    let key = "entra.authority";
    let text = check.text(key);
    let Some(url) =
        Url::parse(text).ok().filter(|url| url.has_host() && matches!(url.scheme(), "https" | "http"))
    else {
        let hint = "write it whole, for example `https://login.microsoftonline.us`";
        return Err(check.refuse(key, "not-a-url", format!("{} is not an https URL", quoted(text)), hint));
    };
    if url.scheme() == "http" && !is_loopback(&url) {
        let message =
            format!("{} is plain http, and the client secret would travel in the clear", quoted(text));
        return Err(check.refuse(
            key,
            "not-https",
            message,
            "use https; http is taken for loopback addresses only",
        ));
    }
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !bare || url.password().is_some() {
        let message = format!("{} has a query, a fragment or a user name", quoted(text));
        return Err(check.refuse(key, "not-an-authority", message, "leave everything after the path out"));
    }
    if graph_of(&url).is_some() && url.path() != "/" {
        let message = format!("{} has a path", quoted(text));
        let hint = match directory_in(&url) {
            Some(directory) => format!(
                "write `{}` here and `{directory}` as `entra.tenant`",
                url.origin().ascii_serialization()
            ),
            None => "write scheme and host only; the directory belongs in `entra.tenant`".to_owned(),
        };
        return Err(check.refuse(key, "not-an-authority", message, hint));
    }
    Ok(url)
}

/// What of a pasted address is `entra.tenant`: its directory, with the policy of Azure AD B2C after it.
fn directory_in(url: &Url) -> Option<String> {
    let path: Vec<&str> = url.path_segments()?.filter(|part| *part != "tfp" && !part.is_empty()).collect();
    let directory = path.first().filter(|part| is_guid(part) || is_domain(part))?;
    let both = path.get(1).map(|policy| format!("{directory}/{policy}"));
    Some(both.filter(|both| directory_and_policy(both).is_some()).unwrap_or_else(|| (*directory).to_owned()))
}

fn tenant(check: &mut Check<'_>, authority: Option<&Url>) -> Read<String> {
    let key = "entra.tenant";
    let text = check.text(key);
    let microsoft = authority.is_some_and(|authority| graph_of(authority).is_some());
    let b2c = authority.is_some_and(is_b2c);
    match directory_and_policy(text) {
        Some((directory, policy)) if b2c || !microsoft => {
            return Ok(format!("{}/{policy}", directory.to_ascii_lowercase()));
        }
        Some((directory, _)) => {
            let message =
                format!("{} names a policy of Azure AD B2C, which is not at this host", quoted(text));
            let hint = format!(
                "write `{directory}`, or the host of Azure AD B2C (`https://contoso.b2clogin.com`) as `entra.authority`"
            );
            return Err(check.refuse(key, "not-a-tenant", message, hint));
        }
        None if b2c => {
            let message = if text.is_empty() {
                "directory and policy are missing".to_owned()
            } else {
                format!("{} does not name a directory of Azure AD B2C and a policy", quoted(text))
            };
            let hint = "write the directory and the user flow or custom policy that people sign in by, for example \
                        `contoso.onmicrosoft.com/B2C_1_sign_in`";
            return Err(check.refuse(
                key,
                if text.is_empty() { "missing" } else { "not-a-policy" },
                message,
                hint,
            ));
        }
        None => {}
    }
    if text.is_empty() {
        let hint = if microsoft {
            "copy the Directory (tenant) ID from the Overview page of the app registration, or write `organizations` to \
             let in people of any organization"
        } else {
            "write the name that stands for the directory below the authority; a server that has none ignores it"
        };
        return Err(check.refuse(key, "missing", "the tenant ID is missing", hint));
    }
    if is_guid(text) || is_domain(text) || MANY.contains(&text) || (!microsoft && is_segment(text)) {
        return Ok(if is_guid(text) { text.to_ascii_lowercase() } else { text.to_owned() });
    }
    let hint = match text.to_ascii_lowercase().as_str() {
        lower if MANY.contains(&lower) => format!("write it in small letters: `{lower}`"),
        _ => format!(
            "{}, or write a verified domain, `organizations`, `common` or `consumers`",
            guid_hint(text, "Directory (tenant) ID")
        ),
    };
    Err(check.refuse(key, "not-a-tenant", format!("{} is not a directory id", quoted(text)), hint))
}

fn client_id(check: &mut Check<'_>, microsoft: bool) -> Read<String> {
    let key = "entra.client_id";
    let text = check.text(key);
    if text.is_empty() {
        let hint = "copy the Application (client) ID from the Overview page of the app registration, or set \
                    `identity.practice` to `on` to try without one";
        return Err(check.refuse(key, "missing", "the client ID is missing", hint));
    }
    if microsoft && !is_guid(text) {
        let message = format!("{} is not an application id", quoted(text));
        return Err(check.refuse(
            key,
            "not-a-client-id",
            message,
            guid_hint(text, "Application (client) ID"),
        ));
    }
    if text.len() > 256 || !text.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
        let message = format!("{} has a space or another character that no client id has", quoted(text));
        return Err(check.refuse(
            key,
            "not-a-client-id",
            message,
            "copy the client id from the identity provider again",
        ));
    }
    if microsoft && text.eq_ignore_ascii_case(check.text("entra.tenant")) {
        let hint =
            "the Overview page of the app registration shows both; take the Application (client) ID here";
        return Err(check.refuse(
            key,
            "same-as-tenant",
            "this is the directory's id, not the application's",
            hint,
        ));
    }
    // Tokens name their audience in small letters, and audiences are compared byte for byte.
    Ok(if microsoft { text.to_ascii_lowercase() } else { text.to_owned() })
}

fn identifier_uri(check: &mut Check<'_>, client_id: Option<&str>, microsoft: bool) -> Read<String> {
    let key = "entra.identifier_uri";
    let text = check.text(key);
    let text = match (text, client_id) {
        ("", Some(id)) if microsoft => return Ok(format!("api://{id}")),
        ("", _) => return Ok(String::new()),
        (text, Some(id)) => text.replace("{client_id}", id),
        (text, None) => text.replace("{client_id}", "client-id"),
    };
    if text.ends_with('/') {
        let message = format!("{} ends with a slash", quoted(&text));
        return Err(check.refuse(key, "not-an-identifier", message, "leave the slash at the end out"));
    }
    let plain = text.len() <= 256
        && text.bytes().all(|b| (0x21..=0x7e).contains(&b) && !b"\"\\<>{}*?#,".contains(&b));
    let scheme =
        text.split_once(':').filter(|(_, rest)| !rest.trim_start_matches('/').is_empty()).map(|(s, _)| s);
    let known_scheme = scheme.is_some_and(|s| !microsoft || matches!(s, "api" | "https" | "http" | "urn"));
    if plain && known_scheme && Url::parse(&text).is_ok() {
        return Ok(text);
    }
    let hint = if is_guid(&text) {
        format!("write `api://{text}`")
    } else {
        "copy the Application ID URI from *Expose an API*, for example `api://{client_id}`".to_owned()
    };
    Err(check.refuse(
        key,
        "not-an-identifier",
        format!("{} is not an Application ID URI", quoted(&text)),
        hint,
    ))
}

fn allowed_tenants(check: &mut Check<'_>, microsoft: bool, tenant: Option<&str>) -> Read<Vec<String>> {
    let key = "entra.allowed_tenants";
    let mut allowed: Vec<String> = Vec::new();
    let mut noted = None;
    for item in check.items(key) {
        if is_guid(item) {
            allowed.push(item.to_ascii_lowercase());
        } else if !microsoft && is_segment(item) {
            allowed.push(item.to_owned());
        } else {
            let message = format!("{} is not a directory id", quoted(item));
            let hint =
                "list directories by id, which is what a token carries; the portal shows it as Tenant ID";
            noted = Some(check.refuse(key, "not-a-tenant", message, hint));
        }
    }
    if let Some(only) = tenant.filter(|tenant| is_guid(tenant))
        && !allowed.is_empty()
        && !allowed.iter().any(|id| id == only)
        && noted.is_none()
    {
        let message =
            "nobody could sign in: everybody comes from the directory in `entra.tenant`, which is not listed";
        let hint = "add it to the list, or set `entra.tenant` to `organizations`";
        noted = Some(check.refuse(key, "nobody-allowed", message, hint));
    }
    noted.map_or(Ok(allowed), Err)
}

/// A host name with a dot in it.
pub(super) fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

/// What can stand in a URL as one path segment without any encoding.
fn is_segment(text: &str) -> bool {
    text.len() <= 100
        && !matches!(text, "" | "." | "..")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}
