//! Between values and rows: JSON in and out, and what a failure of SQLite means to the caller.
//!
//! Errors name the row and the place in it, never what is written there: rows hold people's names.

use model::ports::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) type Outcome<T> = Result<T, Failure>;

/// A [`StoreError`] in the making, so that `?` works on what sqlx returns.
#[derive(Debug)]
pub(super) struct Failure(StoreError);

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`: trying again will not help.
const NOT_READABLE: [&str; 2] = ["11", "26"];

pub(super) fn write(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the stored types have only string keys and serialise")
}

pub(super) fn read<T: DeserializeOwned>(what: &'static str, id: &str, data: &str) -> Outcome<T> {
    serde_json::from_str(data).map_err(|error| {
        // Not the error's own text, which quotes the value.
        let detail = format!("`{id}`, {:?} error at column {}", error.classify(), error.column());
        Failure(StoreError::Corrupt { what, detail })
    })
}

/// For lists: leaves out a row that does not read back, and says so. One row from a newer version must not hide
/// all the others.
pub(super) fn read_or_skip<T: DeserializeOwned>(what: &'static str, id: &str, data: &str) -> Option<T> {
    match read(what, id, data) {
        Ok(value) => Some(value),
        Err(Failure(error)) => {
            tracing::warn!(%error, "left a row out of a list");
            None
        }
    }
}

/// `SQLITE_BUSY`
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "5")
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let unreadable = match &error {
            sqlx::Error::Database(said) => {
                said.code().is_some_and(|code| NOT_READABLE.contains(&code.as_ref()))
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
            _ => false,
        };
        Self(if unreadable {
            StoreError::Corrupt { what: "database", detail: error.to_string() }
        } else {
            StoreError::Unavailable(error.to_string())
        })
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}
