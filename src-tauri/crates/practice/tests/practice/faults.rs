//! Each fault does what its sentence says, and stops when it is switched off.

use std::time::Duration;

use practice::{CLIENT_ID, Fault, IDENTIFIER_URI, TENANT_ID};
use serde_json::json;

use crate::rig::{BASE, Rig, START, authorize_form, behalf_form, code_form, refresh_form, with};

#[tokio::test]
async fn faults_of_the_token_endpoint_answer_with_their_number_and_go_away_again() {
    let rig = Rig::signing_in("ada");
    let token = rig.tokens().await["refresh_token"].clone();
    for (fault, status, code, error) in [
        (Fault::ExpiredSecret, 401, 7_000_222, "invalid_client"),
        (Fault::PublicClient, 401, 700_025, "invalid_client"),
        (Fault::MissingConsent, 400, 65001, "invalid_grant"),
        (Fault::UserNotAssigned, 400, 50105, "invalid_grant"),
        (Fault::ConditionalAccess, 400, 53003, "invalid_grant"),
        (Fault::MfaRequired, 400, 50076, "interaction_required"),
        (Fault::DisabledAtRefresh, 400, 50057, "invalid_grant"),
        (Fault::DeletedAtRefresh, 400, 50034, "invalid_grant"),
        (Fault::PasswordChanged, 400, 50173, "invalid_grant"),
        (Fault::SessionRevoked, 400, 50132, "invalid_grant"),
        (Fault::SignInFrequency, 400, 70043, "invalid_grant"),
        (Fault::TokenRevoked, 400, 50133, "invalid_grant"),
        (Fault::DeviceNotCompliant, 400, 53000, "interaction_required"),
        (Fault::Throttled, 429, 90055, "temporarily_unavailable"),
        (Fault::ServerError, 503, 90033, "temporarily_unavailable"),
    ] {
        rig.practice.set_fault(fault, true);
        let answer = rig.token(&refresh_form(&token)).await;
        let body = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &body["error_codes"], &body["error"]),
            (status, &json!([code]), &json!(error)),
            "{fault:?}"
        );
        rig.practice.set_fault(fault, false);
        assert_eq!(rig.token(&refresh_form(&token)).await.status, 200, "{fault:?} is off again");
    }
}

#[tokio::test]
async fn faults_of_the_sign_in_page_are_shown_there() {
    let rig = Rig::signing_in("ada");
    for (fault, code) in
        [(Fault::WrongRedirectUri, 50011), (Fault::UserNotAssigned, 50105), (Fault::ConditionalAccess, 53003)]
    {
        rig.practice.set_fault(fault, true);
        let answer = rig.authorize(&authorize_form()).await;
        assert_eq!((answer.status.as_u16(), answer.aadsts()), (400, Some(code)), "{fault:?}");
        rig.practice.set_fault(fault, false);
        assert_eq!(rig.authorize(&authorize_form()).await.status, 302, "{fault:?} is off again");
    }
}

#[tokio::test]
async fn a_second_factor_is_satisfied_by_signing_in_with_the_claims_that_were_asked_for() {
    let rig = Rig::signing_in("ada");
    rig.practice.set_fault(Fault::MfaRequired, true);
    let refused = rig.token(&code_form(&rig.code().await)).await.json();
    let claims = refused["claims"].as_str().expect("a claims challenge");
    assert!(claims.contains("access_token"));
    let back = rig.authorize(&with(authorize_form(), "claims", claims)).await.redirected();
    let tokens = rig.token(&code_form(&back["code"])).await.json();
    assert_eq!(rig.token(&refresh_form(&tokens["refresh_token"])).await.status, 200);
    assert_eq!(rig.token(&behalf_form(&tokens["access_token"], "User.Read")).await.status, 200);
}

