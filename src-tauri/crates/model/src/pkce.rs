//! PKCE with S256 (RFC 7636); `plain` does not exist here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde::{Deserialize, Serialize};

use crate::ids::TokenHash;

/// `code_challenge`: base64url of the SHA-256 of the verifier, 43 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PkceChallenge(TokenHash);

impl PkceChallenge {
    pub fn parse(text: &str) -> Option<Self> {
        TokenHash::from_text(text).map(Self)
    }

    pub fn of_verifier(verifier: &str) -> Self {
        Self(TokenHash::of(verifier))
    }

    /// Whether `verifier` is well formed (43 to 128 unreserved characters, RFC 7636 section 4.1) and ours.
    pub fn is_met_by(&self, verifier: &str) -> bool {
        let well_formed = (43..=128).contains(&verifier.len())
            && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        well_formed && self.0.matches(verifier)
    }

    pub fn to_text(self) -> String {
        B64.encode(self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b_matches() {
        let challenge = PkceChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"));
        assert!(PkceChallenge::parse("too short").is_none());
    }

    #[test]
    fn verifiers_outside_43_to_128_characters_never_match() {
        for len in [0, 42, 129] {
            let verifier = "a".repeat(len);
            assert!(!PkceChallenge::of_verifier(&verifier).is_met_by(&verifier));
        }
        let longest = "~".repeat(128);
        assert!(PkceChallenge::of_verifier(&longest).is_met_by(&longest));
    }
}
