//! Directories of customers: Azure AD B2C with a user flow or policy, and External ID with an issuer on a host of its own.

use model::access::{Access, Somebody};
use model::remedy::open_pages;
use model::scope::ScopeSet;
use model::upstream::{Effect, Leg, Upstream as _, UpstreamError};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::rig::*;

#[tokio::test]
async fn a_customer_signs_in_by_the_flow_of_the_settings_and_is_of_the_issuers_directory() {
    let rig = Rig::for_customers().await;
    let signed_in =
        redeem(&rig.entra().admitting(Access { guests: false, ..Access::default() })).await.unwrap();
    let ada = &signed_in.person;
    assert_eq!((ada.id.tenant.as_str(), ada.id.object.as_str()), (TENANT, "oid-1"));
    assert_eq!((ada.name.as_deref(), ada.email.as_deref()), (Some("Ada"), Some("ada@mail.example")));
    assert!(!ada.guest, "whoever signed them in, such as Google");
    assert_eq!(rig.entra().profile(&signed_in.tokens).await, None, "there is no on-behalf-of");

    rig.gives(&but(rig.customer(&rig.id()), &json!({"nonce": null})), &rig.customer(&rig.access()));
    let again = rig.entra().refresh(ada, &signed_in.tokens, &ScopeSet::default()).await.unwrap();
    assert_eq!(again.person.id, ada.id);
    let scope = format!("{API}/read openid profile email offline_access");
    assert!(rig.last_body().await.contains(&("scope".to_owned(), scope)));
}

#[tokio::test]
async fn an_older_policy_names_itself_in_acr() {
    let rig = Rig::for_customers().await;
    let old = json!({"tfp": null, "acr": "B2C_1_Sign_In"});
    rig.gives(&but(rig.customer(&rig.id()), &old), &but(rig.customer(&rig.access()), &old));
    redeem(&rig.entra()).await.unwrap();
}

#[tokio::test]
async fn a_token_of_another_policy_directory_or_issuer_lets_nobody_in() {
    let rig = Rig::for_customers().await;
    let base = rig.server.uri();
    for (claims, said) in [
        (json!({"tfp": "b2c_1_without_a_second_factor"}), "b2c_1_without_a_second_factor"),
        (json!({"tfp": null}), "`tfp`"),
        (json!({"iss": format!("{base}/{TENANT}/v2.0")}), "issued by"),
        (json!({"iss": format!("{base}/{OTHER_TENANT}/v2.0/")}), "issued by"),
        (json!({"tid": OTHER_TENANT}), "issued by"),
        (json!({"aud": "another-app"}), "another-app"),
    ] {
        for access_too in [false, true] {
            let (id, access) = (rig.customer(&rig.id()), rig.customer(&rig.access()));
            let (id, access) =
                if access_too { (id, but(access, &claims)) } else { (but(id, &claims), access) };
            rig.gives(&id, &access);
            let refusal = refusal(redeem(&rig.entra()).await);
            assert!(refusal.what.contains(said), "{claims}: {}", refusal.what);
            assert_eq!(refusal.effect, Effect::SetUp, "{claims}");
        }
    }
}

#[tokio::test]
async fn a_flow_that_does_not_say_who_it_is_is_told_to() {
    let rig = Rig::for_customers().await;
    let nobody = json!({"sub": "Not supported currently. Use oid claim."});
    rig.gives(&but(rig.customer(&rig.id()), &nobody), &but(rig.customer(&rig.access()), &nobody));
    let refusal = refusal(redeem(&rig.entra()).await);
    assert!(refusal.hint.contains("User's Object ID"), "{}", refusal.hint);
    let rig = Rig::start().await;
    rig.gives(&but(rig.id(), &json!({"oid": null})), &rig.access());
    let elsewhere = self::refusal(redeem(&rig.entra()).await);
    assert!(elsewhere.what.contains("`oid`"), "{}", elsewhere.what);
    assert!(!elsewhere.hint.contains("user flow"), "Entra has none: {}", elsewhere.hint);
}

#[tokio::test]
async fn an_opaque_hint_says_at_entra_whom_to_sign_out_and_an_address_never_does() {
    let (rig, b2c) = (Rig::start().await, Rig::for_customers().await);
    let base = rig.server.uri();
    *rig.says.metadata.lock().unwrap() =
        ok(&with_sign_out(metadata(&base, &format!("{base}/{TENANT}/v2.0")), &base));
    let url = sign_out_of(&rig.entra(), "O.abc").await;
    assert!(url.contains("logout_hint=O.abc"), "{url}");
    let url = sign_out_of(&rig.entra(), "ada@mail.example").await;
    assert!(url.contains("/logout?client_id=") && !url.contains("hint"), "{url}");
    let base = b2c.server.uri();
    *b2c.says.metadata.lock().unwrap() =
        ok(&with_sign_out(metadata(&base, &format!("{base}/{TENANT}/v2.0/")), &base));
    let url = sign_out_of(&b2c.entra(), "opaque").await;
    assert!(url.contains("/logout?client_id=") && !url.contains("hint"), "{url}");
}

#[tokio::test]
async fn who_it_is_is_asked_in_the_way_that_the_provider_knows() {
    let (rig, b2c) = (Rig::start().await, Rig::for_customers().await);
    for (entra, asks) in [(rig.entra(), "&prompt=select_account"), (b2c.entra(), "&prompt=login")] {
        let url = entra.authorize_url(&Leg { ask_who: true, ..leg() }).await.unwrap();
        assert!(url.contains(asks), "{url}");
        let url = entra.authorize_url(&leg()).await.unwrap();
        assert!(!url.contains("prompt"), "{url}");
    }
}