#[tokio::test]
async fn an_account_disabled_at_refresh_could_still_sign_in() {
    let rig = Rig::signing_in("ada");
    rig.practice.set_fault(Fault::DisabledAtRefresh, true);
    let tokens = rig.tokens().await;
    assert_eq!(rig.token(&refresh_form(&tokens["refresh_token"])).await.aadsts(), Some(50057));
}

#[tokio::test]
async fn a_public_client_gets_tokens_without_a_secret_and_they_say_so() {
    let rig = Rig::signing_in("ada");
    rig.practice.set_fault(Fault::PublicClient, true);
    let form = with(code_form(&rig.code().await), "client_secret", "");
    let tokens = rig.token(&form).await.json();
    assert_eq!(rig.verified(&tokens["access_token"]).await["azpacr"], "0");
}

#[tokio::test]
async fn v1_tokens_follow_the_other_set_of_rules() {
    let rig = Rig::signing_in("ada");
    rig.practice.set_fault(Fault::V1Tokens, true);
    let tokens = rig.tokens().await;
    let access = rig.verified(&tokens["access_token"]).await;
    assert_eq!(access["iss"], format!("{BASE}/sts/{TENANT_ID}/"));
    assert_eq!((&access["aud"], &access["ver"]), (&json!(IDENTIFIER_URI), &json!("1.0")));
    assert_eq!((&access["appid"], &access["upn"]), (&json!(CLIENT_ID), &json!("ada@practice.example")));
    assert_eq!((&access["unique_name"], &access["scp"]), (&json!("ada@practice.example"), &json!("read")));
    assert!(!access.contains_key("azp") && !access.contains_key("preferred_username"));
    let id = rig.verified(&tokens["id_token"]).await;
    assert_eq!((&id["ver"], &id["sub"]), (&json!("2.0"), &access["sub"]));
    let graph = rig.token(&behalf_form(&tokens["access_token"], "User.Read")).await;
    assert_eq!(graph.status, 200, "{}", graph.body);
}

#[tokio::test]
async fn faults_in_the_tokens_change_one_claim_each() {
    let rig = Rig::signing_in("ada");
    rig.practice.set_fault(Fault::WrongAudience, true);
    let access = rig.verified(&rig.tokens().await["access_token"]).await;
    assert_eq!(access["aud"], "00000003-0000-0000-c000-000000000000");
    rig.practice.set_fault(Fault::WrongAudience, false);

    rig.practice.set_fault(Fault::MissingScope, true);
    let access = rig.verified(&rig.tokens().await["access_token"]).await;
    assert!(!access["scp"].as_str().unwrap().split(' ').any(|scope| scope == "read"));
    rig.practice.set_fault(Fault::MissingScope, false);

    rig.practice.set_fault(Fault::NoEmail, true);
    let tokens = rig.tokens().await;
    assert!(!rig.verified(&tokens["id_token"]).await.contains_key("email"));
    rig.practice.set_fault(Fault::NoEmail, false);

    rig.practice.set_fault(Fault::GroupOverage, true);
    let tokens = rig.tokens().await;
    let access = rig.verified(&tokens["access_token"]).await;
    assert!(!access.contains_key("groups"));
    assert_eq!(access["_claim_names"]["groups"], "src1");
    assert_eq!(rig.verified(&tokens["id_token"]).await["hasgroups"], true);
    rig.practice.set_fault(Fault::GroupOverage, false);

    rig.practice.set_fault(Fault::ClockSkew, true);
    let access = rig.verified(&rig.tokens().await["access_token"]).await;
    assert_eq!((&access["nbf"], &access["iat"]), (&json!(START.secs() + 600), &json!(START.secs() + 600)));
    rig.practice.set_fault(Fault::ClockSkew, false);

    rig.practice.set_fault(Fault::NoRefreshToken, true);
    assert!(rig.tokens().await.get("refresh_token").is_none());
}

