//! Client assertions: a JWT that the client signs instead of sending a secret (`private_key_jwt`, RFC 7523 section 3,
//! OpenID Connect Core section 9).
//!
//! Only what is in the assertion is judged here. Where the keys come from and whether it was used before is for
//! whoever asks.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use model::ids::{ClientId, TokenHash};
use model::time::Timestamp;
use serde_json::{Map, Value};

/// `client_assertion_type` (RFC 7523 section 2.2).
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// `token_endpoint_auth_signing_alg_values_supported` (RFC 8414 section 2).
pub(crate) const ALGORITHMS: [&str; 3] = ["ES256", "PS256", "RS256"];

/// How far the client's clock may be off.
const LEEWAY: Duration = Duration::from_secs(60);
/// An assertion that is good for longer is refused: each has to be remembered until it expires.
const LONGEST: Duration = Duration::from_hours(1);
/// Longest `jti` that is taken, in bytes.
const LONGEST_ID: usize = 512;
/// Keys of a set that are kept, and so tried for an assertion that names none.
const MOST_KEYS: usize = 16;
/// What they may take up all together, in bytes of JSON: strangers register them.
const ROOM_FOR_KEYS: usize = 8 * 1024;
/// Longest `kid` that is kept.
const LONGEST_KID: usize = 256;

/// Why an assertion does not prove who sent it. Told to the client in `error_description`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAssertion {
    #[error("the client assertion is not a signed JWT")]
    Unreadable,
    #[error("the client assertion must be signed with ES256, PS256 or RS256")]
    Algorithm,
    #[error("no key of the client has the kid of the client assertion")]
    UnknownKey,
    #[error("the signature of the client assertion is not by a key of this client")]
    Signature,
    #[error("iss and sub of the client assertion must both be the client_id")]
    OtherClient,
    #[error("aud of the client assertion must be the issuer or the token endpoint of this server")]
    Audience,
    #[error("the client assertion has expired or is not valid yet; check the clock of the client")]
    Time,
    #[error("exp of the client assertion is more than an hour away")]
    TooLong,
    #[error("the client assertion has no jti, or one that is too long")]
    NoId,
    #[error("the client assertion was used before; each is good once")]
    Replayed,
}

/// An assertion as it came, with what its header says.
pub(crate) struct Assertion<'a> {
    token: &'a str,
    kid: Option<String>,
    algorithm: Algorithm,
}

/// A good one.
pub(crate) struct Proof {
    /// Names this assertion among all of all clients.
    pub(crate) id: TokenHash,
    /// Until when it could be used again.
    pub(crate) until: Timestamp,
}

impl<'a> Assertion<'a> {
    pub(crate) fn read(token: &'a str) -> Result<Self, BadAssertion> {
        let header = decode_header(token).map_err(|_| BadAssertion::Unreadable)?;
        // What the header calls critical has to be understood (RFC 7515 section 4.1.11), and we understand none of it.
        if header.crit.is_some() {
            return Err(BadAssertion::Unreadable);
        }
        if !matches!(header.alg, Algorithm::ES256 | Algorithm::PS256 | Algorithm::RS256) {
            return Err(BadAssertion::Algorithm);
        }
        Ok(Self { token, kid: header.kid, algorithm: header.alg })
    }

    /// Who it says sent it. Nothing is proven by that.
    pub(crate) fn subject(token: &str) -> Option<String> {
        let claims: Map<String, Value> = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
        claims.get("sub")?.as_str().map(str::to_owned)
    }

    /// Whether one of `keys` is the one it names; an assertion that names none may be any key's.
    pub(crate) fn names_one_of(&self, keys: &[Value]) -> bool {
        self.kid.as_deref().is_none_or(|kid| keys.iter().any(|key| key["kid"].as_str() == Some(kid)))
    }

