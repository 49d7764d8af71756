//! What is known of each program: how it is started, where in its output the address is, and which of its last words mean that
//! trying again will not help.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use url::{Host, Url};

use crate::host_keys::KnownHosts;
use crate::ssh::{self, ChangedKey, Ssh};
use crate::supervisor::End;

/// The id of the program that a person names with a command of their own.
pub const OWN: &str = "command";
/// The id of the program that opens a name of the person's own at Cloudflare.
const CLOUDFLARED_NAMED: &str = "cloudflared-named";
/// The id of the program that goes to a server of a person's own.
pub const SSH: &str = "ssh";

/// Words in the output of a program, and what they mean.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) says: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) hint: &'static str,
    /// Instead of `hint`, where that is for whoever runs the server and it is the provider's.
    pub(crate) at_provider: Option<&'static str>,
    pub(crate) then: Then,
}

/// What becomes of the attempt whose program says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Trying again will not help.
    Refused,
    /// Nor that, unless it was open before.
    RefusedAtFirst,
    /// It ends by itself, and then this is why.
    TriedAgain,
    /// It goes on, and this is why if no key is accepted.
    KeyIsMissing,
}

/// A program that opens a public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// As the setting `tunnel.provider` has it.
    pub id: &'static str,
    pub name: &'static str,
    /// What to know before choosing it: one sentence.
    pub about: &'static str,
    /// On the PATH.
    pub binary: &'static str,
    /// How to get it.
    pub install: &'static str,
    /// Whether the address stays the same, so that clients keep working after a restart.
    pub stable: bool,
    /// The header in which it names the visitor's address, written by itself over whatever the visitor sent (the last entry of a
    /// list). `None` where it is not known to.
    pub visitor: Option<&'static str>,
    /// Options before `args`.
    options: &'static [&'static str],
    /// `{port}` is ours, `{domain}` a name of the person's own.
    args: &'static [&'static str],
    /// Ends of the host names it gives out.
    hosts: &'static [&'static str],
    /// Parts of host names under them that are the provider's own.
    not: &'static [&'static str],
    /// What it says of what is in the way.
    words: &'static [Words],
    /// Reached by SSH: where, and what is asked for there.
    ssh: Option<(&'static str, &'static str)>,
    /// It opens a name of the person's own, `{domain}`, and says so by these words.
    named: Option<&'static str>,
}

/// What a person set, as far as the program can be asked for it.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    pub domain: Option<String>,
    /// For [`SSH`]: without it there is nowhere to go.
    pub ssh: Option<Ssh>,
}

/// How to start it, and what its address looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    hosts: Vec<String>,
    not: &'static [&'static str],
    words: &'static [Words],
    /// The server is the program's own, and nothing about it can be set.
    at_provider: bool,
    /// The address, where it is not said but known, and what says that it is open.
    known: Option<(Url, Sign)>,
    /// The name of the SSH server, and where its key is pinned.
    pinned: Option<(String, KnownHosts)>,
}

/// What in a line of output says that a known address is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// OpenSSH leads to this port of ours.
    Forwards(u16),
    Words(&'static str),
}

