//! Directories of customers, from what is typed into the settings to a tool that is called: Azure AD B2C by a user flow, and
//! External ID.

use engine::settings::SettingsDraft;
use model::settings::Identity;
use practice::{B2C_TENANT_ID, CLIENT_ID, CLIENT_SECRET, EXTERNAL_TENANT_ID, Fault, IDENTIFIER_URI};
use testkit::Rig;

const FLOW: &str = "practice.onmicrosoft.com/B2C_1_sign_in";

/// A server with what is typed here, for the directories that `directory` imitates.
async fn server_of(directory: &Rig, typed: &[(&str, &str)]) -> Rig {
    let authority = directory.running.practice_url.clone().expect("it runs on the practice tenant");
    let usual = [
        ("entra.authority", authority.as_str()),
        ("entra.client_id", CLIENT_ID),
        ("entra.client_secret", CLIENT_SECRET),
    ];
    let draft = SettingsDraft::from_window(usual.into_iter().chain(typed.iter().copied()));
    let settings = draft.validate().unwrap_or_else(|problems| panic!("{problems:?}"));
    let Identity::Entra(entra) = settings.identity else { panic!("practice is on") };
    let rig = Rig::start_with(|settings| {
        settings.identity = Identity::Entra(entra);
        settings.access = draft.validate().expect("as before").access;
    })
    .await;
    directory.practice().set_redirect_uris(vec![format!("{}/auth/callback", rig.base())]);
    rig
}

async fn step(rig: &Rig, about: &str) -> entra::Step {
    rig.check().await.into_iter().find(|step| step.about == about).unwrap_or_else(|| panic!("no {about}"))
}

#[tokio::test]
async fn a_customer_of_b2c_signs_in_by_the_user_flow_calls_and_refreshes() {
    let directory = Rig::start().await;
    let rig = server_of(&directory, &[("entra.tenant", FLOW)]).await;
    for (about, outcome) in [
        ("authority", entra::Outcome::Passed),
        ("tenant", entra::Outcome::Passed),
        ("keys", entra::Outcome::Passed),
        ("credential", entra::Outcome::Unknown),
        ("redirect_uri", entra::Outcome::Passed),
    ] {
        let step = step(&rig, about).await;
        assert_eq!(step.outcome, outcome, "{about}: {}", step.what);
    }

    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let info = ada.calls("get_user_info").await;
    assert_eq!(info.structured()["tenant_id"], B2C_TENANT_ID, "{}", info.body);
    assert_eq!(info.structured()["name"], "Ada Lindqvist");
    let ada = ada.refreshes().await;
    assert_eq!(ada.calls("version").await.status, 200);

    directory.practice().revoke("ada");
    let refused = ada.refresh().await;
    assert_eq!((refused.status, refused.error()), (400, "invalid_grant"));
    assert!(refused.text("error_description").contains("Connect again"), "{}", refused.body);
}

#[tokio::test]
async fn what_b2c_refuses_is_told_by_its_own_number() {
    let directory = Rig::start().await;
    let rig = server_of(&directory, &[("entra.tenant", FLOW)]).await;
    let client = rig.client("c").registers().await;
    let mut browser = rig.browser();

    let consent = browser.open(&client.authorize_url(&[]), "").await;
    let flow = browser.press(&consent, "decision", "approve", "").await;
    let page = browser.press(&flow, "forgot", "1", &client.redirect_uri).await;
    assert_eq!(page.status, 403, "{} {}", page.url, page.body);
    for text in ["AADB2C90118", "password reset", "active-directory-b2c/error-codes"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("AADSTS"), "{}", page.body);

    let consent = browser.open(&client.authorize_url(&[]), "").await;
    let flow = browser.press(&consent, "decision", "approve", "").await;
    let landed = browser.press(&flow, "cancel", "1", &client.redirect_uri).await;
    assert_eq!(landed.param("error").as_deref(), Some("access_denied"), "{} {}", landed.url, landed.body);

    let consent = browser.open(&client.authorize_url(&[]), "").await;
    let flow = browser.press(&consent, "decision", "approve", "").await;
    directory.practice().set_fault(Fault::ExpiredSecret, true);
    let page = browser.pick(&flow, "ada", &client.redirect_uri).await;
    assert!(page.body.contains("AADB2C90081") && page.body.contains("client secret"), "{}", page.body);
    directory.practice().set_fault(Fault::ExpiredSecret, false);

    directory.practice().set_redirect_uris(Vec::new());
    let redirect = step(&rig, "redirect_uri").await;
    assert_eq!(redirect.outcome, entra::Outcome::Failed);
    assert!(redirect.what.contains("AADB2C90006"), "{}", redirect.what);
}

#[tokio::test]
async fn a_session_of_one_user_flow_is_not_refreshed_by_another_and_is_not_lost() {
    let directory = Rig::start().await;
    let rig = server_of(&directory, &[("entra.tenant", FLOW)]).await;
    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let tenant = "practice.onmicrosoft.com/B2C_1_password_reset";
    let rig = rig
        .restarted_with(|settings| {
            let Identity::Entra(entra) = &mut settings.identity else { panic!("practice is on") };
            tenant.clone_into(&mut entra.tenant);
        })
        .await;
    assert_eq!(ada.refresh().await.status, 503, "it is the owner's to mend");
    let event = serde_json::to_value(rig.last_event("upstream_refused").await).unwrap();
    assert!(event["refusal"]["what"].as_str().unwrap().contains("AADB2C90088"), "{event}");
    let rig = rig
        .restarted_with(|settings| {
            let Identity::Entra(entra) = &mut settings.identity else { panic!("practice is on") };
            FLOW.clone_into(&mut entra.tenant);
        })
        .await;
    assert_eq!(ada.refreshes().await.calls("version").await.status, 200);
    drop(rig);
}

#[tokio::test]
async fn a_customer_of_external_id_signs_in_and_a_disabled_one_is_signed_out() {
    let directory = Rig::start().await;
    let typed = [("entra.tenant", "customers.example"), ("entra.identifier_uri", IDENTIFIER_URI)];
    let rig = server_of(&directory, &typed).await;
    assert_eq!(step(&rig, "credential").await.outcome, entra::Outcome::Passed);
    let tenant = step(&rig, "tenant").await;
    assert!(tenant.what.contains(&format!("{EXTERNAL_TENANT_ID}.localhost")), "{}", tenant.what);

    let ada = rig.client("c").registers().await.signs_in(&mut rig.browser(), "ada").await;
    let info = ada.calls("get_user_info").await;
    assert_eq!(info.structured()["tenant_id"], EXTERNAL_TENANT_ID, "{}", info.body);
    assert_eq!(info.structured()["job_title"], "Head of IT", "there is a Graph: {}", info.body);
    let ada = ada.refreshes().await;

    directory.practice().set_fault(Fault::DisabledAtRefresh, true);
    let refused = ada.refresh().await;
    assert_eq!((refused.status, refused.error()), (400, "invalid_grant"), "{}", refused.body);
    let event = serde_json::to_value(rig.last_event("upstream_refused").await).unwrap();
    assert_eq!(event["refusal"]["code"], 50057);
}
