//! The switches over HTTP, for scripts and the console.

use axum::body::Body;
use axum::http::Request;
use practice::Fault;

use crate::rig::{BASE, Rig, refresh_form};

#[tokio::test]
async fn a_script_sees_everybody_and_switches_a_fault_by_name() {
    let rig = Rig::asking();
    let before = rig.get("/practice").await.json();
    let keys: Vec<_> =
        before["people"].as_array().unwrap().iter().map(|p| p["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["ada", "ben", "gus", "dora", "olga"]);
    assert_eq!(before["people"][3]["disabled"], true);
    assert_eq!(before["faults"].as_array().unwrap().len(), Fault::ALL.len());

    let after = rig.post_json("/practice/faults", r#"{"fault":"expired-secret","on":true}"#).await.json();
    let on = |overview: &serde_json::Value| {
        let faults = overview["faults"].as_array().unwrap().clone();
        faults.into_iter().find(|fault| fault["fault"] == "expired-secret").unwrap()["on"].clone()
    };
    assert_eq!((on(&before), on(&after)), (false.into(), true.into()));
    assert_eq!(rig.practice.faults(), [Fault::ExpiredSecret]);
}

#[tokio::test]
async fn a_script_disables_and_revokes_people() {
    let rig = Rig::signing_in("ada");
    let token = rig.tokens().await["refresh_token"].clone();
    rig.post_json("/practice/people", r#"{"person":"ada","disabled":true}"#).await;
    assert_eq!(rig.token(&refresh_form(&token)).await.aadsts(), Some(50057));
    rig.post_json("/practice/people", r#"{"person":"ada","disabled":false,"revoke":true}"#).await;
    assert_eq!(rig.token(&refresh_form(&token)).await.aadsts(), Some(50173));
}

#[tokio::test]
async fn what_does_not_exist_is_said_so_and_changes_nothing() {
    let rig = Rig::asking();
    for (path, body, error) in [
        ("/practice/faults", r#"{"fault":"typo","on":true}"#, "unknown_fault"),
        ("/practice/faults", r#"{"fault":"slow"}"#, "unreadable"),
        ("/practice/faults", r#"{"fault":"slow","on":true,"extra":1}"#, "unreadable"),
        ("/practice/people", r#"{"person":"zoe","disabled":true}"#, "unknown_person"),
    ] {
        let answer = rig.post_json(path, body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (400, Some(error)), "{body}");
    }
    assert!(rig.practice.faults().is_empty());
    assert!(!rig.practice.set_disabled("zoe", true) && !rig.practice.revoke("zoe"));
}

#[tokio::test]
async fn a_page_of_another_site_cannot_throw_a_switch() {
    let rig = Rig::asking();
    let json = "application/json";
    for (origin, media_type, status) in [
        (Some("https://evil.example"), json, 403),
        (Some("null"), json, 403),
        (Some("http://localhost:4242"), json, 403),
        (None, "text/plain", 415),
        (None, "application/x-www-form-urlencoded", 415),
        (Some(BASE), "application/json; charset=utf-8", 200),
        (None, json, 200),
    ] {
        rig.practice.set_fault(Fault::Garbage, false);
        let mut request = Request::post("/practice/faults")
            .header("host", "localhost:4243")
            .header("content-type", media_type);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let body = Body::from(r#"{"fault":"garbage","on":true}"#);
        let answer = rig.send(request.body(body).unwrap()).await;
        assert_eq!(answer.status, status, "{origin:?} {media_type}");
        assert_eq!(rig.practice.faults().is_empty(), status != 200, "{origin:?} {media_type}");
    }
}
