//! Every number of the tables of Entra and Azure AD B2C, wherever it can show: the page in the browser, the log, the notice, the
//! checklist, the test sign-in, the client and its session. All of them tell the same.
//!
//! The numbers come from the tables, so that a new one is held to this without a line here.

use std::time::Duration;

use entra::aadsts::{At, entries, portal};
use entra::{aadb2c, aadsts};
use model::remedy::{Remedy, not_done};
use model::settings::SignInFrom;
use model::upstream::{Effect, Fixer};
use practice::{CLIENT_ID, CLIENT_SECRET, IDENTIFIER_URI, TENANT_ID};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Browser, Client, Connected, Desk, Landed, No, Rig, StandIn};

const FLOW: &str = "practice.onmicrosoft.com/B2C_1_sign_in";
/// Generous: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// At my sessions 120 may be refused in ten minutes.
const REFUSED_APART: Duration = Duration::from_secs(6);

/// One number, and what everybody is told of it.
struct Told {
    number: String,
    /// Of Azure AD B2C's there is none, since they mean other things.
    code: Option<u32>,
    what: String,
    fixer: Fixer,
    hint: &'static str,
    remedies: Vec<Remedy>,
    effect: Effect,
    /// The provider says "not now" with it.
    is_outage: bool,
}

/// A server whose provider says what it is told to.
pub(crate) struct Scene {
    desk: Desk,
    pub(crate) provider: StandIn,
    base: String,
    pub(crate) client: Client,
    /// Whose practice tenant it is.
    _directory: Rig,
}

// === the tables ===

fn of_entra() -> Vec<Told> {
    let told = entries().iter().map(|entry| {
        let at = At { code: Some(entry.code), client_id: CLIENT_ID, portal: portal("127.0.0.1") };
        Told {
            number: format!("AADSTS{}", entry.code),
            code: Some(entry.code),
            what: entry.what.to_owned(),
            fixer: entry.fixer,
            hint: entry.hint,
            remedies: not_done(at.remedies(entry.fixes), SignInFrom::ThisComputer),
            effect: entry.effect,
            is_outage: aadsts::is_transient(entry.code),
        }
    });
    told.collect()
}

fn of_b2c() -> Vec<Told> {
    let told = aadb2c::entries().iter().map(|entry| {
        let at = At { code: None, client_id: CLIENT_ID, portal: portal("127.0.0.1") };
        let list = Remedy::Open { page: "Azure AD B2C: error codes".into(), url: aadb2c::LOOKUP.into() };
        let remedies = at.remedies(entry.fixes).into_iter().chain([list]).collect();
        Told {
            number: format!("AADB2C{}", entry.code),
            code: None,
            what: format!("{} (AADB2C{}).", entry.what.trim_end_matches('.'), entry.code),
            fixer: entry.fixer,
            hint: entry.hint,
            remedies: not_done(remedies, SignInFrom::ThisComputer),
            effect: entry.effect,
            is_outage: false,
        }
    });
    told.collect()
}

// === impl Told ===

impl Told {
    /// As the provider says it, by the OAuth error that goes with what it means.
    fn no(&self) -> No {
        let (status, error) = match self.effect {
            _ if self.is_outage => (503, "temporarily_unavailable"),
            Effect::Ends => (400, "invalid_grant"),
            Effect::SignIn => (400, "interaction_required"),
            Effect::SetUp | Effect::Barred => (400, "invalid_request"),
        };
        No {
            status,
            error: error.to_owned(),
            description: format!("{}: The provider's own words.\r\nTrace ID: 11-aa", self.number),
            claims: None,
        }
    }

    fn bare(&self) -> &str {
        self.what.trim_end_matches('.')
    }

    fn sentence(&self) -> String {
        match self.code {
            Some(code) => format!("{} (AADSTS{code}).", self.bare()),
            None => self.what.clone(),
        }
    }

    /// What a page must show.
    fn is_on(&self, page: &Landed, at: &str) {
        let body = plain(&page.body);
        for text in [self.bare(), self.hint, self.fixer.sentence(), &self.number] {
            assert!(body.contains(text), "{} {at} must say {text:?}: {body}", self.number);
        }
        assert!(!body.contains("Nothing is lost"), "{} {at}: one next step will do: {body}", self.number);
        assert!(!body.contains("own words"), "{} {at}: we have better ones", self.number);
    }

