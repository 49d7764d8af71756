//! Where the provider's endpoints are, from its own OpenID Connect metadata.
//!
//! Entra publishes it under `{authority}/{tenant}/v2.0`, Azure AD B2C with a policy after the tenant, other servers right under
//! the authority. Metadata is held
//! for a day; what it says about algorithms and scopes is not used.

use std::sync::Arc;
use std::time::Duration;

use ::http::StatusCode;
use model::ports::Clock;
use model::settings::EntraSettings;
use model::upstream::UpstreamError;
use serde::Deserialize;
use url::Url;

use crate::aadsts;
use crate::held::Held;
use crate::http::{Answer, is_loopback, send, unavailable};
use crate::issuer::Issuer;
use crate::refusal::Refusals;

const FRESH_FOR: Duration = Duration::from_secs(24 * 3600);
const WELL_KNOWN: [&str; 2] = [".well-known", "openid-configuration"];

/// What of the metadata is used, checked.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) issuer: Issuer,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) jwks_uri: Url,
    /// Where people end their sign-in (OpenID Connect RP-Initiated Logout 1.0 section 2.1).
    pub(crate) end_session_endpoint: Option<Url>,
    /// Where a sign-in on another device begins (RFC 8628 section 4).
    pub(crate) device_endpoint: Option<Url>,
    /// The Microsoft Graph that belongs to the authority, where it says so: each of Microsoft's clouds has its own.
    pub(crate) graph: Option<Url>,
    pub(crate) layout: Layout,
}

/// Where the metadata was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Below a tenant and `v2.0`.
    Entra,
    /// Right below the authority.
    Plain,
}

/// OpenID Connect Discovery 1.0 section 3.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    end_session_endpoint: Option<Url>,
    device_authorization_endpoint: Option<Url>,
    /// Entra's own: a host, without a scheme; each cloud has a Graph of its own.
    msgraph_host: Option<String>,
}

pub(crate) struct Discovery {
    held: Held<Metadata>,
}

impl Discovery {
    pub(crate) const fn new() -> Self {
        Self { held: Held::nothing() }
    }

    pub(crate) async fn metadata(
        &self,
        settings: &EntraSettings,
        http: &reqwest::Client,
        clock: &dyn Clock,
        refusals: Refusals<'_>,
    ) -> Result<Arc<Metadata>, UpstreamError> {
        self.held.get(clock, FRESH_FOR, fetch(settings, http, refusals)).await
    }
}

async fn fetch(
    settings: &EntraSettings,
    http: &reqwest::Client,
    refusals: Refusals<'_>,
) -> Result<Metadata, UpstreamError> {
    if !is_safe(&settings.authority) {
        return Err(refusals.of_settings(
            "The authority in the settings is not an https address.".into(),
            "Enter the authority with https; plain http is for this computer only.",
        ));
    }
    let path: Vec<&str> = settings.tenant.split('/').chain(["v2.0"]).collect();
    let entra = send(http, get(below(&settings.authority, &path))).await?;
    let (answer, layout) = match entra.status {
        StatusCode::OK => (entra, Layout::Entra),
        status if status.is_client_error() && settings.policy().is_some() => {
            return Err(refusals.of_settings(
                "There is no such user flow or policy at the authority in the settings.".into(),
                "Compare directory and policy in the tenant setting with Azure AD B2C > User flows; it is written \
                 `contoso.onmicrosoft.com/B2C_1_sign_in`.",
            ));
        }
        status if status.is_client_error() && !is_entras(&entra) => {
            (send(http, get(below(&settings.authority, &[]))).await?, Layout::Plain)
        }
        _ => (entra, Layout::Entra),
    };
    if answer.status == StatusCode::OK {
        return read(&answer.body, layout, settings, refusals);
    }
    Err(match answer.status {
        status if layout == Layout::Plain && status.is_client_error() => refusals.of_settings(
            "There is no OpenID Connect server at the authority in the settings, or it does not know the tenant.".into(),
            "Check authority and tenant ID in the settings.",
        ),
        _ => refusals.of_answer(&answer),
    })
}

fn read(
    body: &[u8],
    layout: Layout,
    settings: &EntraSettings,
    refusals: Refusals<'_>,
) -> Result<Metadata, UpstreamError> {
    let document: Document = serde_json::from_slice(body)
        .map_err(|_| unavailable("its metadata (openid-configuration) cannot be read"))?;
    let graph = document.msgraph_host.as_deref().and_then(|host| graph_at(&settings.authority, host));
    let endpoints = [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri];
    let endpoints = endpoints.into_iter().chain(&document.device_authorization_endpoint).chain(&graph);
    if let Some(endpoint) = endpoints.into_iter().find(|endpoint| !is_safe(endpoint)) {
        return Err(refusals.of_settings(
            format!("The identity provider names an address that is not https, on `{}`.", host(endpoint)),
            "Check the authority in the settings; plain http is for this computer only.",
        ));
    }
    // OpenID Connect Discovery 1.0 section 4.3. Entra is exempt: one authority serves many issuers.
    if layout == Layout::Plain && !names(&document.issuer, &settings.authority) {
        return Err(refusals.of_settings(
            format!(
                "The identity provider calls itself `{}`, which is not the authority.",
                printable(&document.issuer)
            ),
            "Enter as authority exactly what the identity provider calls itself.",
        ));
    }
    tracing::info!(
        upstream.issuer = printable(&document.issuer),
        ?layout,
        "read the identity provider's metadata"
    );
    Ok(Metadata {
        issuer: Issuer::of_metadata(&document.issuer),
        authorization_endpoint: document.authorization_endpoint,
        token_endpoint: document.token_endpoint,
        jwks_uri: document.jwks_uri,
        // A link that only people follow; one that is not safe is not offered.
        end_session_endpoint: document.end_session_endpoint.filter(is_safe),
        device_endpoint: document.device_authorization_endpoint,
        graph,
        layout,
    })
}

