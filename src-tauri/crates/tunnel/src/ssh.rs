//! OpenSSH's client as a tunnel: where it goes, which options it gets, and what is read off what it says.
//!
//! Nothing that a person set can be taken for an option: each part is checked here, and what could begin with `-` does not.

use std::path::{Path, PathBuf};

use url::Host;

use crate::host_keys::{HostKey, KnownHosts, kind_of};
use crate::programs::{Then, Words};

const PORT: u16 = 22;
/// What `ssh` says at `LogLevel=DEBUG1` once the server listens for us (`ssh_confirm_remote_forward` in `ssh.c`). Sent only after
/// the server agreed, unlike anything a `LocalCommand` could mark.
const FORWARDS: &str = "debug1: remote forward success for: ";
const HOST_KEY: &str = "debug1: Server host key: ";
/// Beginnings of lines that are about `ssh` itself and no news for a person.
const CHATTER: &[&str] = &["debug1: ", "Authenticated to ", "Transferred: ", "Bytes per second: "];

/// For a tunnel nobody watches: no questions, an end when the forwarding is refused or the line is dead, nothing of this
/// computer but the one port. Whatever else the person's own configuration has for that host is left as it is: agent, jump hosts
/// and keys, but its forwards too (`ClearAllForwardings` would clear ours with them).
const OPTIONS: &[&str] = &[
    "LogLevel=DEBUG1",
    "BatchMode=yes",
    "StrictHostKeyChecking=accept-new",
    "GlobalKnownHostsFile=none",
    "HashKnownHosts=no",
    "UpdateHostKeys=no",
    // A shared connection would outlive us, with our forwarding in it.
    "ControlMaster=no",
    "ControlPath=none",
    "PermitLocalCommand=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ExitOnForwardFailure=yes",
    "ConnectTimeout=20",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
];

/// What it says of what is in the way. The first that fits a line counts.
pub(crate) const WORDS: &[Words] = &[
    Words {
        says: "Warning: Identity file ",
        reason: "the key file is not there, or may not be read",
        hint: "correct `tunnel.ssh_key`, or leave it out to use the agent and your usual keys",
        at_provider: None,
        then: Then::Refused,
    },
    // Of a key that is named in a person's own configuration too, where others may do.
    Words {
        says: "no such identity: ",
        reason: "a key file that is named for this server is not there, and no other key was accepted",
        hint: "correct `tunnel.ssh_key`, or `IdentityFile` in your `~/.ssh/config`",
        at_provider: None,
        then: Then::KeyIsMissing,
    },
    Words {
        says: "Too many authentication failures",
        reason: "the server was shown more keys than it looks at",
        hint: "set `tunnel.ssh_key` to the key file that it knows",
        at_provider: Some(
            "take keys out of the agent (`ssh-add -d`), or name one for this server in your `~/.ssh/config` with `IdentitiesOnly yes`",
        ),
        then: Then::Refused,
    },
    Words {
        says: "Permission denied (",
        reason: "the server accepts none of the keys it was shown",
        hint: "add the public half of your key to `~/.ssh/authorized_keys` on a server of your own, or register it with the provider; \
               a key with a passphrase has to be in the agent (`ssh-add`)",
        at_provider: None,
        then: Then::Refused,
    },
    // The server may hold the port for a connection of ours that broke off.
    Words {
        says: "remote port forwarding failed for listen p",
        reason: "the server does not forward that port",
        hint: "see that nothing else on the server listens there, and that its sshd_config allows it: `AllowTcpForwarding` and \
               `PermitListen`, and `GatewayPorts` for an address other than its own",
        at_provider: Some("switch on again later, or choose another program under Tunnel"),
        then: Then::RefusedAtFirst,
    },
    // Another key than the pinned one is known by its own line: this is of a host on the way.
    Words {
        says: "Host key verification failed",
        reason: "the key of a host on the way to the server is not known, or is another one than before",
        hint: "connect once with `ssh` in a terminal, and compare the key that is shown with what whoever runs that host says; then \
               switch on again",
        at_provider: None,
        then: Then::Refused,
    },
    Words {
        says: "Could not resolve hostname",
        reason: "the name of the server is not known",
        hint: "check its spelling under Tunnel, and the internet connection; it is tried again by itself",
        at_provider: Some(
            "check the internet connection, or choose another program under Tunnel; it is tried again by itself",
        ),
        then: Then::TriedAgain,
    },
    Words {
        says: "Connection refused",
        reason: "the server is there, and nothing takes SSH connections at that port",
        hint: "check the port under Tunnel, and that sshd runs on the server; it is tried again by itself",
        at_provider: Some(
            "check the internet connection, or choose another program under Tunnel; it is tried again by itself",
        ),
        then: Then::TriedAgain,
    },
    // macOS says that the operation did.
    Words {
        says: "timed out",
        reason: "the server does not answer",
        hint: "check that it is on, and that no firewall on the way keeps SSH out; it is tried again by itself",
        at_provider: Some(
            "check the internet connection, or choose another program under Tunnel; it is tried again by itself",
        ),
        then: Then::TriedAgain,
    },
    Words {
        says: "Network is unreachable",
        reason: "this computer has no way to the server",
        hint: "check the internet connection; an IPv6 address needs a network that has IPv6; it is tried again by itself",
        at_provider: None,
        then: Then::TriedAgain,
    },
    Words {
        says: "No route to host",
        reason: "this computer has no way to the server",
        hint: "check that the server is on and in reach from this network, by a VPN if it needs one; it is tried again by itself",
        at_provider: Some(
            "check the internet connection, or choose another program under Tunnel; it is tried again by itself",
        ),
        then: Then::TriedAgain,
    },
    Words {
        says: "kex_exchange_identification: ",
        reason: "the server hangs up before anybody signs in",
        hint: "it may turn away whoever comes too often (`MaxStartups`, fail2ban), or speak something else than SSH at that port; it is \
               tried again by itself",
        at_provider: Some(
            "check the internet connection, or choose another program under Tunnel; it is tried again by itself",
        ),
        then: Then::TriedAgain,
    },
];

