//! What Azure AD B2C's error numbers mean to the people who meet them. They are no AADSTS numbers, though some look alike.
//!
//! Sentences are ours; meanings follow Microsoft's list (<https://learn.microsoft.com/azure/active-directory-b2c/error-codes>).

use model::remedy::RemedyField::{ClientId, ClientSecret, Credential, IdentifierUri, RequiredScopes, Tenant};
use model::upstream::Effect::{self, Ends, SetUp, SignIn};
use model::upstream::Fixer::{self, AppOwner, Person};

use crate::aadsts::Fix::{self, Again, Change, Here};

/// Microsoft's list of the numbers.
pub const LOOKUP: &str = "https://learn.microsoft.com/azure/active-directory-b2c/error-codes";

/// The person cancelled, which is a decision and no fault.
pub const CANCELLED: u32 = 90_091;

/// One number, explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub code: u32,
    /// What happened: one sentence.
    pub what: &'static str,
    pub fixer: Fixer,
    /// The exact next step.
    pub hint: &'static str,
    /// Ways to take it that need no page of the portal, whose B2C views have no addresses; Microsoft's list comes after them.
    pub fixes: &'static [Fix],
    /// What it means to a running session.
    pub effect: Effect,
    /// The OAuth error that says it, where B2C sends a vaguer one.
    error: Option<&'static str>,
}

/// What is told of several numbers alike: the step, and the ways to take it.
type Way = (&'static str, &'static [Fix]);

const AGAIN: Way = ("Connect again and sign in.", &[Again]);
const LATER: Way = ("Wait a while, or reset the password, then connect again.", &[Again]);
const SECRET: Way = (
    "Create a client secret under Azure AD B2C > App registrations > your app > Certificates & secrets and enter its Value in the \
     settings.",
    &[Change(ClientSecret)],
);
const REDIRECT: Way = (
    "Under Azure AD B2C > App registrations > your app > Authentication, add the redirect URI shown in the settings, character for \
     character, on platform Web.",
    &[Here],
);
const SCOPES: Way = (
    "Compare required scopes and Application ID URI in the settings with Azure AD B2C > App registrations > your app > Expose an \
     API, then add the scope under API permissions and grant admin consent there.",
    &[Change(RequiredScopes), Change(IdentifierUri)],
);
const APPLICATION: Way = (
    "Compare the client ID in the settings with Azure AD B2C > App registrations > your app > Overview; it has to be registered \
     there, for accounts in any identity provider.",
    &[Change(ClientId)],
);

/// Sorted by number.
const ENTRIES: &[Entry] = &[
    set_up(90_006, "The redirect URI is not registered for this app.", REDIRECT),
    set_up(90_007, "The app has no redirect URI.", REDIRECT),
    set_up(90_011, "The user flow or policy is for another client ID.", APPLICATION),
    set_up(90_012, "Azure AD B2C does not offer one of the scopes that were asked for.", SCOPES),
    set_up(90_018, "The directory does not know the client ID.", APPLICATION),
    person(90_043, "Azure AD B2C did not accept how the person was to be asked.", AGAIN, SignIn),
    person(90_046, "The sign-in page lost track of the sign-in.", AGAIN, SignIn),
    person(90_051, "The user flow offers no way to sign in that fits this person.", AGAIN, SignIn),
    set_up(90_055, "A scope does not say which API it belongs to.", SCOPES),
    proof(90_058, "The app is not registered as one that needs no credential."),
    set_up(90_068, "The application was not registered by way of Azure AD B2C.", APPLICATION),
    person(90_077, "Nobody is signed in at Azure AD B2C yet.", AGAIN, SignIn).called("login_required"),
    proof(90_079, "Azure AD B2C wants a client secret, and none was sent."),
    person(90_080, "The sign-in at Azure AD B2C has expired.", AGAIN, Ends).called("invalid_grant"),
    proof(90_081, "The client secret is not the one of this app."),
    Entry {
        fixes: &[Change(Credential)],
        hint: "Move the redirect URI to platform Web under Azure AD B2C > App registrations > your app > Authentication, or use the \
               credential `none`.",
        ..proof(90_084, "The app is registered as one without a credential, and a secret was sent.")
    },
    set_up(
        90_088,
        "The sign-in was begun with another user flow or policy than the one in the settings.",
        (
            "Check the policy after the directory in the tenant setting, then connect again.",
            &[Change(Tenant)],
        ),
    ),
    person(90_090, "Azure AD B2C cannot read the code or refresh token.", AGAIN, Ends)
        .called("invalid_grant"),
    person(
        CANCELLED,
        "The person cancelled on the sign-in page.",
        ("Connect again when you want to sign in.", &[Again]),
        SignIn,
    ),
    set_up(
        90_092,
        "The app is disabled.",
        ("Enable it under Azure AD B2C > App registrations > your app.", &[]),
    ),
    set_up(90_107, "The app may not have an ID token.", SCOPES),
    person(
        90_111,
        "The account is locked.",
        ("Ask whoever runs the sign-in to unlock it, then connect again.", &[Again]),
        SignIn,
    ),
    person(90_114, "The account is locked for a while after too many wrong passwords.", LATER, SignIn),
    set_up(90_115, "No scope of an API was asked for.", SCOPES),
    set_up(90_117, "Azure AD B2C does not offer one of the scopes that were asked for.", SCOPES),
    person(
        90_118,
        "The person chose to reset the password, and this user flow cannot do that itself.",
        (
            "Reset the password where you usually do, then connect again; whoever owns the app can switch on self-service \
             password reset in the user flow, so that its page does it.",
            &[Again],
        ),
        SignIn,
    ),
    person(90_128, "The account does not exist any more.", AGAIN, Ends).called("invalid_grant"),
    person(90_129, "The sign-in was revoked at Azure AD B2C.", AGAIN, Ends).called("invalid_grant"),
    set_up(90_146, "Scopes of more than one API were asked for in one token request.", SCOPES),
    person(90_151, "The second factor was wrong too often.", LATER, SignIn),
    person(90_157, "The page was filled in wrongly too often.", LATER, SignIn),
    set_up(90_205, "The app has no permission for its own API.", SCOPES),
];

