//! What the identity provider gives once is not thrown away, and nobody else gets it.

use model::ids::GrantId;
use model::keys::{Place, Sealer};
use model::ports::{Clock as _, Store as _};
use model::session::Ended;
use model::testing::SeededEntropy;

use crate::rig::{Browser, Rig, client_id};
use crate::store::Trouble;

#[tokio::test(start_paused = true)]
async fn a_store_that_is_busy_for_a_moment_costs_no_sign_in() {
    for trouble in [Trouble::Busy { times: 2 }, Trouble::Mute { times: 1 }] {
        let rig = Rig::new();
        rig.registered().await;
        let process = rig.process(1);
        let (mut browser, consent) = (Browser::default(), process.starts().await);
        let callback = process.approves(&mut browser, &consent, "c").await;
        process.store.has("advance_grant", trouble);
        let code = process.get(&mut browser, &callback).await.code();
        assert_eq!(process.redeems(&code.expect("a code")).await.status, 200, "{trouble:?}");
        assert_eq!(process.events.names().iter().filter(|name| **name == "signed_in").count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_busy_sends_the_person_back_to_the_client_and_not_to_the_reload_button() {
    let rig = Rig::new();
    rig.registered().await;
    let process = rig.process(1);
    let (mut browser, consent) = (Browser::default(), process.starts().await);
    let callback = process.approves(&mut browser, &consent, "c").await;
    process.store.has("lookup_grant", Trouble::Busy { times: 1 });
    let before = process.get(&mut browser, &callback).await;
    assert_eq!(before.status, 503);
    assert!(before.body.contains("reload this page"), "nothing is spent yet: {}", before.body);

    process.store.has("advance_grant", Trouble::Busy { times: 3 });
    let page = process.get(&mut browser, &callback).await;
    assert_eq!(page.status, 503);
    assert!(page.headers.contains_key("retry-after"));
    assert!(page.body.contains("start again from your client"), "{}", page.body);
    assert!(!page.body.contains("reload"), "{}", page.body);
}

#[tokio::test(start_paused = true)]
async fn what_a_refresh_lacked_outlasts_a_store_that_is_busy_for_a_moment() {
    for trouble in [Trouble::Busy { times: 2 }, Trouble::Mute { times: 1 }] {
        let rig = Rig::new();
        rig.registered().await;
        let process = rig.process(1);
        let code = process.signs_in().await;
        assert_eq!(process.redeems(&code).await.status, 200);
        let session = rig.memory.list_sessions().await.unwrap().remove(0).id;
        let place = Place { table: "sessions", row: session.as_str(), column: "challenge" };
        let lacked = br#"{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}"#;
        let sealed = Sealer::new(&rig.master).seal(place, lacked, &SeededEntropy::new(9));
        rig.memory.keep_challenge(&session, &sealed).await.unwrap();
        rig.memory.end_session(&session, &Ended::RevokedByPerson, rig.clock.now()).await.unwrap();

        let (mut browser, consent) = (Browser::default(), process.starts().await);
        let callback = process.approves(&mut browser, &consent, "again").await;
        process.store.has("advance_grant", trouble);
        let sent_on = process.get(&mut browser, &callback).await;
        assert!(sent_on.location().starts_with("https://idp.example/"), "{trouble:?}: {sent_on:?}");
        let callback = callback.replace("code=again", "code=with-more");
        assert!(process.get(&mut browser, &callback).await.code().is_some(), "{trouble:?}");
        let grant = consent.split("grant=").nth(1).unwrap();
        let grant = rig.memory.lookup_grant(&GrantId::parse(grant).unwrap()).await.unwrap().unwrap();
        assert_eq!(grant.claims, None, "it is over, and what was asked for goes");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_approves_while_another_is_signing_in_gets_nothing_of_it() {
    let rig = Rig::new();
    rig.registered().await;
    let process = rig.process(1);
    let consent = process.starts().await;
    let (mut victim, mut attacker) = (Browser::default(), Browser::default());
    let callback = process.approves(&mut victim, &consent, "of-the-victim").await;
    rig.provider.thinks();
    let (page, ()) = tokio::join!(process.get(&mut victim, &callback), async {
        while !rig.provider.was_asked("of-the-victim") {
            tokio::task::yield_now().await;
        }
        process.approves(&mut attacker, &consent, "x").await;
        rig.provider.answers();
    });
    assert_eq!((page.status, page.code()), (400, None), "{page:?}");
    assert!(page.body.contains("browser you started in"), "{}", page.body);
    let stolen = process.get(&mut attacker, &callback).await;
    assert_eq!(stolen.code(), None, "{stolen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_approval_could_not_be_noted_is_approved_when_the_code_is_exchanged() {
    let rig = Rig::new();
    rig.registered().await;
    let process = rig.process(1);
    process.store.has("approve_client", Trouble::Busy { times: 100 });
    let code = process.signs_in().await;
    let approved_at = async || rig.memory.lookup_client(&client_id()).await.unwrap().unwrap().approved_at;
    assert_eq!(approved_at().await, None);
    assert_eq!(process.redeems(&code).await.status, 200);
    assert!(approved_at().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_first_finishes_what_the_provider_was_asked() {
    let rig = Rig::new();
    rig.registered().await;
    let process = rig.process(1);
    let (mut browser, consent) = (Browser::default(), process.starts().await);
    let callback = process.approves(&mut browser, &consent, "c").await;
    rig.provider.thinks();
    let asked = tokio::spawn({
        let (process, mut browser, callback) = (process.clone(), browser.clone(), callback.clone());
        async move { process.get(&mut browser, &callback).await.status }
    });
    while !rig.provider.was_asked("c") {
        tokio::task::yield_now().await;
    }
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled(), "the browser hung up");
    let settled = tokio::spawn({
        let flow = process.flow.clone();
        async move { flow.settled().await }
    });
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(!settled.is_finished(), "the provider has not answered yet");
    rig.provider.answers();
    settled.await.unwrap();
    let later = rig.process(2);
    assert!(later.get(&mut browser, &callback).await.code().is_some(), "the answer is there after a restart");
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_not_ours_does_not_reach_the_store() {
    let rig = Rig::new();
    rig.registered().await;
    let process = rig.process(1);
    let (mut browser, consent) = (Browser::default(), process.starts().await);
    let callback = process.approves(&mut browser, &consent, "c").await;
    process.store.has("lookup_grant", Trouble::Busy { times: 100 });
    let (forged, _) = callback.rsplit_once('&').unwrap();
    let page = process.get(&mut browser, &format!("{forged}x&code=c")).await;
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.body.contains("belongs to no sign-in"), "{}", page.body);
    assert_eq!(process.get(&mut browser, &callback).await.status, 503, "a real one does");
}