/// Where it goes: `user@host:port`, of which only the host has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshServer {
    user: Option<String>,
    /// A name, an entry of the person's own `~/.ssh/config`, or an address.
    host: String,
    port: Option<u16>,
}

/// What the server is to listen on: a port, or as with sish a name and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshListen(String);

/// The server is not known again. Fingerprints as OpenSSH writes them, `SHA256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedKey {
    pub pinned: String,
    /// `None` where a person trusted it by its fingerprint alone.
    pub pinned_kind: Option<String>,
    pub shown: String,
    /// As `ssh-keygen -l` names it, `ED25519`.
    pub kind: String,
}

/// How to reach a server by SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    pub server: SshServer,
    /// Only this key is shown; without one the agent's and the usual ones are.
    pub key: Option<PathBuf>,
    pub listen: SshListen,
}

// === impl SshServer ===

impl SshServer {
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (user, rest) = text.rsplit_once('@').map_or((None, text), |(user, rest)| (Some(user), rest));
        if user.is_some_and(|user| !is_plain(user, "._+-@\\")) {
            return Err("the name before the `@` is none that SSH takes");
        }
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) if host.parse::<std::net::Ipv6Addr>().is_ok() => {
                (host, port.strip_prefix(':'))
            }
            Some(_) => return Err("what stands in brackets is no IPv6 address"),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if !host.contains(':') && !is_plain(host, "._-") {
            return Err("the host is no name or address");
        }
        let port = match port.map(str::parse) {
            None => None,
            Some(Ok(port)) if port != 0 => Some(port),
            Some(_) => return Err("what stands after the `:` is no port"),
        };
        Ok(Self { user: user.map(str::to_owned), host: host.to_ascii_lowercase(), port })
    }

    /// The name under which its key is pinned, as OpenSSH writes it.
    pub fn name(&self) -> String {
        match self.port.unwrap_or(PORT) {
            PORT => self.host.clone(),
            port => format!("[{}]:{port}", self.host),
        }
    }

    /// The host, where it is a name that others can have too.
    pub fn domain(&self) -> Option<&str> {
        let is_domain = matches!(Host::parse(&self.host), Ok(Host::Domain(_))) && self.host.contains('.');
        is_domain.then_some(&self.host)
    }
}

