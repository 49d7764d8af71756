//! What commands answer: types of their own, so that what is stored can change without every view changing.
//!
//! Times are milliseconds since the Unix epoch. Rows with people in them have no `Debug`, so names cannot slip into a log.

use std::collections::BTreeMap;

use model::client::{Client, ClientKind};
use model::event::{AuthEvent, Step};
use model::origin::Origin;
use model::person::Person;
use model::remedy::{Remedy, not_done};
use model::scope::ScopeSet;
use model::session::{Ended, RefreshTrouble, Session};
use model::settings::SignInFrom;
use model::time::Timestamp;
use model::upstream::Fixer;
use practice::{Fault, Practice, Resident};
use serde::Serialize;
use serde_json::{Map, Value};
use ts_rs::TS;

use super::certificate::CredentialState;
use super::claims::{Finding, Note, Notes};
use super::pairing::PairingRow;
use super::registration::Creation;
use super::tied::TiedSession;
use super::visits::VisitRow;
use super::wording::{Level, Notice, notice, summary};
use crate::settings::{Problem, Row};

/// Characters of a text that a client chose.
const LONGEST_TEXT: usize = 200;
/// Destinations of a client in its row.
const MOST_REDIRECTS: usize = 5;
/// Scopes of a client in its row.
const MOST_SCOPES: usize = 20;

/// How the engine stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    Running,
    Starting,
    Stopped,
    Failed {
        /// `bad_settings`, `port_in_use`, `crashed`, ...
        code: String,
        message: String,
        hint: String,
        /// A change of one setting that would help.
        offer: Option<Offer>,
    },
}

/// Another port for one that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Offer {
    pub port: u16,
    /// Key of the setting to change, and the text to change it to.
    pub setting: String,
    pub text: String,
}

#[derive(Debug, Clone, Serialize, TS)]
pub struct Status {
    pub state: State,
    /// Everybody is turned away, and nobody is signed out.
    pub paused: bool,
    /// What a person pastes into a client on this computer.
    pub mcp_url: Option<String>,
    /// Our address on the internet, where there is one.
    pub public_url: Option<String>,
    /// What a person pastes into a client elsewhere.
    pub public_mcp_url: Option<String>,
    /// The switch to the public internet.
    pub tunnel: TunnelState,
    /// When the tunnel closes by itself, where that is known.
    pub tunnel_closes_at: Option<i64>,
    /// Why it closed by itself, until it is switched again.
    pub tunnel_closed_because: Option<String>,
    /// Until when new clients from outside are asked for twelve digits instead of six, because too many wrong ones were typed there.
    pub long_codes_until: Option<i64>,
    /// Requests from the internet that were turned away in the last minute, because there were too many.
    pub turned_away: u32,
    /// The redirect URIs to register at Entra.
    pub callback_urls: Vec<String>,
    pub practice_url: Option<String>,
    pub identity: IdentityKind,
    /// As in the settings; `null` on the practice tenant.
    pub tenant: Option<String>,
    pub client_id: Option<String>,
    /// How the app proves itself to Entra; `null` on the practice tenant.
    pub credential: Option<CredentialState>,
    pub version: &'static str,
    pub started_at: Option<i64>,
    pub now: i64,
    /// Events that are missing in the auth log because too many came at once.
    pub dropped_events: u64,
    /// Live sessions.
    pub sessions: usize,
    /// Whether this is the app on somebody's desk, with a tray and a keyring.
    pub desktop: bool,
    pub data_dir: String,
    pub settings_file: String,
}

/// Who says who people are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    Practice,
    Entra,
}

/// How the tunnel stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum TunnelState {
    Off,
    Starting,
    /// It has an address; whether that leads here is not known yet, or in doubt.
    Up {
        url: String,
        reason: Option<String>,
        hint: Option<String>,
    },
    /// Seen from outside.
    Reachable {
        url: String,
        /// What to know although clients get through.
        notes: Vec<TunnelNote>,
    },
    /// What opens it ended; it is tried again.
    Lost {
        reason: String,
        hint: String,
        /// There was an address since it was switched on.
        was_open: bool,
    },
    /// Trying again will not help.
    Refused {
        reason: String,
        hint: String,
        /// The SSH server shows another key than the one that was pinned: it can be trusted by `trust_server_key`.
        changed_key: Option<ChangedKey>,
    },
}

