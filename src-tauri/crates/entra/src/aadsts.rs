//! What Entra's error numbers mean to the people who meet them: what happened, who can mend it, and the next step.
//!
//! Numbers, and how to find them in Entra's text; what an error does to a request is decided in `refusal`.

mod table;

use model::remedy::{Remedy, RemedyField};
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
    /// Ways to take it, the first one first.
    pub fixes: &'static [Fix],
    /// What it means to a running session.
    pub effect: Effect,
}

/// A way to carry a hint out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fix {
    /// Opens a page.
    Open(Page),
    /// Changes a setting.
    Change(RemedyField),
    /// Signs in once more.
    Again,
    /// Lets nobody sign in elsewhere than on this computer.
    Here,
}

/// Where a hint can be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    // Blades of the app registration.
    Overview,
    Authentication,
    Credentials,
    Permissions,
    ExposeApi,
    Manifest,
    // Views of the directory.
    Registrations,
    Users,
    Groups,
    EnterpriseApps,
    ConditionalAccess,
    EntraConnect,
    // Something to read, or to do oneself.
    PasswordReset,
    SecurityInfo,
    SignOut,
    Status,
    /// Nothing better than Entra's own page about the number.
    Lookup,
}

/// Where people of one of Microsoft's clouds help themselves.
#[derive(Clone, Copy)]
struct Cloud {
    /// Host that signs people in and out, and explains numbers.
    login: &'static str,
    sign_out: &'static str,
    password_reset: &'static str,
    security_info: &'static str,
}

/// What a page calls itself, and where it is.
enum Place {
    Blade(&'static str, &'static str),
    View(&'static str, &'static str),
    Web(&'static str, &'static str),
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

/// The app registration that pages are of, and the number that led to them.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    pub code: Option<u32>,
    pub client_id: &'a str,
    /// Host of the cloud's portal; in none, a blade would lead nowhere.
    pub portal: Option<&'a str>,
}

impl At<'_> {
    /// As whoever shows them needs them. Where blades lead nowhere, Entra's page about the number stands in for them.
    pub fn remedies(self, fixes: &[Fix]) -> Vec<Remedy> {
        let mut remedies = Vec::new();
        for fix in fixes {
            let remedy = match *fix {
                Fix::Open(page) => self.open(page).or_else(|| self.open(Page::Lookup)),
                Fix::Change(setting) => Some(Remedy::change(setting)),
                Fix::Again => Some(Remedy::SignIn),
                Fix::Here => Some(Remedy::sign_in_on_this_computer()),
            };
            remedies.extend(remedy.filter(|remedy| !remedies.contains(remedy)));
        }
        remedies
    }

    fn open(self, page: Page) -> Option<Remedy> {
        let Self { code, client_id, portal } = self;
        let cloud = Cloud::of(portal);
        let (page, url) = match page.place(cloud) {
            Place::Blade(name, blade) => (
                name.to_owned(),
                format!(
                    "https://{}/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/{blade}/appId/{client_id}",
                    portal?
                ),
            ),
            Place::View(name, view) => (name.to_owned(), format!("https://{}/#view/{view}", portal?)),
            Place::Web(name, url) => (name.to_owned(), url.to_owned()),
            Place::Lookup => (format!("Microsoft's page about AADSTS{}", code?), cloud.lookup(code?)),
        };
        Some(Remedy::Open { page, url })
    }
}

impl Cloud {
    const PUBLIC: Self = Self {
        login: "login.microsoftonline.com",
        sign_out: "https://login.microsoftonline.com/logout.srf",
        password_reset: "https://passwordreset.microsoftonline.com",
        security_info: "https://mysignins.microsoft.com/security-info",
    };
    const US_GOVERNMENT: Self = Self {
        login: "login.microsoftonline.us",
        sign_out: "https://login.microsoftonline.us/logout.srf",
        password_reset: "https://passwordreset.microsoftonline.us",
        security_info: "https://mysignins.azure.us/security-info",
    };
    const CHINA: Self = Self {
        login: "login.partner.microsoftonline.cn",
        sign_out: "https://login.partner.microsoftonline.cn/logout.srf",
        password_reset: "https://passwordreset.activedirectory.windowsazure.cn",
        security_info: "https://account.activedirectory.windowsazure.cn/proofup.aspx",
    };