/// In the order in which they are offered.
pub const PROGRAMS: &[Program] = &[
    Program {
        id: "cloudflared",
        name: "Cloudflare quick tunnel",
        about: "Needs no account. The address is another one each time.",
        binary: "cloudflared",
        install: "install cloudflared from developers.cloudflare.com (macOS: brew install cloudflared, Windows: winget install Cloudflare.cloudflared)",
        stable: false,
        visitor: Some("cf-connecting-ip"),
        options: &["tunnel", "--no-autoupdate"],
        args: &["--url", "http://127.0.0.1:{port}"],
        hosts: &[".trycloudflare.com"],
        not: &["api."],
        words: &[],
        ssh: None,
        named: None,
    },
    Program {
        id: CLOUDFLARED_NAMED,
        name: "Cloudflare tunnel of your own",
        about: "Needs a free Cloudflare account with a domain. The address is a name of it and stays the same.",
        binary: "cloudflared",
        install: "install cloudflared from developers.cloudflare.com (macOS: brew install cloudflared, Windows: winget install Cloudflare.cloudflared), then run `cloudflared tunnel login`",
        stable: true,
        visitor: Some("cf-connecting-ip"),
        options: &["tunnel", "--no-autoupdate"],
        // Makes the tunnel and its DNS record if they are not there yet.
        args: &["--name", "just-mcp-{domain}", "--hostname", "{domain}", "--url", "http://127.0.0.1:{port}"],
        hosts: &[],
        not: &[],
        words: &[
            Words {
                says: "origincert path",
                reason: "cloudflared is not signed in to a Cloudflare account",
                hint: "run `cloudflared tunnel login`, then switch on again",
                at_provider: None,
                then: Then::Refused,
            },
            Words {
                says: "record with that host already exists",
                reason: "another DNS record has that host name",
                hint: "remove that record at dash.cloudflare.com, or choose another host name",
                at_provider: None,
                then: Then::Refused,
            },
            Words {
                says: "Tunnel credentials file",
                reason: "the tunnel was made on another computer, whose key is not here",
                hint: "delete it by `cloudflared tunnel delete` with its name, or copy its file from ~/.cloudflared of that computer",
                at_provider: None,
                then: Then::Refused,
            },
        ],
        ssh: None,
        named: Some("Registered tunnel connection"),
    },
    Program {
        id: "tailscale",
        name: "Tailscale Funnel",
        about: "Needs Tailscale on this computer. The address stays the same.",
        binary: "tailscale",
        install: "install Tailscale from tailscale.com/download, sign in, and allow Funnel for this computer",
        stable: true,
        visitor: None,
        options: &["funnel"],
        args: &["{port}"],
        hosts: &[".ts.net"],
        not: &[],
        words: &[
            Words {
                says: "Funnel is not enabled",
                reason: "Funnel is not allowed in your tailnet",
                hint: "open the link that `tailscale funnel 4242` prints, allow it there, then switch on again",
                at_provider: None,
                then: Then::Refused,
            },
            Words {
                says: "Logged out",
                reason: "Tailscale is signed out on this computer",
                hint: "run `tailscale up`, then switch on again",
                at_provider: None,
                then: Then::Refused,
            },
        ],
        ssh: None,
        named: None,
    },
    Program {
        id: "devtunnel",
        name: "Microsoft dev tunnel",
        about: "Needs a Microsoft, Entra or GitHub account. The address is another one each time.",
        binary: "devtunnel",
        install: "install devtunnel from aka.ms/devtunnels/download, then run `devtunnel user login`",
        stable: false,
        visitor: None,
        options: &["host", "--allow-anonymous"],
        args: &["-p", "{port}"],
        hosts: &[".devtunnels.ms"],
        not: &["-inspect."],
        words: &[Words {
            says: "Login required",
            reason: "devtunnel is signed out",
            hint: "run `devtunnel user login`, then switch on again",
            at_provider: None,
            then: Then::Refused,
        }],
        ssh: None,
        named: None,
    },
    Program {
        id: "zrok",
        name: "zrok",
        about: "Needs a free account. The address is another one each time.",
        binary: "zrok",
        install: "install zrok from zrok.io, then run `zrok enable` with the token of your account",
        stable: false,
        visitor: None,
        options: &["share", "public", "--headless"],
        args: &["http://127.0.0.1:{port}"],
        hosts: &[".zrok.io"],
        not: &["api.", "docs."],
        words: &[Words {
            says: "unable to load environment",
            reason: "zrok is not enabled on this computer",
            hint: "run `zrok enable` with the token of your account, then switch on again",
            at_provider: None,
            then: Then::Refused,
        }],
        ssh: None,
        named: None,
    },
    Program {
        id: "localhost-run",
        name: "localhost.run (SSH)",
        about: "Needs no account and nothing but ssh. The address changes every few hours.",
        binary: "ssh",
        install: "install the OpenSSH client",
        stable: false,
        visitor: None,
        options: &[],
        args: &[],
        hosts: &[".lhr.life", ".lhr.rocks"],
        not: &["admin.", "docs."],
        words: ssh::WORDS,
        ssh: Some(("nokey@localhost.run", "80")),
        named: None,
    },
    Program {
        id: "pinggy",
        name: "Pinggy (SSH)",
        about: "Needs no account and nothing but ssh. The address ends after an hour.",
        binary: "ssh",
        install: "install the OpenSSH client",
        stable: false,
        visitor: None,
        options: &[],
        args: &[],
        hosts: &[".pinggy.link", ".pinggy.online"],
        not: &["dashboard."],
        words: ssh::WORDS,
        ssh: Some(("free@a.pinggy.io:443", "0")),
        named: None,
    },
    Program {
        id: "serveo",
        name: "Serveo (SSH)",
        about: "Needs no account and nothing but ssh. The address is another one each time.",
        binary: "ssh",
        install: "install the OpenSSH client",
        stable: false,
        visitor: None,
        options: &[],
        args: &[],
        hosts: &[".serveo.net", ".serveousercontent.com"],
        not: &["console."],
        words: ssh::WORDS,
        ssh: Some(("serveo.net", "80")),
        named: None,
    },
    Program {
        id: SSH,
        name: "Your own server (SSH)",
        about: "A port of a server of yours leads here, behind its web server, or by sish. The address stays the same.",
        binary: "ssh",
        install: "install the OpenSSH client",
        stable: true,
        visitor: None,
        options: &[],
        args: &[],
        hosts: &[],
        not: &[],
        words: ssh::WORDS,
        ssh: None,
        named: None,
    },
];

