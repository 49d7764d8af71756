//! Clients that sign their requests instead of sending a secret (`private_key_jwt`, RFC 7523).

use std::time::Duration;

use serde_json::json;
use testkit::{ASSERTION_TYPE, Answer, Client, Rig, Signer, changing_host, signing_host};

const CALLBACK: &str = "http://127.0.0.1/callback";

/// Proves itself to the token endpoint with an assertion of its own.
struct Signing<'a> {
    rig: &'a Rig,
    client: Client,
    signer: &'a Signer,
}

impl Signing<'_> {
    fn assertion(&self, jti: &str) -> String {
        self.signer.assertion(&self.client.id, self.rig.base(), jti, self.rig.now())
    }

    async fn redeems(&self, code: &str, assertion: &str) -> Answer {
        self.client
            .redeem(
                code,
                &[("client_assertion", Some(assertion)), ("client_assertion_type", Some(ASSERTION_TYPE))],
            )
            .await
    }

    async fn refreshes(&self, token: &str, assertion: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let proof = [("client_assertion", Some(assertion)), ("client_assertion_type", Some(ASSERTION_TYPE))];
        self.client.token_with(&form, &proof).await
    }

    async fn code(&self) -> String {
        let landed = self.client.lands(&mut self.rig.browser(), "ada").await;
        landed.param("code").unwrap_or_else(|| panic!("no code: {} {}", landed.url, landed.body))
    }
}

async fn registered(rig: &Rig, signer: &Signer) -> Client {
    let mut client = rig.client("signer");
    let metadata = json!({
        "client_name": "signer", "redirect_uris": [client.redirect_uri],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": signer.jwks(),
    });
    let answer = client.register_as(&metadata).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.text("token_endpoint_auth_method"), "private_key_jwt");
    assert!(answer.body.get("client_secret").is_none() && answer.body["jwks"]["keys"].is_array());
    answer.text("client_id").clone_into(&mut client.id);
    client
}

fn published(rig: &Rig, url: &str) -> Client {
    let mut client = rig.client("published");
    url.clone_into(&mut client.id);
    CALLBACK.clone_into(&mut client.redirect_uri);
    client
}

#[tokio::test]
async fn a_client_that_signs_needs_a_fresh_assertion_each_time_even_after_a_restart() {
    let rig = Rig::start().await;
    let signer = Signer::new("k1");
    let client = registered(&rig, &signer).await;
    let signing = Signing { rig: &rig, client: client.clone(), signer: &signer };
    let code = signing.code().await;

    let without = client.redeem(&code, &[]).await;
    assert_eq!((without.status, without.error()), (401, "invalid_client"));
    let first = signing.assertion("one");
    let tokens = signing.redeems(&code, &first).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);

    let refresh_token = tokens.text("refresh_token").to_owned();
    let again = signing.refreshes(&refresh_token, &first).await;
    assert_eq!((again.status, again.error()), (401, "invalid_client"), "an assertion is good once");
    assert!(again.text("error_description").contains("used before"), "{}", again.body);

    let rig = rig.restarted().await;
    let signing = Signing { rig: &rig, client: client.at(rig.base()), signer: &signer };
    assert_eq!(signing.refreshes(&refresh_token, &first).await.status, 401, "and stays used over a restart");
    let refreshed = signing.refreshes(&refresh_token, &signing.assertion("two")).await;
    assert_eq!(refreshed.status, 200, "nothing was lost by the refusals: {}", refreshed.body);
}

#[tokio::test]
async fn the_keys_of_a_published_client_come_from_its_jwks_uri() {
    let rig = Rig::start().await;
    let (signer, thief) = (Signer::new("k1"), Signer::new("k1"));
    let (url, _host) = signing_host(CALLBACK, &["private_key_jwt"], signer.jwks()).await;
    let client = published(&rig, &url);
    let signing = Signing { rig: &rig, client: client.clone(), signer: &signer };
    let code = signing.code().await;

    assert_eq!(client.redeem(&code, &[]).await.error(), "invalid_client", "it said that it signs");
    let stolen = Signing { rig: &rig, client: client.clone(), signer: &thief };
    let refused = stolen.redeems(&code, &stolen.assertion("x")).await;
    assert_eq!((refused.status, refused.error()), (401, "invalid_client"));
    let elsewhere = signer.assertion(&url, "https://elsewhere.example", "y", rig.now());
    assert_eq!(signing.redeems(&code, &elsewhere).await.status, 401, "meant for another server");

    let tokens = signing.redeems(&code, &signing.assertion("z")).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    let told = rig.event_names().await;
    assert_eq!(told.iter().filter(|name| **name == "token_refused").count(), 3, "{told:?}");
}