/// Fingerprints as OpenSSH writes them, `SHA256:…`, and kinds as `ssh-keygen -l` does, `ED25519`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct ChangedKey {
    pub pinned: String,
    pub pinned_kind: Option<String>,
    pub shown: String,
    pub kind: String,
}

/// One sentence each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct TunnelNote {
    pub reason: String,
    pub hint: String,
}

/// The tunnel and what could open it.
#[derive(Clone, Serialize, TS)]
pub struct TunnelForm {
    pub state: TunnelState,
    /// As the settings have it: one of `programs`, or `command`.
    pub provider: String,
    pub programs: Vec<TunnelProgram>,
    /// The key by which the provider's SSH server is known again, once it was there.
    pub server_key: Option<ServerKey>,
    /// An address of the settings' own stands in the way of the switch.
    pub own_address: Option<String>,
    /// Sessions that go on only if their public address comes back.
    pub tied: Vec<TiedSession>,
}

/// The key of an SSH server, pinned on first use.
#[derive(Debug, Clone, Serialize, TS)]
pub struct ServerKey {
    /// As OpenSSH writes it: `host`, or `[host]:port`.
    pub server: String,
    /// As OpenSSH shows it: `SHA256:…`.
    pub fingerprint: String,
    /// As `ssh-keygen -l` names it, `ED25519`.
    pub kind: Option<String>,
}

#[derive(Debug, Clone, Serialize, TS)]
pub struct TunnelProgram {
    pub id: &'static str,
    pub name: &'static str,
    /// What to know before choosing it.
    pub about: &'static str,
    /// Whether it is on this computer; what needs no program always is.
    pub found: bool,
    /// How to get it; empty where there is nothing to get.
    pub install: &'static str,
    /// Whether the address stays the same.
    pub stable: bool,
    /// Whether a name of one's own can be asked for.
    pub takes_domain: bool,
    /// Whether the authtoken of an account is asked for.
    pub takes_authtoken: bool,
}

/// What whoever follows is told.
#[derive(Clone, Serialize, TS)]
#[serde(tag = "event", content = "payload", rename_all = "snake_case")]
pub enum ApiEvent {
    StatusChanged(Box<Status>),
    /// The making of an app registration went a step on.
    CreationChanged(Box<Creation>),
    /// The new clients that wait for a code, all of them, whenever one more does or one no longer does.
    PairingsChanged(Vec<PairingRow>),
    /// What came in from outside since the last of these, or came again.
    VisitsChanged(Vec<VisitRow>),
    /// New rows of the auth log, oldest first.
    EventsRecorded(Vec<EventRow>),
    /// A follower or this relay was too slow for some; `list_events` has them.
    EventsMissed {
        missed: u64,
    },
}

/// One setting in a form.
#[derive(Debug, Clone, Serialize, TS)]
pub struct SettingRow {
    #[serde(flatten)]
    pub row: Row,
    /// Given by the environment or the command line, which no form can change.
    pub locked: bool,
}

#[derive(Debug, Clone, Serialize, TS)]
pub struct SettingsForm {
    pub rows: Vec<SettingRow>,
    /// Of the settings as they are now.
    pub problems: Vec<Problem>,
    pub file: String,
}

/// What a change would do.
#[derive(Debug, Clone, Serialize, TS)]
pub struct Checked {
    pub problems: Vec<Problem>,
    pub effects: Vec<Effect>,
}

/// Something that changes for people or clients: one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Effect {
    pub text: String,
}

#[derive(Debug, Clone, Serialize, TS)]
pub struct Saved {
    /// `false` if there are problems; then nothing was changed.
    pub saved: bool,
    pub problems: Vec<Problem>,
    pub effects: Vec<Effect>,
}

/// What a `.env` file, or the manifest of an app registration, would set.
#[derive(Debug, Clone, Serialize, TS)]
pub struct EnvPreview {
    pub changes: BTreeMap<String, EnvChange>,
    /// Names of variables that are none of ours.
    pub ignored: Vec<String>,
    pub problems: Vec<Problem>,
    /// What a sign-in would stumble over in the registration of a manifest.
    pub findings: Vec<Finding>,
}

