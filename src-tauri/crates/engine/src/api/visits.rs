//! What came in from outside, in words for the owner of this server.

use serde::Serialize;
use ts_rs::TS;

use super::pairing::shown;
use super::requests::Empty;
use super::{Api, ApiError};
use crate::gate::{Limit, Outcome, Visit};

/// Requests that came through the tunnel and are alike. Without `Debug`: addresses are for the owner's window, not for a log.
#[derive(Clone, Serialize, TS)]
pub struct VisitRow {
    /// Stays with the row when its count goes up.
    pub id: u64,
    /// Where on the internet, if the tunnel's provider says so: an address, or of IPv6 the network.
    pub from: Option<String>,
    /// The name or id of the client.
    pub client: Option<String>,
    /// It showed a token of this server. Otherwise the name is what the request says.
    pub proven: bool,
    /// Of the last of them. A stranger may have written the path; it is cut, and has no query.
    pub method: &'static str,
    pub path: String,
    /// Whether the others asked for something else.
    pub various: bool,
    pub status: u16,
    pub verdict: VisitVerdict,
    /// What came of it: one sentence.
    pub told: &'static str,
    pub count: u64,
    pub first_at: i64,
    pub last_at: i64,
}

/// What came of a request, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum VisitVerdict {
    Served,
    /// As a client is that has yet to sign in, or to sign in again.
    AskedToSignIn,
    Refused,
    /// A limit bit.
    Limited,
    Unavailable,
}

impl Api {
    #[expect(clippy::unused_async, reason = "the table calls all of them alike")]
    pub(super) async fn visits(&self, _: Empty) -> Result<Vec<VisitRow>, ApiError> {
        Ok(self.0.gate().visits().into_iter().map(VisitRow::from).collect())
    }
}

impl From<Visit> for VisitRow {
    fn from(visit: Visit) -> Self {
        let (verdict, told) = words(visit.outcome);
        let proven = visit.client.as_ref().is_some_and(|client| client.by_token);
        Self {
            id: visit.id,
            from: visit.from.map(shown),
            client: visit.client.map(|client| client.name.unwrap_or_else(|| client.client.to_string())),
            proven,
            method: visit.method,
            path: visit.path,
            various: visit.various,
            status: visit.status,
            verdict,
            told,
            count: visit.count,
            first_at: visit.first_at.millis(),
            last_at: visit.last_at.millis(),
        }
    }
}

const fn words(outcome: Outcome) -> (VisitVerdict, &'static str) {
    match outcome {
        Outcome::Served => (VisitVerdict::Served, "Answered."),
        Outcome::NoSuchAddress => (VisitVerdict::Refused, "Nothing is served there."),
        Outcome::Method => (VisitVerdict::Refused, "That address does not take that method."),
        Outcome::NoToken => (VisitVerdict::AskedToSignIn, "It showed no token and was asked to sign in."),
        Outcome::TokenRefused => (
            VisitVerdict::AskedToSignIn,
            "Its token is not good, or no longer, and it was asked to sign in again.",
        ),
        Outcome::Scope => (VisitVerdict::AskedToSignIn, "Its token lacks a scope that the call needs."),
        Outcome::ForeignPage => (
            VisitVerdict::Refused,
            "A web page that may not call this server; server.cors_origins says which may.",
        ),
        Outcome::OtherHost => (VisitVerdict::Refused, "It asked for another host name."),
        Outcome::TooLarge => (VisitVerdict::Refused, "The request was too large."),
        Outcome::Refused => (VisitVerdict::Refused, "The request was refused; the auth log says why."),
        Outcome::Unavailable => {
            (VisitVerdict::Unavailable, "The server, or something it needs, did not answer just then.")
        }
        Outcome::Limited(limit) => (VisitVerdict::Limited, limited(limit)),
    }
}

/// Which limit, and what it is for.
const fn limited(limit: Limit) -> &'static str {
    match limit {
        Limit::Requests => {
            "Too many requests from there: 600 at once, then 20 a second, so that nobody alone keeps this computer busy."
        }
        Limit::SharedRequests => {
            "Too many requests of visitors whom the tunnel does not tell apart: 2,400 at once, then 80 a second together. \
             Clients with a token have an allowance of their own."
        }
        Limit::AtOnce => {
            "Too many requests under way at a time, 64 of one address or 256 of all without a token, so that connections are left \
             for clients with one."
        }
        Limit::SignIns => "Too many sign-ins begun from there: 60 in 15 minutes.",
        Limit::ClientSignIns => "Too many sign-ins begun for this client: 60 in 15 minutes.",
        Limit::AllSignIns => {
            "Too many sign-ins begun by everybody together: 1,000 in 15 minutes. Clients that people signed in for before go on."
        }
        Limit::Registrations => {
            "Too many clients registered from there while many others do: 60, then one a second."
        }
        Limit::AllRegistrations => {
            "Too many clients registered by everybody together: 600, then 10 a second."
        }
    }
}
