//! What is found out about a set-up, told as steps: at the identity provider, without a sign-in or by one that nobody keeps,
//! and at the public address.

use crate::person::Person;
use crate::remedy::Remedy;
use crate::upstream::{Fixer, Refusal, UpstreamError};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `authority`, `tenant`, `keys`, `clock`, `application`, `credential`, `next_credential`, `redirect_uri`, `platform`, `api`,
    /// `consent`, `token`, `sign_in`, `access`; `public_url`, `public_port`, `public_metadata`, `public_challenge`, `public_stream`,
    /// `public_page`
    pub about: &'static str,
    pub outcome: Outcome,
    /// What was found: one sentence.
    pub what: String,
    /// The next step, where there is one.
    pub hint: Option<String>,
    /// AADSTS number.
    pub code: Option<u32>,
    /// Who can mend it, where something is wrong and that is known.
    pub fixer: Option<Fixer>,
    /// What can be done with one press, the first thing first.
    pub remedies: Vec<Remedy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// It works, and there is something to know.
    Noted,
    Failed,
    /// It cannot be known this way.
    Unknown,
}

impl Step {
    /// What was refused, told as everywhere.
    pub fn failed(about: &'static str, refusal: Refusal) -> Self {
        let Refusal { code, what, fixer, hint, remedies, .. } = refusal;
        let (hint, fixer) = (Some(hint), Some(fixer));
        Self { about, outcome: Outcome::Failed, what, hint, code, fixer, remedies }
    }
}

/// A sign-in that was judged as any other is, and of which nothing is kept.
#[derive(Debug)]
pub struct Trial {
    /// Who signed in, or why a client would have been refused.
    pub verdict: Result<Person, UpstreamError>,
    pub steps: Vec<Step>,
}