// === impl Program ===

impl Program {
    pub fn find(id: &str) -> Option<&'static Self> {
        PROGRAMS.iter().find(|program| program.id == id)
    }

    /// Where it is on the PATH.
    pub fn located(&self) -> Option<PathBuf> {
        self.located_in(&env::var_os("PATH")?)
    }

    /// Where it is in the folders of `paths`, which are written as in PATH.
    pub fn located_in(&self, paths: &OsStr) -> Option<PathBuf> {
        in_paths(paths, self.binary)
    }

    /// Whether a name of one's own can be asked for.
    pub fn takes_domain(&self) -> bool {
        self.id == SSH || self.needs_domain()
    }

    /// Whether it opens nothing without one.
    pub const fn needs_domain(&self) -> bool {
        self.named.is_some()
    }

    /// The server it goes to by SSH.
    pub fn ssh(&self, wishes: &Wishes) -> Option<Ssh> {
        match self.ssh {
            Some((server, listen)) => Ssh::to(server, listen).ok(),
            None => wishes.ssh.clone().filter(|_| self.id == SSH),
        }
    }

    /// For `port`, as a person wishes it; what is pinned is in `known_hosts`.
    pub fn shape(&self, binary: PathBuf, port: u16, wishes: &Wishes, known_hosts: &KnownHosts) -> Shape {
        let domain = wishes.domain.as_deref().filter(|_| self.takes_domain());
        let hosts = match domain {
            Some(domain) => vec![domain.to_owned()],
            None => self.hosts.iter().map(|&host| host.to_owned()).collect(),
        };
        let url = domain.and_then(|domain| Url::parse(&format!("https://{domain}")).ok());
        let at_provider = self.ssh.is_some();
        let (not, words) = (self.not, self.words);
        let shape = Shape { program: binary, hosts, not, words, at_provider, ..Shape::default() };
        match (self.ssh(wishes), self.named) {
            (Some(ssh), _) => shape.by_ssh(&ssh, port, url, known_hosts),
            (None, named) => Shape {
                args: self.filled(port, domain.unwrap_or_default()),
                known: url.zip(named.map(Sign::Words)),
                ..shape
            },
        }
    }

    fn filled(&self, port: u16, domain: &str) -> Vec<String> {
        let filled = |arg: &&str| arg.replace("{port}", &port.to_string()).replace("{domain}", domain);
        self.options.iter().chain(self.args).map(filled).collect()
    }
}

// === impl Shape ===

