//! What commands take. A field nobody knows is refused rather than ignored: it is a typing mistake.

use std::collections::BTreeMap;

use model::Secret;
use serde::Deserialize;

/// Nothing to say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRef {
    /// As `list_sessions` has it.
    pub session: String,
}

/// Which clients to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientsQuery {
    /// At most so many: 100 if not given, never more than 500.
    #[serde(default)]
    pub limit: Option<usize>,
    /// Leaves out those that registered and that nobody ever approved.
    #[serde(default)]
    pub approved_only: bool,
}

/// Which part of the auth log to read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    #[serde(default)]
    pub attempt: Option<String>,
    #[serde(default)]
    pub session: Option<String>,
    /// Only rows with a smaller `seq`.
    #[serde(default)]
    pub before: Option<i64>,
    /// At most so many: 100 if not given, never more than 1000.
    #[serde(default)]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSwitch {
    /// As `practice` has it, for example `expired-secret`.
    pub fault: String,
    pub on: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonSwitch {
    /// The `key` that `practice` has, for example `ada`.
    pub person: String,
    pub disabled: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseSwitch {
    pub paused: bool,
}

/// Settings as typed. An empty text means the default again.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    /// By key; a secret may be among them.
    pub changes: BTreeMap<String, Secret>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvText {
    /// The text of a `.env` file, secrets and all.
    pub text: Secret,
}
