//! What commands take. A field nobody knows is refused rather than ignored: it is a typing mistake.

use std::collections::BTreeMap;

use model::Secret;
use serde::Deserialize;
use ts_rs::TS;

/// Nothing to say.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SessionRef {
    /// As `list_sessions` has it.
    pub session: String,
}

/// What to look at.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct CheckWish {
    /// Adds what the last test sign-in showed. If that was made with changes, it is they that are looked at.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub signed_in: bool,
    /// Settings as typed and not saved, over those that are.
    #[serde(default)]
    #[ts(optional, type = "{ [key: string]: string }")]
    pub changes: BTreeMap<String, Secret>,
}

/// What a test sign-in is made with.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct TestWish {
    /// Settings as typed and not saved, over those that are. Without any, the sign-in is like everybody's.
    #[serde(default)]
    #[ts(optional, type = "{ [key: string]: string }")]
    pub changes: BTreeMap<String, Secret>,
}

/// Which clients to list.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ClientsQuery {
    /// At most so many: 100 if not given, never more than 500.
    #[serde(default)]
    #[ts(optional)]
    pub limit: Option<usize>,
    /// Leaves out those that registered and that nobody ever approved.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub approved_only: bool,
}

/// Which part of the auth log to read.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    #[serde(default)]
    #[ts(optional)]
    pub attempt: Option<String>,
    #[serde(default)]
    #[ts(optional)]
    pub session: Option<String>,
    /// Only rows with a smaller `seq`.
    #[serde(default)]
    #[ts(optional)]
    pub before: Option<i64>,
    /// At most so many: 100 if not given, never more than 1000.
    #[serde(default)]
    #[ts(optional)]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct FaultSwitch {
    /// As `practice` has it, for example `expired-secret`.
    pub fault: String,
    pub on: bool,
}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PersonSwitch {
    /// The `key` that `practice` has, for example `ada`.
    pub person: String,
    pub disabled: bool,
}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PauseSwitch {
    pub paused: bool,
}

/// Settings as typed. An empty text means the default again.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    /// By key; a secret may be among them.
    #[ts(type = "{ [key: string]: string }")]
    pub changes: BTreeMap<String, Secret>,
}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct EnvText {
    /// The text of a `.env` file, secrets and all, or the exported manifest of an app registration.
    #[ts(type = "string")]
    pub text: Secret,
}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SessionRefs {
    /// As `list_sessions` has them.
    pub sessions: Vec<String>,
}

/// Which attempts to read: the named ones, or those whose last event is newest.
#[derive(Debug, Clone, Default, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AttemptsQuery {
    /// At most 200.
    #[serde(default)]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub ids: Vec<String>,
    /// Only attempts with a smaller `last_seq`.
    #[serde(default)]
    #[ts(optional)]
    pub before: Option<i64>,
    /// At most so many: 50 if not given, never more than 200.
    #[serde(default)]
    #[ts(optional)]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct BlockSwitch {
    /// As `list_clients` has it.
    pub client: String,
    pub blocked: bool,
}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PairingRef {
    /// As `pairings` has it.
    pub grant: String,
}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct TokenText {
    /// A token of this server or of the identity provider. It is neither stored nor logged.
    #[ts(type = "string")]
    pub token: Secret,
}

/// What to forget for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Forgotten {
    /// The auth log.
    Events,
    /// Sessions; their clients must sign in again.
    Sessions,
    /// Registered clients, with their blocks and approvals.
    Clients,
    Everything,
}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ForgetWhat {
    pub what: Forgotten,
}

/// The key that a person compared.
#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct ShownKey {
    /// As it was shown, `SHA256:…`.
    pub fingerprint: String,
}

#[derive(Debug, Clone, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct TunnelSwitch {
    pub on: bool,
    /// Whether the person knows that on the practice tenant anybody who finds the address could sign in.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub practice_is_fine: bool,
}
