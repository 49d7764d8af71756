//! How the app proves itself: each kind on the wire, the turn from one to the next, and what a check says of it.

use std::time::Duration;

use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use entra::{Entra, Outcome, Step};
use model::certificate::{Certificate, self_signed};
use model::scope::ScopeSet;
use model::settings::{ClientSecret, Credential};
use model::testing::SeededEntropy;
use model::time::Timestamp;
use model::upstream::{Effect, Upstream as _};
use model::{ExposeSecret as _, Secret};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::rig::*;

const DAY: u64 = 86_400;

fn certificate(name: &str, days: u64) -> Certificate {
    let now = Timestamp::from_secs(NOW);
    let text = self_signed(name, now, Duration::from_secs(days * DAY), &SeededEntropy::new(2));
    Certificate::all_in_pem(text.expose_secret()).unwrap().remove(0)
}

pub(crate) fn two_secrets(expires_at: Option<Timestamp>) -> Credential {
    let next = Some(Secret::from("next-s3cret"));
    Credential::Secret(ClientSecret { current: Secret::from("s3cret"), next, expires_at })
}

/// The token endpoint knows everything but requests with `part` in them, which it refuses with `code`.
pub(crate) async fn refuses_those_with(rig: &Rig, part: &str, code: u32) {
    let body = json!({"error": "invalid_client", "error_description": format!("AADSTS{code}: no."), "error_codes": [code]});
    Mock::given(method("POST"))
        .and(path("/token"))
        .and(body_string_contains(part))
        .respond_with(ResponseTemplate::new(401).set_body_json(body))
        .with_priority(1)
        .mount(&rig.server)
        .await;
}

