//! Sessions of a public address that is not in force: a new host is a new issuer and resource, so they wait for theirs to
//! come back, and their clients connect anew at another.

use model::origin::Origin;
use model::session::Session;
use serde::Serialize;
use ts_rs::TS;

use super::answers::cut;
use super::{ApiError, ApiParts};

#[derive(Clone, Serialize, TS)]
pub struct TiedSession {
    pub session: String,
    /// The public address it was issued at.
    pub address: String,
    /// What the client calls itself; proves nothing.
    pub client: Option<String>,
    /// Name or user name of the person.
    pub person: Option<String>,
}

impl ApiParts {
    /// Without those whose client has connected as the same person at the address in force.
    pub(super) async fn tied(&self) -> Result<Vec<TiedSession>, ApiError> {
        let now = self.flow.now();
        let sessions = self.store.list_sessions().await?.into_iter();
        let live = sessions.filter(|session| {
            session.site.origin == Origin::Public && session.is_live() && now < session.expires_at()
        });
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            live.partition(|session| self.public.as_ref() == Some(&session.site));
        let tied = elsewhere.into_iter().filter(|session| !here.iter().any(|new| is_again(new, session)));
        Ok(tied.map(TiedSession::from).collect())
    }
}

/// Clients often register anew at another address; what they call themselves stays.
fn is_again(new: &Session, old: &Session) -> bool {
    let same_client =
        new.client == old.client || new.client_name.is_some() && new.client_name == old.client_name;
    same_client && new.person.id == old.person.id
}

impl From<Session> for TiedSession {
    fn from(session: Session) -> Self {
        Self {
            session: session.id.to_string(),
            address: session.site.base.to_string(),
            client: session.client_name.as_deref().map(cut),
            person: session.person.name.or(session.person.username),
        }
    }
}