#[tokio::test]
async fn a_request_whose_answer_got_lost_may_be_sent_again_as_it_was() {
    let rig = Rig::start().await;
    let signer = Signer::new("k1");
    let client = registered(&rig, &signer).await;
    let signing = Signing { rig: &rig, client, signer: &signer };
    let tokens = signing.redeems(&signing.code().await, &signing.assertion("one")).await;
    let refresh_token = tokens.text("refresh_token");
    let assertion = signing.assertion("two");
    let first = signing.refreshes(refresh_token, &assertion).await;
    let again = signing.refreshes(refresh_token, &assertion).await;
    assert_eq!((first.status, again.status), (200, 200), "{}", again.body);
    assert_eq!(first.text("refresh_token"), again.text("refresh_token"), "the same answer");
    let elsewhere = signing.refreshes(first.text("refresh_token"), &assertion).await;
    assert_eq!(elsewhere.status, 401, "another request with it is a replay");
    rig.pass(Duration::from_secs(61));
    assert_eq!(signing.refreshes(refresh_token, &assertion).await.status, 401);
}

#[tokio::test]
async fn a_client_that_publishes_other_keys_is_known_by_them_and_no_longer_by_the_old() {
    let rig = Rig::start().await;
    let (old, new) = (Signer::new("k1"), Signer::new("k2"));
    let (url, publish) = changing_host(CALLBACK, &old.jwks()).await;
    let client = published(&rig, &url);
    let before = Signing { rig: &rig, client: client.clone(), signer: &old };
    let tokens = before.redeems(&before.code().await, &before.assertion("one")).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);

    publish(&new.jwks());
    // A copy counts for an hour.
    rig.pass(Duration::from_secs(3600));
    let refresh_token = tokens.text("refresh_token");
    assert_eq!(before.refreshes(refresh_token, &before.assertion("two")).await.status, 401, "withdrawn");
    let after = Signing { rig: &rig, client, signer: &new };
    let refreshed = after.refreshes(refresh_token, &after.assertion("three")).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
}

#[tokio::test]
async fn without_its_keys_a_client_that_must_sign_waits_and_one_that_may_is_served() {
    let rig = Rig::start().await;
    let signer = Signer::new("k1");
    for (methods, status) in [(&["private_key_jwt"][..], 503), (&["none", "private_key_jwt"], 200)] {
        let (url, host) = signing_host(CALLBACK, methods, signer.jwks()).await;
        let signing = Signing { rig: &rig, client: published(&rig, &url), signer: &signer };
        let code = signing.code().await;
        host.abort();
        let _ = host.await;
        let answer = signing.redeems(&code, &signing.assertion(&url)).await;
        assert_eq!(answer.status, status, "{methods:?}: {}", answer.body);
        if status == 503 {
            assert_eq!(answer.error(), "temporarily_unavailable");
            assert_eq!(answer.header("retry-after"), "60");
        }
    }
}

#[tokio::test]
async fn what_a_client_signs_must_be_right_even_if_it_need_not_sign() {
    let rig = Rig::start().await;
    let (signer, thief) = (Signer::new("k1"), Signer::new("k1"));
    let (url, _host) = signing_host(CALLBACK, &["none", "private_key_jwt"], signer.jwks()).await;
    let client = published(&rig, &url);
    let stolen = Signing { rig: &rig, client: client.clone(), signer: &thief };
    let code = stolen.code().await;
    assert_eq!(stolen.redeems(&code, &stolen.assertion("x")).await.error(), "invalid_client");
    assert_eq!(client.redeem(&code, &[]).await.status, 200, "as a public client it needs PKCE alone");
}

#[tokio::test]
async fn a_registration_says_with_which_keys_it_signs_and_says_it_once() {
    let rig = Rig::start().await;
    let client = rig.client("c");
    let set = Signer::new("k1").jwks();
    let uri = "https://client.example/jwks.json";
    for (jwks, jwks_uri, status) in [
        (None, None, 400),
        (Some(set.clone()), Some(uri), 400),
        (Some(json!({ "keys": [] })), None, 400),
        (Some(json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] })), None, 400),
        (Some(json!({ "keys": [{ "kty": "RSA", "n": "A".repeat(50_000), "e": "AQAB" }] })), None, 400),
        (Some(json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }] })), None, 400),
        (None, Some("http://client.example/jwks.json"), 400),
        (None, Some("https://10.0.0.1/jwks.json"), 400),
        (Some(set), None, 201),
        (None, Some(uri), 201),
    ] {
        let mut metadata = json!({
            "redirect_uris": ["https://client.example/cb"], "token_endpoint_auth_method": "private_key_jwt",
        });
        if let Some(jwks) = jwks {
            metadata["jwks"] = jwks;
        }
        if let Some(uri) = jwks_uri {
            metadata["jwks_uri"] = json!(uri);
        }
        let answer = client.register_as(&metadata).await;
        assert_eq!(answer.status, status, "{metadata}: {}", answer.body);
        if status == 400 {
            assert_eq!(answer.error(), "invalid_client_metadata");
        }
    }
}
