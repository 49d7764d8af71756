//! Signing in, refreshing, and acting on behalf of, when nothing is wrong.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as B64};
use model::ports::Clock as _;
use practice::{CLIENT_ID, CLIENT_SECRET, OTHER_TENANT_ID, TENANT_ID};
use serde_json::{Value, json};

use crate::rig::{
    Answer, BASE, Rig, START, VERIFIER, authorize_form, behalf_form, code_form, read_scope, refresh_form,
    with,
};

const GRAPH: &str = "https://graph.microsoft.com/User.Read";

#[tokio::test]
async fn ada_signs_in_through_the_page_and_gets_entras_v2_claims() {
    let rig = Rig::asking();
    let page = rig.authorize(&authorize_form()).await;
    assert_eq!(page.status, 200);
    let form = vec![("request", page.sealed()), ("person", "ada".to_owned())];
    let back = rig.post(&format!("/{TENANT_ID}/login"), &form).await.redirected();
    assert_eq!(back["state"], "the state & more");
    assert_eq!(back["session_state"].len(), 36);

    let answer = rig.token(&code_form(&back["code"])).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.header("cache-control").contains("no-store"));
    let tokens = answer.json();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], format!("api://{CLIENT_ID}/read"));
    assert_eq!(tokens["ext_expires_in"], tokens["expires_in"]);
    let lifetime = tokens["expires_in"].as_i64().unwrap();
    assert!((3600..4500).contains(&lifetime));

    let access = rig.verified(&tokens["access_token"]).await;
    let now = START.secs();
    for (claim, expected) in [
        ("iss", json!(format!("{BASE}/{TENANT_ID}/v2.0"))),
        ("aud", json!(CLIENT_ID)),
        ("azp", json!(CLIENT_ID)),
        ("azpacr", json!("1")),
        ("iat", json!(now)),
        ("nbf", json!(now)),
        ("exp", json!(now + lifetime)),
        ("name", json!("Ada Lindqvist")),
        ("preferred_username", json!("ada@practice.example")),
        ("scp", json!("read")),
        ("roles", json!(["Admin", "Member"])),
        ("tid", json!(TENANT_ID)),
        ("ver", json!("2.0")),
    ] {
        assert_eq!(access.get(claim), Some(&expected), "{claim}");
    }
    assert_eq!(access["groups"].as_array().unwrap().len(), 2);
    assert!(!access.contains_key("email") && !access.contains_key("nonce"));

    let id = rig.verified(&tokens["id_token"]).await;
    assert_eq!(id["nonce"], "the-nonce");
    assert_eq!(id["email"], "ada.lindqvist@practice.example");
    assert_eq!(id["aud"], CLIENT_ID);
    assert_eq!((&id["sub"], &id["oid"], &id["sid"]), (&access["sub"], &access["oid"], &access["sid"]));
}