    /// What a row of the API must say, in the members that all of them share.
    fn is_in(&self, row: &Value, at: &str) {
        assert_eq!(row["code"], json!(self.code), "{} {at}: {row}", self.number);
        assert_eq!(row["fixer"], json!(self.fixer), "{} {at}: {row}", self.number);
        assert_eq!(row["remedies"], json!(self.remedies), "{} {at}: {row}", self.number);
        if let Some(hint) = row.get("hint") {
            assert_eq!(hint, &json!(self.hint), "{} {at}: {row}", self.number);
        }
        let texts = ["what", "sentence", "reason", "detail"].map(|name| row[name].as_str());
        assert!(texts.iter().any(Option::is_some), "{} {at} says nothing: {row}", self.number);
        for text in texts.into_iter().flatten() {
            assert!(text.contains(self.bare()), "{} {at} must say {:?}: {row}", self.number, self.what);
        }
    }
}

/// A page as it is read.
fn plain(html: &str) -> String {
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
        .into_iter()
        .fold(html.to_owned(), |text, (from, to)| text.replace(from, to))
}

// === impl Scene ===

impl Scene {
    pub(crate) async fn entra() -> Self {
        Self::set(&format!("tenant = '{TENANT_ID}'\nidentifier_uri = '{IDENTIFIER_URI}'")).await
    }

    async fn b2c() -> Self {
        Self::set(&format!("tenant = '{FLOW}'")).await
    }

    async fn set(entra: &str) -> Self {
        let directory = Rig::start().await;
        let practice = directory.running.practice_url.clone().expect("it runs on the practice tenant");
        let provider = StandIn::before(&practice).await;
        let folder = TempDir::new().expect("a temporary folder");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, CLIENT_SECRET).expect("a fresh folder takes it");
        let settings = format!(
            "[entra]\nauthority = '{}'\nclient_id = '{CLIENT_ID}'\nclient_secret_file = '{}'\n{entra}\n",
            provider.url,
            secret.display()
        );
        let desk = Desk::start(folder, &settings).await;
        let status = desk.call("status", json!({})).await;
        let base = status["mcp_url"].as_str().expect("it runs").trim_end_matches("/mcp").to_owned();
        directory.practice().set_redirect_uris(vec![format!("{base}/auth/callback")]);
        let client = Client::to(&base, "c").registers().await;
        Self { desk, provider, base, client, _directory: directory }
    }

    /// At the provider's page, with our question answered.
    pub(crate) async fn approved(&self, browser: &mut Browser) -> Landed {
        let consent = browser.open(&self.client.authorize_url(&[]), "").await;
        browser.press(&consent, "decision", "approve", "").await
    }

    pub(crate) async fn connected(&self) -> Connected {
        let ada = self.client.signs_in(&mut Browser::new(), "ada").await;
        assert_eq!(ada.calls("version").await.status, 200);
        ada
    }

    async fn test_link(&self) -> String {
        let begun = self.desk.call("begin_test_sign_in", json!({})).await;
        begun["link"].as_str().expect("a link").to_owned()
    }

    /// The newest row of a list, once it is so.
    async fn newest(&self, command: &str, payload: Value, what: impl Fn(&Value) -> bool) -> Value {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let rows = self.desk.call(command, payload.clone()).await;
                if let Some(row) = rows.as_array().into_iter().flatten().next().filter(|row| what(row)) {
                    return row.clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        if let Ok(row) = found.await {
            return row;
        }
        panic!("{command} stays {:#}", self.desk.call(command, payload).await[0])
    }

    /// The newest attempt, once its verdict is this.
    async fn attempt_of(&self, told: &Told, is: &str) -> Value {
        let says = |row: &Value| {
            row["verdict"]["sentence"].as_str().is_some_and(|sentence| sentence.contains(told.bare()))
                && row["verdict"]["code"] == json!(told.code)
                && row["verdict"]["is"] == is
        };
        self.newest("list_attempts", json!({ "limit": 1 }), says).await
    }

    /// The newest event of a kind, which is told to the owner where they look, and to the desktop.
    async fn event(&self, name: &str, told: &Told) -> Value {
        let rows = self.desk.call("list_events", json!({ "limit": 10 })).await;
        let row = rows.as_array().into_iter().flatten().find(|row| row["event"] == name).cloned();
        let row = row.unwrap_or_else(|| panic!("{}: no {name} in {rows:#}", told.number));
        assert!(row["summary"].as_str().expect("a text").contains(told.bare()), "{}: {row}", told.number);
        row
    }
}