/// Graph is reached the way the authority is.
fn graph_at(authority: &Url, host: &str) -> Option<Url> {
    let url = Url::parse(&format!("{}://{host}", authority.scheme())).ok()?;
    (is_safe(&url) && is_loopback(&url) == is_loopback(authority)).then_some(url)
}

fn get(url: Url) -> reqwest::Request {
    reqwest::Request::new(reqwest::Method::GET, url)
}

/// The metadata's address below the authority, which may have a path of its own.
fn below(authority: &Url, path: &[&str]) -> Url {
    let mut url = authority.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path).extend(WELL_KNOWN);
    }
    url
}

/// Entra answers 400 with a number for a tenant it does not know; any other server just has nothing there.
fn is_entras(answer: &Answer) -> bool {
    aadsts::code_in(&String::from_utf8_lossy(&answer.body)).is_some()
}

fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

/// Whether `issuer` is the authority. A final slash, and which name of this computer is written, do not matter.
fn names(issuer: &str, authority: &Url) -> bool {
    let Ok(issuer) = Url::parse(issuer) else { return false };
    let same_host = issuer.host() == authority.host() || (is_loopback(&issuer) && is_loopback(authority));
    let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
    issuer.scheme() == authority.scheme()
        && same_host
        && issuer.port_or_known_default() == authority.port_or_known_default()
        && path(&issuer) == path(authority)
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_authority_may_have_a_path_and_a_final_slash() {
        for authority in ["https://id.example.com/realms/one", "https://id.example.com/realms/one/"] {
            assert_eq!(
                below(&url(authority), &["t", "v2.0"]).as_str(),
                "https://id.example.com/realms/one/t/v2.0/.well-known/openid-configuration"
            );
        }
        assert_eq!(
            below(&url("http://localhost:4243"), &[]).as_str(),
            "http://localhost:4243/.well-known/openid-configuration"
        );
    }

    #[test]
    fn a_tenant_cannot_leave_its_place_in_the_path() {
        let odd = below(&url("https://id.example.com"), &["a/../b?c#d", "v2.0"]);
        assert_eq!(odd.path(), "/a%2F..%2Fb%3Fc%23d/v2.0/.well-known/openid-configuration");
        assert_eq!((odd.query(), odd.fragment()), (None, None));
    }

    #[test]
    fn the_policy_of_b2c_follows_the_tenant() {
        let path = "contoso.onmicrosoft.com/B2C_1_sign_in".split('/').chain(["v2.0"]).collect::<Vec<_>>();
        assert_eq!(
            below(&url("https://contoso.b2clogin.com"), &path).as_str(),
            "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_sign_in/v2.0/.well-known/openid-configuration"
        );
    }

    #[test]
    fn an_issuer_is_the_authority_or_it_is_not() {
        assert!(names("https://id.example.com/", &url("https://id.example.com")));
        assert!(names("http://localhost:9/x", &url("http://127.0.0.1:9/x/")));
        for other in
            ["https://id.example.org", "http://id.example.com", "https://id.example.com/x", "nonsense"]
        {
            assert!(!names(other, &url("https://id.example.com")), "{other}");
        }
    }

    #[test]
    fn plain_http_is_for_this_computer_only() {
        assert!(is_safe(&url("https://id.example.com")) && is_safe(&url("http://[::1]:4243/t")));
        assert!(!is_safe(&url("http://id.example.com")) && !is_safe(&url("ftp://localhost")));
    }

    #[test]
    fn each_cloud_has_a_graph_of_its_own_and_none_is_reached_less_safely_than_the_authority() {
        for (authority, host, graph) in [
            ("https://login.microsoftonline.com", "graph.microsoft.com", "https://graph.microsoft.com/"),
            ("https://login.microsoftonline.us", "graph.microsoft.us", "https://graph.microsoft.us/"),
            ("https://login.microsoftonline.us", "dod-graph.microsoft.us", "https://dod-graph.microsoft.us/"),
            (
                "https://login.partner.microsoftonline.cn",
                "microsoftgraph.chinacloudapi.cn",
                "https://microsoftgraph.chinacloudapi.cn/",
            ),
            ("https://contoso.ciamlogin.com", "graph.microsoft.com", "https://graph.microsoft.com/"),
            ("http://localhost:4243", "localhost:4243/graph", "http://localhost:4243/graph"),
        ] {
            assert_eq!(graph_at(&url(authority), host).unwrap().as_str(), graph, "{authority}");
        }
        for (authority, host) in [
            ("https://login.microsoftonline.com", "localhost"),
            ("http://localhost:4243", "graph.example"),
            ("https://id.example", ""),
        ] {
            assert_eq!(graph_at(&url(authority), host), None, "{authority} {host}");
        }
    }
}
