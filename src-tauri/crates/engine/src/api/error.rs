//! Why a command was not carried out, in the one shape every view gets: code, message, hint.

use model::ports::StoreError;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::COMMANDS;

/// Why a command was not carried out. Serialises as `{code, message, hint}`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    #[error("there is no such command")]
    UnknownCommand,
    /// The payload; the text names the field.
    #[error("the request does not read: {0}")]
    BadRequest(String),
    #[error("{what}")]
    NotFound { what: &'static str, hint: &'static str },
    /// The engine is stopped or did not start.
    #[error("the server is not running")]
    NotRunning,
    /// A file or the master key stood in the way of saving.
    #[error("{message}")]
    NotSaved { message: String, hint: String },
    /// Something a person has to allow or mend first.
    #[error("{message}")]
    Refused { code: ErrorCode, message: String, hint: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a program branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    UnknownCommand,
    BadRequest,
    NotFound,
    NotRunning,
    NotSaved,
    /// A tunnel cannot be opened as things are.
    NotOpened,
    /// The app registration cannot be looked at as things are.
    NotChecked,
    /// No app registration can be made as things are.
    NotCreated,
    /// People would sign in at the practice tenant; say that this is meant.
    PracticeInPublic,
    StoreUnavailable,
}

// === impl ApiError ===

impl ApiError {
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownCommand => ErrorCode::UnknownCommand,
            Self::BadRequest(_) => ErrorCode::BadRequest,
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::NotRunning => ErrorCode::NotRunning,
            Self::NotSaved { .. } => ErrorCode::NotSaved,
            Self::Refused { code, .. } => *code,
            Self::Store(_) => ErrorCode::StoreUnavailable,
        }
    }

    /// The next step.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownCommand => {
                let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
                format!("the commands are {}", names.join(", "))
            }
            Self::BadRequest(_) => "correct that field and send the command again".to_owned(),
            Self::NotFound { hint, .. } => (*hint).to_owned(),
            Self::NotSaved { hint, .. } | Self::Refused { hint, .. } => hint.clone(),
            Self::NotRunning => "Home says why; mend that, then restart the server".to_owned(),
            Self::Store(StoreError::Unavailable(_)) => {
                "try again in a moment; if it stays, look at the server's log".to_owned()
            }
            Self::Store(StoreError::Corrupt { .. }) => {
                "the database was changed by hand or written by a newer version; run that version, or restore a backup"
                    .to_owned()
            }
        }
    }
}

impl Serialize for ApiError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("ApiError", 3)?;
        out.serialize_field("code", &self.code())?;
        out.serialize_field("message", &self.to_string())?;
        out.serialize_field("hint", &self.hint())?;
        out.end()
    }
}
