//! Sign-ins that succeed, and what goes over the wire for them.

use std::collections::HashMap;

use model::ExposeSecret as _;
use model::access::Access;
use model::scope::ScopeSet;
use model::settings::Credential;
use model::time::Timestamp;
use model::upstream::{Effect, Upstream as _};
use serde_json::json;
use url::Url;

use crate::rig::*;

#[tokio::test]
async fn a_good_answer_makes_a_person() {
    let rig = Rig::start().await;
    let signed_in = redeem(&rig.entra()).await.unwrap();
    assert_eq!((signed_in.person.id.tenant.as_str(), signed_in.person.id.object.as_str()), (TENANT, "oid-1"));
    assert_eq!(signed_in.person.name.as_deref(), Some("Ada"));
    assert_eq!(signed_in.person.username.as_deref(), Some("ada@example.com"));
    assert_eq!(signed_in.person.email.as_deref(), Some("ada@mail.example"));
    assert_eq!(signed_in.person.roles, ["Reader"]);
    assert_eq!(signed_in.issuer.unwrap(), format!("{}/{TENANT}/v2.0", rig.server.uri()));
    assert_eq!(signed_in.tokens.refresh_token.unwrap().expose_secret(), "refresh-1");
    assert_eq!(signed_in.tokens.access_expires_at, Timestamp::from_secs(NOW + 3600));
    assert_eq!(signed_in.tokens.access_claims["scp"], "read");
    assert_eq!(signed_in.tokens.id_claims["name"], "Ada");
}

#[tokio::test]
async fn a_v1_token_of_an_old_manifest_is_as_good() {
    let rig = Rig::start().await;
    let v1 = json!({
        "iss": format!("{}/sts/{TENANT}/", rig.server.uri()), "aud": API, "ver": "1.0", "appid": CLIENT,
        "unique_name": "ada@example.com", "azp": null,
    });
    rig.gives(&rig.id(), &but(rig.access(), &v1));
    let signed_in = redeem(&rig.entra()).await.unwrap();
    assert_eq!(signed_in.issuer.unwrap(), format!("{}/sts/{TENANT}/", rig.server.uri()));
}

#[tokio::test]
async fn at_a_name_for_many_each_directory_has_its_own_issuer() {
    let rig = Rig::for_many("organizations").await;
    let theirs = json!({"iss": format!("{}/{OTHER_TENANT}/v2.0", rig.server.uri()), "tid": OTHER_TENANT});
    rig.gives(&but(rig.id(), &theirs), &but(rig.access(), &theirs));
    assert_eq!(redeem(&rig.entra()).await.unwrap().person.id.tenant, OTHER_TENANT);
}

#[tokio::test]
async fn a_domain_stands_for_the_directory_its_metadata_names() {
    let mut rig = Rig::start().await;
    let issuer = format!("{}/{TENANT}/v2.0", rig.server.uri());
    let at = "/contoso.example/v2.0/.well-known/openid-configuration";
    wiremock::Mock::given(wiremock::matchers::path(at))
        .respond_with(ok(&metadata(&rig.server.uri(), &issuer)))
        .mount(&rig.server)
        .await;
    rig.settings.tenant = "contoso.example".into();
    redeem(&rig.entra()).await.unwrap();
}

#[tokio::test]
async fn clocks_may_be_a_minute_apart() {
    let rig = Rig::start().await;
    let times = json!({"nbf": NOW + 60, "exp": NOW + 61});
    rig.gives(&but(rig.id(), &times), &but(rig.access(), &times));
    redeem(&rig.entra()).await.unwrap();
    rig.advance(120);
    redeem(&rig.entra()).await.expect("59 s past the end is within the leeway");
}

