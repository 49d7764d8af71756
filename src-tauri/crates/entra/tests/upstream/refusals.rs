//! Answers that mean yes to the provider and no to us, and the provider's own no.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use model::upstream::{Effect, Fixer, Upstream as _};
use serde_json::{Value, json};

use crate::rig::*;

/// Refused because of changed claims in the ID token or the access token.
async fn refused_with(rig: &Rig, id: Value, access: Value) -> String {
    rig.gives(&but(rig.id(), &id), &but(rig.access(), &access));
    let refusal = refusal(redeem(&rig.entra()).await);
    assert_eq!((refusal.error.as_str(), refusal.code), ("access_denied", None));
    assert!(!refusal.what.contains("ada") && !refusal.hint.contains("ada"));
    refusal.what
}

#[tokio::test]
async fn each_claim_that_is_wrong_is_refused_for_its_own_reason() {
    let rig = Rig::start().await;
    let base = rig.server.uri();
    let none = json!({});
    let cases = [
        (json!({"nonce": "other"}), none.clone(), "another sign-in"),
        (json!({"nonce": null}), none.clone(), "another sign-in"),
        (json!({"aud": "somebody"}), none.clone(), "The ID token is meant for `somebody`"),
        (json!({"aud": API}), none.clone(), "The ID token is meant for"),
        (json!({"aud": [CLIENT, "x"], "azp": "x"}), none.clone(), "The ID token is meant for"),
        (
            none.clone(),
            json!({"aud": "00000003-0000-0000-c000-000000000000"}),
            "The access token is meant for",
        ),
        (none.clone(), json!({"aud": null}), "lacks the claim `aud`"),
        (none.clone(), json!({"sub": null}), "lacks the claim `sub`"),
        (none.clone(), json!({"exp": null}), "lacks the claim `exp`"),
        (none.clone(), json!({"exp": "tomorrow"}), "lacks the claim `exp`"),
        (none.clone(), json!({"iss": null}), "lacks the claim `iss`"),
        (none.clone(), json!({"oid": null}), "lacks the claim `oid`"),
        (none.clone(), json!({"iss": format!("{base}/organizations/v2.0")}), "was issued by"),
        (none.clone(), json!({"iss": format!("{base}/{OTHER_TENANT}/v2.0")}), "was issued by"),
        (none.clone(), json!({"iss": format!("{base}/sts/{TENANT}/")}), "was issued by"),
        (none.clone(), json!({"ver": "1.0"}), "was issued by"),
        (none.clone(), json!({"ver": "3.0"}), "version"),
        (none.clone(), json!({"oid": "oid-2"}), "disagree about `oid`"),
        (json!({"sub": "sub-2"}), none.clone(), "disagree about `sub`"),
        (none.clone(), json!({"scp": "write readonly"}), "lacks the required scope `read`"),
        (none.clone(), json!({"scp": null}), "lacks the required scope `read`"),
    ];
    for (id, access, reason) in cases {
        let what = refused_with(&rig, id.clone(), access.clone()).await;
        assert!(what.contains(reason), "{id} {access}: {what}");
    }
}

#[tokio::test]
async fn a_missing_scope_says_where_to_add_it() {
    let rig = Rig::start().await;
    rig.gives(&rig.id(), &but(rig.access(), &json!({"scp": "write"})));
    let refusal = refusal(redeem(&rig.entra()).await);
    assert!(refusal.hint.contains("`read`") && refusal.hint.contains("Expose an API"), "{}", refusal.hint);
    assert_eq!((refusal.effect, refusal.fixer), (Effect::SetUp, Fixer::AppOwner));
}

#[tokio::test]
async fn times_outside_the_leeway_name_the_clock_and_by_how_much() {
    let rig = Rig::start().await;
    let what = refused_with(&rig, json!({}), json!({"exp": NOW - 60})).await;
    assert!(what.contains("ended 60 s before"), "{what}");
    let what = refused_with(&rig, json!({}), json!({"nbf": NOW + 61})).await;
    assert!(what.contains("begins 61 s after"), "{what}");
    rig.gives(&but(rig.id(), &json!({"nbf": NOW + 600})), &rig.access());
    let refusal = refusal(redeem(&rig.entra()).await);
    assert!(refusal.what.contains("10 min") && refusal.hint.contains("clock"), "{refusal:?}");
    assert_eq!(refusal.effect, Effect::SetUp);
}

