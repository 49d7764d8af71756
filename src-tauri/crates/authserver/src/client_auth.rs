//! Client authentication at `/token` and `/revoke` (RFC 6749 sections 2.3 and 3.2.1).

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::client::{Client, ClientAuth, ClientKeys};
use model::ids::ClientId;
use model::origin::Site;
use model::ports::{StoreError, Swap};

use crate::assertion::{self, Assertion, BadAssertion, usable_keys};
use crate::clients::UnknownClient;
use crate::documents::Standing;
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
    #[error("a request may prove who the client is in one way only (RFC 6749 section 2.3)")]
    ManyWays,
    #[error("client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer")]
    AssertionType,
    #[error("this client signs its requests; client_assertion is missing")]
    NoAssertion,
    #[error(transparent)]
    Assertion(#[from] BadAssertion),
    #[error("the keys that this client signs with cannot be read just now; try again in a minute")]
    KeysNotNow,
    #[error(
        "the keys that this client signs with cannot be read: its jwks_uri must be a plain https URL of a key set"
    )]
    Keys,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who it says it is, and what it brings along to prove that.
#[derive(Debug)]
struct Presented {
    id: String,
    proof: Brought,
}

#[derive(Debug)]
enum Brought {
    Nothing,
    Secret(String),
    Assertion(String),
}

impl Shared {
    /// The client that sent this request, proven as it registered.
    pub(crate) async fn authenticate(
        &self,
        site: &Site,
        headers: &HeaderMap,
        params: &Params,
    ) -> Result<ClientId, ClientAuthError> {
        let Presented { id, proof } = presented(headers, params)?;
        let id = ClientId::parse(&id).ok_or(ClientAuthError::Unknown)?;
        let Some(client) = self.registered(&id).await? else { return Ok(id) };
        match (&client.auth, proof) {
            (ClientAuth::None, _)
            | (ClientAuth::NoneOrPrivateKeyJwt(_), Brought::Nothing | Brought::Secret(_)) => {}
            (
                ClientAuth::ClientSecretPost(hash) | ClientAuth::ClientSecretBasic(hash),
                Brought::Secret(secret),
            ) if hash.matches(&secret) => {}
            (ClientAuth::ClientSecretPost(_) | ClientAuth::ClientSecretBasic(_), _) => {
                return Err(ClientAuthError::WrongSecret);
            }
            (ClientAuth::PrivateKeyJwt(keys), Brought::Assertion(token)) => {
                self.prove(site, &client, keys, &token).await?;
            }
            (ClientAuth::PrivateKeyJwt(_), _) => return Err(ClientAuthError::NoAssertion),
            (ClientAuth::NoneOrPrivateKeyJwt(keys), Brought::Assertion(token)) => {
                match self.prove(site, &client, keys, &token).await {
                    // It need not have signed, so that nobody can look gains a stranger nothing.
                    Err(ClientAuthError::KeysNotNow | ClientAuthError::Keys) => {
                        tracing::warn!(
                            "a client's assertion could not be checked for want of its keys; it is public too"
                        );
                    }
                    checked => checked?,
                }
            }
        }
        Ok(id)
    }

    /// The client as it authenticates; `None` for one known by its document that nobody approved, to which nothing was
    /// issued. A document need not be reachable here: what it said when somebody last signed in is in the store.
    async fn registered(&self, id: &ClientId) -> Result<Option<Client>, ClientAuthError> {
        let configured = self.policy.static_clients.iter().any(|client| client.id == *id);
        if configured || !self.documents.names_document(id) {
            let found = self.client(id).await;
            return found.map(Some).map_err(|unknown| match unknown {
                UnknownClient::Store(error) => ClientAuthError::Store(error),
                UnknownClient::Blocked => ClientAuthError::Blocked,
                UnknownClient::NotRegistered | UnknownClient::Document(_) | UnknownClient::Host(_) => {
                    ClientAuthError::Unknown
                }
            });
        }
        let stored = self.store.lookup_client(id).await?;
        if stored.as_ref().is_some_and(Client::is_blocked) {
            return Err(ClientAuthError::Blocked);
        }
        self.admit_publisher(id).map_err(|_| ClientAuthError::Blocked)?;
        Ok(stored)
    }

