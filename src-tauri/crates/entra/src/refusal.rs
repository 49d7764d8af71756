//! From what the provider answers to what a person is told: a refusal with a next step, or "not now".
//!
//! Entra's own words are used only where the table has none, cut to a sentence and cleared of addresses.

use std::time::Duration;

use ::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use model::remedy::Remedy;
use model::upstream::{Challenge, Effect, Fixer, Refusal, UpstreamError};
use serde::Deserialize;

use crate::aadb2c;
use crate::aadsts::{self, At, Fix, Page};
use crate::fault::Fault;
use crate::http::{Answer, not_now, retry_after, says_not_now};

/// Longest piece of foreign text in a refusal.
const LONGEST_TEXT: usize = 300;

/// Tells refusals for one app registration, so that links lead to its own blades.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusals<'a> {
    pub(crate) client_id: &'a str,
    /// Host of the authority, which decides the portal.
    pub(crate) authority: &'a str,
}

/// RFC 6749 section 5.2, with Entra's additions. `suberror` says nothing the number does not.
#[derive(Deserialize)]
struct ErrorBody {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u32>,
    trace_id: Option<String>,
    correlation_id: Option<String>,
    timestamp: Option<String>,
    /// Claims challenge, as JSON in a string.
    claims: Option<String>,
}

impl ErrorBody {
    fn code(&self) -> Option<u32> {
        aadsts::code_in(&self.error_description).or_else(|| self.error_codes.first().copied())
    }
}