#[tokio::test]
async fn a_token_good_this_hour_is_refused_when_our_clock_says_so() {
    let rig = Rig::start().await;
    let entra = rig.entra();
    redeem(&entra).await.unwrap();
    rig.advance(3660);
    assert!(refusal(redeem(&entra).await).what.contains("had ended 60 s"));
}

#[tokio::test]
async fn directories_that_may_not_sign_in_are_told_so() {
    let mut rig = Rig::for_many("organizations").await;
    let of = |rig: &Rig, tid: &str| json!({"iss": format!("{}/{tid}/v2.0", rig.server.uri()), "tid": tid});
    let theirs = of(&rig, OTHER_TENANT);
    rig.settings.allowed_tenants = vec![TENANT.to_uppercase()];
    let what = refused_with(&rig, theirs.clone(), theirs.clone()).await;
    assert!(what.contains(OTHER_TENANT) && what.contains("not allowed"), "{what}");

    rig.gives(&rig.id(), &rig.access());
    redeem(&rig.entra()).await.expect("the list is not about upper and lower case");

    rig.settings.allowed_tenants.clear();
    let personal = of(&rig, "9188040d-6c67-4c5b-b112-36a304b66dad");
    let what = refused_with(&rig, personal.clone(), personal).await;
    assert!(what.contains("9188040d"), "organizations are not personal accounts: {what}");
}

#[tokio::test]
async fn a_list_does_not_widen_a_single_directory() {
    let mut rig = Rig::start().await;
    rig.settings.allowed_tenants = vec![OTHER_TENANT.into()];
    let v1 = json!({"iss": format!("{}/sts/{OTHER_TENANT}/", rig.server.uri()), "tid": OTHER_TENANT, "ver": "1.0"});
    assert!(
        refused_with(&rig, json!({}), v1).await.contains("not allowed"),
        "the ID token's directory is not listed"
    );
    let both = json!({"iss": format!("{}/sts/{OTHER_TENANT}/", rig.server.uri()), "tid": OTHER_TENANT, "ver": "1.0"});
    assert!(refused_with(&rig, both.clone(), both).await.contains("was issued by"));
}

#[tokio::test]
async fn signatures_that_prove_nothing_are_refused() {
    let rig = Rig::start().await;
    let claims = rig.access();
    let header = |alg: &str| json!({"typ": "JWT", "alg": alg, "kid": KID});
    let none = format!("{}.", message(&header("none"), &claims));
    // The classic: the public key, which everybody knows, as an HMAC secret.
    let secret = hmac::Key::new(hmac::HMAC_SHA256, jwk(KID)["n"].as_str().unwrap().as_bytes());
    let text = message(&header("HS256"), &claims);
    let confused = format!("{text}.{}", B64.encode(hmac::sign(&secret, text.as_bytes())));
    let good = signed(&claims);
    let (head, tail) = good.rsplit_once('.').unwrap();
    let forged =
        format!("{}.{tail}", message(&header("RS256"), &but(claims.clone(), &json!({"oid": "oid-9"}))));
    let cases = [
        (none, "not a signed token"),
        (confused, "not accepted here"),
        (signed_as(&header("RS512"), &claims), "not accepted here"),
        (signed_as(&header("PS256"), &claims), "not accepted here"),
        (forged, "signature of the access token is wrong"),
        (format!("{head}."), "signature of the access token is wrong"),
        (
            signed_as(&json!({"alg": "RS256", "kid": KID, "crit": ["exp"], "exp": 1}), &claims),
            "not a signed token",
        ),
        ("opaque".into(), "not a signed token"),
    ];
    for (token, reason) in cases {
        rig.says_tokens(&json!({
            "token_type": "Bearer", "access_token": token, "id_token": signed(&rig.id()),
        }));
        let what = refusal(redeem(&rig.entra()).await).what;
        assert!(what.contains(reason), "{what}");
        assert!(!what.contains(&token));
    }
}

