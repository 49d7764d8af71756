//! The registration as Microsoft Graph has it: what is sent to make one, and the manifest.

use serde_json::{Value, json};

use super::{CLIENT_ID, PROFILE_SCOPE, Registration, scope_id};

/// Microsoft Graph, by its well-known application id.
pub(crate) const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";

/// Delegated permissions of Microsoft Graph that a sign-in asks for, by their well-known ids. Consent of the person is
/// enough for each of them.
pub(crate) const API_PERMISSIONS: [(&str, &str); 5] = [
    ("openid", "37f7f235-527c-4136-accd-4a02d197296e"),
    ("profile", "14dad69e-099b-42c9-810b-d002981feec1"),
    ("email", "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0"),
    ("offline_access", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182"),
    (PROFILE_SCOPE, "e1fe6dd8-ba31-4d61-89e7-88639da4683d"),
];

/// What people read where they consent: for administrators, and for everybody.
pub(super) const ADMIN_TITLE: &str = "Use the MCP server";
pub(super) const ADMIN_TEXT: &str = "Lets the app call the MCP server as the signed-in person.";
pub(super) const USER_TITLE: &str = "Use the MCP server as you";
pub(super) const USER_TEXT: &str = "Lets the app call the MCP server as you.";

/// `POST /applications`. Version 2 tokens are asked for from the start: the default of `null` means version 1.
pub(super) fn to_create(registration: &Registration) -> Value {
    let permissions: Vec<Value> =
        API_PERMISSIONS.iter().map(|(_, id)| json!({ "id": id, "type": "Scope" })).collect();
    let mut created = json!({
        "displayName": registration.name,
        "signInAudience": registration.accounts.audience(),
        "web": { "redirectUris": registration.redirect_uris },
        "api": { "requestedAccessTokenVersion": 2 },
        "requiredResourceAccess": [{ "resourceAppId": GRAPH_APP, "resourceAccess": permissions }],
        // Whether somebody is a guest; without it only the way they signed in hints at it. And which session at Microsoft it
        // is, so that its end is told to the logout address.
        "optionalClaims": { "accessToken": [{ "name": "acct" }], "idToken": [{ "name": "acct" }, { "name": "sid" }] },
    });
    if let Some(url) = registration.logout_url() {
        created["web"]["logoutUrl"] = url.into();
    }
    created
}

/// `PATCH /applications/{id}`: the API, whose name holds the client id.
pub(super) fn to_expose(registration: &Registration, client_id: &str) -> Value {
    json!({
        "identifierUris": [registration.identifier_uri_of(client_id)],
        "api": { "requestedAccessTokenVersion": 2, "oauth2PermissionScopes": scopes(registration) },
    })
}

/// The identifier URI is left out as long as nobody knows the client id it is made from.
pub(super) fn manifest(registration: &Registration) -> Value {
    let mut manifest = to_create(registration);
    manifest["api"]["oauth2PermissionScopes"] = scopes(registration);
    let uri = registration.client_id.as_deref().map(|id| registration.identifier_uri_of(id));
    let uri = uri.or_else(|| registration.identifier_uri.clone());
    if let Some(uri) = uri.filter(|uri| !uri.contains(CLIENT_ID)) {
        manifest["identifierUris"] = json!([uri]);
    }
    manifest
}

fn scopes(registration: &Registration) -> Value {
    let scope = |value: &String| {
        json!({
            "id": scope_id(value),
            "value": value,
            "type": "User",
            "isEnabled": true,
            "adminConsentDisplayName": ADMIN_TITLE,
            "adminConsentDescription": ADMIN_TEXT,
            "userConsentDisplayName": USER_TITLE,
            "userConsentDescription": USER_TEXT,
        })
    };
    registration.scopes.iter().map(scope).collect()
}
