//! What the tools answer, as types: `structuredContent` and the `outputSchema` that describes it.
//!
//! Absent facts are left out rather than `null`, and the schema says so.

use model::caller::Caller;
use model::upstream::Profile;
use schemars::JsonSchema;
use serde::Serialize;

/// Answer of `version`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ServerInfo<'a> {
    /// Name of this server.
    pub(crate) name: &'a str,
    /// Its version.
    pub(crate) version: &'a str,
    /// The MCP revision this request was served under.
    pub(crate) protocol_version: &'a str,
}

/// Answer of `get_user_info`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserInfo<'a> {
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    name: Option<&'a str>,
    /// The name the person signs in with; it can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    username: Option<&'a str>,
    /// E-mail address, if the directory gave one; not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    email: Option<&'a str>,
    /// Job title, from Microsoft Graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    job_title: Option<&'a str>,
    /// Office, from Microsoft Graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    office_location: Option<&'a str>,
    /// Why something is missing that could be there, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    note: Option<&'a str>,
    /// The person in the directory (`oid`); with `tenant_id` it never changes.
    object_id: &'a str,
    /// The directory (`tid`).
    tenant_id: &'a str,
    /// Whether the person is a guest in the directory.
    guest: bool,
    /// Application roles.
    roles: &'a [String],
    /// Issuer of the identity provider's tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    issuer: Option<&'a str>,
    /// The MCP client that calls.
    client: ClientInfo<'a>,
    /// Scopes the client was granted.
    scopes: Vec<&'a str>,
    /// The connection of this client as this person.
    session: &'a str,
    /// When the access token of this call ends (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    access_token_expires_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ClientInfo<'a> {
    /// Client identifier (RFC 6749 section 2.2).
    id: &'a str,
    /// The name the client gave itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    name: Option<&'a str>,
}

impl<'a> UserInfo<'a> {
    pub(crate) fn of(caller: &'a Caller, profile: &'a Profile) -> Self {
        let person = &caller.person;
        Self {
            name: person.name.as_deref(),
            username: person.username.as_deref(),
            email: person.email.as_deref(),
            job_title: profile.job_title.as_deref(),
            office_location: profile.office_location.as_deref(),
            note: profile.note.as_deref(),
            object_id: &person.id.object,
            tenant_id: &person.id.tenant,
            guest: person.guest,
            roles: &person.roles,
            issuer: caller.upstream_issuer.as_deref(),
            client: ClientInfo { id: caller.client.as_str(), name: caller.client_name.as_deref() },
            scopes: caller.scope.iter().map(model::scope::Scope::as_str).collect(),
            session: caller.session.as_str(),
            // Left out if it is beyond what a calendar can say.
            access_token_expires_at: jiff::Timestamp::from_millisecond(caller.expires_at.millis())
                .ok()
                .map(|at| at.to_string()),
        }
    }
}
