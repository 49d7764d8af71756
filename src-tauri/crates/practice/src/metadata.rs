//! The two documents clients read first: OpenID Connect metadata and the signing keys.
//!
//! Lists only what is here. Entra lists more, none of which the product uses.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use crate::Practice;
use crate::directory::Tenant;
use crate::refusal::{Refusal, Why};
use crate::segment::Segment;

pub(crate) async fn configuration(
    State(practice): State<Practice>,
    Segment(segment): Segment,
) -> Result<Json<Value>, Response> {
    let tenant = tenant(segment).map_err(|why| Refusal::of(why, &practice).into_json())?;
    let root = format!("{}/{}", practice.base(), tenant.segment());
    let mut document = json!({
        "issuer": practice.issuer_at(tenant),
        "authorization_endpoint": format!("{root}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{root}/oauth2/v2.0/token"),
        "end_session_endpoint": format!("{root}/oauth2/v2.0/logout"),
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
    });
    // Azure AD B2C has neither a Graph nor a sign-in on another device.
    if tenant.flow().is_none() {
        document["device_authorization_endpoint"] = format!("{root}/oauth2/v2.0/devicecode").into();
        document["tenant_region_scope"] = Value::Null;
        document["cloud_instance_name"] = "practice".into();
        document["msgraph_host"] = format!("{}/graph", practice.base().trim_start_matches("http://")).into();
    }
    Ok(Json(document))
}

pub(crate) async fn keys(
    State(practice): State<Practice>,
    Segment(segment): Segment,
) -> Result<Json<Value>, Response> {
    let tenant = tenant(segment).map_err(|why| Refusal::of(why, &practice).into_json())?;
    let issuer = tenant.flow().is_none().then(|| practice.issuer_at(tenant));
    let keys: Vec<_> = practice.keys().all().await.iter().map(|key| key.to_jwk(issuer.as_deref())).collect();
    Ok(Json(json!({ "keys": keys })))
}

fn tenant(segment: String) -> Result<Tenant, Why> {
    Tenant::parse(&segment).ok_or(Why::UnknownTenant(segment))
}
