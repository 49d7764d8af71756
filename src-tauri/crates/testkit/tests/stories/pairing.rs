//! The code that the owner reads in the window: who is asked for it, and what it takes to get past it.

use std::time::Duration;

use model::client::{Client as Configured, ClientAuth, ClientKind};
use model::ids::{ClientId, GrantId, TokenHash};
use model::ports::Swap;
use model::redirect::RedirectRule;
use model::scope::ScopeSet;
use model::settings::{Pairing, SignInFrom};
use model::time::Timestamp;
use serde_json::{Value, json};
use testkit::rig::{is_public, public};
use testkit::{Browser, Client, Rig};

const PUBLIC: &str = "https://demo.example";

/// The owner is at hand, so `auto` asks.
async fn rig() -> Rig {
    Rig::start_with(|settings| is_public(settings, PUBLIC)).await
}

/// A client in some cloud, which registered by the public address.
async fn from_outside(rig: &Rig) -> Client {
    rig.client("Claude").registers().await.at(PUBLIC)
}

async fn waiting(rig: &Rig) -> Vec<Value> {
    let rows = rig.window().call("pairings", Value::Null).await.expect("the window shows who waits");
    rows.as_array().expect("a list").clone()
}

/// Some other six digits.
fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000)
}

async fn types(browser: &mut Browser, page: &testkit::Landed, code: &str, until: &str) -> testkit::Landed {
    browser.submit(page, &[("decision", "approve"), ("code", code)], until).await
}

#[tokio::test]
async fn a_client_nobody_used_needs_the_code_of_the_window_once() {
    let rig = rig().await;
    let client = from_outside(&rig).await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    assert!(page.body.contains("name=\"code\""), "{}", page.body);

    let rows = waiting(&rig).await;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        (&row["client_name"], &row["destination"]),
        (&json!("Claude"), &json!("127.0.0.1 (this computer)"))
    );
    assert_eq!(row["expires_at"], rig.now().plus(Duration::from_secs(300)).millis());
    let code = row["code"].as_str().unwrap().to_owned();
    assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
    assert!(!page.body.contains(&code), "the page does not tell what it asks for");

    // Typed as it is shown, in two groups.
    let typed = format!("{} {}", &code[..3], &code[3..]);
    let provider = types(&mut browser, &page, &typed, &client.redirect_uri).await;
    assert!(waiting(&rig).await.is_empty(), "nobody waits any more");
    let landed = browser.pick(&provider, "ada", &client.redirect_uri).await;
    assert!(landed.param("code").is_some(), "{}", landed.body);
    for event in rig.events().await {
        assert!(!serde_json::to_string(&event).unwrap().contains(&code), "{}", event.kind.name());
    }

    let again = rig.browser().open(&client.authorize_url(&[]), "").await;
    assert!(!again.body.contains("name=\"code\""), "once somebody has signed in for it, it is known");
}

#[tokio::test]
async fn who_is_not_asked_for_a_code() {
    let configured = ClientId::parse("configured").unwrap();
    let mut rig = Rig::start_with(|settings| {
        is_public(settings, PUBLIC);
        settings.clients.push(Configured {
            id: configured.clone(),
            kind: ClientKind::Static,
            name: None,
            uri: None,
            logo_uri: None,
            redirects: vec![RedirectRule::parse("http://127.0.0.1:1/callback").unwrap()],
            auth: ClientAuth::None,
            scope: ScopeSet::parse_lenient("read"),
            created_at: Timestamp::from_millis(0),
            approved_at: None,
            attempt: None,
            blocked_at: None,
        });
    })
    .await;
    let asks = async |rig: &Rig, client: &Client| {
        let page = rig.browser().open(&client.authorize_url(&[]), "").await;
        assert!(page.body.contains("name=\"decision\""), "{}", page.body);
        page.body.contains("name=\"code\"")
    };
    let client = from_outside(&rig).await;
    assert!(asks(&rig, &client).await);
    assert!(!asks(&rig, &client.clone().at(rig.base())).await, "on this computer");
    let mut elsewhere = rig.client("elsewhere");
    "https://client.example/callback".clone_into(&mut elsewhere.redirect_uri);
    let elsewhere = elsewhere.registers().await;
    assert!(asks(&rig, &elsewhere).await, "a local link of a client that is answered on the internet");
    let mut known = client.clone();
    known.id = configured.to_string();
    assert!(!asks(&rig, &known).await, "one from the settings");

    // Where the owner is not at hand, the setting decides; where nothing could show the code, `auto` does not ask for it.
    for (wanted, sign_in, console, asked) in [
        (Pairing::Off, SignInFrom::ThisComputer, true, false),
        (Pairing::Auto, SignInFrom::Anywhere, true, false),
        (Pairing::On, SignInFrom::Anywhere, true, true),
        (Pairing::Auto, SignInFrom::ThisComputer, false, false),
    ] {
        rig = rig
            .restarted_with(|settings| {
                is_public(settings, PUBLIC);
                settings.client_rules.pairing = wanted;
                settings.server.sign_in = sign_in;
                if !console {
                    settings.server.console = None;
                }
            })
            .await;
        assert_eq!(asks(&rig, &client).await, asked, "{wanted:?} {sign_in:?} {console}");
    }
}

