//! The app registration looked at before anybody signs in: each fault is found, and a good one passes.

use std::sync::Arc;

use entra::{Entra, Outcome};
use model::scope::ScopeSet;
use model::settings::{Credential, EntraSettings};
use model::testing::SeededEntropy;
use practice::Fault;
use testkit::Rig;

const GOOD: &str = "authority passed, tenant passed, keys passed, clock passed, application passed";

/// `authority passed, credential failed 7000222, ..`
async fn found(rig: &Rig) -> String {
    let steps = rig.check().await;
    let told = steps.iter().map(|step| {
        let code = step.code.map(|code| format!(" {code}")).unwrap_or_default();
        format!("{} {:?}{code}", step.about, step.outcome).to_lowercase()
    });
    told.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_good_registration_passes_and_nobody_was_signed_in() {
    let rig = Rig::start().await;
    assert_eq!(found(&rig).await, format!("{GOOD}, credential passed, redirect_uri passed, api unknown"));
    assert!(rig.event_names().await.is_empty());
}

#[tokio::test]
async fn each_fault_of_the_registration_is_found_where_it_is() {
    let rig = Rig::start().await;
    for (fault, expected) in [
        (Fault::ExpiredSecret, "credential failed 7000222, redirect_uri passed, api unknown"),
        (Fault::PublicClient, "credential failed 700025, redirect_uri passed, api unknown"),
        (Fault::WrongRedirectUri, "credential passed, redirect_uri failed 50011"),
    ] {
        assert_eq!(rig.with_fault(fault, found(&rig)).await, format!("{GOOD}, {expected}"), "{fault:?}");
        let steps = rig.with_fault(fault, rig.check()).await;
        let failed = steps.iter().find(|step| step.code.is_some()).unwrap();
        assert!(failed.hint.is_some() && !failed.remedies.is_empty(), "{failed:?}");
    }
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_told_as_that() {
    let rig = Rig::start().await;
    let told = rig.with_fault(Fault::ServerError, found(&rig)).await;
    assert!(told.contains("failed"), "{told}");
    assert!(!told.contains(|c: char| c.is_ascii_digit()), "no number is made up: {told}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_with_by_how_much() {
    let rig = Rig::start().await;
    let steps = rig.with_fault(Fault::ClockSkew, rig.check()).await;
    let clock = steps.iter().find(|step| step.about == "clock").unwrap();
    assert_eq!(clock.what, "the clock of this computer is 600 s slow");
}

#[tokio::test]
async fn an_api_or_an_application_that_is_not_there_is_told_as_that() {
    let rig = Rig::start().await;
    let base = rig.running.practice_url.clone().unwrap();
    let callback = rig.running.flow.callback_urls();
    let check = async |adjust: fn(&mut EntraSettings)| {
        let mut settings = EntraSettings {
            authority: base.parse().unwrap(),
            tenant: practice::TENANT_ID.to_owned(),
            client_id: practice::CLIENT_ID.to_owned(),
            credential: Credential::secret(practice::CLIENT_SECRET),
            identifier_uri: practice::IDENTIFIER_URI.to_owned(),
            required_scopes: ScopeSet::parse_lenient("read"),
            extra_authorize_scopes: ScopeSet::default(),
            allowed_tenants: Vec::new(),
        };
        adjust(&mut settings);
        let http = entra::http_client_for(&settings.authority).unwrap();
        let steps = Entra::new(settings, http, rig.clock.clone(), Arc::new(SeededEntropy::new(1)))
            .check(&callback)
            .await;
        let last = steps.last().unwrap();
        (last.about, last.outcome, last.code)
    };
    let failed = Outcome::Failed;
    let found =
        check(|settings| "00000000-0000-4000-8000-000000000000".clone_into(&mut settings.client_id)).await;
    assert_eq!(found, ("application", failed, Some(700_016)));
    let found = check(|settings| settings.required_scopes = ScopeSet::parse_lenient("rede")).await;
    assert_eq!(found, ("api", failed, Some(650_053)));
    let found = check(|settings| "api://somebody-else".clone_into(&mut settings.identifier_uri)).await;
    assert_eq!(found, ("api", failed, Some(500_011)));
    let found = check(|settings| "nowhere.example".clone_into(&mut settings.tenant)).await;
    assert_eq!(found, ("tenant", failed, Some(90002)));
}
