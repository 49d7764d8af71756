//! What a person can set: valid by construction. Drafts, sources and their validation live in `engine::settings`.

use std::net::SocketAddr;
use std::path::PathBuf;

use url::Url;

use crate::Secret;
use crate::access::Access;
use crate::client::Client;
use crate::host::HostRules;
use crate::origin::BaseUrl;
use crate::ports::Bounds;
use crate::scope::ScopeSet;
use crate::tools::ToolRules;

#[derive(Debug, Clone)]
pub struct Settings {
    pub server: ServerSettings,
    pub identity: Identity,
    pub storage: StorageSettings,
    pub tunnel: TunnelSettings,
    /// Who may sign in.
    pub access: Access,
    /// What tools need beyond what every token has.
    pub tools: ToolRules,
    /// Configured clients; their `created_at` is the epoch.
    pub clients: Vec<Client>,
    pub client_rules: ClientRules,
}

/// What holds for the clients that are not configured.
#[derive(Debug, Clone, Default)]
pub struct ClientRules {
    /// Hosts of published clients, and of the https addresses that registered ones are answered at.
    pub hosts: HostRules,
    /// A `client_id` carries its registration under seal, so that it is good without the database.
    pub self_contained_ids: bool,
}

#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Loopback unless a person insists.
    pub listen: SocketAddr,
    pub public_url: Option<BaseUrl>,
    pub sign_in: SignInFrom,
    /// Path of our callback, as the app registration lists it; `/auth/callback`.
    pub callback_path: String,
    /// Browser origins that may call `/mcp`, besides our own and the well-known clients'.
    pub cors_origins: Vec<String>,
    /// Turns everybody away without signing anybody out.
    pub paused: bool,
    /// The control console; `None` is off.
    pub console: Option<SocketAddr>,
    /// Lets client ID metadata documents come from loopback addresses. For tests.
    pub documents_from_loopback: bool,
}

/// How the switch to the public internet opens an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelSettings {
    /// Id of a known program, or `command`.
    pub provider: String,
    /// A command of the person's own, for the provider `command`.
    pub command: String,
    /// A host name of the person's own, where the provider can be asked for it.
    pub domain: Option<String>,
}

/// Where a person who comes in by the public URL signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInFrom {
    /// Consent and callback on `http://localhost`: only somebody at this computer gets past the first page.
    ThisComputer,
    /// Consent and callback on the public URL, which then must be registered in Entra.
    Anywhere,
}

/// Who says who people are.
#[derive(Debug, Clone)]
pub enum Identity {
    /// The built-in imitation of Entra.
    Practice(PracticeSettings),
    Entra(EntraSettings),
}

#[derive(Debug, Clone)]
pub struct PracticeSettings {
    /// Loopback only.
    pub listen: SocketAddr,
    /// Answer the sign-in page as this person, for scripts.
    pub sign_in: Option<String>,
}

#[derive(Debug, Clone)]
pub struct EntraSettings {
    /// `https://login.microsoftonline.com`, another cloud's host, or any OIDC server.
    pub authority: Url,
    /// GUID, verified domain, `organizations`, `common` or `consumers`.
    pub tenant: String,
    /// Application (client) id.
    pub client_id: String,
    /// Client secret; none for a public client (platform "Mobile and desktop").
    pub client_secret: Option<Secret>,
    /// Application ID URI, normally `api://{client_id}`.
    pub identifier_uri: String,
    /// Short names of the scopes a token must have, normally `read`.
    pub required_scopes: ScopeSet,
    /// Fully qualified scopes of other resources that ride on authorize only, for consent.
    pub extra_authorize_scopes: ScopeSet,
    /// Directories people may come from; empty means the one in `tenant`, or any if that names many.
    pub allowed_tenants: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct StorageSettings {
    pub data_dir: PathBuf,
    pub database: Database,
    pub bounds: Bounds,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file; made if it is not there.
    Sqlite(PathBuf),
    /// Gone with the process. For tests.
    Memory,
}