impl Shape {
    /// A command of a person's own, split as a shell would; `{port}` in it is ours. The first https address it prints counts.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn of_command(command: &str, port: u16) -> Result<Self, String> {
        let words = shell_words::split(command).map_err(|_| "its quotes do not end".to_owned())?;
        let mut words = words.into_iter().map(|word| word.replace("{port}", &port.to_string()));
        let program = words.next().ok_or("it is empty")?;
        let path = Path::new(&program);
        let binary = if path.components().count() > 1 { Some(path.to_owned()) } else { on_path(&program) };
        let binary = binary.ok_or_else(|| format!("no program on the PATH is called `{program}`"))?;
        Ok(Self { program: binary, args: words.collect(), ..Self::default() })
    }

    /// With a name of one's own in front the address is known; without one the server says it, and it is one of its own.
    fn by_ssh(mut self, ssh: &Ssh, port: u16, url: Option<Url>, known_hosts: &KnownHosts) -> Self {
        self.known = url.map(|url| (url, Sign::Forwards(port)));
        if let Some(own) = ssh.server.domain().filter(|_| self.hosts.is_empty()) {
            self.hosts = vec![own.to_owned(), format!(".{own}")];
        }
        self.args = ssh.args(port, known_hosts, self.known.is_some());
        self.pinned = Some((ssh.server.name(), known_hosts.clone()));
        self
    }

    /// The address in a line of output, as an origin: `https://name.example`.
    pub(crate) fn address_in(&self, line: &str) -> Option<Url> {
        if let Some((url, sign)) = &self.known {
            let is_open = match *sign {
                Sign::Forwards(port) => ssh::forwards(line, port),
                Sign::Words(words) => line.contains(words),
            };
            return is_open.then(|| url.clone());
        }
        if self.is_chatter(line) {
            return None;
        }
        let starts = line.match_indices("https://").map(|(at, _)| &line[at..]);
        let texts = starts.map(|text| {
            text.split(|c: char| c.is_whitespace() || c.is_control() || "\"'`|,;<>()\\".contains(c))
                .next()
                .unwrap_or_default()
        });
        let url = texts.filter_map(|text| Url::parse(text).ok()).find(|url| self.gives(url))?;
        // Nothing but the origin: before and behind it may stand a password, and this is shown and logged.
        Url::parse(&url.origin().ascii_serialization()).ok()
    }

    fn gives(&self, url: &Url) -> bool {
        let Some(Host::Domain(host)) = url.host() else { return false };
        // A name without a dot is nobody's on the internet.
        if url.port().is_some()
            || !host.contains('.')
            || self.not.iter().any(|part| is_not_theirs(host, part))
        {
            return false;
        }
        self.hosts.is_empty()
            || self
                .hosts
                .iter()
                .any(|end| host == end || (end.starts_with('.') && host.ends_with(end.as_str())))
    }

    /// The key of the server, where it is not known again.
    pub(crate) fn other_key_in(&self, line: &str) -> Option<End> {
        let (server, known_hosts) = self.pinned.as_ref()?;
        ChangedKey::in_line(line, known_hosts, server).map(End::OtherKey)
    }

    /// What is known of what a line says is in the way.
    pub(crate) fn words_in(&self, line: &str) -> Option<&'static Words> {
        if self.is_chatter(line) {
            return None;
        }
        self.words.iter().find(|words| line.contains(words.says))
    }

    /// The next step where a line says so.
    pub(crate) fn hint(&self, words: &Words) -> &'static str {
        words.at_provider.filter(|_| self.at_provider).unwrap_or(words.hint)
    }

    /// What contradicts the key that a person trusts is no reason to refuse it.
    pub(crate) fn settles_keys(&self) {
        if let Some((server, known_hosts)) = &self.pinned
            && let Err(error) = known_hosts.settle(server)
        {
            // `ssh` refuses the server then, so nothing is trusted by it.
            tracing::warn!(%error, "a key that is no longer trusted could not be forgotten");
        }
    }

    /// About the program itself, and no news for a person.
    pub(crate) fn is_chatter(&self, line: &str) -> bool {
        self.pinned.is_some() && ssh::is_chatter(line)
    }
}

/// `api.` at the beginning of a name, or `-inspect.` anywhere in it.
fn is_not_theirs(host: &str, part: &str) -> bool {
    if part.starts_with('-') { host.contains(part) } else { host.starts_with(part) }
}

fn on_path(name: &str) -> Option<PathBuf> {
    in_paths(&env::var_os("PATH")?, name)
}

