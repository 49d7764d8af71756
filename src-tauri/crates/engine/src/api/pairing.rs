//! New clients that wait for the code of this server: who they are, and the code for its owner to read.

use authserver::Waiting;
use model::ExposeSecret as _;
use model::client::Client;
use model::ids::GrantId;
use serde::Serialize;
use ts_rs::TS;

use super::answers::cut;
use super::requests::{Empty, PairingRef};
use super::{Api, ApiError, Done};

const NO_LONGER: ApiError = ApiError::NotFound {
    what: "no client waits there for its code any more",
    hint: "nothing to do: it got in, was refused, or gave up; Sessions has those that got in",
};

/// A client that nobody used before waits for its code. Without `Debug`, so that the code cannot slip into a log.
#[derive(Clone, Serialize, TS)]
pub struct PairingRow {
    /// The sign-in that waits; for `refuse_pairing`.
    pub grant: String,
    pub client: String,
    /// Chosen by the client; proves nothing.
    pub client_name: Option<String>,
    /// The host that published the client's metadata document: the one name that is verified.
    pub verified_host: Option<String>,
    /// Where the person will be sent back to.
    pub destination: String,
    /// Six digits, to be typed into the page that asks for them.
    pub code: String,
    /// When it is no longer good.
    pub expires_at: i64,
}

impl Api {
    pub(super) async fn pairings(&self, _: Empty) -> Result<Vec<PairingRow>, ApiError> {
        self.pairings_now().await
    }

    /// Nothing while the server does not run: then nobody is asked.
    pub(crate) async fn pairings_now(&self) -> Result<Vec<PairingRow>, ApiError> {
        let Some(live) = self.0.live() else { return Ok(Vec::new()) };
        Ok(live.flow.pairings().await?.into_iter().map(PairingRow::from).collect())
    }

    pub(super) async fn refuse_pairing(&self, PairingRef { grant }: PairingRef) -> Result<Done, ApiError> {
        let live = self.live()?;
        let waits = match GrantId::parse(&grant) {
            Some(id) => live.flow.refuse_pairing(&id).await?,
            None => false,
        };
        if waits { Ok(Done {}) } else { Err(NO_LONGER) }
    }
}

impl From<Waiting> for PairingRow {
    fn from(waiting: Waiting) -> Self {
        let Waiting { grant, client, code, until } = waiting;
        Self {
            grant: grant.id.to_string(),
            client: grant.client.to_string(),
            client_name: client.as_ref().and_then(|client| client.name.as_deref()).map(cut),
            verified_host: client.as_ref().and_then(Client::verified_host).as_deref().map(cut),
            destination: cut(&grant.redirect_uri.destination()),
            code: code.expose_secret().to_owned(),
            expires_at: until.millis(),
        }
    }
}
