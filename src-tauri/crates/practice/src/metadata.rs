//! The two documents clients read first: OpenID Connect metadata and the signing keys.
//!
//! Lists only what is here. Entra lists more, none of which the product uses.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use crate::Practice;
use crate::directory::Tenant;
use crate::refusal::{Refusal, Why};

pub(crate) async fn configuration(
    State(practice): State<Practice>,
    Path(segment): Path<String>,
) -> Result<Json<Value>, Response> {
    let tenant = tenant(segment).map_err(|why| Refusal::of(why, &practice).into_json())?;
    let root = format!("{}/{}", practice.base(), tenant.segment());
    Ok(Json(json!({
        "issuer": practice.issuer(tenant.issuer_segment()),
        "authorization_endpoint": format!("{root}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{root}/oauth2/v2.0/token"),
        "end_session_endpoint": format!("{root}/oauth2/v2.0/logout"),
        "device_authorization_endpoint": format!("{root}/oauth2/v2.0/devicecode"),
        "jwks_uri": format!("{root}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "request_uri_parameter_supported": false,
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver", "email",
        ],
        "tenant_region_scope": Value::Null,
        "cloud_instance_name": "practice",
        "msgraph_host": format!("{}/graph", practice.base().trim_start_matches("http://")),
    })))
}

pub(crate) async fn keys(
    State(practice): State<Practice>,
    Path(segment): Path<String>,
) -> Result<Json<Value>, Response> {
    let tenant = tenant(segment).map_err(|why| Refusal::of(why, &practice).into_json())?;
    let issuer = practice.issuer(tenant.issuer_segment());
    let keys: Vec<_> = practice.keys().all().await.iter().map(|key| key.to_jwk(&issuer)).collect();
    Ok(Json(json!({ "keys": keys })))
}

fn tenant(segment: String) -> Result<Tenant, Why> {
    Tenant::parse(&segment).ok_or(Why::UnknownTenant(segment))
}
