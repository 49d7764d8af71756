//! Client authentication at `/token` and `/revoke` (RFC 6749 sections 2.3 and 3.2.1).

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::client::{Client, ClientAuth, ClientKeys};
use model::ids::{ClientId, CredentialKind, TokenHash};
use model::origin::Site;
use model::ports::{AssertionUse, StoreError, Swap};

use crate::assertion::{self, Assertion, BadAssertion, Proof, usable_keys};
use crate::clients::UnknownClient;
use crate::documents::{DocumentError, Standing};
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
    #[error("the metadata document of this client cannot be read just now; try again in a minute")]
    DocumentNotNow,
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
        let client = self.registered(&id).await?;
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
                self.prove(site, &client, keys, &token, params).await?;
            }
            (ClientAuth::PrivateKeyJwt(_), _) => return Err(ClientAuthError::NoAssertion),
            (ClientAuth::NoneOrPrivateKeyJwt(keys), Brought::Assertion(token)) => {
                match self.prove(site, &client, keys, &token, params).await {
                    // It need not have signed, so that nobody can look gains a stranger nothing.
                    Err(ClientAuthError::KeysNotNow | ClientAuthError::Keys) => {}
                    checked => checked?,
                }
            }
        }
        Ok(id)
    }

    /// The client as it authenticates. What its document said when somebody last signed in is in the store, so for a client
    /// with nothing to prove the document need not be reachable here; one that signs may have changed its keys.
    async fn registered(&self, id: &ClientId) -> Result<Client, ClientAuthError> {
        let configured = self.policy.static_clients.iter().any(|client| client.id == *id);
        if configured || !self.documents.names_document(id) {
            return self.client(id).await.map_err(|unknown| match unknown {
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
        if let Some(stored) = &stored
            && !stored.auth.signs()
        {
            let newer = self.documents.at_hand(id).filter(|published| published.auth.signs());
            return Ok(newer.unwrap_or_else(|| stored.clone()));
        }
        let standing = if stored.is_some() { Standing::Approved } else { Standing::Unproven };
        match (self.documents.client(id, standing, self.now()).await, stored) {
            (Ok(published), Some(stored)) if published.auth == stored.auth => Ok(stored),
            (Ok(published), Some(stored)) => {
                let changed = Client { approved_at: stored.approved_at, ..published };
                self.store.put_client(&changed).await?;
                Ok(changed)
            }
            (Ok(published), None) => Ok(published),
            (Err(_), Some(stored)) => Ok(stored),
            (Err(error), None) if error.is_transient() => Err(ClientAuthError::DocumentNotNow),
            (Err(_), None) => Err(ClientAuthError::Unknown),
        }
    }

    /// RFC 7523 section 3. An assertion counts once, where there is something to get at: strangers can sign as many for
    /// clients of their own as they like, and those are not written down.
    async fn prove(
        &self,
        site: &Site,
        client: &Client,
        keys: &ClientKeys,
        token: &str,
        params: &Params,
    ) -> Result<(), ClientAuthError> {
        let assertion = Assertion::read(token)?;
        let at_stake = self.is_at_stake(&client.id, params).await?;
        let keys = match keys {
            ClientKeys::Jwks(set) => usable_keys(set).ok_or(ClientAuthError::Keys)?.into(),
            ClientKeys::JwksUri(address) => {
                let enough = |keys: &[serde_json::Value]| assertion.names_one_of(keys);
                let standing = if at_stake { Standing::Approved } else { Standing::Unproven };
                self.documents.keys(&client.id, standing, address, enough).await.map_err(
                    |error| match error {
                        DocumentError::Location(_) => ClientAuthError::Keys,
                        // Hosts answer 403 or a page of their own to data centres; that is no word of the client's.
                        _ => ClientAuthError::KeysNotNow,
                    },
                )?
            }
        };
        let audiences = [site.issuer(), &site.base.join("/token")];
        let now = self.now();
        let Proof { id, until } = assertion.check(&keys, &client.id, &audiences, now)?;
        let used = AssertionUse { id, request: params.fingerprint(), at: now, until };
        if at_stake && self.store.use_assertion(&used).await? == Swap::Lost {
            return Err(BadAssertion::Replayed.into());
        }
        Ok(())
    }

    /// Whether the request brings a code or a token that was issued to this client.
    async fn is_at_stake(&self, client: &ClientId, params: &Params) -> Result<bool, StoreError> {
        if let Some(code) = params.get("code").filter(|code| CredentialKind::Code.looks_right(code)) {
            let grant = self.store.find_grant_by_code(&TokenHash::of(code)).await?;
            return Ok(grant.is_some_and(|grant| grant.client == *client));
        }
        let Some(token) = params.get("refresh_token").or_else(|| params.get("token")) else {
            return Ok(false);
        };
        if !CredentialKind::Refresh.looks_right(token) {
            return Ok(self.mint.check(token, self.now()).is_ok_and(|claims| claims.client_id == *client));
        }
        let Some(refresh) = self.store.find_refresh(&TokenHash::of(token)).await? else { return Ok(false) };
        let session = self.store.lookup_session(&refresh.session).await?;
        Ok(session.is_some_and(|session| session.client == *client))
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
