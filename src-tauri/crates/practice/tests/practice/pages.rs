//! What the pages promise: nothing injected, nothing framed, nothing accepted from other sites.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use practice::{Fault, TENANT_ID};

use crate::rig::{Rig, authorize_form, with};

#[tokio::test]
async fn every_page_says_practice_has_no_script_and_cannot_be_framed_or_kept() {
    let rig = Rig::asking();
    let unknown = with(authorize_form(), "client_id", "x");
    for page in [
        rig.get("/").await,
        rig.get("/nothing/here").await,
        rig.get(&format!("/{TENANT_ID}/oauth2/v2.0/logout")).await,
        rig.authorize(&authorize_form()).await,
        rig.authorize(&unknown).await,
    ] {
        assert!(page.body.contains("This is not Microsoft"), "{}", page.body);
        assert!(!page.body.contains("<script"));
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"));
        assert!(!policy.contains("form-action"), "Chrome would apply it to the redirect to the app");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
    }
    let style = rig.get("/practice.css").await;
    assert_eq!((style.status.as_u16(), style.header("content-type")), (200, "text/css; charset=utf-8"));
}

#[tokio::test]
async fn what_a_request_brings_is_escaped_wherever_a_page_repeats_it() {
    let rig = Rig::asking();
    let evil = "\"><script>alert(1)</script>";
    let refused = rig.authorize(&with(authorize_form(), "client_id", evil)).await;
    assert_eq!(refused.aadsts(), Some(700_016));
    assert!(!refused.body.contains("<script") && refused.body.contains("alert(1)"));
    let uri = format!("http://localhost/{evil}");
    assert!(!rig.authorize(&with(authorize_form(), "redirect_uri", &uri)).await.body.contains("<script"));
    let hinted = rig.authorize(&with(authorize_form(), "login_hint", evil)).await;
    assert_eq!(hinted.status, 200);
    assert!(!hinted.body.contains("<script"));
}

#[tokio::test]
async fn the_sign_in_page_names_everybody_and_what_is_asked_for() {
    let rig = Rig::asking();
    rig.practice.set_fault(Fault::ClockSkew, true);
    let page = rig.authorize(&with(authorize_form(), "login_hint", "ben@practice.example")).await;
    for text in [
        "Ada Lindqvist",
        "Ben Okafor",
        "Gus Moreau",
        "Dora Haas",
        "Olga Novak",
        "localhost:4242",
        "clock-skew",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
    assert!(page.body.contains("value=\"ben\" autofocus"));
    assert_eq!(page.body.matches("autofocus").count(), 1);
}

#[tokio::test]
async fn lists_say_who_is_disabled_at_the_moment() {
    let rig = Rig::asking();
    for (dora, ada, disabled) in [(true, false, 1), (false, false, 0), (true, true, 2)] {
        rig.practice.set_disabled("dora", dora);
        rig.practice.set_disabled("ada", ada);
        for page in [rig.get("/").await, rig.authorize(&authorize_form()).await] {
            assert_eq!(page.body.matches("Account disabled").count(), disabled);
        }
    }
}

#[tokio::test]
async fn cancel_tells_the_app_that_the_person_declined() {
    let rig = Rig::asking();
    let sealed = rig.authorize(&authorize_form()).await.sealed();
    let answer = rig
        .post(&format!("/{TENANT_ID}/login"), &vec![("request", sealed), ("cancel", "1".to_owned())])
        .await;
    assert_eq!(answer.aadsts(), Some(65004));
    let back = answer.redirected();
    assert_eq!((back["error"].as_str(), back["error_subcode"].as_str()), ("access_denied", "cancel"));
    assert_eq!(back["state"], "the state & more");
}

#[tokio::test]
async fn after_a_refusal_somebody_else_can_be_chosen_without_starting_again() {
    let rig = Rig::asking();
    let login = format!("/{TENANT_ID}/login");
    let sealed = rig.authorize(&authorize_form()).await.sealed();
    let refused = rig.post(&login, &vec![("request", sealed), ("person", "dora".to_owned())]).await;
    assert_eq!(refused.aadsts(), Some(50057));
    let again = rig.post(&login, &vec![("request", refused.sealed()), ("again", "1".to_owned())]).await;
    assert_eq!(again.status, 200);
    let done = rig.post(&login, &vec![("request", again.sealed()), ("person", "ben".to_owned())]).await;
    assert!(done.redirected().contains_key("code"));
}

#[tokio::test]
async fn the_form_is_refused_when_made_up_too_old_or_sent_by_another_site() {
    let rig = Rig::asking();
    let login = format!("/{TENANT_ID}/login");
    let sealed = rig.authorize(&authorize_form()).await.sealed();
    let made_up = vec![("request", format!("{sealed}A")), ("person", "ada".to_owned())];
    assert_eq!(rig.post(&login, &made_up).await.aadsts(), Some(9_002_313));

    for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 302)] {
        let request = Request::post(&login)
            .header("host", "localhost:4243")
            .header("sec-fetch-site", site)
            .body(Body::from(format!("request={sealed}&person=ada")));
        assert_eq!(rig.send(request.unwrap()).await.status, status, "{site}");
    }
    rig.clock.advance(Duration::from_mins(31));
    let late = vec![("request", sealed), ("person", "ada".to_owned())];
    assert_eq!(rig.post(&login, &late).await.aadsts(), Some(50089));
}

#[tokio::test]
async fn names_that_are_not_loopback_are_turned_away_so_a_rebound_page_reads_nothing() {
    let rig = Rig::asking();
    for (host, status) in [("[::1]:4243", 200), ("127.0.0.1", 200), ("practice.evil.example:4243", 421)] {
        for path in ["/", "/practice", "/practice.css"] {
            let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
            assert_eq!(rig.send(request).await.status, status, "{host}{path}");
        }
    }
    let nameless = Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(rig.send(nameless).await.status, 421);
}
