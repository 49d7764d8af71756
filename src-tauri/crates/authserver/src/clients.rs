//! Who a `client_id` names: a configured client, a registered one, or the publisher of a metadata document.

use model::client::{Client, ClientAuth, ClientKind};
use model::ids::ClientId;
use model::keys::Place;
use model::ports::StoreError;
use model::redirect::{RedirectRule, RedirectUri};
use model::scope::ScopeSet;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::documents::{DocumentError, Standing};
use crate::flow::Shared;

/// Why a client is not known, or not to be known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnknownClient {
    #[error("the owner of this server has blocked this client")]
    Blocked,
    #[error("the owner of this server does not take clients from {0}")]
    Host(String),
    #[error("no client is registered under this client_id")]
    NotRegistered,
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A registration as a self-contained `client_id` carries it. Short names: it goes through the address line.
#[derive(Serialize, Deserialize)]
struct Carried {
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(rename = "r")]
    redirects: Vec<RedirectRule>,
    #[serde(rename = "a")]
    auth: ClientAuth,
    #[serde(rename = "s")]
    scope: ScopeSet,
    #[serde(rename = "c")]
    created_at: Timestamp,
}

/// Where the registration in a self-contained `client_id` is sealed: in the id itself, so no row can be named.
const IN_ID: Place<'static> = Place { table: "clients", row: "", column: "id" };

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
            return self.registered_client(id, stored).ok_or(UnknownClient::NotRegistered);
        }
        self.admit_publisher(id)?;
        let (approved_at, blocked_at) =
            stored.map_or((None, None), |client| (client.approved_at, client.blocked_at));
        let standing = if approved_at.is_some() { Standing::Approved } else { Standing::Unproven };
        let published = self.documents.client(id, standing, self.now()).await?;
        Ok(Client { approved_at, blocked_at, ..published })
    }

    /// A row that only notes a decision has nowhere to send people; what such an id carries says where.
    fn registered_client(&self, id: &ClientId, stored: Option<Client>) -> Option<Client> {
        if stored.as_ref().is_some_and(|client| !client.redirects.is_empty()) {
            return stored;
        }
        let carried = self.carried(id);
        let approved_at = stored.as_ref().and_then(|client| client.approved_at);
        carried.map(|client| Client { approved_at, ..client }).or(stored)
    }

    /// A `client_id` for `client` that is good without the database, if it is not too long for that.
    pub(crate) fn self_contained_id(&self, client: &Client) -> Option<ClientId> {
        let carried = Carried {
            name: client.name.clone(),
            redirects: client.redirects.clone(),
            auth: client.auth.clone(),
            scope: client.scope.clone(),
            created_at: client.created_at,
        };
        let plain = serde_json::to_vec(&carried).expect("strings and lists of them serialise");
        ClientId::carrying(&self.seal(IN_ID, &plain))
    }

    /// Nobody but this installation could have made the id, so what it says is what was once registered here.
    fn carried(&self, id: &ClientId) -> Option<Client> {
        let plain = self.open(IN_ID, &id.carried()?).ok()?;
        let Carried { name, redirects, auth, scope, created_at } = serde_json::from_slice(&plain).ok()?;
        Some(Client {
            id: id.clone(),
            kind: ClientKind::Dynamic,
            name,
            uri: None,
            logo_uri: None,
            redirects,
            auth,
            scope,
            created_at,
            approved_at: None,
            attempt: None,
            blocked_at: None,
        })
    }

    /// Whether the host that publishes the document is one the owner takes clients from.
    pub(crate) fn admit_publisher(&self, id: &ClientId) -> Result<(), UnknownClient> {
        let url = url::Url::parse(id.as_str()).ok();
        let host = url.as_ref().and_then(url::Url::host_str).unwrap_or_default();
        if self.policy.client_rules.hosts.admit(host) {
            Ok(())
        } else {
            Err(UnknownClient::Host(host.to_owned()))
        }
    }

    /// The host the client would be answered at, if the owner does not want that. A publisher vouches for where its
    /// client is answered, so of such a client only blocked hosts count; addresses on this computer always do.
    pub(crate) fn refused_destination<'a>(&self, client: &Client, to: &'a RedirectUri) -> Option<&'a str> {
        let host = to.url().host_str().filter(|_| to.url().scheme() == "https")?;
        let rules = &self.policy.client_rules.hosts;
        let fine = match client.kind {
            ClientKind::Static => true,
            ClientKind::Document => !rules.block(host),
            ClientKind::Dynamic => rules.admit(host),
        };
        (!fine).then_some(host)
    }

    /// Notes that somebody signed in for the client. Of one known by its document there is a row from then on, so that
    /// strangers who make up ids cannot take the budget of looking it up; of one whose id carries its registration,
    /// there is one again.
    pub(crate) async fn note_approval(&self, id: &ClientId, now: Timestamp) -> Result<(), StoreError> {
        match self.client(id).await {
            Ok(client) if client.kind == ClientKind::Document || id.carried().is_some() => {
                self.store.put_client(&Client { approved_at: Some(now), ..client }).await
            }
            _ => self.store.approve_client(id, now).await,
        }
    }
}