#[tokio::test]
async fn where_no_code_can_be_shown_the_page_says_what_the_owner_has_to_do() {
    let rig = Rig::start_with(|settings| {
        settings.server.public_url = public(PUBLIC);
        settings.client_rules.pairing = Pairing::On;
    })
    .await;
    let client = from_outside(&rig).await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    assert!(page.body.contains("console.listen") && page.body.contains("clients.pairing"), "{}", page.body);
    assert!(!page.body.contains("value=\"approve\""), "{}", page.body);
    let forced = browser.press(&page, "decision", "approve", &client.redirect_uri).await;
    assert!(forced.body.contains("console.listen"), "pressing a button that is not there does not help");
}

#[tokio::test]
async fn five_wrong_codes_end_the_sign_in() {
    let rig = rig().await;
    let client = from_outside(&rig).await;
    let mut browser = rig.browser();
    let mut page = browser.open(&client.authorize_url(&[]), "").await;
    let code = browser.code_for(&page).await.unwrap();
    for left in ["4 tries are left", "3 tries are left", "2 tries are left", "One try is left"] {
        page = types(&mut browser, &page, &wrong(&code), "").await;
        assert!(page.body.contains(left), "{left}: {}", page.body);
        let reloaded = browser.open(page.url.as_str(), "").await;
        assert!(reloaded.body.contains(left), "reloading sends nothing again: {}", reloaded.body);
    }
    assert_eq!(browser.code_for(&page).await, Some(code.clone()), "it is the same all the time");
    let over = types(&mut browser, &page, &wrong(&code), "").await;
    assert!(
        over.body.contains("no longer good") && over.body.contains("Start the sign-in again"),
        "{}",
        over.body
    );
    let late = types(&mut browser, &page, &code, &client.redirect_uri).await;
    assert_eq!(late.status, 400, "the right one is too late: {}", late.body);
    assert!(waiting(&rig).await.is_empty());
}

#[tokio::test]
async fn of_many_codes_at_once_five_are_looked_at() {
    let rig = rig().await;
    let client = from_outside(&rig).await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    let code = browser.code_for(&page).await.unwrap();
    let mut guesses = tokio::task::JoinSet::new();
    for n in 1..=40 {
        let guess = format!("{:06}", (code.parse::<u32>().unwrap() + n) % 1_000_000);
        let (mut browser, page) = (browser.clone(), page.clone());
        guesses.spawn(async move { types(&mut browser, &page, &guess, "").await.body });
    }
    let looked_at = guesses.join_all().await.iter().filter(|body| body.contains("left")).count();
    assert!(looked_at <= 4, "{looked_at} and the last one, which ends it");
    let failed = rig.event_names().await.iter().filter(|name| **name == "pairing_failed").count();
    assert_eq!(failed, 5, "the others were not compared");
}

#[tokio::test]
async fn whoever_presses_twice_is_answered_twice_alike() {
    let rig = rig().await;
    let client = from_outside(&rig).await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    let code = browser.code_for(&page).await.unwrap();
    let at_once = async |typed: &str| {
        let mut answers = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let (mut browser, page, typed) = (browser.clone(), page.clone(), typed.to_owned());
            answers.spawn(async move { types(&mut browser, &page, &typed, "").await });
        }
        answers.join_all().await
    };
    for missed in at_once(&wrong(&code)).await {
        assert!(missed.body.contains("4 tries are left"), "counted once: {}", missed.body);
    }
    // On the last try, where a second look would find none left.
    for n in 2..5 {
        let guess = format!("{:06}", (code.parse::<u32>().unwrap() + n) % 1_000_000);
        types(&mut browser.clone(), &page, &guess, "").await;
    }
    for at_provider in at_once(&code).await {
        assert!(at_provider.body.contains("ada"), "{}", at_provider.body);
    }
}

