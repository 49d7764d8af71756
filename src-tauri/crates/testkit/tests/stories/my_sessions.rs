//! The page where a person sees which clients are signed in as them, and ends what they do not use.

use std::time::Duration;

use model::access::Somebody;
use model::origin::Origin;
use model::person::Person;
use model::settings::SignInFrom;
use practice::Fault;
use testkit::rig::is_public;
use testkit::{Browser, Connected, Landed, Rig};

const PUBLIC: &str = "https://demo.example";

async fn connected(rig: &Rig, name: &str, person: &str) -> Connected {
    rig.client(name).registers().await.signs_in(&mut rig.browser(), person).await
}

/// The page, as `person`.
async fn page_of(browser: &mut Browser, base: &str, person: &str) -> Landed {
    let start = browser.open(&format!("{base}/my-sessions"), "").await;
    assert_eq!(start.status, 200, "{}", start.body);
    assert!(!start.body.contains("<form"), "nobody's yet: {}", start.body);
    let provider = browser.open(&format!("{base}/my-sessions/sign-in"), "").await;
    browser.pick(&provider, person, "").await
}

/// What Ada reads at the end of a sign-in, page or not.
async fn sign_in_again(browser: &mut Browser, base: &str) -> Landed {
    let callback = format!("{base}/auth/callback");
    let provider = browser.open(&format!("{base}/my-sessions/sign-in"), "").await;
    let back = browser.pick(&provider, "ada", &callback).await;
    browser.open(back.url.as_str(), "").await
}

#[tokio::test]
async fn a_person_sees_their_own_sessions_ends_one_and_then_all() {
    let rig = Rig::start().await;
    let editor = connected(&rig, "Editor", "ada").await;
    rig.pass(Duration::from_secs(2 * 3600));
    let inspector = connected(&rig, "Inspector", "ada").await;
    let chat = connected(&rig, "Chat", "ada").await;
    let bens = connected(&rig, "Bens client", "ben").await;

    let mut browser = rig.browser();
    let page = page_of(&mut browser, rig.base(), "ada").await;
    assert_eq!(
        page.url.as_str(),
        format!("{}/my-sessions", rig.base()),
        "nothing of the sign-in stays in the address"
    );
    for text in ["as Ada Lindqvist", "Editor", "2 hours ago", "Inspector", "just now", "End all 3 sessions"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("Bens"), "{}", page.body);
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));

    let id = page.body.split("End the session of Editor").next().unwrap().rsplit("value=\"").next().unwrap();
    let id = id.split('"').next().unwrap().to_owned();
    let rest = browser.press(&page, "end", &id, "").await;
    assert!(!rest.body.contains("Editor") && rest.body.contains("Inspector"), "{}", rest.body);
    assert_eq!(editor.calls("version").await.status, 401);
    assert_eq!(editor.refresh().await.error(), "invalid_grant");
    assert_eq!(inspector.calls("version").await.status, 200);
    let event = serde_json::to_value(rig.last_event("session_ended").await).unwrap();
    assert_eq!(event["ended"]["why"], "revoked_by_person");

    let none = browser.press(&rest, "end", "all", "").await;
    assert!(none.body.contains("No client is signed in here as Ada"), "{}", none.body);
    for session in [&inspector, &chat] {
        assert_eq!(session.calls("version").await.status, 401);
    }
    assert_eq!(bens.calls("version").await.status, 200);
}

