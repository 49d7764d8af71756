//! Every named fault of the practice tenant: the page a person gets, the event in the log, and the hint in both.

use engine::Engine;
use practice::Fault;
use serde_json::{Value, json};
use testkit::Rig;

/// Where a fault shows, and what must be on the page.
struct Expected {
    fault: Fault,
    status: u16,
    event: &'static str,
    says: &'static [&'static str],
}

const fn refused(fault: Fault, says: &'static [&'static str]) -> Expected {
    Expected { fault, status: 403, event: "upstream_refused", says }
}

const fn unavailable(fault: Fault) -> Expected {
    Expected {
        fault,
        status: 503,
        event: "upstream_unavailable",
        says: &["does not answer", "Nothing is lost"],
    }
}

const TABLE: &[Expected] = &[
    refused(Fault::ExpiredSecret, &["AADSTS7000222", "secret", "owner of the app registration"]),
    refused(Fault::PublicClient, &["AADSTS700025", "owner of the app registration"]),
    refused(Fault::SpaPlatform, &["AADSTS9002327", "to Web", "owner of the app registration"]),
    refused(Fault::MissingConsent, &["AADSTS65001", "consent"]),
    refused(Fault::ClockSkew, &["clock"]),
    refused(Fault::WrongAudience, &["meant for", "not for this app"]),
    refused(Fault::MissingScope, &["scope"]),
    unavailable(Fault::ServerError),
    unavailable(Fault::Throttled),
    unavailable(Fault::Garbage),
];

#[tokio::test]
async fn a_fault_is_explained_on_the_page_and_in_the_log() {
    for expected in TABLE {
        let rig = Rig::start().await;
        let client = rig.client("c").registers().await;
        let mut browser = rig.browser();
        let consent = browser.open(&client.authorize_url(&[]), "").await;
        let provider = browser.press(&consent, "decision", "approve", "").await;
        rig.practice().set_fault(expected.fault, true);
        let page = browser.pick(&provider, "ada", &client.redirect_uri).await;
        let fault = expected.fault;
        assert_eq!(page.status, expected.status, "{fault:?}: {} {}", page.url, page.body);
        for text in expected.says {
            assert!(
                page.body.to_lowercase().contains(&text.to_lowercase()),
                "{fault:?} must say {text:?}: {}",
                page.body
            );
        }
        assert!(rig.event_names().await.contains(&expected.event), "{fault:?}");
        let event = serde_json::to_value(rig.last_event(expected.event).await).unwrap();
        if expected.status == 403 {
            assert!(!event["refusal"]["hint"].as_str().unwrap().is_empty(), "{fault:?}");
            assert!(page.body.contains("Back to the client"), "{fault:?}");
            assert!(page.body.contains("error=access_denied"), "{fault:?}: the client can be told");
        }
        rig.practice().set_fault(fault, false);
    }
}

#[tokio::test]
async fn a_wrong_redirect_uri_is_refused_by_the_provider_on_its_own_page() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let consent = browser.open(&client.authorize_url(&[]), "").await;
    rig.practice().set_fault(Fault::WrongRedirectUri, true);
    let page = browser.press(&consent, "decision", "approve", "").await;
    assert!(page.body.contains("AADSTS50011"), "{}", page.body);
    assert!(page.url.as_str().starts_with(rig.running.practice_url.as_deref().unwrap()));
}

#[tokio::test]
async fn a_redirect_uri_that_is_refused_on_the_way_back_is_named_with_its_platform() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let consent = browser.open(&client.authorize_url(&[]), "").await;
    let provider = browser.press(&consent, "decision", "approve", "").await;
    let state = provider.param("state").expect("the way back");
    let callback = format!("{}/auth/callback", rig.base());
    let mut back = url::Url::parse(&callback).unwrap();
    back.query_pairs_mut()
        .append_pair("error", "invalid_request")
        .append_pair("error_description", "AADSTS50011: The redirect URI does not match.")
        .append_pair("state", &state);
    let page = browser.open(back.as_str(), "").await;
    for shown in [
        &format!("<code class=\"whole\">{callback}</code>"),
        "<code class=\"whole\">Web</code>",
        "AADSTS50011",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
}

#[tokio::test]
async fn what_the_provider_refuses_before_it_sends_anybody_back_stays_on_its_page() {
    for (fault, code) in [(Fault::ConditionalAccess, "AADSTS53003"), (Fault::UserNotAssigned, "AADSTS50105")]
    {
        let rig = Rig::start().await;
        let client = rig.client("c").registers().await;
        rig.practice().set_fault(fault, true);
        let page = client.lands(&mut rig.browser(), "ada").await;
        assert!(page.body.contains(code), "{fault:?}: {}", page.body);
        assert!(page.url.as_str().starts_with(rig.running.practice_url.as_deref().unwrap()));
    }
}

