//! Client authentication at `/token` and `/revoke` (RFC 6749 sections 2.3 and 3.2.1).

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::client::Client;
use model::ids::ClientId;
use model::ports::StoreError;

use crate::clients::UnknownClient;
use crate::flow::Shared;
use crate::params::Params;

/// Why a client is not who it says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientAuthError {
    #[error("no client_id was sent")]
    Missing,
    #[error("no client is registered under this client_id; register again")]
    Unknown,
    #[error("the owner of this server has blocked this client")]
    Blocked,
    #[error("the client secret is wrong or missing")]
    WrongSecret,
    #[error("the Authorization header is not well-formed Basic authentication")]
    Malformed,
    #[error("the client_id in the Authorization header is not the one in the body")]
    Contradiction,
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Presented {
    id: String,
    secret: Option<String>,
}

impl Shared {
    /// The client that sent this request, proven as it registered.
    ///
    /// A client known by its metadata document is public, so its `client_id` alone is compared with what the code or
    /// token was issued to, and the document need not be reachable here. Whether it is blocked stands in the store.
    pub(crate) async fn authenticate(
        &self,
        headers: &HeaderMap,
        params: &Params,
    ) -> Result<ClientId, ClientAuthError> {
        let Presented { id, secret } = presented(headers, params)?;
        let id = ClientId::parse(&id).ok_or(ClientAuthError::Unknown)?;
        let configured = self.policy.static_clients.iter().any(|client| client.id == id);
        if self.documents.names_document(&id) && !configured {
            let stored = self.store.lookup_client(&id).await?;
            let blocked = stored.as_ref().is_some_and(Client::is_blocked);
            return if blocked { Err(ClientAuthError::Blocked) } else { Ok(id) };
        }
        let client = self.client(&id).await.map_err(|unknown| match unknown {
            UnknownClient::Store(error) => ClientAuthError::Store(error),
            UnknownClient::Blocked => ClientAuthError::Blocked,
            UnknownClient::NotRegistered | UnknownClient::Document(_) => ClientAuthError::Unknown,
        })?;
        match (client.auth.secret_hash(), secret) {
            (None, _) => Ok(id),
            (Some(hash), Some(secret)) if hash.matches(&secret) => Ok(id),
            (Some(_), _) => Err(ClientAuthError::WrongSecret),
        }
    }
}

/// Whether the client used HTTP Basic, so that a refusal names that scheme (RFC 6749 section 5.2).
pub(crate) fn used_basic(headers: &HeaderMap) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic ")))
}

fn presented(headers: &HeaderMap, params: &Params) -> Result<Presented, ClientAuthError> {
    let body_id = params.get("client_id").map(str::to_owned);
    if !used_basic(headers) {
        let id = body_id.ok_or(ClientAuthError::Missing)?;
        return Ok(Presented { id, secret: params.get("client_secret").map(str::to_owned) });
    }
    let basic = basic(headers).ok_or(ClientAuthError::Malformed)?;
    if body_id.is_some_and(|id| id != basic.id) {
        return Err(ClientAuthError::Contradiction);
    }
    Ok(basic)
}

/// Both halves are form-encoded inside the Base64 (RFC 6749 section 2.3.1), which matters for ids that are URLs.
fn basic(headers: &HeaderMap) -> Option<Presented> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let text = String::from_utf8(STANDARD.decode(value.get(6..)?.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let (id, secret) = (form_decode(id)?, form_decode(secret)?);
    Some(Presented { id, secret: (!secret.is_empty()).then_some(secret) })
}

fn form_decode(text: &str) -> Option<String> {
    let encoded = format!("v={}", text.replace('&', "%26"));
    form_urlencoded::parse(encoded.as_bytes()).next().map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_basic(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(text)).parse().unwrap());
        headers
    }

    #[test]
    fn both_halves_of_basic_are_form_decoded() {
        let headers = with_basic("https%3A%2F%2Fa.example%2Fid:se%2Bcret+x");
        let presented = presented(&headers, &Params::default()).unwrap();
        assert_eq!(presented.id, "https://a.example/id");
        assert_eq!(presented.secret.as_deref(), Some("se+cret x"));
    }

    #[test]
    fn an_empty_password_is_no_secret_and_two_different_ids_contradict() {
        assert!(presented(&with_basic("abc:"), &Params::default()).unwrap().secret.is_none());
        let other = Params::parse(b"client_id=other").unwrap();
        assert!(matches!(presented(&with_basic("abc:x"), &other), Err(ClientAuthError::Contradiction)));
        assert!(matches!(
            presented(&with_basic("no colon"), &Params::default()),
            Err(ClientAuthError::Malformed)
        ));
    }
}
