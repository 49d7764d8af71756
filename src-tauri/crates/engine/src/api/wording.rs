//! How an event of the auth log is told: how serious it is, and one sentence.

use model::client::ClientKind;
use model::event::{AuthEvent, EventKind};
use model::person::Person;
use model::session::Ended;
use model::upstream::{Effect, Refusal};
use serde::Serialize;
use ts_rs::TS;

/// How serious an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Info,
    /// Somebody did not get in, or has to do something to stay in.
    Warn,
    /// It will not mend itself, or may be an attack.
    Error,
}

impl Level {
    pub(super) const fn of(kind: &EventKind) -> Self {
        match kind {
            EventKind::MetadataRead { .. }
            | EventKind::Challenged { .. }
            | EventKind::ClientRegistered { .. }
            | EventKind::AuthorizeStarted { .. }
            | EventKind::ConsentShown
            | EventKind::PairingAsked
            | EventKind::ConsentRemembered
            | EventKind::ConsentApproved { .. }
            | EventKind::SentToUpstream
            | EventKind::SignedIn
            | EventKind::TokenIssued
            | EventKind::FirstCall
            | EventKind::WentOn
            | EventKind::Refreshed
            | EventKind::RefreshRepeated
            | EventKind::TestSignInStarted
            | EventKind::TestSignInPassed
            | EventKind::SignInCancelled
            | EventKind::TestSignInCancelled
            | EventKind::OwnSessionsOpened
            | EventKind::OwnSessionsClosed => Self::Info,
            EventKind::RegistrationRefused { .. }
            | EventKind::AuthorizeRefused { .. }
            | EventKind::PairingFailed { .. }
            | EventKind::ConsentDeclined
            | EventKind::ConsentRefused { .. }
            | EventKind::UpstreamUnavailable { .. }
            | EventKind::CallbackRefused { .. }
            | EventKind::TokenRefused { .. } => Self::Warn,
            EventKind::UpstreamRefused { refusal } => match refusal.effect {
                Effect::SetUp => Self::Error,
                Effect::Ends | Effect::Barred | Effect::SignIn => Self::Warn,
            },
            EventKind::CodeReplayed => Self::Error,
            EventKind::SessionEnded { ended } => match ended {
                Ended::RevokedByClient
                | Ended::RevokedByOwner
                | Ended::RevokedByPerson
                | Ended::SignedOutUpstream
                | Ended::Expired => Self::Info,
                Ended::UpstreamRefused { .. } | Ended::NotAllowed { .. } | Ended::SignInNeeded { .. } => {
                    Self::Warn
                }
                Ended::CodeReplayed | Ended::RefreshReused => Self::Error,
            },
        }
    }
}

/// One sentence, for the owner of the machine: it may name a person.
pub(super) fn summary(event: &AuthEvent) -> String {
    let client = client(event);
    let who = event.about.person.as_ref().map_or("somebody", Person::display);
    match &event.kind {
        EventKind::MetadataRead { document } => format!("{client} read the {document} metadata"),
        EventKind::Challenged { reason } => {
            format!("{client} was told where to sign in: {reason}")
        }
        EventKind::ClientRegistered { kind, .. } => match kind {
            ClientKind::Dynamic => format!("{client} registered"),
            ClientKind::Document => format!("{client} is known by the document it published"),
            ClientKind::Static => format!("{client} is known from the settings"),
        },
        EventKind::RegistrationRefused { reason, .. } => format!("The registration was refused: {reason}"),
        EventKind::AuthorizeStarted { .. } => format!("{client} sent a browser to sign in"),
        EventKind::AuthorizeRefused { reason, .. } => {
            format!("The sign-in was refused at the start: {reason}")
        }
        EventKind::ConsentShown => format!("Somebody was asked whether {client} may connect"),
        EventKind::PairingAsked => {
            format!("Somebody was asked for the code of this server, so that {client} may connect")
        }
        EventKind::PairingFailed { left } => {
            format!("A wrong code was typed for {client}; {left} tries were left")
        }
        EventKind::ConsentRemembered => format!("{client} was allowed before, in the same browser"),
        EventKind::ConsentApproved { .. } => format!("{client} was allowed"),
        EventKind::ConsentDeclined => format!("{client} was not allowed"),
        EventKind::ConsentRefused { reason } => format!("The answer to the question was not taken: {reason}"),
        EventKind::SentToUpstream => "The browser went to the identity provider".to_owned(),
        EventKind::UpstreamRefused { refusal } => refused(refusal),
        EventKind::UpstreamUnavailable { detail, refusal } => {
            format!("The identity provider is not available: {}", of_outage(detail, refusal.as_deref()))
        }
        EventKind::SignInCancelled => "The person cancelled at the identity provider".to_owned(),
        EventKind::SignedIn => format!("{who} signed in"),
        EventKind::CallbackRefused { reason } => {
            format!("The way back from the sign-in was refused: {reason}")
        }
        EventKind::TokenIssued => format!("{client} fetched its token"),
        EventKind::TokenRefused { reason, .. } => format!("{client} got no token: {reason}"),
        EventKind::CodeReplayed => {
            "An authorization code came a second time; what it had bought was revoked".to_owned()
        }
        EventKind::FirstCall => format!("{client} made its first call as {who}"),
        EventKind::WentOn => format!("{client} went on with a token it has"),
        EventKind::Refreshed => format!("{client} refreshed its token"),
        EventKind::RefreshRepeated => {
            format!("{client} asked for the same refresh again and got the same answer")
        }
        EventKind::TestSignInStarted => "A test sign-in began".to_owned(),
        EventKind::TestSignInPassed => {
            format!("The test sign-in passed: {who} may come in, and nothing of it was kept")
        }
        EventKind::TestSignInCancelled => "The test sign-in was cancelled".to_owned(),
        EventKind::OwnSessionsOpened => format!("{who} signed in to see their own sessions"),
        EventKind::OwnSessionsClosed => format!("{who} signed out of the page of their own sessions"),
        EventKind::SessionEnded { ended } => format!("The session of {who} ended: {}", ended.explain()),
    }
}