fn param(body: &[(String, String)], name: &str) -> Option<String> {
    body.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

fn parts(token: &str) -> (Value, Value) {
    let mut parts =
        token.split('.').map(|part| serde_json::from_slice(&B64.decode(part).unwrap_or_default()));
    (parts.next().unwrap().unwrap(), parts.next().unwrap().unwrap())
}

async fn check_of(entra: &Entra, about: &str) -> Step {
    let steps = entra.check(&[leg().redirect_uri]).await;
    steps.into_iter().find(|step| step.about == about).unwrap_or_else(|| panic!("a step about {about}"))
}

#[tokio::test]
async fn a_certificate_proves_the_app_by_an_assertion_of_its_own_for_every_request() {
    let mut rig = Rig::start().await;
    let certificate = certificate("app", 365);
    rig.settings.credential = Credential::Certificates(vec![certificate.clone()]);
    let entra = rig.entra();
    let signed_in = redeem(&entra).await.unwrap();
    let first = rig.last_body().await;
    entra.refresh(&signed_in.person, &signed_in.tokens, &ScopeSet::default()).await.unwrap();
    let second = rig.last_body().await;
    assert!(param(&first, "client_secret").is_none());
    assert_eq!(
        param(&first, "client_assertion_type").unwrap(),
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    let (first, second) =
        (param(&first, "client_assertion").unwrap(), param(&second, "client_assertion").unwrap());
    let (header, claims) = parts(&first);
    assert_eq!(header, json!({"alg": "PS256", "typ": "JWT", "x5t#S256": certificate.public().x5t_s256()}));
    let jti = claims["jti"].as_str().unwrap();
    assert_eq!(
        claims,
        json!({
            "aud": format!("{}/token", rig.server.uri()), "iss": CLIENT, "sub": CLIENT, "jti": jti,
            "iat": NOW, "nbf": NOW, "exp": NOW + 300,
        })
    );
    assert_ne!(parts(&second).1["jti"], claims["jti"], "no assertion is used twice");
    let (signed, signature) = first.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, certificate.public().public_key())
        .verify(signed.as_bytes(), &B64.decode(signature).unwrap())
        .expect("signed with the certificate's key");
}

#[tokio::test]
async fn when_a_secret_expires_the_next_one_takes_over_and_is_remembered() {
    for code in [7_000_222, 7_000_215] {
        let mut rig = Rig::start().await;
        rig.settings.credential = two_secrets(None);
        let entra = rig.entra();
        let signed_in = redeem(&entra).await.unwrap();
        assert!(!entra.has_fallen_back());
        assert_eq!(param(&rig.last_body().await, "client_secret").unwrap(), "s3cret");

        refuses_those_with(&rig, "client_secret=s3cret", code).await;
        let before = rig.asked("/token").await;
        entra
            .refresh(&signed_in.person, &signed_in.tokens, &ScopeSet::default())
            .await
            .expect("nobody is signed out");
        assert_eq!(rig.asked("/token").await, before + 2, "AADSTS{code}: one after the other");
        assert!(entra.has_fallen_back());
        entra.refresh(&signed_in.person, &signed_in.tokens, &ScopeSet::default()).await.unwrap();
        assert_eq!(rig.asked("/token").await, before + 3, "AADSTS{code}: the one that worked comes first");
    }
}

#[tokio::test]
async fn a_refusal_of_something_else_does_not_spend_the_other_secret() {
    let mut rig = Rig::start().await;
    rig.settings.credential = two_secrets(None);
    rig.refuses(400, &json!({"error": "invalid_grant", "error_description": "AADSTS70008: expired."}));
    assert_eq!(refusal(redeem(&rig.entra()).await).code, Some(70008));
    assert_eq!(rig.asked("/token").await, 1);
    rig.refuses(503, &json!({}));
    unavailable(redeem(&rig.entra()).await);
    assert_eq!(rig.asked("/token").await, 2);
}

#[tokio::test]
async fn with_both_refused_the_first_says_why_and_no_session_ends() {
    let mut rig = Rig::start().await;
    rig.settings.credential = two_secrets(None);
    refuses_those_with(&rig, "client_secret=s3cret", 7_000_222).await;
    refuses_those_with(&rig, "client_secret=next-s3cret", 7_000_215).await;
    let entra = rig.entra();
    let refusal = refusal(redeem(&entra).await);
    assert_eq!((refusal.code, refusal.effect), (Some(7_000_222), Effect::SetUp));
    assert!(!entra.has_fallen_back());
}

#[tokio::test]
async fn a_certificate_that_is_not_uploaded_yet_waits_while_the_older_one_works() {
    let mut rig = Rig::start().await;
    let (new, old) = (certificate("new", 365), certificate("old", 20));
    rig.settings.credential = Credential::Certificates(vec![new.clone(), old.clone()]);
    let entra = rig.entra();
    // What a header with the new thumbprint begins with, in base64url, is in no request with the old one.
    let header =
        B64.encode(json!({"alg": "PS256", "typ": "JWT", "x5t#S256": new.public().x5t_s256()}).to_string());
    refuses_those_with(&rig, &header, 700_027).await;
    redeem(&entra).await.expect("the older one works");
    assert!(entra.has_fallen_back());
    let (header, _) = parts(&param(&rig.last_body().await, "client_assertion").unwrap());
    assert_eq!(header["x5t#S256"], old.public().x5t_s256());
}

#[tokio::test]
async fn a_federated_token_is_read_anew_for_every_request() {
    let mut rig = Rig::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    rig.settings.credential = Credential::FederatedToken(file.clone());
    let entra = rig.entra();
    let told = refusal(redeem(&entra).await);
    assert!(
        told.what.contains("federated token file cannot be read") && told.effect == Effect::SetUp,
        "{told:?}"
    );
    for token in ["token.of.monday", "token.of.tuesday"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        redeem(&entra).await.unwrap();
        assert_eq!(param(&rig.last_body().await, "client_assertion").unwrap(), token);
    }
    std::fs::write(&file, " \n").unwrap();
    assert!(refusal(redeem(&entra).await).what.contains("empty"));
}

fn identity_token(expires_in: u64) -> ResponseTemplate {
    ok(
        &json!({"access_token": "token.of.identity", "expires_in": expires_in.to_string(), "token_type": "Bearer"}),
    )
}

async fn identities(rig: &mut Rig, client_id: Option<&str>) -> (MockServer, Entra) {
    rig.settings.credential = Credential::ManagedIdentity { client_id: client_id.map(str::to_owned) };
    let azure = MockServer::start().await;
    let entra = rig.entra().with_identity_endpoint(azure.uri().parse().unwrap());
    (azure, entra)
}

#[tokio::test]
async fn a_managed_identity_proves_the_app_and_its_token_is_kept_until_shortly_before_its_end() {
    let mut rig = Rig::start().await;
    let (azure, entra) = identities(&mut rig, Some("identity-1")).await;
    Mock::given(method("GET"))
        .and(header("Metadata", "true"))
        .and(query_param("api-version", "2018-02-01"))
        .and(query_param("resource", "api://AzureADTokenExchange"))
        .and(query_param("client_id", "identity-1"))
        .respond_with(identity_token(3600))
        .mount(&azure)
        .await;
    redeem(&entra).await.unwrap();
    assert_eq!(param(&rig.last_body().await, "client_assertion").unwrap(), "token.of.identity");
    rig.advance(3299);
    redeem(&entra).await.unwrap();
    assert_eq!(azure.received_requests().await.unwrap().len(), 1);
    rig.advance(1);
    azure.reset().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(500)).mount(&azure).await;
    redeem(&entra).await.expect("the old token counts as long as there is no new one");
    assert_eq!(azure.received_requests().await.unwrap().len(), 1);
    rig.advance(300);
    assert!(
        unavailable(redeem(&entra).await).0.contains("500"),
        "a server that is not there now is no refusal"
    );
}

