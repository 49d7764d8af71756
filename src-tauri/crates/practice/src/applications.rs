//! Microsoft Graph, as far as registering applications goes: `applications`, `servicePrincipals`, secrets, owners and
//! deleted items.
//!
//! Reads what Graph reads and refuses what it refuses, in its words; what nobody here sends is not known.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use model::Secret;
use model::ids::random_text;
use model::time::Timestamp;
use serde_json::{Value, json};
use url::Url;

use crate::apps::Registered;
use crate::directory::Person;
use crate::graph::{GraphError, caller};
use crate::refusal::{entra_time, guid};
use crate::{Fault, Practice, Table};

type Answer = Result<Response, Refused>;

/// An error object of Graph's, ready to be sent.
struct Refused(Box<Response>);

const PERMISSION: &str = "Application.ReadWrite.All";
/// Under [`Fault::SlowDirectory`].
const REPLICATION: Duration = Duration::from_secs(3);
const AUDIENCES: [&str; 4] =
    ["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"];
/// A secret lasts so long unless another end is asked for.
const TWO_YEARS: Duration = Duration::from_hours(2 * 365 * 24);

pub(crate) fn routes() -> Table {
    vec![
        ("/graph/v1.0/applications", get(list).post(create)),
        ("/graph/v1.0/applications/{id}", get(read).patch(change).delete(remove)),
        ("/graph/v1.0/applications/{id}/addPassword", post(add_password)),
        ("/graph/v1.0/applications/{id}/owners/$ref", post(add_owner)),
        ("/graph/v1.0/servicePrincipals", post(add_principal)),
        ("/graph/v1.0/directory/deletedItems/{id}", delete(purge)),
    ]
}

async fn create(State(practice): State<Practice>, headers: HeaderMap, body: Bytes) -> Answer {
    let creator = administrator(&practice, &headers).await?;
    let refused = |error: GraphError| Refused::of(error, &practice);
    let json = object(&body).map_err(refused)?;
    let name = json["displayName"].as_str().filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| {
        refused(GraphError::Invalid("Property 'displayName' is required and cannot be empty.".to_owned()))
    })?;
    let mut app = Registered {
        object: guid(practice.entropy()),
        client_id: guid(practice.entropy()),
        name: name.to_owned(),
        audience: "AzureADandPersonalMicrosoftAccount".to_owned(),
        tags: Vec::new(),
        redirect_uris: Vec::new(),
        logout_url: None,
        identifier_uris: Vec::new(),
        scopes: Vec::new(),
        token_version: None,
        secrets: Vec::new(),
        // Roles that let people register (`applications/create`) make nobody the owner; who may do it without one
        // (`applications/createAsOwner`) is. https://learn.microsoft.com/entra/identity/role-based-access-control/custom-available-permissions
        owners: if practice.has(Fault::NoOwner) { Vec::new() } else { vec![creator] },
        created_at: practice.now(),
        principal: None,
    };
    take(&mut app, &json).map_err(refused)?;
    let shown = shown(&app);
    practice.apps().add(app).ok_or_else(|| {
        refused(GraphError::Invalid(
            "The directory object quota limit for the tenant has been exceeded.".to_owned(),
        ))
    })?;
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

/// `$filter=displayName eq '...'`, the only filter anybody here uses.
async fn list(State(practice): State<Practice>, headers: HeaderMap, RawQuery(query): RawQuery) -> Answer {
    administrator(&practice, &headers).await?;
    let query = query.unwrap_or_default();
    let filter = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "$filter");
    let wanted = match &filter {
        None => None,
        Some((_, filter)) => {
            let named = filter.strip_prefix("displayName eq '").and_then(|rest| rest.strip_suffix('\''));
            let unsupported =
                || GraphError::Invalid("Unsupported or invalid query filter clause.".to_owned());
            Some(named.ok_or_else(|| Refused::of(unsupported(), &practice))?.replace("''", "'"))
        }
    };
    let apps = practice.apps();
    let fitting = apps
        .all()
        .filter(|app| is_replicated(&practice, app) && wanted.as_ref().is_none_or(|name| app.name == *name));
    let all: Vec<Value> = fitting.map(shown).collect();
    Ok(Json(json!({ "value": all })).into_response())
}