impl Refusals<'_> {
    /// An answer with an error status: refused if it is an OAuth error, otherwise not usable.
    pub(crate) fn of_answer(self, answer: &Answer) -> UpstreamError {
        let body = serde_json::from_slice::<ErrorBody>(&answer.body);
        match body {
            _ if says_not_now(answer.status) => {
                let code = body.ok().and_then(|body| body.code());
                let (detail, retry_after) = not_now(self.authority, answer);
                self.outage(code, detail, retry_after)
            }
            Ok(body) => self.of_body(&body, retry_after(&answer.headers)),
            Err(_) => nonsense(answer.status),
        }
    }

    fn of_body(self, body: &ErrorBody, retry_after: Option<Duration>) -> UpstreamError {
        let (code, error) = (body.code(), word(&body.error));
        tracing::info!(upstream.error = error, upstream.code = code, "the identity provider refused");
        if let Some(not_now) = self.not_now(code, &error, &body.error_description, retry_after) {
            return not_now;
        }
        let mut refusal = self.tell(code, error, &body.error_description);
        let named =
            [("trace", &body.trace_id), ("correlation", &body.correlation_id), ("at", &body.timestamp)];
        let named = named.map(|(name, value)| value.as_deref().map(|value| (name, value.to_owned())));
        refusal.trace = join_trace(named).or(refusal.trace);
        // Where the person cannot help, neither can asking them for more.
        let claims = body.claims.as_deref().filter(|_| refusal.effect == Effect::SignIn);
        refusal.claims = claims.and_then(Challenge::parse);
        UpstreamError::Refused(Box::new(refusal))
    }

    /// `error` and `error_description` as the browser brought them.
    pub(crate) fn of_callback(self, error: &str, description: &str) -> UpstreamError {
        let (code, error) = (aadsts::code_in(description), word(error));
        self.not_now(code, &error, description, None)
            .unwrap_or_else(|| UpstreamError::Refused(Box::new(self.tell(code, error, description))))
    }

    /// What says "not now" is no refusal, whichever way it came.
    fn not_now(
        self,
        code: Option<u32>,
        error: &str,
        description: &str,
        retry_after: Option<Duration>,
    ) -> Option<UpstreamError> {
        let of_b2c = aadb2c::code_in(description);
        // Azure AD B2C calls a grant that it cannot read a server error.
        let is_not_now = code.is_some_and(aadsts::is_transient)
            || of_b2c.is_some_and(aadb2c::is_transient)
            || matches!(error, "temporarily_unavailable" | "server_error")
                && of_b2c.and_then(aadb2c::explain).is_none();
        let number = of_b2c.map(|code| format!(" (AADB2C{code})")).unwrap_or_default();
        is_not_now.then(|| self.outage(code, format!("it answered `{error}`{number}"), retry_after))
    }

    /// What the table knows of the number goes with it.
    fn outage(self, code: Option<u32>, detail: String, retry_after: Option<Duration>) -> UpstreamError {
        let known = code.filter(|code| aadsts::is_transient(*code));
        let refusal = known.map(|_| Box::new(self.tell(code, "temporarily_unavailable".to_owned(), "")));
        let detail = match code {
            Some(code) => format!("{detail} (AADSTS{code})"),
            None => detail,
        };
        UpstreamError::Unavailable { detail, retry_after, refusal }
    }

    pub(crate) fn of_fault(self, fault: &Fault) -> UpstreamError {
        UpstreamError::Refused(Box::new(fault.refusal(|fixes| self.remedies(None, fixes))))
    }

    /// A refusal because of what the settings lead to, before anybody could sign in.
    pub(crate) fn of_settings(self, what: String, hint: &str) -> UpstreamError {
        UpstreamError::Refused(Box::new(Refusal {
            code: None,
            error: "invalid_request".into(),
            what,
            fixer: Fixer::AppOwner,
            hint: hint.into(),
            remedies: self.remedies(None, &[Fix::Open(Page::Overview)]),
            trace: None,
            effect: Effect::SetUp,
            claims: None,
            person: None,
        }))
    }

    fn tell(self, code: Option<u32>, error: String, description: &str) -> Refusal {
        let trace = trace_in(description);
        if let Some(number) = aadb2c::code_in(description) {
            return self.tell_of_b2c(number, error, description, trace);
        }
        let known = code.and_then(aadsts::explain);
        if let Some(entry) = known {
            return Refusal {
                code,
                error,
                what: entry.what.into(),
                fixer: entry.fixer,
                hint: entry.hint.into(),
                remedies: self.remedies(code, entry.fixes),
                trace,
                effect: entry.effect,
                claims: None,
                person: None,
            };
        }
        let (fixer, effect, hint) = by_error(&error);
        let again = (effect != Effect::SetUp).then_some(Fix::Again);
        let fixes: Vec<Fix> = again.into_iter().chain([Fix::Open(Page::Lookup)]).collect();
        Refusal {
            code,
            what: in_its_words(&error, description),
            fixer,
            hint: hint.into(),
            remedies: self.remedies(code, &fixes),
            trace,
            effect,
            error,
            claims: None,
            person: None,
        }
    }

    /// Numbers of Azure AD B2C mean other things than the same numbers of Entra, so they are in the sentence and nowhere else.
    fn tell_of_b2c(self, number: u32, error: String, description: &str, trace: Option<String>) -> Refusal {
        let known = aadb2c::explain(number);
        let (fixer, effect, hint) =
            known.map_or_else(|| by_error(&error), |entry| (entry.fixer, entry.effect, entry.hint));
        let what = known.map_or_else(|| in_its_words(&error, description), |entry| entry.what.to_owned());
        // Of all that is called so, only this one is the person's own decision.
        let error = match error.as_str() {
            "access_denied" if number != aadb2c::CANCELLED => "interaction_required".to_owned(),
            _ => error,
        };
        let mut remedies = self.remedies(None, known.map_or(&[][..], |entry| entry.fixes));
        remedies.push(Remedy::Open { page: "Azure AD B2C: error codes".into(), url: aadb2c::LOOKUP.into() });
        Refusal {
            code: None,
            what: format!("{} (AADB2C{number}).", what.trim_end_matches('.')),
            error: known.and_then(aadb2c::Entry::error).map_or(error, str::to_owned),
            fixer,
            hint: hint.into(),
            remedies,
            trace,
            effect,
            claims: None,
            person: None,
        }
    }

    pub(crate) fn remedies(self, code: Option<u32>, fixes: &[Fix]) -> Vec<Remedy> {
        At { code, client_id: self.client_id, portal: aadsts::portal(self.authority) }.remedies(fixes)
    }
}