#[tokio::test]
async fn a_right_code_that_was_counted_and_not_kept_is_right_when_it_is_sent_again() {
    let rig = rig().await;
    let client = from_outside(&rig).await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    let code = browser.code_for(&page).await.unwrap();
    let hidden = |name: &str| {
        let (_, rest) = page.body.split_once(&format!("name=\"{name}\" value=\"")).expect("a hidden field");
        rest.split('"').next().expect("its end").to_owned()
    };
    // The store takes the try, and then nothing more.
    let store = rig.running.store();
    for typed in [wrong(&code), code.clone()] {
        let grant = store.lookup_grant(&GrantId::parse(&hidden("grant")).unwrap()).await.unwrap().unwrap();
        let tried = grant.code_tried(TokenHash::of(format!("{} {typed}", hidden("form")))).unwrap();
        assert_eq!(store.advance_grant(&tried).await.unwrap(), Swap::Done);
        let answer = types(&mut browser, &page, &typed, &client.redirect_uri).await;
        if typed == code {
            assert!(answer.body.contains("ada"), "{}", answer.body);
        } else {
            assert!(answer.body.contains("4 tries are left"), "a wrong one stays wrong: {}", answer.body);
        }
    }
}

/// Sign-ins from anywhere, where strangers see the page too.
async fn open_to_all() -> Rig {
    Rig::start_with(|settings| {
        is_public(settings, PUBLIC);
        settings.server.sign_in = SignInFrom::Anywhere;
        settings.client_rules.pairing = Pairing::On;
    })
    .await
}

/// Until no short code is looked at any more; answers how many sign-ins that took.
async fn guesses_all(rig: &Rig, client: &Client) -> usize {
    for begun in 0..100 {
        let mut stranger = rig.browser();
        let mut page = stranger.open(&client.authorize_url(&[]), "").await;
        if page.body.contains("twelve digits") {
            return begun;
        }
        let code = stranger.code_for(&page).await.expect("the page asks for one");
        for _ in 0..4 {
            page = types(&mut stranger, &page, &wrong(&code), "").await;
        }
    }
    panic!("nobody stops them")
}

#[tokio::test]
async fn however_many_sign_ins_a_stranger_begins_the_short_codes_of_all_are_bounded_and_nobody_is_kept_out() {
    let rig = open_to_all().await;
    let client = from_outside(&rig).await;
    let start = async |rig: &Rig| {
        let mut browser = rig.browser();
        let page = browser.open(&client.authorize_url(&[]), "").await;
        (browser, page)
    };
    // Somebody whose short code is on the page already when it ends.
    let (mut friend, friends_page) = start(&rig).await;
    let short = friend.code_for(&friends_page).await.unwrap();
    guesses_all(&rig, &client).await;
    let looked_at = rig.event_names().await.iter().filter(|name| **name == "pairing_failed").count();
    assert_eq!(looked_at, authserver::MOST_WRONG_CODES);
    let status = rig.window().call("status", Value::Null).await.unwrap();
    assert_eq!(status["long_codes_until"], rig.now().plus(Duration::from_secs(24 * 3_600)).millis());

    // The right short one is not looked at, costs no try, and the page says what it wants instead.
    let asked = types(&mut friend, &friends_page, &short, "").await;
    assert!(asked.body.contains("twelve digits") && !asked.body.contains("left"), "{}", asked.body);
    assert!(asked.body.contains("A short one is not looked at"), "{}", asked.body);
    assert!(asked.body.contains("aria-describedby=\"long where\""), "{}", asked.body);
    let long = friend.code_for(&asked).await.unwrap();
    assert!(long.len() == 12 && long.starts_with(&short), "the window shows the rest of it");
    let missed = types(&mut friend, &asked, &format!("{short}{}", wrong(&long[6..])), "").await;
    assert!(missed.body.contains("4 tries are left"), "a wrong long one is a try: {}", missed.body);
    let grouped = [&long[..3], &long[3..6], &long[6..9], &long[9..]].join(" ");
    let let_in = types(&mut friend, &missed, &grouped, &client.redirect_uri).await;
    assert!(let_in.body.contains("ada"), "{}", let_in.body);
    let still = start(&rig).await.1;
    assert!(still.body.contains("twelve digits"), "a long one gives no short ones back: {}", still.body);

    // On this computer nobody guesses, so it goes on there.
    let here = client.clone().at(rig.base());
    assert!(here.lands(&mut rig.browser(), "ada").await.param("code").is_some());
}

