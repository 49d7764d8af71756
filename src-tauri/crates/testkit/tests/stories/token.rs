//! Codes and refresh tokens: once, in proof of possession, and gone when they should be.

use std::time::Duration;

use practice::Fault;
use testkit::Rig;

#[tokio::test]
async fn the_token_answer_has_the_shape_clients_rely_on() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let landed = client.lands(&mut rig.browser(), "ada").await;
    let answer = client.redeem(&landed.param("code").unwrap(), &[]).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.text("token_type"), "Bearer");
    assert_eq!(answer.text("scope"), "read");
    assert!(
        answer.body["expires_in"].as_u64().unwrap() > 300,
        "several clients refresh on every call below that"
    );
    let token = answer.text("access_token");
    assert!(token.is_ascii() && token.len() < 4096);
    let header = decode(token.split('.').next().unwrap());
    assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("at+jwt"), Some("EdDSA")), "RFC 9068");
    let claims = decode(token.split('.').nth(1).unwrap());
    assert_eq!(claims["aud"], format!("{}/mcp", rig.base()));
    assert_eq!(claims["iss"], rig.base());
    assert_eq!(claims["client_id"], client.id.as_str());
    let text = claims.to_string();
    assert!(
        !text.contains('@') && !text.contains("Ada"),
        "no name or address in a token a client keeps: {text}"
    );
}

fn decode(part: &str) -> serde_json::Value {
    use base64::Engine as _;
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

#[tokio::test]
async fn a_replayed_code_revokes_what_it_bought() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let code = client.lands(&mut rig.browser(), "ada").await.param("code").unwrap();
    let ada = client.connected(&client.redeem(&code, &[]).await);
    assert_eq!(ada.calls("version").await.status, 200);

    let thief = rig.client("thief").registers().await;
    let replay = thief.redeem(&code, &[]).await;
    assert_eq!((replay.status, replay.error()), (400, "invalid_grant"));
    assert_eq!(ada.calls("version").await.status, 401, "a token already trusted is cut off too");
    assert_eq!(ada.refresh().await.error(), "invalid_grant");
    assert!(rig.event_names().await.contains(&"code_replayed"));
}

#[tokio::test]
async fn an_honest_double_post_is_only_refused_and_a_late_one_revokes() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let code = client.lands(&mut rig.browser(), "ada").await.param("code").unwrap();
    let ada = client.connected(&client.redeem(&code, &[]).await);
    assert_eq!(client.redeem(&code, &[]).await.error(), "invalid_grant");
    assert_eq!(ada.calls("version").await.status, 200, "some clients post twice; their session survives");
    rig.pass(Duration::from_secs(61));
    assert_eq!(client.redeem(&code, &[]).await.error(), "invalid_grant");
    assert_eq!(ada.calls("version").await.status, 401);
}

#[tokio::test]
async fn of_parallel_redemptions_exactly_one_wins() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let code = client.lands(&mut rig.browser(), "ada").await.param("code").unwrap();
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let (client, code) = (client.clone(), code.clone());
            tokio::spawn(async move { client.redeem(&code, &[]).await })
        })
        .collect();
    let mut won = Vec::new();
    for one in tries {
        let answer = one.await.unwrap();
        match answer.status {
            200 => won.push(answer),
            _ => assert_eq!((answer.status, answer.error()), (400, "invalid_grant")),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(client.connected(&won[0]).calls("version").await.status, 200);
}

#[tokio::test]
async fn a_code_without_its_proof_buys_nothing_and_stays_good_for_its_owner() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let other = rig.client("other").registers().await;
    let code = client.lands(&mut rig.browser(), "ada").await.param("code").unwrap();
    for (changes, error) in [
        (vec![("code_verifier", Some("b".repeat(43)))], "invalid_grant"),
        (vec![("code_verifier", None)], "invalid_request"),
        (vec![("redirect_uri", Some("http://127.0.0.1:2/callback".to_owned()))], "invalid_grant"),
        (vec![("redirect_uri", None)], "invalid_grant"),
        (vec![("client_id", Some(other.id.clone()))], "invalid_grant"),
        (vec![("client_id", Some("client_unknown".to_owned()))], "invalid_client"),
        (vec![("client_id", None)], "invalid_client"),
        (vec![("resource", Some("https://other.example/mcp".to_owned()))], "invalid_target"),
        (vec![("grant_type", Some("password".to_owned()))], "unsupported_grant_type"),
        (vec![("grant_type", None)], "invalid_request"),
        (vec![("code", Some("jmc_guess".to_owned()))], "invalid_grant"),
    ] {
        let changes: Vec<(&str, Option<&str>)> = changes.iter().map(|(n, v)| (*n, v.as_deref())).collect();
        let answer = client.redeem(&code, &changes).await;
        assert_eq!(answer.error(), error, "{changes:?}: {}", answer.body);
        assert_eq!(answer.status, if error == "invalid_client" { 401 } else { 400 });
        assert_eq!(answer.header("cache-control"), "no-store", "{changes:?}");
        assert!(!answer.text("error_description").is_empty(), "{changes:?}");
    }
    assert_eq!(client.redeem(&code, &[]).await.status, 200);
}