const fn set_up(code: u32, what: &'static str, (hint, fixes): Way) -> Entry {
    Entry { code, what, fixer: AppOwner, hint, fixes, effect: SetUp, error: None }
}

const fn person(code: u32, what: &'static str, (hint, fixes): Way, effect: Effect) -> Entry {
    Entry { code, what, fixer: Person, hint, fixes, effect, error: None }
}

/// About how the app proves itself.
const fn proof(code: u32, what: &'static str) -> Entry {
    set_up(code, what, SECRET).called("invalid_client")
}

impl Entry {
    pub(crate) const fn error(&self) -> Option<&'static str> {
        self.error
    }

    const fn called(self, error: &'static str) -> Self {
        Self { error: Some(error), ..self }
    }
}

/// All entries, by number.
pub fn entries() -> &'static [Entry] {
    ENTRIES
}

/// The entry of a number, without `AADB2C`.
pub(crate) fn explain(code: u32) -> Option<&'static Entry> {
    ENTRIES.binary_search_by_key(&code, |entry| entry.code).ok().map(|at| &ENTRIES[at])
}

/// The first `AADB2C` number in a text.
pub fn code_in(text: &str) -> Option<u32> {
    text.match_indices("AADB2C").find_map(|(at, mark)| {
        let digits: String = text[at + mark.len()..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

/// Numbers that say "not now" whatever they come with.
pub(crate) fn is_transient(code: u32) -> bool {
    matches!(code, 90_035 | 90_048 | 90_085 | 90_244)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_speaks_in_sentences() {
        assert!(ENTRIES.is_sorted_by(|a, b| a.code < b.code), "the look-up is a binary search");
        for entry in ENTRIES {
            for text in [entry.what, entry.hint] {
                assert!(text.ends_with('.') && text.len() > 15, "AADB2C{}: {text}", entry.code);
            }
            assert!(!is_transient(entry.code), "AADB2C{}", entry.code);
        }
    }

    #[test]
    fn what_ends_a_session_is_what_says_that_it_is_over() {
        for code in [90_080, 90_128, 90_129] {
            assert_eq!(explain(code).unwrap().effect, Ends, "AADB2C{code}");
        }
        for code in [90_006, 90_081, 90_088, 90_117] {
            assert_eq!(
                explain(code).unwrap().effect,
                SetUp,
                "AADB2C{code}: nobody is signed out because of it"
            );
        }
        for code in [90_091, 90_118] {
            assert_eq!(explain(code).unwrap().effect, SignIn, "AADB2C{code}");
        }
    }

    #[test]
    fn the_number_is_found_wherever_the_text_has_it() {
        assert_eq!(code_in("AADB2C90091: The user has cancelled."), Some(90_091));
        assert_eq!(code_in("AADSTS90008: no number of B2C"), None);
        assert_eq!(code_in("AADB2C99999999999999"), None);
    }
}
