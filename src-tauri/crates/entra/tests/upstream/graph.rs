//! Graph on behalf of the person: what is sent, what each answer means, and where nobody is asked.

use model::access::Access;
use model::scope::ScopeSet;
use model::settings::Credential;
use model::upstream::{Effect, Profile, Upstream as _};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, ResponseTemplate};

use crate::credentials::{refuses_those_with, two_secrets};
use crate::rig::*;

const ME: &str = "/v1.0/me";
const CHECK: &str = "/v1.0/me/checkMemberGroups";

/// A rig whose metadata names a Graph, which is the same server.
async fn with_graph() -> Rig {
    let rig = Rig::start().await;
    let base = rig.server.uri();
    let mut document = metadata(&base, &format!("{base}/{TENANT}/v2.0"));
    document["msgraph_host"] = base.trim_start_matches("http://").into();
    *rig.says.metadata.lock().unwrap() = ok(&document);
    rig
}

async fn says(rig: &Rig, verb: &str, at: &str, answer: ResponseTemplate) {
    let asked = Mock::given(method(verb)).and(path(at)).and(header("authorization", "Bearer graph-token"));
    asked.respond_with(answer).mount(&rig.server).await;
}

/// Answers the on-behalf-of exchange before the rig answers as if it were a sign-in.
async fn exchanges(rig: &Rig, answer: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path("/token"))
        .and(body_string_contains("on_behalf_of"))
        .respond_with(answer)
        .with_priority(1)
        .mount(&rig.server)
        .await;
}

fn graph_token() -> ResponseTemplate {
    ok(&json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "graph-token"}))
}

async fn profile(rig: &Rig) -> Option<Profile> {
    let entra = rig.entra();
    let session = redeem(&entra).await.unwrap();
    entra.profile(&session.tokens).await
}