#[tokio::test]
async fn rotated_keys_sign_anew_while_older_tokens_still_verify() {
    let rig = Rig::signing_in("ada");
    let old = rig.tokens().await["access_token"].clone();
    rig.practice.set_fault(Fault::RotatedKeys, true);
    let new = rig.tokens().await["access_token"].clone();
    let kid = |token: &serde_json::Value| jsonwebtoken::decode_header(token.as_str().unwrap()).unwrap().kid;
    assert_ne!(kid(&old), kid(&new));
    rig.verified(&old).await;
    rig.verified(&new).await;
}

#[tokio::test]
async fn outages_hit_the_documents_too_because_they_are_fetched_at_every_start() {
    let rig = Rig::asking();
    let document = format!("/{TENANT_ID}/v2.0/.well-known/openid-configuration");
    rig.practice.set_fault(Fault::Throttled, true);
    let answer = rig.get(&document).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "7"));
    rig.practice.set_fault(Fault::Throttled, false);
    rig.practice.set_fault(Fault::ServerError, true);
    assert_eq!(rig.get(&document).await.status, 503);
    rig.practice.set_fault(Fault::ServerError, false);
    rig.practice.set_fault(Fault::Garbage, true);
    for path in [document.clone(), format!("/{TENANT_ID}/discovery/v2.0/keys")] {
        let answer = rig.get(&path).await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").starts_with("text/html"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_answers_come_after_every_client_has_given_up() {
    let rig = Rig::asking();
    rig.practice.set_fault(Fault::Slow, true);
    let document = format!("/{TENANT_ID}/v2.0/.well-known/openid-configuration");
    let started = tokio::time::Instant::now();
    assert!(tokio::time::timeout(Duration::from_secs(39), rig.get(&document)).await.is_err());
    assert_eq!(rig.get(&document).await.status, 200);
    assert_eq!(started.elapsed(), Duration::from_secs(39 + 40));
}

#[tokio::test]
async fn no_consent_stops_on_behalf_of_as_well() {
    let rig = Rig::signing_in("ada");
    let access = rig.tokens().await["access_token"].clone();
    rig.practice.set_fault(Fault::MissingConsent, true);
    assert_eq!(rig.token(&behalf_form(&access, "User.Read")).await.aadsts(), Some(65001));
}

#[tokio::test]
async fn graph_tells_which_of_some_groups_the_person_is_in_unless_it_is_down_or_not_allowed() {
    let rig = Rig::signing_in("ada");
    let access = rig.tokens().await["access_token"].clone();
    let graph = rig.token(&behalf_form(&access, "User.Read")).await.json()["access_token"].clone();
    let asks = async |ids: &[&str]| {
        let request = axum::http::Request::post("/graph/v1.0/me/checkMemberGroups")
            .header("host", "localhost:4243")
            .header("authorization", format!("Bearer {}", graph.as_str().unwrap()))
            .body(axum::body::Body::from(json!({ "groupIds": ids }).to_string()));
        rig.send(request.unwrap()).await
    };
    let hers = "ac71ce00-0000-4000-8000-0000000006a2";
    let answer = asks(&["ac71ce00-0000-4000-8000-0000000006ff", hers]).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["value"]), (200, &json!([hers])));
    assert_eq!(asks(&[hers; 21]).await.status, 400, "20 at most");
    rig.practice.set_fault(Fault::GraphDown, true);
    assert_eq!(asks(&[hers]).await.status, 503);
    rig.practice.set_fault(Fault::GraphConsentMissing, true);
    assert_eq!(rig.token(&behalf_form(&access, "User.Read")).await.aadsts(), Some(65001));
}

#[test]
fn every_fault_has_a_name_that_scripts_can_use_and_a_sentence() {
    for fault in Fault::ALL {
        let name = fault.name();
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{name}");
        assert_eq!(serde_json::to_value(fault).unwrap(), name);
        assert_eq!(name.parse::<Fault>().unwrap(), *fault);
        assert!(fault.explanation().ends_with('.'), "{name}");
    }
}
