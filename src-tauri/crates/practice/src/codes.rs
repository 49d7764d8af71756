//! Authorization codes: in memory, single use, ten minutes, and never more than ten thousand.
//!
//! Spent and expired codes are remembered for an hour, so that using one again is told apart from making one up.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use model::ids::{TokenHash, random_text};
use model::pkce::PkceChallenge;
use model::ports::Entropy;
use model::time::Timestamp;

use crate::directory::Tenant;
use crate::refusal::Why;
use crate::sign_in::SignIn;

const LIFETIME: Duration = Duration::from_mins(10);
const REMEMBERED: Duration = Duration::from_hours(1);
const AT_MOST: usize = 10_000;
const PREFIX: &str = "1.AP";

/// What a code was issued for.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) sign_in: SignIn,
    pub(crate) tenant: Tenant,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<PkceChallenge>,
    pub(crate) nonce: Option<String>,
}

struct Entry {
    issued: Issued,
    at: Timestamp,
    redeemed: bool,
}

#[derive(Default)]
pub(crate) struct Codes {
    entries: HashMap<TokenHash, Entry>,
    /// Oldest first.
    order: VecDeque<TokenHash>,
}

impl Codes {
    pub(crate) fn issue(&mut self, issued: Issued, now: Timestamp, entropy: &dyn Entropy) -> String {
        self.forget_old(now);
        let code = format!("{PREFIX}{}", random_text::<32>(entropy));
        let hash = TokenHash::of(&code);
        self.entries.insert(hash, Entry { issued, at: now, redeemed: false });
        self.order.push_back(hash);
        code
    }

    /// Everything that must hold for a code to be redeemed. Does not redeem it: what comes after may still refuse.
    pub(crate) fn check(
        &self,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        now: Timestamp,
    ) -> Result<Issued, Why> {
        if !code.starts_with(PREFIX) {
            return Err(Why::Malformed);
        }
        let entry = self.entries.get(&TokenHash::of(code)).ok_or(Why::GrantUnknown("code"))?;
        if entry.redeemed {
            return Err(Why::CodeReused);
        }
        if now.since(entry.at) > LIFETIME {
            return Err(Why::CodeExpired);
        }
        if entry.issued.redirect_uri != redirect_uri {
            return Err(Why::RedirectMismatch);
        }
        match (&entry.issued.challenge, verifier) {
            (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => {}
            (None, None) => {}
            _ => return Err(Why::VerifierMismatch),
        }
        Ok(entry.issued.clone())
    }

    pub(crate) fn redeem(&mut self, code: &str) {
        if let Some(entry) = self.entries.get_mut(&TokenHash::of(code)) {
            entry.redeemed = true;
        }
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some(hash) = self.order.front() {
            let old = self.entries.get(hash).is_none_or(|entry| now.since(entry.at) > REMEMBERED);
            if !old && self.order.len() < AT_MOST {
                return;
            }
            self.entries.remove(hash);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use model::testing::SeededEntropy;

    use super::*;
    use crate::directory::Person;

    #[test]
    fn a_stranger_who_keeps_signing_in_costs_bounded_memory_and_the_newest_code_still_works() {
        let mut codes = Codes::default();
        let entropy = SeededEntropy::new(1);
        let now = Timestamp::from_secs(1_000);
        let issued = Issued {
            sign_in: SignIn {
                person: Person::find("ada").unwrap(),
                strong: false,
                sid: String::new(),
                epoch: 0,
            },
            tenant: Tenant::Home,
            client_id: String::new(),
            redirect_uri: "http://localhost/cb".to_owned(),
            challenge: None,
            nonce: None,
        };
        let first = codes.issue(issued.clone(), now, &entropy);
        let mut newest = String::new();
        for _ in 0..AT_MOST {
            newest = codes.issue(issued.clone(), now, &entropy);
        }
        assert_eq!(codes.entries.len(), AT_MOST);
        assert_eq!(codes.order.len(), AT_MOST);
        let gone = codes.check(&first, "http://localhost/cb", None, now);
        assert_eq!(gone.unwrap_err(), Why::GrantUnknown("code"));
        assert!(codes.check(&newest, "http://localhost/cb", None, now).is_ok());
    }
}
