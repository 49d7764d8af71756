//! What every call of Microsoft Graph has in common, and `GET /v1.0/me`.
//!
//! Takes tokens made out to Graph only; a token for the app is refused like at the real one.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use crate::claims::read_own;
use crate::directory::{GRAPH_ID, Person};
use crate::refusal::{entra_time, guid};
use crate::{Fault, Practice};

/// Why Graph says no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GraphError {
    #[error("Access token is empty.")]
    NoToken,
    #[error("Access token validation failure. Invalid audience or signature.")]
    InvalidToken,
    #[error("Lifetime validation failed, the token is expired.")]
    Expired,
    #[error("Insufficient privileges to complete the operation.")]
    Denied,
    #[error("{0}")]
    Invalid(String),
    #[error(
        "Resource '{0}' does not exist or one of its queried reference-property objects are not present."
    )]
    NotFound(String),
    #[error(
        "When using this permission, the backing application of the service principal being created must be in the local tenant. NoBackingApplicationObject: the appId '{0}' does not reference a valid application object."
    )]
    NoBackingApplication(String),
    #[error(
        "The service principal cannot be created: the service principal name is already in use for the tenant."
    )]
    Conflict,
    #[error("Too many requests.")]
    Throttled,
    #[error("The directory cannot serve the request at the moment.")]
    Outage,
}

/// Who the token belongs to. `$select` picks fields, as at Graph.
pub(crate) async fn me(
    State(practice): State<Practice>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Response> {
    let person =
        caller(&practice, &headers, "User.Read").await.map_err(|error| error.into_answer(&practice))?;
    let mut profile = profile(&practice, person);
    if let Some(wanted) = selected(query.as_deref().unwrap_or_default()) {
        profile.retain(|field, _| wanted.iter().any(|name| name.eq_ignore_ascii_case(field)));
    }
    profile.insert(
        "@odata.context".to_owned(),
        format!("{}/graph/v1.0/$metadata#users/$entity", practice.base()).into(),
    );
    Ok(Json(Value::Object(profile)))
}

/// Who calls, with a token for Graph that has the permission.
pub(crate) async fn caller(
    practice: &Practice,
    headers: &HeaderMap,
    permission: &str,
) -> Result<&'static Person, GraphError> {
    if practice.has(Fault::GraphDown) {
        return Err(GraphError::Outage);
    }
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = sent.and_then(|value| value.split_once(' ')).ok_or(GraphError::NoToken)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(GraphError::NoToken);
    }
    let claims = read_own(practice, token).await.ok_or(GraphError::InvalidToken)?;
    if claims.get("aud").and_then(Value::as_str) != Some(GRAPH_ID) {
        return Err(GraphError::InvalidToken);
    }
    if claims.get("exp").and_then(Value::as_i64).is_none_or(|exp| exp <= practice.now().secs()) {
        return Err(GraphError::Expired);
    }
    let scopes = claims.get("scp").and_then(Value::as_str).unwrap_or_default();
    if !scopes.split(' ').any(|scope| scope == permission) {
        return Err(GraphError::Denied);
    }
    let person = claims.get("oid").and_then(Value::as_str).and_then(Person::by_oid);
    person.ok_or(GraphError::InvalidToken)
}

fn profile(practice: &Practice, person: &Person) -> Map<String, Value> {
    let (first, last) = person.name.split_once(' ').unwrap_or((person.name, ""));
    let mail = if practice.has(Fault::NoEmail) { Value::Null } else { person.email.into() };
    [
        ("id", person.oid.into()),
        ("displayName", person.name.into()),
        ("givenName", first.into()),
        ("surname", last.into()),
        ("jobTitle", person.job_title.into()),
        ("officeLocation", person.office.into()),
        ("mail", mail),
        ("userPrincipalName", person.upn.into()),
    ]
    .into_iter()
    .map(|(field, value)| (field.to_owned(), value))
    .collect()
}

fn selected(query: &str) -> Option<Vec<String>> {
    let (_, list) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "$select")?;
    Some(list.split(',').map(|field| field.trim().to_owned()).collect())
}

// === impl GraphError ===

impl GraphError {
    pub(crate) fn into_answer(self, practice: &Practice) -> Response {
        let (status, code) = match &self {
            Self::NoToken | Self::InvalidToken | Self::Expired => {
                (StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken")
            }
            Self::Denied => (StatusCode::FORBIDDEN, "Authorization_RequestDenied"),
            Self::Invalid(_) | Self::NoBackingApplication(_) => {
                (StatusCode::BAD_REQUEST, "Request_BadRequest")
            }
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "Request_ResourceNotFound"),
            Self::Conflict => (StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue"),
            Self::Throttled => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests"),
            Self::Outage => (StatusCode::SERVICE_UNAVAILABLE, "serviceNotAvailable"),
        };
        let inner = json!({ "date": entra_time(practice.now()), "request-id": guid(practice.entropy()) });
        let body = json!({ "error": { "code": code, "message": self.to_string(), "innerError": inner } });
        let wait = matches!(self, Self::Throttled | Self::Outage);
        let mut response = (status, Json(body)).into_response();
        if wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
        }
        response
    }
}