/// A text, or the fact that a secret was found.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(untagged)]
pub enum EnvChange {
    Text(String),
    Secret { masked: bool },
}

#[derive(Clone, Serialize, TS)]
pub struct PersonRow {
    /// `oid`
    pub object: String,
    /// `tid`
    pub tenant: String,
    pub name: Option<String>,
    pub username: Option<String>,
    pub guest: bool,
    /// App roles, as the last tokens said.
    pub roles: Vec<String>,
}

#[derive(Debug, Clone, Serialize, TS)]
pub struct SessionClient {
    pub id: String,
    /// Chosen by the client; proves nothing.
    pub name: Option<String>,
    /// `null` where the client itself is no longer kept.
    pub kind: Option<ClientKind>,
    /// The host that published the client's metadata document: the one name that is verified.
    pub verified_host: Option<String>,
    pub uri: Option<String>,
    /// Turned away by the owner of this server.
    pub blocked: bool,
}

/// How the last refresh went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct RefreshResult {
    pub at: i64,
    pub ok: bool,
    /// Why it came to nothing.
    pub detail: Option<String>,
    /// AADSTS number, if the identity provider gave one.
    pub code: Option<u32>,
    /// Who can mend it, where that is known.
    pub fixer: Option<Fixer>,
    /// What can be done with one press, the first thing first.
    pub remedies: Vec<Remedy>,
}

#[derive(Clone, Serialize, TS)]
pub struct SessionRow {
    pub session: String,
    /// For `list_events`.
    pub attempt: String,
    pub person: PersonRow,
    pub client: SessionClient,
    pub state: SessionState,
    pub scopes: Vec<String>,
    pub origin: Origin,
    /// The MCP URL its tokens are good for.
    pub resource: String,
    pub calls: u64,
    pub created_at: i64,
    pub active_at: i64,
    pub refreshed_at: i64,
    /// When the newest access token ends; the client refreshes before or then.
    pub access_expires_at: i64,
    /// When the session ends if it is not refreshed until then.
    pub expires_at: i64,
    /// `null` before the first.
    pub refresh: Option<RefreshResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum SessionState {
    Live,
    Ended {
        at: i64,
        /// `revoked_by_owner`, `upstream_refused`, ...
        why: &'static str,
        /// AADSTS number, if the identity provider gave one.
        code: Option<u32>,
        /// One sentence: what happened and what to do next.
        reason: String,
        /// Who can mend it, where something was refused.
        fixer: Option<Fixer>,
        /// What can be done with one press, the first thing first.
        remedies: Vec<Remedy>,
    },
}

/// How many sessions were still to be ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct SessionsEnded {
    pub ended: usize,
}

/// Nothing more to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Done {}

/// Claims of the identity provider's tokens; the tokens themselves stay inside.
#[derive(Clone, Serialize, TS)]
pub struct SessionClaims {
    /// `iss` of the verified token.
    pub issuer: Option<String>,
    #[ts(type = "Claims")]
    pub id_claims: Map<String, Value>,
    #[ts(type = "Claims")]
    pub access_claims: Map<String, Value>,
    /// Of the newest token we made, all but its random number.
    #[ts(type = "Claims")]
    pub issued_claims: Map<String, Value>,
    /// When the provider's access token ends.
    pub access_expires_at: i64,
    /// `v1`, `v2`, `guest`, `mfa`, `group-overage`, `app-roles`
    pub badges: Vec<&'static str>,
    #[ts(as = "BTreeMap<String, Note>")]
    pub notes: Notes,
}

/// A registered client chose most of this itself: texts are cut to 200 characters, and of lists only the beginning is shown.
#[derive(Debug, Clone, Serialize, TS)]
pub struct ClientRow {
    pub id: String,
    pub kind: ClientKind,
    pub name: Option<String>,
    pub uri: Option<String>,
    /// The host that published the client's metadata document: the one name that is verified.
    pub verified_host: Option<String>,
    /// The first five.
    pub redirects: Vec<String>,
    /// How many there are.
    pub redirects_total: usize,
    /// `token_endpoint_auth_method`
    pub auth_method: &'static str,
    pub scopes: Vec<String>,
    /// `null` for a configured client, which has always been there.
    pub created_at: Option<i64>,
    /// When somebody last approved it.
    pub approved_at: Option<i64>,
    /// Turned away by the owner of this server.
    pub blocked: bool,
}