    /// Holds it to RFC 7523 section 3. `audiences` are our issuer and token endpoint.
    pub(crate) fn check(
        &self,
        keys: &[Value],
        client: &ClientId,
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<Proof, BadAssertion> {
        if !self.names_one_of(keys) {
            return Err(BadAssertion::UnknownKey);
        }
        let claims = self.claims(keys).ok_or(BadAssertion::Signature)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(client.as_str()) || text("sub") != Some(client.as_str()) {
            return Err(BadAssertion::OtherClient);
        }
        let meant = match claims.get("aud") {
            Some(Value::String(one)) => audiences.contains(&one.as_str()),
            Some(Value::Array(many)) => {
                many.iter().filter_map(Value::as_str).any(|one| audiences.contains(&one))
            }
            _ => false,
        };
        if !meant {
            return Err(BadAssertion::Audience);
        }
        let until = instant(&claims, "exp").ok_or(BadAssertion::Time)?.plus(LEEWAY);
        let later = now.plus(LEEWAY);
        let too_early = ["nbf", "iat"].iter().any(|name| instant(&claims, name).is_some_and(|at| at > later));
        if until <= now || too_early {
            return Err(BadAssertion::Time);
        }
        if until > later.plus(LONGEST) {
            return Err(BadAssertion::TooLong);
        }
        let id = text("jti").filter(|id| (1..=LONGEST_ID).contains(&id.len())).ok_or(BadAssertion::NoId)?;
        Ok(Proof { id: TokenHash::of(format!("{client}\n{id}")), until })
    }

    /// The claims, if one of the keys that come into question signed them.
    fn claims(&self, keys: &[Value]) -> Option<Map<String, Value>> {
        let named =
            keys.iter().filter(|key| self.kid.is_none() || key["kid"].as_str() == self.kid.as_deref());
        let fitting = named.filter_map(|key| decoding(key, self.algorithm));
        let mut signature_only = Validation::new(self.algorithm);
        signature_only.required_spec_claims.clear();
        // Times are checked against the clock that is handed in.
        signature_only.validate_exp = false;
        signature_only.validate_nbf = false;
        signature_only.validate_aud = false;
        fitting
            .filter_map(|key| decode::<Map<String, Value>>(self.token, &key, &signature_only).ok())
            .map(|data| data.claims)
            .next()
    }
}

/// The keys of a set (RFC 7517 section 5) that could check any assertion at all, as far as they are needed for that:
/// strangers publish sets, and we keep them. `None` if it is no set or has none.
pub(crate) fn usable_keys(set: &Value) -> Option<Vec<Value>> {
    let keys = set.get("keys")?.as_array()?;
    let good = |key: &Value| {
        [Algorithm::ES256, Algorithm::PS256, Algorithm::RS256].iter().any(|alg| decoding(key, *alg).is_some())
    };
    let mut room = ROOM_FOR_KEYS;
    let mut fits = |key: &Value| {
        room = room.saturating_sub(key.to_string().len());
        room > 0
    };
    let keys: Vec<Value> =
        keys.iter().filter_map(public_part).filter(good).take(MOST_KEYS).take_while(&mut fits).collect();
    (!keys.is_empty()).then_some(keys)
}

/// Without certificates, private parts, and whatever else may be there.
fn public_part(key: &Value) -> Option<Value> {
    let known = ["kty", "use", "alg", "kid", "n", "e", "crv", "x", "y"];
    let members = key.as_object()?.iter().filter(|(name, _)| known.contains(&name.as_str()));
    let named = key.get("kid").and_then(Value::as_str).unwrap_or_default();
    if named.len() > LONGEST_KID {
        return None;
    }
    Some(Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect()))
}

/// The key, if it is one for this algorithm. Symmetric keys have no business in a published set.
fn decoding(key: &Value, algorithm: Algorithm) -> Option<DecodingKey> {
    let jwk: Jwk = serde_json::from_value(key.clone()).ok()?;
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let fits = match (&jwk.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => {
            matches!(jwk.common.key_algorithm, None | Some(KeyAlgorithm::RS256))
        }
        (AlgorithmParameters::RSA(_), Algorithm::PS256) => {
            matches!(jwk.common.key_algorithm, None | Some(KeyAlgorithm::PS256))
        }
        (AlgorithmParameters::EllipticCurve(ec), Algorithm::ES256) => {
            ec.curve == EllipticCurve::P256
                && matches!(jwk.common.key_algorithm, None | Some(KeyAlgorithm::ES256))
        }
        _ => false,
    };
    let bytes = |text: &str| B64.decode(text).unwrap_or_default();
    let sound = match &jwk.algorithm {
        // 2048 to 8192 bits; some put a zero in front.
        AlgorithmParameters::RSA(rsa) => {
            let modulus = bytes(&rsa.n);
            let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
            zeros <= 1 && (256..=1024).contains(&(modulus.len() - zeros))
        }
        // RFC 7518 section 6.2.1.2: all of the octets, zeros too.
        AlgorithmParameters::EllipticCurve(ec) => {
            [&ec.x, &ec.y].into_iter().all(|part| bytes(part).len() == 32)
        }
        _ => false,
    };
    if fits && sound { DecodingKey::from_jwk(&jwk).ok() } else { None }
}

/// A `NumericDate` (RFC 7519 section 2), which may have a fraction.
fn instant(claims: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    let value = claims.get(name)?;
    let seconds = value.as_i64().or_else(|| {
        let seconds = value.as_f64().filter(|seconds| seconds.abs() < 1e12)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole seconds are all that counts, and it is in range"
        )]
        Some(seconds as i64)
    })?;
    // Far beyond any date, so that adding to it cannot overflow.
    (seconds.unsigned_abs() < 1_000_000_000_000).then(|| Timestamp::from_secs(seconds))
}

#[cfg(test)]
mod tests;