#[tokio::test]
async fn the_documents_name_the_endpoints_and_the_issuer_rule_of_each_tenant() {
    let rig = Rig::asking();
    for (segment, listed, issuer) in [
        (TENANT_ID, TENANT_ID, TENANT_ID),
        ("practice.example", TENANT_ID, TENANT_ID),
        (OTHER_TENANT_ID, OTHER_TENANT_ID, OTHER_TENANT_ID),
        ("organizations", "organizations", "{tenantid}"),
        ("common", "common", "{tenantid}"),
        ("consumers", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"),
    ] {
        let document = rig.get(&format!("/{segment}/v2.0/.well-known/openid-configuration")).await.json();
        assert_eq!(document["issuer"], format!("{BASE}/{issuer}/v2.0"), "{segment}");
        assert_eq!(document["token_endpoint"], format!("{BASE}/{listed}/oauth2/v2.0/token"), "{segment}");
        let keys = rig.get(&format!("/{segment}/discovery/v2.0/keys")).await.json();
        let key = &keys["keys"][0];
        assert_eq!(key["issuer"], document["issuer"], "{segment}");
        assert_eq!((&key["use"], &key["e"], &key["x5t"]), (&json!("sig"), &json!("AQAB"), &key["kid"]));
        assert!(key.get("alg").is_none(), "Entra lists no alg");
    }
}

#[tokio::test]
async fn a_token_from_organizations_carries_the_issuer_of_the_persons_own_tenant() {
    for (person, tid) in [("ben", TENANT_ID), ("olga", OTHER_TENANT_ID)] {
        let rig = Rig::signing_in(person).at("organizations");
        let access = rig.verified(&rig.tokens().await["access_token"]).await;
        assert_eq!(access["tid"], tid);
        assert_eq!(access["iss"], format!("{BASE}/{tid}/v2.0"));
    }
}

#[tokio::test]
async fn a_guest_is_recognisable_by_acct_and_idp() {
    let rig = Rig::signing_in("gus");
    let access = rig.verified(&rig.tokens().await["access_token"]).await;
    assert_eq!(access["acct"], 1);
    assert_ne!(access["idp"], access["iss"]);
    assert_eq!(access["tid"], TENANT_ID);
    assert!(!access.contains_key("groups") && !access.contains_key("roles"));
}

#[tokio::test]
async fn a_refresh_rotates_the_token_and_the_older_one_keeps_working_as_at_entra() {
    let rig = Rig::signing_in("ben");
    let first = rig.tokens().await["refresh_token"].clone();
    let second = rig.token(&refresh_form(&first)).await.json();
    assert_ne!(second["refresh_token"], first);
    assert!(second["id_token"].is_string());
    for token in [&first, &second["refresh_token"]] {
        assert_eq!(rig.token(&refresh_form(token)).await.status, 200);
    }
}

#[tokio::test]
async fn refresh_and_access_tokens_survive_a_restart_because_nothing_about_them_is_stored() {
    let before = Rig::signing_in("ben");
    let tokens = before.tokens().await;
    let after = Rig::with(None, 2);
    let refreshed = after.token(&refresh_form(&tokens["refresh_token"])).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    let old = before.verified(&tokens["access_token"]).await;
    let new = after.verified(&refreshed.json()["access_token"]).await;
    assert_eq!((&old["oid"], &old["sub"], &old["sid"]), (&new["oid"], &new["sub"], &new["sid"]));
    assert_eq!(after.token(&behalf_form(&tokens["access_token"], GRAPH)).await.status, 200);
}

#[tokio::test]
async fn a_token_changed_on_the_way_is_noticed_even_after_the_restart_that_lost_its_key() {
    let before = Rig::signing_in("ben");
    let token = before.tokens().await["access_token"].clone();
    let parts: Vec<_> = token.as_str().unwrap().split('.').collect();
    let mut claims = before.verified(&token).await;
    claims.insert("oid".to_owned(), "ac71ce00-0000-4000-8000-0000000000a1".into());
    let claims = B64.encode(Value::from(claims).to_string());
    let forged = Value::from(format!("{}.{claims}.{}", parts[0], parts[2]));
    for rig in [before, Rig::with(None, 2)] {
        assert_eq!(rig.token(&behalf_form(&forged, GRAPH)).await.aadsts(), Some(50013));
        assert_eq!(rig.token(&behalf_form(&token, GRAPH)).await.status, 200, "unchanged it is good");
    }
}

#[tokio::test]
async fn on_behalf_of_leads_to_graph_which_knows_the_job_title() {
    let rig = Rig::signing_in("ben");
    let tokens = rig.tokens().await;
    let own_graph = format!("{BASE}/graph/User.Read");
    for scope in [GRAPH, &own_graph, "User.Read", "https://graph.microsoft.com/.default"] {
        let graph = rig.token(&behalf_form(&tokens["access_token"], scope)).await.json();
        assert_eq!(graph["scope"], "User.Read", "{scope}");
        let me = me(&rig, graph["access_token"].as_str().unwrap(), "").await;
        assert_eq!(me.status, 200, "{}", me.body);
        let me = me.json();
        assert_eq!((&me["displayName"], &me["jobTitle"]), (&json!("Ben Okafor"), &json!("Engineer")));
        assert_eq!(
            (&me["officeLocation"], &me["mail"]),
            (&json!("Lagos"), &json!("ben.okafor@practice.example"))
        );
        assert_eq!(me["userPrincipalName"], "ben@practice.example");
    }
}

#[tokio::test]
async fn graph_picks_the_fields_asked_for_and_refuses_tokens_made_out_to_the_app() {
    let rig = Rig::signing_in("ben");
    let tokens = rig.tokens().await;
    let graph = rig.token(&behalf_form(&tokens["access_token"], GRAPH)).await.json();
    let graph = graph["access_token"].as_str().unwrap();
    let picked = me(&rig, graph, "?$select=jobTitle,officeLocation").await.json();
    assert_eq!(picked["jobTitle"], "Engineer");
    assert!(picked.get("displayName").is_none());

    let wrong = me(&rig, tokens["access_token"].as_str().unwrap(), "").await;
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.json()["error"]["code"], "InvalidAuthenticationToken");
    rig.clock.advance(Duration::from_hours(2));
    assert_eq!(me(&rig, graph, "").await.status, 401, "an expired token");
}

