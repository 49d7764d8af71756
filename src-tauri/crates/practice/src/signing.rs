//! The RSA keys that sign tokens, and the key document that lists them.
//!
//! Keys live as long as the process. A token from before a restart is therefore vouched for in another way, see
//! `claims`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use model::ids::TokenHash;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

/// Keys listed at once: the signing one and those it replaced.
const LISTED: usize = 3;

pub(crate) struct SigningKey {
    pair: KeyPair,
    kid: String,
}

/// The keys, newest last. The first is made at first use, since making one takes a noticeable time.
#[derive(Default)]
pub(crate) struct KeyRing {
    keys: Mutex<Vec<Arc<SigningKey>>>,
    rotate: AtomicBool,
}

/// Whether a token carries the signature of a key we know.
pub(crate) enum Signature {
    Good(Map<String, Value>),
    Bad,
    /// Signed by a key we do not have (any more).
    UnknownKey(Map<String, Value>),
}

// === impl KeyRing ===

impl KeyRing {
    /// From the next use on, a new key signs.
    pub(crate) fn rotate(&self) {
        self.rotate.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn all(&self) -> Vec<Arc<SigningKey>> {
        let mut keys = self.keys.lock().await;
        if keys.is_empty() {
            keys.push(SigningKey::generate().await);
        }
        if self.rotate.swap(false, Ordering::SeqCst) {
            keys.push(SigningKey::generate().await);
            let surplus = keys.len().saturating_sub(LISTED);
            keys.drain(..surplus);
        }
        keys.clone()
    }

    pub(crate) async fn current(&self) -> Arc<SigningKey> {
        self.all().await.pop().expect("a key was made if there was none")
    }

    pub(crate) async fn check(&self, token: &str) -> Signature {
        let Some((signed, signature)) = token.rsplit_once('.') else { return Signature::Bad };
        let Some((header, claims)) = signed.split_once('.') else { return Signature::Bad };
        let (Some(header), Some(claims)) = (object(header), object(claims)) else { return Signature::Bad };
        let kid = header.get("kid").and_then(Value::as_str).unwrap_or_default();
        match self.all().await.iter().find(|key| key.kid == kid) {
            None => Signature::UnknownKey(claims),
            Some(key) if key.verifies(signed, signature) => Signature::Good(claims),
            Some(_) => Signature::Bad,
        }
    }
}

// === impl SigningKey ===

impl SigningKey {
    async fn generate() -> Arc<Self> {
        let pair = tokio::task::spawn_blocking(|| KeyPair::generate(KeySize::Rsa2048))
            .await
            .expect("making a key does not panic and is not cancelled")
            .expect("an RSA key can always be made");
        // Entra's key ids are the SHA-1 of a certificate: 20 bytes. There is no certificate here, only the length.
        let kid = B64.encode(&TokenHash::of(pair.public_key().as_ref()).as_bytes()[..20]);
        Arc::new(Self { pair, kid })
    }

    /// A signed JWT (RFC 7519) with RS256.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": self.kid });
        let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("signing in memory has no way to fail");
        format!("{signed}.{}", B64.encode(signature))
    }

    fn verifies(&self, signed: &str, signature: &str) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref());
        B64.decode(signature).is_ok_and(|bytes| key.verify(signed.as_bytes(), &bytes).is_ok())
    }

    /// One entry of the key document. Like Entra's it has no `alg`; like those of Azure AD B2C it may name no issuer.
    pub(crate) fn to_jwk(&self, issuer: Option<&str>) -> Value {
        let public = self.pair.public_key();
        let mut key = json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": B64.encode(public.modulus().big_endian_without_leading_zero()),
            "e": B64.encode(public.exponent().big_endian_without_leading_zero()),
        });
        if let Some(issuer) = issuer {
            key["issuer"] = issuer.into();
        }
        key
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&B64.decode(part).ok()?).ok()
}