async fn read(State(practice): State<Practice>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    administrator(&practice, &headers).await?;
    with(&practice, &id, |app| Ok(Json(shown(app)).into_response()))
}

async fn change(
    State(practice): State<Practice>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    administrator(&practice, &headers).await?;
    let json = object(&body).map_err(|error| Refused::of(error, &practice))?;
    with(&practice, &id, |app| {
        let mut changed = app.clone();
        take(&mut changed, &json)?;
        *app = changed;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

async fn remove(State(practice): State<Practice>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    administrator(&practice, &headers).await?;
    with(&practice, &id, |_| Ok(()))?;
    practice.apps().remove(&id, practice.now());
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An application and its service principal are two deleted items: taking one away leaves the other.
async fn purge(State(practice): State<Practice>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    administrator(&practice, &headers).await?;
    let mut apps = practice.apps();
    let known = apps.deleted_at(&id).is_some_and(|since| is_everywhere(&practice, since));
    if known {
        apps.purge(&id);
    }
    drop(apps);
    if known {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Refused::of(GraphError::NotFound(id), &practice))
    }
}

async fn add_password(
    State(practice): State<Practice>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    administrator(&practice, &headers).await?;
    let json = object(&body).map_err(|error| Refused::of(error, &practice))?;
    let text = format!("practice~{}", random_text::<24>(practice.entropy()));
    let key = guid(practice.entropy());
    let ends = practice.now().plus(TWO_YEARS);
    with(&practice, &id, |app| {
        app.secrets.push(Secret::from(text.as_str()));
        Ok(Json(json!({
            "keyId": key,
            "displayName": json["passwordCredential"]["displayName"],
            "secretText": text,
            "hint": text.chars().take(3).collect::<String>(),
            "endDateTime": entra_time(ends).replace(' ', "T"),
        }))
        .into_response())
    })
}

/// `{"@odata.id": ".../directoryObjects/{id of a person}"}`
async fn add_owner(
    State(practice): State<Practice>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    administrator(&practice, &headers).await?;
    let json = object(&body).map_err(|error| Refused::of(error, &practice))?;
    let named = json["@odata.id"].as_str().and_then(|link| link.rsplit_once("/directoryObjects/"));
    with(&practice, &id, |app| {
        let (_, named) = named
            .ok_or_else(|| GraphError::Invalid("Invalid entity reference in '@odata.id'.".to_owned()))?;
        let person = Person::by_oid(named).ok_or_else(|| GraphError::NotFound(named.to_owned()))?;
        if app.owners.iter().any(|owner| owner.oid == person.oid) {
            return Err(GraphError::Invalid(
                "One or more added object references already exist for the following modified properties: 'owners'."
                    .to_owned(),
            ));
        }
        app.owners.push(person);
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

async fn add_principal(State(practice): State<Practice>, headers: HeaderMap, body: Bytes) -> Answer {
    administrator(&practice, &headers).await?;
    let refused = |error: GraphError| Refused::of(error, &practice);
    let json = object(&body).map_err(refused)?;
    let client_id = json["appId"].as_str().unwrap_or_default().to_owned();
    let object = {
        let apps = practice.apps();
        let found = apps.by_client_id(&client_id).filter(|app| is_replicated(&practice, app));
        found.map(|app| app.object.clone())
    };
    let object = object.ok_or_else(|| refused(GraphError::NoBackingApplication(client_id.clone())))?;
    let id = guid(practice.entropy());
    with(&practice, &object, |app| {
        if app.principal.is_some() {
            return Err(GraphError::Conflict);
        }
        app.principal = Some(id.clone());
        let made = json!({ "id": id, "appId": app.client_id, "displayName": app.name });
        Ok((StatusCode::CREATED, Json(made)).into_response())
    })
}

/// Members may not register applications in this tenant, as many organizations have it.
async fn administrator(practice: &Practice, headers: &HeaderMap) -> Result<&'static Person, Refused> {
    let person = caller(practice, headers, PERMISSION).await.map_err(|error| Refused::of(error, practice))?;
    if person.roles.contains(&"Admin") { Ok(person) } else { Err(Refused::of(GraphError::Denied, practice)) }
}

fn with<T>(
    practice: &Practice,
    id: &str,
    act: impl FnOnce(&mut Registered) -> Result<T, GraphError>,
) -> Result<T, Refused> {
    let mut apps = practice.apps();
    let known = apps.get(id).is_some_and(|app| is_replicated(practice, app));
    let done = match apps.get_mut(id).filter(|_| known) {
        Some(app) => act(app),
        None => Err(GraphError::NotFound(id.to_owned())),
    };
    drop(apps);
    done.map_err(|error| Refused::of(error, practice))
}

impl Refused {
    fn of(error: GraphError, practice: &Practice) -> Self {
        Self(Box::new(error.into_answer(practice)))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

fn is_replicated(practice: &Practice, app: &Registered) -> bool {
    is_everywhere(practice, app.created_at)
}

/// Whether what happened then is known in the whole directory.
fn is_everywhere(practice: &Practice, then: Timestamp) -> bool {
    !practice.has(Fault::SlowDirectory) || practice.now().since(then) >= REPLICATION
}

fn object(body: &[u8]) -> Result<Value, GraphError> {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    json.filter(Value::is_object)
        .ok_or_else(|| GraphError::Invalid("Unable to read JSON request payload.".to_owned()))
}

/// What is given replaces what was there, property by property.
fn take(app: &mut Registered, json: &Value) -> Result<(), GraphError> {
    if let Some(audience) = json["signInAudience"].as_str() {
        if !AUDIENCES.contains(&audience) {
            return Err(invalid("signInAudience"));
        }
        audience.clone_into(&mut app.audience);
    }
    if let Some(name) = json["displayName"].as_str() {
        name.clone_into(&mut app.name);
    }
    if let Some(tags) = texts(&json["tags"]) {
        app.tags = tags;
    }
    if let Some(uris) = texts(&json["web"]["redirectUris"]) {
        if uris.iter().any(|uri| !is_redirect_uri(uri)) {
            return Err(invalid("web.redirectUris"));
        }
        app.redirect_uris = uris;
    }
    if let Some(url) = json["web"]["logoutUrl"].as_str() {
        if !url.starts_with("https://") {
            return Err(invalid("web.logoutUrl"));
        }
        app.logout_url = Some(url.to_owned());
    }
    if let Some(uris) = texts(&json["identifierUris"]) {
        // The default policy of new directories: the name holds the client id.
        if uris.iter().any(|uri| !uri.contains(&app.client_id)) {
            return Err(GraphError::Invalid(
                "Values of identifierUris property must use a verified domain of the organization or its subdomain, or \
                 the application's id."
                    .to_owned(),
            ));
        }
        app.identifier_uris = uris;
    }
    let api = &json["api"];
    if let Some(version) = api.get("requestedAccessTokenVersion") {
        app.token_version = version.as_i64();
    }
    if let Some(scopes) = api["oauth2PermissionScopes"].as_array() {
        let one = |scope: &Value| {
            let whole = ["id", "adminConsentDisplayName", "adminConsentDescription"];
            whole
                .iter()
                .all(|name| scope[*name].is_string())
                .then(|| scope["value"].as_str().map(str::to_owned))?
        };
        let scopes: Option<Vec<String>> = scopes.iter().map(one).collect();
        app.scopes = scopes.ok_or_else(|| invalid("api.oauth2PermissionScopes"))?;
    }
    Ok(())
}

fn invalid(property: &str) -> GraphError {
    GraphError::Invalid(format!(
        "Invalid value specified for property '{property}' of resource 'Application'."
    ))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let all = value.as_array()?;
    Some(all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// `http` is for `localhost` and the loopback address only.
fn is_redirect_uri(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    match url.scheme() {
        "https" => true,
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1")),
        _ => false,
    }
}

fn shown(app: &Registered) -> Value {
    let scopes: Vec<Value> =
        app.scopes.iter().map(|scope| json!({ "value": scope, "isEnabled": true })).collect();
    json!({
        "id": app.object,
        "appId": app.client_id,
        "displayName": app.name,
        "signInAudience": app.audience,
        "tags": app.tags,
        "identifierUris": app.identifier_uris,
        "web": { "redirectUris": app.redirect_uris, "logoutUrl": app.logout_url },
        "api": { "requestedAccessTokenVersion": app.token_version, "oauth2PermissionScopes": scopes },
    })
}
