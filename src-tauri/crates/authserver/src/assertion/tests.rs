//! Assertions as honest clients sign them, each changed in one way.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::*;

const CLIENT: &str = "https://client.example/oauth/client.json";
const ISSUER: &str = "http://localhost:4242";
const AUDIENCES: [&str; 2] = [ISSUER, "http://localhost:4242/token"];
const NOW: i64 = 1_790_000_000;

struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    jwk: Value,
}

impl Signer {
    fn ec() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self::with(key, Algorithm::ES256)
    }

    fn rsa(algorithm: Algorithm) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        assert!(pair.public_modulus_len() == 256 && !pair.public_key().as_ref().is_empty());
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der.as_ref())
        );
        Self::with(EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(), algorithm)
    }

    fn with(key: EncodingKey, algorithm: Algorithm) -> Self {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
        jwk["kid"] = json!("k1");
        Self { key, algorithm, jwk }
    }

    fn signs(&self, claims: &Value) -> String {
        let header = Header { kid: Some("k1".into()), ..Header::new(self.algorithm) };
        encode(&header, claims, &self.key).unwrap()
    }

    fn keys(&self) -> Vec<Value> {
        vec![self.jwk.clone()]
    }
}

fn claims() -> Value {
    json!({ "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "iat": NOW, "exp": NOW + 300, "jti": "j1" })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn check(token: &str, keys: &[Value]) -> Result<Proof, BadAssertion> {
    let client = ClientId::parse(CLIENT).unwrap();
    Assertion::read(token)?.check(keys, &client, &AUDIENCES, Timestamp::from_secs(NOW))
}

#[test]
fn each_of_the_three_algorithms_is_taken() {
    for signer in [Signer::ec(), Signer::rsa(Algorithm::RS256), Signer::rsa(Algorithm::PS256)] {
        let proof = check(&signer.signs(&claims()), &signer.keys()).unwrap();
        assert_eq!(proof.until, Timestamp::from_secs(NOW + 360), "{:?}", signer.algorithm);
    }
}

#[test]
fn another_key_or_another_algorithm_than_the_key_is_for_is_refused() {
    let (one, other) = (Signer::ec(), Signer::ec());
    assert_eq!(check(&one.signs(&claims()), &other.keys()).err(), Some(BadAssertion::Signature));
    let mut renamed = one.jwk.clone();
    renamed["kid"] = json!("k2");
    assert_eq!(check(&one.signs(&claims()), &[renamed]).err(), Some(BadAssertion::UnknownKey));
    let rsa = Signer::rsa(Algorithm::RS256);
    let mut pss_only = rsa.jwk.clone();
    pss_only["alg"] = json!("PS256");
    assert_eq!(check(&rsa.signs(&claims()), &[pss_only]).err(), Some(BadAssertion::Signature));
}

#[test]
fn what_anybody_could_have_made_is_no_assertion() {
    let signer = Signer::ec();
    // With the public key as a shared secret (RFC 8725 section 2.1).
    let shared = EncodingKey::from_secret(signer.jwk["x"].as_str().unwrap().as_bytes());
    let hmac = encode(&Header::new(Algorithm::HS256), &claims(), &shared).unwrap();
    assert_eq!(check(&hmac, &signer.keys()).err(), Some(BadAssertion::Algorithm));
    let good = signer.signs(&claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (_, payload) = head.split_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
    for bad in ["", "x", "a.b.c", &unsigned, head] {
        assert_eq!(check(bad, &signer.keys()).err(), Some(BadAssertion::Unreadable), "{bad}");
    }
    assert_eq!(check(&format!("{head}."), &signer.keys()).err(), Some(BadAssertion::Signature));
    let swapped = signer.signs(&with("jti", json!("j2")));
    let grafted = format!("{}.{signature}", swapped.rsplit_once('.').unwrap().0);
    assert_eq!(check(&grafted, &signer.keys()).err(), Some(BadAssertion::Signature));
    let critical =
        Header { crit: Some(vec!["b64".into()]), kid: Some("k1".into()), ..Header::new(Algorithm::ES256) };
    let critical = encode(&critical, &claims(), &signer.key).unwrap();
    assert_eq!(check(&critical, &signer.keys()).err(), Some(BadAssertion::Unreadable));
}

#[test]
fn every_claim_is_held_to_rfc_7523() {
    let signer = Signer::ec();
    let far = NOW + 3600;
    for (name, value, verdict) in [
        ("iss", json!("https://client.example/other.json"), Some(BadAssertion::OtherClient)),
        ("sub", json!("https://client.example/other.json"), Some(BadAssertion::OtherClient)),
        ("iss", json!(null), Some(BadAssertion::OtherClient)),
        ("aud", json!("http://localhost:4242/token"), None),
        ("aud", json!(["https://elsewhere.example", ISSUER]), None),
        ("aud", json!("http://localhost:4242/"), Some(BadAssertion::Audience)),
        ("aud", json!("https://elsewhere.example"), Some(BadAssertion::Audience)),
        ("aud", json!([]), Some(BadAssertion::Audience)),
        ("aud", json!({ "x": ISSUER }), Some(BadAssertion::Audience)),
        ("exp", json!(NOW - 59), None),
        ("exp", json!(NOW - 60), Some(BadAssertion::Time)),
        ("exp", json!(1_790_000_010.5), None),
        ("exp", json!(null), Some(BadAssertion::Time)),
        ("exp", json!("soon"), Some(BadAssertion::Time)),
        ("exp", json!(i64::MAX), Some(BadAssertion::Time)),
        ("exp", json!(far), None),
        ("exp", json!(far + 1), Some(BadAssertion::TooLong)),
        ("iat", json!(NOW + 60), None),
        ("iat", json!(NOW + 61), Some(BadAssertion::Time)),
        ("nbf", json!(NOW + 61), Some(BadAssertion::Time)),
        ("jti", json!(null), Some(BadAssertion::NoId)),
        ("jti", json!(""), Some(BadAssertion::NoId)),
        ("jti", json!("x".repeat(513)), Some(BadAssertion::NoId)),
    ] {
        let verdict_now = check(&signer.signs(&with(name, value.clone())), &signer.keys()).err();
        assert_eq!(verdict_now, verdict, "{name} {value}");
    }
}

#[test]
fn two_clients_may_use_one_jti_and_one_client_may_not() {
    let signer = Signer::ec();
    let id = |client: &str| {
        let mut claims = claims();
        (claims["iss"], claims["sub"]) = (json!(client), json!(client));
        let token = signer.signs(&claims);
        let client = ClientId::parse(client).unwrap();
        let now = Timestamp::from_secs(NOW);
        Assertion::read(&token).unwrap().check(&signer.keys(), &client, &AUDIENCES, now).unwrap().id
    };
    assert_eq!(id("a"), id("a"), "although the two signatures differ");
    assert_ne!(id("a"), id("b"));
}

#[test]
fn of_a_published_set_only_what_can_check_a_signature_is_kept() {
    let signer = Signer::ec();
    let mut with_more = signer.jwk.clone();
    with_more["d"] = json!("a private part that should not be there");
    with_more["x5c"] = json!(["MIIB"]);
    let set =
        json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }, with_more, { "kty": "EC", "crv": "P-384" }, 7] });
    let kept = usable_keys(&set).unwrap();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].get("d").is_none() && kept[0].get("x5c").is_none());
    assert!(check(&signer.signs(&claims()), &kept).is_ok());
    let many: Vec<Value> = (0..100).map(|_| signer.jwk.clone()).collect();
    assert_eq!(usable_keys(&json!({ "keys": many })).unwrap().len(), MOST_KEYS);
    for none in [json!(null), json!({}), json!({ "keys": {} }), json!({ "keys": [] }), json!([signer.jwk])] {
        assert!(usable_keys(&none).is_none(), "{none}");
    }
}
