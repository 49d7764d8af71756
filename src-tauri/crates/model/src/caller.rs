//! Who is calling a tool: what the bearer check leaves in the request for the MCP endpoint.

use std::sync::Arc;

use crate::ids::{AttemptId, ClientId, SessionId};
use crate::origin::Site;
use crate::person::Person;
use crate::scope::ScopeSet;
use crate::time::Timestamp;

/// A verified access token of ours, resolved to its session. Travels as a request extension.
#[derive(Debug, Clone)]
pub struct Caller(pub Arc<CallerFacts>);

#[derive(Debug)]
pub struct CallerFacts {
    pub session: SessionId,
    pub attempt: AttemptId,
    pub client: ClientId,
    pub client_name: Option<String>,
    pub person: Person,
    pub scope: ScopeSet,
    /// Issuer of the identity provider's tokens for this person.
    pub upstream_issuer: Option<String>,
    /// When the access token ends.
    pub expires_at: Timestamp,
    pub site: Site,
}

impl std::ops::Deref for Caller {
    type Target = CallerFacts;

    fn deref(&self) -> &CallerFacts {
        &self.0
    }
}

/// A client that a request was found to come from. Travels as an extension of the answer, for whoever tells the owner of this
/// server what came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    pub client: ClientId,
    pub name: Option<String>,
    /// Somebody signed in for it before, or it is configured.
    pub approved: bool,
    /// It showed an access token of ours. Otherwise it is what the request says, which anybody can.
    pub by_token: bool,
}

/// Extension of the answer to a page that may not call.
#[derive(Debug, Clone, Copy)]
pub struct ForeignPage;
