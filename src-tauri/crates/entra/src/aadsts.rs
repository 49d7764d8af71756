//! What Entra's error numbers mean to the people who meet them: what happened, who can mend it, and the next step.
//!
//! Numbers, and how to find them in Entra's text; what an error does to a request is decided in `refusal`.

mod table;

use model::upstream::{Effect, Fixer};

/// One AADSTS number, explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub code: u32,
    /// What happened: one sentence.
    pub what: &'static str,
    pub fixer: Fixer,
    /// The exact next step, with the path in the portal.
    pub hint: &'static str,
    pub page: Page,
    /// What it means to a running session.
    pub effect: Effect,
}

/// Where a hint can be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// A blade of the app registration.
    App(&'static str),
    /// A view of the directory.
    Directory(&'static str),
    /// Something to read, or to do oneself.
    Web(&'static str),
    /// Nothing better than Entra's own page about the number.
    Lookup,
}

/// The entry of a number, without `AADSTS`.
pub fn explain(code: u32) -> Option<&'static Entry> {
    table::ENTRIES.binary_search_by_key(&code, |entry| entry.code).ok().map(|at| &table::ENTRIES[at])
}

/// All entries, by number.
pub fn entries() -> &'static [Entry] {
    table::ENTRIES
}

/// The first `AADSTS` number in a text.
pub fn code_in(text: &str) -> Option<u32> {
    text.match_indices("AADSTS").find_map(|(at, mark)| {
        let digits: String = text[at + mark.len()..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

/// Numbers that say "not now" whatever they come with.
pub fn is_transient(code: u32) -> bool {
    matches!(code, 50196 | 90033)
}

impl Page {
    /// The address for the registration of `client_id`. `portal` is the host of the cloud's portal; in none, a blade
    /// would lead nowhere, and Entra's page about the number stands in.
    pub fn url(self, code: u32, client_id: &str, portal: Option<&str>) -> String {
        match (self, portal) {
            (Self::App(blade), Some(host)) => format!(
                "https://{host}/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/{blade}/appId/{client_id}"
            ),
            (Self::Directory(view), Some(host)) => format!("https://{host}/#view/{view}"),
            (Self::Web(url), _) => url.to_owned(),
            (Self::App(_) | Self::Directory(_), None) | (Self::Lookup, _) => lookup(code),
        }
    }
}

/// Where an app registration can be looked at, or all of them while its client id is not known.
pub fn registration_link(authority_host: &str, client_id: Option<&str>) -> Option<String> {
    let portal = Some(portal(authority_host)?);
    Some(match client_id {
        Some(id) => Page::App("Overview").url(0, id, portal),
        None => Page::Directory("Microsoft_AAD_RegisteredApps/ApplicationsListBlade").url(0, "", portal),
    })
}

/// Entra's own page about a number.
pub fn lookup(code: u32) -> String {
    format!("https://login.microsoftonline.com/error?code={code}")
}

/// Host of the portal that belongs to an authority host; none for anything but Microsoft's clouds.
pub fn portal(authority_host: &str) -> Option<&'static str> {
    match authority_host {
        "login.microsoftonline.com" => Some("entra.microsoft.com"),
        "login.microsoftonline.us" => Some("entra.microsoft.us"),
        "login.partner.microsoftonline.cn" | "login.chinacloudapi.cn" => Some("entra.microsoftonline.cn"),
        host if host.ends_with(".ciamlogin.com") || host.ends_with(".b2clogin.com") => {
            Some("entra.microsoft.com")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_people_are_promised_has_an_entry() {
        for code in [
            16000, 50011, 50020, 50034, 50053, 50055, 50057, 50058, 50076, 50079, 50105, 50126, 50128, 50131,
            50133, 50140, 50144, 50158, 50173, 50194, 50196, 53000, 53003, 530_003, 54005, 65001, 65004,
            65005, 650_052, 650_053, 650_056, 650_057, 70000, 70001, 70008, 700_016, 700_024, 700_025,
            700_027, 70021, 70025, 700_211, 700_212, 700_213, 70011, 70016, 70043, 700_082, 700_084,
            7_000_112, 7_000_114, 7_000_215, 7_000_218, 7_000_222, 75011, 80001, 90002, 90008, 90009, 90019,
            90023, 90033, 900_144, 900_971, 90094, 90095, 9_002_313, 9_002_327, 901_002, 9_010_010,
            9_000_411, 28000, 28003, 240_002,
        ] {
            assert!(explain(code).is_some(), "AADSTS{code}");
        }
        assert_eq!(explain(1), None);
    }

    #[test]
    fn the_table_is_sorted_and_speaks_in_sentences() {
        assert!(entries().is_sorted_by(|a, b| a.code < b.code), "the look-up is a binary search");
        for entry in entries() {
            for text in [entry.what, entry.hint] {
                assert!(text.ends_with('.') && text.len() > 20, "AADSTS{}: {text}", entry.code);
            }
        }
    }

    #[test]
    fn what_ends_a_session_is_what_the_rules_name() {
        for code in [50057, 50144, 50173, 70008, 700_082, 70043, 50133] {
            assert_eq!(explain(code).unwrap().effect, Effect::Ends, "AADSTS{code}");
        }
        for code in [53003, 530_003, 50076, 50079, 50158] {
            assert_eq!(explain(code).unwrap().effect, Effect::SignIn, "AADSTS{code}");
        }
        for code in [7_000_215, 7_000_222, 65001, 50011, 700_016, 70011] {
            assert_eq!(explain(code).unwrap().effect, Effect::SetUp, "AADSTS{code}");
        }
    }

    #[test]
    fn the_number_is_found_wherever_the_text_has_it() {
        assert_eq!(code_in("AADSTS7000215: Invalid client secret."), Some(7_000_215));
        assert_eq!(code_in("Something. AADSTS, then AADSTS50011: mismatch"), Some(50011));
        assert_eq!(code_in("AADSTS99999999999999999999"), None);
        assert_eq!(code_in("no number"), None);
    }

    #[test]
    fn blades_lead_to_the_portal_of_the_cloud_or_to_the_look_up() {
        let blade = Page::App("Credentials");
        assert_eq!(
            blade.url(7_000_222, "app-1", portal("login.microsoftonline.us")),
            "https://entra.microsoft.us/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Credentials/appId/app-1"
        );
        assert_eq!(
            blade.url(7_000_222, "app-1", portal("localhost")),
            "https://login.microsoftonline.com/error?code=7000222"
        );
    }
}