    /// The cloud of a portal.
    fn of(portal: Option<&str>) -> Self {
        match portal {
            Some("entra.microsoft.us") => Self::US_GOVERNMENT,
            Some("entra.microsoftonline.cn") => Self::CHINA,
            _ => Self::PUBLIC,
        }
    }

    /// Entra's own page about a number.
    fn lookup(self, code: u32) -> String {
        format!("https://{}/error?code={code}", self.login)
    }
}

impl Page {
    const fn place(self, cloud: Cloud) -> Place {
        use Place::{Blade, View, Web};
        match self {
            Self::Overview => Blade("Overview", "Overview"),
            Self::Authentication => Blade("Authentication", "Authentication"),
            Self::Credentials => Blade("Certificates & secrets", "Credentials"),
            Self::Permissions => Blade("API permissions", "CallAnAPI"),
            Self::ExposeApi => Blade("Expose an API", "ProtectAnAPI"),
            Self::Manifest => Blade("Manifest", "Manifest"),
            Self::Registrations => {
                View("App registrations", "Microsoft_AAD_RegisteredApps/ApplicationsListBlade")
            }
            Self::Users => View("Users", "Microsoft_AAD_UsersAndTenants/UserManagementMenuBlade/~/AllUsers"),
            Self::Groups => View("Groups", "Microsoft_AAD_IAM/GroupsManagementMenuBlade/~/AllGroups"),
            Self::EnterpriseApps => View(
                "Enterprise applications",
                "Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview",
            ),
            Self::ConditionalAccess => View(
                "Conditional Access",
                "Microsoft_AAD_ConditionalAccess/ConditionalAccessBlade/~/Policies",
            ),
            Self::EntraConnect => {
                View("Entra Connect", "Microsoft_AAD_Connect_Provisioning/AADConnectMenuBlade/~/ConnectSync")
            }
            Self::PasswordReset => Web("password reset", cloud.password_reset),
            Self::SecurityInfo => Web("your security info", cloud.security_info),
            Self::SignOut => Web("sign-out at Microsoft", cloud.sign_out),
            Self::Status => Web("Microsoft's status page", "https://status.cloud.microsoft"),
            Self::Lookup => Place::Lookup,
        }
    }
}

/// Where an app registration can be looked at, or all of them while its client id is not known.
pub fn registration_link(authority_host: &str, client_id: Option<&str>) -> Option<String> {
    let page = if client_id.is_some() { Page::Overview } else { Page::Registrations };
    let at = At { code: None, client_id: client_id.unwrap_or_default(), portal: portal(authority_host) };
    match at.open(page)? {
        Remedy::Open { url, .. } => Some(url),
        Remedy::Change { .. } | Remedy::SignIn => None,
    }
}