#[tokio::test]
async fn the_secret_may_come_in_the_authorization_header() {
    let rig = Rig::signing_in("ben");
    for (secret, status) in [(CLIENT_SECRET, 200), ("wrong", 401)] {
        let form = with(with(code_form(&rig.code().await), "client_secret", ""), "client_id", "");
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
        let basic = STANDARD.encode(format!("{CLIENT_ID}:{}", secret.replace('~', "%7E")));
        let request = Request::post(format!("/{TENANT_ID}/oauth2/v2.0/token"))
            .header("host", "127.0.0.1:4243")
            .header("authorization", format!("Basic {basic}"))
            .body(Body::from(body));
        assert_eq!(rig.send(request.unwrap()).await.status, status, "{secret}");
    }
}

#[tokio::test]
async fn scopes_may_be_named_by_uri_by_guid_or_all_at_once_and_the_answer_qualifies_them() {
    let rig = Rig::signing_in("ben");
    let (read, write) = (format!("api://{CLIENT_ID}/read"), format!("api://{CLIENT_ID}/write"));
    for (asked, echoed, scp) in [
        (write.clone(), write.clone(), "write"),
        (format!("{CLIENT_ID}/read {write}"), format!("{read} {write}"), "read write"),
        (format!("api://{CLIENT_ID}/.default"), format!("{read} {write}"), "read write"),
    ] {
        let tokens = rig.token(&with(code_form(&rig.code().await), "scope", &asked)).await.json();
        assert_eq!(tokens["scope"], echoed, "{asked}");
        assert_eq!(rig.verified(&tokens["access_token"]).await["scp"], scp, "{asked}");
    }
}

#[tokio::test]
async fn without_offline_access_people_would_sign_in_every_hour() {
    let rig = Rig::signing_in("ben");
    let scope = read_scope().replace(" offline_access", "").replace(" email", "");
    let tokens = rig.token(&with(code_form(&rig.code().await), "scope", &scope)).await.json();
    assert!(tokens.get("refresh_token").is_none());
    assert!(!rig.verified(&tokens["id_token"]).await.contains_key("email"), "email was not asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_clients_with_one_code_exactly_one_gets_tokens() {
    let rig = Arc::new(Rig::signing_in("ben"));
    let code = rig.code().await;
    rig.practice.warm().await;
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let (rig, form) = (rig.clone(), code_form(&code));
            tokio::spawn(async move { rig.token(&form).await.status.as_u16() })
        })
        .collect();
    let mut outcomes = Vec::new();
    for one in tries {
        outcomes.push(one.await.unwrap());
    }
    outcomes.sort_unstable();
    assert_eq!(outcomes, [200, 400, 400, 400, 400, 400, 400, 400]);
}

#[tokio::test]
async fn authorize_takes_a_post_and_answers_in_the_fragment_when_asked_to() {
    let rig = Rig::signing_in("ben");
    let form = with(authorize_form(), "response_mode", "fragment");
    let answer = rig.post(&format!("/{TENANT_ID}/oauth2/v2.0/authorize"), &form).await;
    assert!(answer.header("location").contains("/auth/callback#code="));
    let form = code_form(&answer.redirected()["code"]);
    assert_eq!(rig.token(&with(form, "code_verifier", VERIFIER)).await.status, 200);
    assert_eq!(rig.clock.now(), START, "no test waits");
}

async fn me(rig: &Rig, token: &str, query: &str) -> Answer {
    let request = Request::get(format!("/graph/v1.0/me{query}"))
        .header("host", "localhost:4243")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty());
    rig.send(request.unwrap()).await
}