/// Letters and digits and `also`, and no option.
fn is_plain(text: &str, also: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

// === impl SshListen ===

impl SshListen {
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, port) = text.rsplit_once(':').map_or((None, text), |(name, port)| (Some(name), port));
        if name.is_some_and(|name| !is_plain(name, "._-")) {
            return Err("the name before the `:` is none that a server takes");
        }
        if !port.bytes().all(|c| c.is_ascii_digit()) || port.parse::<u16>().is_err() {
            return Err("it is no port");
        }
        Ok(Self(text.to_owned()))
    }
}

// === impl Ssh ===

impl Ssh {
    /// For a provider that asks for nothing else.
    pub(crate) fn to(server: &str, listen: &str) -> Result<Self, &'static str> {
        Ok(Self { server: SshServer::parse(server)?, key: None, listen: SshListen::parse(listen)? })
    }

    /// The arguments that lead what the server hears to `port` here. With `silent` the server is asked for nothing but that, so an
    /// account without a shell will do.
    pub(crate) fn args(&self, port: u16, known_hosts: &KnownHosts, silent: bool) -> Vec<String> {
        let Self { server, key, listen } = self;
        let mut args = vec!["-T".to_owned()];
        if silent {
            args.push("-N".to_owned());
        }
        let mut option = |text: String| args.extend(["-o".to_owned(), text]);
        for &text in OPTIONS {
            option(text.to_owned());
        }
        option(format!("UserKnownHostsFile=\"{}\"", in_quotes(known_hosts.path())));
        option(format!("HostKeyAlias={}", server.name()));
        if let Some(key) = key {
            option("IdentitiesOnly=yes".to_owned());
            args.extend(identity(key));
        }
        if let Some(user) = &server.user {
            args.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = server.port {
            args.extend(["-p".to_owned(), port.to_string()]);
        }
        args.extend(["-R".to_owned(), format!("{}:127.0.0.1:{port}", listen.0)]);
        args.extend(["--".to_owned(), server.host.clone()]);
        args
    }
}

/// `-i` looks for the file at the path as it stands, and later takes a `%` in it for the beginning of a token: no spelling of a
/// `%` passes both. A setting is not looked for, so only `-i` says that there is no such file.
fn identity(key: &Path) -> [String; 2] {
    let text = as_written(key);
    if text.contains('%') {
        ["-o".to_owned(), format!("IdentityFile=\"{}\"", in_quotes(key))]
    } else {
        ["-i".to_owned(), text]
    }
}

/// As OpenSSH reads a quoted value: `%` begins a token there.
fn in_quotes(path: &Path) -> String {
    as_written(path).replace('%', "%%").replace('\\', "\\\\").replace('"', "\\\"")
}

/// It takes slashes on Windows too, where a backslash could be read as a quote.
fn as_written(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() }
}

// === what it says ===

/// To `port` here: a person's own forwards for that host are told of too.
pub(crate) fn forwards(line: &str, port: u16) -> bool {
    line.starts_with(FORWARDS) && line.trim_end().ends_with(&format!(", connect 127.0.0.1:{port}"))
}

/// No news for a person.
pub(crate) fn is_chatter(line: &str) -> bool {
    CHATTER.iter().any(|beginning| line.starts_with(beginning))
}

// === impl ChangedKey ===

impl ChangedKey {
    /// Where the server shows another key than the pinned one. `ssh` itself ends for the same reason right after this line.
    pub(crate) fn in_line(line: &str, known_hosts: &KnownHosts, server: &str) -> Option<Self> {
        let mut words = line.strip_prefix(HOST_KEY)?.split_ascii_whitespace();
        let (kind, shown) = (kind_of(words.next()?), words.next()?.to_owned());
        let HostKey { fingerprint: pinned, kind: pinned_kind } = known_hosts.key(server)?;
        (pinned != shown).then_some(Self { pinned, pinned_kind, shown, kind })
    }

