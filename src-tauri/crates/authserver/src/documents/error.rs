//! Why a client known by a document cannot be used now, told to a person.

use std::time::Duration;

use super::document::DocumentFault;
use super::fetch::FetchError;
use super::location::LocationError;

/// Every sentence is safe to show: it names neither the URL nor anything the document said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The client id is not the address of a document we would read.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// There is no document to be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// There is one, and it does not name a client that can be used here.
    #[error(transparent)]
    Fault(#[from] DocumentFault),
    /// We fetch as much as we let strangers make us fetch.
    #[error("too many client metadata documents are being looked up right now; try again in a minute")]
    Busy { retry_after: Duration },
}

impl DocumentError {
    /// Whether trying again may help: 503 or `temporarily_unavailable` rather than `invalid_client`.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Busy { .. } => true,
            Self::Fetch(error) => error.is_transient(),
            Self::Location(_) | Self::Fault(_) => false,
        }
    }

    /// How long to wait before trying again (`Retry-After`), for a transient one.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } => Some(retry_after),
            _ => self.is_transient().then_some(super::FAILURE_LIFETIME),
        }
    }

    /// Whether the publisher has said that the earlier document no longer counts.
    pub(super) const fn is_definite(self) -> bool {
        match self {
            Self::Fetch(error) => error.is_withdrawal(),
            Self::Fault(fault) => fault.is_definite(),
            Self::Location(_) | Self::Busy { .. } => false,
        }
    }
}
