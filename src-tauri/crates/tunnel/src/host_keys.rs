//! The keys by which servers are known again: pinned by `ssh` on first use, in a file of our own in OpenSSH's format.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};

/// The file; it need not be there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHosts(PathBuf);

impl KnownHosts {
    pub fn at(file: impl Into<PathBuf>) -> Self {
        Self(file.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The fingerprint of the key that is pinned for `name`, as OpenSSH shows it: `SHA256:` and the hash in base64 without padding.
    pub fn fingerprint(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(&self.0).ok()?;
        let key = text.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some(name)).then(|| words.nth(1)).flatten()
        })?;
        let key = BASE64_STANDARD.decode(key).ok()?;
        Some(format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest(&SHA256, &key))))
    }

    /// The key that `name` shows next is pinned in its place.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let others = text.lines().filter(|line| line.split_ascii_whitespace().next() != Some(name));
        let kept: String = others.flat_map(|line| [line, "\n"]).collect();
        // Whole or not at all: with half a file every server would be a new one.
        let new = self.0.with_extension("new");
        fs::write(&new, kept)?;
        fs::rename(&new, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ssh-keygen`, its fingerprint by `ssh-keygen -l`.
    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIEln+SDwkh+q23znWrI7wBxeC2NpgeunB/QXE6NoGmre";
    const FINGERPRINT: &str = "SHA256:9oCKqhgvZaS0iYxj3bsmvu8D9YrS5D6i6GMsqThLdx0";

    #[test]
    fn a_pinned_key_is_shown_as_openssh_shows_it_and_forgotten_alone() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = KnownHosts::at(folder.path().join("known_hosts"));
        assert_eq!(hosts.fingerprint("example.com"), None);
        hosts.forget("example.com").unwrap();
        let text = format!("[example.com]:2222 ssh-ed25519 {KEY}\nother.example ssh-ed25519 {KEY}\n");
        fs::write(hosts.path(), text).unwrap();
        assert_eq!(hosts.fingerprint("[example.com]:2222").as_deref(), Some(FINGERPRINT));
        assert_eq!(hosts.fingerprint("example.com"), None);
        hosts.forget("[example.com]:2222").unwrap();
        assert_eq!(hosts.fingerprint("[example.com]:2222"), None);
        assert_eq!(hosts.fingerprint("other.example").as_deref(), Some(FINGERPRINT));
    }
}