/// A claims challenge out of a `WWW-Authenticate` header, where it is in base64.
pub(crate) fn claims_of_challenge(encoded: &str) -> Option<Challenge> {
    let bare = encoded.trim_end_matches('=');
    let plain = STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare)).ok()?;
    Challenge::parse(str::from_utf8(&plain).ok()?)
}

/// An error status without an OAuth error in it comes from something in between.
pub(crate) fn nonsense(status: StatusCode) -> UpstreamError {
    let detail = format!("it answered {status} with something that is no OAuth answer");
    UpstreamError::Unavailable { detail, retry_after: None, refusal: None }
}

/// What an OAuth error means when no number explains it (RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core
/// section 3.1.2.6).
fn by_error(error: &str) -> (Fixer, Effect, &'static str) {
    match error {
        "invalid_grant" => (Fixer::Person, Effect::Ends, "Connect again and sign in."),
        "interaction_required" | "login_required" | "consent_required" | "account_selection_required" => {
            (Fixer::Person, Effect::SignIn, "Connect again and answer what the identity provider asks.")
        }
        "access_denied" => {
            (Fixer::Person, Effect::SignIn, "Connect again and accept, or use another account.")
        }
        _ => (
            Fixer::AppOwner,
            Effect::SetUp,
            "Compare client ID, client secret, redirect URI and scopes in the settings with the identity provider's.",
        ),
    }
}

/// An OAuth error code, or what is left of it: it is shown and compared, so nothing else may be in it.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).take(64).collect()
}

/// What happened, where no table knows it.
fn in_its_words(error: &str, description: &str) -> String {
    let said = first_sentence(description);
    if said.is_empty() { format!("the identity provider answered `{error}`") } else { said }
}

/// The first sentence of the provider's text, without its number, control characters and anybody's address.
fn first_sentence(description: &str) -> String {
    let text = match description.split_once(": ") {
        Some((number, rest)) if number.starts_with("AADSTS") || number.starts_with("AADB2C") => rest,
        _ => description,
    };
    let line = text.split(['\r', '\n']).find(|line| !line.trim().is_empty()).unwrap_or_default();
    let line = line.split(" Trace ID:").next().unwrap_or_default();
    let end = line.find(". ").map_or(line.len(), |at| at + 1);
    let words =
        line[..end].split_whitespace().map(|word| if word.contains('@') { "[account]" } else { word });
    let clean: String = words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).collect();
    clean.chars().take(LONGEST_TEXT).collect()
}

/// The support lines at the end of Entra's text.
fn trace_in(description: &str) -> Option<String> {
    let after = |label: &str| {
        let rest = description.split_once(label)?.1;
        Some(
            rest.split(['\r', '\n'])
                .next()?
                .split(" Correlation ID:")
                .next()?
                .split(" Timestamp:")
                .next()?
                .to_owned(),
        )
    };
    join_trace(
        [("trace", "Trace ID:"), ("correlation", "Correlation ID:"), ("at", "Timestamp:")]
            .map(|(name, label)| after(label).map(|value| (name, value))),
    )
}

fn join_trace(parts: [Option<(&str, String)>; 3]) -> Option<String> {
    let told: Vec<String> =
        parts.into_iter().flatten().filter_map(|(name, value)| named(name, &value)).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// Ids and times are short and plain; anything else is not one.
fn named(name: &str, value: &str) -> Option<String> {
    let value = value.trim();
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | ' ' | '.' | '+'));
    (plain && (1..=64).contains(&value.len())).then(|| format!("{name} {value}"))
}

#[cfg(test)]
mod tests {
    use model::remedy::open_pages;

    use super::*;

    const APP: Refusals<'_> = Refusals { client_id: "app-1", authority: "login.microsoftonline.com" };

