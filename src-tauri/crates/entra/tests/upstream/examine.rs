//! Any token held to the rules of a sign-in, one by one.

use entra::Finding;
use serde_json::{Value, json};

use crate::rig::*;

async fn examined(rig: &Rig, claims: &Value) -> (&'static str, Vec<Finding>) {
    of(rig, &signed(claims), claims).await
}

async fn of(rig: &Rig, token: &str, claims: &Value) -> (&'static str, Vec<Finding>) {
    let examined = rig.entra().examine(token, claims.as_object().unwrap()).await;
    (examined.kind, examined.findings)
}

fn wrong(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|finding| !finding.ok).map(|finding| finding.text.as_str()).collect()
}

#[tokio::test]
async fn tokens_of_a_good_sign_in_are_good_and_called_what_they_are() {
    let rig = Rig::start().await;
    let (kind, findings) = examined(&rig, &rig.access()).await;
    assert_eq!((kind, findings.len()), ("access token of the identity provider, v2.0", 6));
    assert_eq!(wrong(&findings), [""; 0]);
    let (kind, findings) = examined(&rig, &rig.id()).await;
    assert_eq!((kind, wrong(&findings).len()), ("ID token of the identity provider", 0));
}

#[tokio::test]
async fn each_rule_answers_for_itself() {
    let rig = Rig::start().await;
    let all_wrong = json!({
        "iss": "https://elsewhere.example/", "tid": OTHER_TENANT, "exp": NOW - 600, "aud": "another-app", "scp": "write",
    });
    let (_, findings) = examined(&rig, &but(rig.access(), &all_wrong)).await;
    let told = wrong(&findings);
    assert_eq!(told.len(), 5, "{told:?}");
    for (told, about) in told.iter().zip(["issued by", "directory", "10 min", "another-app", "`read`"]) {
        assert!(told.contains(about), "{told}");
    }
    assert!(findings.iter().filter(|finding| !finding.ok).all(|finding| finding.hint.is_some()));
}

#[tokio::test]
async fn a_changed_token_is_told_from_one_that_cannot_be_checked_now() {
    let rig = Rig::start().await;
    let claims = rig.access();
    let forged = format!("{}.{}", signed(&claims).rsplit_once('.').unwrap().0, "A".repeat(342));
    let (_, findings) = of(&rig, &forged, &claims).await;
    assert_eq!(wrong(&findings), ["The signature of the access token is wrong."]);
    rig.says_keys(wiremock::ResponseTemplate::new(503));
    let (_, findings) = examined(&rig, &claims).await;
    assert!(wrong(&findings)[0].starts_with("its signature could not be checked"), "{findings:?}");
}

/// What is not as it should be, by what is said of it.
async fn amiss(rig: &Rig, changes: &Value) -> Vec<String> {
    let claims = but(rig.access(), changes).as_object().unwrap().clone();
    let steps = rig.entra().compare(&claims).await;
    assert!(steps.iter().all(|step| step.about == "token"), "{steps:#?}");
    steps.into_iter().filter(|step| step.outcome != entra::Outcome::Passed).map(|step| step.what).collect()
}

#[tokio::test]
async fn the_last_token_is_held_against_the_settings_whenever_it_was_given() {
    let rig = Rig::start().await;
    assert_eq!(amiss(&rig, &json!({})).await, [""; 0]);
    assert_eq!(
        amiss(&rig, &json!({ "exp": NOW - 90_000, "nbf": NOW - 99_000 })).await,
        [""; 0],
        "it may be over"
    );
    let scope = amiss(&rig, &json!({ "scp": "write" })).await;
    assert!(scope.len() == 1 && scope[0].contains("`read`"), "{scope:?}");
    assert_eq!(amiss(&rig, &json!({ "aud": "api://somebody-else" })).await.len(), 1);
    assert!(!amiss(&rig, &json!({ "tid": OTHER_TENANT })).await.is_empty());
    let told = rig.entra().compare(rig.access().as_object().unwrap()).await;
    assert_eq!(told.last().unwrap().what, "it is a member's, with no groups and one app role");
    let claims = but(rig.access(), &json!({ "acct": 1, "hasgroups": true, "roles": null }));
    let told = rig.entra().compare(claims.as_object().unwrap()).await;
    assert_eq!(told.last().unwrap().what, "it is a guest's, with more groups than it lists and no app roles");
}
