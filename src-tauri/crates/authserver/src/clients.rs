//! Who a `client_id` names: a configured client, a registered one, or the publisher of a metadata document.

use model::client::{Client, ClientKind};
use model::ids::ClientId;
use model::ports::StoreError;
use model::time::Timestamp;

use crate::documents::{DocumentError, Standing};
use crate::flow::Shared;

/// Why a client is not known, or not to be known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnknownClient {
    #[error("the owner of this server has blocked this client")]
    Blocked,
    #[error("no client is registered under this client_id")]
    NotRegistered,
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Shared {
    /// What the client is comes from the settings, its document or its registration; what people decided about it, from
    /// the store.
    pub(crate) async fn client(&self, id: &ClientId) -> Result<Client, UnknownClient> {
        if let Some(configured) = self.policy.static_clients.iter().find(|client| client.id == *id) {
            return Ok(configured.clone());
        }
        let stored = self.store.lookup_client(id).await?;
        if stored.as_ref().is_some_and(Client::is_blocked) {
            return Err(UnknownClient::Blocked);
        }
        if !id.is_url() && !self.documents.names_document(id) {
            return stored.ok_or(UnknownClient::NotRegistered);
        }
        let (approved_at, blocked_at) =
            stored.map_or((None, None), |client| (client.approved_at, client.blocked_at));
        let standing = if approved_at.is_some() { Standing::Approved } else { Standing::Unproven };
        let published = self.documents.client(id, standing, self.now()).await?;
        Ok(Client { approved_at, blocked_at, ..published })
    }

    /// Notes that somebody signed in for the client. Of one known by its document there is a row from then on, so that
    /// strangers who make up ids cannot take the budget of looking it up.
    pub(crate) async fn note_approval(&self, id: &ClientId, now: Timestamp) -> Result<(), StoreError> {
        match self.client(id).await {
            Ok(client) if client.kind == ClientKind::Document => {
                self.store.put_client(&Client { approved_at: Some(now), ..client }).await
            }
            _ => self.store.approve_client(id, now).await,
        }
    }
}
