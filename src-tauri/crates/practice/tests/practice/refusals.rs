//! Everything that is refused, by number: tables of one change each to a request that would work.

use std::time::Duration;

use practice::{CLIENT_ID, IDENTIFIER_URI, TENANT_ID};
use serde_json::Value;

use crate::rig::{CALLBACK, Rig, authorize_form, behalf_form, code_form, read_scope, refresh_form, with};

/// Where an authorize request ends that is not answered with a code.
#[derive(Debug, PartialEq)]
enum Told {
    /// On a page; the browser never leaves.
    Page,
    /// At the app, as this OAuth error.
    App(&'static str),
}

#[tokio::test]
async fn authorize_refuses_what_entra_refuses_and_only_a_known_app_hears_of_it() {
    let rig = Rig::signing_in("ada");
    let api = format!("{IDENTIFIER_URI}/read");
    let prefixed = format!("{IDENTIFIER_URI}/openid");
    let unknown = format!("{IDENTIFIER_URI}/delete");
    for (name, value, code, told) in [
        ("client_id", "11111111-1111-4111-8111-111111111111", 700_016, Told::Page),
        ("client_id", "", 900_144, Told::Page),
        ("redirect_uri", "http://localhost:4242/auth/callback/", 50011, Told::Page),
        ("redirect_uri", "http://localhost:9999/auth/callback", 50011, Told::Page),
        ("redirect_uri", "https://evil.example/", 50011, Told::Page),
        ("response_mode", "form_post", 90023, Told::Page),
        ("response_type", "", 900_144, Told::App("invalid_request")),
        ("response_type", "id_token", 700_054, Told::App("unsupported_response_type")),
        ("scope", "", 900_144, Told::App("invalid_request")),
        ("scope", "read", 650_053, Told::App("invalid_client")),
        ("scope", &unknown, 650_053, Told::App("invalid_client")),
        ("scope", &prefixed, 65005, Told::App("invalid_client")),
        ("scope", "api://other/read", 500_011, Told::App("invalid_resource")),
        ("scope", "offline_access", 70011, Told::App("invalid_scope")),
        ("scope", CLIENT_ID, 90009, Told::App("invalid_request")),
        ("resource", "http://localhost:4242/mcp", 9_010_010, Told::App("invalid_target")),
        ("resource", IDENTIFIER_URI, 901_002, Told::App("invalid_request")),
        ("prompt", "maybe", 90023, Told::App("invalid_request")),
        ("code_challenge", "short", 501_491, Told::App("invalid_request")),
        ("code_challenge_method", "plain", 50149, Told::App("invalid_request")),
        ("code_challenge_method", "", 50149, Told::App("invalid_request")),
    ] {
        let answer = rig.authorize(&with(authorize_form(), name, value)).await;
        assert_eq!(answer.aadsts(), Some(code), "{name}={value}");
        let heard = if answer.status == 302 {
            let back = answer.redirected();
            assert_eq!(back["state"], "the state & more", "{name}={value}");
            assert!(!back.contains_key("code"));
            Some(back["error"].clone())
        } else {
            assert_eq!(answer.status, 400);
            None
        };
        match told {
            Told::Page => assert_eq!(heard, None, "{name}={value}"),
            Told::App(error) => assert_eq!(heard.as_deref(), Some(error), "{name}={value}"),
        }
    }
    let fine = with(authorize_form(), "scope", &format!("{api} https://graph.microsoft.com/User.Read"));
    assert!(
        rig.authorize(&fine).await.redirected().contains_key("code"),
        "two resources may ask for consent"
    );
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused_because_two_readers_would_pick_different_ones() {
    let rig = Rig::signing_in("ada");
    let mut form = with(authorize_form(), "prompt", "select_account");
    form.push(("prompt", "consent".to_owned()));
    assert_eq!(rig.authorize(&form).await.aadsts(), Some(9_000_411));
    let mut form = code_form(&rig.code().await);
    form.push(("scope", read_scope()));
    assert_eq!(rig.token(&form).await.aadsts(), Some(9_000_411));
}

#[tokio::test]
async fn nobody_is_signed_in_silently_unless_somebody_answers_by_itself() {
    let silent = with(authorize_form(), "prompt", "none");
    let asked = Rig::asking().authorize(&silent).await;
    assert_eq!(asked.aadsts(), Some(50058));
    assert_eq!(asked.redirected()["error"], "login_required");
    assert!(Rig::signing_in("ada").authorize(&silent).await.redirected().contains_key("code"));
}

#[tokio::test]
async fn an_unknown_tenant_is_refused_in_the_language_of_each_endpoint() {
    let rig = Rig::asking();
    let metadata = rig.get("/contoso.example/v2.0/.well-known/openid-configuration").await;
    assert_eq!((metadata.status.as_u16(), &metadata.json()["error_codes"][0]), (400, &90002.into()));
    assert_eq!(rig.get("/contoso.example/discovery/v2.0/keys").await.aadsts(), Some(90002));
    let token = rig.post("/contoso.example/oauth2/v2.0/token", &code_form("x")).await;
    assert_eq!(token.json()["error_codes"][0], 90002);
    let page = rig.get("/contoso.example/oauth2/v2.0/authorize").await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(page.aadsts(), Some(90002));
}

#[tokio::test]
async fn people_who_may_not_sign_in_are_told_on_a_page() {
    for (person, tenant, code) in [
        ("dora", TENANT_ID, 50057),
        ("olga", TENANT_ID, 50020),
        ("olga", "consumers", 50020),
        ("ada", practice::OTHER_TENANT_ID, 50020),
        ("nobody", TENANT_ID, 50034),
    ] {
        let answer = Rig::signing_in(person).at(tenant).authorize(&authorize_form()).await;
        assert_eq!((answer.status.as_u16(), answer.aadsts()), (400, Some(code)), "{person} at {tenant}");
        assert!(answer.header("location").is_empty());
    }
}

#[tokio::test]
async fn the_token_endpoint_refuses_what_entra_refuses() {
    let rig = Rig::signing_in("ada");
    let both = format!("{} https://graph.microsoft.com/User.Read", read_scope());
    for (name, value, code, status, error) in [
        ("grant_type", "", 900_144, 400, "invalid_request"),
        ("grant_type", "password", 70003, 400, "unsupported_grant_type"),
        ("client_id", "", 900_144, 400, "invalid_request"),
        ("client_id", "11111111-1111-4111-8111-111111111111", 700_016, 400, "unauthorized_client"),
        ("client_secret", "", 7_000_218, 401, "invalid_client"),
        ("client_secret", "wrong", 7_000_215, 401, "invalid_client"),
        ("code", "", 900_144, 400, "invalid_request"),
        ("code", "nonsense", 9_002_313, 400, "invalid_request"),
        ("code", "1.APmade-up", 70000, 400, "invalid_grant"),
        ("code_verifier", "another-verifier-of-at-least-forty-three-chars", 501_481, 400, "invalid_grant"),
        ("code_verifier", "", 501_481, 400, "invalid_grant"),
        ("redirect_uri", "http://localhost:4242/elsewhere", 50011, 400, "invalid_grant"),
        ("redirect_uri", "", 900_144, 400, "invalid_request"),
        ("scope", "", 900_144, 400, "invalid_request"),
        ("scope", "offline_access", 70011, 400, "invalid_scope"),
        ("scope", "openid profile offline_access", 70011, 400, "invalid_scope"),
        ("scope", &both, 28000, 400, "invalid_request"),
        ("scope", "read", 650_053, 400, "invalid_client"),
        ("resource", "http://localhost:4242/mcp", 9_010_010, 400, "invalid_target"),
    ] {
        let answer = rig.token(&with(code_form(&rig.code().await), name, value)).await;
        let body = answer.json();
        assert_eq!(body["error_codes"][0], code, "{name}={value}: {body}");
        assert_eq!((answer.status.as_u16(), body["error"].as_str()), (status, Some(error)), "{name}={value}");
    }
}

#[tokio::test]
async fn an_error_has_entras_shape_so_it_can_be_shown_with_its_trace() {
    let rig = Rig::signing_in("ada");
    let body = rig.token(&code_form("1.APmade-up")).await.json();
    let text = body["error_description"].as_str().unwrap();
    assert!(text.starts_with("AADSTS70000: "));
    for part in ["trace_id", "correlation_id", "timestamp"] {
        assert!(text.contains(body[part].as_str().unwrap()), "{part}");
    }
    assert_eq!(body["timestamp"], "2026-11-23 22:56:00Z");
    assert_eq!(body["error_uri"], "https://login.microsoftonline.com/error?code=70000");
}

#[tokio::test]
async fn a_code_works_once_and_for_ten_minutes() {
    let rig = Rig::signing_in("ada");
    let code = rig.code().await;
    assert_eq!(rig.token(&with(code_form(&code), "client_secret", "wrong")).await.status, 401);
    assert_eq!(rig.token(&code_form(&code)).await.status, 200, "a failed try does not spend the code");
    assert_eq!(rig.token(&code_form(&code)).await.aadsts(), Some(54005));
    let late = rig.code().await;
    rig.clock.advance(Duration::from_secs(601));
    assert_eq!(rig.token(&code_form(&late)).await.aadsts(), Some(70008));
}

#[tokio::test]
async fn a_code_of_another_tenant_is_refused() {
    let rig = Rig::signing_in("olga").at("organizations");
    let code = rig.code().await;
    let rig = rig.at(TENANT_ID);
    assert_eq!(rig.token(&code_form(&code)).await.aadsts(), Some(700_005));
}

#[tokio::test]
async fn a_refresh_is_refused_for_each_reason_that_ends_a_session() {
    let rig = Rig::signing_in("ada");
    let token = rig.tokens().await["refresh_token"].clone();
    let refresh = || refresh_form(&token);
    assert_eq!(rig.token(&with(refresh(), "scope", "")).await.aadsts(), Some(90009));
    assert_eq!(rig.token(&with(refresh(), "scope", "offline_access")).await.aadsts(), Some(70011));
    assert_eq!(rig.token(&with(refresh(), "refresh_token", "nonsense")).await.aadsts(), Some(9_002_313));
    let tampered = format!("{}AA", token.as_str().unwrap());
    assert_eq!(rig.token(&with(refresh(), "refresh_token", &tampered)).await.aadsts(), Some(70000));

    assert!(rig.practice.set_disabled("ada", true));
    assert_eq!(rig.token(&refresh()).await.aadsts(), Some(50057));
    assert!(rig.practice.set_disabled("ada", false));
    assert_eq!(rig.token(&refresh()).await.status, 200);

    assert!(rig.practice.revoke("ada"));
    assert_eq!(rig.token(&refresh()).await.aadsts(), Some(50173));
    let fresh = rig.tokens().await["refresh_token"].clone();
    assert_eq!(rig.token(&refresh_form(&fresh)).await.status, 200, "a new sign-in is not revoked");
    rig.clock.advance(Duration::from_hours(24 * 90 + 1));
    assert_eq!(rig.token(&refresh_form(&fresh)).await.aadsts(), Some(700_082));
}

#[tokio::test]
async fn on_behalf_of_takes_only_a_fresh_token_made_out_to_the_app() {
    let rig = Rig::signing_in("ada");
    let token = rig.tokens().await["access_token"].clone();
    let graph = "https://graph.microsoft.com/User.Read";
    let form = || behalf_form(&token, graph);
    assert_eq!(rig.token(&with(form(), "requested_token_use", "")).await.aadsts(), Some(900_144));
    assert_eq!(rig.token(&with(form(), "requested_token_use", "other")).await.aadsts(), Some(90023));
    assert_eq!(rig.token(&with(form(), "scope", "")).await.aadsts(), Some(900_144));
    let broken = token.as_str().unwrap().replacen("eyJ", "eyK", 1);
    assert_eq!(rig.token(&with(form(), "assertion", &broken)).await.aadsts(), Some(50013));
    let for_graph = rig.token(&form()).await.json()["access_token"].clone();
    assert_eq!(rig.token(&behalf_form(&for_graph, graph)).await.aadsts(), Some(500_131));
    rig.clock.advance(Duration::from_hours(2));
    assert_eq!(rig.token(&form()).await.aadsts(), Some(500_133));
}

#[tokio::test]
async fn redirect_uris_can_be_changed_while_it_runs() {
    let rig = Rig::signing_in("ada");
    rig.practice.set_redirect_uris(vec!["https://new.example/auth/callback?kept=1".to_owned()]);
    assert_eq!(rig.authorize(&authorize_form()).await.aadsts(), Some(50011));
    let form = with(authorize_form(), "redirect_uri", "https://new.example/auth/callback?kept=1");
    let location = rig.authorize(&form).await.header("location").to_owned();
    assert!(location.starts_with("https://new.example/auth/callback?kept=1&code="), "{location}");
    rig.practice.set_redirect_uris(vec![CALLBACK.to_owned()]);
    assert_ne!(rig.tokens().await["access_token"], Value::Null);
}
