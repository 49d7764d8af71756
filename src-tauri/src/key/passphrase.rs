//! The master key under a passphrase: Argon2id makes a key from it, and that key seals the master key.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use engine::KeyTrouble;
use engine::system::SystemEntropy;
use model::keys::MasterKey;
use model::ports::Entropy as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::trouble::trouble;

const SHORTEST: usize = 10;
/// 64 MiB and three passes: about a fifth of a second here, and expensive for whoever guesses.
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
/// What a file may ask of us; one that was tampered with must not eat all memory.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 32;
const CONTEXT: &[u8] = b"just-mcp-oauth-proxy master key";

/// What the file holds: nothing in it helps without the passphrase.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SealedFile {
    kdf: Kdf,
    #[serde(flatten)]
    cost: Cost,
    salt: String,
    nonce: String,
    sealed: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kdf {
    Argon2id,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Says no to what is guessed in minutes.
pub(super) fn check(passphrase: &str) -> Result<(), KeyTrouble> {
    if passphrase.chars().count() < SHORTEST {
        let message = format!("the passphrase has fewer than {SHORTEST} characters");
        return Err(trouble(
            "passphrase_short",
            message,
            "choose a longer one, for example four unrelated words",
        ));
    }
    Ok(())
}

// === impl SealedFile ===

impl SealedFile {
    pub(super) fn seal(key: &MasterKey, passphrase: &str) -> Result<Self, KeyTrouble> {
        let (mut salt, mut nonce) = ([0; 16], [0; 12]);
        let entropy = SystemEntropy::default();
        entropy.fill(&mut salt);
        entropy.fill(&mut nonce);
        let mut bytes = Zeroizing::new(key.to_text().as_bytes().to_vec());
        wrapping_key(passphrase, &salt, COST)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(CONTEXT), &mut *bytes)
            .map_err(|_| unusable("sealing failed"))?;
        let text = |bytes: &[u8]| B64.encode(bytes);
        Ok(Self {
            kdf: Kdf::Argon2id,
            cost: COST,
            salt: text(&salt),
            nonce: text(&nonce),
            sealed: text(&bytes),
        })
    }

    pub(super) fn read(path: &Path) -> Result<Self, KeyTrouble> {
        let bytes = std::fs::read(path).map_err(|error| {
            trouble(
                "passphrase_file_missing",
                format!(
                    "`{}`, which holds the key under the passphrase, cannot be read: {error}",
                    path.display()
                ),
                "put it back from a backup; to start afresh, move the data folder away",
            )
        })?;
        serde_json::from_slice(&bytes).map_err(|_| unusable("its content does not read"))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("plain texts and numbers");
        bytes.push(b'\n');
        bytes
    }

    pub(super) fn open(&self, passphrase: &str) -> Result<MasterKey, KeyTrouble> {
        let Kdf::Argon2id = self.kdf;
        let read = |text: &str| B64.decode(text).map_err(|_| unusable("its content does not read"));
        let (salt, nonce, sealed) = (read(&self.salt)?, read(&self.nonce)?, read(&self.sealed)?);
        let mut bytes = Zeroizing::new(sealed);
        let nonce =
            Nonce::try_assume_unique_for_key(&nonce).map_err(|_| unusable("its nonce is too short"))?;
        let opened = wrapping_key(passphrase, &salt, self.cost)?
            .open_in_place(nonce, Aad::from(CONTEXT), &mut bytes)
            .map_err(|_| wrong())?;
        std::str::from_utf8(opened).ok().and_then(MasterKey::parse).ok_or_else(|| unusable("it holds no key"))
    }
}

fn wrapping_key(passphrase: &str, salt: &[u8], cost: Cost) -> Result<LessSafeKey, KeyTrouble> {
    if cost.memory_kib > MOST_MEMORY_KIB || cost.passes > MOST_PASSES {
        return Err(unusable("it asks for more memory or time than we would ever use"));
    }
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| unusable("its numbers make no sense"))?;
    let mut bytes = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, bytes.as_mut())
        .map_err(|_| unusable("its numbers make no sense"))?;
    let key = UnboundKey::new(&AES_256_GCM_SIV, bytes.as_ref()).expect("AES-256 takes 32 bytes");
    Ok(LessSafeKey::new(key))
}

fn wrong() -> KeyTrouble {
    trouble(
        "passphrase_wrong",
        "that is not the passphrase",
        "try again; mind the keyboard layout and capital letters",
    )
}

fn unusable(why: &str) -> KeyTrouble {
    trouble(
        "passphrase_file_unusable",
        format!("the file with the key under the passphrase cannot be used: {why}"),
        "put it back from a backup; to start afresh, move the data folder away",
    )
}

#[cfg(test)]
mod tests {
    use model::testing::SeededEntropy;

    use super::*;

    #[test]
    fn only_the_passphrase_opens_it() {
        let key = MasterKey::generate(&SeededEntropy::new(1));
        let sealed = SealedFile::seal(&key, "four unrelated words").unwrap();
        let text = String::from_utf8(sealed.to_bytes()).unwrap();
        assert!(!text.contains(key.to_text().as_str()));
        let again: SealedFile = serde_json::from_str(&text).unwrap();
        assert_eq!(again.open("four unrelated words").unwrap().id(), key.id());
        assert_eq!(again.open("four unrelated word").unwrap_err().code, "passphrase_wrong");
    }

    #[test]
    fn a_file_that_asks_too_much_is_refused_before_anything_is_computed() {
        let key = MasterKey::generate(&SeededEntropy::new(1));
        let mut sealed = SealedFile::seal(&key, "four unrelated words").unwrap();
        sealed.cost.memory_kib = u32::MAX;
        assert_eq!(sealed.open("four unrelated words").unwrap_err().code, "passphrase_file_unusable");
    }

    #[test]
    fn a_short_passphrase_is_refused() {
        assert_eq!(check("too short").unwrap_err().code, "passphrase_short");
        assert!(check("long enough").is_ok());
    }
}
