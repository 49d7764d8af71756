//! Notices of the operating system. Each kind can be switched off, and none comes more often than a person can read.
//!
//! A notice may be seen by whoever looks at the screen, so it names no person.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tauri::AppHandle;
use tauri_plugin_notification::{ActiveNotification, NotificationExt as _};

use crate::attention::{Happened, Told};
use crate::menu::Tunnel;
use crate::shell::Shell;
use crate::window;

/// Between two of the same kind.
const APART: Duration = Duration::from_secs(10);
/// Before the same refusal is told again: clients try again every minute while the set-up is wrong.
const SAME_AGAIN: Duration = Duration::from_secs(60 * 60);
/// Clients, or refusals, that were told of; one that comes again within this many is not told of again.
const REMEMBERED: usize = 64;
/// Characters of a name that a client chose.
const LONGEST_NAME: usize = 60;

/// What a change of the tunnel is told as: one that was lost, and another address than before.
pub(crate) fn of_tunnel(before: &Tunnel, now: &Tunnel) -> Option<(&'static str, String)> {
    match now {
        Tunnel::Lost { reason, was_open } if before.is_on() && !matches!(before, Tunnel::Lost { .. }) => {
            let title = if *was_open { "The tunnel was lost" } else { "The tunnel does not open" };
            Some((title, format!("It is tried again by itself: {reason}")))
        }
        Tunnel::Refused { reason } if before != now => Some(("The tunnel was refused", reason.clone())),
        _ => None,
    }
}

/// The address before, if it was another.
pub(crate) fn of_address(last: Option<&str>, now: Option<&str>) -> Option<(&'static str, String)> {
    let (last, now) = (last?, now?);
    (last != now).then(|| ("The public address changed", format!("Give your clients the new one: {now}/mcp")))
}

/// What was told already.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    clients: VecDeque<String>,
    /// Sign-ins whose code was told.
    paired: VecDeque<String>,
    new_client_at: Option<Instant>,
    refused_at: Option<Instant>,
    /// Refusals that were told within the hour, oldest first.
    refused: VecDeque<Refused>,
}

/// A refusal that was told: for what reason, of which client, and when.
#[derive(Debug)]
struct Refused {
    told: Told,
    client: Option<String>,
    at: Instant,
}

/// Where a click on a notice leads. Its number is the notice's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leads {
    Home,
    Sessions,
    Credential,
    Log,
}

impl Leads {
    const ALL: [Self; 4] = [Self::Home, Self::Sessions, Self::Credential, Self::Log];

    fn page(self, app: &AppHandle) -> String {
        let page = match self {
            Self::Home => "#/home",
            // Where it still waits, that one; its buttons are there.
            Self::Sessions => match Shell::of(app).attention().sign_in_page() {
                Some(page) => return page,
                None => "#/sessions",
            },
            Self::Credential => "#/entra?field=entra.credential",
            Self::Log => "#/log",
        };
        page.to_owned()
    }
}

/// Lets a click on a notice show the window where it is about.
pub(crate) fn lead_on_click(app: &AppHandle) {
    let handle = app.clone();
    let listened = app.notification().on_action(move |action| {
        let id = action.notification().map(ActiveNotification::id);
        let leads = Leads::ALL.into_iter().find(|leads| Some(*leads as i32) == id);
        window::show(&handle, leads.map(|leads| leads.page(&handle)));
    });
    if let Err(error) = listened {
        tracing::debug!(%error, "a click on a notice will not be heard");
    }
}

/// Shows a notice. Without anybody to show it, nothing is lost: it is in the window as well.
pub(crate) fn tell(app: &AppHandle, leads: Leads, title: &str, text: &str) {
    if let Err(error) = app.notification().builder().id(leads as i32).title(title).body(text).show() {
        tracing::debug!(%error, "a notice could not be shown");
    }
}

// === impl Notices ===