/// One step of one attempt.
#[derive(Clone, Serialize, TS)]
pub struct EventRow {
    /// Position in the log.
    pub seq: i64,
    pub at: i64,
    pub step: Step,
    /// What happened: `token_issued`, `upstream_refused`, ...
    pub event: &'static str,
    pub level: Level,
    /// One sentence; it may name a person.
    pub summary: String,
    /// What the operating system shows of it, where that is worth it; it names nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub notice: Option<Notice>,
    pub attempt: Option<String>,
    pub origin: Option<Origin>,
    pub client: Option<String>,
    pub client_name: Option<String>,
    pub grant: Option<String>,
    pub session: Option<String>,
    pub person: Option<PersonRow>,
    pub user_agent: Option<String>,
    /// What else this kind of event says.
    #[ts(type = "{ [name: string]: Json }")]
    pub details: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize, TS)]
pub struct PracticeState {
    pub faults: Vec<FaultRow>,
    pub people: Vec<ResidentRow>,
}

#[derive(Debug, Clone, Serialize, TS)]
pub struct FaultRow {
    pub fault: &'static str,
    pub on: bool,
    pub explanation: &'static str,
}

/// Somebody made up, so a name here is nobody's.
#[derive(Debug, Clone, Serialize, TS)]
pub struct ResidentRow {
    pub key: &'static str,
    pub name: &'static str,
    pub username: &'static str,
    pub tenant: &'static str,
    pub about: &'static str,
    pub disabled: bool,
}

// === from what is stored ===

impl From<Person> for PersonRow {
    fn from(person: Person) -> Self {
        let Person { id, name, username, guest, roles, .. } = person;
        Self { object: id.object, tenant: id.tenant, name, username, guest, roles }
    }
}

impl SessionRow {
    pub(super) fn of(session: Session, client: SessionClient, now: Timestamp, sign_in: SignInFrom) -> Self {
        Self {
            refresh: RefreshResult::of(&session, sign_in),
            state: SessionState::of(&session, now, sign_in),
            access_expires_at: session.refreshed_at.plus(authserver::ACCESS_TOKEN_LIFETIME).millis(),
            expires_at: session.expires_at().millis(),
            session: session.id.to_string(),
            attempt: session.attempt.to_string(),
            person: session.person.into(),
            client,
            scopes: texts(&session.scope),
            origin: session.site.origin,
            resource: session.resource,
            calls: session.calls,
            created_at: session.created_at.millis(),
            active_at: session.active_at.millis(),
            refreshed_at: session.refreshed_at.millis(),
        }
    }
}

impl SessionClient {
    /// `client` is what is kept of it now, `session` what it was called when it connected.
    pub(super) fn of(session: &Session, client: Option<&Client>) -> Self {
        Self {
            id: session.client.to_string(),
            name: session.client_name.as_deref().map(cut),
            kind: client.map(|client| client.kind),
            verified_host: client.and_then(Client::verified_host).as_deref().map(cut),
            uri: client.and_then(|client| client.uri.as_deref()).map(cut),
            blocked: client.is_some_and(Client::is_blocked),
        }
    }
}

impl RefreshResult {
    fn of(session: &Session, sign_in: SignInFrom) -> Option<Self> {
        let refreshed = (session.refreshed_at > session.created_at).then_some(session.refreshed_at);
        let at = session.trouble.as_ref().map(|trouble| trouble.at).or(refreshed)?;
        let well =
            Self { at: at.millis(), ok: true, detail: None, code: None, fixer: None, remedies: Vec::new() };
        let Some(RefreshTrouble { detail, refusal, .. }) = &session.trouble else { return Some(well) };
        let refusal = refusal.as_deref();
        Some(Self {
            ok: false,
            detail: Some(detail.clone()),
            code: refusal.and_then(|refusal| refusal.code),
            fixer: refusal.map(|refusal| refusal.fixer),
            remedies: refusal.map(|refusal| not_done(refusal.remedies.clone(), sign_in)).unwrap_or_default(),
            ..well
        })
    }
}