#[tokio::test]
async fn nobody_ends_the_session_of_another() {
    let rig = Rig::start().await;
    let ada = connected(&rig, "Editor", "ada").await;
    let ben = connected(&rig, "Bens client", "ben").await;
    let mut adas = rig.browser();
    let page = page_of(&mut adas, rig.base(), "ada").await;
    let id = page.body.split("name=\"end\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();

    let mut bens = rig.browser();
    let own = page_of(&mut bens, rig.base(), "ben").await;
    assert!(own.body.contains("Bens client") && !own.body.contains("Editor"), "{}", own.body);
    // His own form, with the id of her session.
    let after = bens.press(&own, "end", &id, "").await;
    assert!(after.status == 200 && after.body.contains("Bens client"), "{}", after.body);
    for session in [&ada, &ben] {
        assert_eq!(session.calls("version").await.status, 200);
    }
    // Her form; with his cookie, and with none.
    for mut browser in [bens, rig.browser()] {
        for which in [id.as_str(), "all"] {
            let refused = browser.press(&page, "end", which, "").await;
            assert_eq!(refused.status, 400, "{}", refused.body);
        }
    }
    // A page of another site posts it with her cookies.
    adas.forms_are_foreign = true;
    assert_eq!(adas.press(&page, "end", "all", "").await.status, 400);
    adas.forms_are_foreign = false;
    assert_eq!(ada.calls("version").await.status, 200);

    rig.pass(Duration::from_secs(601));
    assert_eq!(adas.press(&page, "end", "all", "").await.status, 400, "it was hers for ten minutes");
    let again = adas.open(&format!("{}/my-sessions", rig.base()), "").await;
    assert!(!again.body.contains("Editor"), "{}", again.body);
    assert_eq!(ada.calls("version").await.status, 200);
}

#[tokio::test]
async fn the_way_back_belongs_to_the_browser_that_began_it() {
    let rig = Rig::start().await;
    connected(&rig, "Editor", "ada").await;
    let callback = format!("{}/auth/callback", rig.base());
    let mut adas = rig.browser();
    let provider = adas.open(&format!("{}/my-sessions/sign-in", rig.base()), "").await;
    let back = adas.pick(&provider, "ada", &callback).await;
    let stolen = rig.browser().open(back.url.as_str(), "").await;
    assert_eq!(stolen.status, 400, "{}", stolen.body);
    assert!(!stolen.body.contains("Editor"), "{}", stolen.body);
    let own = adas.open(back.url.as_str(), "").await;
    assert!(own.body.contains("Editor"), "{}", own.body);

    let forged = back.url.as_str().replace("state=", "state=x");
    assert_eq!(adas.open(&forged, "").await.status, 400);
}

#[tokio::test]
async fn a_sign_in_waits_for_fifteen_minutes() {
    let rig = Rig::start().await;
    connected(&rig, "Editor", "ada").await;
    let callback = format!("{}/auth/callback", rig.base());
    let mut browser = rig.browser();
    let provider = browser.open(&format!("{}/my-sessions/sign-in", rig.base()), "").await;
    rig.pass(Duration::from_secs(14 * 60));
    let back = browser.pick(&provider, "ada", &callback).await;
    let in_time = browser.open(back.url.as_str(), "").await;
    assert!(in_time.body.contains("Editor"), "{}", in_time.body);

    let junk = format!("{callback}?state={}&code=junk", back.param("state").unwrap());
    assert_eq!(browser.open(&junk, "").await.status, 403, "the provider was asked");
    rig.pass(Duration::from_secs(61));
    assert_eq!(browser.open(&junk, "").await.status, 400, "and is not asked any more");
}

#[tokio::test]
async fn whoever_makes_codes_up_is_told_to_wait_before_the_provider_is_asked() {
    let rig = Rig::start_with(|settings| {
        settings.access.people = vec![Somebody::Username("ada@practice.example".to_owned())];
    })
    .await;
    connected(&rig, "Editor", "ada").await;
    let callback = format!("{}/auth/callback", rig.base());
    let mut browser = rig.browser();
    for _ in 0..3 {
        assert!(
            page_of(&mut rig.browser(), rig.base(), "ada").await.body.contains("Editor"),
            "it costs nothing"
        );
    }
    let mut bens = rig.browser();
    let provider = bens.open(&format!("{}/my-sessions/sign-in", rig.base()), "").await;
    assert_eq!(bens.pick(&provider, "ben", "").await.status, 403);
    let events = rig.events().await;
    let told = events.iter().rfind(|event| event.kind.name() == "upstream_refused").expect("an event");
    assert_eq!(told.about.origin, Some(Origin::Local));
    assert_eq!(told.about.person.as_ref().unwrap().display(), "Ben Okafor");

    let provider = browser.open(&format!("{}/my-sessions/sign-in", rig.base()), "").await;
    let state = browser.pick(&provider, "ada", &callback).await.param("state").unwrap();
    let junk = format!("{callback}?state={state}&code=junk");
    for n in 1..120 {
        assert_eq!(browser.open(&junk, "").await.status, 403, "{n}");
    }
    let refused = browser.open(&junk, "").await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.body.contains("oo many sign-ins were refused just now"), "{}", refused.body);
    assert_eq!(refused.header("retry-after"), "600");
    let others = sign_in_again(&mut rig.browser(), rig.base()).await;
    assert_eq!(others.status, 429, "there is one budget: {}", others.body);

    rig.pass(Duration::from_secs(600));
    assert!(page_of(&mut rig.browser(), rig.base(), "ada").await.body.contains("Editor"));
}

#[tokio::test]
async fn who_cancels_or_is_refused_reads_so_and_nothing_is_ended() {
    let rig = Rig::start().await;
    let ada = connected(&rig, "Editor", "ada").await;
    let mut browser = rig.browser();
    let provider = browser.open(&format!("{}/my-sessions/sign-in", rig.base()), "").await;
    let page = browser.press(&provider, "cancel", "1", "").await;
    assert!(
        page.body.contains("You cancelled the sign-in") && page.body.contains("/my-sessions\""),
        "{}",
        page.body
    );
    assert_eq!(rig.event_names().await.last(), Some(&"sign_in_cancelled"));

    let provider = browser.open(&format!("{}/my-sessions/sign-in", rig.base()), "").await;
    rig.practice().set_fault(Fault::ExpiredSecret, true);
    let page = browser.pick(&provider, "ada", "").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("AADSTS7000222"), "{}", page.body);
    rig.practice().set_fault(Fault::ExpiredSecret, false);

    rig.practice().set_fault(Fault::MfaRequired, true);
    let provider = browser.open(&format!("{}/my-sessions/sign-in", rig.base()), "").await;
    let asked_again = browser.pick(&provider, "ada", "").await;
    let page = browser.pick(&asked_again, "ada", "").await;
    assert!(page.body.contains("Editor"), "a second factor is asked for like at any sign-in: {}", page.body);
    rig.practice().set_fault(Fault::MfaRequired, false);
    assert_eq!(ada.calls("version").await.status, 200);
}

