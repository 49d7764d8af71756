//! What a client ID metadata document says (RFC 7591 section 2 members), read leniently.
//!
//! Unknown members, unknown grant types and members of the wrong type are passed over; only what would make the client
//! unsafe or unusable here refuses it. Keys and assertions (`private_key_jwt`) are not read.

use model::client::{Client, ClientAuth, ClientKind, presentable_name};
use model::ids::ClientId;
use model::redirect::{RedirectRule, RedirectUri};
use model::scope::ScopeSet;
use model::time::Timestamp;
use serde_json::{Map, Value};
use url::Url;

/// A document that names a usable public client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientDocument {
    pub id: ClientId,
    /// `client_name`
    pub name: Option<String>,
    /// `client_uri`, https only.
    pub uri: Option<String>,
    /// `logo_uri`, https only.
    pub logo_uri: Option<String>,
    /// `redirect_uris` that can be used; at least one.
    pub redirects: Vec<RedirectUri>,
    /// `scope`; empty if the document names none.
    pub scope: ScopeSet,
}

/// Why a document that was fetched is not used. All of it is for the publisher to mend. Shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentFault {
    #[error("the client metadata document is not a JSON object; ask the publisher of the client to mend it")]
    NotAnObject,
    #[error(
        "the client metadata document is for another client; its client_id must be the very URL it is found at"
    )]
    OtherClient,
    #[error(
        "the client metadata document has no usable redirect URI; it must list one that is https or loopback"
    )]
    NoRedirect,
    #[error(
        "the client metadata document asks for a shared client secret, which a published document cannot have; it must \
         offer `none` as token_endpoint_auth_method"
    )]
    SharedSecret,
    #[error(
        "the client can only authenticate in a way that is not supported here; its metadata document must offer `none` \
         as token_endpoint_auth_method"
    )]
    UnsupportedAuth,
}

// === impl ClientDocument ===

impl ClientDocument {
    /// Reads the document found at `id`.
    ///
    /// # Errors
    /// See [`DocumentFault`].
    pub fn parse(id: &ClientId, body: &[u8]) -> Result<Self, DocumentFault> {
        let members: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| DocumentFault::NotAnObject)?;
        // Compared as strings, without repairing either side: the document vouches for this one spelling.
        if text(&members, "client_id") != Some(id.as_str()) {
            return Err(DocumentFault::OtherClient);
        }
        check_auth(&members)?;
        let redirects = redirects(&members);
        if redirects.is_empty() {
            return Err(DocumentFault::NoRedirect);
        }
        Ok(Self {
            id: id.clone(),
            name: text(&members, "client_name").and_then(presentable_name),
            uri: text(&members, "client_uri").and_then(https_only),
            logo_uri: text(&members, "logo_uri").and_then(https_only),
            redirects,
            scope: text(&members, "scope").map(ScopeSet::parse_lenient).unwrap_or_default(),
        })
    }

    /// The client it describes, first seen at `created_at`.
    pub fn into_client(self, created_at: Timestamp) -> Client {
        Client {
            id: self.id,
            kind: ClientKind::Document,
            name: self.name,
            uri: self.uri,
            logo_uri: self.logo_uri,
            redirects: self.redirects.into_iter().map(RedirectRule::Exact).collect(),
            auth: ClientAuth::None,
            scope: self.scope,
            created_at,
            approved_at: None,
            attempt: None,
            blocked_at: None,
        }
    }
}

impl DocumentFault {
    /// The publisher said something definite, so an earlier copy no longer counts. An answer that is no document at all
    /// is an accident of the host.
    pub const fn is_definite(self) -> bool {
        !matches!(self, Self::NotAnObject)
    }
}

/// Public clients only. ChatGPT names `private_key_jwt` as its method and offers `none` beside it in a list.
fn check_auth(members: &Map<String, Value>) -> Result<(), DocumentFault> {
    let method = text(members, "token_endpoint_auth_method");
    let offered: Vec<&str> = texts(members, "token_endpoint_auth_methods_supported").collect();
    match method {
        Some("none") => Ok(()),
        Some(method) if is_shared_secret(method) => Err(DocumentFault::SharedSecret),
        _ if offered.contains(&"none") => Ok(()),
        // RFC 7591 would default to a secret; a client with none to send means none.
        None if offered.is_empty() => Ok(()),
        None if offered.iter().all(|method| is_shared_secret(method)) => Err(DocumentFault::SharedSecret),
        _ => Err(DocumentFault::UnsupportedAuth),
    }
}

fn is_shared_secret(method: &str) -> bool {
    matches!(method, "client_secret_basic" | "client_secret_post" | "client_secret_jwt")
}

/// Each usable URI once. Wildcards are for configured clients, so they are not usable here.
fn redirects(members: &Map<String, Value>) -> Vec<RedirectUri> {
    let mut usable: Vec<RedirectUri> = Vec::new();
    for uri in texts(members, "redirect_uris").filter_map(|text| RedirectUri::parse(text).ok()) {
        if !usable.contains(&uri) {
            usable.push(uri);
        }
    }
    usable
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str()
}

fn texts<'a>(members: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> {
    members.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn https_only(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    plain.then(|| url.into())
}

#[cfg(test)]
mod tests;
