//! Servers that are not Entra.

use model::access::Access;
use model::settings::Credential;
use model::upstream::Upstream as _;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, ResponseTemplate};

use crate::rig::*;

/// A server whose metadata is right below its authority, which has a path, and that has no API of ours.
async fn plain() -> Rig {
    let mut rig = Rig::start().await;
    let authority = format!("{}/realms/one", rig.server.uri());
    Mock::given(method("GET"))
        .and(path("/realms/one/.well-known/openid-configuration"))
        .respond_with(ok(&with_sign_out(metadata(&rig.server.uri(), &authority), &rig.server.uri())))
        .mount(&rig.server)
        .await;
    rig.settings.authority = authority.parse().unwrap();
    rig.settings.tenant = "whatever".into();
    rig.settings.identifier_uri = String::new();
    rig
}

fn id(rig: &Rig) -> Value {
    json!({
        "iss": rig.settings.authority.as_str(), "aud": CLIENT, "sub": "sub-1", "nonce": NONCE, "exp": NOW + 300,
        "name": "Ada",
    })
}

fn answer(rig: &Rig, access: &str) -> Value {
    json!({"token_type": "Bearer", "expires_in": 600, "access_token": access, "id_token": signed(&id(rig))})
}

#[tokio::test]
async fn any_openid_connect_server_will_do() {
    let rig = plain().await;
    rig.says_tokens(&answer(&rig, "opaque"));
    let entra = rig.entra();
    let url = entra.authorize_url(&leg()).await.unwrap();
    assert!(url.contains("scope=read+openid+profile+email+offline_access&"), "no API, no prefix: {url}");
    let signed_in = redeem(&entra).await.unwrap();
    let host = rig.server.uri().replace("http://", "");
    assert_eq!((signed_in.person.id.tenant, signed_in.person.id.object), (host, "sub-1".to_owned()));
    assert_eq!(signed_in.issuer.as_deref(), Some(rig.settings.authority.as_str()));
    assert!(signed_in.tokens.access_claims.is_empty());
    assert_eq!(signed_in.tokens.access_expires_at.secs(), NOW + 600);
}

#[tokio::test]
async fn a_readable_access_token_of_theirs_is_shown_and_not_asked() {
    let rig = plain().await;
    let access = json!({
        "iss": rig.settings.authority.as_str(), "aud": "account", "sub": "x", "exp": NOW + 99, "color": "red",
        "tid": TENANT, "oid": "somebody-else", "name": "Eve",
    });
    rig.says_tokens(&answer(&rig, &signed(&access)));
    let signed_in = redeem(&rig.entra()).await.unwrap();
    assert_eq!(signed_in.tokens.access_claims["color"], "red");
    assert_eq!((signed_in.person.id.object.as_str(), signed_in.person.display()), ("sub-1", "Ada"));
    rig.says_tokens(&answer(&rig, &signed(&but(access, &json!({"iss": "https://evil.example"})))));
    assert!(redeem(&rig.entra()).await.unwrap().tokens.access_claims.is_empty());
}

#[tokio::test]
async fn their_id_token_is_held_to_the_same_rules() {
    let rig = plain().await;
    for (change, reason) in [
        (json!({"iss": "https://evil.example"}), "was issued by"),
        (json!({"iss": format!("{}/", rig.settings.authority)}), "was issued by"),
        (json!({"aud": "somebody"}), "meant for"),
        (json!({"nonce": "other"}), "another sign-in"),
        (json!({"exp": NOW - 60}), "had ended"),
    ] {
        let mut tokens = answer(&rig, "opaque");
        tokens["id_token"] = signed(&but(id(&rig), &change)).into();
        rig.says_tokens(&tokens);
        let what = refusal(redeem(&rig.entra()).await).what;
        assert!(what.contains(reason), "{change}: {what}");
    }
}

#[tokio::test]
async fn scopes_they_did_not_grant_are_missed() {
    let rig = plain().await;
    let mut tokens = answer(&rig, "opaque");
    tokens["scope"] = "openid profile".into();
    rig.says_tokens(&tokens);
    assert!(refusal(redeem(&rig.entra()).await).what.contains("`read`"));
    tokens["scope"] = "openid read".into();
    rig.says_tokens(&tokens);
    redeem(&rig.entra()).await.unwrap();
}