#[tokio::test]
async fn whoever_signs_out_is_forgotten_here_and_at_the_provider_which_sends_them_back() {
    let rig = Rig::start().await;
    let ada = connected(&rig, "Editor", "ada").await;
    let practice = rig.running.practice_url.clone().unwrap();
    let mut browser = rig.browser();
    let page = page_of(&mut browser, rig.base(), "ada").await;
    let mut copied = browser.clone();
    let away = browser.press(&page, "end", "sign-out", &practice).await;
    assert!(away.url.path().ends_with("/logout"), "{}", away.url);
    assert!(!away.url.as_str().contains("ada"), "nobody's name is in an address: {}", away.url);
    // Whether or not the provider answers.
    let events = rig.events().await;
    let [.., opened, closed] = events.as_slice() else { panic!("both are in the log: {events:?}") };
    for (event, name) in [(opened, "own_sessions_opened"), (closed, "own_sessions_closed")] {
        assert_eq!(event.kind.name(), name);
        assert_eq!(event.about.person.as_ref().map(Person::display), Some("Ada Lindqvist"));
    }
    let again = browser.open(&format!("{}/my-sessions", rig.base()), "").await;
    assert!(!again.body.contains("Ada") && !again.body.contains("<form"), "{}", again.body);
    assert_eq!(browser.press(&page, "end", "all", "").await.status, 400, "the page of before ends nothing");
    // Nor is a cookie that was kept good for more than what it did.
    let own = copied.open(&format!("{}/my-sessions", rig.base()), "").await;
    assert!(!own.body.contains("Ada") && !own.body.contains("<form"), "{}", own.body);
    assert_eq!(copied.clone().press(&page, "end", "all", "").await.status, 400);
    for _ in 0..2 {
        let mut copied = copied.clone();
        assert_eq!(copied.press(&page, "end", "sign-out", &practice).await.url, away.url);
    }
    let closed = rig.event_names().await.into_iter().filter(|name| *name == "own_sessions_closed").count();
    assert_eq!(closed, 1, "a cookie signs out once");
    assert_eq!(ada.calls("version").await.status, 200);

    let back = browser.open(away.url.as_str(), "").await;
    assert!(back.url.as_str().starts_with(&format!("{}/auth/callback", rig.base())), "{}", back.url);
    assert!(back.body.contains("once it has signed them out"), "{}", back.body);
    // Nobody who only opens the address is told that they are.
    let mut still = rig.browser();
    page_of(&mut still, rig.base(), "ada").await;
    let opened = still.open(back.url.as_str(), "").await;
    assert!(!opened.body.to_lowercase().contains("you are signed out"), "{}", opened.body);
}

#[tokio::test]
async fn who_has_no_session_signs_out_as_well() {
    let rig = Rig::start().await;
    let mut browser = rig.browser();
    let page = page_of(&mut browser, rig.base(), "ada").await;
    assert!(page.body.contains("No client is signed in here as Ada"), "{}", page.body);
    browser.press(&page, "end", "sign-out", "").await;
    let again = browser.open(&format!("{}/my-sessions", rig.base()), "").await;
    assert!(!again.body.contains("Ada"), "{}", again.body);
}

#[tokio::test]
async fn the_provider_asks_who_it_is_each_time() {
    let rig = Rig::start().await;
    let practice = rig.running.practice_url.clone().unwrap();
    let asked = rig.browser().open(&format!("{}/my-sessions/sign-in", rig.base()), &practice).await;
    assert_eq!(asked.param("prompt").as_deref(), Some("select_account"), "{}", asked.url);
}

#[tokio::test]
async fn by_the_public_origin_it_is_where_people_sign_in() {
    let rig = Rig::start_with(|settings| is_public(settings, PUBLIC)).await;
    let landed = rig.browser().open(&format!("{PUBLIC}/my-sessions"), "").await;
    assert!(landed.url.as_str().starts_with(rig.base()), "{}", landed.url);

    let rig = Rig::start_with(|settings| {
        is_public(settings, PUBLIC);
        settings.server.sign_in = SignInFrom::Anywhere;
    })
    .await;
    connected(&rig, "Editor", "ada").await;
    let mut browser = rig.browser();
    let page = page_of(&mut browser, PUBLIC, "ada").await;
    assert!(
        page.url.as_str().starts_with(PUBLIC) && page.body.contains("Editor"),
        "{} {}",
        page.url,
        page.body
    );
    // What is hers there is nobody's here.
    let here = browser.open(&format!("{}/my-sessions", rig.base()), "").await;
    assert!(!here.body.contains("Editor"), "{}", here.body);
}