#[tokio::test]
async fn the_browser_is_sent_with_our_parameters_and_no_others() {
    let mut rig = Rig::start().await;
    rig.settings.extra_authorize_scopes = ScopeSet::parse_lenient("https://graph.microsoft.com/User.Read");
    let url = Url::parse(&rig.entra().authorize_url(&leg()).await.unwrap()).unwrap();
    assert_eq!(url.path(), "/authorize");
    let count = url.query_pairs().count();
    let pairs: HashMap<_, _> = url.query_pairs().into_owned().collect();
    let expected = [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("state", "state-1"),
        ("nonce", NONCE),
        ("redirect_uri", "http://localhost:4242/auth/callback"),
        ("code_challenge_method", "S256"),
        ("code_challenge", &model::pkce::PkceChallenge::of_verifier(&"v".repeat(43)).to_text()),
        (
            "scope",
            &format!("{API}/read openid profile email offline_access https://graph.microsoft.com/User.Read"),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(pairs, HashMap::from(expected));
    assert_eq!(count, 8, "each parameter once (AADSTS9000411)");
}

#[tokio::test]
async fn a_code_is_redeemed_with_exactly_what_entra_wants() {
    let mut rig = Rig::start().await;
    rig.settings.extra_authorize_scopes = ScopeSet::parse_lenient("https://graph.microsoft.com/User.Read");
    redeem(&rig.entra()).await.unwrap();
    let scope = format!("{API}/read openid profile email offline_access");
    let expected = [
        ("client_id", CLIENT),
        ("client_secret", "s3cret"),
        ("code", "code-1"),
        ("code_verifier", &"v".repeat(43)),
        ("grant_type", "authorization_code"),
        ("redirect_uri", "http://localhost:4242/auth/callback"),
        ("scope", &scope),
    ];
    assert_eq!(rig.last_body().await, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let requests = rig.server.received_requests().await.unwrap();
    let token = requests.iter().find(|request| request.url.path() == "/token").unwrap();
    assert!(!token.headers.contains_key("authorization"), "the secret travels in the body");
    assert!(token.headers["user-agent"].to_str().unwrap().starts_with("just-mcp-oauth-proxy/"));
}

#[tokio::test]
async fn a_public_client_sends_no_secret_at_all() {
    let mut rig = Rig::start().await;
    rig.settings.credential = Credential::None;
    redeem(&rig.entra()).await.unwrap();
    let names: Vec<_> = rig.last_body().await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["client_id", "code", "code_verifier", "grant_type", "redirect_uri", "scope"]);
}

#[tokio::test]
async fn metadata_and_keys_are_fetched_once_a_day() {
    let rig = Rig::start().await;
    let entra = rig.entra();
    let (first, second) = tokio::join!(redeem(&entra), redeem(&entra));
    first.unwrap();
    second.unwrap();
    rig.advance(30);
    redeem(&entra).await.unwrap();
    assert_eq!((rig.asked("openid-configuration").await, rig.asked("/keys").await), (1, 1));
    rig.advance(24 * 3600 - 30);
    entra.authorize_url(&leg()).await.unwrap();
    assert_eq!(rig.asked("openid-configuration").await, 2);
}

#[tokio::test]
async fn nothing_printable_holds_a_token() {
    let rig = Rig::start().await;
    let signed_in = redeem(&rig.entra()).await.unwrap();
    let access = signed_in.tokens.access_token.expose_secret().to_owned();
    let printed = format!("{:?} {:?}", signed_in.tokens.access_token, signed_in.tokens.refresh_token);
    assert!(!printed.contains(&access) && !printed.contains("refresh-1"));
    assert!(!format!("{:?}", signed_in.person).contains("Ada"));
}

#[tokio::test]
async fn an_app_role_counts_only_from_a_directory_that_is_named() {
    let mut rig = Rig::for_many("organizations").await;
    let holders = || Access { roles: vec!["Reader".to_owned()], ..Access::default() };
    assert_eq!(refusal(redeem(&rig.entra().admitting(holders())).await).effect, Effect::Barred);
    let anybody = redeem(&rig.entra()).await.unwrap();
    assert!(anybody.person.roles.is_empty(), "tools ask for roles too");
    rig.settings.allowed_tenants = vec![TENANT.to_owned()];
    redeem(&rig.entra().admitting(holders())).await.unwrap();
}