/// What the operating system shows: what happened, the number, and who can mend it.
fn is_noticed(row: &Value, told: &Told, title: &str) {
    let notice = json!({ "title": title, "text": format!("{} {}", told.sentence(), told.fixer.sentence()) });
    assert_eq!(row["notice"], notice, "{}", told.number);
}

// === at a sign-in ===

async fn tells_sign_ins(scene: &Scene, told: &Told) {
    for at in ["at the token endpoint", "in the browser"] {
        let mut browser = Browser::new();
        let page = if at == "in the browser" {
            scene.provider.answers_browsers(Some(told.no()));
            scene.approved(&mut browser).await
        } else {
            let provider = scene.approved(&mut browser).await;
            scene.provider.answers_tokens(Some(told.no()));
            browser.pick(&provider, "ada", &scene.client.redirect_uri).await
        };
        scene.provider.answers_tokens(None);
        scene.provider.answers_browsers(None);
        if aadb2c::code_in(&told.number) == Some(aadb2c::CANCELLED) && page.status == 0 {
            continue;
        }
        assert_eq!(
            page.status,
            if told.is_outage { 503 } else { 403 },
            "{} {at}: {}",
            told.number,
            page.body
        );
        told.is_on(&page, at);
        for (_, url) in model::remedy::open_pages(&told.remedies).filter(|_| !told.is_outage) {
            let link = format!("href=\"{url}\"");
            assert!(plain(&page.body).contains(&link), "{} {at}: {}", told.number, page.body);
        }
        told.is_in(&scene.attempt_of(told, "refused").await["verdict"], at);
        if told.is_outage {
            scene.event("upstream_unavailable", told).await;
            continue;
        }
        let event = scene.event("upstream_refused", told).await;
        match told.effect {
            Effect::SetUp => is_noticed(&event, told, "Sign-ins are refused"),
            _ => assert_eq!(event["notice"], Value::Null, "{}: the person has read it", told.number),
        }
    }
}

#[tokio::test]
async fn whoever_signs_in_and_whoever_reads_the_log_are_told_the_same_of_every_number() {
    let scene = Scene::entra().await;
    for told in of_entra() {
        tells_sign_ins(&scene, &told).await;
    }
}

#[tokio::test]
async fn whoever_signs_in_as_a_customer_is_told_the_same_of_every_number() {
    let scene = Scene::b2c().await;
    for told in of_b2c() {
        tells_sign_ins(&scene, &told).await;
    }
}

#[tokio::test]
async fn whoever_wants_to_see_their_own_sessions_is_told_the_same() {
    let scene = Scene::entra().await;
    for told in of_entra() {
        let mut browser = Browser::new();
        let provider = browser.open(&format!("{}/my-sessions/sign-in", scene.base), "").await;
        scene.provider.answers_tokens(Some(told.no()));
        told.is_on(&browser.pick(&provider, "ada", "").await, "at my sessions");
        scene.provider.answers_tokens(None);
        // However long the table grows, no number is turned away for coming after too many others.
        scene.desk.clock.advance(REFUSED_APART);
    }
}

// === in the checklist ===

/// What the checklist says of a number, by a test sign-in and, where it can be seen so, without one.
async fn tells_checks(scene: &Scene, told: &Told) {
    let step_of = |check: &Value| {
        let steps = check["steps"].as_array().expect("a list");
        let says = |step: &&Value| step["what"].as_str().is_some_and(|what| what.contains(told.bare()));
        steps.iter().find(says).cloned()
    };
    let mut browser = Browser::new();
    let provider = browser.open(&scene.test_link().await, "").await;
    scene.provider.answers_tokens(Some(told.no()));
    told.is_on(&browser.pick(&provider, "ada", "").await, "at the test sign-in");
    let stands = scene.desk.call("test_sign_in", json!({})).await;
    assert_eq!((&stands["is"], &stands["passed"]), (&json!("ended"), &json!(false)), "{}", told.number);
    told.is_in(&stands, "at the test sign-in");
    scene.provider.answers_tokens(None);
    let check = scene.desk.call("check_entra", json!({ "signed_in": true })).await;
    let step = step_of(&check).unwrap_or_else(|| panic!("{}: {check:#}", told.number));
    assert_eq!(step["outcome"], "failed", "{}", told.number);
    told.is_in(&step, "in the checklist of a test sign-in");

    // Without one: what the token endpoint says of a code that nobody gave out, and `/authorize` of a request for no page.
    scene.provider.answers_tokens(Some(told.no()));
    let by_tokens = step_of(&scene.desk.call("check_entra", json!({})).await);
    scene.provider.answers_tokens(None);
    scene.provider.answers_browsers(Some(told.no()));
    let by_browser = step_of(&scene.desk.call("check_entra", json!({})).await);
    scene.provider.answers_browsers(None);
    for step in [&by_tokens, &by_browser].into_iter().flatten() {
        assert_eq!(step["outcome"], "failed", "{}", told.number);
        told.is_in(step, "in the checklist");
    }
    // What needs a person shows only when one signs in.
    let shows = by_tokens.is_some() || by_browser.is_some();
    assert!(shows || told.effect != Effect::SetUp, "{}: the checklist does not see it", told.number);
}