    /// RFC 7523 section 3. An assertion counts once; of a client nobody approved nothing is written down, because to
    /// that one nothing was issued that a second use could get at.
    async fn prove(
        &self,
        site: &Site,
        client: &Client,
        keys: &ClientKeys,
        token: &str,
    ) -> Result<(), ClientAuthError> {
        let assertion = Assertion::read(token)?;
        let standing = if client.approved_at.is_some() { Standing::Approved } else { Standing::Unproven };
        let keys = match keys {
            ClientKeys::Jwks(set) => usable_keys(set).ok_or(ClientAuthError::Keys)?.into(),
            ClientKeys::JwksUri(address) => {
                let enough = |keys: &[serde_json::Value]| assertion.names_one_of(keys);
                self.documents.keys(&client.id, standing, address, enough).await.map_err(|error| {
                    tracing::warn!(%error, "the keys of a client could not be had");
                    if error.is_transient() { ClientAuthError::KeysNotNow } else { ClientAuthError::Keys }
                })?
            }
        };
        let audiences = [site.issuer(), &site.base.join("/token")];
        let proof = assertion.check(&keys, &client.id, &audiences, self.now())?;
        if standing == Standing::Approved
            && self.store.use_assertion(&proof.id, proof.until).await? == Swap::Lost
        {
            return Err(BadAssertion::Replayed.into());
        }
        Ok(())
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
    let secret = params.get("client_secret").map(str::to_owned);
    if let Some(token) = params.get("client_assertion") {
        if secret.is_some() || used_basic(headers) {
            return Err(ClientAuthError::ManyWays);
        }
        if params.get("client_assertion_type") != Some(assertion::TYPE) {
            return Err(ClientAuthError::AssertionType);
        }
        // `client_id` may be left out (RFC 7521 section 4.2).
        let id = body_id.or_else(|| Assertion::subject(token)).ok_or(ClientAuthError::Missing)?;
        return Ok(Presented { id, proof: Brought::Assertion(token.to_owned()) });
    }
    if !used_basic(headers) {
        let id = body_id.ok_or(ClientAuthError::Missing)?;
        return Ok(Presented { id, proof: secret.map_or(Brought::Nothing, Brought::Secret) });
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
    let proof = if secret.is_empty() { Brought::Nothing } else { Brought::Secret(secret) };
    Some(Presented { id, proof })
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
        assert!(matches!(presented.proof, Brought::Secret(secret) if secret == "se+cret x"));
    }

    #[test]
    fn an_empty_password_is_no_secret_and_two_different_ids_contradict() {
        let empty = presented(&with_basic("abc:"), &Params::default()).unwrap();
        assert!(matches!(empty.proof, Brought::Nothing));
        let other = Params::parse(b"client_id=other").unwrap();
        assert!(matches!(presented(&with_basic("abc:x"), &other), Err(ClientAuthError::Contradiction)));
        assert!(matches!(
            presented(&with_basic("no colon"), &Params::default()),
            Err(ClientAuthError::Malformed)
        ));
    }

    #[test]
    fn an_assertion_comes_alone_and_says_of_what_kind_it_is() {
        let of =
            |form: &str, headers: &HeaderMap| presented(headers, &Params::parse(form.as_bytes()).unwrap());
        let kind = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let none = HeaderMap::new();
        let good = of(&format!("client_id=a&client_assertion=x&{kind}"), &none).unwrap();
        assert_eq!(good.id, "a");
        assert!(matches!(good.proof, Brought::Assertion(token) if token == "x"));
        let with_secret = format!("client_id=a&client_secret=s&client_assertion=x&{kind}");
        assert!(matches!(of(&with_secret, &none), Err(ClientAuthError::ManyWays)));
        let and_basic = format!("client_assertion=x&{kind}");
        assert!(matches!(of(&and_basic, &with_basic("a:s")), Err(ClientAuthError::ManyWays)));
        assert!(matches!(of("client_id=a&client_assertion=x", &none), Err(ClientAuthError::AssertionType)));
        assert!(matches!(of(&and_basic, &none), Err(ClientAuthError::Missing)), "x has no sub");
    }
}