#[tokio::test]
async fn a_code_is_good_for_five_minutes() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let code = client.lands(&mut rig.browser(), "ada").await.param("code").unwrap();
    rig.pass(Duration::from_secs(301));
    let late = client.redeem(&code, &[]).await;
    assert_eq!((late.status, late.error()), (400, "invalid_grant"));
    assert!(late.text("error_description").contains("expired"));
}

#[tokio::test]
async fn json_at_the_token_endpoint_is_told_what_to_send() {
    let rig = Rig::start().await;
    let answer =
        rig.client("c").request("POST", "/token", &[("content-type", "application/json")], "{}").await;
    assert_eq!((answer.status, answer.error()), (400, "invalid_request"));
    assert!(answer.text("error_description").contains("x-www-form-urlencoded"));
}

#[tokio::test]
async fn a_form_is_read_although_the_header_names_json_beside_it() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let form =
        format!("grant_type=refresh_token&refresh_token={}&client_id={}", ada.refresh_token, ada.client.id);
    let kinds = ("content-type", "application/json, application/x-www-form-urlencoded");
    let stale = ("authorization", "Bearer stale");
    let answer = rig.client("c").request("POST", "/token", &[kinds, stale], &form).await;
    assert_eq!((answer.status, answer.text("token_type")), (200, "Bearer"), "{}", answer.body);
}

#[tokio::test]
async fn parallel_refreshes_of_an_honest_client_get_one_and_the_same_answer() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let tries: Vec<_> = (0..5)
        .map(|_| {
            let ada = ada.clone();
            tokio::spawn(async move { ada.refresh().await })
        })
        .collect();
    let mut answers = Vec::new();
    for one in tries {
        let answer = one.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answers.push((answer.text("access_token").to_owned(), answer.text("refresh_token").to_owned()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    let refreshed = rig.event_names().await.iter().filter(|name| **name == "refreshed").count();
    assert_eq!(refreshed, 1, "the provider was asked once");
}

#[tokio::test]
async fn a_lost_answer_is_given_again_within_the_grace_and_reuse_after_it_ends_the_family() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let first = ada.refresh().await;
    rig.pass(Duration::from_secs(59));
    let again = ada.refresh().await;
    assert_eq!(again.text("refresh_token"), first.text("refresh_token"));
    assert_eq!(again.body["expires_in"].as_u64().unwrap(), 3600 - 59);
    let next = ada.client.connected(&first);
    assert_eq!(next.calls("version").await.status, 200);

    rig.pass(Duration::from_secs(2));
    let reused = ada.refresh().await;
    assert_eq!((reused.status, reused.error()), (400, "invalid_grant"));
    assert_eq!(next.calls("version").await.status, 401, "the whole family is out");
    assert_eq!(next.refresh().await.error(), "invalid_grant");
}

#[tokio::test]
async fn rotation_keeps_its_answers_across_a_restart() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let first = ada.refresh().await;
    let rig = rig.restarted().await;
    assert_eq!(ada.refresh().await.text("refresh_token"), first.text("refresh_token"));
    drop(rig);
}

