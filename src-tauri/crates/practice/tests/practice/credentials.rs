//! How the practice app proves itself: two secrets, a registered certificate, a token of another provider.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use model::ExposeSecret as _;
use model::certificate::{Certificate, self_signed};
use model::testing::SeededEntropy;
use practice::{CLIENT_ID, Fault, NEXT_CLIENT_SECRET, TENANT_ID};
use serde_json::{Value, json};

use crate::applications::registered;
use crate::rig::{Answer, BASE, Form, Rig, START, code_form, refresh_form, with};

const YEAR: Duration = Duration::from_hours(365 * 24);

/// A certificate, and its PEM with the key for an implementation that is not ours.
struct Signer {
    certificate: Certificate,
    key: EncodingKey,
}

fn signer(lifetime: Duration) -> Signer {
    let text = self_signed("practice test", START, lifetime, &SeededEntropy::new(5));
    let certificate = Certificate::all_in_pem(text.expose_secret()).unwrap().remove(0);
    let at = text.expose_secret().find("-----BEGIN PRIVATE KEY-----").unwrap();
    let key = EncodingKey::from_rsa_pem(&text.expose_secret().as_bytes()[at..]).unwrap();
    Signer { certificate, key }
}

fn header(algorithm: Algorithm, signer: &Signer) -> Header {
    let mut header = Header::new(algorithm);
    header.x5t_s256 = Some(signer.certificate.public().x5t_s256());
    header
}

fn claims() -> Value {
    json!({
        "aud": format!("{BASE}/{TENANT_ID}/oauth2/v2.0/token"), "iss": CLIENT_ID, "sub": CLIENT_ID, "jti": "once",
        "nbf": START.secs(), "exp": START.secs() + 300,
    })
}

fn signed(header: &Header, claims: &Value, signer: &Signer) -> String {
    jsonwebtoken::encode(header, claims, &signer.key).unwrap()
}