#[tokio::test]
async fn the_token_issued_to_us_is_exchanged_for_one_to_graph() {
    let rig = with_graph().await;
    exchanges(&rig, graph_token()).await;
    says(&rig, "GET", ME, ok(&json!({"jobTitle": "Countess", "officeLocation": null}))).await;
    let profile = profile(&rig).await.unwrap();
    assert_eq!(
        (profile.job_title.as_deref(), profile.office_location, profile.note),
        (Some("Countess"), None, None)
    );
    let sent = rig.last_body().await;
    let value = |name: &str| sent.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    assert_eq!(value("grant_type"), Some("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    assert_eq!(value("scope"), Some(format!("{}/User.Read", rig.server.uri()).as_str()));
    assert_eq!(
        (value("client_secret"), value("requested_token_use")),
        (Some("s3cret"), Some("on_behalf_of"))
    );
    assert!(value("assertion").is_some_and(|token| token.split('.').count() == 3));
}

#[tokio::test]
async fn the_exchange_turns_to_the_next_secret_like_every_other_request() {
    let mut rig = with_graph().await;
    rig.settings.credential = two_secrets(None);
    let entra = rig.entra();
    let session = redeem(&entra).await.unwrap();
    refuses_those_with(&rig, "client_secret=s3cret", 7_000_222).await;
    exchanges(&rig, graph_token()).await;
    says(&rig, "GET", ME, ok(&json!({"jobTitle": "Countess"}))).await;
    let profile = entra.profile(&session.tokens).await.unwrap();
    assert_eq!(profile.job_title.as_deref(), Some("Countess"), "{profile:?}");
    assert_eq!(rig.asked("/token").await, 3, "the sign-in, and one after the other");
    assert!(entra.has_fallen_back());
}

#[tokio::test]
async fn what_goes_wrong_with_a_profile_is_a_note() {
    let refused = |body: &Value| ResponseTemplate::new(400).set_body_json(body);
    let consent = json!({"error": "invalid_grant", "error_description": "AADSTS65001: no consent."});
    let factor = json!({"error": "interaction_required", "error_description": "AADSTS50076: second factor."});
    for (exchange, me, says_so) in [
        (refused(&consent), ok(&json!({})), "AADSTS65001"),
        (refused(&factor), ok(&json!({})), "AADSTS50076"),
        (graph_token(), ResponseTemplate::new(403).set_body_json(json!({"error": {}})), "`User.Read`"),
        (graph_token(), ResponseTemplate::new(429), "429"),
        (
            graph_token(),
            ResponseTemplate::new(400).set_body_json(json!({"error": {"code": "Request_BadRequest"}})),
            "Request_BadRequest",
        ),
        (graph_token(), ok(&json!([])), "cannot be read"),
        (ok(&json!({"token": 1})), ok(&json!({})), "no token answer"),
    ] {
        let rig = with_graph().await;
        exchanges(&rig, exchange).await;
        says(&rig, "GET", ME, me).await;
        let profile = profile(&rig).await.unwrap();
        assert!(profile.note.as_deref().is_some_and(|note| note.contains(says_so)), "{says_so}: {profile:?}");
        assert_eq!((profile.job_title, profile.office_location), (None, None));
    }
}

#[tokio::test]
async fn nobody_is_asked_without_a_graph_or_without_an_api_of_ours() {
    assert_eq!(profile(&Rig::start().await).await, None, "the metadata names no Graph");
    let mut rig = with_graph().await;
    rig.settings.identifier_uri = String::new();
    rig.says_tokens(&json!({
        "token_type": "Bearer", "access_token": signed(&rig.access()), "id_token": signed(&rig.id()),
    }));
    assert_eq!(profile(&rig).await, None, "the access token is not for us");
    assert_eq!(rig.asked("/token").await, 1, "for the sign-in itself");
}

#[tokio::test]
async fn a_sign_in_that_has_ended_is_not_exchanged() {
    let rig = with_graph().await;
    let entra = rig.entra();
    let session = redeem(&entra).await.unwrap();
    rig.advance(3600);
    let note = entra.profile(&session.tokens).await.unwrap().note.unwrap();
    assert!(note.contains("refresh"), "{note}");
    assert_eq!(rig.asked("/token").await, 1);
}

fn groups(count: usize) -> Access {
    Access { groups: (0..count).map(|n| format!("group-{n}")).collect(), ..Access::default() }
}

#[tokio::test]
async fn groups_are_asked_for_twenty_at_a_time() {
    let rig = with_graph().await;
    exchanges(&rig, graph_token()).await;
    says(&rig, "POST", CHECK, ok(&json!({"value": []}))).await;
    rig.gives(&rig.id(), &but(rig.access(), &json!({"_claim_names": {"groups": "src1"}})));
    let refused = refusal(redeem(&rig.entra().admitting(groups(41))).await);
    assert_eq!(refused.effect, Effect::Barred);
    assert_eq!(refused.person.unwrap().id.object, "oid-1");
    assert_eq!(rig.asked(CHECK).await, 3);
}

#[tokio::test]
async fn without_a_credential_groups_that_a_token_does_not_list_cannot_be_asked_for() {
    let mut rig = with_graph().await;
    rig.settings.credential = Credential::None;
    rig.gives(&rig.id(), &but(rig.access(), &json!({"groups": ["group-1"]})));
    redeem(&rig.entra().admitting(groups(2))).await.unwrap();
    rig.gives(&rig.id(), &but(rig.access(), &json!({"_claim_names": {"groups": "src1"}})));
    let refused = refusal(redeem(&rig.entra().admitting(groups(2))).await);
    assert!(refused.hint.contains("client secret or certificate"), "{}", refused.hint);
    assert_eq!((refused.effect, refused.code), (Effect::SetUp, None));
    assert_eq!(rig.asked("/token").await, 2, "for the sign-ins themselves");
    let entra = rig.entra().admitting(groups(2));
    let steps = entra.check(&["http://localhost:4242/auth/callback".to_owned()]).await;
    let told = steps.iter().find(|step| step.about == "access").expect("before anybody meets it");
    assert!(told.hint.as_ref().unwrap().contains("client secret"), "{told:?}");
}

#[tokio::test]
async fn groups_in_a_token_are_believed_and_nobody_else_is_asked() {
    let rig = with_graph().await;
    rig.gives(&rig.id(), &but(rig.access(), &json!({"groups": ["group-9", "GROUP-1"]})));
    redeem(&rig.entra().admitting(groups(2))).await.unwrap();
    assert_eq!(refusal(redeem(&rig.entra().admitting(groups(1))).await).effect, Effect::Barred);
    assert_eq!(rig.asked(CHECK).await, 0);
}

#[tokio::test]
async fn graph_that_wants_the_person_again_leads_to_a_sign_in_with_its_claims() {
    let rig = with_graph().await;
    exchanges(&rig, graph_token()).await;
    // {"access_token":{"nbf":{"essential":true,"value":"1"}}}
    let challenge = "Bearer realm=\"\", error=\"insufficient_claims\", \
                     claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ==\"";
    says(&rig, "POST", CHECK, ResponseTemplate::new(401).insert_header("www-authenticate", challenge)).await;
    let refused = refusal(redeem(&rig.entra().admitting(groups(1))).await);
    assert_eq!(refused.effect, Effect::SignIn);
    assert_eq!(
        refused.claims.unwrap().as_str(),
        r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#
    );
}

#[tokio::test]
async fn a_rule_about_groups_that_nobody_can_answer_is_the_set_ups_fault() {
    let rig = Rig::start().await;
    let refused = refusal(redeem(&rig.entra().admitting(groups(1))).await);
    assert_eq!(refused.effect, Effect::SetUp);
    assert!(refused.hint.contains("the claim `groups`"), "there is no Graph to ask: {}", refused.hint);
}

#[tokio::test]
async fn what_a_step_up_did_not_get_it_does_not_have() {
    let rig = Rig::start().await;
    let mut leg = leg();
    leg.more = ScopeSet::parse_lenient("write admin");
    rig.gives(&rig.id(), &but(rig.access(), &json!({"scp": "read write"})));
    let signed_in = rig.entra().redeem(model::Secret::from("code-1"), &leg).await.unwrap();
    assert_eq!(signed_in.more.to_string(), "write");
    let sent = rig.last_body().await;
    let scope = sent.iter().find(|(name, _)| name == "scope").unwrap();
    assert_eq!(scope.1, format!("{API}/read {API}/write {API}/admin openid profile email offline_access"));
}

#[tokio::test]
async fn an_exchange_that_is_refused_says_so_in_its_own_words_and_ends_no_session() {
    for (description, says_so) in [
        ("AADSTS7000218: no client_assertion or client_secret.", "client secret"),
        ("AADSTS500133: the assertion is not within its valid time range.", "500133"),
    ] {
        let rig = with_graph().await;
        let error = json!({"error": "invalid_grant", "error_description": description});
        exchanges(&rig, ResponseTemplate::new(400).set_body_json(error)).await;
        let refused = refusal(redeem(&rig.entra().admitting(groups(1))).await);
        let told = format!("{:?} {} {}", refused.code, refused.what, refused.hint);
        assert_eq!(refused.effect, Effect::SetUp, "{told}");
        assert!(told.contains(says_so) && !told.contains("Grant admin consent"), "{told}");
    }
    let rig = with_graph().await;
    let consent = json!({"error": "invalid_grant", "error_description": "AADSTS65001: no consent."});
    exchanges(&rig, ResponseTemplate::new(400).set_body_json(consent)).await;
    let refused = refusal(redeem(&rig.entra().admitting(groups(1))).await);
    assert!(refused.hint.contains("Grant admin consent"), "{}", refused.hint);
}

#[tokio::test]
async fn what_graph_refuses_for_good_is_not_told_as_something_that_passes() {
    let rig = with_graph().await;
    exchanges(&rig, graph_token()).await;
    let error = json!({"error": {"code": "Request_BadRequest"}});
    says(&rig, "POST", CHECK, ResponseTemplate::new(400).set_body_json(error)).await;
    let refused = refusal(redeem(&rig.entra().admitting(groups(1))).await);
    assert_eq!(refused.effect, Effect::SetUp);
    assert!(refused.what.contains("Request_BadRequest"), "{}", refused.what);
}
