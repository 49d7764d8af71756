//! A client's key pair, and the assertions it signs (`private_key_jwt`, RFC 7523).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use model::time::Timestamp;
use serde_json::{Value, json};

/// Value of `client_assertion_type`.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An ES256 key with a `kid`.
pub struct Signer {
    key: EncodingKey,
    kid: String,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key pair");
        let der = pair.to_pkcs8v1().expect("the pair was just made");
        Self { key: EncodingKey::from_ec_der(der.as_ref()), kid: kid.to_owned() }
    }

    /// The public key as a set (RFC 7517 section 5).
    pub fn jwks(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, Algorithm::ES256).expect("an ES256 key");
        let mut jwk = serde_json::to_value(jwk).expect("a JWK is JSON");
        jwk["kid"] = json!(self.kid);
        json!({ "keys": [jwk] })
    }

    /// An assertion of `client` for `audience`, good for five minutes; `id` is its `jti`.
    pub fn assertion(&self, client: &str, audience: &str, id: &str, now: Timestamp) -> String {
        let claims = json!({
            "iss": client, "sub": client, "aud": audience, "jti": id, "iat": now.secs(), "exp": now.secs() + 300,
        });
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::ES256) };
        encode(&header, &claims, &self.key).expect("claims of plain strings sign")
    }
}
