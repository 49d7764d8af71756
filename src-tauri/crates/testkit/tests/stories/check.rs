//! The app registration looked at before anybody signs in: each fault is found, and a good one passes.

use practice::Fault;
use testkit::Rig;

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
    assert_eq!(found(&rig).await, "authority passed, keys passed, credential passed, redirect_uri passed");
    assert!(rig.event_names().await.is_empty());
}

#[tokio::test]
async fn each_fault_of_the_registration_is_found_where_it_is() {
    let rig = Rig::start().await;
    for (fault, expected) in [
        (
            Fault::ExpiredSecret,
            "authority passed, keys passed, credential failed 7000222, redirect_uri passed",
        ),
        (Fault::PublicClient, "authority passed, keys passed, credential failed 700025, redirect_uri passed"),
        (
            Fault::WrongRedirectUri,
            "authority passed, keys passed, credential passed, redirect_uri failed 50011",
        ),
    ] {
        assert_eq!(rig.with_fault(fault, found(&rig)).await, expected, "{fault:?}");
        let steps = rig.with_fault(fault, rig.check()).await;
        let failed = steps.iter().find(|step| step.code.is_some()).unwrap();
        assert!(failed.hint.is_some() && failed.link.is_some(), "{failed:?}");
    }
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_told_as_that() {
    let rig = Rig::start().await;
    let told = rig.with_fault(Fault::ServerError, found(&rig)).await;
    assert!(told.contains("failed"), "{told}");
    assert!(!told.contains(|c: char| c.is_ascii_digit()), "no number is made up: {told}");
}
