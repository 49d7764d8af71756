//! The managed identity of an Azure server: its token, asked of the address that answers on such servers only.
//!
//! The token is not for our API but for the exchange: the app registration trusts the identity by a federated credential.

use ::http::{HeaderValue, StatusCode};
use model::Secret;
use model::ports::Clock;
use model::time::Timestamp;
use model::upstream::UpstreamError;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use std::time::Duration;

use crate::http::{http_client_for, send, unavailable};
use crate::refusal::Refusals;

/// Azure Instance Metadata Service, link-local and plain http by design.
const AZURE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// What Entra wants as audience of a token that is exchanged.
const EXCHANGE: &str = "api://AzureADTokenExchange";

/// A token is replaced so long before it ends.
const EARLY: Duration = Duration::from_mins(5);

pub(crate) struct ManagedIdentity {
    address: Url,
    /// One asks, the others wait for what it brings.
    held: Mutex<Option<(Secret, Timestamp)>>,
}

/// Numbers come as text.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: String,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
}

impl ManagedIdentity {
    pub(crate) fn of_azure() -> Self {
        Self::at(AZURE.parse().expect("the address is a URL"))
    }

    pub(crate) fn at(address: Url) -> Self {
        Self { address, held: Mutex::new(None) }
    }

    /// The token at hand while it is good for a while, or a new one; the old one as long as it counts if there is no new one.
    pub(crate) async fn token(
        &self,
        client_id: Option<&str>,
        clock: &dyn Clock,
        refusals: Refusals<'_>,
    ) -> Result<Secret, UpstreamError> {
        let mut held = self.held.lock().await;
        let now = clock.now();
        let good_for = |span: Duration| {
            held.as_ref().filter(|(_, until)| now.plus(span) < *until).map(|(token, _)| token.clone())
        };
        if let Some(token) = good_for(EARLY) {
            return Ok(token);
        }
        match self.ask(client_id, now, refusals).await {
            Ok(fresh) => Ok(held.insert(fresh).0.clone()),
            Err(error) => good_for(Duration::ZERO).ok_or(error),
        }
    }

    async fn ask(
        &self,
        client_id: Option<&str>,
        now: Timestamp,
        refusals: Refusals<'_>,
    ) -> Result<(Secret, Timestamp), UpstreamError> {
        let mut url = self.address.clone();
        url.query_pairs_mut()
            .append_pair("api-version", "2018-02-01")
            .append_pair("resource", EXCHANGE)
            .extend_pairs(client_id.map(|id| ("client_id", id)));
        let http = http_client_for(&url).map_err(|error| unavailable(error.to_string()))?;
        let mut request = reqwest::Request::new(reqwest::Method::GET, url);
        request.headers_mut().insert("Metadata", HeaderValue::from_static("true"));
        let answer = send(&http, request).await?;
        match answer.status {
            StatusCode::OK => {}
            // It says so while it is being updated.
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return Err(unavailable("the managed identity endpoint of this server is being updated"));
            }
            _ => return Err(none_here(&answer.body, refusals)),
        }
        let nonsense =
            || unavailable("the managed identity endpoint answered with something that is no token");
        let Answer { access_token, expires_in } =
            serde_json::from_slice(&answer.body).map_err(|_| nonsense())?;
        let lifetime = expires_in.parse().map(Duration::from_secs).map_err(|_| nonsense())?;
        Ok((Secret::from(access_token), now.plus(lifetime)))
    }
}

fn none_here(body: &[u8], refusals: Refusals<'_>) -> UpstreamError {
    let error = serde_json::from_slice::<Refused>(body).map(|refused| refused.error).unwrap_or_default();
    let error: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
    refusals.of_settings(
        format!("This server has no such managed identity (it answers `{error}`)."),
        "Assign the identity to the server under Azure portal > the server > Identity; a user-assigned one is named by its \
         client ID in the settings.",
    )
}
