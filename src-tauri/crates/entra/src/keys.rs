//! The provider's signing keys. Each is good for one algorithm, taken from the key and never from a token.
//!
//! Held for a day; a token with an unknown `kid` fetches them anew, at most once a minute; while fetching fails, the
//! old ones stay.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use model::ports::Clock;
use model::time::Timestamp;
use model::upstream::UpstreamError;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::fault::{Fault, Trouble, Which};
use crate::held::Held;
use crate::http::{send, unavailable};
use crate::issuer::Issuer;
use crate::jwt::{self, Unread};

const FRESH_FOR: Duration = Duration::from_secs(24 * 3600);
const RENEW_EVERY: Duration = Duration::from_secs(60);

pub(crate) struct Keys {
    held: Held<Vec<Key>>,
    /// When a token with an unknown key last made us fetch.
    renewed_at: Mutex<Option<Timestamp>>,
}

/// One published key.
pub(crate) struct Key {
    pub(crate) kid: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
    /// Entra's addition: whose tokens it signs.
    pub(crate) issuer: Option<Issuer>,
}

/// What is needed to ask for keys.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) jwks_uri: &'a Url,
    pub(crate) http: &'a reqwest::Client,
    pub(crate) clock: &'a dyn Clock,
    /// Entra signs with RS256 and nothing else.
    pub(crate) rs256_only: bool,
}

/// RFC 7517 section 5, with each key read on its own: one that we cannot use must not hide the others.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl Keys {
    pub(crate) const fn new() -> Self {
        Self { held: Held::nothing(), renewed_at: Mutex::new(None) }
    }

    /// Makes sure there are keys, before something is spent that cannot be spent twice.
    pub(crate) async fn prepare(&self, source: Source<'_>) -> Result<(), UpstreamError> {
        self.held.get(source.clock, FRESH_FOR, fetch(source)).await.map(drop)
    }

    /// The claims of a token whose signature is right. Nothing else about it is checked.
    pub(crate) async fn claims(
        &self,
        token: &str,
        which: Which,
        source: Source<'_>,
    ) -> Result<Map<String, Value>, Trouble> {
        let keys = self.held.get(source.clock, FRESH_FOR, fetch(source)).await?;
        match jwt::read(token, which, &keys) {
            Ok(claims) => return Ok(claims),
            Err(Unread::Fault(fault)) => return Err(fault.into()),
            Err(Unread::UnknownKey) => {}
        }
        let keys = self
            .held
            .renew(source.clock, &keys, async {
                self.may_renew(source.clock.now())?;
                fetch(source).await
            })
            .await?;
        jwt::read(token, which, &keys).map_err(|unread| match unread {
            Unread::Fault(fault) => fault.into(),
            Unread::UnknownKey => Fault::UnknownKey(which).into(),
        })
    }

    /// The claims of an access token that is not for us, if a key at hand signed it. It may be anything, so it never
    /// makes us fetch.
    pub(crate) async fn claims_at_hand(&self, token: &str, source: Source<'_>) -> Option<Map<String, Value>> {
        let keys = self.held.get(source.clock, FRESH_FOR, fetch(source)).await.ok()?;
        jwt::read(token, Which::Access, &keys).ok()
    }

    /// Once a minute, so that bad tokens cannot make us hammer the provider.
    fn may_renew(&self, now: Timestamp) -> Result<(), UpstreamError> {
        let mut renewed_at = self.renewed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let since = renewed_at.map(|at| now.since(at));
        if let Some(rest) =
            since.and_then(|since| RENEW_EVERY.checked_sub(since)).filter(|rest| !rest.is_zero())
        {
            let detail = "it signed with a key it had not published a moment ago".into();
            return Err(UpstreamError::Unavailable { detail, retry_after: Some(rest), refusal: None });
        }
        *renewed_at = Some(now);
        Ok(())
    }
}

async fn fetch(source: Source<'_>) -> Result<Vec<Key>, UpstreamError> {
    let request = reqwest::Request::new(reqwest::Method::GET, source.jwks_uri.clone());
    let answer = send(source.http, request).await?;
    let document: Option<Document> =
        answer.status.is_success().then(|| serde_json::from_slice(&answer.body).ok()).flatten();
    let keys: Vec<Key> = document
        .ok_or_else(|| unavailable("its signing keys cannot be read"))?
        .keys
        .into_iter()
        .filter_map(Key::read)
        .filter(|key| !source.rs256_only || key.algorithm == Algorithm::RS256)
        .collect();
    if keys.is_empty() {
        return Err(unavailable("it publishes no signing key that can be used here"));
    }
    tracing::info!(upstream.keys = keys.len(), "fetched the identity provider's signing keys");
    Ok(keys)
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let issuer = value.get("issuer").and_then(Value::as_str).map(Issuer::of_metadata);
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let algorithm = algorithm(&jwk)?;
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { kid: jwk.common.key_id, algorithm, decoding, issuer })
    }
}

/// The one algorithm a key is good for: its `alg`, or what its type is commonly used with. Symmetric keys have no
/// business in a published set.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    match (&jwk.algorithm, jwk.common.key_algorithm) {
        (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Some(Algorithm::RS256),
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::PS256)) => Some(Algorithm::PS256),
        (AlgorithmParameters::EllipticCurve(ec), None | Some(KeyAlgorithm::ES256))
            if ec.curve == EllipticCurve::P256 =>
        {
            Some(Algorithm::ES256)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Option<Algorithm> {
        Key::read(value).map(|key| key.algorithm)
    }

    #[test]
    fn a_key_is_good_for_one_algorithm_and_some_for_none() {
        let rsa = |alg: &str| json!({"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB", "alg": alg});
        assert_eq!(read(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})), Some(Algorithm::RS256));
        assert_eq!(read(rsa("RS256")), Some(Algorithm::RS256));
        assert_eq!(read(rsa("PS256")), Some(Algorithm::PS256));
        for other in ["RS512", "HS256", "none", "RSA-OAEP"] {
            assert_eq!(read(rsa(other)), None, "{other}");
        }
        assert_eq!(
            read(json!({"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"})),
            Some(Algorithm::ES256)
        );
        assert_eq!(read(json!({"kty": "EC", "crv": "P-384", "x": "AQAB", "y": "AQAB"})), None);
        assert_eq!(read(json!({"kty": "oct", "k": "c2VjcmV0"})), None, "a published secret is no secret");
        assert_eq!(read(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "enc"})), None);
        assert_eq!(read(json!({"kty": "new"})), None);
    }
}
