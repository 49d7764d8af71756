//! Fetching one document from an address a stranger chose, without becoming the stranger's tool (SSRF).
//!
//! It follows no redirect, uses no proxy, keeps no cookie and no connection, and does not look into the document.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{ACCEPT, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use reqwest::{Client, Response, redirect};
use url::Url;

use super::freshness::{Freshness, Validators};
use super::location::{self, LocationError};
use super::resolve::{Guarded, ResolveError, Resolver};

/// Where documents come from. [`SafeFetch`] in the product.
#[async_trait]
pub trait DocumentFetch: Send + Sync + 'static {
    /// The address a client id names, if it names a document that can come from here.
    ///
    /// # Errors
    /// The rule that the client id breaks.
    fn locate(&self, client_id: &str) -> Result<Url, LocationError> {
        location::parse(client_id, false)
    }

    /// Fetches the document, or learns that it is still the one described by `known`.
    ///
    /// # Errors
    /// Anything but a whole JSON answer within the limits.
    async fn fetch(&self, url: &Url, known: Option<&Validators>) -> Result<Fetched, FetchError>;
}

/// A good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    Document {
        body: Vec<u8>,
        validators: Validators,
        freshness: Freshness,
    },
    /// 304: the copy we have is still right.
    Unchanged {
        validators: Validators,
        freshness: Freshness,
    },
}

/// Why there is no document. Shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error(
        "the host of the client metadata document was not found; check the client id, or try again in a minute"
    )]
    NotFound,
    #[error(
        "the host of the client metadata document leads into a private network; publish it on the internet"
    )]
    NotPublic,
    #[error("the host of the client metadata document did not answer in time; try again in a minute")]
    TimedOut,
    #[error("the host of the client metadata document could not be reached; try again in a minute")]
    Unreachable,
    #[error(
        "the client metadata document is redirected, which is not followed; use the final address as client id"
    )]
    Redirected,
    #[error("the host answered {0} instead of the client metadata document; ask the publisher of the client")]
    Status(u16),
    #[error("the client metadata document is not served as JSON; its content type must be application/json")]
    ContentType,
    #[error(
        "the client metadata document is larger than 32 KB; ask the publisher of the client to shorten it"
    )]
    TooLarge,
}

/// Fetches over https from the public internet, with everything a stranger could stretch cut short.
#[derive(Debug, Clone)]
pub struct SafeFetch {
    client: Client,
    allow_loopback: bool,
    timeout: Duration,
}

// === impl FetchError ===

impl FetchError {
    /// Whether the same fetch may work a minute later with nobody changing anything.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::NotFound | Self::TimedOut | Self::Unreachable => true,
            Self::Status(status) => matches!(status, 408 | 425 | 429 | 500..),
            Self::Location(_) | Self::NotPublic | Self::Redirected | Self::ContentType | Self::TooLarge => {
                false
            }
        }
    }

    /// The publisher took the document away (RFC 9110 sections 15.5.5 and 15.5.11): an earlier copy no longer counts.
    pub const fn is_withdrawal(self) -> bool {
        matches!(self, Self::Status(404 | 410))
    }
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(here) = cause {
            match here.downcast_ref() {
                Some(ResolveError::NotFound) => return Self::NotFound,
                Some(ResolveError::NotPublic) => return Self::NotPublic,
                None => cause = here.source(),
            }
        }
        Self::Unreachable
    }
}

// === impl SafeFetch ===

impl SafeFetch {
    /// Largest document or key set. Those of real clients have a few KB, more where keys carry their certificates.
    pub const MAX_BYTES: usize = 32 * 1024;
    /// From the name lookup to the last byte.
    pub const TIMEOUT: Duration = Duration::from_secs(5);

    /// `allow_loopback` also takes documents from this computer, by http and at any port: for tests.
    ///
    /// # Errors
    /// TLS could not be set up, for example without any trusted root certificate.
    pub fn new(allow_loopback: bool, resolver: Arc<dyn Resolver>) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .dns_resolver(Arc::new(Guarded { resolver, allow_loopback }))
            .redirect(redirect::Policy::none())
            // A proxy would look the name up itself, past the guard.
            .no_proxy()
            .https_only(!allow_loopback)
            .referer(false)
            // A connection kept alive would outlive the judgement on its address.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("just-mcp-oauth-proxy/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, allow_loopback, timeout: Self::TIMEOUT })
    }

    /// With another limit than [`Self::TIMEOUT`].
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn get(&self, url: &Url, known: Option<&Validators>) -> Result<Fetched, FetchError> {
        let mut request = self.client.get(url.clone()).header(ACCEPT, "application/json");
        let known = known.filter(|validators| !validators.is_empty());
        if let Some(etag) = known.and_then(|validators| validators.etag.as_deref()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(date) = known.and_then(|validators| validators.last_modified.as_deref()) {
            request = request.header(IF_MODIFIED_SINCE, date);
        }
        let response = request.send().await?;
        let (validators, freshness) = (Validators::of(response.headers()), Freshness::of(response.headers()));
        match response.status() {
            StatusCode::OK if !is_json(response.headers()) => Err(FetchError::ContentType),
            StatusCode::OK => Ok(Fetched::Document { body: bounded(response).await?, validators, freshness }),
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(Fetched::Unchanged { validators, freshness }),
            status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                Err(FetchError::Redirected)
            }
            status => Err(FetchError::Status(status.as_u16())),
        }
    }
}

#[async_trait]
impl DocumentFetch for SafeFetch {
    fn locate(&self, client_id: &str) -> Result<Url, LocationError> {
        location::parse(client_id, self.allow_loopback)
    }

    async fn fetch(&self, url: &Url, known: Option<&Validators>) -> Result<Fetched, FetchError> {
        // Judged here again: whoever calls must not be able to skip it.
        let url = self.locate(url.as_str())?;
        tokio::time::timeout(self.timeout, self.get(&url, known)).await.unwrap_or(Err(FetchError::TimedOut))
    }
}

/// `application/json`, or a type built on it such as `application/oauth-client+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The body, given up at the first byte too many: a length that is announced is believed only when it is too large.
async fn bounded(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let too_large = |length: usize| length > SafeFetch::MAX_BYTES;
    if response.content_length().is_some_and(|length| usize::try_from(length).map_or(true, too_large)) {
        return Err(FetchError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if too_large(body.len() + chunk.len()) {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