#[tokio::test]
async fn with_an_api_of_ours_their_access_token_must_be_for_it() {
    let mut rig = plain().await;
    rig.settings.identifier_uri = "https://api.example".into();
    let access = json!({
        "iss": rig.settings.authority.as_str(), "aud": ["https://api.example"], "sub": "sub-1", "exp": NOW + 99,
        "scope": "read write",
    });
    rig.says_tokens(&answer(&rig, &signed(&access)));
    redeem(&rig.entra()).await.unwrap();
    rig.says_tokens(&answer(&rig, &signed(&but(access, &json!({"aud": "account"})))));
    assert!(refusal(redeem(&rig.entra()).await).what.contains("meant for `account`"));
    rig.says_tokens(&answer(&rig, "opaque"));
    let refusal = refusal(redeem(&rig.entra()).await);
    assert!(
        refusal.what.contains("not a signed token"),
        "opaque is for servers without an API: {}",
        refusal.what
    );
}

#[tokio::test]
async fn a_server_that_calls_itself_something_else_is_refused() {
    let mut rig = Rig::start().await;
    let at = path("/.well-known/openid-configuration");
    let alias = metadata(&rig.server.uri(), "https://id.example.com");
    Mock::given(at).respond_with(ok(&alias)).mount(&rig.server).await;
    rig.settings.tenant = "nowhere".into();
    let refusal = refusal(redeem(&rig.entra()).await);
    assert!(refusal.what.contains("https://id.example.com"), "{}", refusal.what);
}

#[tokio::test]
async fn a_tenant_entra_does_not_know_is_explained() {
    let mut rig = Rig::start().await;
    rig.settings.tenant = "nowhere".into();
    assert!(refusal(redeem(&rig.entra()).await).hint.contains("tenant"), "nothing there at all");
    let body =
        json!({"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant 'nowhere' not found."});
    Mock::given(path("/nowhere/v2.0/.well-known/openid-configuration"))
        .respond_with(ResponseTemplate::new(400).set_body_json(body))
        .mount(&rig.server)
        .await;
    assert_eq!(refusal(redeem(&rig.entra()).await).code, Some(90002));
}

#[tokio::test]
async fn endpoints_without_https_are_refused_off_this_computer() {
    let rig = Rig::start().await;
    let issuer = format!("{}/{TENANT}/v2.0", rig.server.uri());
    for part in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let there = but(metadata(&rig.server.uri(), &issuer), &json!({part: "http://id.example.com/x"}));
        *rig.says.metadata.lock().unwrap() = ok(&there);
        let refusal = refusal(redeem(&rig.entra()).await);
        assert!(refusal.what.contains("id.example.com"), "{part}: {}", refusal.what);
    }
}

#[tokio::test]
async fn no_name_is_in_the_address_that_signs_somebody_out() {
    let rig = plain().await;
    for hint in ["opaque", "ada@mail.example"] {
        let url = sign_out_of(&rig.entra(), hint).await;
        assert!(url.contains("/logout?client_id=") && !url.contains("hint"), "{url}");
    }
}

#[tokio::test]
async fn nobody_is_advised_about_a_graph_that_is_not_there() {
    let mut rig = plain().await;
    rig.settings.credential = Credential::None;
    rig.says_tokens(&answer(&rig, "opaque"));
    let access = Access { groups: vec![OTHER_TENANT.into()], ..Access::default() };
    let entra = rig.entra().admitting(access);
    let refusal = refusal(redeem(&entra).await);
    assert!(refusal.hint.contains("the claim `groups`") && refusal.remedies.is_empty(), "{refusal:?}");
    for of_microsoft in ["client secret", "User.Read", "Token configuration"] {
        assert!(!refusal.hint.contains(of_microsoft), "{}", refusal.hint);
    }
    let steps = entra.check(&["http://localhost:4242/auth/callback".to_owned()]).await;
    assert!(steps.iter().all(|step| step.about != "access"), "{steps:?}");
}