#[tokio::test]
async fn six_digits_are_enough_again_when_the_owner_says_so_or_a_day_later() {
    let rig = open_to_all().await;
    let client = from_outside(&rig).await;
    let asks = async |rig: &Rig| {
        let mut browser = rig.browser();
        let page = browser.open(&client.authorize_url(&[]), "").await;
        let code = browser.code_for(&page).await.expect("it is asked for");
        (code.len(), page.body.contains("twelve digits"))
    };
    guesses_all(&rig, &client).await;
    assert_eq!(asks(&rig).await, (12, true));
    let status = rig.window().call("shorten_codes", Value::Null).await.unwrap();
    assert_eq!(status["long_codes_until"], Value::Null);
    assert_eq!(asks(&rig).await, (6, false));

    guesses_all(&rig, &client).await;
    rig.pass(Duration::from_secs(24 * 3_600 - 1));
    assert_eq!(asks(&rig).await, (12, true));
    rig.pass(Duration::from_secs(1));
    assert_eq!(asks(&rig).await, (6, false));
}

#[tokio::test]
async fn a_code_is_for_one_browser() {
    let rig = rig().await;
    let client = from_outside(&rig).await;
    let (mut first, mut second) = (rig.browser(), rig.browser());
    let page = first.open(&client.authorize_url(&[]), "").await;
    let code = first.code_for(&page).await.unwrap();
    let reloaded = first.open(page.url.as_str(), "").await;
    assert_eq!(first.code_for(&reloaded).await, Some(code.clone()), "reloading changes nothing");

    let other = second.open(page.url.as_str(), "").await;
    let theirs = second.code_for(&other).await.unwrap();
    assert_ne!(theirs, code);
    let stolen = types(&mut second, &other, &code, &client.redirect_uri).await;
    assert!(stolen.body.contains("4 tries are left"), "{}", stolen.body);
    let lost = types(&mut first, &reloaded, &theirs, &client.redirect_uri).await;
    assert!(lost.body.contains("did not come from this page"), "{}", lost.body);
    // Whoever reloads is asked anew, and has no more tries than before.
    let anew = first.open(page.url.as_str(), "").await;
    let code = first.code_for(&anew).await.unwrap();
    let missed = types(&mut first, &anew, &wrong(&code), "").await;
    assert!(missed.body.contains("3 tries are left"), "{}", missed.body);
    let provider = first.allow(&missed, &client.redirect_uri).await;
    let lured = second.open(page.url.as_str(), "").await;
    assert!(lured.body.contains("name=\"code\""), "what was typed elsewhere counts for nothing here");
    let landed = first.pick(&provider, "ada", &client.redirect_uri).await;
    assert!(landed.param("code").is_some(), "and the one who typed it goes on: {}", landed.body);
}

#[tokio::test]
async fn a_code_is_good_for_five_minutes_and_over_a_restart() {
    let rig = rig().await;
    let client = from_outside(&rig).await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    let code = browser.code_for(&page).await.unwrap();
    rig.pass(Duration::from_secs(299));
    let rig = rig.restarted().await;
    assert_eq!(waiting(&rig).await[0]["code"], code.as_str(), "nothing of it is in memory only");
    rig.pass(Duration::from_secs(1));
    assert!(waiting(&rig).await.is_empty());
    let late = types(&mut browser, &page, &code, &client.redirect_uri).await;
    assert!(late.body.contains("no longer good"), "{}", late.body);
    let reloaded = browser.open(page.url.as_str(), "").await;
    assert!(reloaded.body.contains("Start the sign-in again"), "{}", reloaded.body);

    let again = client.lands(&mut rig.browser(), "ada").await;
    assert!(again.param("code").is_some(), "started again, it works: {}", again.body);
}

#[tokio::test]
async fn the_owner_can_refuse_it_in_the_window() {
    let rig = rig().await;
    let client = from_outside(&rig).await;
    let mut browser = rig.browser();
    let page = browser.open(&client.authorize_url(&[]), "").await;
    let code = browser.code_for(&page).await.unwrap();
    let grant = json!({ "grant": waiting(&rig).await[0]["grant"] });
    rig.window().call("refuse_pairing", grant.clone()).await.unwrap();
    assert!(waiting(&rig).await.is_empty());
    let late = types(&mut browser, &page, &code, &client.redirect_uri).await;
    assert_eq!(late.status, 400, "{}", late.body);
    let gone = rig.window().call("refuse_pairing", grant).await.unwrap_err();
    assert!(gone.to_string().contains("no client waits"), "{gone}");
    assert!(rig.event_names().await.contains(&"consent_declined"));
}