fn in_paths(paths: &OsStr, name: &str) -> Option<PathBuf> {
    let endings = if cfg!(windows) { [".exe", ".cmd", ""].as_slice() } else { &[""] };
    env::split_paths(paths)
        .flat_map(|folder| endings.iter().map(move |ending| folder.join(format!("{name}{ending}"))))
        .find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(id: &str) -> Shape {
        shaped(id, &Wishes::default())
    }

    fn shaped(id: &str, wishes: &Wishes) -> Shape {
        Program::find(id).unwrap().shape(PathBuf::from(id), 4711, wishes, &KnownHosts::at("known_hosts"))
    }

    fn found(shape: &Shape, line: &str) -> Option<String> {
        shape.address_in(line).map(|url| url.as_str().trim_end_matches('/').to_owned())
    }

    /// Lines as the programs print them.
    #[test]
    fn the_address_is_found_in_what_each_program_prints_and_nothing_else_is_taken_for_it() {
        for (id, line, address) in [
            (
                "cloudflared",
                "2026-11-25T10:00:00Z INF |  https://calm-harbour-31.trycloudflare.com                 |",
                "https://calm-harbour-31.trycloudflare.com",
            ),
            ("tailscale", "https://box.tail1234.ts.net/", "https://box.tail1234.ts.net"),
            (
                "devtunnel",
                "Connect via browser: https://abc123.euw.devtunnels.ms:4711, https://abc123-4711.euw.devtunnels.ms",
                "https://abc123-4711.euw.devtunnels.ms",
            ),
            (
                "zrok",
                r#"{"level":"info","msg":"access your zrok share at the following endpoints:\n https://x1y2.share.zrok.io"}"#,
                "https://x1y2.share.zrok.io",
            ),
            (
                "localhost-run",
                "0a1b2c.lhr.life tunneled with tls termination, https://0a1b2c.lhr.life",
                "https://0a1b2c.lhr.life",
            ),
            (
                "pinggy",
                "https://rnxyz-1-2-3-4.a.free.pinggy.link",
                "https://rnxyz-1-2-3-4.a.free.pinggy.link",
            ),
            ("zrok", "url=https://ada:pass@x1y2.share.zrok.io/x?key=pass#pass", "https://x1y2.share.zrok.io"),
            (
                "serveo",
                "\u{1b}[32mForwarding HTTP traffic from https://abc.serveo.net\u{1b}[0m",
                "https://abc.serveo.net",
            ),
        ] {
            assert_eq!(found(&shape(id), line).as_deref(), Some(address), "{id}");
        }
        for (id, line) in [
            ("cloudflared", "INF Requesting new quick Tunnel on https://api.trycloudflare.com/tunnel ..."),
            (
                "cloudflared",
                "see https://www.cloudflare.com/website-terms/ and https://developers.cloudflare.com/x",
            ),
            ("devtunnel", "Inspect network activity: https://abc123-4711-inspect.euw.devtunnels.ms"),
            ("localhost-run", "create an account at https://admin.localhost.run/"),
            ("zrok", "https://x1y2.zrok.io.evil.example/"),
            ("zrok", "https://evil.example/?https://x@a1b2"),
            ("cloudflared", "https://"),
        ] {
            assert_eq!(found(&shape(id), line), None, "{id}: {line}");
        }
    }

    #[test]
    fn a_command_of_ones_own_is_split_as_a_shell_would() {
        let shape = Shape::of_command("sh -c 'serve {port} --name \"a b\"'", 4711).unwrap();
        assert_eq!(shape.args, ["-c", "serve 4711 --name \"a b\""]);
        assert_eq!(
            found(&shape, "at https://mcp.example.com/x?y").as_deref(),
            Some("https://mcp.example.com")
        );
        assert_eq!(found(&shape, "at https://localhost and https://10.0.0.1"), None);
        for wrong in ["", "   ", "sh 'x", "no-such-program-anywhere {port}"] {
            assert!(Shape::of_command(wrong, 1).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_is_sent_to_the_server_of_a_provider() {
        for program in PROGRAMS.iter().filter(|program| program.ssh.is_some()) {
            let shape = shape(program.id);
            for words in program.words {
                let hint = shape.hint(words);
                for of_ones_own in
                    ["spelling", "the port", "sshd", "firewall", "MaxStartups", "set `tunnel.ssh_key`"]
                {
                    assert!(!hint.contains(of_ones_own), "{}: {hint}", program.id);
                }
            }
        }
        let wishes = Wishes { ssh: Ssh::to("ada@example.com", "8080").ok(), domain: None };
        let own = shaped(SSH, &wishes);
        let refused = own.words_in("ssh: connect to host example.com port 22: Connection refused").unwrap();
        assert!(own.hint(refused).contains("sshd runs on the server"));
        assert!(shape("serveo").hint(refused).starts_with("check the internet connection, or choose"));
    }

    #[test]
    fn every_program_has_all_that_a_person_is_told() {
        for program in PROGRAMS {
            assert!(program.about.ends_with('.') && !program.install.is_empty(), "{}", program.id);
            let domain = program.takes_domain().then(|| "mcp.example.com".to_owned());
            let wishes = Wishes { ssh: Ssh::to("ada@example.com", "8080").ok(), domain };
            let shape = shaped(program.id, &wishes);
            assert!(!shape.args.iter().any(|arg| arg.contains('{')), "{}", program.id);
            assert!(shape.args.iter().any(|arg| arg.contains("4711")), "{}", program.id);
            assert_eq!(Program::find(program.id), Some(program));
        }
    }
}
