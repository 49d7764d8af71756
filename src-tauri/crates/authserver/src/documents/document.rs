//! What a client ID metadata document says (RFC 7591 section 2 members), read leniently.
//!
//! Unknown members, unknown grant types and members of the wrong type are passed over; only what would make the client
//! unsafe or unusable here refuses it.

use model::client::{Client, ClientAuth, ClientKeys, ClientKind, presentable_name};
use model::ids::ClientId;
use model::redirect::{RedirectRule, RedirectUri};
use model::scope::ScopeSet;
use model::time::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

use crate::assertion::usable_keys;

/// A document that names a usable client.
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
    pub auth: ClientAuth,
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
         or `private_key_jwt` as token_endpoint_auth_method"
    )]
    UnsupportedAuth,
    #[error(
        "the client signs its requests (`private_key_jwt`), and its metadata document names no key to check them with; \
         it must have `jwks_uri`, or `jwks` with an RSA or P-256 key"
    )]
    NoKeys,
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
        let auth = auth(&members)?;
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
            auth,
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
            auth: self.auth,
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

/// ChatGPT names `private_key_jwt` as its method and offers `none` beside it in a list.
fn auth(members: &Map<String, Value>) -> Result<ClientAuth, DocumentFault> {
    let method = text(members, "token_endpoint_auth_method");
    if method.is_some_and(is_shared_secret) {
        return Err(DocumentFault::SharedSecret);
    }
    let offered: Vec<&str> =
        method.into_iter().chain(texts(members, "token_endpoint_auth_methods_supported")).collect();
    // RFC 7591 would default to a secret; a client with none to send means none.
    let none = offered.is_empty() || offered.contains(&"none");
    let signs = offered.contains(&"private_key_jwt");
    match (none, signs, keys(members)) {
        (true, true, Some(keys)) => Ok(ClientAuth::NoneOrPrivateKeyJwt(keys)),
        (true, _, _) => Ok(ClientAuth::None),
        (false, true, Some(keys)) => Ok(ClientAuth::PrivateKeyJwt(keys)),
        (false, true, None) => Err(DocumentFault::NoKeys),
        (false, false, _) if offered.iter().all(|method| is_shared_secret(method)) => {
            Err(DocumentFault::SharedSecret)
        }
        (false, false, _) => Err(DocumentFault::UnsupportedAuth),
    }
}

/// RFC 7591 section 2. Whether the address leads anywhere is seen when it is fetched.
fn keys(members: &Map<String, Value>) -> Option<ClientKeys> {
    let set = members.get("jwks").and_then(usable_keys).map(|keys| ClientKeys::Jwks(json!({ "keys": keys })));
    let address =
        text(members, "jwks_uri").filter(|address| (1..=RedirectUri::MAX_LEN).contains(&address.len()));
    set.or_else(|| address.map(|address| ClientKeys::JwksUri(address.to_owned())))
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