#[tokio::test]
async fn faults_that_only_change_the_tokens_let_people_in() {
    for fault in [Fault::V1Tokens, Fault::GroupOverage, Fault::NoEmail, Fault::RotatedKeys] {
        let rig = Rig::start().await;
        let client = rig.client("c").registers().await;
        // The keys were fetched before they were rotated.
        client.signs_in(&mut rig.browser(), "ben").await;
        rig.pass(std::time::Duration::from_secs(120));
        rig.practice().set_fault(fault, true);
        let ada = client.signs_in(&mut rig.browser(), "ada").await;
        assert_eq!(
            ada.calls("get_user_info").await.structured()["tenant_id"],
            practice::TENANT_ID,
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_gives_no_refresh_token_asks_for_a_new_sign_in_and_says_so() {
    let rig = Rig::start().await;
    rig.practice().set_fault(Fault::NoRefreshToken, true);
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    assert_eq!(ada.calls("version").await.status, 200);
    let refused = ada.refresh().await;
    assert_eq!((refused.status, refused.error()), (400, "invalid_grant"));
    assert!(refused.text("error_description").contains("sign in"), "{}", refused.body);
}

#[tokio::test]
async fn a_disabled_person_and_a_foreign_one_read_why() {
    let rig = Rig::start().await;
    for (person, code) in [("dora", "AADSTS50057"), ("olga", "AADSTS50020")] {
        let client = rig.client("c").registers().await;
        let page = client.lands(&mut rig.browser(), person).await;
        assert!(page.body.contains(code), "{person}: {} {}", page.url, page.body);
    }
}

#[tokio::test]
async fn a_person_who_cancels_at_the_provider_is_taken_back_to_the_client() {
    let rig = Rig::start().await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();
    let consent = browser.open(&client.authorize_url(&[]), "").await;
    let provider = browser.press(&consent, "decision", "approve", "").await;
    let landed = browser.press(&provider, "cancel", "1", &client.redirect_uri).await;
    assert_eq!(landed.param("error").as_deref(), Some("access_denied"), "{} {}", landed.url, landed.body);
    assert_eq!(landed.param("iss").as_deref(), Some(rig.base()));
    let names = rig.event_names().await;
    assert_eq!(names.last(), Some(&"sign_in_cancelled"), "{names:?}");
    assert!(!names.contains(&"consent_declined"), "they had allowed it: {names:?}");
}

/// What a first sign-in comes to while a fault is on.
enum Comes {
    /// They get in.
    In,
    /// They get in once the provider was satisfied.
    InAtTheSecondTry,
    /// This server refuses, and says so with this AADSTS number or none.
    Refused(Option<u32>),
    /// The provider does not answer, and nothing is lost.
    NoAnswer,
    /// The provider keeps them on a page of its own with this number.
    Stays(&'static str),
}

/// A fault that is added does not compile without a line here.
const fn comes_of(fault: Fault) -> Option<Comes> {
    Some(match fault {
        Fault::ExpiredSecret => Comes::Refused(Some(7_000_222)),
        Fault::PublicClient => Comes::Refused(Some(700_025)),
        Fault::SpaPlatform => Comes::Refused(Some(9_002_327)),
        Fault::MissingConsent => Comes::Refused(Some(65_001)),
        Fault::ClockSkew | Fault::WrongAudience | Fault::MissingScope => Comes::Refused(None),
        Fault::ServerError | Fault::Throttled | Fault::Garbage => Comes::NoAnswer,
        Fault::WrongRedirectUri => Comes::Stays("AADSTS50011"),
        Fault::ConditionalAccess => Comes::Stays("AADSTS53003"),
        Fault::UserNotAssigned => Comes::Stays("AADSTS50105"),
        Fault::MfaRequired => Comes::InAtTheSecondTry,
        Fault::DisabledAtRefresh
        | Fault::DeletedAtRefresh
        | Fault::PasswordChanged
        | Fault::SessionRevoked
        | Fault::SignInFrequency
        | Fault::TokenRevoked
        | Fault::DeviceNotCompliant
        | Fault::GraphConsentMissing
        | Fault::GraphDown
        | Fault::NoRefreshToken
        | Fault::V1Tokens
        | Fault::GroupOverage
        | Fault::NoEmail
        | Fault::RotatedKeys
        | Fault::SlowDirectory
        | Fault::NoOwner => Comes::In,
        // It lasts 40 seconds by the clock on the wall.
        Fault::Slow => return None,
    })
}

async fn first(rig: &Rig, command: &str) -> Value {
    let answer = Engine::around(&rig.running).api().call(command, json!({})).await;
    answer.expect("the command is answered")[0].clone()
}

#[tokio::test]
async fn of_every_fault_the_page_the_verdict_and_the_session_say_the_same() {
    for fault in Fault::ALL.iter().copied() {
        let Some(comes) = comes_of(fault) else { continue };
        let rig = Rig::start().await;
        let client = rig.client("c").registers().await;
        let mut browser = rig.browser();
        let consent = browser.open(&client.authorize_url(&[]), "").await;
        if matches!(comes, Comes::Stays(_)) {
            rig.practice().set_fault(fault, true);
        }
        let mut page = browser.press(&consent, "decision", "approve", "").await;
        rig.practice().set_fault(fault, true);
        if fault != Fault::WrongRedirectUri {
            page = browser.pick(&page, "ada", &client.redirect_uri).await;
        }
        if matches!(comes, Comes::InAtTheSecondTry) {
            assert!(page.param("claims").is_some(), "{fault:?}: {}", page.url);
            page = browser.pick(&page, "ada", &client.redirect_uri).await;
        }
        let session = || async { first(&rig, "list_sessions").await["state"]["is"].clone() };
        match comes {
            Comes::In | Comes::InAtTheSecondTry => {
                let code = page.param("code").unwrap_or_else(|| panic!("{fault:?}: {}", page.body));
                let ada = client.connected(&client.redeem(&code, &[]).await);
                assert_eq!(ada.calls("version").await.status, 200, "{fault:?}");
                assert_eq!(session().await, "live", "{fault:?}");
                continue;
            }
            Comes::Refused(code) => {
                assert_eq!(page.status, 403, "{fault:?}: {}", page.body);
                // Until it is written down, the page is ahead of the log.
                rig.events().await;
                let verdict = first(&rig, "list_attempts").await["verdict"].clone();
                assert_eq!(verdict["code"], json!(code), "{fault:?}: {verdict}");
                assert!(
                    verdict["hint"].as_str().is_some_and(|hint| !hint.is_empty()),
                    "{fault:?}: {verdict}"
                );
                let number = code.map(|code| format!("AADSTS{code}"));
                assert_eq!(
                    number.as_ref().is_some_and(|number| page.body.contains(number)),
                    number.is_some(),
                    "{fault:?}"
                );
                let event = serde_json::to_value(rig.last_event("upstream_refused").await).unwrap();
                assert_eq!(event["refusal"]["code"], verdict["code"], "{fault:?}");
            }
            Comes::NoAnswer => {
                assert_eq!(page.status, 503, "{fault:?}: {}", page.body);
                assert!(rig.event_names().await.contains(&"upstream_unavailable"), "{fault:?}");
            }
            Comes::Stays(number) => assert!(page.body.contains(number), "{fault:?}: {}", page.body),
        }
        assert_eq!(session().await, Value::Null, "{fault:?}: nobody got in");
    }
}

/// What a refresh comes to while a fault is on.
enum Refresh {
    /// It is done, as if there were none.
    Done,
    /// The session is over, because of this number; how it stands then.
    Over(u32, &'static str),
    /// The set-up has to be mended first: the client is told to come again, and nobody is signed out.
    SetUp(Option<u32>),
    /// No answer, with this number if the table has it: the same.
    NoAnswer(Option<u32>),
}

/// A fault that is added does not compile without a line here.
const fn refresh_of(fault: Fault) -> Option<Refresh> {
    const REFUSED: &str = "upstream_refused";
    const SIGN_IN: &str = "sign_in_needed";
    Some(match fault {
        Fault::DisabledAtRefresh => Refresh::Over(50_057, REFUSED),
        Fault::DeletedAtRefresh => Refresh::Over(50_034, REFUSED),
        Fault::PasswordChanged => Refresh::Over(50_173, REFUSED),
        Fault::SessionRevoked => Refresh::Over(50_132, REFUSED),
        Fault::TokenRevoked => Refresh::Over(50_133, REFUSED),
        Fault::SignInFrequency => Refresh::Over(70_043, REFUSED),
        Fault::UserNotAssigned => Refresh::Over(50_105, REFUSED),
        Fault::MfaRequired => Refresh::Over(50_076, SIGN_IN),
        Fault::ConditionalAccess => Refresh::Over(53_003, SIGN_IN),
        Fault::DeviceNotCompliant => Refresh::Over(53_000, SIGN_IN),
        Fault::ExpiredSecret => Refresh::SetUp(Some(7_000_222)),
        Fault::PublicClient => Refresh::SetUp(Some(700_025)),
        Fault::MissingConsent => Refresh::SetUp(Some(65_001)),
        Fault::ClockSkew | Fault::WrongAudience | Fault::MissingScope => Refresh::SetUp(None),
        Fault::ServerError => Refresh::NoAnswer(Some(90_033)),
        Fault::Throttled | Fault::Garbage => Refresh::NoAnswer(None),
        // Of the sign-in page, of codes, of Graph, of what tokens say, and of a directory that nobody registers in here.
        Fault::WrongRedirectUri
        | Fault::SpaPlatform
        | Fault::GraphConsentMissing
        | Fault::GraphDown
        | Fault::NoOwner
        | Fault::NoRefreshToken
        | Fault::V1Tokens
        | Fault::GroupOverage
        | Fault::NoEmail
        | Fault::RotatedKeys
        | Fault::SlowDirectory => Refresh::Done,
        // It lasts 40 seconds by the clock on the wall.
        Fault::Slow => return None,
    })
}

#[tokio::test]
async fn of_every_fault_at_a_refresh_client_session_and_verdict_say_the_same() {
    for fault in Fault::ALL.iter().copied() {
        let Some(comes) = refresh_of(fault) else { continue };
        let rig = Rig::start().await;
        let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
        assert_eq!(ada.calls("version").await.status, 200);
        // Keys are fetched anew once a minute at most.
        rig.pass(std::time::Duration::from_secs(120));
        let answer = rig.with_fault(fault, ada.refresh()).await;
        rig.events().await;
        let session = first(&rig, "list_sessions").await;
        let verdict = first(&rig, "list_attempts").await["verdict"].clone();
        let told = answer.text("error_description").to_owned();
        let (code, mended, reason) = match comes {
            Refresh::Done => {
                assert_eq!(answer.status, 200, "{fault:?}: {}", answer.body);
                assert_eq!(
                    (&session["state"]["is"], &session["refresh"]["ok"]),
                    (&json!("live"), &json!(true))
                );
                assert_eq!(
                    (&verdict["is"], &verdict["code"], &verdict["remedies"]),
                    (&json!("connected"), &Value::Null, &json!([])),
                    "{fault:?}: {verdict}"
                );
                continue;
            }
            Refresh::Over(code, why) => {
                assert_eq!(
                    (answer.status, answer.error()),
                    (400, "invalid_grant"),
                    "{fault:?}: {}",
                    answer.body
                );
                let state = session["state"].clone();
                assert_eq!((&state["is"], &state["why"]), (&json!("ended"), &json!(why)), "{fault:?}");
                assert_eq!(verdict["is"], "ended", "{fault:?}: {verdict}");
                assert_eq!(ada.calls("version").await.status, 401, "{fault:?}");
                let again = ada.refresh().await;
                assert_eq!(
                    (again.status, again.text("error_description")),
                    (400, told.as_str()),
                    "{fault:?}: over is over, also once the fault is mended"
                );
                (Some(code), state.clone(), state["reason"].clone())
            }
            Refresh::SetUp(code) | Refresh::NoAnswer(code) => {
                assert_eq!(
                    (answer.status, answer.error()),
                    (503, "temporarily_unavailable"),
                    "{fault:?}: {}",
                    answer.body
                );
                assert!(!answer.header("retry-after").is_empty(), "{fault:?}");
                assert!(told.contains("your session is kept"), "{fault:?}: {told}");
                assert_eq!((&session["state"]["is"], &verdict["is"]), (&json!("live"), &json!("connected")));
                assert_eq!(ada.calls("version").await.status, 200, "{fault:?}: nobody is signed out");
                assert_eq!(ada.refresh().await.status, 200, "{fault:?}: the same token is good afterwards");
                assert_eq!(first(&rig, "list_sessions").await["refresh"]["ok"], true, "{fault:?}");
                (code, session["refresh"].clone(), session["refresh"]["detail"].clone())
            }
        };
        assert_eq!(verdict["code"], json!(code), "{fault:?}: {verdict}");
        assert_eq!(mended["code"], verdict["code"], "{fault:?}: {mended}");
        assert_eq!(mended["remedies"], verdict["remedies"], "{fault:?}: {mended}");
        // Of no answer without a number nobody knows who can mend it.
        let known = !matches!(comes, Refresh::NoAnswer(None));
        assert_eq!(verdict["fixer"].is_string(), known, "{fault:?}: {verdict}");
        for text in [&verdict["hint"], &reason] {
            assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{fault:?}: {verdict} {mended}");
        }
        if !matches!(comes, Refresh::NoAnswer(_)) {
            let hint = verdict["hint"].as_str().unwrap();
            assert!(told.contains(hint), "{fault:?} must say {hint:?}: {told}");
            assert!(reason.as_str().unwrap().contains(hint), "{fault:?} must say {hint:?}: {reason}");
            let event = serde_json::to_value(rig.last_event("upstream_refused").await).unwrap();
            assert_eq!(event["refusal"]["code"], verdict["code"], "{fault:?}");
            assert_eq!(event["refusal"]["hint"], verdict["hint"], "{fault:?}");
        }
    }
}
