//! What a person can set: valid by construction. Drafts, sources and their validation live in `engine::settings`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::Secret;
use crate::access::Access;
use crate::certificate::Certificate;
use crate::client::Client;
use crate::host::HostRules;
use crate::origin::BaseUrl;
use crate::ports::Bounds;
use crate::scope::ScopeSet;
use crate::time::Timestamp;
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
    pub pairing: Pairing,
}

/// Whether a new client that comes by the public URL needs the code that the owner of this server sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pairing {
    /// Where the owner is at hand: with a tunnel, or where people sign in on this computer.
    #[default]
    Auto,
    On,
    Off,
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
#[derive(Debug, Clone)]
pub struct TunnelSettings {
    /// Id of a known provider, or `command`.
    pub provider: String,
    /// A command of the person's own, for the provider `command`.
    pub command: String,
    /// A host name of the person's own, where the provider can be asked for it, or in front of their server.
    pub domain: Option<String>,
    /// For the provider `ssh`.
    pub ssh: Option<SshSettings>,
    pub ngrok: NgrokSettings,
    pub auto_off: AutoOff,
}

/// A server of the person's own that leads here by SSH; the texts were found to be what they should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSettings {
    /// `user@host:port`.
    pub server: String,
    pub key: Option<PathBuf>,
    /// A port there, or a name and a port.
    pub listen: String,
}

/// For the provider `ngrok`.
#[derive(Debug, Clone, Default)]
pub struct NgrokSettings {
    pub authtoken: Option<Secret>,
    /// `host:port` of other servers than ngrok's own.
    pub server: Option<String>,
    /// PEM file with the authorities that vouch for them; read when it is switched on.
    pub ca_file: Option<PathBuf>,
}

/// When the tunnel closes by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AutoOff {
    #[default]
    Never,
    /// So long after it was switched on.
    After(Duration),
    /// Once the computer has slept.
    Sleep,
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
    Entra(Box<EntraSettings>),
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
    /// GUID, verified domain, `organizations`, `common` or `consumers`. At Azure AD B2C a user flow or policy follows it:
    /// `contoso.onmicrosoft.com/B2C_1_sign_in`.
    pub tenant: String,
    /// Application (client) id.
    pub client_id: String,
    /// How the app proves that it is this application.
    pub credential: Credential,
    /// Application ID URI, normally `api://{client_id}`.
    pub identifier_uri: String,
    /// Short names of the scopes a token must have, normally `read`.
    pub required_scopes: ScopeSet,
    /// Fully qualified scopes of other resources that ride on authorize only, for consent.
    pub extra_authorize_scopes: ScopeSet,
    /// Directories people may come from; empty means the one in `tenant`, or any if that names many.
    pub allowed_tenants: Vec<String>,
}

impl EntraSettings {
    /// The user flow or policy of Azure AD B2C that people sign in by; none anywhere else.
    pub fn policy(&self) -> Option<&str> {
        self.tenant.rsplit_once('/').map(|(_, policy)| policy)
    }

    /// Whether customers sign in there, who choose their user names themselves: at Azure AD B2C and External ID.
    pub fn has_customers(&self) -> bool {
        let external = |host: &str| host.ends_with(".ciamlogin.com");
        self.policy().is_some() || self.authority.host_str().is_some_and(external)
    }
}

/// How an app proves itself at the token endpoint. Where there are several of a kind they are tried in turn, so that one
/// can be replaced by the next without anybody being signed out.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A public client (platform "Mobile and desktop"): the client id alone.
    None,
    Secret(ClientSecret),
    /// The newest first; never empty.
    Certificates(Vec<Certificate>),
    /// A file with a token of another identity provider that Entra was told to trust (workload identity federation). The
    /// platform writes it anew, so it is read whenever it is used.
    FederatedToken(PathBuf),
    /// The identity of the Azure server this runs on; the client id of a user-assigned one, or the system's.
    ManagedIdentity {
        client_id: Option<String>,
    },
}

#[derive(Debug, Clone)]
pub struct ClientSecret {
    pub current: Secret,
    /// The one that comes after it.
    pub next: Option<Secret>,
    /// Begin of the day on which `current` ends, as somebody noted it: Entra never says.
    pub expires_at: Option<Timestamp>,
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

// === impl Credential ===

impl Credential {
    /// One secret of which nothing else is known.
    pub fn secret(text: impl Into<Secret>) -> Self {
        Self::Secret(ClientSecret { current: text.into(), next: None, expires_at: None })
    }

    /// What it is, as the settings name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Secret(_) => "secret",
            Self::Certificates(_) => "certificate",
            Self::FederatedToken(_) => "federated-token",
            Self::ManagedIdentity { .. } => "managed-identity",
        }
    }

    /// When it stops counting, as far as that is known.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Secret(secret) => secret.expires_at,
            Self::Certificates(all) => all.first().map(|newest| newest.public().not_after()),
            Self::None | Self::FederatedToken(_) | Self::ManagedIdentity { .. } => None,
        }
    }
}
