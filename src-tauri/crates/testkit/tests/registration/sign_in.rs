//! The code on another page: waited for, declined, too late, stopped.

use crate::rig::{Rig, Typing};

#[tokio::test]
async fn the_code_is_waited_for_without_asking_too_often() {
    let rig = Rig::start().await;
    let maker = rig.maker();
    let invitation = maker.invite().await.unwrap();
    let form = format!("code={}&person=ada", invitation.user_code.to_lowercase());
    let maker = rig.maker_pausing(Typing::at(&rig, 4, &invitation.link, &form));
    let owner = maker.signed_in(&invitation, &rig.stop).await.unwrap();
    assert_eq!(owner.name.as_deref(), Some("Ada Lindqvist"));
    assert_eq!(rig.passed(), 20, "every five seconds");
}

#[tokio::test]
async fn declined_expired_and_stopped_each_say_so() {
    let rig = Rig::start().await;
    let maker = rig.maker();
    let declined = maker.invite().await.unwrap();
    let page = rig.enters(&declined, "cancel=1").await;
    assert!(page.contains("Nobody was signed in"));
    let told = maker.signed_in(&declined, &rig.stop).await.unwrap_err();
    assert_eq!(told.what, "The sign-in was declined.");

    let expired = maker.invite().await.unwrap();
    let told = maker.signed_in(&expired, &rig.stop).await.unwrap_err();
    assert_eq!(told.what, "The code was not used in time.");
    let page = rig.enters(&expired, "person=ada").await;
    assert!(page.contains("No sign-in waits for this code"));

    let stopped = maker.invite().await.unwrap();
    rig.stops();
    let told = maker.signed_in(&stopped, &rig.stop).await.unwrap_err();
    assert_eq!(told.what, "It was stopped.");
}

#[tokio::test]
async fn a_code_is_good_for_one_sign_in_and_for_whoever_was_given_it() {
    let rig = Rig::start().await;
    let maker = rig.maker();
    let invitation = maker.invite().await.unwrap();
    rig.enters(&invitation, "person=ada").await;
    maker.signed_in(&invitation, &rig.stop).await.unwrap();
    let told = maker.signed_in(&invitation, &rig.stop).await.unwrap_err();
    assert_eq!(told.code, Some(70000), "{told:?}");
}

#[tokio::test]
async fn an_account_that_is_disabled_cannot_be_picked() {
    let rig = Rig::start().await;
    let invitation = rig.maker().invite().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = format!("code={}&person=dora", invitation.user_code);
    let kind = "application/x-www-form-urlencoded";
    let sent = http.post(&invitation.link).header("content-type", kind).body(form).send().await.unwrap();
    assert!(sent.text().await.unwrap().contains("AADSTS50057"));
}