impl Notices {
    pub(crate) async fn consider(&mut self, app: &AppHandle, shell: &Shell, happened: &Happened) {
        let wanted = shell.preferences().get().notify;
        if let Some(told) = happened.notice.as_ref().filter(|_| wanted.sign_in_again)
            && self.is_news(told, happened.client.as_deref(), Instant::now())
            && due(&mut self.refused_at)
        {
            let leads = if happened.event == "session_ended" { Leads::Sessions } else { Leads::Log };
            tell(app, leads, &told.title, &of_client(happened.client_name.as_deref(), told));
            self.was_told(told.clone(), happened.client.clone(), Instant::now());
        }
        if happened.event == "consent_shown" && wanted.new_client {
            self.new_client(app, shell, happened).await;
        }
    }

    fn is_news(&self, told: &Told, client: Option<&str>, now: Instant) -> bool {
        let same = |one: &Refused| one.told == *told && one.client.as_deref() == client;
        !self.refused.iter().any(|one| same(one) && now.duration_since(one.at) < SAME_AGAIN)
    }

    fn was_told(&mut self, told: Told, client: Option<String>, at: Instant) {
        self.refused.retain(|one| at.duration_since(one.at) < SAME_AGAIN);
        if self.refused.len() == REMEMBERED {
            self.refused.pop_front();
        }
        self.refused.push_back(Refused { told, client, at });
    }

    /// The newest client that waits for a code, with the code: the notice is on the screen of whoever may know it.
    pub(crate) fn pairings(&mut self, app: &AppHandle, shell: &Shell, rows: &Value) {
        let Some(newest) = rows.get(0) else { return };
        let (Some(grant), Some(code)) = (newest["grant"].as_str(), newest["code"].as_str()) else { return };
        if !shell.preferences().get().notify.new_client
            || self.paired.iter().any(|known| known == grant)
            || !due(&mut self.new_client_at)
        {
            return;
        }
        if self.paired.len() == REMEMBERED {
            self.paired.pop_front();
        }
        self.paired.push_back(grant.to_owned());
        tell(
            app,
            Leads::Home,
            "A new client asks for access",
            &asks_for_code(newest["client_name"].as_str(), code),
        );
    }

    async fn new_client(&mut self, app: &AppHandle, shell: &Shell, happened: &Happened) {
        let Some(client) = &happened.client else { return };
        if self.clients.contains(client) || is_approved(shell, client).await || !due(&mut self.new_client_at)
        {
            return;
        }
        if self.clients.len() == REMEMBERED {
            self.clients.pop_front();
        }
        self.clients.push_back(client.clone());
        let name = name(happened.client_name.as_deref());
        tell(
            app,
            Leads::Home,
            "A new client asks for access",
            &format!("It calls itself {name}. Allow or refuse it in your browser."),
        );
    }
}

/// What the engine says, with whose it is.
fn of_client(client_name: Option<&str>, told: &Told) -> String {
    format!("{}: {}", name(client_name), told.text)
}

/// Digits in two groups, as a person reads them.
fn asks_for_code(client_name: Option<&str>, code: &str) -> String {
    let groups: Vec<&str> = code.as_bytes().chunks(3).filter_map(|part| str::from_utf8(part).ok()).collect();
    let (name, code) = (name(client_name), groups.join(" "));
    format!(
        "It calls itself {name}. Its code is {code}: type it into the page that asks, if it is you who connects it."
    )
}

/// If the engine does not say, the client counts as known: a notice too few is better than one too many.
async fn is_approved(shell: &Shell, client: &str) -> bool {
    let Ok(Value::Array(rows)) =
        shell.call("list_clients", json!({"approved_only": true, "limit": 500})).await
    else {
        return true;
    };
    rows.iter().any(|row| row["id"] == client)
}

fn due(last: &mut Option<Instant>) -> bool {
    if last.is_some_and(|then| then.elapsed() < APART) {
        return false;
    }
    *last = Some(Instant::now());
    true
}

