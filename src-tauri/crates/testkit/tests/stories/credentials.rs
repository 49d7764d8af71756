//! How the app proves itself to the identity provider, from the settings to a tool that is called: certificates, and one
//! secret replaced by the next while people work.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use model::certificate::{Certificate, self_signed};
use model::scope::ScopeSet;
use model::settings::{ClientSecret, Credential, EntraSettings, Identity};
use model::testing::SeededEntropy;
use model::time::Timestamp;
use model::{ExposeSecret as _, Secret};
use practice::{CLIENT_ID, CLIENT_SECRET, Fault, Federated, IDENTIFIER_URI, NEXT_CLIENT_SECRET, TENANT_ID};
use serde_json::json;
use testkit::Rig;

const PLATFORM: &str = "https://cluster.example";
const WORKLOAD: &str = "system:serviceaccount:default:proxy";
const YEAR: Duration = Duration::from_hours(365 * 24);

fn certificate(rig: &Rig) -> Certificate {
    let text = self_signed("story", rig.now(), YEAR, &SeededEntropy::new(8));
    Certificate::all_in_pem(text.expose_secret()).expect("it was just made").remove(0)
}

/// A server that knows the tenant of `directory` as any other identity provider.
async fn proven_by(directory: &Rig, credential: Credential) -> Rig {
    let authority = directory.running.practice_url.clone().expect("it runs on the practice tenant");
    let rig = Rig::start_with(|settings| {
        settings.identity = Identity::Entra(Box::new(EntraSettings {
            authority: authority.parse().expect("a URL"),
            tenant: TENANT_ID.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            credential,
            identifier_uri: IDENTIFIER_URI.to_owned(),
            required_scopes: ScopeSet::parse_lenient("read"),
            extra_authorize_scopes: ScopeSet::default(),
            allowed_tenants: Vec::new(),
        }));
    })
    .await;
    directory.practice().set_redirect_uris(vec![format!("{}/auth/callback", rig.base())]);
    rig
}

async fn credential_step(rig: &Rig) -> (entra::Outcome, String) {
    let steps = rig.check().await;
    let step = steps.into_iter().find(|step| step.about == "credential").expect("such a step");
    (step.outcome, step.what)
}

/// As a cluster writes it for its workloads.
fn platform_token(signer: &Certificate, now: Timestamp) -> String {
    let claims = json!({
        "iss": PLATFORM, "sub": WORKLOAD, "aud": "api://AzureADTokenExchange", "iat": now.secs(), "exp": now.secs() + 3600,
    });
    let header = json!({ "alg": "PS256", "typ": "JWT" });
    let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
    format!("{signed}.{}", B64.encode(signer.sign_ps256(signed.as_bytes())))
}

#[tokio::test]
async fn with_a_certificate_a_person_signs_in_calls_and_refreshes() {
    let directory = Rig::start().await;
    let certificate = certificate(&directory);
    let rig = proven_by(&directory, Credential::Certificates(vec![certificate.clone()])).await;
    let (outcome, what) = credential_step(&rig).await;
    assert_eq!(outcome, entra::Outcome::Failed, "{what}");
    assert!(what.contains("not registered"), "{what}");

    directory.practice().register_certificate(certificate.public().clone());
    let (outcome, what) = credential_step(&rig).await;
    assert_eq!(outcome, entra::Outcome::Passed, "{what}");
    assert!(what.contains(&certificate.public().thumbprint()[..8]), "{what}");
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    assert_eq!(ada.calls("get_user_info").await.status, 200);
    let ada = ada.refreshes().await;
    assert_eq!(ada.calls("version").await.status, 200);
}

#[tokio::test]
async fn a_secret_that_expires_is_followed_by_the_next_and_nobody_signs_in_again() {
    let directory = Rig::start().await;
    let credential = Credential::Secret(ClientSecret {
        current: Secret::from(CLIENT_SECRET),
        next: Some(Secret::from(NEXT_CLIENT_SECRET)),
        expires_at: None,
    });
    let rig = proven_by(&directory, credential).await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    directory.practice().set_fault(Fault::ExpiredSecret, true);
    let ada = ada.refreshes().await;
    assert_eq!(ada.calls("get_user_info").await.status, 200);
    rig.client("d").registers().await.signs_in(&mut rig.browser(), "ben").await;
    let steps = rig.check().await;
    let of =
        |about: &str| steps.iter().find(|step| step.about == about).map(|step| (step.outcome, step.code));
    assert_eq!(of("credential"), Some((entra::Outcome::Failed, Some(7_000_222))));
    assert_eq!(of("next_credential"), Some((entra::Outcome::Passed, None)));
}

#[tokio::test]
async fn a_platforms_token_in_a_file_proves_the_app_once_the_directory_trusts_it() {
    let directory = Rig::start().await;
    let signer = certificate(&directory);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, platform_token(&signer, directory.now())).unwrap();
    let rig = proven_by(&directory, Credential::FederatedToken(file)).await;
    let steps = rig.check().await;
    assert!(steps.iter().any(|step| step.code == Some(700_211) && step.hint.is_some()), "{steps:?}");
    directory.practice().trust(Federated {
        issuer: PLATFORM.to_owned(),
        subject: WORKLOAD.to_owned(),
        signer: signer.public().clone(),
    });
    rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
}