#[tokio::test]
async fn every_real_way_of_refreshing_works_and_none_widens() {
    let rig = Rig::start().await;
    let mut ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let resource = format!("{}/mcp", rig.base());
    for changes in [
        vec![],
        vec![("scope", Some("read"))],
        vec![("scope", Some("read write openid profile"))],
        vec![("resource", Some(resource.as_str()))],
        vec![("scope", Some("")), ("client_secret", Some(""))],
    ] {
        let answer = ada.refresh_with(&changes).await;
        assert_eq!(answer.status, 200, "{changes:?} {}", answer.body);
        assert_eq!(answer.text("scope"), "read", "{changes:?}");
        ada = ada.client.connected(&answer);
    }
    let foreign = ada.refresh_with(&[("resource", Some("https://other.example/mcp"))]).await;
    assert_eq!(foreign.error(), "invalid_target");
    assert_eq!(ada.refresh().await.status, 200, "and it was not spent");
}

#[tokio::test]
async fn somebody_elses_refresh_token_is_useless_and_unharmed() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let other = rig.client("other").registers().await;
    let stolen = other
        .token_with(&[("grant_type", "refresh_token"), ("refresh_token", &ada.refresh_token)], &[])
        .await;
    assert_eq!((stolen.status, stolen.error()), (400, "invalid_grant"));
    assert_eq!(ada.refresh().await.status, 200);
}

#[tokio::test]
async fn revoking_either_token_ends_the_session_at_once() {
    let rig = Rig::start().await;
    for which in ["access", "refresh"] {
        let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
        assert_eq!(ada.calls("version").await.status, 200);
        let token = if which == "access" { &ada.access_token } else { &ada.refresh_token };
        assert_eq!(ada.revokes(token).await.status, 200);
        let cut = ada.calls("version").await;
        assert_eq!(cut.status, 401, "{which}");
        assert!(cut.header("www-authenticate").contains("error=\"invalid_token\""));
        assert_eq!(ada.refresh().await.error(), "invalid_grant");
        assert_eq!(ada.revokes(token).await.status, 200, "again is fine (RFC 7009)");
    }
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    assert_eq!(ada.revokes("unknown").await.status, 200);
    let other = rig.client("other").registers().await;
    assert_eq!(other.post_form("/revoke", &[("token", &ada.refresh_token)], &[]).await.status, 200);
    assert_eq!(ada.calls("version").await.status, 200, "another client revokes nothing");
}

#[tokio::test]
async fn a_person_disabled_at_the_provider_is_out_at_the_next_refresh() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    rig.practice().set_disabled("ada", true);
    let refused = ada.refresh().await;
    assert_eq!((refused.status, refused.error()), (400, "invalid_grant"), "{}", refused.body);
    assert_eq!(ada.calls("version").await.status, 401);
    rig.practice().set_disabled("ada", false);
    assert_eq!(ada.refresh().await.error(), "invalid_grant", "ended is ended");
    assert_eq!(ada.client.signs_in(&mut rig.browser(), "ada").await.calls("version").await.status, 200);
}

#[tokio::test]
async fn a_provider_that_is_down_logs_nobody_out() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    for fault in [Fault::ServerError, Fault::Throttled, Fault::Garbage] {
        let refused = rig.with_fault(fault, ada.refresh()).await;
        assert_eq!(
            (refused.status, refused.error()),
            (503, "temporarily_unavailable"),
            "{fault:?} {}",
            refused.body
        );
        assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
        assert_eq!(ada.calls("version").await.status, 200, "{fault:?}");
    }
    assert_eq!(ada.refreshes().await.calls("version").await.status, 200);
}

#[tokio::test]
async fn a_set_up_that_broke_is_nobodys_sign_out() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let refused = rig.with_fault(Fault::ExpiredSecret, ada.refresh()).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.text("error_description").contains("secret"), "{}", refused.body);
    assert_eq!(ada.refresh().await.status, 200, "as soon as it is mended");
}

#[tokio::test]
async fn a_session_unused_for_ninety_days_is_over() {
    let rig = Rig::start().await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    rig.pass(Duration::from_secs(91 * 24 * 3600));
    let late = ada.refresh().await;
    assert_eq!(late.error(), "invalid_grant");
    assert!(late.text("error_description").contains("90 days"), "{}", late.body);
}
