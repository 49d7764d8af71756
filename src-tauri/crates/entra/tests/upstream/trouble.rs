//! No usable answer: nobody is signed out because of it, and nobody is hammered because of it.

use std::sync::Arc;
use std::time::Duration;

use entra::Entra;
use model::testing::SeededEntropy;
use model::upstream::{Upstream as _, UpstreamError};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wiremock::ResponseTemplate;

use crate::rig::*;

#[tokio::test]
async fn every_shape_of_not_now_is_unavailable() {
    let rig = Rig::start().await;
    let entra = rig.entra();
    redeem(&entra).await.unwrap();
    let oauth =
        |code: &str| json!({"error": "invalid_grant", "error_description": format!("{code}: later.")});
    let shapes = [
        ResponseTemplate::new(429).set_body_json(oauth("AADSTS50057")),
        ResponseTemplate::new(500),
        ResponseTemplate::new(502).set_body_string("<html>bad gateway</html>"),
        ResponseTemplate::new(503).set_body_json(oauth("AADSTS50057")),
        ResponseTemplate::new(504),
        ResponseTemplate::new(408),
        ResponseTemplate::new(302).insert_header("location", "http://portal.example/login"),
        ResponseTemplate::new(403).set_body_string("blocked by the proxy"),
        ResponseTemplate::new(400).set_body_json(json!({"message": "no"})),
        ResponseTemplate::new(400).set_body_json(oauth("AADSTS90033")),
        ResponseTemplate::new(400).set_body_json(oauth("AADSTS50196")),
        ResponseTemplate::new(400).set_body_json(json!({"error": "temporarily_unavailable"})),
        ResponseTemplate::new(400).set_body_json(json!({"error": "server_error"})),
        ResponseTemplate::new(200),
        ResponseTemplate::new(200).set_body_json(json!({"token_type": "Bearer"})),
        ResponseTemplate::new(200).set_body_raw("<html>welcome to the hotel</html>", "text/html"),
    ];
    for (at, shape) in shapes.into_iter().enumerate() {
        *rig.says.token.lock().unwrap() = shape;
        let outcome = redeem(&entra).await;
        assert!(matches!(outcome, Err(UpstreamError::Unavailable { .. })), "shape {at}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_pause_that_is_asked_for_is_passed_on() {
    let rig = Rig::start().await;
    let answer = |status: u16, pause: &str| {
        let body = json!({"error": "invalid_grant", "error_description": "AADSTS90033: later."});
        ResponseTemplate::new(status).insert_header("retry-after", pause).set_body_json(body)
    };
    for (status, pause, expected) in [
        (429, "17", Some(17)),
        (503, "5", Some(5)),
        (400, "3", Some(3)),
        (429, "999999", Some(3600)),
        (429, "soon", None),
    ] {
        *rig.says.token.lock().unwrap() = answer(status, pause);
        let (_, retry_after) = unavailable(redeem(&rig.entra()).await);
        assert_eq!(retry_after, expected.map(Duration::from_secs), "{status} {pause}");
    }
}

#[tokio::test]
async fn a_token_request_is_never_sent_on_to_another_address() {
    let rig = Rig::start().await;
    let elsewhere = format!("{}/elsewhere", rig.server.uri());
    for status in [302, 307, 308] {
        *rig.says.token.lock().unwrap() =
            ResponseTemplate::new(status).insert_header("location", elsewhere.as_str());
        unavailable(redeem(&rig.entra()).await);
    }
    assert_eq!(rig.asked("/elsewhere").await, 0, "code and client secret would go along");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let rig = Rig::start().await;
    let mut body = json!({
        "token_type": "Bearer", "access_token": signed(&rig.access()), "id_token": signed(&rig.id()),
    })
    .to_string();
    body.push_str(&" ".repeat(1024 * 1024));
    *rig.says.token.lock().unwrap() = ResponseTemplate::new(200).set_body_raw(body, "application/json");
    assert!(unavailable(redeem(&rig.entra()).await).0.contains("more than"));
}

#[tokio::test]
async fn what_is_said_about_trouble_holds_no_secret() {
    let rig = Rig::start().await;
    let body = json!({"access_token": 7, "token_type": "Bearer", "refresh_token": "refresh-secret"});
    rig.says_tokens(&body);
    let error = redeem(&rig.entra()).await.unwrap_err();
    let told = format!("{error} {error:?}");
    for secret in ["refresh-secret", "s3cret", "code-1"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_or_does_not_answer_is_unavailable() {
    let rig = Rig::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut settings = rig.settings.clone();
    settings.authority = format!("http://{address}").parse().unwrap();
    let impatient = reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(30)).build().unwrap();
    let entra =
        Entra::new(settings, impatient, Arc::clone(&rig.clock) as Arc<_>, Arc::new(SeededEntropy::new(1)));
    let silent = unavailable(redeem(&entra).await).0;
    assert!(silent.contains("did not answer in time"), "{silent}");
    drop(listener);
    rig.advance(5);
    let gone = unavailable(redeem(&entra).await).0;
    assert!(gone.contains("cannot be reached"), "{gone}");
}

#[tokio::test]
async fn failing_metadata_is_asked_for_every_five_seconds_at_most() {
    let rig = Rig::start().await;
    let good = rig.says.metadata.lock().unwrap().clone();
    *rig.says.metadata.lock().unwrap() = ResponseTemplate::new(503).insert_header("retry-after", "9");
    let entra = rig.entra();
    for _ in 0..3 {
        assert_eq!(unavailable(redeem(&entra).await).1, Some(Duration::from_secs(9)));
    }
    assert_eq!(rig.asked("openid-configuration").await, 1);
    *rig.says.metadata.lock().unwrap() = good;
    rig.advance(5);
    redeem(&entra).await.unwrap();
}

#[tokio::test]
async fn old_metadata_and_keys_serve_while_new_ones_fail() {
    let rig = Rig::start().await;
    let entra = rig.entra();
    redeem(&entra).await.unwrap();
    *rig.says.metadata.lock().unwrap() = ResponseTemplate::new(500);
    rig.says_keys(ResponseTemplate::new(200).set_body_string("garbage"));
    rig.advance(25 * 3600);
    let times = json!({"nbf": NOW, "exp": NOW + 26 * 3600});
    rig.gives(&but(rig.id(), &times), &but(rig.access(), &times));
    redeem(&entra).await.expect("yesterday's documents are better than none");
    assert_eq!((rig.asked("openid-configuration").await, rig.asked("/keys").await), (2, 2), "it did try");
}

#[tokio::test]
async fn rotated_keys_are_fetched_at_once_and_then_once_a_minute_at_most() {
    let rig = Rig::start().await;
    let entra = rig.entra();
    redeem(&entra).await.unwrap();
    let with_key = |kid: &str| {
        let header = json!({"alg": "RS256", "kid": kid});
        let token = |claims: Value| signed_as(&header, &claims);
        rig.says_tokens(&json!({
            "token_type": "Bearer", "access_token": token(rig.access()), "id_token": token(rig.id()),
        }));
    };
    with_key("key-2");
    rig.says_keys(ok(&jwks("key-2")));
    redeem(&entra).await.expect("a rotation is noticed by the first token that shows it");
    assert_eq!(rig.asked("/keys").await, 2);

    with_key("key-3");
    rig.advance(45);
    let (_, retry_after) = unavailable(redeem(&entra).await);
    assert_eq!(retry_after, Some(Duration::from_secs(15)));
    assert_eq!(rig.asked("/keys").await, 2, "not twice in a minute");

    rig.advance(15);
    assert!(refusal(redeem(&entra).await).what.contains("does not publish"));
    assert_eq!(rig.asked("/keys").await, 3);
}

#[tokio::test]
async fn a_failing_key_refresh_keeps_the_old_keys() {
    let rig = Rig::start().await;
    let entra = rig.entra();
    redeem(&entra).await.unwrap();
    rig.says_keys(ResponseTemplate::new(500));
    let good = rig.says.token.lock().unwrap().clone();
    rig.says_tokens(&json!({
        "token_type": "Bearer", "access_token": "x",
        "id_token": signed_as(&json!({"alg": "RS256", "kid": "key-2"}), &rig.id()),
    }));
    unavailable(redeem(&entra).await);
    *rig.says.token.lock().unwrap() = good;
    redeem(&entra).await.expect("the keys from before the failure still work");
}

#[tokio::test]
async fn a_code_is_not_spent_while_its_answer_could_not_be_verified() {
    let rig = Rig::start().await;
    rig.says_keys(ResponseTemplate::new(500));
    let entra = rig.entra();
    entra.authorize_url(&leg()).await.unwrap();
    unavailable(redeem(&entra).await);
    assert_eq!(rig.asked("/token").await, 0);
}
