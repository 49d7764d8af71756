//! What a check sends, and what it finds about the directory itself.

use entra::Outcome;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::rig::{Rig, TENANT, leg};

#[tokio::test]
async fn it_reads_and_redeems_a_code_that_nobody_was_given_and_does_nothing_else() {
    let rig = Rig::start().await;
    rig.refuses(400, &json!({"error": "invalid_grant", "error_description": "AADSTS9002313: malformed."}));
    rig.entra().check(&[leg().redirect_uri]).await;
    let mut sent = Vec::new();
    for request in rig.server.received_requests().await.unwrap() {
        sent.push(format!("{} {}", request.method, request.url.path()));
        if request.url.path() == "/authorize" {
            assert!(
                request.url.query_pairs().any(|pair| pair == ("prompt".into(), "none".into())),
                "nobody is asked"
            );
        }
    }
    let metadata = format!("GET /{TENANT}/v2.0/.well-known/openid-configuration");
    assert_eq!(sent, [metadata.as_str(), "GET /keys", "GET /keys", "POST /token", "GET /authorize"]);
    let body = rig.last_body().await;
    let param = |name: &str| body.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!((param("grant_type"), param("code")), (Some("authorization_code"), Some("0")));
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_told_from_a_host_that_does_not_answer() {
    let found = async |rig: &Rig| -> Vec<(&str, Outcome)> {
        let steps = rig.entra().check(&[leg().redirect_uri]).await;
        steps.iter().take(2).map(|step| (step.about, step.outcome)).collect()
    };
    let says = |rig: &Rig, answer| *rig.says.metadata.lock().unwrap() = answer;
    let there = vec![("authority", Outcome::Passed), ("tenant", Outcome::Passed)];
    let not_there = vec![("authority", Outcome::Passed), ("tenant", Outcome::Failed)];

    let rig = Rig::start().await;
    assert_eq!(found(&rig).await, there);
    let unknown = json!({"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant not found."});
    says(&rig, ResponseTemplate::new(400).set_body_json(unknown));
    assert_eq!(found(&rig).await, not_there);
    says(&rig, ResponseTemplate::new(503));
    assert_eq!(found(&rig).await, [("authority", Outcome::Failed)]);

    let flow = Rig::for_customers().await;
    assert_eq!(found(&flow).await, there);
    says(&flow, ResponseTemplate::new(404));
    assert_eq!(found(&flow).await, not_there);

    assert_eq!(found(&Rig::for_many("organizations").await).await, there);
}