    pub(crate) fn reason(&self) -> String {
        format!("the server shows another key than before: {} instead of {}", self.shown, self.pinned)
    }

    pub(crate) const HINT: &str = "if whoever runs the server says that its key was changed, trust the new one; otherwise somebody may be in between";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_with_or_without_a_user_and_a_port() {
        for (text, name, domain) in [
            ("example.com", "example.com", Some("example.com")),
            ("ada@Example.com:22", "example.com", Some("example.com")),
            ("ada@example.com:2222", "[example.com]:2222", Some("example.com")),
            ("ada@corp@bastion.example", "bastion.example", Some("bastion.example")),
            ("my-server", "my-server", None),
            ("203.0.113.9", "203.0.113.9", None),
            ("ada@[2001:db8::1]:2222", "[2001:db8::1]:2222", None),
        ] {
            let server = SshServer::parse(text).unwrap();
            assert_eq!((server.name().as_str(), server.domain()), (name, domain), "{text}");
        }
    }

    #[test]
    fn nothing_is_taken_for_an_option_or_a_second_word() {
        for text in [
            "",
            "-oProxyCommand=touch",
            "-v@example.com",
            "ada@-oProxyCommand=x",
            "ada@",
            "@example.com",
            "ada@example.com -v",
            "ada@example.com:0",
            "ada@example.com:ssh",
            "ada@example.com:70000",
            "ada@[example]:22",
            "ada@2001:db8::1",
            "ada@exa$(id).com",
            "ada@example.com,evil.example",
        ] {
            assert!(SshServer::parse(text).is_err(), "{text}");
        }
        for text in ["", "-8080", "x y:80", "-x:80", ":80", "80:", "99999", "a:b:80"] {
            assert!(SshListen::parse(text).is_err(), "{text}");
        }
        assert!(["8080", "0", "mine:80", "0.0.0.0:8080"].iter().all(|text| SshListen::parse(text).is_ok()));
    }

    #[test]
    fn the_arguments_name_our_known_hosts_and_nothing_follows_the_host() {
        let ssh = Ssh {
            server: SshServer::parse("ada@mcp.example.com:2222").unwrap(),
            key: Some("/home/ada/100%/id".into()),
            listen: SshListen::parse("8080").unwrap(),
        };
        let args = ssh.args(4711, &KnownHosts::at("/data/a b%c/known_hosts"), true);
        let text = args.join(" ");
        for part in [
            "-T -N -o",
            "-o UserKnownHostsFile=\"/data/a b%%c/known_hosts\"",
            "-o HostKeyAlias=[mcp.example.com]:2222",
            "-o IdentitiesOnly=yes -o IdentityFile=\"/home/ada/100%%/id\" -l ada -p 2222 -R 8080:127.0.0.1:4711 -- mcp.example.com",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.ends_with(" -- mcp.example.com"));
        let plain = Ssh { key: Some("/home/ada/.ssh/id".into()), ..ssh };
        let text = plain.args(4711, &KnownHosts::at("/data/known_hosts"), true).join(" ");
        assert!(text.contains("-o IdentitiesOnly=yes -i /home/ada/.ssh/id -l ada"), "{text}");
    }

    #[test]
    fn only_the_forward_that_leads_to_our_port_is_ours() {
        let line = |to: &str| format!("debug1: remote forward success for: listen 8080, connect {to}");
        assert!(forwards(&line("127.0.0.1:4711"), 4711));
        assert!(forwards(&line("127.0.0.1:4711\r"), 4711));
        for to in
            ["127.0.0.1:3000", "127.0.0.1:47110", "127.0.0.1:14711", "10.127.0.0.1:4711", "/run/x.sock:-2"]
        {
            assert!(!forwards(&line(to), 4711), "{to}");
        }
    }
}