/// Quoted, because the client chose it; without what could draw lines or markup in a notice.
fn name(chosen: Option<&str>) -> String {
    let clean: String = chosen
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '<' | '>' | '&'))
        .take(LONGEST_NAME)
        .collect();
    if clean.trim().is_empty() {
        "a client without a name".to_owned()
    } else {
        format!("“{}”", clean.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_draw_in_a_notice() {
        assert_eq!(name(Some("Claude")), "“Claude”");
        assert_eq!(name(Some("<b>You\nwon</b>")), "“bYouwon/b”");
        assert_eq!(name(Some(" \n")), "a client without a name");
        assert_eq!(name(None), "a client without a name");
        assert!(name(Some(&"x".repeat(500))).chars().count() <= LONGEST_NAME + 2);
    }

    #[test]
    fn a_tunnel_is_told_of_when_it_goes_and_when_its_name_changes() {
        let reachable = Tunnel::Reachable { url: "https://a.example".into() };
        let lost = Tunnel::Lost { reason: "the program ended".into(), was_open: true };
        assert!(of_tunnel(&reachable, &lost).unwrap().1.contains("the program ended"));
        assert_eq!(of_tunnel(&lost, &lost), None);
        let never = Tunnel::Lost { reason: "no such name".into(), was_open: false };
        assert_eq!(of_tunnel(&Tunnel::Starting, &never).unwrap().0, "The tunnel does not open");
        assert_eq!(of_tunnel(&reachable, &Tunnel::Off), None, "switched off by the person");
        assert!(of_tunnel(&Tunnel::Starting, &Tunnel::Refused { reason: "no".into() }).is_some());
        assert_eq!(of_address(None, Some("https://a.example")), None);
        assert_eq!(of_address(Some("https://a.example"), Some("https://a.example")), None);
        assert!(
            of_address(Some("https://a.example"), Some("https://b.example"))
                .unwrap()
                .1
                .contains("b.example/mcp")
        );
    }

    #[test]
    fn a_code_is_told_in_groups() {
        let told = asks_for_code(Some("Claude"), "006740");
        assert!(told.starts_with("It calls itself “Claude”. Its code is 006 740:"), "{told}");
        assert!(asks_for_code(None, "006740123456").contains(" 006 740 123 456:"));
    }

    fn told(text: &str) -> Told {
        Told { title: "Sign-ins are refused".into(), text: text.into() }
    }

    #[test]
    fn the_same_refusal_is_told_once_an_hour_and_another_at_once() {
        let mut notices = Notices::default();
        let now = Instant::now();
        assert!(notices.is_news(&told("a"), Some("editor"), now));
        notices.was_told(told("a"), Some("editor".into()), now);
        assert!(!notices.is_news(&told("a"), Some("editor"), now));
        assert!(notices.is_news(&told("b"), Some("editor"), now));
        notices.was_told(told("b"), Some("editor".into()), now);
        assert!(!notices.is_news(&told("a"), Some("editor"), now), "also with another in between");
        assert!(notices.is_news(&told("a"), Some("editor"), now + SAME_AGAIN));
        assert_eq!(of_client(Some("Claude"), &told("It is over.")), "“Claude”: It is over.");
    }

    #[test]
    fn what_is_refused_to_another_client_is_told_too() {
        let mut notices = Notices::default();
        let now = Instant::now();
        notices.was_told(told("a"), Some("editor".into()), now);
        assert!(notices.is_news(&told("a"), Some("chat"), now));
        assert!(notices.is_news(&told("a"), None, now));
    }

    #[test]
    fn no_more_refusals_are_remembered_than_the_bound() {
        let mut notices = Notices::default();
        let now = Instant::now();
        for n in 0..=REMEMBERED {
            notices.was_told(told(&n.to_string()), None, now);
        }
        assert_eq!(notices.refused.len(), REMEMBERED);
        assert!(!notices.is_news(&told(&REMEMBERED.to_string()), None, now));
        notices.was_told(told("later"), None, now + SAME_AGAIN);
        assert_eq!(notices.refused.len(), 1, "what is older than the hour is forgotten");
    }

    #[test]
    fn two_of_a_kind_are_apart() {
        let mut last = None;
        assert!(due(&mut last));
        assert!(!due(&mut last));
    }
}
