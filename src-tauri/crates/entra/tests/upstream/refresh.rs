//! Refreshes: the same rules again, and the same person.

use model::ExposeSecret as _;
use model::access::{Access, Somebody};
use model::upstream::{Effect, SignedIn, Upstream as _, UpstreamError};
use serde_json::{Value, json};

use crate::rig::*;

/// A session made by a sign-in, and the outcome of its refresh after the provider said `answer`.
async fn refreshed(rig: &Rig, answer: &Value) -> Result<SignedIn, UpstreamError> {
    let entra = rig.entra();
    let session = redeem(&entra).await.unwrap();
    rig.says_tokens(answer);
    entra.refresh(&session.person, &session.tokens, &model::scope::ScopeSet::default()).await
}

fn answer(id: Option<&Value>, access: &Value, refresh: Option<&str>) -> Value {
    let mut body = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": signed(access)});
    if let Some(id) = id {
        body["id_token"] = signed(id).into();
    }
    if let Some(refresh) = refresh {
        body["refresh_token"] = refresh.into();
    }
    body
}

#[tokio::test]
async fn a_refresh_sends_the_same_scopes_and_nothing_else() {
    let rig = Rig::start().await;
    let later = but(rig.access(), &json!({"exp": NOW + 7200}));
    let again = refreshed(&rig, &answer(Some(&rig.id()), &later, Some("refresh-2"))).await.unwrap();
    assert_eq!(again.tokens.refresh_token.unwrap().expose_secret(), "refresh-2");
    assert_eq!(again.tokens.access_expires_at.secs(), NOW + 7200);
    let scope = format!("{API}/read openid profile email offline_access");
    let expected = [
        ("client_id", CLIENT),
        ("client_secret", "s3cret"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "refresh-1"),
        ("scope", &scope),
    ];
    assert_eq!(rig.last_body().await, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn what_a_refresh_does_not_bring_stays_as_it_was() {
    let rig = Rig::start().await;
    let again = refreshed(&rig, &answer(None, &rig.access(), None)).await.unwrap();
    assert_eq!(again.tokens.refresh_token.unwrap().expose_secret(), "refresh-1");
    assert_eq!(again.person.name.as_deref(), Some("Ada"));
}

#[tokio::test]
async fn a_refreshed_id_token_needs_no_nonce() {
    let rig = Rig::start().await;
    let id = but(rig.id(), &json!({"nonce": null, "name": "Ada L."}));
    let again = refreshed(&rig, &answer(Some(&id), &rig.access(), None)).await.unwrap();
    assert_eq!(again.person.name.as_deref(), Some("Ada L."));
}

#[tokio::test]
async fn tokens_of_somebody_else_end_the_session() {
    let rig = Rig::start().await;
    let other = json!({"oid": "oid-2", "sub": "sub-2"});
    let tokens = answer(Some(&but(rig.id(), &other)), &but(rig.access(), &other), None);
    let refusal = refusal(refreshed(&rig, &tokens).await);
    assert_eq!((refusal.error.as_str(), refusal.effect), ("access_denied", Effect::Ends));
}

#[tokio::test]
async fn refreshed_tokens_are_verified_like_the_first() {
    let rig = Rig::start().await;
    let without_scope = but(rig.access(), &json!({"scp": "write"}));
    let refusal = refusal(refreshed(&rig, &answer(Some(&rig.id()), &without_scope, None)).await);
    assert!(refusal.what.contains("required scope"), "{}", refusal.what);
}

#[tokio::test]
async fn without_a_refresh_token_the_person_signs_in_again() {
    let rig = Rig::start().await;
    let entra = rig.entra();
    let mut session = redeem(&entra).await.unwrap();
    session.tokens.refresh_token = None;
    let refusal =
        refusal(entra.refresh(&session.person, &session.tokens, &model::scope::ScopeSet::default()).await);
    assert_eq!(refusal.effect, Effect::SignIn);
    assert!(refusal.hint.contains("offline_access"));
    assert_eq!(rig.asked("/token").await, 1, "there is nothing to ask with");
}

#[tokio::test]
async fn a_disabled_account_ends_and_an_overloaded_entra_does_not() {
    let rig = Rig::start().await;
    let entra = rig.entra();
    let session = redeem(&entra).await.unwrap();
    rig.refuses(400, &json!({"error": "invalid_grant", "error_description": "AADSTS50057: disabled."}));
    assert_eq!(
        refusal(entra.refresh(&session.person, &session.tokens, &model::scope::ScopeSet::default()).await)
            .effect,
        Effect::Ends
    );
    rig.refuses(503, &json!({"error": "invalid_grant"}));
    unavailable(entra.refresh(&session.person, &session.tokens, &model::scope::ScopeSet::default()).await);
}

#[tokio::test]
async fn what_only_an_old_id_token_says_lets_nobody_in_again() {
    let rig = Rig::start().await;
    let bare = but(rig.access(), &json!({"roles": null}));
    rig.gives(&but(rig.id(), &json!({"groups": ["group-1"], "roles": ["Reader"]})), &bare);
    let lists = [
        Access { groups: vec!["group-1".to_owned()], ..Access::default() },
        Access { people: vec![Somebody::Username("ada@example.com".to_owned())], ..Access::default() },
        Access { roles: vec!["Reader".to_owned()], ..Access::default() },
    ];
    let (with, without) = (rig.says.token.lock().unwrap().clone(), answer(None, &bare, None));
    for access in lists {
        *rig.says.token.lock().unwrap() = with.clone();
        let entra = rig.entra().admitting(access.clone());
        let session = redeem(&entra).await.unwrap();
        rig.says_tokens(&without);
        let more = model::scope::ScopeSet::default();
        let refused = refusal(entra.refresh(&session.person, &session.tokens, &more).await);
        assert_eq!(refused.effect, Effect::SignIn, "{access:?}: {}", refused.what);
    }
    let listed = Somebody::Object { tenant: None, object: "oid-1".to_owned() };
    let entra = rig.entra().admitting(Access { people: vec![listed], ..Access::default() });
    *rig.says.token.lock().unwrap() = with;
    let session = redeem(&entra).await.unwrap();
    rig.says_tokens(&without);
    entra.refresh(&session.person, &session.tokens, &model::scope::ScopeSet::default()).await.unwrap();
}

/// The sign-in says it in either token; refreshes bring no ID token, and an access token that is silent.
#[tokio::test]
async fn a_guest_stays_a_guest_through_refreshes_that_do_not_say_so() {
    let rig = Rig::start().await;
    let from_elsewhere = json!({"idp": format!("https://sts.windows.net/{OTHER_TENANT}/")});
    let (member_id, member) = (rig.id(), rig.access());
    for (id, access) in [
        (but(member_id.clone(), &from_elsewhere), member.clone()),
        (member_id.clone(), but(member.clone(), &from_elsewhere)),
        (member_id.clone(), but(member.clone(), &json!({"acct": 1}))),
    ] {
        rig.gives(&id, &access);
        let entra = rig.entra();
        let mut session = redeem(&entra).await.unwrap();
        assert!(session.person.guest);
        let more = model::scope::ScopeSet::default();
        rig.says_tokens(&answer(None, &member, None));
        for _ in 0..2 {
            session = entra.refresh(&session.person, &session.tokens, &more).await.unwrap();
            assert!(session.person.guest, "{id} {access}");
        }
        // The rule changed meanwhile.
        let closed = rig.entra().admitting(Access { guests: false, ..Access::default() });
        let refused = refusal(closed.refresh(&session.person, &session.tokens, &more).await);
        assert_eq!(refused.effect, Effect::Barred, "{}", refused.what);
        // Whoever became a member is one, once a token says so.
        rig.says_tokens(&answer(None, &but(member.clone(), &json!({"acct": 0})), None));
        let member = closed.refresh(&session.person, &session.tokens, &more).await.unwrap();
        assert!(!member.person.guest);
    }
}
