//! The keys by which servers are known again: pinned by `ssh` on first use, in a file of our own in OpenSSH's format. Of a key that
//! a person trusts later only the fingerprint is known; it stands there too, in a line that is a comment to OpenSSH.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};

/// How a line begins that names a server and the fingerprint that a person trusts.
const TRUSTED: &str = "#trusted";

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

    /// The fingerprint by which `name` is known again, as OpenSSH shows it: `SHA256:` and the hash in base64 without padding. What
    /// a person trusts wins over what is pinned.
    pub fn fingerprint(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(&self.0).ok()?;
        trusted(&text, name).map(str::to_owned).or_else(|| pinned(&text, name))
    }

    /// From now on only the key with this fingerprint is the one of `name`.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn trust(&self, name: &str, fingerprint: &str) -> io::Result<()> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let others = text.lines().filter(|line| {
            let mut words = line.split_ascii_whitespace();
            let first = words.next();
            first != Some(name) && !(first == Some(TRUSTED) && words.next() == Some(name))
        });
        let ours = [TRUSTED, " ", name, " ", fingerprint, "\n"];
        let kept: String = others.flat_map(|line| [line, "\n"]).chain(ours).collect();
        // Whole or not at all: with half a file every server would be a new one.
        let new = self.0.with_extension("new");
        fs::write(&new, kept)?;
        fs::rename(&new, &self.0)
    }

    /// Forgets what `ssh` pinned for `name` if a person trusts another key: it pins whatever is shown before we can stop it.
    pub(crate) fn settle(&self, name: &str) -> io::Result<()> {
        let Ok(text) = fs::read_to_string(&self.0) else { return Ok(()) };
        match (trusted(&text, name), pinned(&text, name)) {
            (Some(trusted), Some(pinned)) if trusted != pinned => self.trust(name, trusted),
            _ => Ok(()),
        }
    }
}

fn trusted<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some(TRUSTED) && words.next() == Some(name)).then(|| words.next()).flatten()
    })
}

fn pinned(text: &str, name: &str) -> Option<String> {
    let key = text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some(name)).then(|| words.nth(1)).flatten()
    })?;
    let key = BASE64_STANDARD.decode(key).ok()?;
    Some(format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest(&SHA256, &key))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ssh-keygen`, its fingerprint by `ssh-keygen -l`.
    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIEln+SDwkh+q23znWrI7wBxeC2NpgeunB/QXE6NoGmre";
    const FINGERPRINT: &str = "SHA256:9oCKqhgvZaS0iYxj3bsmvu8D9YrS5D6i6GMsqThLdx0";

    #[test]
    fn a_pinned_key_is_shown_as_openssh_shows_it_and_replaced_alone() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = KnownHosts::at(folder.path().join("known_hosts"));
        assert_eq!(hosts.fingerprint("example.com"), None);
        let text = format!("[example.com]:2222 ssh-ed25519 {KEY}\nother.example ssh-ed25519 {KEY}\n");
        fs::write(hosts.path(), text).unwrap();
        assert_eq!(hosts.fingerprint("[example.com]:2222").as_deref(), Some(FINGERPRINT));
        assert_eq!(hosts.fingerprint("example.com"), None);
        hosts.trust("[example.com]:2222", "SHA256:second").unwrap();
        hosts.trust("[example.com]:2222", "SHA256:third").unwrap();
        let kept = format!("other.example ssh-ed25519 {KEY}\n#trusted [example.com]:2222 SHA256:third\n");
        assert_eq!(fs::read_to_string(hosts.path()).unwrap(), kept);
        assert_eq!(hosts.fingerprint("[example.com]:2222").as_deref(), Some("SHA256:third"));
        assert_eq!(hosts.fingerprint("other.example").as_deref(), Some(FINGERPRINT));
    }

    #[test]
    fn what_a_person_trusts_wins_over_what_ssh_pinned_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = KnownHosts::at(folder.path().join("known_hosts"));
        hosts.trust("example.com", "SHA256:trusted").unwrap();
        let trusted = fs::read_to_string(hosts.path()).unwrap();
        fs::write(hosts.path(), format!("{trusted}example.com ssh-ed25519 {KEY}\n")).unwrap();
        assert_eq!(hosts.fingerprint("example.com").as_deref(), Some("SHA256:trusted"));
        hosts.settle("example.com").unwrap();
        assert_eq!(fs::read_to_string(hosts.path()).unwrap(), trusted);

        hosts.trust("example.com", FINGERPRINT).unwrap();
        let both = format!("{}example.com ssh-ed25519 {KEY}\n", fs::read_to_string(hosts.path()).unwrap());
        fs::write(hosts.path(), &both).unwrap();
        hosts.settle("example.com").unwrap();
        assert_eq!(fs::read_to_string(hosts.path()).unwrap(), both, "the trusted one stays pinned");
    }
}