#[tokio::test]
async fn a_server_without_that_identity_says_so() {
    let mut rig = Rig::start().await;
    let (azure, entra) = identities(&mut rig, None).await;
    let body = json!({"error": "invalid_request", "error_description": "Identity not found"});
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(400).set_body_json(body))
        .mount(&azure)
        .await;
    let told = refusal(redeem(&entra).await);
    assert!(told.what.contains("no such managed identity") && told.hint.contains("Identity"), "{told:?}");
    assert!(!azure.received_requests().await.unwrap()[0].url.query().unwrap().contains("client_id"));
}

#[tokio::test]
async fn the_check_tries_each_secret_and_counts_the_days() {
    let mut rig = Rig::start().await;
    rig.refuses(400, &json!({"error": "invalid_grant", "error_description": "AADSTS9002313: malformed."}));
    let credential = |days: u64, next: Option<&str>| {
        let expires_at = Some(Timestamp::from_secs(NOW).plus(Duration::from_secs(days * DAY)));
        Credential::Secret(ClientSecret {
            current: Secret::from("s3cret"),
            next: next.map(Secret::from),
            expires_at,
        })
    };
    for (days, what, hint) in [
        (200, "client ID and client secret are accepted, until 2027-08-03", None),
        (
            12,
            "client ID and client secret are accepted, until 2027-01-27",
            Some("it ends in 12 days: create the next"),
        ),
        (0, "client ID and client secret are accepted", Some("correct the date")),
    ] {
        rig.settings.credential = credential(days, None);
        let step = check_of(&rig.entra(), "credential").await;
        assert_eq!((step.outcome, step.what.as_str()), (Outcome::Passed, what));
        match hint {
            Some(hint) => assert!(step.hint.unwrap().contains(hint), "{days}"),
            None => assert_eq!(step.hint, None, "{days}"),
        }
    }
    rig.settings.credential = credential(12, Some("next-s3cret"));
    let entra = rig.entra();
    assert_eq!(check_of(&entra, "credential").await.hint, None, "the next one is there");
    assert_eq!(check_of(&entra, "next_credential").await.what, "the next client secret is accepted too");
    refuses_those_with(&rig, "client_secret=next-s3cret", 7_000_215).await;
    let step = check_of(&entra, "next_credential").await;
    assert_eq!((step.outcome, step.code), (Outcome::Failed, Some(7_000_215)));
    assert_eq!(check_of(&entra, "credential").await.outcome, Outcome::Passed);
}

#[tokio::test]
async fn the_check_names_the_certificate_and_one_that_is_over() {
    let mut rig = Rig::start().await;
    rig.refuses(400, &json!({"error": "invalid_grant", "error_description": "AADSTS9002313: malformed."}));
    let certificate = certificate("app", 12);
    let thumbprint = certificate.public().thumbprint();
    rig.settings.credential = Credential::Certificates(vec![certificate]);
    let step = check_of(&rig.entra(), "credential").await;
    assert_eq!(
        step.what,
        format!("client ID and certificate {} is accepted, until 2027-01-27", &thumbprint[..8])
    );
    assert!(step.hint.unwrap().starts_with("it ends in 12 days"));
    refuses_those_with(&rig, "client_assertion=", 700_027).await;
    rig.advance(13 * DAY);
    let step = check_of(&rig.entra(), "credential").await;
    assert_eq!((step.outcome, step.code), (Outcome::Failed, Some(700_027)));
    assert!(step.what.ends_with("It ended on 2027-01-27."), "{}", step.what);
}
