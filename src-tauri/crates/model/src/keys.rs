//! The one master key, what is derived from it, and the sealing of values that must be replayed.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as B64};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::ports::Entropy;

/// 32 random bytes from which every other key of an installation is derived (HKDF-SHA-256, RFC 5869).
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// What a derived key is for. One key, one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Names the master key without revealing it.
    KeyId,
    /// [`Sealer`].
    Seal,
    /// Seed of the Ed25519 key that signs our access tokens.
    AccessTokens,
    /// `state`, `nonce` and PKCE verifier of the leg to the identity provider.
    UpstreamLeg,
    /// Authorization codes, so that a lost answer can be given again.
    Codes,
    /// The digits by which the owner of this server lets a new client in.
    Pairing,
    /// Proof of who answers at an address ([`crate::look`]).
    Looks,
    /// What the practice tenant hands out.
    Practice,
}

/// A value under AEAD: only the installation that sealed it, for the very same place, can open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

/// Where a sealed value lives. It is the associated data of the AEAD, so a value moved to another row does not open.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub table: &'a str,
    pub row: &'a str,
    pub column: &'a str,
}

/// Seals and opens with AES-256-GCM-SIV (RFC 8452).
pub struct Sealer {
    key_id: String,
    key: LessSafeKey,
}

/// A sealed value that does not open: another key, another place, or changed bytes.
#[derive(Debug, thiserror::Error)]
#[error("a sealed value does not open with this master key in this place")]
pub struct NotOpened;

// === impl MasterKey ===

impl MasterKey {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut());
        Self(bytes)
    }

    /// Reads 32 bytes in standard or URL-safe base64, white space around them ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = Zeroizing::new(STANDARD.decode(text).or_else(|_| B64.decode(text)).ok()?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// The key as it is kept in a key file or the OS keyring.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_ref()))
    }

    pub fn derive(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        Salt::new(HKDF_SHA256, b"just-mcp-oauth-proxy")
            .extract(self.0.as_ref())
            .expand(&[purpose.label().as_bytes()], Len32)
            .and_then(|okm| okm.fill(out.as_mut()))
            .expect("32 bytes are within what HKDF can give");
        out
    }

    /// Names this key in rows and error messages.
    pub fn id(&self) -> String {
        B64.encode(&self.derive(Purpose::KeyId)[..6])
    }

    /// A 32-byte value that only this installation can compute for `context`: HMAC-SHA-256 under the derived key.
    pub fn mac(&self, purpose: Purpose, context: &str) -> Zeroizing<[u8; 32]> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.derive(purpose).as_ref());
        let mut out = Zeroizing::new([0; 32]);
        out.copy_from_slice(hmac::sign(&key, context.as_bytes()).as_ref());
        out
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::KeyId => "key id",
            Self::Seal => "seal",
            Self::AccessTokens => "access tokens",
            Self::UpstreamLeg => "upstream leg",
            Self::Codes => "codes",
            Self::Pairing => "pairing",
            Self::Looks => "looks",
            Self::Practice => "practice",
        }
    }
}

struct Len32;

impl KeyType for Len32 {
    fn len(&self) -> usize {
        32
    }
}

// === impl Sealer ===

impl Sealer {
    pub fn new(master: &MasterKey) -> Self {
        let key = UnboundKey::new(&AES_256_GCM_SIV, master.derive(Purpose::Seal).as_ref())
            .expect("AES-256 takes 32 bytes");
        Self { key_id: master.id(), key: LessSafeKey::new(key) }
    }

    pub fn seal(&self, place: Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Sealed {
        let mut nonce = [0; 12];
        entropy.fill(&mut nonce);
        let mut bytes = plain.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.associated(&self.key_id)),
                &mut bytes,
            )
            .expect("sealing in memory has no way to fail");
        let mut framed = nonce.to_vec();
        framed.append(&mut bytes);
        Sealed(format!("{}.{}", self.key_id, B64.encode(framed)))
    }

    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let (key_id, body) = sealed.0.split_once('.').ok_or(NotOpened)?;
        if key_id != self.key_id {
            return Err(NotOpened);
        }
        let framed = B64.decode(body).map_err(|_| NotOpened)?;
        let (nonce, bytes) = framed.split_at_checked(12).ok_or(NotOpened)?;
        let mut bytes = Zeroizing::new(bytes.to_vec());
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened)?;
        let len = self
            .key
            .open_in_place(nonce, Aad::from(place.associated(&self.key_id)), &mut bytes)
            .map_err(|_| NotOpened)?
            .len();
        bytes.truncate(len);
        Ok(bytes)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({})", self.key_id)
    }
}

impl Place<'_> {
    fn associated(&self, key_id: &str) -> Vec<u8> {
        // Length-prefixed, so no two places share an encoding.
        let mut out = Vec::new();
        for part in [self.table, self.row, self.column, key_id] {
            out.extend((part.len() as u64).to_be_bytes());
            out.extend(part.as_bytes());
        }
        out
    }
}

impl Sealed {
    /// A sealed value as it was written; whether it opens is seen when it is opened.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    const HERE: Place<'static> = Place { table: "sessions", row: "session_1", column: "upstream" };

    #[test]
    fn a_sealed_value_opens_only_where_it_was_sealed_and_only_with_its_key() {
        let entropy = SeededEntropy::new(3);
        let master = MasterKey::generate(&entropy);
        let sealer = Sealer::new(&master);
        let sealed = sealer.seal(HERE, b"refresh token", &entropy);
        assert_eq!(sealer.open(HERE, &sealed).unwrap().as_slice(), b"refresh token");
        for elsewhere in [
            Place { row: "session_2", ..HERE },
            Place { column: "other", ..HERE },
            Place { table: "grants", ..HERE },
        ] {
            assert!(sealer.open(elsewhere, &sealed).is_err());
        }
        let other = Sealer::new(&MasterKey::generate(&entropy));
        assert!(other.open(HERE, &sealed).is_err());
        let tampered = Sealed(format!("{}A", &sealed.0[..sealed.0.len() - 1]));
        assert!(tampered == sealed || sealer.open(HERE, &tampered).is_err());
        assert!(!sealed.as_str().contains("refresh"));
    }

    #[test]
    fn derived_keys_differ_by_purpose_and_a_key_reads_back() {
        let master = MasterKey::generate(&SeededEntropy::new(4));
        assert_ne!(master.derive(Purpose::Seal), master.derive(Purpose::Practice));
        let again = MasterKey::parse(&format!(" {}\n", master.to_text().as_str())).unwrap();
        assert_eq!(again.id(), master.id());
        assert!(MasterKey::parse("c2hvcnQ=").is_none());
        assert_eq!(format!("{master:?}"), "MasterKey([redacted])");
    }
}