#[tokio::test]
async fn a_flow_that_is_not_there_is_told_as_that() {
    let rig = Rig::for_customers().await;
    *rig.says.metadata.lock().unwrap() = ResponseTemplate::new(404);
    let refusal = refusal(redeem(&rig.entra()).await);
    assert!(refusal.what.contains("no such user flow"), "{}", refusal.what);
}

#[tokio::test]
async fn the_errors_of_b2c_are_explained_by_its_own_numbers() {
    let rig = Rig::for_customers().await;
    for (error, number, effect) in [
        ("invalid_grant", 90_080, Effect::Ends),
        ("invalid_grant", 90_129, Effect::Ends),
        ("server_error", 90_090, Effect::Ends),
        ("invalid_grant", 90_088, Effect::SetUp),
        ("invalid_request", 90_117, Effect::SetUp),
        ("invalid_request", 90_006, Effect::SetUp),
        ("invalid_request", 90_081, Effect::SetUp),
        // 90008 of AADSTS is something else, and nobody knows this one.
        ("invalid_request", 90_008, Effect::SetUp),
    ] {
        let text = format!(
            "AADB2C{number}: Said to ada@mail.example.\r\nCorrelation ID: 22-bb\r\nTimestamp: 2026-11-23 10:00:00Z"
        );
        rig.refuses(400, &json!({"error": error, "error_description": text}));
        let refusal = refusal(redeem(&rig.entra()).await);
        assert_eq!((refusal.effect, refusal.code), (effect, None), "{number}");
        assert!(refusal.what.ends_with(&format!("(AADB2C{number}).")), "{}", refusal.what);
        assert!(!refusal.what.contains("mail.example"), "{}", refusal.what);
        let (_, url) = open_pages(&refusal.remedies).next().unwrap();
        assert!(url.contains("active-directory-b2c/error-codes"));
        assert_eq!(refusal.trace.as_deref(), Some("correlation 22-bb, at 2026-11-23 10:00:00Z"));
    }
    rig.refuses(400, &json!({"error": "server_error", "error_description": "AADB2C90035: later."}));
    assert!(unavailable(redeem(&rig.entra()).await).0.contains("AADB2C90035"));
}

#[tokio::test]
async fn cancelling_is_a_decision_and_a_forgotten_password_is_not() {
    let rig = Rig::for_customers().await;
    let entra = rig.entra();
    let explained = |description: &str| refusal(Err(entra.explain("access_denied", description)));
    let cancelled = explained("AADB2C90091: The user has cancelled entering self-asserted information.");
    assert_eq!(cancelled.error, "access_denied");
    let forgot = explained("AADB2C90118: The user has forgotten their password.");
    assert_ne!(forgot.error, "access_denied");
    assert!(forgot.hint.contains("password reset"), "{}", forgot.hint);
}

#[tokio::test]
async fn the_check_does_not_praise_a_secret_that_b2c_may_not_have_looked_at() {
    let rig = Rig::for_customers().await;
    let redirect = ["http://localhost:4242/auth/callback".to_owned()];
    let credential = async |body: Value| {
        rig.refuses(400, &body);
        let steps = rig.entra().check(&redirect).await;
        steps.into_iter().find(|step| step.about == "credential").unwrap()
    };
    let unread = credential(json!({"error": "server_error", "error_description": "AADB2C90090: no."})).await;
    assert_eq!(unread.outcome, entra::Outcome::Unknown, "{}", unread.what);
    let wrong =
        credential(json!({"error": "invalid_request", "error_description": "AADB2C90081: no."})).await;
    assert_eq!(wrong.outcome, entra::Outcome::Failed, "{}", wrong.what);
    assert!(wrong.what.contains("AADB2C90081"), "{}", wrong.what);
}

#[tokio::test]
async fn an_external_tenant_is_issued_for_on_a_host_of_its_own() {
    let rig = Rig::start().await;
    let issuer = format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0");
    *rig.says.metadata.lock().unwrap() = ok(&metadata(&rig.server.uri(), &issuer));
    let theirs = json!({ "iss": issuer });
    rig.gives(&but(rig.id(), &theirs), &but(rig.access(), &theirs));
    let signed_in = redeem(&rig.entra()).await.unwrap();
    assert_eq!(
        (signed_in.person.id.tenant.as_str(), signed_in.issuer.as_deref()),
        (TENANT, Some(issuer.as_str()))
    );
    let only = |somebody| rig.entra().admitting(Access { people: vec![somebody], ..Access::default() });
    let chosen = refusal(redeem(&only(Somebody::Username("ada@example.com".into()))).await);
    assert_eq!(chosen.effect, Effect::Barred, "customers choose their user names");
    redeem(&only(Somebody::Object { tenant: None, object: "oid-1".into() })).await.unwrap();
    let elsewhere = json!({ "iss": format!("https://{OTHER_TENANT}.ciamlogin.com/{TENANT}/v2.0") });
    rig.gives(&but(rig.id(), &elsewhere), &but(rig.access(), &theirs));
    match redeem(&rig.entra()).await {
        Err(UpstreamError::Refused(refusal)) => {
            assert!(refusal.what.contains("issued by"), "{}", refusal.what);
        }
        other => panic!("{other:?}"),
    }
}