#[tokio::test]
async fn the_checklist_and_the_test_sign_in_tell_the_same_of_every_number() {
    let scene = Scene::entra().await;
    for told in of_entra() {
        tells_checks(&scene, &told).await;
    }
}

#[tokio::test]
async fn the_checklist_of_a_customer_directory_tells_the_same_of_every_number() {
    let scene = Scene::b2c().await;
    for told in of_b2c() {
        tells_checks(&scene, &told).await;
    }
}

// === at a refresh ===

async fn tells_refreshes(scene: &Scene, told: &Told) {
    let ada = scene.connected().await;
    scene.provider.answers_tokens(Some(told.no()));
    let refused = ada.refresh().await;
    scene.provider.answers_tokens(None);
    let hint = refused.text("error_description");
    let goes_on = told.is_outage || told.effect == Effect::SetUp;
    let attempt = scene.attempt_of(told, if goes_on { "connected" } else { "ended" }).await;
    let verdict = &attempt["verdict"];
    told.is_in(verdict, "at a refresh");
    let sessions = scene.desk.call("list_sessions", json!({})).await;
    let its = |row: &&Value| row["session"] == attempt["session"];
    let session = sessions.as_array().into_iter().flatten().find(its).expect("it is listed");
    if goes_on {
        assert_eq!(refused.status, 503, "{}", told.number);
        assert!(!refused.header("retry-after").is_empty(), "{}", told.number);
        assert_eq!(session["state"]["is"], "live", "{}: nobody is signed out by it", told.number);
        let trouble = &session["refresh"];
        assert_eq!(trouble["ok"], false, "{}", told.number);
        told.is_in(trouble, "in the session");
        if !told.is_outage {
            for text in [told.bare(), told.hint, "your session is kept"] {
                assert!(hint.contains(text), "{} must say {text:?}: {hint}", told.number);
            }
            assert!(trouble["detail"].as_str().expect("a text").contains(told.hint), "{}", told.number);
            is_noticed(&scene.event("upstream_refused", told).await, told, "Sign-ins are refused");
        }
        assert_eq!(ada.refresh().await.status, 200, "{}: and it goes on", told.number);
        return;
    }
    assert_eq!((refused.status, refused.error()), (400, "invalid_grant"), "{}", told.number);
    for text in [told.bare(), told.hint, &told.number] {
        assert!(hint.contains(text), "{} must say {text:?}: {hint}", told.number);
    }
    let (why, title) = match told.effect {
        Effect::SignIn => ("sign_in_needed", "Sign in again"),
        _ => ("upstream_refused", "A session has ended"),
    };
    assert_eq!(session["state"]["why"], why, "{}", told.number);
    told.is_in(&session["state"], "in the session");
    is_noticed(&scene.event("session_ended", told).await, told, title);
    assert_eq!(ada.calls("version").await.status, 401, "{}", told.number);
}

#[tokio::test]
async fn a_refused_refresh_tells_client_session_log_and_notice_the_same_of_every_number() {
    let scene = Scene::entra().await;
    for told in of_entra() {
        tells_refreshes(&scene, &told).await;
    }
}

#[tokio::test]
async fn a_refused_refresh_of_a_customer_tells_the_same_of_every_number() {
    let scene = Scene::b2c().await;
    for told in of_b2c() {
        tells_refreshes(&scene, &told).await;
    }
}
