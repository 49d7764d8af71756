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

/// A key by which a server is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// As OpenSSH shows it: `SHA256:` and the hash in base64 without padding.
    pub fingerprint: String,
    /// As `ssh-keygen -l` names it, `ED25519`.
    pub kind: Option<String>,
}

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

    /// The key by which `name` is known again. What a person trusts wins over what is pinned.
    pub fn key(&self, name: &str) -> Option<HostKey> {
        let text = fs::read_to_string(&self.0).ok()?;
        trusted(&text, name).or_else(|| pinned(&text, name))
    }

    /// From now on only this key is the one of `name`.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn trust(&self, name: &str, key: &HostKey) -> io::Result<()> {
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
        let kind = key.kind.as_deref().unwrap_or_default();
        let ours = [[TRUSTED, name, &key.fingerprint, kind].join(" ").trim_end().to_owned(), "\n".to_owned()];
        let kept: String =
            others.flat_map(|line| [line, "\n"]).chain(ours.iter().map(String::as_str)).collect();
        // Whole or not at all: with half a file every server would be a new one.
        let new = self.0.with_extension("new");
        fs::write(&new, kept)?;
        fs::rename(&new, &self.0)
    }

    /// Forgets what `ssh` pinned for `name` if a person trusts another key: it pins whatever is shown before we can stop it.
    pub(crate) fn settle(&self, name: &str) -> io::Result<()> {
        let Ok(text) = fs::read_to_string(&self.0) else { return Ok(()) };
        match (trusted(&text, name), pinned(&text, name)) {
            (Some(trusted), Some(pinned)) if trusted.fingerprint != pinned.fingerprint => {
                self.trust(name, &trusted)
            }
            _ => Ok(()),
        }
    }
}

fn trusted(text: &str, name: &str) -> Option<HostKey> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let is_it = words.next() == Some(TRUSTED) && words.next() == Some(name);
        let fingerprint = is_it.then(|| words.next()).flatten()?.to_owned();
        Some(HostKey { fingerprint, kind: words.next().map(str::to_owned) })
    })
}

fn pinned(text: &str, name: &str) -> Option<HostKey> {
    let (kind, key) = text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        if words.next() == Some(name) { words.next().zip(words.next()) } else { None }
    })?;
    let key = BASE64_STANDARD.decode(key).ok()?;
    let fingerprint = format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest(&SHA256, &key)));
    Some(HostKey { fingerprint, kind: Some(kind_of(kind)) })
}

/// As `ssh-keygen -l` names a kind of key, from its name in the protocol.
pub(crate) fn kind_of(name: &str) -> String {
    let kind = match name {
        "ssh-ed25519" => "ED25519",
        "ssh-rsa" => "RSA",
        "sk-ssh-ed25519@openssh.com" => "ED25519-SK",
        "sk-ecdsa-sha2-nistp256@openssh.com" => "ECDSA-SK",
        _ if name.starts_with("ecdsa-sha2-") => "ECDSA",
        other => other,
    };
    kind.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ssh-keygen`, its fingerprint by `ssh-keygen -l`.
    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIEln+SDwkh+q23znWrI7wBxeC2NpgeunB/QXE6NoGmre";
    const FINGERPRINT: &str = "SHA256:9oCKqhgvZaS0iYxj3bsmvu8D9YrS5D6i6GMsqThLdx0";

    fn key(fingerprint: &str, kind: Option<&str>) -> HostKey {
        HostKey { fingerprint: fingerprint.to_owned(), kind: kind.map(str::to_owned) }
    }

    fn fingerprint(hosts: &KnownHosts, name: &str) -> Option<String> {
        hosts.key(name).map(|key| key.fingerprint)
    }

    #[test]
    fn a_pinned_key_is_shown_as_openssh_shows_it_and_replaced_alone() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = KnownHosts::at(folder.path().join("known_hosts"));
        assert_eq!(fingerprint(&hosts, "example.com"), None);
        let text = format!("[example.com]:2222 ssh-ed25519 {KEY}\nother.example ssh-ed25519 {KEY}\n");
        fs::write(hosts.path(), text).unwrap();
        assert_eq!(hosts.key("[example.com]:2222"), Some(key(FINGERPRINT, Some("ED25519"))));
        assert_eq!(fingerprint(&hosts, "example.com"), None);
        hosts.trust("[example.com]:2222", &key("SHA256:second", None)).unwrap();
        hosts.trust("[example.com]:2222", &key("SHA256:third", Some("ECDSA"))).unwrap();
        let kept =
            format!("other.example ssh-ed25519 {KEY}\n#trusted [example.com]:2222 SHA256:third ECDSA\n");
        assert_eq!(fs::read_to_string(hosts.path()).unwrap(), kept);
        assert_eq!(hosts.key("[example.com]:2222"), Some(key("SHA256:third", Some("ECDSA"))));
        assert_eq!(fingerprint(&hosts, "other.example").as_deref(), Some(FINGERPRINT));
    }

    #[test]
    fn what_a_person_trusts_wins_over_what_ssh_pinned_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = KnownHosts::at(folder.path().join("known_hosts"));
        hosts.trust("example.com", &key("SHA256:trusted", None)).unwrap();
        let trusted = fs::read_to_string(hosts.path()).unwrap();
        fs::write(hosts.path(), format!("{trusted}example.com ssh-ed25519 {KEY}\n")).unwrap();
        assert_eq!(fingerprint(&hosts, "example.com").as_deref(), Some("SHA256:trusted"));
        hosts.settle("example.com").unwrap();
        assert_eq!(fs::read_to_string(hosts.path()).unwrap(), trusted);

        hosts.trust("example.com", &key(FINGERPRINT, Some("ED25519"))).unwrap();
        let both = format!("{}example.com ssh-ed25519 {KEY}\n", fs::read_to_string(hosts.path()).unwrap());
        fs::write(hosts.path(), &both).unwrap();
        hosts.settle("example.com").unwrap();
        assert_eq!(fs::read_to_string(hosts.path()).unwrap(), both, "the trusted one stays pinned");
    }
}