    fn refused(error: &str, description: &str) -> Refusal {
        match APP.of_callback(error, description) {
            UpstreamError::Refused(refusal) => *refusal,
            UpstreamError::Unavailable { detail, .. } => panic!("not refused: {detail}"),
        }
    }

    #[test]
    fn what_says_not_now_in_the_browser_is_no_refusal_either() {
        for (error, description, code) in [
            ("temporarily_unavailable", "AADSTS90033: A transient error has occurred.", Some(90_033)),
            ("invalid_grant", "AADSTS50196: The server terminated an operation.", Some(50_196)),
            ("server_error", "", None),
        ] {
            let UpstreamError::Unavailable { refusal, detail, .. } = APP.of_callback(error, description)
            else {
                panic!("{error} {description}")
            };
            assert_eq!(refusal.as_ref().and_then(|refusal| refusal.code), code, "{detail}");
            assert!(refusal.is_none_or(|refusal| refusal.fixer == Fixer::Nobody), "{detail}");
        }
    }

    #[test]
    fn an_unknown_number_shows_one_clean_sentence_and_where_to_look_it_up() {
        let text = "AADSTS999001: Flux for \u{7}ada@example.com is low. Try later.\r\nTrace ID: 11-aa\r\nCorrelation ID: \
                    22-bb\r\nTimestamp: 2026-11-23 10:00:00Z";
        let refusal = refused("invalid_grant", text);
        assert_eq!(refusal.code, Some(999_001));
        assert_eq!(refusal.what, "Flux for [account] is low.");
        assert_eq!(
            open_pages(&refusal.remedies).next().map(|(_, url)| url),
            Some("https://login.microsoftonline.com/error?code=999001")
        );
        assert_eq!(refusal.remedies[0], Remedy::SignIn);
        assert_eq!(refusal.trace.as_deref(), Some("trace 11-aa, correlation 22-bb, at 2026-11-23 10:00:00Z"));
        assert_eq!(refusal.effect, Effect::Ends);
    }

    #[test]
    fn the_support_lines_are_found_on_one_line_too() {
        let text =
            "AADSTS65004: Declined. Trace ID: 11-aa Correlation ID: 22-bb Timestamp: 2026-11-23 10:00:00Z";
        let refusal = refused("access_denied", text);
        assert_eq!(refusal.trace.as_deref(), Some("trace 11-aa, correlation 22-bb, at 2026-11-23 10:00:00Z"));
        assert_eq!((refusal.code, refusal.effect), (Some(65004), Effect::SignIn));
    }

    #[test]
    fn errors_without_a_number_are_told_by_their_oauth_name() {
        for (error, effect) in [
            ("invalid_grant", Effect::Ends),
            ("interaction_required", Effect::SignIn),
            ("login_required", Effect::SignIn),
            ("consent_required", Effect::SignIn),
            ("invalid_client", Effect::SetUp),
            ("unauthorized_client", Effect::SetUp),
            ("whatever", Effect::SetUp),
        ] {
            let refusal = refused(error, "");
            assert_eq!((refusal.effect, refusal.code), (effect, None), "{error}");
            assert!(refusal.what.contains(error), "{error}");
        }
    }

    #[test]
    fn what_a_stranger_puts_into_the_callback_stays_harmless_text() {
        let refusal = refused("<script>\r\n", &format!("{}\u{1b}[31m", "x".repeat(5000)));
        assert_eq!(refusal.error, "script");
        assert!(refusal.what.len() <= LONGEST_TEXT && !refusal.what.chars().any(char::is_control));
    }

    #[test]
    fn a_known_number_links_to_the_blade_of_this_very_app() {
        let refusal =
            refused("invalid_client", "AADSTS7000222: The provided client secret keys are expired.");
        let (page, url) = open_pages(&refusal.remedies).next().unwrap();
        assert!(
            page == "Certificates & secrets" && url.ends_with("/~/Credentials/appId/app-1"),
            "{page} {url}"
        );
        assert_eq!(refusal.effect, Effect::SetUp);
    }
}
