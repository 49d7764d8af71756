//! Who a `client_id` names: a configured client, a registered one, or the publisher of a metadata document.

use model::client::Client;
use model::ids::ClientId;
use model::ports::StoreError;

use crate::documents::DocumentError;
use crate::flow::Shared;

/// Why a client is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnknownClient {
    #[error("no client is registered under this client_id")]
    NotRegistered,
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Shared {
    pub(crate) async fn client(&self, id: &ClientId) -> Result<Client, UnknownClient> {
        if let Some(configured) = self.policy.static_clients.iter().find(|client| client.id == *id) {
            return Ok(configured.clone());
        }
        if id.is_url() || self.documents.names_document(id) {
            return Ok(self.documents.client(id, self.now()).await?);
        }
        self.store.lookup_client(id).await?.ok_or(UnknownClient::NotRegistered)
    }
}