fn proven_by(form: Form, assertion: &str) -> Form {
    let form = with(form, "client_secret", "");
    let form = with(form, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    with(form, "client_assertion", assertion)
}

async fn redeemed(rig: &Rig, assertion: &str) -> Answer {
    rig.token(&proven_by(code_form(&rig.code().await), assertion)).await
}

#[tokio::test]
async fn of_two_secrets_the_next_one_still_works_when_the_first_has_expired() {
    let rig = Rig::signing_in("ada");
    let refresh = rig.tokens().await["refresh_token"].clone();
    rig.practice.set_fault(Fault::ExpiredSecret, true);
    assert_eq!(rig.token(&refresh_form(&refresh)).await.aadsts(), Some(7_000_222));
    let by_next = with(refresh_form(&refresh), "client_secret", NEXT_CLIENT_SECRET);
    assert_eq!(rig.token(&by_next).await.status, 200);
}

#[tokio::test]
async fn a_registered_certificate_proves_the_app_and_tokens_say_so() {
    let rig = Rig::signing_in("ada");
    let signer = signer(YEAR);
    let assertion = signed(&header(Algorithm::PS256, &signer), &claims(), &signer);
    assert_eq!(redeemed(&rig, &assertion).await.aadsts(), Some(700_027), "not registered yet");
    let body = json!({ "pem": signer.certificate.public().to_pem() }).to_string();
    let overview = rig.post_json("/practice/certificate", &body).await.json();
    assert_eq!(overview["app"]["certificates"], json!([signer.certificate.public().thumbprint()]));
    let answer = redeemed(&rig, &assertion).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(rig.verified(&answer.json()["access_token"]).await["azpacr"], "2");
    assert_eq!(
        redeemed(&rig, &assertion).await.status,
        200,
        "Entra's own libraries send one assertion twice"
    );
    let mut by_sha1 = Header::new(Algorithm::RS256);
    by_sha1.x5t = Some(signer.certificate.public().x5t());
    assert_eq!(redeemed(&rig, &signed(&by_sha1, &claims(), &signer)).await.status, 200);
    // As MSAL for Python writes them: the thumbprint padded, the times with a fraction.
    let mut padded = header(Algorithm::PS256, &signer);
    padded.x5t_s256 = padded.x5t_s256.map(|text| format!("{text}="));
    let mut fractions = claims();
    fractions["exp"] = json!(f64::from(u32::try_from(START.secs()).unwrap()) + 300.5);
    assert_eq!(redeemed(&rig, &signed(&padded, &fractions, &signer)).await.status, 200);
    assert_eq!(
        rig.post_json("/practice/certificate", r#"{"pem":"no"}"#).await.json()["error"],
        "no_certificate"
    );
}

#[tokio::test]
async fn the_certificate_of_one_app_does_not_prove_another() {
    let rig = Rig::signing_in("ada");
    let mine = signer(YEAR);
    rig.practice.register_certificate(mine.certificate.public().clone());
    let other = registered(&rig).await;
    let mut claims = claims();
    (claims["iss"], claims["sub"]) = (json!(other), json!(other));
    let assertion = signed(&header(Algorithm::PS256, &mine), &claims, &mine);
    let form = with(proven_by(code_form("a code"), &assertion), "client_id", &other);
    assert_eq!(rig.token(&form).await.aadsts(), Some(700_027));
}

#[tokio::test]
async fn an_assertion_that_is_wrong_is_refused_as_entra_does() {
    let rig = Rig::signing_in("ada");
    let (mine, other) = (signer(YEAR), signer(YEAR));
    rig.practice.register_certificate(mine.certificate.public().clone());
    let now = START.secs();
    for (change, code) in [
        (json!({"exp": now - 301}), 700_024),
        (json!({"exp": null}), 700_024),
        (json!({"nbf": now + 301, "exp": now + 600}), 700_024),
        (json!({"aud": "https://elsewhere.example/token"}), 700_023),
        (json!({"sub": "somebody"}), 50027),
        (json!({"jti": null}), 50027),
        (json!({"iss": "somebody"}), 700_211),
    ] {
        let mut changed = claims();
        for (name, value) in change.as_object().unwrap() {
            changed[name] = value.clone();
        }
        let answer = redeemed(&rig, &signed(&header(Algorithm::PS256, &mine), &changed, &mine)).await;
        assert_eq!((answer.status.as_u16(), answer.aadsts()), (401, Some(code)), "{change}");
    }
    // Named after the registered one, signed by another.
    let forged = signed(&header(Algorithm::PS256, &mine), &claims(), &other);
    assert_eq!(redeemed(&rig, &forged).await.aadsts(), Some(700_027));
    let nameless = signed(&Header::new(Algorithm::PS256), &claims(), &mine);
    assert_eq!(redeemed(&rig, &nameless).await.aadsts(), Some(700_027));
    assert_eq!(redeemed(&rig, "no.jwt").await.aadsts(), Some(50027));
    let typeless = proven_by(code_form(&rig.code().await), &forged);
    assert_eq!(rig.token(&with(typeless, "client_assertion_type", "x")).await.aadsts(), Some(70_002));
    rig.practice.set_fault(Fault::PublicClient, true);
    let good = signed(&header(Algorithm::PS256, &mine), &claims(), &mine);
    assert_eq!(redeemed(&rig, &good).await.aadsts(), Some(700_025));
}

#[tokio::test]
async fn a_certificate_that_is_over_proves_nothing() {
    let rig = Rig::signing_in("ada");
    let short = signer(Duration::from_mins(1));
    rig.practice.register_certificate(short.certificate.public().clone());
    let assertion = signed(&header(Algorithm::PS256, &short), &claims(), &short);
    assert_eq!(redeemed(&rig, &assertion).await.status, 200);
    rig.clock.advance(Duration::from_mins(2));
    let answer = redeemed(&rig, &assertion).await;
    assert_eq!(answer.aadsts(), Some(700_027));
    assert!(answer.body.contains("expired"), "{}", answer.body);
}

#[tokio::test]
async fn a_token_of_a_trusted_provider_proves_the_app() {
    let rig = Rig::signing_in("ada");
    let provider = signer(YEAR);
    let federated = json!({
        "iss": "https://cluster.example", "sub": "system:serviceaccount:default:proxy",
        "aud": "api://AzureADTokenExchange", "iat": START.secs(), "exp": START.secs() + 3600,
    });
    let token = |change: Value| {
        let mut claims = federated.clone();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        signed(&Header::new(Algorithm::RS256), &claims, &provider)
    };
    assert_eq!(redeemed(&rig, &token(json!({}))).await.aadsts(), Some(700_211));
    let trust = json!({
        "issuer": federated["iss"], "subject": federated["sub"], "pem": provider.certificate.public().to_pem(),
    });
    rig.post_json("/practice/federated", &trust.to_string()).await;
    assert_eq!(redeemed(&rig, &token(json!({}))).await.status, 200);
    for (change, code) in [
        (json!({"sub": "system:serviceaccount:default:other"}), 700_213),
        (json!({"aud": "api://elsewhere"}), 700_212),
        (json!({"exp": START.secs() - 301}), 700_024),
    ] {
        assert_eq!(redeemed(&rig, &token(change.clone())).await.aadsts(), Some(code), "{change}");
    }
    let forged = signed(&Header::new(Algorithm::RS256), &federated, &signer(YEAR));
    assert_eq!(redeemed(&rig, &forged).await.aadsts(), Some(50013));
}
