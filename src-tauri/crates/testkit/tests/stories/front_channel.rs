//! Signing out at the provider: in a frame of its page it loads our address with the session that ended.

use model::session::{Ended, Session, SessionState};
use testkit::{Landed, Rig};

/// What the page of the provider loads.
fn frames(page: &Landed) -> Vec<String> {
    let sources = page.body.split("<iframe src=\"").skip(1);
    sources.map(|rest| rest.split('"').next().unwrap_or_default().replace("&#38;", "&")).collect()
}

async fn signs_out_at_provider(rig: &Rig, browser: &mut testkit::Browser) -> Landed {
    let tenant = rig.running.practice_url.as_deref().expect("the practice tenant runs");
    browser.open(&format!("{tenant}/organizations/oauth2/v2.0/logout"), "").await
}

async fn sessions(rig: &Rig) -> Vec<Session> {
    rig.running.store().list_sessions().await.expect("the store reads")
}

#[tokio::test]
async fn who_signs_out_at_the_provider_is_signed_out_here_and_nobody_else_is() {
    let rig = Rig::start().await;
    let (mut adas, mut bens) = (rig.browser(), rig.browser());
    let editor = rig.client("Editor").registers().await.signs_in(&mut adas, "ada").await;
    let chat = rig.client("Chat").registers().await.signs_in(&mut bens, "ben").await;

    let page = signs_out_at_provider(&rig, &mut adas).await;
    let told = frames(&page);
    let [frame] = told.as_slice() else { panic!("one app is told: {}", page.body) };
    assert!(frame.starts_with(&format!("{}/front-channel-logout?sid=", rig.base())), "{frame}");
    // A frame of another site brings none of our cookies.
    let framed = rig.browser().open(frame, "").await;
    assert_eq!(framed.status, 200);
    assert_eq!(framed.header("cache-control"), "no-store");
    assert!(framed.headers.get("x-frame-options").is_none());
    assert!(!framed.header("content-security-policy").contains("frame-ancestors"));

    assert_eq!(editor.calls("version").await.status, 401);
    assert_eq!(editor.refresh().await.error(), "invalid_grant");
    assert_eq!(chat.calls("version").await.status, 200);
    let ended: Vec<_> = sessions(&rig).await.into_iter().filter(|session| !session.is_live()).collect();
    let [session] = ended.as_slice() else { panic!("one session is over: {ended:?}") };
    assert!(matches!(session.state, SessionState::Ended { why: Ended::SignedOutUpstream, .. }));
    let event = serde_json::to_value(rig.last_event("session_ended").await).unwrap();
    assert_eq!(event["ended"]["why"], "signed_out_upstream");

    // Once more changes nothing, and there is nothing left to tell of this browser.
    let before = rig.event_names().await;
    assert_eq!(rig.browser().open(frame, "").await.body, framed.body);
    assert!(frames(&signs_out_at_provider(&rig, &mut adas).await).is_empty());
    assert_eq!(rig.event_names().await, before);
}

#[tokio::test]
async fn it_is_still_known_after_a_refresh_and_a_restart() {
    let rig = Rig::start().await;
    let mut browser = rig.browser();
    rig.client("Editor").registers().await.signs_in(&mut browser, "ada").await.refresh().await;
    let told = frames(&signs_out_at_provider(&rig, &mut browser).await);
    let rig = rig.restarted().await;
    let live = async || sessions(&rig).await.iter().map(Session::is_live).collect::<Vec<_>>();
    assert_eq!(live().await, [true]);
    rig.browser().open(&told[0], "").await;
    assert_eq!(live().await, [false]);
}

#[tokio::test]
async fn whoever_guesses_ends_nothing_and_learns_nothing() {
    let rig = Rig::start().await;
    let mut browser = rig.browser();
    let editor = rig.client("Editor").registers().await.signs_in(&mut browser, "ada").await;
    let told = frames(&signs_out_at_provider(&rig, &mut browser).await).remove(0);
    let right = rig.browser();
    let path = format!("{}/front-channel-logout", rig.base());
    let (sid, _) = told.split_once("&iss=").expect("the issuer is named");
    let elsewhere = format!("{sid}&iss=https%3A%2F%2Fsts.example%2F");
    for guess in [
        path.clone(),
        format!("{path}?sid="),
        format!("{path}?sid=00000000-0000-4000-8000-000000000000"),
        format!("{path}?sid={}", "x".repeat(5_000)),
        elsewhere,
    ] {
        let page = right.clone().open(&guess, "").await;
        assert_eq!(
            (page.status, page.body.as_str()),
            (200, "<!doctype html><title>Signed out</title>"),
            "{guess}"
        );
    }
    assert_eq!(editor.calls("version").await.status, 200);
    assert!(!rig.event_names().await.contains(&"session_ended"));
    right.clone().open(&told, "").await;
    assert_eq!(editor.calls("version").await.status, 401);
}
