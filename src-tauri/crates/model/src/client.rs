//! Registered clients (RFC 7591), clients known by a metadata document, and configured ones.

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, ClientId, TokenHash};
use crate::redirect::{RedirectRule, RedirectUri};
use crate::scope::ScopeSet;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    pub id: ClientId,
    pub kind: ClientKind,
    /// `client_name`: chosen by the client, proves nothing.
    pub name: Option<String>,
    /// `client_uri`
    pub uri: Option<String>,
    /// `logo_uri`; never fetched for a page.
    pub logo_uri: Option<String>,
    pub redirects: Vec<RedirectRule>,
    pub auth: ClientAuth,
    pub scope: ScopeSet,
    pub created_at: Timestamp,
    /// When somebody last approved this client; one never approved is the first to go when space runs out.
    pub approved_at: Option<Timestamp>,
    /// The attempt its registration belongs to.
    pub attempt: Option<AttemptId>,
    /// Since when the owner of this server turns it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// RFC 7591
    Dynamic,
    /// Client ID metadata document: the id is its URL.
    Document,
    /// From the settings.
    Static,
}

/// `token_endpoint_auth_method` with what is needed to check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Public client: PKCE is its proof.
    None,
    ClientSecretPost(TokenHash),
    ClientSecretBasic(TokenHash),
    /// It signs an assertion for every request (RFC 7523 section 2.2, OpenID Connect Core section 9).
    PrivateKeyJwt(ClientKeys),
    /// Its metadata document lets it do either: it need not sign, and what it signs must be right.
    NoneOrPrivateKeyJwt(ClientKeys),
}

/// Where the public keys of a client are (RFC 7591 section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKeys {
    /// `jwks`: the set itself (RFC 7517 section 5).
    Jwks(serde_json::Value),
    /// `jwks_uri`
    JwksUri(String),
}

/// A client's name as it can stand on a page: one line of at most 200 characters, nothing invisible, nothing that turns
/// the text around it. `None` if nothing is left.
pub fn presentable_name(text: &str) -> Option<String> {
    let visible: String = text.chars().filter(|c| !c.is_control() && !is_formatting(*c)).collect();
    let short: String = visible.trim().chars().take(200).collect();
    let name = short.trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Zero-width characters, direction marks and overrides, line separators, tags.
fn is_formatting(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl Client {
    pub fn allows_redirect(&self, requested: &RedirectUri) -> bool {
        self.redirects.iter().any(|rule| rule.allows(requested))
    }

    /// The one redirect URI of a client that registered just one (RFC 6749 section 3.1.2.3).
    pub fn only_redirect(&self) -> Option<&RedirectUri> {
        match self.redirects.as_slice() {
            [RedirectRule::Exact(uri)] => Some(uri),
            _ => None,
        }
    }

    /// For a document, the host that published it: the one name about a client that is verified.
    pub fn verified_host(&self) -> Option<String> {
        (self.kind == ClientKind::Document)
            .then(|| url::Url::parse(self.id.as_str()).ok()?.host_str().map(str::to_owned))
            .flatten()
    }

    pub const fn is_blocked(&self) -> bool {
        self.blocked_at.is_some()
    }

    pub fn display(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

impl ClientAuth {
    /// Whether its keys matter.
    pub const fn signs(&self) -> bool {
        matches!(self, Self::PrivateKeyJwt(_) | Self::NoneOrPrivateKeyJwt(_))
    }

    /// The registered value of `token_endpoint_auth_method`.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretPost(_) => "client_secret_post",
            Self::ClientSecretBasic(_) => "client_secret_basic",
            Self::PrivateKeyJwt(_) | Self::NoneOrPrivateKeyJwt(_) => "private_key_jwt",
        }
    }
}
