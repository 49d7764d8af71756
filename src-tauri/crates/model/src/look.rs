//! Looking at ourselves from outside: whoever has the master key asks with a ticket, and only who has it too can answer.
//!
//! A ticket is kept nowhere. It carries its time and a MAC, so every process of this installation can make and answer one,
//! and nobody else can have answered what a ticket asks for.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;

use crate::ids::TokenHash;
use crate::keys::{MasterKey, Purpose};
use crate::ports::Entropy;
use crate::time::Timestamp;

/// Where a ticket is answered.
pub const PATH: &str = "/.well-known/just-mcp-oauth-proxy";
/// Between the two pieces of the answer that comes in pieces.
pub const PAUSE: Duration = Duration::from_millis(500);
/// What the second piece says.
pub const END: &str = "end";
/// How long a ticket is answered, and how far the clocks of two replicas may be apart.
const LIFETIME: Duration = Duration::from_secs(60);
const PARAMETER: &str = "look=";

/// Makes tickets, knows them again, and answers them.
pub struct Looks(hmac::Key);

impl Looks {
    pub fn new(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::Looks).as_ref()))
    }

    /// The query of a request that only this installation can make, fresh for every look.
    pub fn ticket(&self, entropy: &dyn Entropy, now: Timestamp) -> String {
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce);
        let plain = format!("{}.{}", now.millis(), B64.encode(nonce));
        format!("{PARAMETER}{plain}.{}", self.mac("ticket", &plain))
    }

    /// Whether the query of a request is a ticket of ours that is not too old.
    pub fn is_ours(&self, query: Option<&str>, now: Timestamp) -> bool {
        let ticket = query.and_then(|query| query.strip_prefix(PARAMETER));
        let Some((plain, mac)) = ticket.and_then(|ticket| ticket.rsplit_once('.')) else { return false };
        let made = plain.split_once('.').and_then(|(millis, _)| millis.parse().ok());
        let Some(made) = made.map(Timestamp::from_millis) else { return false };
        let fresh = now.since(made) <= LIFETIME && made.since(now) <= LIFETIME;
        fresh && TokenHash::of(self.mac("ticket", plain)).matches(mac)
    }

    /// What nobody else can answer to this ticket.
    pub fn proof(&self, ticket: &str) -> String {
        self.mac("proof", ticket)
    }

    fn mac(&self, what: &str, of: &str) -> String {
        B64.encode(hmac::sign(&self.0, format!("{what} {of}").as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    fn looks(seed: u64) -> Looks {
        Looks::new(&MasterKey::generate(&SeededEntropy::new(seed)))
    }

    #[test]
    fn a_ticket_is_ours_for_a_minute_and_nobody_elses() {
        let (ours, entropy, now) = (looks(1), SeededEntropy::new(2), Timestamp::from_secs(1_790_000_000));
        let ticket = ours.ticket(&entropy, now);
        assert_ne!(ticket, ours.ticket(&entropy, now), "no two are alike");
        for (at, is_ours) in [
            (now, true),
            (now.plus(LIFETIME), true),
            (now.minus(LIFETIME), true),
            (now.plus(LIFETIME + Duration::from_millis(1)), false),
            (now.minus(LIFETIME + Duration::from_millis(1)), false),
        ] {
            assert_eq!(ours.is_ours(Some(&ticket), at), is_ours, "{at:?}");
        }
        assert!(!looks(3).is_ours(Some(&ticket), now), "another installation's");
        for bad in
            ["", "look=", "look=.", "look=1.x.y", "look=-.x", "other=1", &ticket[5..], &format!("{ticket}x")]
        {
            assert!(!ours.is_ours(Some(bad), now), "{bad}");
        }
        assert!(!ours.is_ours(None, now));
        let later = ticket.replacen("1790", "1791", 1);
        assert!(
            !ours.is_ours(Some(&later), now.plus(Duration::from_secs(1_000_000))),
            "its time is part of it"
        );
    }

    #[test]
    fn a_proof_needs_the_key_and_is_no_ticket() {
        let (ours, entropy, now) = (looks(1), SeededEntropy::new(2), Timestamp::from_secs(1_790_000_000));
        let ticket = ours.ticket(&entropy, now);
        assert_eq!(
            ours.proof(&ticket),
            looks(1).proof(&ticket),
            "every process of an installation says the same"
        );
        assert_ne!(ours.proof(&ticket), looks(3).proof(&ticket));
        assert!(!ticket.contains(&ours.proof(&ticket)));
    }
}
