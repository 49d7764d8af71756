//! Identifiers, opaque credentials we mint, and the hashes they are stored as.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::keys::Sealed;
use crate::ports::Entropy;

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn generate(entropy: &dyn Entropy) -> Self {
                Self(format!(concat!($prefix, "_{}"), random_text::<16>(entropy)))
            }

            /// Takes an identifier as it was printed or stored; any other text is `None`.
            pub fn parse(text: &str) -> Option<Self> {
                let rest = text.strip_prefix(concat!($prefix, "_"))?;
                let plain = rest.len() <= 64
                    && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
                (plain && !rest.is_empty()).then(|| Self(text.to_owned()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

random_id!(
    /// One sign-in, from `/authorize` to `/token`.
    GrantId, "grant"
);
random_id!(
    /// A client connected as a person.
    SessionId, "session"
);
random_id!(
    /// Everything in the log that belongs to one try to connect.
    AttemptId, "attempt"
);

/// A client identifier (RFC 6749 section 2.2): issued by registration, configured, or the https URL of a
/// client ID metadata document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(String);

/// Begins a client identifier that carries its registration.
const CARRYING: &str = "client_sealed.";

impl ClientId {
    /// Longest identifier we take; URLs of metadata documents stay far below.
    pub const MAX_LEN: usize = 1024;

    /// A fresh identifier for a dynamically registered client (RFC 7591 section 3.2.1).
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(format!("client_{}", random_text::<16>(entropy)))
    }

    /// One that carries what it stands for; `None` if that makes it too long.
    pub fn carrying(sealed: &Sealed) -> Option<Self> {
        Self::parse(&format!("{CARRYING}{}", sealed.as_str()))
    }

    /// What it carries, if it is one of those.
    pub fn carried(&self) -> Option<Sealed> {
        self.0.strip_prefix(CARRYING).map(Sealed::from_text)
    }

    /// `None` if the text is empty, too long, or has a character outside `VSCHAR` (RFC 6749 appendix A.1).
    pub fn parse(text: &str) -> Option<Self> {
        let fits =
            (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(|b| (0x20..=0x7e).contains(&b));
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this may name a client ID metadata document.
    pub fn is_url(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a credential; the only form in which we keep what we do not have to replay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub fn of(credential: impl AsRef<[u8]>) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, credential.as_ref()).as_ref());
        Self(bytes)
    }

    /// Compares in constant time whether `credential` is what was hashed.
    pub fn matches(&self, credential: impl AsRef<[u8]>) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &Self::of(credential).0).is_ok()
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 43 characters of base64url.
    pub fn to_text(self) -> String {
        B64.encode(self.0)
    }

    pub fn from_text(text: &str) -> Option<Self> {
        B64.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).map(Self)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}..", &self.to_text()[..6])
    }
}

impl Serialize for TokenHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| serde::de::Error::custom("not a SHA-256 in base64url"))
    }
}

/// What an opaque credential of ours is for; the prefix makes it recognisable in a leak and checkable
/// before the store is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// Authorization code (RFC 6749 section 4.1.2).
    Code,
    /// Refresh token (RFC 6749 section 1.5).
    Refresh,
    /// Client secret (RFC 6749 section 2.3.1).
    ClientSecret,
    /// Cookie or form token that ties a browser to a page it was shown.
    Browser,
    /// Access to the control console.
    Console,
}

impl CredentialKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Code => "jmc_",
            Self::Refresh => "jmr_",
            Self::ClientSecret => "jms_",
            Self::Browser => "jmb_",
            Self::Console => "jmt_",
        }
    }

    /// Prefix, 256 random bits, and a 4-character check: 51 characters of base64url.
    pub fn mint(self, entropy: &dyn Entropy) -> Secret {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        self.of_bytes(&bytes)
    }

    /// Like [`Self::mint`], from bytes that nobody can guess.
    pub fn of_bytes(self, bytes: &[u8; 32]) -> Secret {
        let body = format!("{}{}", self.prefix(), B64.encode(bytes));
        Secret::from(format!("{body}{}", check(&body)))
    }

    /// Whether `text` could have come from [`Self::mint`]. Says nothing about whether it was issued.
    pub fn looks_right(self, text: &str) -> bool {
        text.len() == 51
            && text.is_ascii()
            && text.starts_with(self.prefix())
            && text.split_at_checked(47).is_some_and(|(body, tail)| check(body) == tail)
    }
}

/// `N` random bytes as base64url.
pub fn random_text<const N: usize>(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    B64.encode(bytes)
}

fn check(body: &str) -> String {
    B64.encode(&digest(&SHA256, body.as_bytes()).as_ref()[..3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExposeSecret as _;
    use crate::testing::SeededEntropy;

    #[test]
    fn a_credential_is_recognised_and_one_wrong_character_is_not() {
        let entropy = SeededEntropy::new(1);
        let code = CredentialKind::Code.mint(&entropy);
        assert!(CredentialKind::Code.looks_right(code.expose_secret()));
        assert!(!CredentialKind::Refresh.looks_right(code.expose_secret()));
        let mut broken = code.expose_secret().to_owned();
        let swapped = if broken.ends_with('A') { 'B' } else { 'A' };
        broken.pop();
        broken.push(swapped);
        assert!(!CredentialKind::Code.looks_right(&broken));
        assert!(!CredentialKind::Code.looks_right("jmc_é"));
    }

    #[test]
    fn hashes_survive_text_and_never_print_whole() {
        let hash = TokenHash::of("abc");
        assert_eq!(TokenHash::from_text(&hash.to_text()), Some(hash));
        assert!(hash.matches("abc") && !hash.matches("abd"));
        assert!(format!("{hash:?}").len() < 20);
    }

    #[test]
    fn ids_parse_back_and_reject_other_text() {
        let id = GrantId::generate(&SeededEntropy::new(2));
        assert_eq!(GrantId::parse(id.as_str()), Some(id));
        for bad in ["", "grant_", "session_abc", "grant_a/b", "grant_a b"] {
            assert_eq!(GrantId::parse(bad), None, "{bad}");
        }
        assert!(ClientId::parse("a\nb").is_none());
        assert!(ClientId::parse(&"x".repeat(1025)).is_none());
    }
}