/// Host of the portal that belongs to an authority host; none for anything but Microsoft's clouds.
pub fn portal(authority_host: &str) -> Option<&'static str> {
    match authority_host {
        "login.microsoftonline.com" | "login.windows.net" => Some("entra.microsoft.com"),
        "login.microsoftonline.us" => Some("entra.microsoft.us"),
        "login.partner.microsoftonline.cn" | "login.chinacloudapi.cn" => Some("entra.microsoftonline.cn"),
        host if host.ends_with(".ciamlogin.com") => Some("entra.microsoft.com"),
        // Applications of Azure AD B2C are kept in the Azure portal.
        host if host.ends_with(".b2clogin.com") => Some("portal.azure.com"),
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
    fn every_number_leads_to_something_that_can_be_done_in_each_cloud() {
        for (authority, host) in [
            ("login.microsoftonline.com", "https://entra.microsoft.com/"),
            ("login.microsoftonline.us", "https://entra.microsoft.us/"),
            ("login.partner.microsoftonline.cn", "https://entra.microsoftonline.cn/"),
        ] {
            for entry in entries() {
                let at = At { code: Some(entry.code), client_id: "app-1", portal: portal(authority) };
                let remedies = at.remedies(entry.fixes);
                assert_eq!(remedies.len(), entry.fixes.len(), "AADSTS{}: one remedy each", entry.code);
                assert!(!remedies.is_empty(), "AADSTS{}", entry.code);
                for (fix, remedy) in entry.fixes.iter().zip(&remedies) {
                    let (Fix::Open(page), Remedy::Open { page: name, url }) = (fix, remedy) else { continue };
                    let leads = match page.place(Cloud::of(portal(authority))) {
                        Place::Blade(..) => {
                            url.starts_with(host)
                                && url.contains("/ApplicationMenuBlade/~/")
                                && url.ends_with("/appId/app-1")
                        }
                        Place::View(..) => url.starts_with(host) && url.contains("Blade"),
                        Place::Web(..) => url.starts_with("https://"),
                        Place::Lookup => *url == format!("https://{authority}/error?code={}", entry.code),
                    };
                    assert!(leads && !name.is_empty(), "AADSTS{}: {name} at {url}", entry.code);
                }
            }
        }
    }

    #[test]
    fn people_are_led_to_pages_of_the_cloud_that_their_accounts_are_in() {
        for (authority, hosts) in [
            (
                "login.microsoftonline.com",
                ["login.microsoftonline.com", "passwordreset.microsoftonline.com", "mysignins.microsoft.com"],
            ),
            (
                "login.microsoftonline.us",
                ["login.microsoftonline.us", "passwordreset.microsoftonline.us", "mysignins.azure.us"],
            ),
            (
                "login.partner.microsoftonline.cn",
                [
                    "login.partner.microsoftonline.cn",
                    "passwordreset.activedirectory.windowsazure.cn",
                    "account.activedirectory.windowsazure.cn",
                ],
            ),
        ] {
            let at = At { code: Some(50_020), client_id: "app-1", portal: portal(authority) };
            let fixes = [Page::SignOut, Page::PasswordReset, Page::SecurityInfo].map(Fix::Open);
            let found: Vec<String> = at
                .remedies(&fixes)
                .iter()
                .filter_map(|remedy| match remedy {
                    Remedy::Open { url, .. } => Some(url.split('/').nth(2)?.to_owned()),
                    _ => None,
                })
                .collect();
            assert_eq!(found, hosts, "{authority}");
        }
    }

    #[test]
    fn each_way_out_is_offered_by_the_number_that_needs_it() {
        for (code, fix) in [
            (7_000_222, Fix::Open(Page::Credentials)),
            (70011, Fix::Change(RemedyField::RequiredScopes)),
            (28000, Fix::Change(RemedyField::ExtraScopes)),
            (50076, Fix::Again),
            (53000, Fix::Again),
            (50011, Fix::Here),
            (530_003, Fix::Here),
        ] {
            assert!(explain(code).unwrap().fixes.contains(&fix), "AADSTS{code}: {fix:?}");
        }
    }

    #[test]
    fn who_must_sign_in_again_can_and_who_must_mend_the_set_up_finds_the_place() {
        for entry in entries() {
            let signs_in = entry.hint.contains("Connect again and sign in");
            if signs_in {
                assert!(entry.fixes.contains(&Fix::Again), "AADSTS{}", entry.code);
            }
            let names = |words: &str, page: Page| {
                if entry.hint.contains(words) {
                    assert!(entry.fixes.contains(&Fix::Open(page)), "AADSTS{}: {words}", entry.code);
                }
            };
            names("Certificates & secrets", Page::Credentials);
            names("your app > API permissions, choose", Page::Permissions);
            names("Value", Page::Credentials);
            if entry.hint.contains("paste its Value") {
                assert!(
                    entry.fixes.contains(&Fix::Change(RemedyField::ClientSecret)),
                    "AADSTS{}",
                    entry.code
                );
            }
        }
    }

    #[test]
    fn blades_of_no_portal_lead_to_the_look_up_once() {
        let at = At { code: Some(7_000_222), client_id: "app-1", portal: portal("localhost") };
        let page = |code: &str| Remedy::Open {
            page: format!("Microsoft's page about AADSTS{code}"),
            url: format!("https://login.microsoftonline.com/error?code={code}"),
        };
        assert_eq!(at.remedies(&[Fix::Open(Page::Credentials), Fix::Open(Page::Users)]), [page("7000222")]);
        assert_eq!(At { code: None, ..at }.remedies(&[Fix::Open(Page::Credentials)]), []);
    }
}