impl SessionState {
    /// A session nobody refreshed in time is over, whether or not the store has been tidied since.
    fn of(session: &Session, now: Timestamp, sign_in: SignInFrom) -> Self {
        match &session.state {
            model::session::SessionState::Ended { at, why } => Self::ended(*at, why, sign_in),
            model::session::SessionState::Live if now >= session.expires_at() => {
                Self::ended(session.expires_at(), &Ended::Expired, sign_in)
            }
            model::session::SessionState::Live => Self::Live,
        }
    }

    fn ended(at: Timestamp, ended: &Ended, sign_in: SignInFrom) -> Self {
        let why = match ended {
            Ended::RevokedByClient => "revoked_by_client",
            Ended::RevokedByOwner => "revoked_by_owner",
            Ended::RevokedByPerson => "revoked_by_person",
            Ended::SignedOutUpstream => "signed_out_upstream",
            Ended::CodeReplayed => "code_replayed",
            Ended::RefreshReused => "refresh_reused",
            Ended::UpstreamRefused { .. } => "upstream_refused",
            Ended::NotAllowed { .. } => "not_allowed",
            Ended::SignInNeeded { .. } => "sign_in_needed",
            Ended::Expired => "expired",
        };
        let refusal = ended.refusal();
        Self::Ended {
            at: at.millis(),
            why,
            code: refusal.and_then(|refusal| refusal.code),
            reason: ended.explain(),
            fixer: refusal.map(|refusal| refusal.fixer),
            remedies: refusal.map(|refusal| not_done(refusal.remedies.clone(), sign_in)).unwrap_or_default(),
        }
    }
}

impl From<&Client> for ClientRow {
    fn from(client: &Client) -> Self {
        let redirects = client.redirects.iter().take(MOST_REDIRECTS);
        Self {
            id: client.id.to_string(),
            kind: client.kind,
            name: client.name.as_deref().map(cut),
            uri: client.uri.as_deref().map(cut),
            verified_host: client.verified_host().as_deref().map(cut),
            redirects: redirects.map(|redirect| cut(&redirect.to_string())).collect(),
            redirects_total: client.redirects.len(),
            auth_method: client.auth.method(),
            scopes: client.scope.iter().take(MOST_SCOPES).map(|scope| cut(&scope.to_string())).collect(),
            created_at: (client.kind != ClientKind::Static).then(|| client.created_at.millis()),
            approved_at: client.approved_at.map(Timestamp::millis),
            blocked: client.is_blocked(),
        }
    }
}

impl From<AuthEvent> for EventRow {
    fn from(event: AuthEvent) -> Self {
        let (summary, notice) = (summary(&event), notice(&event));
        let AuthEvent { seq, at, about, kind } = event;
        let mut details = match serde_json::to_value(&kind) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        // The tag, which has a member of its own.
        details.remove("event");
        Self {
            seq,
            at: at.millis(),
            step: kind.step(),
            event: kind.name(),
            level: Level::of(&kind),
            summary,
            notice,
            attempt: about.attempt.map(|id| id.to_string()),
            origin: about.origin,
            client: about.client.map(|id| id.to_string()),
            client_name: about.client_name,
            grant: about.grant.map(|id| id.to_string()),
            session: about.session.map(|id| id.to_string()),
            person: about.person.map(PersonRow::from),
            user_agent: about.user_agent,
            details,
        }
    }
}

impl PracticeState {
    pub(super) fn of(practice: &Practice) -> Self {
        let on = practice.faults();
        let row = |fault: &Fault| FaultRow {
            fault: fault.name(),
            on: on.contains(fault),
            explanation: fault.explanation(),
        };
        Self {
            faults: Fault::ALL.iter().map(row).collect(),
            people: practice.people().into_iter().map(ResidentRow::from).collect(),
        }
    }
}

impl From<Resident> for ResidentRow {
    fn from(resident: Resident) -> Self {
        let Resident { key, name, username, tenant, about, disabled, .. } = resident;
        Self { key, name, username, tenant, about, disabled }
    }
}

/// Its first 200 characters.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

fn texts(scopes: &ScopeSet) -> Vec<String> {
    scopes.iter().map(ToString::to_string).collect()
}