#[tokio::test]
async fn a_key_of_one_directory_does_not_sign_for_another() {
    let rig = Rig::for_many("organizations").await;
    let published = |tid: &str| {
        let issuer = format!("https://login.microsoftonline.com/{tid}/v2.0");
        ok(&json!({"keys": [but(jwk(KID), &json!({"issuer": issuer}))]}))
    };
    rig.says_keys(published(OTHER_TENANT));
    assert!(refusal(redeem(&rig.entra()).await).what.contains("signature"));
    rig.says_keys(published(TENANT));
    redeem(&rig.entra()).await.unwrap();
    rig.says_keys(published("{tenantid}"));
    redeem(&rig.entra()).await.unwrap();
}

#[tokio::test]
async fn a_sign_in_without_an_id_token_is_nobodys() {
    let rig = Rig::start().await;
    rig.says_tokens(&json!({"token_type": "Bearer", "access_token": signed(&rig.access())}));
    assert!(refusal(redeem(&rig.entra()).await).what.contains("no ID token"));
}

#[tokio::test]
async fn entras_no_is_explained_by_its_number() {
    let rig = Rig::start().await;
    let entra = rig.entra();
    let cases = [
        (401, "invalid_client", 7_000_215, Effect::SetUp, Fixer::AppOwner, "its Value, not its Secret ID"),
        (401, "invalid_client", 7_000_222, Effect::SetUp, Fixer::AppOwner, "Certificates & secrets"),
        (400, "invalid_grant", 65001, Effect::SetUp, Fixer::TenantAdmin, "Grant admin consent"),
        (400, "invalid_grant", 50057, Effect::Ends, Fixer::TenantAdmin, "Account status"),
        (400, "invalid_grant", 50173, Effect::Ends, Fixer::Person, "sign in"),
        (400, "invalid_grant", 700_082, Effect::Ends, Fixer::Person, "sign in"),
        (400, "invalid_grant", 50076, Effect::SignIn, Fixer::Person, "second factor"),
        (400, "interaction_required", 53003, Effect::SignIn, Fixer::TenantAdmin, "Conditional Access"),
        (400, "invalid_request", 9_002_327, Effect::SetUp, Fixer::AppOwner, "to Web"),
        (400, "unauthorized_client", 700_016, Effect::SetUp, Fixer::AppOwner, "Overview"),
    ];
    for (status, error, code, effect, fixer, hint) in cases {
        rig.refuses(
            status,
            &json!({
                "error": error, "error_codes": [code], "timestamp": "2026-11-23 10:00:00Z", "trace_id": "11-aa",
                "error_description": format!("AADSTS{code}: Something about ada@example.com.\r\nTrace ID: 11-aa"),
                "correlation_id": "22-bb", "error_uri": "https://evil.example/",
            }),
        );
        let refusal = refusal(redeem(&entra).await);
        assert_eq!((refusal.code, refusal.error.as_str()), (Some(code), error));
        assert_eq!((refusal.effect, refusal.fixer), (effect, fixer), "AADSTS{code}");
        assert!(refusal.hint.contains(hint), "AADSTS{code}: {}", refusal.hint);
        assert_eq!(refusal.trace.as_deref(), Some("trace 11-aa, correlation 22-bb, at 2026-11-23 10:00:00Z"));
        assert!(!refusal.what.contains("ada@"));
        assert!(!refusal.remedies.is_empty(), "AADSTS{code}");
    }
}

#[tokio::test]
async fn a_number_only_in_the_list_of_codes_counts() {
    let rig = Rig::start().await;
    rig.refuses(400, &json!({"error": "invalid_grant", "error_codes": [70008]}));
    let refusal = refusal(redeem(&rig.entra()).await);
    assert_eq!((refusal.code, refusal.effect), (Some(70008), Effect::Ends));
}

#[tokio::test]
async fn the_callback_is_explained_without_asking_anybody() {
    let rig = Rig::start().await;
    let description = "AADSTS65004: User declined to consent to access the app.";
    let refusal = refusal(Err(rig.entra().explain("access_denied", description)));
    assert_eq!((refusal.code, refusal.fixer, refusal.effect), (Some(65004), Fixer::Person, Effect::SignIn));
    assert!(rig.server.received_requests().await.unwrap().is_empty());
}