/// What the identity provider, or our rules about its answer, refused, with the number people look up.
pub(super) fn refused(refusal: &Refusal) -> String {
    let sentence = refusal.sentence();
    let what = sentence.trim_end_matches('.');
    match refusal.code {
        Some(_) => format!("Entra refused: {what}"),
        None => format!("The sign-in was refused: {what}"),
    }
}

/// What the table knows of the number it came with, or what it looked like.
pub(super) fn of_outage(detail: &str, refusal: Option<&Refusal>) -> String {
    refusal.map_or_else(|| detail.to_owned(), |refusal| refusal.sentence().trim_end_matches('.').to_owned())
}

/// What the operating system shows of an event; it names no person, because whoever looks at the screen sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Notice {
    pub title: &'static str,
    /// What happened and who can mend it.
    pub text: String,
}

/// Of what the provider refuses: a session that it ends, and a set-up that lets nobody in. The person at a sign-in page has read it
/// there.
pub(super) fn notice(event: &AuthEvent) -> Option<Notice> {
    let (title, refusal) = match &event.kind {
        EventKind::SessionEnded { ended } => {
            let title = match ended {
                Ended::SignInNeeded { .. } => "Sign in again",
                _ => "A session has ended",
            };
            (title, ended.refusal()?)
        }
        // A test sign-in has no client, and its owner is looking at it.
        EventKind::UpstreamRefused { refusal }
            if refusal.effect == Effect::SetUp && event.about.client.is_some() =>
        {
            ("Sign-ins are refused", refusal)
        }
        _ => return None,
    };
    Some(Notice { title, text: format!("{} {}", refusal.sentence(), refusal.fixer.sentence()) })
}

/// What to call the client of an event: the name it chose, its id, or what its requests say they are.
pub(super) fn client(event: &AuthEvent) -> &str {
    let about = &event.about;
    let agent = about.user_agent.as_deref().filter(|agent| !agent.is_empty());
    about
        .client_name
        .as_deref()
        .or_else(|| about.client.as_ref().map(model::ids::ClientId::as_str))
        .or(agent)
        .unwrap_or("A client")
}

#[cfg(test)]
mod tests {
    use model::event::About;
    use model::time::Timestamp;

    use super::*;

    #[test]
    fn a_client_without_a_name_goes_by_what_is_known_of_it() {
        let event =
            |about| AuthEvent { seq: 1, at: Timestamp::from_secs(1), about, kind: EventKind::TokenIssued };
        let agent = About { user_agent: Some("node".into()), ..About::default() };
        assert_eq!(summary(&event(agent.clone())), "node fetched its token");
        let named = About { client_name: Some("Inspector".into()), ..agent };
        assert_eq!(summary(&event(named)), "Inspector fetched its token");
        assert_eq!(summary(&event(About::default())), "A client fetched its token");
    }
}
