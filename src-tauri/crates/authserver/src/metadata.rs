//! The documents clients discover us by: protected resource (RFC 9728), authorization server (RFC 8414) and its
//! OpenID Connect alias, and the key set.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use model::event::EventKind;
use model::origin::Site;
use model::scope::OIDC_SCOPES;
use serde_json::{Value, json};

use crate::assertion::ALGORITHMS;
use crate::error;
use crate::flow::{Flow, Policy};
use crate::look;
use crate::routes::Table;
use crate::site::Here;

pub(crate) fn routes() -> Table {
    vec![
        ("/.well-known/oauth-protected-resource", get(resource)),
        ("/.well-known/oauth-protected-resource/mcp", get(resource)),
        ("/.well-known/oauth-protected-resource/mcp/", get(resource_with_slash)),
        ("/.well-known/oauth-authorization-server", get(server)),
        ("/.well-known/oauth-authorization-server/mcp", get(server)),
        ("/.well-known/openid-configuration", get(openid)),
        ("/.well-known/openid-configuration/mcp", get(openid)),
        ("/mcp/.well-known/openid-configuration", get(openid)),
        ("/.well-known/{*other}", get(unknown)),
        ("/jwks", get(jwks)),
    ]
}

/// A request for a document.
struct Asked {
    site: Site,
    headers: HeaderMap,
    /// By ourselves.
    ours: bool,
}

impl FromRequestParts<Flow> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, flow: &Flow) -> Result<Self, Response> {
        let Here(site) = Here::from_request_parts(parts, flow).await?;
        let ours = look::is_ours(flow, &parts.method, &parts.uri, &parts.extensions);
        Ok(Self { site, headers: parts.headers.clone(), ours })
    }
}

async fn resource(State(flow): State<Flow>, asked: Asked) -> Response {
    let document = protected_resource(&flow.policy, &asked.site, &asked.site.mcp_url());
    serve(&flow, &asked, "protected resource", document)
}

async fn resource_with_slash(State(flow): State<Flow>, asked: Asked) -> Response {
    let resource = format!("{}/", asked.site.mcp_url());
    let document = protected_resource(&flow.policy, &asked.site, &resource);
    serve(&flow, &asked, "protected resource", document)
}

async fn server(State(flow): State<Flow>, asked: Asked) -> Response {
    let document = authorization_server(&flow.policy, &asked.site);
    serve(&flow, &asked, "authorization server", document)
}

async fn openid(State(flow): State<Flow>, asked: Asked) -> Response {
    let document = openid_configuration(&flow.policy, &asked.site);
    serve(&flow, &asked, "openid configuration", document)
}

async fn jwks(State(flow): State<Flow>) -> Response {
    Json(flow.mint.jwks()).into_response()
}

pub(crate) async fn unknown() -> Response {
    error::json(StatusCode::NOT_FOUND, "not_found", "this server has no such metadata document")
}

fn serve(flow: &Flow, asked: &Asked, document: &str, body: Value) -> Response {
    if !asked.ours {
        let (now, entropy) = (flow.now(), flow.entropy.as_ref());
        let about = flow.attempts.of_request(&asked.site, &asked.headers, false, now, entropy);
        flow.event(about, EventKind::MetadataRead { document: document.to_owned() });
    }
    // Short: the public address can change while a client is open.
    ([(header::CACHE_CONTROL, "public, max-age=60")], Json(body)).into_response()
}

fn protected_resource(policy: &Policy, site: &Site, resource: &str) -> Value {
    json!({
        "resource": resource,
        "authorization_servers": [site.issuer()],
        "scopes_supported": policy.scopes,
        "bearer_methods_supported": ["header"],
        "resource_name": "Just MCP OAuth Proxy",
    })
}

fn authorization_server(policy: &Policy, site: &Site) -> Value {
    let methods = ["none", "client_secret_post", "client_secret_basic", "private_key_jwt"];
    // What every call needs. A tool that needs more says so itself and in the challenge (403): whoever asks for all that is
    // listed here must not end at the consent of an administrator for a tool that nobody called.
    let scopes: Vec<&str> =
        policy.scopes.iter().map(model::scope::Scope::as_str).chain([OIDC_SCOPES[3]]).collect();
    json!({
        "issuer": site.issuer(),
        "authorization_endpoint": site.base.join("/authorize"),
        "token_endpoint": site.base.join("/token"),
        "registration_endpoint": site.base.join("/register"),
        "revocation_endpoint": site.base.join("/revoke"),
        "jwks_uri": site.base.join("/jwks"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "client_id_metadata_document_supported": true,
        "authorization_response_iss_parameter_supported": true,
    })
}

/// The same facts, with what OpenID Connect Discovery requires; SDKs refuse the document without it.
fn openid_configuration(policy: &Policy, site: &Site) -> Value {
    let mut document = authorization_server(policy, site);
    document["subject_types_supported"] = json!(["public"]);
    document["id_token_signing_alg_values_supported"] = json!(["EdDSA"]);
    document
}
